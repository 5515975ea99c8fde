"""The real images that stand beside samples."""

import numpy as np
from PIL import Image

from gan_bench import data
from gan_bench.errors import GanBenchError
from gan_bench.report.pictures import Names, Picture, png_of
from gan_bench.score.grid import grid


def data_on_this_machine(dataset: str, data_sha256: str, notes: list[str]) -> data.Dataset | None:
    """Return the data that runs were trained on, or None with a note why it cannot be shown.

    A report downloads nothing.
    """
    label = data.label(dataset)
    try:
        if not data.describe(dataset).available:
            notes.append(f"No real images are shown: {label} is not on this machine.")
            return None
        loaded = data.load(dataset)
    except GanBenchError as error:
        notes.append(f"No real images are shown: {error}")
        return None
    if loaded.sha256 != data_sha256:
        notes.append(f"No real images are shown: {label} has other content on this machine.")
        return None
    return loaded


def real_grid(loaded: data.Dataset, names: Names) -> Picture:
    """Return the first 64 test images as a grid like those of the samples."""
    label = data.label(loaded.name)
    canvas = np.ascontiguousarray(grid(loaded.test.images))
    image = Image.fromarray(canvas[:, :, 0] if canvas.shape[2] == 1 else canvas)
    return Picture(
        name=names("real", label),
        png=png_of(image),
        alt=f"The first 64 test images of {label}, 8 by 8.",
        width=image.width,
        height=image.height,
        caption=f"Real test images of {label}",
    )
