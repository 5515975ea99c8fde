"""Differentiable augmentation, framework-free: definition, conventions and a NumPy reference.

The functions are in NumPy what those of the same names are in a framework's ``augmentation.py``,
the reference of their tests. Translation and cutout are those of the code of Zhao et al. 2020,
"Differentiable augmentation for data-efficient GAN training"; their colour changes are left out.

Conventions
-----------
- Every image has numbers of its own, two in [0, 1) for each change: for its rows and its columns.
- A translation moves an image by whole pixels, down and right if positive, by as many as a share of
  its side at most. All moves are equally likely. What moves in is 0, grey in [-1, 1].
- A cutout sets a square to 0 whose side is a share of the image's. Its middle may be anywhere in
  the image, so that part of the square may be outside.
- Both are linear in the image. Its gradient is moved back, and 0 where the square is.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def pixels(side: int, share: float) -> int:
    """Return the share of a side, in whole pixels."""
    return int(side * share + 0.5)


def translated(images: Array, shifts: Array, share: float) -> Array:
    """Return images (n, side, side, channels), each moved as its ``shifts`` (n, 2) say."""
    side = images.shape[1]
    most = pixels(side, share)
    moves = np.minimum(np.floor(shifts * (2 * most + 1)).astype(int), 2 * most) - most
    moved = np.zeros_like(images)
    for image, made, (down, right) in zip(images, moved, moves, strict=True):
        for row in range(side):
            for column in range(side):
                if 0 <= row - down < side and 0 <= column - right < side:
                    made[row, column] = image[row - down, column - right]
    return moved


def cut_out(images: Array, cuts: Array, share: float) -> Array:
    """Return images (n, side, side, channels), each with a square of 0 as its ``cuts`` (n, 2) say.

    Of a square of an even side, the middle is the pixel below and right of its centre; it may also
    be just below or right of the image.
    """
    side = images.shape[1]
    length = pixels(side, share)
    middles = side + 1 - length % 2
    starts = np.minimum(np.floor(cuts * middles).astype(int), middles - 1) - length // 2
    made = images.copy()
    for image, (row, column) in zip(made, starts, strict=True):
        rows, columns = (slice(max(start, 0), max(start + length, 0)) for start in (row, column))
        image[rows, columns] = 0
    return made
