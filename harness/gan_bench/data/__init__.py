"""Data sets (uint8 NHWC images and labels), and the batches and latents of each training step."""

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
