"""Data: uint8 NHWC images with an identity, and which images and latents each step is given."""

from gan_bench.data.dataset import Dataset, DatasetStatus, Split, SplitName
from gan_bench.data.draws import LatentDistribution, batches, evaluation_latents, training_latents
from gan_bench.data.folder_spec import label, slug
from gan_bench.data.registry import describe, load, load_unchanged, names

__all__ = [
    "Dataset",
    "DatasetStatus",
    "LatentDistribution",
    "Split",
    "SplitName",
    "batches",
    "describe",
    "evaluation_latents",
    "label",
    "load",
    "load_unchanged",
    "names",
    "slug",
    "training_latents",
]
