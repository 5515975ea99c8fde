"""Sinks: finished runs written for TensorBoard or MLflow, from their records and journals."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, get_args

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.results.sources import opened
from gan_bench.sinks.measured import Measured, measured_runs
from gan_bench.system.packages import check_packages

Name = Literal["tensorboard", "mlflow"]
NAMES: Final[tuple[Name, ...]] = get_args(Name)
_PACKAGES: Final[dict[Name, tuple[str, ...]]] = {
    "tensorboard": ("tensorboard",),
    "mlflow": ("mlflow", "sqlalchemy", "alembic"),
}
_TITLES: Final[dict[Name, str]] = {"tensorboard": "TensorBoard", "mlflow": "MLflow"}


class Sink(Protocol):
    """Where finished runs are written to."""

    @property
    def where(self) -> str:
        """The folder or address."""

    def check(self) -> None:
        """Raise any exception if nothing can be written there."""

    def write(self, run: Measured) -> None:
        """Write a run, in place of what was written of it before; raise any exception."""


@dataclass(frozen=True)
class Written:
    """What was written to a sink."""

    where: str
    runs: tuple[str, ...]
    """Their ids."""
    left_out: tuple[str, ...]
    """One sentence for each file that could not be read."""


class SinkFailed(GanBenchError):
    """A sink could not be written, or a run not be read."""

    def __init__(self, name: Name, reason: str, written: Written) -> None:
        super().__init__(
            f"The runs could not be written to {_TITLES[name]} at {written.where} ({reason}); the "
            f"results folder keeps them, and `gan-bench export --format {name}` writes them again."
        )
        self.reason = reason
        self.written = written
        """What was written before."""


def sink(name: Name, out: Path, uri: str | None = None) -> Sink:
    """Return a sink of a name.

    Parameters
    ----------
    name
        ``tensorboard`` or ``mlflow``.
    out
        Folder for TensorBoard's files, or for MLflow's store unless there is a ``uri``.
    uri
        Address of MLflow's store; None: that of ``MLFLOW_TRACKING_URI``, or the folder.

    Raises
    ------
    UsageError
        Its package is not installed.
    """
    check_packages(_TITLES[name], _PACKAGES[name], name)
    if name == "tensorboard":
        from gan_bench.sinks.tensorboard import TensorBoard

        return TensorBoard(out)
    from gan_bench.sinks.mlflow import MLflow

    return MLflow(out, uri)


def check(name: Name, checked: Sink) -> None:
    """Check that a sink can be written, before training starts.

    Raises
    ------
    UsageError
        It cannot.
    """
    try:
        checked.check()
    except Exception as error:  # a store raises errors of its database and of its connection
        raise UsageError(
            f"{_TITLES[name]} cannot write to {checked.where} ({_reason(error)}); name another "
            f"{'folder with --out' if name == 'tensorboard' else 'store with --mlflow-uri'}."
        ) from error


def write(name: Name, to: Sink, results: Path, only: Collection[str] | None = None) -> Written:
    """Write the finished runs of a results folder or an archive.

    ``only`` has the ids of the runs (default: all).

    Raises
    ------
    UsageError
        There is no such folder, or it has no finished run.
    SinkFailed
        The sink cannot be written, or a run not be read.
    """
    with opened([results]) as folder:
        loaded = folder.load(only)
        left_out = list(loaded.left_out)
        ids: list[str] = []
        try:
            for run in measured_runs(folder.path, loaded):
                to.write(run)
                left_out += map(folder.shown, run.left_out)
                ids.append(run.run_id)
        except Exception as error:
            written = Written(to.where, tuple(ids), tuple(left_out))
            raise SinkFailed(name, folder.shown(_reason(error)), written) from error
        if not ids and only is None:
            raise loaded.no_run(folder.path, "export")
    return Written(to.where, tuple(ids), tuple(left_out))


def _reason(error: Exception) -> str:
    """Return the first line of an error, which may have pages."""
    text = (getattr(error, "strerror", None) or str(error)).strip()
    line = text.splitlines()[0].rstrip(".") if text else type(error).__name__
    return line if len(line) <= 200 else f"{line[:197]}..."
