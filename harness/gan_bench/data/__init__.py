"""Data: uint8 NHWC images with an identity, and which images and latents each step is given."""

from gan_bench.data.batches import batches
from gan_bench.data.catalogue import describe, load, names
from gan_bench.data.dataset import Dataset, DatasetStatus, Split
from gan_bench.data.latents import LatentDistribution, evaluation_latents, training_latents

__all__ = [
    "Dataset",
    "DatasetStatus",
    "LatentDistribution",
    "Split",
    "batches",
    "describe",
    "evaluation_latents",
    "load",
    "names",
    "training_latents",
]
