"""``gan_bench.score`` and what it returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from gan_bench.analysis.frames import typed, worded
from gan_bench.api.shared import command_of, console_for
from gan_bench.errors import UsageError
from gan_bench.metrics import DEFAULT, fid_name
from gan_bench.results.scores import Scores
from gan_bench.text import figure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gan_bench.scoring.images import ImageSet

    Images = str | Path | NDArray[np.uint8]


@dataclass(frozen=True, repr=False)
class ImageScores:
    """The scores of one set of images against another, as `gan_bench.score` returns them.

    Examples
    --------
    >>> scores = gan_bench.score("mnist-5k:test", "samples/")
    >>> scores.fid
    16.83
    >>> scores["coverage_lenet"], scores.table
    """

    files: tuple[Scores, ...]
    """One for each feature model, with protocol, floor and versions, as a results folder has it."""

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row for each value.

        ``low`` and ``high`` are the 95 % interval, ``floor`` the value of real images, and
        ``reason`` says why there is no value.
        """
        columns = (
            *("metric", "features", "value", "low", "high", "standard_error", "bias"),
            *("n_real", "n_fake", "reason"),
        )
        rows = [
            {name: getattr(score, name) for name in columns}
            | {"floor": file.floor.get(score.metric), "protocol": file.fingerprint}
            for file in self.files
            for score in file.scores
        ]
        order = [*columns[:5], "floor", *columns[5:], "protocol"]
        return typed(pd.DataFrame(rows, columns=order))

    @property
    def fid(self) -> float | None:
        """The FID with the first feature model; None if it was not computed."""
        return self._values.get(fid_name(self.files[0].protocol.features))

    def __getitem__(self, metric: str) -> float | None:
        """Return a value by the metric's name, such as ``fid_lenet``; None if it has none.

        Raises
        ------
        KeyError
            It was not computed.
        """
        return self._values[metric]

    @cached_property
    def _values(self) -> dict[str, float | None]:
        return {score.metric: score.value for file in self.files for score in file.scores}

    def __repr__(self) -> str:
        """Return one line with all values."""
        known = ", ".join(f"{name} {figure(value, 4)}" for name, value in self._values.items())
        return f"<gan_bench.ImageScores {known}>"

    def _repr_html_(self) -> str:
        """Return the table of values."""
        shown = ["metric", "value", "low", "high", "floor", "n_real", "n_fake"]
        return worded(self.table[shown]).to_html(index=False, border=0, na_rep="")


def score(
    real: "Images",
    fake: "Images",
    *,
    features: str | Sequence[str] = "lenet",
    metrics: str | Sequence[str] = DEFAULT,
    weights: str | Path | None = None,
    cache: bool = True,
    floor: bool = True,
    seed: int = 0,
    size: int | tuple[int, int] | None = None,
    channels: Literal[1, 3] | None = None,
    threads: int | None = None,
    results: str | Path | None = None,
    as_: str | None = None,
    progress: bool = True,
) -> ImageScores:
    """Score images against real ones, as ``gan-bench score REAL FAKE`` does.

    Parameters
    ----------
    real, fake
        Each a folder of images, an ``.npz`` or ``.npy`` file, ``"dataset:split"`` such as
        ``"mnist:test"`` or ``"mnist:test:1000"``, or an array: uint8, shape (n, height, width,
        channels), with 1 or 3 channels.
    features
        ``"lenet"``, ``"inception"`` or the path of an ``.onnx`` file, or several of them;
        ``"inception:2500"`` scores 2,500 images of each side.
    metrics
        Such as ``["fid", "prdc"]``.
    weights
        File of Inception's weights (default: search this machine, then download).
    cache
        Whether to keep features of reference images for the next time.
    floor
        Whether to compute the scores of real images, too.
    seed
        Of every random choice of images.
    size, channels
        Convert the images of both sides to this size, of a square or (height, width), and to grey
        (1) or RGB (3).
    threads
        Their number (default: all processors that can be used).
    results, as_
        Add the images to the report of this results folder, under this name.
    progress
        Whether to show how far it is.

    Returns
    -------
    ImageScores
        With ``fid``, a value for each metric, and ``table``, all of it as a frame.

    Raises
    ------
    UsageError
        A side or the features cannot be used.

    Examples
    --------
    >>> gan_bench.score("mnist-5k:test", "samples/", metrics=["fid", "prdc"])
    >>> images = generator(latents)  # uint8, (1000, 28, 28, 1)
    >>> gan_bench.score("mnist-5k:test", images).fid
    """
    command = command_of(score, locals())
    from gan_bench.cli.views.progress import ScoringProgress
    from gan_bench.data.folder_spec import parse_size
    from gan_bench.results.external import check_name
    from gan_bench.scoring.features import scoring_of
    from gan_bench.scoring.images import Conversion
    from gan_bench.scoring.score_pair import ExternalRow, score_pair
    from gan_bench.system.devices import default_threads

    if (results is None) != (as_ is None):
        raise UsageError(
            "Give results and as_ together: they name the images, and the results folder whose "
            "report shows them."
        )
    row = None
    if results is not None and as_ is not None:
        row = ExternalRow(Path(results), check_name(as_), command)
    sides = (size, size) if isinstance(size, int) else size
    chosen = None if sides is None else parse_size("x".join(map(str, sides)))
    with ScoringProgress(console_for(progress)) as shown:
        scored = score_pair(
            *(_images(real, "real"), _images(fake, "fake")),
            scoring_of(features, metrics, weights, cache),
            seed=seed,
            threads=default_threads() if threads is None else threads,
            floor=floor,
            say=shown.say,
            progress=shown,
            row=row,
            conversion=Conversion(chosen, channels),
        )
    return ImageScores(tuple(scored))


def _images(images: "Images", name: str) -> "str | ImageSet":
    from gan_bench.scoring.images import of_array

    return str(images) if isinstance(images, str | Path) else of_array(images, name)
