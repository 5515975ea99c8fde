"""The folder that ``$GAN_BENCH_DATA`` names, with the user's copies of published data sets."""

import os
from pathlib import Path

from gan_bench.errors import UsageError

DATA_VARIABLE = "GAN_BENCH_DATA"
"""Environment variable: a folder with one folder of files for each data set."""
ALTERNATIVE = "or use --dataset mnist-5k, which comes with gan-bench"
"""The last remedy for a data set that is not on this machine."""


def data_root() -> Path | None:
    """Return the folder; None if the variable is not set.

    Raises
    ------
    UsageError
        The variable names no folder.
    """
    value = os.environ.get(DATA_VARIABLE, "")
    if not value:
        return None
    root = Path(value).expanduser()
    if not root.is_dir():
        raise UsageError(
            f"{DATA_VARIABLE} names {root}, which is not a folder; correct it or unset it."
        )
    return root


def not_in_root(name: str) -> str:
    """Say that the files of a data set are not in the folder, as a part of a sentence."""
    root = data_root()
    return f"{DATA_VARIABLE} is not set" if root is None else f"{root / name} has no files"
