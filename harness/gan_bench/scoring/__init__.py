"""Scoring: how good the samples of a run are, computed from the saved uint8 images alone.

It runs in a child process that imports no framework, ``python -P -m gan_bench.scoring``, which
`gan_bench.system.child.ask` asks to do a `ScoringRequest`.
"""

from pathlib import Path

from gan_bench.data import SplitName
from gan_bench.scoring.features import FeatureChoice
from gan_bench.system.models import Frozen


class ScoringTask(Frozen):
    """Metrics to compute with a feature model on the snapshots of some steps."""

    features: FeatureChoice
    metrics: tuple[str, ...]
    """Words of `gan_bench.metrics.METRICS`."""
    steps: tuple[int, ...]


class ScoringRequest(Frozen):
    """The work of one scoring process, with all that it needs to know about the run."""

    run: Path
    """The folder of the run."""
    tasks: tuple[ScoringTask, ...]
    """Tasks with the same features."""
    dataset: str
    data_sha256: str
    """The sha256 of the data set when the run was planned."""
    train_splits: tuple[SplitName, ...] = ("train",)
    conditional: bool = False
    """Whether the samples were asked for by class."""
    samples: int
    """Number of images in a snapshot."""
    weights: Path | None = None
    """File of Inception's weights; None: the published ones."""
    threads: int = 1
    cache: bool = True
    """Whether to use the reference cache."""
