"""Data sets (uint8 NHWC images and labels), and the random inputs of each training step."""

from gan_bench.data.dataset import Dataset, DatasetStatus, Split, SplitName
from gan_bench.data.draws import batches, evaluation_latents, step_draws
from gan_bench.data.folder_spec import label, slug
from gan_bench.data.registry import (
    BUNDLED,
    bundled_shape,
    describe,
    load,
    load_unchanged,
    names,
)

__all__ = [
    "BUNDLED",
    "Dataset",
    "DatasetStatus",
    "Split",
    "SplitName",
    "batches",
    "bundled_shape",
    "describe",
    "evaluation_latents",
    "label",
    "load",
    "load_unchanged",
    "names",
    "slug",
    "step_draws",
]
