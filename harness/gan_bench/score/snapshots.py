"""Snapshots on the disk: the samples of a run's evaluation points, as its worker saved them."""

import re
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from gan_bench.errors import GanBenchError
from gan_bench.folders import RunFolder
from gan_bench.score.grid import write_grid

_NAME = re.compile(r"(\d{8,})\.npz")


def snapshot_paths(folder: RunFolder) -> dict[int, Path]:
    """Return the whole snapshots of a run by step, ascending; other files are passed over."""
    found = {
        int(match.group(1)): path
        for path in folder.snapshots.glob("*.npz")
        if (match := _NAME.fullmatch(path.name))
    }
    return dict(sorted(found.items()))


def read_snapshot(path: Path) -> NDArray[np.uint8]:
    """Return a snapshot's samples, uint8 (n, height, width, channels).

    Raises
    ------
    GanBenchError
        The file is damaged or holds something else.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, NpzFile):
            raise ValueError("it is no .npz archive")
        with archive:
            images: NDArray[np.generic] = archive["images"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise GanBenchError(
            f"The snapshot {path.name} is damaged ({_sentence(error)}): run the training again."
        ) from error
    if images.dtype != np.uint8 or images.ndim != 4:
        raise GanBenchError(
            f"The snapshot {path.name} holds {images.dtype} {images.shape} "
            "instead of uint8 (n, height, width, channels): check what wrote it."
        )
    return images.astype(np.uint8, copy=False)


def keep_grids(folder: RunFolder, *, keep_samples: bool) -> None:
    """Write a grid of every snapshot and delete the snapshots before the last.

    Call it only when their scores are safely on the disk.

    Parameters
    ----------
    folder
        The run's files.
    keep_samples
        Whether to delete nothing.

    Raises
    ------
    GanBenchError
        A snapshot cannot be read or drawn; it and the later ones are still there.
    """
    paths = snapshot_paths(folder)
    folder.grids.mkdir(exist_ok=True)
    for step, path in paths.items():
        grid = folder.grids / f"{step:08d}.png"
        if not grid.exists():
            write_grid(grid, read_snapshot(path))
        if not keep_samples and step != max(paths):
            path.unlink()


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
