"""``--log`` of ``gan-bench run``, and ``gan-bench export`` to TensorBoard and MLflow."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from gan_bench.cli.options import DEFAULT_REPORTS, say
from gan_bench.errors import GanBenchError, UsageError

if TYPE_CHECKING:
    from gan_bench.sinks import Name, Sink

SINKS = ("tensorboard", "mlflow")
_URI_HELP = (
    "Address of MLflow's store (default: that in MLFLOW_TRACKING_URI, or a database in "
    f"{DEFAULT_REPORTS / 'mlflow'})."
)
uri_option = click.option("--mlflow-uri", metavar="URI", help=_URI_HELP)


def log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--log`` and ``--mlflow-uri`` to a command that trains."""
    log = click.option(
        "--log",
        type=click.Choice(SINKS),
        multiple=True,
        help="Also write the runs for TensorBoard or MLflow, once all have ended; repeatable.",
    )
    return log(uri_option(command))


def sinks_of(names: Sequence[str], uri: str | None, out: Path | None = None) -> "dict[Name, Sink]":
    """Return the sinks of these names.

    Raises
    ------
    UsageError
        A package is not installed, or ``uri`` is of no use.
    """
    if uri is not None and "mlflow" not in names:
        raise UsageError("--mlflow-uri is the address of MLflow's store: name mlflow, too.")
    if not names:
        return {}
    from gan_bench.sinks import sink

    chosen = [cast("Name", name) for name in dict.fromkeys(names)]
    return {name: sink(name, out or DEFAULT_REPORTS / name, uri) for name in chosen}


def check_sinks(sinks: "dict[Name, Sink]") -> None:
    """Check that the sinks can be written.

    Raises
    ------
    UsageError
        One cannot.
    """
    if sinks:
        from gan_bench.sinks import check

        for name, one in sinks.items():
            check(name, one)


def write_sinks(sinks: "dict[Name, Sink]", results: Path, run_ids: Collection[str]) -> None:
    """Write runs to the sinks, and say where they are; a failure is one sentence."""
    if not sinks:
        return
    from gan_bench.sinks import write
    from gan_bench.text import many

    for name, one in sinks.items():
        try:
            written = write(name, one, [results], run_ids)
        except GanBenchError as error:
            say(f"Error: {error}")
        else:
            say(f"{many(written.runs, 'run')} written to {name} in {written.where}.")
