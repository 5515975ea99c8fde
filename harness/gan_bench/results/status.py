"""The statuses of a run, and what each means for running it again and for counting it."""

from typing import Final, Literal

Status = Literal["ok", "diverged", "timeout", "oom", "killed", "error", "missing", "unsupported"]
"""Status in the record of a run that has ended."""
RETRIED_ON_REQUEST: Final = frozenset({"error", "oom", "timeout", "diverged"})
"""Failures that ``--retry`` runs again."""
RETRIED_ALWAYS: Final = frozenset({"killed", "missing", "unsupported"})
"""Statuses that every `gan-bench run` resumes or tries again: a package, a data set or a device
may be there now. Only a recipe that cannot make the images is not asked again."""
REUSED: Final = RETRIED_ON_REQUEST | {"ok"}
"""Statuses that are not run again without ``--retry`` or ``--force``."""
FAILED: Final = RETRIED_ON_REQUEST | {"killed"}
"""Statuses of runs that started and did not succeed. A run whose framework is not installed, or
whose recipe does not support the image shape, never started."""
NOT_SCORED: Final = "not scored"
"""Shown in place of ``ok`` for a run that trained to its end and lacks scores: it did not succeed,
and the next `gan-bench run` scores it. Its record says ``ok``, as it is written before."""
UNFINISHED: Final = ("running", "pending")
"""Statuses of planned runs without a record, which `launch.status` derives from their files."""
