"""The requests to the child processes that sample, export, and let generators make images."""

from pathlib import Path

from gan_bench.plan import RunSpec
from gan_bench.recipe import LatentDistribution
from gan_bench.system.models import Frozen


class SampleRequest(Frozen):
    """The request to the child process."""

    spec: RunSpec
    checkpoint: Path
    """The folder that the trainer wrote for the checkpoint."""
    step: int
    device: str
    """The device's name in the child process."""
    seed: int
    """Seed of the latents; the trainer uses the run's seed."""
    count: int
    label: int | None = None
    """The class of all samples of a conditional recipe; None: the classes in turn."""


class ExportRequest(SampleRequest):
    """The request to the child process that writes the sampler's network into a file."""

    run_id: str
    file: Path
    """The file, with the suffix ``.safetensors`` or ``.onnx``."""


class GeneratorRequest(Frozen):
    """The request to the child process that lets a generator make images."""

    generator: str
    """An ``.onnx`` or ``.pt2`` file, ``file.py:factory`` or ``module:factory``."""
    latent: tuple[int, ...] | None
    """The shape of one latent; None: the file says it."""
    distribution: LatentDistribution | None
    """Distribution of the latents; None: as the file says, else normal."""
    seed: int
    """Seed of the latents."""
    count: int
    batch: int
    classes: int | None
    """Number of classes, which a conditional generator gets in turn; None: as the file says, else
    it gets no labels."""
    shape: tuple[int, int, int] | None
    """(height, width, channels) of the images; None: any size with 1 or 3 channels."""
    device: str
    """The device's name in the child process."""
    threads: int
    images: Path
    """The ``.npy`` file to write, uint8 NHWC."""
