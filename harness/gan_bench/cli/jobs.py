"""The options and output of commands that submit runs as jobs of a scheduler."""

import sys
from typing import TYPE_CHECKING

import click

from gan_bench.cli.terminal import console
from gan_bench.errors import UsageError

if TYPE_CHECKING:
    from gan_bench.launch.run_one import Options
    from gan_bench.plan import Plan
    from gan_bench.plan.request import Request
    from gan_bench.results.layout import ResultsFolder
    from gan_bench.schedulers.base import Scheduler


def engine_for(executor: str, request: "Request", slurm: str | None) -> "Scheduler | None":
    """Return the executor with the resources to request, or None for this machine."""
    from gan_bench.schedulers.base import LOCAL, SchedulerOptions, find_scheduler, split

    if slurm is not None and executor != "slurm":
        raise UsageError("--slurm needs --executor slurm: give both or neither.")
    if executor == LOCAL:
        return None
    common, own = split(request.executors.get(executor, {}))
    if slurm is not None:
        from gan_bench.schedulers.slurm.resources import parse_words

        common |= parse_words(slurm)
    return find_scheduler(executor)(SchedulerOptions(common, own, request.device, request.threads))


def check_options(
    local: dict[str, str | None], jobs: dict[str, bool], engine: "Scheduler | None"
) -> None:
    """Refuse options for this machine with a scheduler, and those for jobs without one.

    Parameters
    ----------
    local
        The options for this machine, with the reason if one is given.
    jobs
        The options for jobs, and whether each is given.
    engine
        None for this machine.

    Raises
    ------
    UsageError
        An option does not fit.
    """
    for option, reason in local.items():
        if reason is not None and engine is not None:
            raise UsageError(f"{option} is only for runs on this machine: {reason}.")
    for option, given in jobs.items():
        if given and engine is None:
            raise UsageError(f"{option} is only for jobs of a scheduler: add --executor.")


def check_tables(request: "Request", executor: str, plan: "Plan") -> None:
    """Raise `UsageError` if a table of the executor is for an implementation that does not run."""
    from gan_bench.schedulers.base import split

    _, by_implementation = split(request.executors.get(executor, {}))
    names = plan.implementations
    for name in by_implementation:
        if name not in names:
            raise UsageError(
                f"The table [{executor}.{name}] names no implementation of the plan: "
                f"{', '.join(names)}."
            )


def submit(
    folder: "ResultsFolder",
    plan: "Plan",
    how: "Options",
    executor: str,
    engine: "Scheduler",
    retries: int,
    max_parallel: int | None,
) -> None:
    """Submit the plan's runs, and say how many."""
    from gan_bench.schedulers.submit import submit
    from gan_bench.text import many

    counts = submit(
        folder,
        plan,
        how,
        engine_name=executor,
        engine=engine,
        retries=retries,
        max_parallel=max_parallel,
    )
    click.echo(
        f"{many(counts.submitted, 'run')} submitted to {executor}, {counts.under_way:,} already "
        f"waiting or running, {counts.finished:,} finished.",
        err=True,
    )


def next_commands(folder: "ResultsFolder") -> str:
    """Return a clause on what to do while the jobs run."""
    return (
        f"`gan-bench status --watch --results {folder.path}` shows their status, `gan-bench "
        f"cancel --results {folder.path}` cancels them, and the same command follows them again."
    )


def follow(folder: "ResultsFolder", plan: "Plan", how: "Options") -> int:
    """Follow the jobs to their end; return how many runs succeeded."""
    from gan_bench.cli.views.progress import show
    from gan_bench.launch.local import Interrupted, interruptible
    from gan_bench.launch.score import is_scored
    from gan_bench.launch.status import Scan
    from gan_bench.schedulers.jobs import Jobs, follow

    specs = {spec.run_id: spec for spec in plan.runs}
    try:
        with interruptible():
            scan, jobs = Scan(folder), Jobs(folder)
            rows = show(console(), follow(scan, jobs, specs))
    except Interrupted as interrupt:
        click.echo(f"The jobs continue; {next_commands(folder)}", err=True)
        sys.exit(interrupt.exit_code)
    for sentence in (*scan.left_out, *jobs.left_out):
        click.echo(sentence, err=True)
    return sum(
        row.status == "ok" and is_scored(folder.run(row.run_id), specs[row.run_id], how.scoring)
        for row in rows
    )
