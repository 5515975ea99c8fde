"""What commands share: options, the terminal, and the words that were typed."""

import math
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan_bench.metrics import DEFAULT, METRICS

if TYPE_CHECKING:
    from rich.console import Console

    from gan_bench.plan.request import Request
    from gan_bench.schedulers.base import Engine
    from gan_bench.scoring.features.choice import Scoring

DEFAULT_RESULTS = Path("results/local")
DEFAULT_REPORTS = Path("reports/local")
DEFAULT_TABLES = DEFAULT_REPORTS / "tables"
DEFAULT_SAMPLES = DEFAULT_REPORTS / "samples"
_PIPED_COLUMNS = 160
"""Where there is no terminal to be too narrow."""


class PositiveNumber(click.FloatRange):
    """A finite number greater than 0; click's own range lets NaN and infinity through."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or refuse it."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number greater than 0.", param, ctx)
        return number


def results_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--results``."""
    return click.option(
        "--results",
        type=click.Path(path_type=Path),
        default=DEFAULT_RESULTS,
        show_default=True,
        help="The results folder.",
    )(command)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def scoring_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command what `scoring` takes."""
    for option in (
        click.option("--no-cache", is_flag=True, help="Neither use nor keep reference features."),
        click.option(
            "--weights",
            type=click.Path(path_type=Path),
            help="Inception's, unless they are to be looked for.",
        ),
        click.option(
            "--metrics",
            default=",".join(DEFAULT),
            show_default=True,
            help=f"Of {', '.join(METRICS)}.",
        ),
        click.option(
            "--features",
            default="lenet",
            show_default=True,
            help="Of lenet, inception and paths of .onnx files, the main ones first; with a count "
            "as in inception:2500 of the first so many images.",
        ),
    ):
        command = option(command)
    return command


def scoring(features: str, metrics: str, weights: Path | None, no_cache: bool) -> "Scoring":
    """Return what `scoring_options` say, checked."""
    from gan_bench.errors import UsageError
    from gan_bench.metrics import parse_metrics
    from gan_bench.scoring.features.choice import Scoring, parse_features

    words = parse_features(features)
    if weights is not None and "inception" not in [word.model for word in words]:
        raise UsageError("--weights are Inception's: give --features inception with them.")
    return Scoring(words, parse_metrics(metrics), weights, cache=not no_cache)


def check_features(scoring: "Scoring") -> None:
    """See before anything runs that the features are there, exported if need be."""
    from gan_bench.scoring.features.by_name import load_features

    for features in (word.model for word in scoring.features):
        if features != "lenet":  # which depends on the data set, and is null without one
            weights = scoring.weights if features == "inception" else None
            # Without a GPU's memory, which the runs may need.
            load_features(features, weights=weights, cuda=False, say=say)


def engine_for(executor: str, request: "Request", slurm: str | None) -> "Engine | None":
    """Return the scheduler of a name, told what to ask for; None: this machine."""
    from gan_bench.errors import UsageError
    from gan_bench.schedulers.base import LOCAL, Asked, find_engine, split

    if slurm is not None and executor != "slurm":
        raise UsageError("--slurm is for --executor slurm: give both or none.")
    if executor == LOCAL:
        return None
    common, own = split(request.executors.get(executor, {}))
    if slurm is not None:
        from gan_bench.schedulers.slurm.resources import parse_words

        common |= parse_words(slurm)
    return find_engine(executor)(Asked(common, own, request.device, request.threads))


def say(sentence: str) -> None:
    """Tell the user something beside the output."""
    click.echo(sentence, err=True)


def typed() -> str:
    """Return the command as it was typed, for records."""
    return shlex.join(["gan-bench", *sys.argv[1:]])


def console() -> "Console":
    """Return the terminal, or a wide one where there is none."""
    from rich.console import Console

    asked = os.environ.get("COLUMNS")
    return Console(width=None if asked or sys.stdout.isatty() else _PIPED_COLUMNS)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    import json

    click.echo(json.dumps(value, indent=1, default=str))
