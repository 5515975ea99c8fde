"""Folders of image files, for the tests of ``folder:PATH``."""

from pathlib import Path

import numpy as np
from PIL import Image

from onnx_features import write_means


def pixels(seed=0, shape=(6, 5)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_image(path: Path, array, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def write_images(folder: Path, count: int, shape=(6, 5), start=0) -> Path:
    for seed in range(start, start + count):
        write_image(folder / f"{seed:04d}.png", pixels(seed, shape))
    return folder


def any_size(folder, channels=3):
    """Return the options of a feature model for images of any size: the channels' means."""
    write_means(folder / "means.onnx", image=("n", "h", "w", channels))
    return "--features", "means.onnx"
