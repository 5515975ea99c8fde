"""Data: uint8 NHWC images with an identity, and which images and latents each step is given."""

from gan_bench.data.batches import batches
from gan_bench.data.catalogue import describe, load, names
from gan_bench.data.dataset import Dataset, DatasetStatus, Split, SplitName
from gan_bench.data.folder_name import label, slug
from gan_bench.data.latents import LatentDistribution, evaluation_latents, training_latents

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
    "names",
    "slug",
    "training_latents",
]
