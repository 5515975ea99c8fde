"""How a worker's process ended, and what that means for the run: by evidence only."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gan_bench.results.events import Event
from gan_bench.results.layout import RunFolder
from gan_bench.results.status import Status
from gan_bench.system.files import last_lines
from gan_bench.system.processes import DISK_FULL, DISK_FULL_EXIT_CODE

LOG_TAIL_LINES = 30


@dataclass(frozen=True)
class Outcome:
    """How a worker's process ended."""

    status: Status
    reason: str | None
    cpu_s: float
    """Processor seconds of the worker and the children that it waited for."""
    interrupt: int | None = None
    """The signal by which the user asked for the end, of the rest of the plan too."""
    disk_full: bool = False
    """Whether the run ended for want of space, as every other would."""


@dataclass(frozen=True)
class ExitEvidence:
    """What is known of the end of a worker's process."""

    code: int
    """Its exit code, or minus the signal that it died of."""
    last: Mapping[str, Event]
    """The last event of each kind, of this attempt."""
    interrupts: Sequence[int]
    """The signals by which the user asked for the end."""
    timeout_s: float | None
    """The time limit, if it was reached."""
    silent_s: float | None
    """How long the worker had shown no sign of life when it was ended for that."""
    out_of_memory: str | None
    """What the kernel's out-of-memory killer did meanwhile, None if nothing."""
    no_space: bool = False
    """Whether nothing can be written into the run's folder any more."""

    @property
    def disk_full(self) -> bool:
        """Whether the worker ended for want of space."""
        failed = self.last.get("failed")
        if failed is None:
            return self.code == DISK_FULL_EXIT_CODE and self.no_space
        return bool(failed["kind"] == "killed" and failed["reason"] == DISK_FULL)


def status_of(found: ExitEvidence) -> tuple[Status, str | None]:
    """Return the status of a run whose worker has ended, and the reason in a sentence."""
    failed = found.last.get("failed")
    if "done" in found.last and found.code == 0:
        diverged = found.last.get("diverged")
        return ("diverged", diverged["reason"]) if diverged else ("ok", None)
    if found.disk_full:
        return "killed", DISK_FULL
    if failed is not None and failed["kind"] != "error":
        return failed["kind"], failed["reason"]
    if found.interrupts:
        return "killed", f"interrupted by {signal_name(found.interrupts[0])}"
    if found.timeout_s is not None:
        return "timeout", f"not finished within the time limit of {found.timeout_s:g} s"
    if found.silent_s is not None:
        return "timeout", (
            f"no sign of life for {found.silent_s:.0f} s; worker.log has the stacks of its threads"
        )
    if failed is not None:
        return "error", failed["reason"]
    if "stopped" in found.last:
        return "killed", "asked to stop by a SIGTERM from outside"
    return _of_code(found)


def _of_code(found: ExitEvidence) -> tuple[Status, str]:
    if found.code >= 0:
        return "error", f"the worker ended with exit code {found.code} and without saying why"
    name = signal_name(-found.code)
    if -found.code == signal.SIGKILL and found.out_of_memory:
        return "oom", found.out_of_memory
    if -found.code in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP):
        return "killed", f"the worker was killed by {name} from outside"
    return "error", f"the worker died of {name}"


def signal_name(number: int) -> str:
    """Return e.g. ``SIGKILL``."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def log_tail(folder: RunFolder) -> str | None:
    """Return the last lines of the worker's log, however long it is."""
    return "\n".join(last_lines(folder.log, LOG_TAIL_LINES)) or None
