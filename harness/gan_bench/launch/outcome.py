"""Derives the status of a run from the end of its worker, and makes its record."""

import signal
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gan_bench.plan import RunSpec
from gan_bench.results.events import Event, read_events
from gan_bench.results.layout import RunFolder
from gan_bench.results.record import EvaluationPoint, Provenance, Record
from gan_bench.results.status import Status
from gan_bench.system.files import file_sha256, last_lines
from gan_bench.system.processes import DISK_FULL, DISK_FULL_EXIT_CODE
from gan_bench.text import timestamp

LOG_TAIL_LINES = 30


@dataclass(frozen=True)
class Outcome:
    """How a worker's process ended."""

    status: Status
    reason: str | None
    cpu_s: float = 0.0
    """Processor seconds of the worker and the children that it waited for, if there was one."""
    interrupt: int | None = None
    """The signal with which the user interrupted the run and the rest of the plan."""
    disk_full: bool = False
    """Whether the run ended because the disk is full, as every other run would."""


@dataclass(frozen=True)
class ExitEvidence:
    """The facts about the end of a worker's process."""

    code: int
    """Exit code, or the negative number of the signal that killed it."""
    last: Mapping[str, Event]
    """The last event of each kind in this attempt."""
    interrupts: Sequence[int]
    """The signals with which the user interrupted it."""
    timeout_s: float | None
    """The time limit, if it was reached."""
    silent_s: float | None
    """Seconds without a sign of progress, if the worker was ended for that."""
    out_of_memory: str | None
    """A sentence if the kernel's out-of-memory killer was active, else None."""
    idle: bool = False
    """Whether it still sent heartbeats then."""
    no_space: bool = False
    """Whether the run's folder cannot be written any more."""

    @property
    def disk_full(self) -> bool:
        """Whether the worker ended because the disk is full."""
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
        what = "progress (no step ended, no processor was used)" if found.idle else "heartbeat"
        return "timeout", (
            f"no {what} for {found.silent_s:.0f} s; worker.log has the stacks of its threads"
        )
    if failed is not None:
        return "error", failed["reason"]
    if "stopped" in found.last:
        return "killed", "stopped by a SIGTERM from outside"
    return _of_code(found)


def _of_code(found: ExitEvidence) -> tuple[Status, str]:
    if found.code >= 0:
        return "error", f"the worker ended with exit code {found.code} without giving a reason"
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


class _Clock:
    """The times of a run's chunks, each counted once even if it was trained repeatedly."""

    def __init__(self, events: list[Event], images_per_step: int) -> None:
        self.images_per_step = images_per_step
        self.steady: dict[int, Event] = {}
        self.warmups: dict[int, Event] = {}
        self.first: Event | None = None
        for event in events:
            if event["event"] != "chunk":
                continue
            if not event["warmup"]:
                self.steady[event["first_step"]] = event
            elif event["first_step"] == 0 and self.first is None:
                self.first = event
            else:
                self.warmups[event["first_step"]] = event
        # A chunk that was repeated after a kill keeps the time of its first training.
        later = {start for start in self.warmups if start not in self.steady}
        self.untimed = sum(self.warmups[start]["step"] - start for start in later if start > 0)

    @property
    def train_s(self) -> float | None:
        if not self.steady:
            return None
        return float(sum(event["seconds"] for event in self.steady.values()))

    @property
    def resume_s(self) -> float | None:
        if not self.warmups:
            return None
        return float(sum(event["seconds"] for event in self.warmups.values()))

    @property
    def images_per_s(self) -> float | None:
        steps = sum(event["step"] - event["first_step"] for event in self.steady.values())
        return steps * self.images_per_step / self.train_s if self.train_s else None

    def elapsed(self, step: int) -> float | None:
        """Return warmup_s + train_s up to a step, or None if a part of it was not timed."""
        if step == 0:
            return 0.0
        chunks = [event for event in self.steady.values() if event["step"] <= step]
        if self.first is not None:
            chunks.append(self.first)
        covered = sum(event["step"] - event["first_step"] for event in chunks)
        return sum(event["seconds"] for event in chunks) if covered == step else None


def _first(events: list[Event], kind: str, key: str) -> Any:
    return next((event[key] for event in events if event["event"] == kind), None)


def make_record(
    folder: RunFolder,
    spec: RunSpec,
    outcome: Outcome,
    circumstances: Provenance,
    parity: str | None = None,
) -> Record:
    """Make the record of a run whose worker has ended."""
    # A trainer may have written to the journal itself.
    events = [e for e in read_events(folder.events) if e.get("step", 0) <= spec.steps]
    clock = _Clock(events, spec.images_per_step)
    probes = [
        gflops
        for gflops in (circumstances.probe_gflops_before, circumstances.probe_gflops_after)
        if gflops
    ]
    fraction = None
    # Under other load the probe does not measure the speed available to the run.
    alone = circumstances.device_exclusive
    if alone and clock.images_per_s and spec.multiply_adds_per_step and probes:
        per_s = clock.images_per_s / spec.images_per_step * spec.multiply_adds_per_step
        fraction = 2 * per_s / (statistics.mean(probes) * 1e9)
    steps_done = max((e["step"] for e in events if e["event"] in ("chunk", "done")), default=0)
    # A snapshot repeated after a kill counts once. A kill may leave a snapshot without its event.
    taken = {event["step"]: event for event in events if event["event"] == "snapshot"}
    files = {int(path.stem) for path in folder.snapshots.glob("*.npz") if path.stem.isdigit()}
    snapshots = sorted(taken.keys() | files)
    peaks = [event["peak_rss_mb"] for event in events if event.get("peak_rss_mb") is not None]
    return Record(
        run_id=spec.run_id,
        spec=spec,
        status=outcome.status,
        reason=outcome.reason,
        log_tail=None if outcome.status == "ok" else log_tail(folder),
        finished_at=timestamp(),
        attempts=max((event["attempt"] for event in events), default=0),
        steps_done=steps_done,
        paired=_first(events, "ready", "paired"),
        import_s=_first(events, "ready", "import_s"),
        data_s=_first(events, "ready", "data_s"),
        setup_s=_first(events, "ready", "setup_s"),
        warmup_s=clock.first["seconds"] if clock.first else None,
        resume_s=clock.resume_s,
        train_s=clock.train_s,
        sample_s=sum(event["seconds"] for event in taken.values()) if taken else None,
        untimed_steps=clock.untimed,
        images_per_s=clock.images_per_s,
        multiply_adds_fraction=fraction,
        peak_rss_mb=max(peaks, default=None),
        weights_sha256=_first(events, "done", "weights_sha256"),
        parity=parity,
        evaluation_points=tuple(
            EvaluationPoint(
                step=step, images=step * spec.images_per_step, train_s=clock.elapsed(step)
            )
            for step in snapshots
        ),
        circumstances=circumstances,
        files=checksums(folder),
    )


def checksums(folder: RunFolder) -> dict[str, str]:
    """Return the SHA-256 of the run's final files, if they exist."""
    try:
        return {folder.losses.name: file_sha256(folder.losses)}
    except OSError:
        return {}
