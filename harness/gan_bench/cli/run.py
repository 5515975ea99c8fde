"""``gan-bench run``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan_bench.cli import options
from gan_bench.cli.options import (
    PositiveNumber,
    check_features,
    engine_for,
    results_option,
    scoring_options,
    typed,
)
from gan_bench.errors import UsageError

if TYPE_CHECKING:
    from gan_bench.launch.run_one import Options
    from gan_bench.plan.request import Request
    from gan_bench.plan.spec import Plan
    from gan_bench.results.layout import ResultsFolder
    from gan_bench.schedulers.base import Engine

_RETRIES = 2


@click.command()
@click.argument("targets", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="Run every registered implementation.")
@click.option(
    "--preset",
    metavar="NAME",
    help="Data set, budget and seeds: quick (default without a GPU), standard (default with one), "
    "paper or ci; see docs/measuring.md.",
)
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    help="Plan file (TOML); options override it.",
)
@click.option("--dataset", help="Data set: a name from `gan-bench doctor`, or folder:PATH.")
@click.option(
    "--images", type=int, help="Budget in training images, equal for all implementations."
)
@click.option("--epochs", type=int, help="Budget in passes over the training images (epochs).")
@click.option("--steps", type=int, help="Budget in training steps.")
@click.option("--seeds", help="Seeds: a count (3) or a list (0,5).")
@click.option("--device", help="Device: cpu, cuda, cuda:1 or auto.")
@click.option("--threads", type=int, help="Number of CPU threads of each run.")
@click.option(
    "--set",
    "set_",
    multiple=True,
    metavar="IMPL.FIELD=VALUE",
    help="Change a field of an implementation's recipe; repeatable.",
)
@click.option(
    "--evaluations", type=int, help="Number of evaluation points, including start and end."
)
@click.option("--samples", type=int, help="Number of samples at each evaluation point.")
@results_option
@click.option("--timeout", type=PositiveNumber(), help="Stop a run after this many seconds.")
@click.option(
    "--silence",
    type=PositiveNumber(),
    help="Kill a run that sends no heartbeat for this many seconds (default: 300, minimum: 5).",
)
@click.option("--wait", is_flag=True, help="Wait for the device if it is in use.")
@click.option("--retry", is_flag=True, help="Run failed runs again.")
@click.option("--force", is_flag=True, help="Start all runs over, including finished ones.")
@click.option("--deterministic", is_flag=True, help="Use deterministic kernels, even if slower.")
@click.option(
    "--on-divergence",
    type=click.Choice(["stop", "continue"]),
    help="What to do when a loss is not finite (default: stop).",
)
@click.option(
    "--keep-samples",
    is_flag=True,
    help="Keep all snapshots; by default only the last one is kept after scoring.",
)
@scoring_options
@click.option(
    "--executor",
    metavar="NAME",
    default="local",
    show_default=True,
    help="Where to run: local, slurm, or another installed executor.",
)
@click.option(
    "--slurm",
    metavar="KEY=VALUE,...",
    help="Resources of each run's job, such as partition=gpu,gpus=1,time=4h,mem=16G.",
)
@click.option(
    "--max-parallel", type=click.IntRange(min=1), help="Maximum number of jobs running at once."
)
@click.option(
    "--retries",
    type=click.IntRange(0, 1000),
    help="Give up after this many consecutive attempts without progress (default: 2).",
)
@click.option("--detach", is_flag=True, help="Submit the jobs and do not wait for them.")
@click.option("--dry-run", is_flag=True, help="Print the plan without running anything.")
def run(
    targets: tuple[str, ...],
    all_: bool,
    plan_file: Path | None,
    set_: tuple[str, ...],
    seeds: str | None,
    results: Path,
    timeout: float | None,
    silence: float | None,
    wait: bool,
    retry: bool,
    force: bool,
    deterministic: bool,
    keep_samples: bool,
    features: str,
    metrics: str,
    weights: Path | None,
    no_cache: bool,
    executor: str,
    slurm: str | None,
    max_parallel: int | None,
    retries: int | None,
    detach: bool,
    dry_run: bool,
    **values: Any,
) -> None:
    """Train and score implementations.

    TARGETS are names from `gan-bench list`, or paths to your own files, such as ./my_gan.py.
    Finished runs are reused, and interrupted ones continue from their last checkpoint.

    Exit code: 0 all runs succeeded, 1 at least one did not, 2 bad input.
    """
    from gan_bench.cli.views.tables import print_parameters, print_plan
    from gan_bench.launch.run_one import Options, action
    from gan_bench.launch.score import check_counts
    from gan_bench.launch.supervisor import FEWEST_SILENCE_S, SILENCE_S
    from gan_bench.plan.expand import expand
    from gan_bench.plan.request import request as validated
    from gan_bench.results.layout import open_results

    if silence is not None and silence < FEWEST_SILENCE_S:
        raise UsageError(
            f"--silence takes {FEWEST_SILENCE_S:g} seconds or more, not {silence:g}: a worker "
            "shows that it lives every two."
        )
    command = typed()
    asked = _asked(
        plan_file,
        values,
        targets=targets,
        all_=all_,
        deterministic=deterministic,
        seeds=seeds,
        set_=set_,
    )
    scoring = options.scoring(features, metrics, weights, no_cache)
    request = validated(asked)
    engine = engine_for(executor, request, slurm)
    if wait and engine is not None:
        raise UsageError("--wait is for this machine: a job waits for its device by itself.")
    for_jobs = {
        "--max-parallel": max_parallel is not None,
        "--retries": retries is not None,
        "--detach": detach,
    }
    for option, given in for_jobs.items():
        if given and engine is None:
            raise UsageError(f"{option} is for jobs of a scheduler: give --executor with it.")
    plan = expand(request, command, engine.place() if engine else None)
    names = list(dict.fromkeys(run.implementation.name for run in plan.runs))
    _check_tables(request, executor, names)
    how = Options(
        command=command,
        timeout_s=timeout,
        silence_s=silence or SILENCE_S,
        retry=retry,
        force=force,
        keep_samples=keep_samples,
        scoring=scoring,
    )
    console = options.console()
    if dry_run:
        folder = open_results(results, create=False) if results.exists() else None
        actions = [action(folder.run(r.run_id), how) if folder else "run" for r in plan.runs]
        print_plan(console, plan, actions)
        if engine is not None:
            print_parameters(console, {name: engine.parameters(name) for name in names})
        return
    check_features(scoring)
    check_counts(scoring, plan.runs)
    folder = open_results(results, create=True)
    if engine is None:
        ok: int | None = _here(folder, plan, how, wait=wait)
    else:
        tries = _RETRIES if retries is None else retries
        ok = _elsewhere(folder, plan, how, executor, engine, tries, max_parallel, detach=detach)
    for sentence in plan.left_out:
        click.echo(f"Left out: {sentence}", err=True)
    if ok is None:
        return
    click.echo(f"{ok} of {len(plan.runs)} runs are ok; results in {results}.")
    sys.exit(1 if ok < len(plan.runs) or plan.left_out else 0)


def _here(folder: "ResultsFolder", plan: "Plan", how: "Options", *, wait: bool) -> int:
    """Run on this machine; return how many runs are ok."""
    from gan_bench.cli.views.progress import progress_for
    from gan_bench.launch.local import Interrupted, execute

    try:
        with progress_for(options.console(), len(plan.runs)) as observer:
            done = execute(folder, plan, how, observer, wait=wait)
    except Interrupted as interrupt:
        again = "the same command without --force" if how.force else "the same command"
        click.echo(f"Interrupted ({interrupt}); {again} continues.", err=True)
        sys.exit(interrupt.exit_code)
    return sum(result.ok for result in done)


def _elsewhere(
    folder: "ResultsFolder",
    plan: "Plan",
    how: "Options",
    executor: str,
    engine: "Engine",
    retries: int,
    max_parallel: int | None,
    *,
    detach: bool,
) -> int | None:
    """Submit, and follow the jobs to their end; return how many runs are ok, None if detached."""
    from gan_bench.cli.views.progress import show
    from gan_bench.launch.local import Interrupted, interruptible
    from gan_bench.launch.score import unscored
    from gan_bench.launch.status import Scan
    from gan_bench.schedulers.follow import follow
    from gan_bench.schedulers.jobs import Jobs
    from gan_bench.schedulers.submit import submit

    done = submit(
        folder,
        plan,
        how,
        engine_name=executor,
        engine=engine,
        retries=retries,
        max_parallel=max_parallel,
    )
    click.echo(
        f"{done.submitted:,} runs submitted to {executor}, {done.under_way:,} under way already, "
        f"{done.finished:,} finished.",
        err=True,
    )
    look = (
        f"`gan-bench status --watch --results {folder.path}` looks at them, `gan-bench cancel "
        f"--results {folder.path}` ends them, and the same command follows them again."
    )
    if detach:
        click.echo(f"The jobs go on without this command; {look}")
        return None
    specs = {spec.run_id: spec for spec in plan.runs}
    try:
        with interruptible():
            scan, jobs = Scan(folder), Jobs(folder)
            rows = show(options.console(), follow(scan, jobs, specs))
    except Interrupted as interrupt:
        click.echo(f"The jobs go on; {look}", err=True)
        sys.exit(interrupt.exit_code)
    for sentence in (*scan.left_out, *jobs.left_out):
        click.echo(sentence, err=True)
    return sum(
        row.status == "ok" and not unscored(folder.run(row.run_id), specs[row.run_id], how.scoring)
        for row in rows
    )


def _check_tables(request: "Request", executor: str, names: list[str]) -> None:
    from gan_bench.schedulers.base import split

    _, own = split(request.executors.get(executor, {}))
    for name in own:
        if name not in names:
            raise UsageError(
                f"[{executor}.{name}] is for no implementation of the plan: {', '.join(names)}."
            )


def _asked(
    plan_file: Path | None,
    values: dict[str, Any],
    *,
    targets: tuple[str, ...],
    all_: bool,
    deterministic: bool,
    seeds: str | None,
    set_: tuple[str, ...],
) -> dict[str, Any]:
    """Return what the plan's file asks for, with what was typed in its place."""
    from gan_bench.plan import request
    from gan_bench.schedulers.base import engines

    asked = request.read_plan_file(plan_file, engines()) if plan_file else {}
    given = {name: value for name, value in values.items() if value is not None}
    if given.keys() & request.BUDGETS:
        asked = {name: value for name, value in asked.items() if name not in request.BUDGETS}
    asked |= given
    asked |= {"targets": targets} if targets else {}
    asked |= {"all": True} if all_ else {}
    asked |= {"deterministic": True} if deterministic else {}
    asked |= {"seeds": request.parse_seeds(seeds)} if seeds is not None else {}
    for name, fields in request.parse_set(set_).items():
        asked["set"] = {**asked.get("set", {})}
        asked["set"][name] = {**asked["set"].get(name, {}), **fields}
    return asked
