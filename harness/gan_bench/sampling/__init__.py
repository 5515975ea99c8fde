"""Images from the weights of a finished run."""

from pathlib import Path

from gan_bench.plan.spec import RunSpec
from gan_bench.system.models import Frozen


class SampleRequest(Frozen):
    """What the child is to sample."""

    spec: RunSpec
    checkpoint: Path
    """The trainer's folder in it."""
    step: int
    device: str
    """As the child calls it."""
    seed: int
    """Of the latents; the trainer has the run's own."""
    count: int
