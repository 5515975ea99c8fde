"""``gan-bench score`` and ``features``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from gan_bench.cli import options
from gan_bench.cli.options import (
    check_features,
    console,
    json_option,
    print_json,
    say,
    scoring_options,
    typed,
)
from gan_bench.errors import UsageError
from gan_bench.results.external import check_name


@click.command()
@click.argument("images", nargs=-1, metavar="[REAL FAKE]")
@scoring_options
@click.option(
    "--no-floor", is_flag=True, help="Do not compute the floor (the score of real images)."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), help="Random seed for scoring (default: 0)."
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    help="Number of threads (default: all available cores).",
)
@click.option("--results", type=click.Path(path_type=Path), help="Results folder.")
@click.option(
    "--as", "as_", metavar="NAME", help="Add FAKE to the report of --results, under this name."
)
@click.option(
    "--points",
    type=click.Choice(["final", "all"]),
    help="Snapshots to score with --results (default: final).",
)
@json_option
def score(
    images: tuple[str, ...],
    features: str,
    metrics: str,
    weights: Path | None,
    no_cache: bool,
    no_floor: bool,
    seed: int | None,
    threads: int | None,
    results: Path | None,
    as_: str | None,
    points: str | None,
    as_json: bool,
) -> None:
    """Score two sets of images, or the snapshots of --results.

    REAL and FAKE are each a folder of images, an .npz or .npy file (uint8, NHWC), or
    dataset:split[:count], such as mnist:test:1000.
    """
    from gan_bench.cli.views.results import print_again, print_pairs
    from gan_bench.launch.rescore import rescore
    from gan_bench.results.layout import open_results
    from gan_bench.scoring.score_pair import pairs
    from gan_bench.system.devices import default_threads

    scoring = options.scoring(features, metrics, weights, no_cache)
    command = typed()
    asked = check_arguments(
        images,
        results,
        as_,
        of_pairs=seed is not None or no_floor,
        of_runs=points is not None,
    )
    threads = threads or default_threads()
    if asked == "again":
        assert results is not None
        check_features(scoring)
        done = []
        folder = open_results(results, create=False)
        for run in rescore(
            folder, scoring, points=points or "final", threads=threads, command=command
        ):
            done.append(run)
            if not as_json:
                click.echo(f"{run.run_id}: {run.problem or 'scored'}", err=True)
        if as_json:
            print_json(
                [
                    {
                        "run_id": run.run_id,
                        "problem": run.problem,
                        "scores": [scores.model_dump(mode="json") for scores in run.scores],
                    }
                    for run in done
                ]
            )
        else:
            print_again(console(), done)
        sys.exit(1 if any(run.problem for run in done) else 0)
    scored = pairs(
        *(images[0], images[1], scoring),
        seed=seed or 0,
        threads=threads,
        floor=not no_floor,
        say=say,
        place=(results, as_) if results is not None and as_ is not None else None,
        command=command,
    )
    if as_json:
        values = [one.model_dump(mode="json") for one in scored]
        print_json(values[0] if len(values) == 1 else values)
        return
    print_pairs(console(), scored)


@click.group()
def features() -> None:
    """Make feature models for scoring."""


@features.command("train")
@click.argument("dataset")
@click.option(
    "--epochs",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="Passes over the training images.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Random seed."
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Number of CPU threads.",
)
def features_train(dataset: str, epochs: int, seed: int, threads: int) -> None:
    """Train a lenet for a labelled DATASET.

    The cache keeps it, and `gan-bench run` and `score` use it as feature model.
    """
    from gan_bench.scoring.features.train_classifier import train_classifier

    path, facts = train_classifier(dataset, epochs=epochs, seed=seed, threads=threads, say=say)
    click.echo(f"{path}: accuracy {facts['accuracy']:.2%} on the test split.")


_HOW = "give REAL and FAKE, or --results with a results folder to score its snapshots again"


def check_arguments(
    images: Sequence[str],
    results: Path | None,
    as_: str | None,
    *,
    of_pairs: bool,
    of_runs: bool,
) -> Literal["pair", "again"]:
    """Say which of the two is asked for.

    Parameters
    ----------
    images, results, as_
        What was named.
    of_pairs, of_runs
        Whether an option was given that only the one or the other has.

    Raises
    ------
    UsageError
        Neither, or a mixture.
    """
    if not images:
        if as_ is not None:
            raise UsageError("--as names the images FAKE: give REAL and FAKE with it.")
        if results is None:
            raise UsageError(f"Say what to score: {_HOW}.")
        if of_pairs:
            raise UsageError("--seed and --no-floor are for REAL and FAKE; a run has its own.")
        return "again"
    if of_runs:
        raise UsageError("--points is for the snapshots of --results, not for REAL and FAKE.")
    if len(images) != 2:
        raise UsageError(f"{len(images)} sets of images were named where two are needed: {_HOW}.")
    if (as_ is None) != (results is None):
        missing, given = ("--results", "--as") if results is None else ("--as", "--results")
        raise UsageError(
            f"{given} with REAL and FAKE wants {missing}, too: a name for FAKE and the folder "
            "whose report is to show it."
        )
    if as_ is not None:
        check_name(as_)
    return "pair"
