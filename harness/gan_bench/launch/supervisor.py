"""Supervises one worker process: starts it, follows its events and enforces its limits."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gan_bench.launch.outcome import ExitEvidence, Outcome, status_of
from gan_bench.plan import RunSpec
from gan_bench.plugins.frameworks import worker_environment
from gan_bench.results.events import Event, EventTail
from gan_bench.results.layout import RunFolder
from gan_bench.system.files import has_no_space
from gan_bench.system.processes import (
    DISK_FULL_EXIT_CODE,
    STACKS_SIGNAL,
    OomWatch,
    become_subreaper,
    descendants,
    end,
    end_group,
    left_behind,
    signal_group,
)

GRACE_S = 10.0
"""Default time between SIGTERM and SIGKILL: enough for a chunk and a checkpoint."""
POLL_S = 0.1
_GAP_S = 5.0
"""After a pause of this length, the supervisor or its machine must have been suspended."""
SILENCE_S = 300.0
"""A worker without a heartbeat, or with heartbeats that show no progress, for this long hangs."""
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals with which a user or a closed terminal interrupts a run."""
SCHEDULERS_SIGNALS = (*ENDING_SIGNALS, signal.SIGUSR2)
"""Signals with which a scheduler interrupts a run; it may send several for one interrupt."""


class _Signals:
    """Records the ending signals, while the worker runs, instead of raising an exception."""

    def __init__(self, numbers: Sequence[signal.Signals]) -> None:
        self._numbers = numbers
        self.received: list[int] = []

    def __enter__(self) -> "_Signals":
        self._previous = {
            signum: signal.signal(signum, lambda number, _: self.received.append(number))
            for signum in self._numbers
        }
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)


class _Limits:
    """The limits of a worker, and the steps of ending it."""

    def __init__(
        self, timeout_s: float | None, silence_s: float, grace_s: float, by_scheduler: bool
    ) -> None:
        self._timeout_s = timeout_s
        self._silence_s = silence_s
        self._grace_s = grace_s
        self._tolerated = sys.maxsize if by_scheduler else 1
        self._started = self._last_sign = self._last_beat = self._looked = time.monotonic()
        self._terminated: float | None = None
        self.timed_out = False
        self.silent_s: float | None = None
        self.idle = False

    def heard(self, event: Event) -> None:
        """Note an event of the worker; a heartbeat may say that there is no progress."""
        self._last_beat = time.monotonic()
        if event["event"] != "heartbeat" or event.get("progress") is not False:
            self._last_sign = self._last_beat

    def enforce(self, process: subprocess.Popen[bytes], interrupts: int) -> None:
        """Send SIGTERM if a limit is reached, and SIGKILL if that did not help."""
        now = time.monotonic()
        if now - self._looked > _GAP_S:
            self._last_sign = now  # this process was suspended, and perhaps the worker, too
        self._looked = now
        if self._terminated is None:
            self._check(process, now)
            if interrupts or self.timed_out or self.silent_s is not None:
                self._terminated = now
                signal_group(process, signal.SIGTERM)
        elif now - self._terminated > self._grace_s or interrupts > self._tolerated:
            signal_group(process, signal.SIGKILL)

    def _check(self, process: subprocess.Popen[bytes], now: float) -> None:
        self.timed_out = self._timeout_s is not None and now - self._started > self._timeout_s
        if now - self._last_sign > self._silence_s:
            self.silent_s = now - self._last_sign
            self.idle = now - self._last_beat <= self._silence_s
        if self.timed_out or self.silent_s is not None:
            # A suspended process receives the first signal only after the second.
            for signum in (STACKS_SIGNAL, signal.SIGCONT):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process.pid, signum)
            time.sleep(POLL_S)


def environment_of(
    spec: RunSpec, *, run: Path | None = None, silence_s: float | None = None
) -> dict[str, str]:
    """Return the environment of a run's worker; see `worker_environment`, also for the errors."""
    return worker_environment(
        spec.implementation.framework,
        python=spec.python,
        device=spec.device,
        threads=spec.threads,
        deterministic=spec.deterministic,
        precision=spec.precision,
        run=run,
        silence_s=silence_s,
    )


def launch(
    folder: RunFolder,
    spec: RunSpec,
    *,
    timeout_s: float | None = None,
    silence_s: float = SILENCE_S,
    grace_s: float = GRACE_S,
    by_scheduler: bool = False,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Outcome:
    """Run the worker of a run's folder until it ends.

    Parameters
    ----------
    folder
        The run's folder, with ``spec.json``.
    spec
        The content of ``spec.json``.
    timeout_s
        Seconds after which the worker gets SIGTERM.
    silence_s
        Seconds without any event, except heartbeats that show no progress, after which the worker
        gets SIGTERM.
    grace_s
        Seconds between SIGTERM and SIGKILL.
    by_scheduler
        Whether a scheduler, not a person, sends the signals: then SIGUSR2 interrupts, too, and a
        second signal means no more than the first.
    on_event
        Called with each of the worker's events, in batches, at most ten times a second.

    A signal ends the worker and is part of the outcome; no exception is raised.
    """
    become_subreaper()
    # Left by an attempt whose supervisor was killed; the caller holds the run's lock.
    end(left_behind(folder.path))
    earlier = descendants()
    tail = EventTail(folder.events)
    for _ in tail.new():
        pass  # earlier attempts' events
    last: dict[str, Event] = {}
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    memory = OomWatch()
    limits = _Limits(timeout_s, silence_s, grace_s, by_scheduler)
    listened = SCHEDULERS_SIGNALS if by_scheduler else ENDING_SIGNALS

    def relay() -> None:
        for event in tail.new():
            limits.heard(event)
            last[event["event"]] = event
            on_event(event)

    with folder.log.open("ab") as log, _Signals(listened) as signals:
        process = subprocess.Popen(
            [spec.python or sys.executable, "-P", "-m", "gan_bench.worker", str(folder.path)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment_of(spec, run=folder.path, silence_s=silence_s),
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                relay()
                limits.enforce(process, len(signals.received))
                time.sleep(POLL_S)
        finally:
            end_group(process, earlier)
            assert process.stdin is not None
            process.stdin.close()
        relay()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    evidence = ExitEvidence(
        code=process.returncode,
        last=last,
        interrupts=signals.received,
        timeout_s=timeout_s if limits.timed_out else None,
        silent_s=limits.silent_s,
        idle=limits.idle,
        out_of_memory=memory.happened(),
        no_space=process.returncode == DISK_FULL_EXIT_CODE and has_no_space(folder.path),
    )
    status, reason = status_of(evidence)
    return Outcome(
        status=status,
        reason=reason,
        cpu_s=spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime,
        interrupt=signals.received[0] if signals.received else None,
        disk_full=evidence.disk_full,
    )
