"""Which data sets there are, by name."""

import difflib
from typing import Protocol

from gan_bench.data.dataset import Dataset, DatasetStatus
from gan_bench.data.embedded import MNIST_5K
from gan_bench.data.mnist import MNIST
from gan_bench.errors import UsageError


class Source(Protocol):
    """What can load a data set."""

    def load(self) -> Dataset:
        """Load it, or raise `UsageError` with what to do."""
        ...

    def status(self) -> DatasetStatus:
        """Say whether it is here, without loading or downloading."""
        ...


SOURCES: dict[str, Source] = {
    "mnist-5k": MNIST_5K,
    "mnist": MNIST,
}
"""A new data set is one more row."""


def names() -> tuple[str, ...]:
    """Return the names that `load` knows."""
    return tuple(SOURCES)


def load(name: str) -> Dataset:
    """Load a data set by its name, downloading it if it is not on this machine.

    Raises
    ------
    UsageError
        No data set has this name, or its files are missing, damaged or other than published.
    """
    return _source(name).load()


def describe(name: str) -> DatasetStatus:
    """Say whether a data set is on this machine, without loading or downloading it.

    Raises
    ------
    UsageError
        No data set has this name.
    """
    return _source(name).status()


def _source(name: str) -> Source:
    if name in SOURCES:
        return SOURCES[name]
    close = difflib.get_close_matches(name.lower().replace("_", "-"), SOURCES, n=1)
    hint = f"; did you mean {close[0]}?" if close else "; use one of these."
    raise UsageError(f"There is no data set {name!r}, only {', '.join(SOURCES)}{hint}")
