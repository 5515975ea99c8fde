"""The process that trains one run: its signals, journal, log and exit code.

``python -P -m gan_bench.worker RUN_DIR`` reads ``spec.json``, continues from the last checkpoint
if there is one, and writes its progress to ``events.jsonl``.
"""

import contextlib
import faulthandler
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType

from gan_bench.results.events import EventWriter
from gan_bench.results.layout import RunFolder
from gan_bench.system.files import is_full_for
from gan_bench.system.processes import (
    DISK_FULL,
    DISK_FULL_EXIT_CODE,
    STACKS_SIGNAL,
    STOPPED_EXIT_CODE,
    end_with_parent,
    peak_rss_mb,
)
from gan_bench.worker.failure import failure_kind, failure_reason
from gan_bench.worker.progress import heartbeat
from gan_bench.worker.training import Stopped, Training


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
