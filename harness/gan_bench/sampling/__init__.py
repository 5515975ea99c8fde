"""Sampling images from a finished run's checkpoint."""

from pathlib import Path

from gan_bench.plan import RunSpec
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
