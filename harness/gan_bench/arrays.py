"""Arrays in files, without pickle, whole or not at all."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_bench.atomic import write_atomically


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write one array as .npy."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_atomically(path, buffer.getvalue())


def write_images(path: Path, images: NDArray[np.uint8]) -> None:
    """Write images as .npz under the name ``images``."""
    buffer = io.BytesIO()
    np.savez(buffer, images=images)
    write_atomically(path, buffer.getvalue())
