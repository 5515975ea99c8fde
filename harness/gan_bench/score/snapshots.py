"""Snapshots on the disk: the samples of a run's evaluation points, as its worker saved them."""

import re
from pathlib import Path

from gan_bench.folders import RunFolder
from gan_bench.score.grid import SIDE, write_grid
from gan_bench.score.images import read_snapshot

_NAME = re.compile(r"(\d{8,})\.npz")


def snapshot_paths(folder: RunFolder) -> dict[int, Path]:
    """Return the whole snapshots of a run by step, ascending; other files are passed over."""
    found = {
        int(match.group(1)): path
        for path in folder.snapshots.glob("*.npz")
        if (match := _NAME.fullmatch(path.name))
    }
    return dict(sorted(found.items()))


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
            write_grid(grid, next(read_snapshot(path, SIDE * SIDE)))
        if not keep_samples and step != max(paths):
            path.unlink()
