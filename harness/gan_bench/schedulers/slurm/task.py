"""The function that submitit runs on a node: starts the task's process, and restarts it."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

from submitit import JobEnvironment
from submitit.helpers import DelayedSubmission

from gan_bench.results.record import Job
from gan_bench.schedulers.base import AGAIN_EXIT_CODE, JOB_VARIABLE, TETHER_VARIABLE
from gan_bench.schedulers.slurm.resources import queue
from gan_bench.system.processes import UTF8_OUTPUT

_POLL_S = 0.2
_ASK_EVERY_S = 3.0
_DECISION_S = 60.0
"""Maximum time from Slurm's SIGTERM to SIGKILL: twice its default KillWait."""


@dataclass
class SlurmTask:
    """A function without arguments; submitit pickles it.

    The task is a separate process, which gets Slurm's signals while this process waits. On
    SIGUSR2 submitit calls `checkpoint` in a signal handler, and requeues the returned call.
    """

    argv: tuple[str, ...]
    retries: int
    _code: int | None = field(default=None, init=False)

    def __call__(self) -> None:
        """Run the task until it has finished, and exit with its exit code."""
        for _ in range(self.retries + 2):  # the last attempt may only report too many attempts
            code = self._run()
            while code == AGAIN_EXIT_CODE:
                _await_decision()
                code = self._run()
            if code >= 0:
                sys.exit(code)
        sys.exit(1)

    def checkpoint(self) -> DelayedSubmission:
        """Wait for the task, which has received the same signal, and return the call to requeue."""
        while self._code is None:
            time.sleep(_POLL_S)
        if self._code >= 0 and self._code != AGAIN_EXIT_CODE:
            sys.exit(self._code)  # the run has finished
        # submitit cannot write this file if a killed attempt has left one.
        call = JobEnvironment().paths.submitted_pickle
        call.with_suffix(f"{call.suffix}.save_tmp").unlink(missing_ok=True)
        return DelayedSubmission(SlurmTask(self.argv, self.retries))

    def _run(self) -> int:
        variables = {**os.environ, **UTF8_OUTPUT, JOB_VARIABLE: _job(), TETHER_VARIABLE: "1"}
        # submitit's handler waits for the task, so it must not run before the task has started.
        early: list[int] = []
        handler = signal.signal(signal.SIGUSR2, lambda number, _: early.append(number))
        self._code = None
        # The task ends itself when this process has ended and the pipe is closed.
        process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, env=variables)

        def wait() -> None:
            self._code = process.wait()

        # In a thread: a signal handler that waits in the middle of a wait would hang.
        threading.Thread(target=wait, daemon=True).start()
        signal.signal(signal.SIGUSR2, handler)
        if early:
            process.send_signal(signal.SIGUSR2)
            signal.raise_signal(signal.SIGUSR2)
        while self._code is None:
            time.sleep(_POLL_S)
        return self._code


def _await_decision() -> None:
    """Wait for Slurm to end or requeue this job after a SIGTERM.

    Return if Slurm does neither: a user has ended the task.
    """
    end = time.monotonic() + _DECISION_S
    job = JobEnvironment().job_id
    while time.monotonic() < end:
        rows = queue([job])
        if rows is not None and [state for _, state, _ in rows] != ["RUNNING"]:
            sys.exit(AGAIN_EXIT_CODE)
        time.sleep(_ASK_EVERY_S)


def _job() -> str:
    paths = JobEnvironment().paths
    script = paths.submission_file.read_text(encoding="utf-8")
    return Job(
        engine="slurm", job=str(paths.job_id), parameters=sbatch_parameters(script)
    ).model_dump_json()


def sbatch_parameters(script: str) -> tuple[str, ...]:
    """Return the parameters in a batch script, such as ``--time=240``, except paths of logs."""
    prefix = "#SBATCH "
    words = (
        " ".join(shlex.split(line.removeprefix(prefix)))
        for line in script.splitlines()
        if line.startswith(prefix)
    )
    return tuple(word for word in words if not word.startswith(("--output=", "--error=")))
