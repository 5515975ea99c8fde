"""The options that commands share, and the command line as typed."""

import math
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan_bench.cli import DEFAULT_RESULTS
from gan_bench.cli.terminal import say
from gan_bench.metrics import DEFAULT, METRICS
from gan_bench.text import whole_number

if TYPE_CHECKING:
    from gan_bench.scoring.features import Scoring

DEFAULT_REPORTS = Path("reports/local")
DEFAULT_TABLES = DEFAULT_REPORTS / "tables"
DEFAULT_SAMPLES = DEFAULT_REPORTS / "samples"


class FiniteNumber(click.FloatRange):
    """A finite number in a range; click's own range accepts NaN and infinity."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or fail."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class WholeNumber(click.ParamType[int]):
    """A whole number such as ``60000``, ``60_000``, ``60k`` or ``2.4M``."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number, or fail."""
        try:
            return whole_number(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Epochs(FiniteNumber):
    """A number of epochs, whole or not."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return an int for a whole number, else a float; or fail."""
        number = super().convert(value, param, ctx)
        return int(number) if number.is_integer() else number


COUNT = WholeNumber()
POSITIVE = FiniteNumber(min=0, min_open=True)
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def path_option(*names: str, **attributes: Any) -> Decorator:
    """Return an option whose value is a path."""
    return click.option(*names, type=click.Path(path_type=Path), **attributes)


def dataset_option(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--dataset`` to a command that checks implementations."""
    return click.option(
        "--dataset",
        metavar="NAME",
        help=f"Data set whose images are used, such as folder:faces,size=64 (default: {default}).",
    )


def out_option(default: Path, content: str) -> Decorator:
    """Return the option ``--out`` for the folder of some files."""
    return path_option("--out", default=default, help=f"Folder for {content}.")


def seed_option(help_: str, largest: int = 2**63 - 1, default: int | None = 0) -> Decorator:
    """Return the option ``--seed``."""
    return click.option("--seed", type=click.IntRange(0, largest), default=default, help=help_)


def device_and_seed(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--device`` and ``--seed`` to a command that checks implementations."""
    device = click.option("--device", default="cpu", help="Device: cpu, cuda, cuda:1 or auto.")
    return device(seed_option("Random seed.")(command))


def compute_options(of_each: str) -> Decorator:
    """Return the options that say how training is computed."""
    device = click.option("--device", help="Device: cpu, cuda, cuda:1 or auto.")
    threads = click.option("--threads", type=int, help=f"Number of CPU threads of each {of_each}.")
    precision = click.option(
        "--precision",
        type=click.Choice(["ieee", "tf32", "bf16"]),
        help="Precision of products of float32 numbers: ieee (default), or the faster tf32 or bf16 "
        "of GPUs.",
    )
    deterministic = click.option(
        "--deterministic", is_flag=True, help="Use deterministic kernels, even if slower."
    )
    return lambda command: device(threads(precision(deterministic(command))))


results_option = path_option("--results", default=DEFAULT_RESULTS, help="Results folder.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
wait_option = click.option("--wait", is_flag=True, help="Wait for the device if it is in use.")


def scoring_options(features: str) -> Decorator:
    """Add the options that `scoring` parses to a command; say how its feature models are used."""
    options = (
        click.option(
            "--no-cache",
            is_flag=True,
            help="Do not read or write cached features of reference images.",
        ),
        path_option(
            "--weights",
            help="Path to Inception weights (default: search this machine, then download).",
        ),
        click.option(
            "--metrics",
            default=",".join(DEFAULT),
            help=f"Metrics, comma-separated: {', '.join(METRICS)}.",
        ),
        click.option(
            "--features",
            default="lenet",
            help="Feature models, comma-separated: lenet, inception, or a path to an .onnx file. "
            f"{features} inception:2500 scores only 2,500 images of each side.",
        ),
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in options:
            command = option(command)
        return command

    return add


def scoring(features: str, metrics: str, weights: Path | None, no_cache: bool) -> "Scoring":
    """Return the validated values of `scoring_options`."""
    from gan_bench.scoring.features import parse_scoring
    from gan_bench.system.files import cache_problem

    if (problem := cache_problem()) is not None:
        say(problem)
    return parse_scoring(features, metrics, weights, cache=not no_cache)


def say_fallback(device: str) -> None:
    """Say what is wrong with the GPUs of this machine if that concerns the chosen device."""
    from gan_bench.system.devices import fallback

    sentence = fallback(device)
    if sentence is not None:
        say(sentence)


def typed() -> str:
    """Return the command line as typed, for records."""
    words = shlex.join(["gan-bench", *sys.argv[1:]])
    return os.fsencode(words).decode("utf-8", "replace")  # a locale may not have decoded it
