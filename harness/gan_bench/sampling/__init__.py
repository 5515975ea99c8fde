"""Images from the weights of a finished run."""

from pathlib import Path

from gan_bench.plan import RunSpec
from gan_bench.system.models import Frozen


class SampleRequest(Frozen):
    """What the child process samples."""

    spec: RunSpec
    checkpoint: Path
    """The folder of the checkpoint that the trainer wrote."""
    step: int
    device: str
    """The device's name in the child process."""
    seed: int
    """Seed of the latents; the trainer uses the run's seed."""
    count: int
