"""The statuses of a run, and what each means for running it again and for counting."""

from typing import Final, Literal

Status = Literal["ok", "diverged", "timeout", "oom", "killed", "error", "missing", "unsupported"]
"""Status in the record of a run that has ended."""

RETRIED_ON_REQUEST: Final = frozenset({"error", "oom", "timeout", "diverged"})
"""Failures that ``--retry`` runs again."""
RETRIED_ALWAYS: Final = frozenset({"killed", "missing"})
"""Runs that every `gan-bench run` continues or tries again."""
FINISHED: Final = RETRIED_ON_REQUEST | {"ok", "unsupported"}
"""Runs that are not run again without ``--retry`` or ``--force``."""
UNFINISHED: Final = ("running", "pending")
"""Statuses of planned runs without a record, derived from their files and jobs."""
TRAINED: Final = frozenset({"ok", "diverged"})
"""Runs whose end says something about the implementation, not about the machine."""
FAILURES: Final = RETRIED_ON_REQUEST | RETRIED_ALWAYS
"""Statuses of a run whose worker failed, as its journal names them, and of one without packages."""


def failed(status: str) -> bool:
    """Return whether a run has ended without success; a pending run has not."""
    return status != "ok" and status not in UNFINISHED
