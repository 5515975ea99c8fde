"""How far two implementations stay together in an ordinary run: figures without a bound."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gan_bench.parity.compare import is_trained, norm
from gan_bench.parity.messages import Message, Tensors
from gan_bench.results.certificate import PairedRun

_MINIMISED = ("generator", "discriminator")
THRESHOLDS: Final = ("1e-06", "1e-03", "1e-01")


class PairedRunComparison:
    """Takes a paired run part by part, so that only one part's weights are in memory."""

    def __init__(self, *, batch_size: int, dropout: bool) -> None:
        self._batch_size = batch_size
        self._dropout = dropout
        self._steps = 0
        self._losses_apart: dict[str, int | None] = dict.fromkeys(THRESHOLDS)
        self._weights_apart: dict[int, float | None] = {}

    def add(self, reference: Message, other: Message) -> None:
        """Compare the losses since the last part and the weights at its end."""
        ours, theirs = reference.of("losses"), other.of("losses")
        relative = np.max([_relative(ours[name], theirs[name]) for name in _MINIMISED], axis=0)
        for threshold in THRESHOLDS:
            # A loss that is not a number is no nearer than any threshold.
            beyond = ~(relative <= float(threshold))
            if self._losses_apart[threshold] is None and beyond.any():
                self._losses_apart[threshold] = self._steps + int(np.argmax(beyond)) + 1
        self._steps = reference.step
        self._weights_apart[self._steps] = _distance(reference.of("weights"), other.of("weights"))

    def result(self) -> PairedRun | None:
        """Return the figures, None where nothing was compared."""
        if not self._weights_apart:
            return None
        return PairedRun(
            steps=self._steps,
            batch_size=self._batch_size,
            dropout=self._dropout,
            losses_apart=self._losses_apart,
            weights_apart=self._weights_apart,
        )


def _relative(ours: NDArray[np.floating], theirs: NDArray[np.floating]) -> NDArray[np.float64]:
    one, other = ours.astype(np.float64), theirs.astype(np.float64)
    greater = np.maximum(np.abs(one), np.abs(other))
    return np.where(one == other, 0.0, np.abs(one - other) / np.where(greater > 0, greater, 1.0))


def _distance(ours: Tensors, theirs: Tensors) -> float | None:
    names = [name for name in ours if is_trained(name)]
    if any(name not in theirs or theirs[name].shape != ours[name].shape for name in names):
        return None
    gaps = np.array([norm(ours[name], theirs[name]) for name in names])
    sizes = np.array([norm(ours[name], np.zeros(1)) for name in names])
    distance = np.linalg.norm(gaps) / np.linalg.norm(sizes)
    return float(distance) if np.isfinite(distance) else None
