"""Supervises one worker process: starts it, follows it, and ends it when it is time."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from gan_bench.launch.outcome import ExitEvidence, Outcome, status_of
from gan_bench.plan import RunSpec
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
    worker_environment,
)

GRACE_S = 10.0
"""Between SIGTERM and SIGKILL, unless a scheduler gives more: for a chunk and a checkpoint."""
POLL_S = 0.1
_GAP_S = 5.0
"""A supervisor that did not look for so long was stopped, or its machine was."""
SILENCE_S = 300.0
"""A worker beats every two seconds, in a thread; one that has not for so long hangs."""
FEWEST_SILENCE_S = 5.0
"""Two beats and a little."""
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""By which a user or a closed terminal asks for the end."""
SCHEDULERS_SIGNALS = (*ENDING_SIGNALS, signal.SIGUSR2)
"""By which a scheduler does: one may send several to ask once."""


class _Signals:
    """While the worker runs, the ending signals are counted instead of raising anywhere."""

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
    """When a worker is to end, and the steps of ending it."""

    def __init__(
        self, timeout_s: float | None, silence_s: float, grace_s: float, by_scheduler: bool
    ) -> None:
        self._timeout_s = timeout_s
        self._silence_s = silence_s
        self._grace_s = grace_s
        self._insistence = sys.maxsize if by_scheduler else 1
        self._started = self._last_sign = self._looked = time.monotonic()
        self._asked: float | None = None
        self.timed_out = False
        self.silent_s: float | None = None

    def heard(self) -> None:
        """Note a sign of life."""
        self._last_sign = time.monotonic()

    def enforce(self, process: subprocess.Popen[bytes], interrupts: int) -> None:
        """Ask for the end where it is time, and make it happen where asking did not help."""
        now = time.monotonic()
        if now - self._looked > _GAP_S:
            self._last_sign = now  # this process slept itself, and the worker perhaps with it
        self._looked = now
        if self._asked is None:
            self._look(process, now)
            if interrupts or self.timed_out or self.silent_s is not None:
                self._asked = now
                signal_group(process, signal.SIGTERM)
        elif now - self._asked > self._grace_s or interrupts > self._insistence:
            signal_group(process, signal.SIGKILL)

    def _look(self, process: subprocess.Popen[bytes], now: float) -> None:
        self.timed_out = self._timeout_s is not None and now - self._started > self._timeout_s
        if now - self._last_sign > self._silence_s:
            self.silent_s = now - self._last_sign
        if self.timed_out or self.silent_s is not None:
            # A stopped process sees the first when it gets the second.
            for signum in (STACKS_SIGNAL, signal.SIGCONT):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process.pid, signum)
            time.sleep(POLL_S)


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
    """Run the worker of a folder to its end, whatever that is.

    Parameters
    ----------
    folder
        Holds ``spec.json``.
    spec
        What stands in there.
    timeout_s
        Seconds after which the worker is asked to end, and soon made to.
    silence_s
        Seconds without an event, heartbeats included, after which it counts as hanging.
    grace_s
        Seconds that the worker has, once asked to end, before it is made to.
    by_scheduler
        Whether a scheduler, and no person, sends the signals: SIGUSR2 is one of them, and a second
        one means no more than the first.
    on_event
        Called with each of the worker's events, at most ten times a second in batches.

    An interrupt while it runs ends the worker, and the outcome says so; nothing is raised.
    """
    become_subreaper()
    # Of an earlier attempt whose supervisor was killed; the caller's lock tells that it is over.
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
            limits.heard()
            last[event["event"]] = event
            on_event(event)

    with folder.log.open("ab") as log, _Signals(listened) as signals:
        process = subprocess.Popen(
            [spec.python or sys.executable, "-P", "-m", "gan_bench.worker", str(folder.path)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=worker_environment(
                device=spec.device,
                threads=spec.threads,
                deterministic=spec.deterministic,
                run=folder.path,
                silence_s=silence_s,
            ),
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
