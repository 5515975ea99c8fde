"""The Slurm scheduler; submitit submits the jobs."""

import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.launch.status import JobState
from gan_bench.plan import Place
from gan_bench.schedulers.base import SchedulerOptions, Task
from gan_bench.schedulers.slurm.resources import (
    NEEDED_S,
    Limits,
    Resources,
    ask,
    environment,
    last_error,
    longest_array,
    parse_resources,
    partition_limits,
    queue,
)

if TYPE_CHECKING:
    from submitit import SlurmExecutor

_TIMEOUTS = 10**6
"""Maximum number of times submitit requeues at the time limit; the task checks for progress."""
_LONGEST_PART = 1000
"""submitit writes each task's call after it submits the array; tasks wait a minute for it."""
_EARLY_S = 30
"""Slurm's signal may come this late: Slurm checks its jobs at such intervals."""
_YEAR_MIN = 365 * 24 * 60
_RUNNING = ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT")
_REQUEUE = """\
code=$?
# Requeue the job if a step was killed, unless the job was cancelled or is requeued already. Use
# the task's own id: the number of its array would mean all tasks of the array.
job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
job=${job:-$SLURM_JOB_ID}
if [ $code -ge 128 ] && [ "$(squeue --noheader --jobs "$job" --format %T)" = RUNNING ]; then
  scontrol requeue "$job"
  sleep 60
fi
exit $code"""


class Slurm:
    """A `gan_bench.schedulers.base.Scheduler`."""

    def __init__(self, options: SchedulerOptions) -> None:
        self._options = options
        self._common = parse_resources(options.common, "[slurm] or --slurm")
        self._own = {
            name: parse_resources({**options.common, **values}, f"[slurm.{name}]")
            for name, values in options.by_implementation.items()
        }
        self._limits: dict[str | None, Limits | None] = {}

    def place(self) -> Place:
        """Return a GPU if every run gets one, and the smallest number of processors as threads."""
        every = [self._common, *self._own.values()]
        gpus = {run.needs_gpu for run in every}
        device = self._options.device
        if device == "auto":
            if len(gpus) > 1:
                raise UsageError(
                    "Some implementations get a GPU and others do not, but all runs of a plan use "
                    "the same device; set gpus=1 in [slurm] or --slurm, or use --device cpu."
                )
            device = "cuda:0" if gpus == {True} else "cpu"
        elif device in ("cuda", "cuda:0"):
            if gpus != {True}:
                raise UsageError(
                    f"--device {device} needs a GPU for every run; set --slurm gpus=1."
                )
            device = "cuda:0"
        elif device != "cpu":
            raise UsageError(
                f"Jobs cannot use --device {device}; use cpu, or cuda:0 for a job's GPU."
            )
        fewest = min((run.cpus for run in every if run.cpus is not None), default=None)
        threads = self._options.threads or fewest or 1
        if fewest is not None and fewest < threads:
            raise UsageError(
                f"Runs with {threads} threads need {threads} processors; set --slurm "
                f"cpus={threads} instead of {fewest}."
            )
        shortest = min(run.signal for run in every)
        return Place(device=device, threads=threads, grace_s=max(10, shortest - _EARLY_S))

    def parameters(self, implementation: str) -> tuple[str, ...]:
        """Return the parameters in the batch script, except those of the array.

        Raises
        ------
        UsageError
            submitit is not installed.
        """
        _submitit()
        from submitit.slurm.slurm import _make_sbatch_string

        from gan_bench.schedulers.slurm.task import sbatch_parameters

        # Not by a submitit executor: creating one fails on a machine without Slurm.
        parameters = self._parameters(self._of(implementation))
        return sbatch_parameters(_make_sbatch_string(command="", folder="", **parameters))

    def check(self, implementations: Sequence[str], folder: Path) -> None:
        """Ask Slurm whether it would accept and start such jobs.

        Raises
        ------
        UsageError
            Slurm or submitit is missing, or Slurm refuses, with its reason.
        """
        _submitit()
        if shutil.which("sbatch") is None or shutil.which("srun") is None:
            raise UsageError(
                "There is no Slurm on this machine (no sbatch in PATH); run this on a login node "
                "of your cluster, or leave out --executor slurm."
            )
        if "%" in str(folder.absolute()):
            raise UsageError(
                f"Slurm treats the % in {folder.absolute()} as a pattern; use --results without %."
            )
        tried = set()
        for name in implementations:
            parameters = self.parameters(name)
            if parameters in tried:
                continue
            tried.add(parameters)
            done = ask("sbatch", "--test-only", *parameters, "--wrap", "true")
            if done.returncode != 0:
                raise UsageError(
                    f"Slurm rejects jobs of {name} ({' '.join(parameters)}): "
                    f"{last_error(done.stderr)}"
                )
            self._check_time(name)

    def _check_time(self, implementation: str) -> None:
        """Refuse jobs that Slurm would never start, or would end before their first checkpoint."""
        job = self._of(implementation)
        limits = self._limits_of(job.partition)
        longest = limits.longest if limits else None
        where = f"the partition {job.partition}" if job.partition else "the default partition"
        minutes = self._minutes(job)
        if job.time is not None and longest is not None and job.time > longest:
            raise UsageError(
                f"{implementation}'s time limit of {job.time:,} min is more than the {longest:,} "
                f"min of {where}; reduce it, or use another partition."
            )
        if minutes is not None and minutes * 60 < job.signal + NEEDED_S:
            raise UsageError(
                f"Without a time limit, jobs get the {minutes:,} min of {where}, less than a "
                "checkpoint needs; set a limit, such as time=4h."
            )

    def submit(
        self, tasks: Sequence[Task], folder: Path, *, retries: int, max_parallel: int | None
    ) -> Iterator[dict[int, str]]:
        """Submit job arrays of the allowed size, each of runs with equal resources.

        With ``max_parallel`` the arrays run one after the other, so that it limits all runs.

        Raises
        ------
        GanBenchError
            Slurm accepts only some of the jobs.
        """
        from gan_bench.schedulers.slurm.task import SlurmTask

        longest = min(longest_array(), _LONGEST_PART)
        groups: dict[Resources, list[Task]] = {}
        for task in tasks:
            groups.setdefault(self._of(task.implementation), []).append(task)
        before: str | None = None
        submitted = 0
        for job_resources, group in groups.items():
            for start in range(0, len(group), longest):
                part = group[start : start + longest]
                executor = self._executor(job_resources, folder / "slurm")
                executor.update_parameters(array_parallelism=max_parallel or len(part))
                if before is not None and max_parallel is not None:
                    executor.update_parameters(dependency=f"afterany:{before}")
                try:
                    with _without_overriding():
                        jobs = executor.submit_array(
                            [SlurmTask(task.argv, retries) for task in part]
                        )
                except (RuntimeError, OSError) as error:  # submitit's errors are RuntimeErrors
                    raise GanBenchError(
                        f"Slurm accepted only {submitted:,} of {len(tasks):,} jobs: "
                        f"{last_error(str(error))} The same command submits the rest."
                    ) from error
                before = jobs[0].job_id.partition("_")[0]
                submitted += len(part)
                yield {task.index: job.job_id for task, job in zip(part, jobs, strict=True)}

    def states(self, jobs: Sequence[str]) -> dict[str, JobState] | None:
        """Return the states of unfinished jobs, by one call of squeue.

        Raises
        ------
        UsageError
            There is no Slurm on this machine.
        """
        if shutil.which("squeue") is None:
            raise UsageError("There is no Slurm on this machine: no squeue in PATH.")
        rows = queue(jobs)
        if rows is None:
            return None
        return {
            job: JobState("running")
            if state in _RUNNING
            else JobState("waiting", "" if why == "None" else why.strip("()"))
            for job, state, why in rows
        }

    def cancel(self, jobs: Sequence[str]) -> None:
        """Cancel jobs.

        Raises
        ------
        UsageError
            Slurm does not answer, or refuses.
        """
        for start in range(0, len(jobs), 500):  # the length of a command line is limited
            done = ask("scancel", *jobs[start : start + 500])
            if done.returncode != 0 and "Invalid job id" not in done.stderr:
                raise UsageError(f"Slurm did not cancel the jobs: {last_error(done.stderr)}")

    def _of(self, implementation: str) -> Resources:
        return self._own.get(implementation, self._common)

    def _limits_of(self, partition: str | None) -> Limits | None:
        if partition not in self._limits:
            self._limits[partition] = partition_limits(partition)
        return self._limits[partition]

    def _minutes(self, job: Resources) -> int | None:
        """Return the time limit of a job (default: the partition's).

        submitit needs a number to distinguish a time limit from a preemption.
        """
        if job.time is not None:
            return job.time
        limits = self._limits_of(job.partition)
        return None if limits is None else limits.default or _YEAR_MIN

    def _parameters(self, job: Resources) -> dict[str, Any]:
        processors = job.cpus or self.place().threads
        additional: dict[str, Any] = {"requeue": True}
        if job.reservation is not None:
            additional["reservation"] = job.reservation
        return {
            "job_name": "gan-bench",
            "partition": job.partition,
            "account": job.account,
            "qos": job.qos,
            "time": self._minutes(job),
            "mem": job.mem,
            "cpus_per_task": processors,
            "gpus_per_node": job.gpus or None,
            "gres": job.gres,
            "constraint": job.constraint,
            "exclude": job.exclude,
            "nodelist": job.nodelist,
            "signal_delay_s": job.signal,
            "wckey": None,
            "setup": list(job.setup) or None,
            "teardown": _REQUEUE.splitlines(),
            # Between Slurm 22.05 and 23.02, srun does not inherit this from the job.
            "srun_args": [f"--cpus-per-task={processors}"],
            "additional_parameters": additional,
        }

    def _executor(self, job: Resources, folder: Path) -> "SlurmExecutor":
        # -P: a file in the user's working directory must not shadow a module.
        python = f"{shlex.quote(sys.executable)} -P"
        executor: SlurmExecutor = _submitit().SlurmExecutor(
            folder, max_num_timeout=_TIMEOUTS, python=python
        )
        executor.update_parameters(**self._parameters(job))
        return executor


def _submitit() -> Any:
    try:
        import submitit
    except ImportError as error:
        raise UsageError(
            "--executor slurm needs submitit; get it with pip install 'gan-bench[slurm]'."
        ) from error
    return submitit


@contextlib.contextmanager
def _without_overriding() -> Iterator[None]:
    """Remove environment variables that would override the recorded parameters."""
    before, kept = dict(os.environ), environment()
    try:
        for name in before.keys() - kept.keys():
            del os.environ[name]
        yield
    finally:
        os.environ.update(before)
