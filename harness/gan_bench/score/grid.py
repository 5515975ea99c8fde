"""Sample grids: the first images of a snapshot in one PNG, 8 by 8 unless asked otherwise."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan_bench.atomic import write_atomically
from gan_bench.errors import GanBenchError

SIDE = 8
"""Images in a row and in a column."""
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
        How many there are in a row and in a column.

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
    """Return `grid` as a lossless PNG.

    Parameters
    ----------
    images
        uint8 (n, height, width, channels) with one channel (grey) or three (RGB).
    columns, rows
        See `grid`.

    Raises
    ------
    GanBenchError
        There are other numbers of channels.
    """
    channels = images.shape[3]
    if channels not in (1, 3):
        raise GanBenchError(f"A grid needs images of 1 or 3 channels, these have {channels}.")
    canvas = grid(images, columns, rows)
    picture = Image.fromarray(canvas[:, :, 0] if channels == 1 else canvas)
    content = io.BytesIO()
    picture.save(content, format="PNG", optimize=True)
    return content.getvalue()


def write_grid(path: Path, images: NDArray[np.uint8]) -> None:
    """Write `grid_png` into a folder that must exist."""
    write_atomically(path, grid_png(images))
