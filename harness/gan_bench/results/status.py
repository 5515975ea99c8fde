"""The statuses of a finished run."""

from typing import Literal

Status = Literal[
    "ok", "diverged", "timeout", "oom", "killed", "error", "missing", "unsupported", "skipped"
]
