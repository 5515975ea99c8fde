"""Slurm as an engine, through submitit: one array task a run."""

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.executor.engine import Asked, Place, Standing, Task
from gan_bench.executor.resources import Resources, minutes, resources

if TYPE_CHECKING:
    from submitit import SlurmExecutor

_ANSWER_S = 60.0
"""A controller that takes longer is as good as not there."""
_TIMEOUTS = 10**6
"""How often submitit may requeue at the time limit: the task itself sees that it gets further."""
_RUNNING = ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT")
_REQUEUE = """\
code=$?
# A step that was killed, and no job that was cancelled or is requeued already: start again.
state=$(squeue --noheader --jobs "$SLURM_JOB_ID" --format %T)
if [ $code -ge 128 ] && [ "$state" = RUNNING ]; then
  scontrol requeue "$SLURM_JOB_ID"
  sleep 60
fi
exit $code"""


class Slurm:
    """See `gan_bench.executor.engine.Engine`."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._common = resources(asked.common, "[slurm] or --slurm")
        self._own = {
            name: resources({**asked.common, **values}, f"[slurm.{name}]")
            for name, values in asked.by_implementation.items()
        }

    def place(self) -> Place:
        """Take a GPU where every run gets one, and as many threads as every run has processors."""
        every = [self._common, *self._own.values()]
        gpus = {one.needs_gpu for one in every}
        device = self._asked.device
        if device == "auto":
            if len(gpus) > 1:
                raise UsageError(
                    "Some implementations are given a GPU and some are not; all runs of a plan "
                    "take the same device: give all of them gpus=1, or name --device cpu."
                )
            device = "cuda:0" if gpus == {True} else "cpu"
        elif device in ("cuda", "cuda:0"):
            if gpus != {True}:
                raise UsageError(
                    f"--device {device} needs a GPU for every run: give --slurm gpus=1."
                )
            device = "cuda:0"
        elif device != "cpu":
            raise UsageError(f"A job's first GPU is cuda:0; there is no {device!r} to ask for.")
        fewest = min((one.cpus for one in every if one.cpus is not None), default=None)
        threads = self._asked.threads or fewest or 1
        if fewest is not None and fewest < threads:
            raise UsageError(
                f"Runs of {threads} threads need as many processors; give --slurm cpus={threads}, "
                f"not {fewest}."
            )
        return Place(device=device, threads=threads)

    def parameters(self, implementation: str) -> tuple[str, ...]:
        """Return the batch script's parameters, as they will stand in there but for the array's."""
        from gan_bench.executor.slurm_task import sbatch_parameters

        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "script"
            text = self._executor(implementation, Path(folder))._make_submission_file_text("", "")
            script.write_text(text, encoding="utf-8")
            return sbatch_parameters(script)

    def check(self, implementations: Sequence[str], folder: Path) -> None:
        """Ask Slurm whether it would take such jobs.

        Raises
        ------
        UsageError
            There is no Slurm, no submitit, or it would not: its own words say why.
        """
        _submitit()
        if shutil.which("sbatch") is None or shutil.which("srun") is None:
            raise UsageError(
                "There is no Slurm on this machine (no sbatch in PATH); run this on a login node "
                "of your cluster, or leave out --executor slurm."
            )
        if "%" in str(folder):
            raise UsageError(
                f"Slurm takes the % in {folder} for a pattern; name another --results."
            )
        tried = set()
        for name in implementations:
            parameters = self.parameters(name)
            if parameters in tried:
                continue
            tried.add(parameters)
            done = _ask("sbatch", "--test-only", *parameters, "--wrap", "true")
            if done.returncode != 0:
                raise UsageError(
                    f"Slurm would not take {name}'s jobs ({' '.join(parameters)}): {_said(done)}"
                )
            self._check_time(name)

    def _check_time(self, implementation: str) -> None:
        """Refuse what Slurm may take and then never start."""
        asked = self._of(implementation)
        done = _ask("sinfo", "--noheader", "--format", "%R|%P|%l")
        for line in done.stdout.splitlines():
            name, marked, limit = line.split("|")
            if name != asked.partition and not (asked.partition is None and marked.endswith("*")):
                continue
            with contextlib.suppress(ValueError):  # such as infinite
                if asked.time is not None and asked.time > minutes(limit):
                    raise UsageError(
                        f"{implementation}'s time limit of {asked.time:,} min is more than the "
                        f"{limit} of the partition {name}: ask for less, or for another partition."
                    )

    def submit(
        self, tasks: Sequence[Task], folder: Path, *, retries: int, max_parallel: int | None
    ) -> Iterator[dict[int, str]]:
        """Submit arrays, each of runs that are given the same and as long as Slurm allows.

        With ``max_parallel`` they go one after the other, so that the limit holds for all together.
        """
        from gan_bench.executor.slurm_task import SlurmTask

        longest = _longest_array()
        groups: dict[Resources, list[Task]] = {}
        for task in tasks:
            groups.setdefault(self._of(task.implementation), []).append(task)
        before: str | None = None
        for group in groups.values():
            for start in range(0, len(group), longest):
                part = group[start : start + longest]
                executor = self._executor(part[0].implementation, folder / "slurm")
                executor.update_parameters(array_parallelism=max_parallel or len(part))
                if before is not None and max_parallel is not None:
                    executor.update_parameters(dependency=f"afterany:{before}")
                try:
                    jobs = executor.submit_array([SlurmTask(task.argv, retries) for task in part])
                except Exception as error:
                    raise GanBenchError(f"Slurm did not take the jobs: {error}") from error
                before = jobs[0].job_id.partition("_")[0]
                yield {task.index: job.job_id for task, job in zip(part, jobs, strict=True)}

    def states(self, jobs: Sequence[str]) -> dict[str, Standing] | None:
        """Ask squeue once, for all of the user's jobs."""
        done = _ask("squeue", "--me", "--array", "--noheader", "--format", "%i %T %r")
        if done.returncode != 0:
            return None
        wanted = set(jobs)
        found: dict[str, Standing] = {}
        for line in done.stdout.splitlines():
            job, state, why = (*line.split(" ", 2), "", "")[:3]
            if job in wanted and state in _RUNNING:
                found[job] = Standing("running")
            elif job in wanted:
                found[job] = Standing("waiting", "" if why == "None" else why.strip("()"))
        return found

    def cancel(self, jobs: Sequence[str]) -> None:
        """Cancel jobs.

        Raises
        ------
        UsageError
            Slurm does not answer, or does not let this user.
        """
        for start in range(0, len(jobs), 500):  # a command line holds so many
            done = _ask("scancel", *jobs[start : start + 500])
            if done.returncode != 0 and "Invalid job id" not in done.stderr:
                raise UsageError(f"Slurm did not cancel the jobs: {_said(done)}")

    def _of(self, implementation: str) -> Resources:
        return self._own.get(implementation, self._common)

    def _executor(self, implementation: str, folder: Path) -> "SlurmExecutor":
        asked = self._of(implementation)
        more: dict[str, Any] = {"requeue": True}
        if asked.reservation is not None:
            more["reservation"] = asked.reservation
        parameters = {
            "job_name": "gan-bench",
            "partition": asked.partition,
            "account": asked.account,
            "qos": asked.qos,
            "time": asked.time,
            "mem": asked.mem,
            "cpus_per_task": asked.cpus or self.place().threads,
            "gpus_per_node": asked.gpus or None,
            "gres": asked.gres,
            "constraint": asked.constraint,
            "exclude": asked.exclude,
            "nodelist": asked.nodelist,
            "signal_delay_s": asked.signal,
            "wckey": None,
            "setup": list(asked.setup) or None,
            "teardown": _REQUEUE.splitlines(),
            "additional_parameters": more,
        }
        # -P: a file of the user's working directory must not pass for a module.
        python = f"{shutil.which(sys.executable) or sys.executable} -P"
        executor: SlurmExecutor = _submitit().SlurmExecutor(
            folder, max_num_timeout=_TIMEOUTS, python=python
        )
        executor.update_parameters(**parameters)
        return executor


def _submitit() -> Any:
    try:
        import submitit
    except ImportError as error:
        raise UsageError(
            "--executor slurm needs submitit; get it with pip install 'gan-bench[slurm]'."
        ) from error
    return submitit


def _ask(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=_ANSWER_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", f"{command[0]}: {error}")


def _said(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command of Slurm's says went wrong, as a sentence."""
    lines = [line.partition("error: ")[2] or line for line in done.stderr.strip().splitlines()]
    return (lines[-1] if lines else f"exit code {done.returncode}").rstrip(".") + "."


def _longest_array() -> int:
    done = _ask("scontrol", "show", "config")
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", done.stdout, re.MULTILINE)
    # Slurm's own default; the largest index is one less.
    return max(1, int(found.group(1)) if found else 1001)
