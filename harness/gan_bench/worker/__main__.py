"""The process that trains one run: its signals, journal, log and exit code.

``python -P -m gan_bench.worker RUN_DIR`` reads ``spec.json``, continues from the last checkpoint
if there is one, and writes its progress to ``events.jsonl``.
"""

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, process_time, thread_time  # by name: a plugin may replace those
from types import FrameType
from typing import TextIO

import psutil

from gan_bench.results.events import HEARTBEAT_S, EventWriter
from gan_bench.results.layout import RunFolder
from gan_bench.system.files import is_full_for
from gan_bench.system.processes import (
    DISK_FULL,
    DISK_FULL_EXIT_CODE,
    SILENCE_VARIABLE,
    STACKS_SIGNAL,
    STOPPED_EXIT_CODE,
    end_with_parent,
    peak_rss_mb,
)
from gan_bench.worker.training import Stopped, Training, failure_kind, failure_reason

_EXTRA_SILENCE_S = 60.0
"""A worker without heartbeats ends itself this long after its supervisor should have killed it."""


_IDLE_SHARE = 0.01
"""A worker that finishes no step and uses less of a processor than this makes no progress."""


class _Progress:
    """Tells whether training goes on: a thread that sends heartbeats does not show it."""

    def __init__(self, step: Callable[[], int]) -> None:
        self._step = step
        self._process = psutil.Process()
        self._looked = (step(), monotonic(), 0.0, 0.0)

    def made(self) -> bool | None:
        """Return whether a step was finished or a processor used since the last call.

        None if that is unknown: a process may wait for its GPU without using a processor.
        """
        step, then, own_s, all_s = self._looked
        now = monotonic()
        # Without the time of this thread.
        used_s = process_time() - thread_time()
        busy = used_s - own_s > _IDLE_SHARE * (now - then)
        if not busy:  # perhaps its children are; to find them takes longer
            before_s, all_s = all_s, used_s + self._children_s()
            busy = not 0 <= all_s - before_s <= _IDLE_SHARE * (now - then)
        self._looked = (self._step(), now, used_s, all_s)
        if busy or self._looked[0] != step:
            return True
        return None if os.environ.get("CUDA_VISIBLE_DEVICES") else False

    def _children_s(self) -> float:
        """Return the processor time of all children, also of those that have ended."""
        ended = os.times()
        total = ended.children_user + ended.children_system
        with contextlib.suppress(psutil.Error, OSError):
            for child in self._process.children(recursive=True):
                with contextlib.suppress(psutil.Error, OSError):
                    total += sum(child.cpu_times()[:4])
        return total


@contextlib.contextmanager
def heartbeat(events: EventWriter, step: Callable[[], int], log: TextIO) -> Iterator[None]:
    """Write heartbeats to the journal, even during a long chunk or import.

    Each says whether there was progress since the last one. ``log`` receives the stacks of all
    threads if the process hangs for too long.
    """
    ended = threading.Event()
    silence_s = float(os.environ.get(SILENCE_VARIABLE, "inf")) + _EXTRA_SILENCE_S
    progress = _Progress(step)

    def beat() -> None:
        while not ended.wait(HEARTBEAT_S):
            if silence_s < threading.TIMEOUT_MAX:
                # Implemented in C: it works even while another thread holds the GIL.
                faulthandler.dump_traceback_later(silence_s, exit=True, file=log)
            with contextlib.suppress(OSError):  # the next chunk reports a full disk
                events.write("heartbeat", step=step(), progress=progress.made())

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        faulthandler.cancel_dump_traceback_later()


def main(run_dir: Path) -> int:
    """Train the run of a folder; return the process's exit code."""
    # A duplicate of stderr: a plugin may close stdout and stderr.
    with os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace") as log:
        faulthandler.enable(log)
        faulthandler.register(STACKS_SIGNAL, log, all_threads=True)
        # A trainer may change the working directory.
        folder = RunFolder(run_dir.resolve())
        end_with_parent(folder.path)
        training: Training | None = None
        events: EventWriter | None = None

        own = os.getpid()

        def request_stop(signum: int, frame: FrameType | None) -> None:
            if os.getpid() != own:  # a fork made by the trainer, which may have to end it
                signal.signal(signum, signal.SIG_DFL)
                os.kill(os.getpid(), signum)
            elif training is not None:
                training.stop = True

        def install_handlers() -> None:
            # Before every chunk: a plugin may have installed its own handlers. SIGINT and SIGHUP
            # also reach the supervisor, which decides. A scheduler may send SIGUSR2 to all
            # processes of a job.
            for stopping in (signal.SIGTERM, signal.SIGUSR2):
                signal.signal(stopping, request_stop)
            for ignored in (signal.SIGINT, signal.SIGHUP):
                signal.signal(ignored, signal.SIG_IGN)

        try:
            events = EventWriter(folder.events)
            events.write("start", pid=os.getpid())
            training = running = Training(folder, events, before_chunk=install_handlers)
            install_handlers()
            with heartbeat(events, lambda: running.step, log):
                training.run()
        except Stopped:
            assert training is not None and events is not None
            with contextlib.suppress(OSError):
                events.write("stopped", step=training.step, peak_rss_mb=peak_rss_mb())
            return STOPPED_EXIT_CODE
        except BaseException as error:  # noqa: BLE001 - any exception of a plugin becomes a status
            full = is_full_for(folder.path, error)
            _report_failure(events, error, training, full=full)
            with contextlib.suppress(Exception):
                traceback.print_exc(file=log)
            return DISK_FULL_EXIT_CODE if full else 1
        return 0


def _report_failure(
    events: EventWriter | None, error: BaseException, training: Training | None, *, full: bool
) -> None:
    if events is None:
        return
    reason = DISK_FULL
    if not full:
        reason = failure_reason(error, training.spec.implementation if training else None)
    with contextlib.suppress(OSError):
        events.write(
            "failed",
            kind="killed" if full else failure_kind(error),
            reason=reason,
            step=training.step if training else 0,
            peak_rss_mb=peak_rss_mb(),
        )


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    with contextlib.suppress(Exception):  # a plugin may have closed or replaced them
        sys.stdout.flush()
        sys.stderr.flush()
    # Skip the exit handlers of frameworks and plugins: they may hang or crash.
    os._exit(code)
