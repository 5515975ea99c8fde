"""``gan-bench score`` and ``features``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from gan_bench.cli import command_line, examples, options
from gan_bench.cli.options import (
    DEFAULT_SAMPLES,
    console,
    json_option,
    out_option,
    path_option,
    print_either,
    print_json,
    results_option,
    say,
    scoring_options,
    seed_option,
    typed,
)
from gan_bench.errors import UsageError

if TYPE_CHECKING:
    from gan_bench.launch.score import Points
    from gan_bench.results.scores import Scores
    from gan_bench.scoring.features import Scoring
    from gan_bench.scoring.images import Conversion
    from gan_bench.scoring.score_pair import ExternalRow


@click.command(
    epilog=examples(
        "gan-bench score real/ fake/",
        "gan-bench score mnist:test samples.npz --features lenet,inception:2500",
        'gan-bench score mnist:test samples.npz --as "Their GAN" --results r1',
        "gan-bench score --results r1 --features inception",
    ),
)
@click.argument("images", nargs=-1, metavar="[REAL FAKE]")
@scoring_options(
    "Each computes all --metrics (modes only the first) of FAKE, or of every snapshot of --points."
)
@click.option(
    "--no-floor", is_flag=True, help="Do not compute the floor (the score of real images)."
)
@seed_option("Random seed for scoring (default: 0).", default=None)
@click.option(
    "--size",
    metavar="SIZE",
    help="Resize the images of both sides to this size, such as 64 or 64x48 (height x width).",
)
@click.option(
    "--channels",
    type=click.Choice(["1", "3"]),
    help="Convert the images of both sides to grey (1) or RGB (3).",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    help="Number of threads (default: all available cores).",
)
@path_option(
    "--results", help="Results folder: score its snapshots, or add FAKE to its report (--as)."
)
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
    size: str | None,
    channels: str | None,
    threads: int | None,
    results: Path | None,
    as_: str | None,
    points: str | None,
    as_json: bool,
) -> None:
    """Score two sets of images, or the snapshots of --results.

    REAL and FAKE are each a folder of images, an .npz or .npy file (uint8, NHWC), or
    dataset:split[:count], such as mnist:test:1000, which is a random subset of 1,000 images.
    """
    from gan_bench.system.devices import default_threads

    scoring = options.scoring(features, metrics, weights, no_cache)
    threads = threads or default_threads()
    if images:
        if points is not None:
            raise UsageError("--points is for the snapshots of --results, not for REAL and FAKE.")
        real, fake = _two(images)
        row = _external_row(results, as_)
        to = _conversion(size, channels)
        _score_pair(real, fake, scoring, seed or 0, threads, not no_floor, row, to, as_json)
        return
    if as_ is not None:
        raise UsageError("--as names the images FAKE: give REAL and FAKE with it.")
    if results is None:
        raise UsageError(f"There is nothing to score: {_HOW}.")
    if seed is not None or no_floor:
        raise UsageError("--seed and --no-floor are for REAL and FAKE, not for runs.")
    if size is not None or channels is not None:
        raise UsageError("--size and --channels are for REAL and FAKE, not for runs.")
    _score_results(results, scoring, "all" if points == "all" else "final", threads, as_json)


def _score_pair(
    real: str,
    fake: str,
    scoring: "Scoring",
    seed: int,
    threads: int,
    floor: bool,
    row: "ExternalRow | None",
    conversion: "Conversion",
    as_json: bool,
) -> None:
    from gan_bench.cli.views.progress import ScoringProgress
    from gan_bench.cli.views.results import print_pair
    from gan_bench.scoring.score_pair import score_pair

    with ScoringProgress() as progress:
        scored = score_pair(
            *(real, fake, scoring),
            seed=seed,
            threads=threads,
            floor=floor,
            say=say,
            progress=progress,
            row=row,
            conversion=conversion,
        )
    if as_json:
        print_json(scored[0] if len(scored) == 1 else scored)
    else:
        print_pair(console(), scored)
    if row is not None:
        _say_stored(row, scored)


def _say_stored(row: "ExternalRow", scored: "Sequence[Scores]") -> None:
    """Say where the report will show external samples."""
    from gan_bench.results.external import place_in_report
    from gan_bench.results.layout import open_results

    results = open_results(row.results, create=False)
    say(f"{row.name!r} is stored in {row.results}.")
    for scores in scored:
        say(place_in_report(results, scores.protocol))
    say(f"Next: {command_line('report', results=row.results, last=['--open'])}")


def _score_results(
    path: Path, scoring: "Scoring", points: "Points", threads: int, as_json: bool
) -> None:
    from gan_bench.cli.views.progress import ScoringProgress
    from gan_bench.cli.views.results import print_rescored
    from gan_bench.launch.score import check_features, rescore
    from gan_bench.results.layout import open_results

    check_features(scoring, None, say)
    results = open_results(path, create=False)
    outcomes = []
    with ScoringProgress() as progress:
        for run in rescore(
            *(results, scoring),
            points=points,
            threads=threads,
            command=typed(),
            progress=progress,
        ):
            outcomes.append(run)
            progress.clear()
            if not as_json:
                click.echo(f"{run.run_id}: {run.problem or 'scored'}", err=True)
    print_either(outcomes, print_rescored, as_json)
    sys.exit(1 if any(run.problem for run in outcomes) else 0)


_HOW = "give REAL and FAKE, or --results with a results folder to score its snapshots"


def _two(images: Sequence[str]) -> tuple[str, str]:
    if len(images) != 2:
        raise UsageError(f"Two sets of images are needed, not {len(images)}: {_HOW}.")
    return images[0], images[1]


def _conversion(size: str | None, channels: str | None) -> "Conversion":
    from gan_bench.data.folder_spec import parse_size
    from gan_bench.scoring.images import Conversion

    number: dict[str | None, Literal[1, 3] | None] = {"1": 1, "3": 3, None: None}
    return Conversion(None if size is None else parse_size(size), number[channels])


def _external_row(results: Path | None, name: str | None) -> "ExternalRow | None":
    from gan_bench.results.external import check_name
    from gan_bench.scoring.score_pair import ExternalRow

    if (name is None) != (results is None):
        missing, given = ("--results", "--as") if results is None else ("--as", "--results")
        raise UsageError(
            f"{given} with REAL and FAKE needs {missing}: together they name FAKE and the results "
            "folder whose report shows it."
        )
    if results is None or name is None:
        return None
    return ExternalRow(results, check_name(name), typed())


@click.group()
def features() -> None:
    """Train feature models for scoring."""


@features.command(
    "train",
    epilog=examples(
        "gan-bench features train fashion-mnist",
        "gan-bench features train folder:flowers,size=32 --epochs 20",
    ),
)
@click.argument("dataset")
@click.option(
    "--epochs", type=click.IntRange(1, 1000), default=8, help="Passes over the training images."
)
@seed_option("Random seed.", largest=2**31 - 1)
@click.option("--threads", type=click.IntRange(1, 1024), default=1, help="Number of CPU threads.")
def features_train(dataset: str, epochs: int, seed: int, threads: int) -> None:
    """Train a lenet for a labelled DATASET.

    It is stored in the cache, where `gan-bench run` and `score` find it.
    """
    from gan_bench.scoring.features.by_name import train_classifier
    from gan_bench.text import percent

    path, facts = train_classifier(dataset, epochs=epochs, seed=seed, threads=threads, say=say)
    click.echo(f"{path}: accuracy {percent(facts['accuracy'], 2)} on the test split.")


@click.command(
    epilog=examples(
        "gan-bench sample torch-dcgan-mnist-5k-s0 -n 256",
    ),
)
@click.argument("run")
@click.option(
    "-n",
    "--count",
    type=click.IntRange(1, 100_000),
    default=64,
    help="Number of images to generate.",
)
@out_option(DEFAULT_SAMPLES, "the .npz and .png files")
@seed_option("Random seed of the latents (default: the run's).", default=None)
@click.option("--device", help="Device: cpu, cuda, cuda:1 or auto (default: the run's).")
@results_option
def sample(
    run: str, count: int, out: Path, seed: int | None, device: str | None, results: Path
) -> None:
    """Generate images from the last checkpoint of a run.

    RUN is a run id or a unique part of one.
    """
    from gan_bench.sampling.sample import sample as sample_run

    files = sample_run(results, run, count, out, seed=seed, device=device, say=say)
    click.echo(f"{files.images}\n{files.grid}")
