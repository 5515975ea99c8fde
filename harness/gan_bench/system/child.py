"""A module of this package in a child process with a run's environment, which answers by a pipe."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from types import TracebackType
from typing import IO, Self

import psutil
from pydantic import BaseModel

from gan_bench.errors import GanBenchError
from gan_bench.system.environment import worker_environment
from gan_bench.system.processes import end, end_with_parent, signal_group

_LOG_TAIL_BYTES = 16_384


class ChildDied(GanBenchError):
    """The child did not end well: what it did, ``ended with exit code 1``, and its last line."""


class Child:
    """A running child; as a context, it is killed on the way out, with all that descends from it.

    Its ``stdout`` and ``stderr`` go to a log that is thrown away, but for the last line where the
    child fails.
    """

    def __init__(
        self,
        module: str,
        request: BaseModel,
        *,
        device: str,
        threads: int,
        python: str | None = None,
        deterministic: bool = True,
        limit_s: float | None = None,
    ) -> None:
        """Start ``python -m module``, which is to call `receive_request`.

        Parameters
        ----------
        module
            The module's name; its process gets the answers' file descriptor as argument.
        request
            What the child is to do.
        device, threads, deterministic
            See `gan_bench.system.environment.worker_environment`.
        python
            The interpreter, this one unless given.
        limit_s
            The seconds after which it is killed; None: never.
        """
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        answers, child_end = os.pipe()
        self.answers: IO[bytes] = os.fdopen(answers, "rb")
        self._process = subprocess.Popen(
            [python or sys.executable, "-P", "-m", module, str(child_end)],
            env=worker_environment(device=device, threads=threads, deterministic=deterministic),
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            pass_fds=[child_end],
            start_new_session=True,
        )
        os.close(child_end)
        self._limit_s = limit_s
        self._overran = False
        self._timer: threading.Timer | None = None
        if limit_s is not None:
            self._timer = threading.Timer(limit_s, self._overrun)
            self._timer.daemon = True
            self._timer.start()
        assert self._process.stdin is not None
        # It stays open: its end tells the child that this process is gone.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(request.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()

    def finish(self) -> None:
        """Wait for the child's own end.

        Raises
        ------
        ChildDied
            It did not end well.
        """
        # Not reaped before its group is gone, lest its number becomes another's.
        with contextlib.suppress(ChildProcessError):  # where SIGCHLD is ignored
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        self._end()
        code = self._process.returncode
        if self._overran and code != 0:
            raise ChildDied(f"was stopped, as it had not ended after {self._limit_s:,.0f} s")
        if code != 0:
            raise ChildDied(f"ended with exit code {code}: {self._last_line()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self.answers.close()
        self._log.close()

    def _overrun(self) -> None:
        self._overran = True
        self._kill()

    def _kill(self) -> None:
        # Also those that have left the group: they hold the pipe of the answers open.
        left: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            left = psutil.Process(self._process.pid).children(recursive=True)
        signal_group(self._process, signal.SIGKILL)
        end(left)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()  # lest it kills a number that has become another's
        if self._process.returncode is None:
            self._kill()
            self._process.wait()

    def _last_line(self) -> str:
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - _LOG_TAIL_BYTES))
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "no output"


def receive_request() -> bytes:
    """Return the request as JSON, in the child; from then on the child ends with its parent."""
    request = sys.stdin.buffer.readline()
    end_with_parent()
    return request


def seen_device(device: str) -> str:
    """Return what a child calls the device: its environment shows it one GPU only."""
    return "cpu" if device == "cpu" else "cuda:0"
