"""``gan-bench sensitivity``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from gan_bench.cli import examples, options
from gan_bench.cli.options import (
    COUNT,
    POSITIVE,
    json_option,
    out_option,
    path_option,
    typed,
    wait_option,
)
from gan_bench.cli.terminal import console, print_json, say

if TYPE_CHECKING:
    from gan_bench.launch.run_one import Options
    from gan_bench.results.layout import ResultsFolder
    from gan_bench.sensitivity import Study
    from gan_bench.sensitivity.train import Subject, Wanted

DEFAULT_RESULTS = Path("results/sensitivity")
DEFAULT_OUT = Path("reports/sensitivity")
MOST_TRIALS = 1_000


@click.command(
    epilog=examples(
        "gan-bench sensitivity torch-dcgan torch-wgan-gp --trials 32 --budget 12.8k",
        "gan-bench sensitivity torch-dcgan --set batch_size=64 --sampler tpe",
    ),
)
@click.argument("targets", nargs=-1, required=True)
@click.option(
    "--trials",
    type=click.IntRange(1, MOST_TRIALS),
    default=32,
    help="Number of trials of each implementation; with a greater one, a study continues.",
)
@click.option(
    "--budget",
    "images",
    type=COUNT,
    help="Training images of each trial, such as 12800 or 12.8k (default: the preset's).",
)
@click.option(
    "--sampler",
    type=click.Choice(["random", "tpe"]),
    default="random",
    help="How values are drawn: from the whole ranges, or by TPE near the better trials.",
)
@click.option(
    "--set",
    "set_",
    multiple=True,
    metavar="[IMPL.]FIELD=VALUE",
    help="Fix a field, which is then not drawn; repeatable.",
)
@click.option("--preset", metavar="NAME", help="Data set and samples, as for `gan-bench run`.")
@click.option("--dataset", help="Data set, as for `gan-bench run`.")
@click.option("--samples", type=COUNT, help="Number of samples that an FID is of.")
@click.option(
    "--features",
    default="lenet",
    help="Feature model of the FID: lenet, inception, or a path to an .onnx file.",
)
@options.seed_option("Seed of what is drawn, and of each run.")
@click.option("--device", help="Device: cpu, cuda, cuda:1 or auto.")
@click.option("--threads", type=int, help="Number of CPU threads of each run.")
@path_option("--results", default=DEFAULT_RESULTS, help="Results folder.")
@out_option(DEFAULT_OUT, "sensitivity.md, its chart and trials.csv")
@click.option("--timeout", type=POSITIVE, help="End a run after this many seconds.")
@click.option("--retry", is_flag=True, help="Also resume trials that ended as timeout, oom, error.")
@wait_option
@json_option
def sensitivity(
    targets: tuple[str, ...],
    trials: int,
    sampler: Literal["random", "tpe"],
    set_: tuple[str, ...],
    seed: int,
    results: Path,
    out: Path,
    timeout: float | None,
    retry: bool,
    wait: bool,
    features: str,
    as_json: bool,
    **setting: Any,
) -> None:
    """Measure how FID depends on hyperparameters.

    Each trial is a run with values drawn by Optuna from the ranges that the recipe states; `show`
    prints them. TARGETS are as for `gan-bench run`. The command prints and writes how the FIDs are
    distributed, how many trials diverged or collapsed, the importance of each field, and the best
    FID that n trials give. Interrupted, the same command continues and trains no trial twice.

    Exit code: 0 every trial ended with an FID or diverged; 1 at least one did not; 2 bad input or
    a full disk; 130 interrupted by Ctrl-C; 143 by SIGTERM; 129 by a terminal that closed.
    """
    from gan_bench.cli.views.sensitivity import print_studies
    from gan_bench.errors import UsageError
    from gan_bench.launch.run_one import Options
    from gan_bench.launch.score import check_counts, check_features
    from gan_bench.plan.request import read_request
    from gan_bench.results.layout import open_results
    from gan_bench.scoring.features import parse_features
    from gan_bench.sensitivity.files import PAGE, as_dict, write_page
    from gan_bench.sensitivity.output import Measured
    from gan_bench.sensitivity.train import Wanted, subjects
    from gan_bench.system.files import check_output
    from gan_bench.system.packages import check_packages

    check_packages("`gan-bench sensitivity`", ("optuna", "sklearn"), "sensitivity")
    chosen = {"targets": targets, "seeds": f"{seed},", "set": set_, "evaluations": 2, **setting}
    of, *others = parse_features(features)
    if others or of.images is not None:
        raise UsageError(
            "A study is of one FID, of all samples: name one feature model with --features, "
            "without a number."
        )
    wanted = Wanted(read_request(None, (), chosen), trials, sampler, of, typed())
    found = subjects(wanted)
    check_output(out / PAGE)
    check_counts(wanted.scoring, [subject.spec for subject in found])
    check_features(wanted.scoring, found[0].spec, say)
    options.say_fallback(wanted.request.device)
    how = Options(command=typed(), timeout_s=timeout, retry=retry, scoring=wanted.scoring)
    folder = open_results(results, create=True)
    measured = [Measured(_study(folder, subject, wanted, how, wait)) for subject in found]
    if as_json:
        print_json(as_dict(measured))
    else:
        print_studies(console(), measured)
    for path in write_page(measured, out):
        click.echo(path, err=as_json)
    every = [trial for one in measured for trial in one.study.trials]
    sys.exit(0 if all(trial.counts for trial in every) else 1)


def _study(
    folder: "ResultsFolder", subject: "Subject", wanted: "Wanted", how: "Options", wait: bool
) -> "Study":
    """Train a study; an interruption ends the command."""
    from rich.console import Console

    from gan_bench.cli.views.progress import progress_for
    from gan_bench.launch.local import Interrupted, execute
    from gan_bench.plan import Plan
    from gan_bench.sensitivity.train import study
    from gan_bench.system.files import writing

    def run(plan: Plan) -> None:
        with progress_for(Console(stderr=True), plan) as observer:
            execute(folder, plan, how, observer, wait=wait)

    try:
        with writing(folder.path):
            return study(folder, subject, wanted, run, say)
    except Interrupted as interrupt:
        say(f"Interrupted ({interrupt}); the same command continues the study.")
        sys.exit(interrupt.exit_code)
