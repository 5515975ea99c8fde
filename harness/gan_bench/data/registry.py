"""Which data sets there are, by name."""

from pathlib import Path
from typing import Protocol

from gan_bench.data.dataset import Dataset, DatasetStatus
from gan_bench.data.folder import FolderDataset
from gan_bench.data.folder_spec import PREFIX, FolderName
from gan_bench.data.mnist_family import FASHION_MNIST, KMNIST, MNIST, MNIST_5K
from gan_bench.errors import UsageError
from gan_bench.system.files import is_folder
from gan_bench.text import did_you_mean


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
    "fashion-mnist": FASHION_MNIST,
    "kmnist": KMNIST,
}
"""A new data set is one more row; beside these, any folder of images is one."""


def names() -> tuple[str, ...]:
    """Return the names that `load` knows, beside ``folder:PATH``."""
    return tuple(SOURCES)


def load(name: str) -> Dataset:
    """Load a data set by its name, downloading it if it is not on this machine.

    Raises
    ------
    UsageError
        No data set has this name, or its files are missing, damaged, other than published, or
        not to be taken as one data set.
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
    if name.startswith(PREFIX):
        return FolderDataset(FolderName.parse(name))
    if is_folder(Path(name)):
        hint = f"did you mean {PREFIX}{name}?"
    else:
        hint = did_you_mean(name.lower().replace("_", "-"), SOURCES, "use one of these.")
    known = f"{', '.join(SOURCES)} and {PREFIX}PATH"
    raise UsageError(f"There is no data set {name!r}, only {known}; {hint}")
