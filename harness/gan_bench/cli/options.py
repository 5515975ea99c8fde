"""What commands share: options, the terminal, and the command line as typed."""

import contextlib
import errno
import io
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from gan_bench.cli import DEFAULT_RESULTS
from gan_bench.metrics import DEFAULT, METRICS
from gan_bench.text import whole_number

if TYPE_CHECKING:
    from rich.console import Console

    from gan_bench.plan.request import Request
    from gan_bench.schedulers.base import Scheduler
    from gan_bench.scoring.features import Scoring

DEFAULT_REPORTS = Path("reports/local")
DEFAULT_TABLES = DEFAULT_REPORTS / "tables"
DEFAULT_SAMPLES = DEFAULT_REPORTS / "samples"
_PIPED_COLUMNS = 160
"""Width of the output when it is not a terminal."""


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


def engine_for(executor: str, request: "Request", slurm: str | None) -> "Scheduler | None":
    """Return the executor with the resources to request, or None for this machine."""
    from gan_bench.errors import UsageError
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


class OutputLost(Exception):
    """stdout or stderr takes no more: its reader has left, or its disk is full.

    It is no OSError, so nothing takes it for a fault of the results folder.
    """

    def __init__(self, descriptor: int, error: OSError) -> None:
        super().__init__(f"The output cannot be written ({error.strerror}).")
        self.reader_left = error.errno == errno.EPIPE
        """Whether it is a pipe such as that of ``gan-bench list | head -1``."""
        self._descriptor = descriptor

    def discard(self) -> None:
        """Discard what is still buffered and all further output, which would fail again."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._descriptor)
        os.close(nowhere)


class _Output(io.FileIO):
    """The file behind stdout or stderr."""

    def write(self, content: Any, /) -> int:
        """Write bytes; raise `OutputLost` if that fails."""
        try:
            return super().write(content)
        except OSError as error:
            raise OutputLost(self.fileno(), error) from error


@contextlib.contextmanager
def output() -> Iterator[None]:
    """Let stdout and stderr replace what they cannot encode, and raise `OutputLost`."""
    kept = sys.stdin, sys.stdout, sys.stderr
    for name in ("stdin", "stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:  # closed: the next file that is opened would take its number
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
        elif name != "stdin" and isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, _guarded(stream))
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = kept


def _guarded(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    errors = "backslashreplace" if stream.errors == "backslashreplace" else "replace"
    try:
        file = _Output(stream.fileno(), "wb", closefd=False)
    except OSError:  # it is in memory
        stream.reconfigure(errors=errors)
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(file), stream.encoding, errors, line_buffering=stream.line_buffering
    )


def say(sentence: str) -> None:
    """Print a message to stderr, beside the output."""
    click.echo(sentence, err=True)


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


def console() -> "Console":
    """Return the terminal, or a wide console if the output is not a terminal."""
    from rich.console import Console

    columns = os.environ.get("COLUMNS")
    return Console(width=None if columns or sys.stdout.isatty() else _PIPED_COLUMNS)


def print_json(value: Any) -> None:
    """Print a value as JSON; dataclasses and models become objects."""
    import json

    click.echo(json.dumps(value, indent=1, default=_as_json))


def _as_json(value: Any) -> Any:
    from dataclasses import asdict, is_dataclass

    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def print_either(value: Any, print_tables: Callable[["Console", Any], None], as_json: bool) -> None:
    """Print a value as JSON, or with a function of `gan_bench.cli.views`."""
    if as_json:
        print_json(value)
    else:
        print_tables(console(), value)
