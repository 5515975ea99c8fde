"""Snapshots, the saved samples of a run's evaluation points, and grids of their first images."""

import io
import re
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from gan_bench.errors import GanBenchError
from gan_bench.results.layout import RunFolder
from gan_bench.scoring.images import read_snapshot
from gan_bench.system.files import read_limited, write_atomically

SIDE = 8
"""Images per row and per column of a grid."""
GAP = 2
"""Pixels between two images."""
_GAP_VALUE = 128


def grid(images: NDArray[np.uint8], columns: int = SIDE, rows: int = SIDE) -> NDArray[np.uint8]:
    """Return the first images side by side, row by row; cells without an image are grey.

    Parameters
    ----------
    images
        uint8 (n, height, width, channels).
    columns, rows
        Number of images per row and per column.

    Returns
    -------
    NDArray
        uint8 (rows * (height + 2) - 2, columns * (width + 2) - 2, channels).
    """
    height, width, channels = images.shape[1:]
    shape = (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels)
    canvas = np.full(shape, _GAP_VALUE, dtype=np.uint8)
    for index, image in enumerate(images[: columns * rows]):
        top = index // columns * (height + GAP)
        left = index % columns * (width + GAP)
        canvas[top : top + height, left : left + width] = image
    return canvas


def grid_png(images: NDArray[np.uint8], columns: int = SIDE, rows: int = SIDE) -> bytes:
    """Return `grid` of uint8 (n, height, width, channels), channels 1 or 3, as a lossless PNG.

    Raises
    ------
    GanBenchError
        There are neither 1 nor 3 channels.
    """
    channels = images.shape[3]
    if channels not in (1, 3):
        raise GanBenchError(f"A grid needs images of 1 or 3 channels, these have {channels}.")
    canvas = grid(images, columns, rows)
    picture = Image.fromarray(canvas[:, :, 0] if channels == 1 else canvas)
    content = io.BytesIO()
    picture.save(content, format="PNG", optimize=True)
    return content.getvalue()


GREYS = 16
"""Grey levels that the eye does not miss in a grid; it then has about half as many bytes."""


def in_few_greys(image: Image.Image) -> bytes:
    """Return a grey image, of mode L, with `GREYS` evenly spaced levels as PNG."""
    shades = image.point([round((GREYS - 1) * value / 255) for value in range(256)])
    few = Image.frombytes("P", shades.size, shades.tobytes())
    few.putpalette([round(255 * shade / (GREYS - 1)) for shade in range(GREYS) for _ in "rgb"])
    content = io.BytesIO()
    few.save(content, format="PNG", optimize=True, bits=4)
    return content.getvalue()


def grid_problem(path: Path) -> str | None:
    """Return what is wrong with the file of a grid; None if nothing is."""
    try:
        with Image.open(io.BytesIO(read_limited(path)), formats=("PNG",)) as image:
            image.verify()
    except UnidentifiedImageError:
        return "it is no PNG file"
    except Exception as error:  # noqa: BLE001 - Pillow raises many types for damaged files
        return f"the PNG file is damaged ({error})"
    return None


def write_grid(path: Path, images: NDArray[np.uint8]) -> None:
    """Write `grid_png`, whose errors it raises, into a folder that must exist."""
    write_atomically(path, grid_png(images))


_NAME = re.compile(r"(\d{8,})\.npz")


def snapshot_paths(folder: RunFolder) -> dict[int, Path]:
    """Return the snapshots of a run by step, ascending; other files are ignored."""
    paths = {
        int(match.group(1)): path
        for path in folder.snapshots.glob("*.npz")
        if (match := _NAME.fullmatch(path.name))
    }
    return dict(sorted(paths.items()))


def keep_grids(folder: RunFolder, *, keep: Collection[int]) -> None:
    """Write a grid of every snapshot, and delete the snapshots before the last.

    Call it only when the scores of what it deletes are on the disk.

    Raises
    ------
    GanBenchError
        A snapshot cannot be read or made into a grid; it and the later ones are still there.
    """
    paths = snapshot_paths(folder)
    folder.grids.mkdir(exist_ok=True)
    for step, path in paths.items():
        grid = folder.grid(step)
        if not grid.exists():
            write_grid(grid, next(read_snapshot(path, SIDE * SIDE)))
        if step not in keep and step != max(paths):
            path.unlink()
