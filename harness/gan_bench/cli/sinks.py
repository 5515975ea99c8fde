"""``--log`` of ``gan-bench run``, and ``gan-bench export`` to TensorBoard and MLflow."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from gan_bench.cli.options import DEFAULT_REPORTS
from gan_bench.cli.terminal import say
from gan_bench.errors import UsageError

if TYPE_CHECKING:
    from gan_bench.sinks import Name, Sink, SinkFailed

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
    """Writes runs that have ended to sinks, and says the first failure of each sink.

    A sink that has failed is tried again at the end only: a server that is down takes its time.
    """

    def __init__(self, sinks: "dict[Name, Sink]", results: Path) -> None:
        self._sinks = sinks
        self._results = results
        self._written: dict[Name, set[str]] = {name: set() for name in sinks}
        self._missing: dict[Name, set[str]] = {name: set() for name in sinks}
        self._reasons: dict[Name, str] = {}
        """Of the sinks that have failed."""
        self._said: set[str] = set()

    def write(self, run_ids: Collection[str]) -> None:
        """Write these runs to every sink that has not failed."""
        for name in self._sinks:
            self._missing[name].update(run_ids)
            if name not in self._reasons:
                error = self._write_missing(name)
                if error is not None:
                    say(f"Error: {error}")

    def finish(self) -> None:
        """Try once more what could not be written, and `tell`."""
        for name in list(self._reasons):
            self._write_missing(name)
        self.tell()

    def tell(self) -> None:
        """Say how many runs were written, where to, and what failed."""
        from gan_bench.text import many

        for name, ids in self._written.items():
            written = f"{many(len(ids), 'run')} written to {name} in {self._sinks[name].where}"
            reason = self._reasons.get(name)
            if reason is None:
                say(f"{written}.")
            else:
                again = f"`gan-bench export --format {name}` writes the others"
                say(f"{written}, then it failed: {reason}. {again}.")

    def _write_missing(self, name: "Name") -> "SinkFailed | None":
        from gan_bench.sinks import SinkFailed, write

        problem: SinkFailed | None = None
        try:
            written = write(name, self._sinks[name], self._results, self._missing[name])
        except SinkFailed as error:
            problem, written = error, error.written
            self._reasons[name] = error.reason
            self._missing[name].difference_update(written.runs)
        else:
            self._reasons.pop(name, None)
            self._missing[name].clear()
        self._written[name].update(written.runs)
        for sentence in written.left_out:
            if sentence not in self._said:
                self._said.add(sentence)
                say(sentence)
        return problem
