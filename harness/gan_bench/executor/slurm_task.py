"""What submitit runs on a node: the task's process, started again where that continues it."""

import os
import shlex
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from submitit import JobEnvironment
from submitit.helpers import DelayedSubmission

from gan_bench.executor.engine import AGAIN_EXIT_CODE, JOB_VARIABLE
from gan_bench.record import Job

_POLL_S = 0.2
_ASK_EVERY_S = 3.0
_DECISION_S = 60.0
"""So long Slurm may take from SIGTERM to SIGKILL: twice its default KillWait."""


@dataclass
class SlurmTask:
    """A call without arguments for submitit, which pickles it.

    The task is a process of its own, so that it gets Slurm's signals while this one waits for it:
    on SIGUSR2 submitit calls `checkpoint` in a signal handler, and requeues what that returns.
    """

    argv: tuple[str, ...]
    retries: int

    def __call__(self) -> None:
        """Run the task to an end that counts; exits with its exit code."""
        deaths = 0
        while True:
            code = self._run()
            if code == AGAIN_EXIT_CODE:
                _await_decision()
            elif code >= 0:
                sys.exit(code)
            else:
                deaths += 1  # by a signal; the task counts its attempts too, and gives up in time
                if deaths > self.retries + 1:
                    sys.exit(1)

    def checkpoint(self) -> DelayedSubmission:
        """Wait for the end of the task, which has had the same signal; called by submitit."""
        while self._code is None:
            time.sleep(_POLL_S)
        if self._code >= 0 and self._code != AGAIN_EXIT_CODE:
            sys.exit(self._code)  # it was just finished: there is nothing to continue
        return DelayedSubmission(SlurmTask(self.argv, self.retries))

    def _run(self) -> int:
        # Waited for in a thread: a signal handler that waits in the middle of a wait would hang.
        self._code: int | None = None
        process = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, env={**os.environ, JOB_VARIABLE: _job()}
        )

        def wait() -> None:
            self._code = process.wait()

        threading.Thread(target=wait, daemon=True).start()
        while self._code is None:
            time.sleep(_POLL_S)
        return self._code


def _await_decision() -> None:
    """Wait for Slurm to end this job after a SIGTERM, and to start it again perhaps.

    Returns where it does not: then somebody has ended the task by hand.
    """
    end = time.monotonic() + _DECISION_S
    job = os.environ["SLURM_JOB_ID"]
    while time.monotonic() < end:
        asked = subprocess.run(
            ["squeue", "--noheader", "--jobs", job, "--format", "%T"],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode == 0 and asked.stdout.strip() != "RUNNING":
            sys.exit(AGAIN_EXIT_CODE)
        time.sleep(_ASK_EVERY_S)


def _job() -> str:
    paths = JobEnvironment().paths
    return Job(
        engine="slurm", job=str(paths.job_id), parameters=sbatch_parameters(paths.submission_file)
    ).model_dump_json()


def sbatch_parameters(script: Path) -> tuple[str, ...]:
    """Return the parameters in a batch script, such as ``--time=240``, but for where logs go."""
    prefix = "#SBATCH "
    lines = script.read_text(encoding="utf-8").splitlines()
    words = (
        " ".join(shlex.split(line.removeprefix(prefix)))
        for line in lines
        if line.startswith(prefix)
    )
    return tuple(word for word in words if not word.startswith(("--output=", "--error=")))
