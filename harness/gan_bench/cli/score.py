"""``gan-bench score`` and ``features``."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from gan_bench.cli import OptionGroups, command_line, examples, options
from gan_bench.cli.options import json_option, path_option, scoring_options, seed_option, typed
from gan_bench.cli.sample import GENERATOR_OPTIONS, generator_of, generator_options
from gan_bench.cli.terminal import console, print_either, print_json, say
from gan_bench.errors import UsageError

if TYPE_CHECKING:
    from gan_bench.launch.score import Points
    from gan_bench.results.scores import Scores
    from gan_bench.sampling.generator import GeneratorImages
    from gan_bench.scoring.features import Scoring
    from gan_bench.scoring.images import Conversion
    from gan_bench.scoring.score_pair import ExternalRow


@click.command(
    cls=OptionGroups,
    option_groups={
        "Scores": ("features", "metrics", "weights", "no_cache", "no_floor", "seed"),
        "Images": ("size", "channels"),
        "A generator in place of FAKE": GENERATOR_OPTIONS,
        "The results folder": ("results", "as_", "replace", "points"),
    },
    epilog=examples(
        "gan-bench score real/ fake/",
        "gan-bench score mnist:test samples.npz --features lenet,inception:2500",
        'gan-bench score mnist:test samples.npz --as "Their GAN" --results r1',
        "gan-bench score mnist:test --generator g.onnx --as mine --results r1",
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
@click.option("--replace", is_flag=True, help="Replace other images under the name of --as.")
@click.option(
    "--points",
    type=click.Choice(["final", "all"]),
    help="Snapshots to score with --results (default: final).",
)
@generator_options
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
    replace: bool,
    points: str | None,
    as_json: bool,
    **generator: Any,
) -> None:
    """Score two sets of images, or the snapshots of --results.

    REAL and FAKE are each a folder of images, an .npz or .npy file (uint8, NHWC), or
    dataset:split[:count], such as mnist:test:1000, which is a random subset of 1,000 images.
    With --generator, REAL alone is given, and a generator makes FAKE.
    """
    from gan_bench.system.devices import default_threads

    scoring = options.scoring(features, metrics, weights, no_cache)
    threads = threads or default_threads()
    if images:
        if points is not None:
            raise UsageError("--points is for the snapshots of --results, not for REAL and FAKE.")
        made = generator_of(generator, threads, seed or 0, results)
        real, fake = (images[0], made) if made and len(images) == 1 else _two(images, made)
        row = _external_row(results, as_, replace)
        to = _conversion(size, channels)
        _score_pair(real, fake, scoring, seed or 0, threads, not no_floor, row, to, as_json)
        return
    if as_ is not None or replace:
        raise UsageError("--as names the images FAKE: give REAL and FAKE with it.")
    if any(value is not None for value in generator.values()):
        raise UsageError("--generator makes FAKE: give REAL with it.")
    if results is None:
        raise UsageError(f"There is nothing to score: {_HOW}.")
    if seed is not None or no_floor:
        raise UsageError("--seed and --no-floor are for REAL and FAKE, not for runs.")
    if size is not None or channels is not None:
        raise UsageError("--size and --channels are for REAL and FAKE, not for runs.")
    _score_results(results, scoring, "all" if points == "all" else "final", threads, as_json)


def _score_pair(
    real: str,
    fake: "str | GeneratorImages",
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
        if not isinstance(fake, str):
            fake = dataclasses.replace(fake, say=say, progress=progress)
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


def _two(images: Sequence[str], made: object) -> tuple[str, str]:
    if made is not None:
        raise UsageError("--generator makes FAKE: give REAL alone with it.")
    if len(images) != 2:
        raise UsageError(f"Two sets of images are needed, not {len(images)}: {_HOW}.")
    return images[0], images[1]


def _conversion(size: str | None, channels: str | None) -> "Conversion":
    from gan_bench.data.folder_spec import parse_size
    from gan_bench.scoring.images import Conversion

    number: dict[str | None, Literal[1, 3] | None] = {"1": 1, "3": 3, None: None}
    return Conversion(None if size is None else parse_size(size), number[channels])


def _external_row(results: Path | None, name: str | None, replace: bool) -> "ExternalRow | None":
    from gan_bench.results.external import check_name
    from gan_bench.scoring.score_pair import ExternalRow

    if (name is None) != (results is None):
        missing, given = ("--results", "--as") if results is None else ("--as", "--results")
        raise UsageError(
            f"{given} with REAL and FAKE needs {missing}: together they name FAKE and the results "
            "folder whose report shows it."
        )
    if results is None or name is None:
        if replace:
            raise UsageError("--replace replaces what --as names: give both, and --results.")
        return None
    return ExternalRow(results, check_name(name), typed(), replace)


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
