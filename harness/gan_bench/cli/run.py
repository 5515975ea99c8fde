"""``gan-bench run``."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from gan_bench.cli import OptionGroups, examples, jobs, options
from gan_bench.cli.options import (
    COUNT,
    POSITIVE,
    Epochs,
    compute_options,
    path_option,
    results_option,
    scoring_options,
    typed,
    wait_option,
)
from gan_bench.cli.sinks import SinkWriter, check_sinks, log_options, sinks_of
from gan_bench.cli.terminal import console, say
from gan_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gan_bench.launch.run_one import Options, RunResult
    from gan_bench.plan import Plan
    from gan_bench.results.layout import ResultsFolder

_RETRIES = 2

_GROUPS = {
    "What to run": (
        *("all", "preset", "plan_file", "dataset", "images", "epochs", "steps", "seeds"),
        *("until_certain", "max_seeds", "set", "evaluations", "samples"),
    ),
    "How to train": ("device", "threads", "precision", "deterministic", "on_divergence"),
    "Results and failures": (
        *("results", "retry", "force", "keep_samples", "timeout", "silence", "wait"),
        *("log", "mlflow_uri"),
    ),
    "Scores": ("features", "metrics", "score", "weights", "no_cache"),
    "Cluster": ("executor", "slurm", "max_parallel", "retries", "detach"),
}
"""The options by the title of their group in the help."""


@click.command(
    cls=OptionGroups,
    option_groups=_GROUPS,
    epilog=examples(
        "gan-bench run dcgan                   the recipe dcgan in all frameworks",
        "gan-bench run 'torch-*' --dry-run     check and estimate, run nothing",
        "gan-bench run torch-dcgan ./my_gan.py --images 60k --seeds 3 --results r1",
        "gan-bench run dcgan --set learning_rate=1e-3,2e-3 --set jax-dcgan.beta1=0.9",
        "gan-bench run dcgan decay --images 120k --until-certain  seeds as needed",
        "gan-bench run --all --executor slurm --slurm partition=gpu,gpus=1,time=4h",
    ),
)
@click.argument("targets", nargs=-1)
@click.option("--all", is_flag=True, help="Run every registered implementation.")
@click.option(
    "--preset",
    metavar="NAME",
    help="Data set, budget and seeds: quick (default without a GPU), standard, gpu (default with "
    "one), paper or ci; see docs/measuring.md.",
)
@path_option("--plan", "plan_file", help="Plan file (TOML); options override it.")
@click.option(
    "--dataset",
    help="Data set: a name from `gan-bench doctor`, also padded (mnist,pad=32), or folder:PATH.",
)
@click.option(
    "--images",
    type=COUNT,
    help="Budget in training images, such as 60000 or 60k, equal for all implementations.",
)
@click.option(
    "--epochs",
    type=Epochs(min=0, min_open=True),
    help="Budget in epochs, such as 0.5: passes over the training images.",
)
@click.option("--steps", type=COUNT, help="Budget in training steps.")
@click.option("--seeds", help="Seeds: a count (3) or a list (0,5).")
@click.option(
    "--until-certain",
    is_flag=True,
    help="Run three seeds of each implementation, then further ones of those whose place in final "
    "FID is still open, and say what is certain.",
)
@click.option(
    "--max-seeds",
    type=click.IntRange(4, 1000),
    help="Most seeds of an implementation with --until-certain (default: 10).",
)
@compute_options("run")
@click.option(
    "--set",
    multiple=True,
    metavar="[IMPL.]FIELD=VALUE",
    help="Change a field of the recipes of all implementations that have it, or of one "
    "implementation or recipe; several values, with commas, are a run each; repeatable.",
)
@click.option(
    "--evaluations", type=int, help="Number of evaluation points, including start and end."
)
@click.option("--samples", type=COUNT, help="Number of samples at each evaluation point.")
@results_option
@log_options
@click.option("--timeout", type=POSITIVE, help="End a run after this many seconds.")
@click.option(
    "--silence",
    type=float,
    metavar="NUMBER",
    help="End a run without a heartbeat or progress for this many seconds (default: 300; at least "
    "5).",
)
@wait_option
@click.option(
    "--retry",
    is_flag=True,
    help="Also resume runs with the status diverged, timeout, oom or error. Killed runs are always "
    "resumed, and missing and unsupported ones are always tried again.",
)
@click.option("--force", is_flag=True, help="Start all runs over, including those that succeeded.")
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
@scoring_options(
    "The first computes the FID of all evaluation points and all --metrics of the final samples; "
    "the others compute all --metrics (except modes) of the final samples and the FID of the "
    "untrained generator."
)
@click.option(
    "--score",
    type=click.Choice(["now", "later"]),
    default="now",
    help="Score each run after its own training (now), or all runs after the last training "
    "(later), when no run needs the GPU any more.",
)
@click.option(
    "--executor",
    metavar="NAME",
    default="local",
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
@click.option(
    "--dry-run",
    is_flag=True,
    help="Check everything and print the plan, with an estimate of time and disk space; run, write "
    "and download nothing.",
)
def run(
    plan_file: Path | None,
    results: Path,
    log: tuple[str, ...],
    mlflow_uri: str | None,
    timeout: float | None,
    silence: float | None,
    wait: bool,
    retry: bool,
    force: bool,
    keep_samples: bool,
    features: str,
    metrics: str,
    weights: Path | None,
    no_cache: bool,
    score: Literal["now", "later"],
    executor: str,
    slurm: str | None,
    max_parallel: int | None,
    retries: int | None,
    detach: bool,
    dry_run: bool,
    until_certain: bool,
    max_seeds: int | None,
    **plan_options: Any,
) -> None:
    """Train and score implementations.

    TARGETS are recipes such as dcgan, which run in every framework; implementations from
    `gan-bench list`; patterns such as 'torch-*'; or paths to your own files, such as ./my_gan.py.
    Without any, the presets quick and gpu name what to run: see `gan-bench list`. Runs that
    succeeded are reused, and interrupted ones resume from their last checkpoint.

    Exit code: 0 all runs succeeded; 1 at least one did not; 2 bad input or a full disk; 130
    interrupted by Ctrl-C; 143 by SIGTERM; 129 by a terminal that closed.
    """
    from gan_bench.cli.views.tables import print_finals
    from gan_bench.launch.prepare import checked_silence, prepare, too_many_threads
    from gan_bench.launch.run_one import Options
    from gan_bench.plan.request import read_request
    from gan_bench.results.layout import open_results
    from gan_bench.schedulers.base import schedulers
    from gan_bench.text import many

    silence_s = checked_silence(silence)
    scoring = options.scoring(features, metrics, weights, no_cache)
    if log and detach:
        raise UsageError(
            "--log writes runs once they have ended, and --detach does not wait for that: leave "
            "out one of them, and use `gan-bench export --format` later."
        )
    sinks = sinks_of(log, mlflow_uri)
    request = read_request(plan_file, schedulers() if plan_file else (), plan_options)
    engine = jobs.engine_for(executor, request, slurm)
    jobs.check_options(
        local={
            "--wait": "a job always waits for its device" if wait else None,
            "--score later": "each job scores its run" if score == "later" else None,
        },
        jobs={
            "--max-parallel": max_parallel is not None,
            "--retries": retries is not None,
            "--detach": detach,
        },
        engine=engine,
    )
    how = Options(
        command=typed(),
        timeout_s=timeout,
        silence_s=silence_s,
        retry=retry,
        force=force,
        keep_samples=keep_samples,
        scoring=scoring,
        score=score,
    )
    rounds = None
    if until_certain or max_seeds is not None:
        from gan_bench.cli.until_certain import Rounds  # which loads pandas

        rounds = Rounds.of(request, max_seeds, executor, asked=until_certain)
        request = rounds.all_seeds(request)
    place = engine.place() if engine else None
    plan = prepare(request, how, say, place=place, make=not dry_run)
    jobs.check_tables(request, executor, plan)
    if rounds is not None:
        rounds.check(plan)
    notices: list[str] = []
    if engine is None:
        options.say_fallback(request.device)
        notices = too_many_threads(plan)
    if dry_run:
        from gan_bench.cli.dry_run import show_plan

        shown = rounds.first(plan) if rounds else plan
        show_plan(console(), shown, how, results, engine, notices)
        if rounds is not None:
            click.echo(rounds.describe(plan))
        return
    for sentence in notices:
        say(sentence)
    check_sinks(sinks)
    folder = open_results(results, create=True)
    writer = SinkWriter(sinks, results)
    if rounds is not None:
        train = partial(_run_here, folder, how=how, writer=writer, wait=wait)
        plan, succeeded = rounds.run(plan, how, train)
    elif engine is None:
        results_of = _run_here(folder, plan, how, writer, wait=wait)
        succeeded = sum(result.ok for result in results_of)
    else:
        tries = _RETRIES if retries is None else retries
        jobs.submit(folder, plan, how, executor, engine, tries, max_parallel)
        if detach:
            click.echo(f"The jobs continue without this command; {jobs.next_commands(folder)}")
        else:
            succeeded = jobs.follow(folder, plan, how)
            writer.write({spec.run_id for spec in plan.runs})
    for sentence in plan.left_out:
        click.echo(f"Left out: {sentence}", err=True)
    if engine is None or not detach:
        click.echo(f"{succeeded} of {many(len(plan.runs), 'run')} succeeded; results in {results}.")
        print_finals(console(), results, {spec.run_id for spec in plan.runs})
        writer.finish()
        # Of a preset's targets, those that are not installed are no failure.
        left_out = plan.left_out if request.all or request.targets else ()
        sys.exit(1 if succeeded < len(plan.runs) or left_out else 0)


def _run_here(
    folder: "ResultsFolder", plan: "Plan", how: "Options", writer: SinkWriter, *, wait: bool
) -> "Sequence[RunResult]":
    """Run the plan on this machine; return the results in its order."""
    from gan_bench.cli.views.progress import progress_for
    from gan_bench.launch.local import Interrupted, execute

    try:
        with progress_for(console(), plan) as observer:
            return execute(
                *(folder, plan, how, observer),
                wait=wait,
                ended=lambda spec: writer.write([spec.run_id]),
            )
    except Interrupted as interrupt:
        again = "the same command without --force" if how.force else "the same command"
        click.echo(f"Interrupted ({interrupt}); {again} resumes.", err=True)
        writer.tell()
        sys.exit(interrupt.exit_code)
