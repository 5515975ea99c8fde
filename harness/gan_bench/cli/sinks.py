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
        help="Also write each run for TensorBoard or MLflow once it has ended; repeatable.",
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


class SinkWriter:
    """Writes runs that have ended to sinks; the first failure of a sink is one sentence."""

    def __init__(self, sinks: "dict[Name, Sink]", results: Path) -> None:
        self._sinks = sinks
        self._results = results
        self._written = dict.fromkeys(sinks, 0)
        self._said: set[str] = set()

    def write(self, run_ids: Collection[str]) -> None:
        """Write these runs to every sink that has not failed."""
        if not self._written:
            return
        from gan_bench.sinks import write

        for name in list(self._written):
            try:
                written = write(name, self._sinks[name], self._results, run_ids)
            except GanBenchError as error:
                say(f"Error: {error}")
                del self._written[name]
                continue
            self._written[name] += written.runs
            for sentence in written.left_out:
                if sentence not in self._said:
                    self._said.add(sentence)
                    say(sentence)

    def tell(self) -> None:
        """Say how many runs were written, and where to."""
        from gan_bench.text import many

        for name, count in self._written.items():
            say(f"{many(count, 'run')} written to {name} in {self._sinks[name].where}.")
