"""Measures how far the weights, outputs and updates of two implementations differ."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gan_bench.parity.messages import Message, Tensors
from gan_bench.results.certificate import BOUNDS, Figure, PairedRun, incomparable, measured

_ZERO = "zero in both: its gradient vanishes by arithmetic"


def is_trained(name: str) -> bool:
    """Return whether an optimiser updates a tensor; moving statistics are not trained."""
    return not name.rpartition(".")[2].startswith("moving_")


def compare_held(names: tuple[str, str], reference: Message, other: Message) -> Iterator[Figure]:
    """Yield whether each holds, to the bit, the initial weights that the reference's recipe gives.

    Against the recipe and not against each other: two may share a mistake.
    """
    expected = reference.of("recipe")
    for name, part in zip(names, (reference, other), strict=True):
        yield _held(name, expected, part.of("held"))


def _held(name: str, expected: Tensors, held: Tensors) -> Figure:
    bound = BOUNDS.held_weights
    if expected.keys() != held.keys():
        first = sorted(expected.keys() ^ held.keys())[0]
        who = "the recipe" if first in expected else name
        return incomparable("held weights", name, f"only {who} has {first}", bound)
    gaps = {}
    for tensor, values in expected.items():
        problem = _mismatch(values, held[tensor])
        if problem is None and held[tensor].dtype != np.float32:
            problem = f"{held[tensor].dtype} where the run is in float32"
        if problem is not None:
            return incomparable("held weights", name, f"{tensor}: {problem}", bound)
        if held[tensor].tobytes() != values.tobytes():
            gaps[tensor] = _greatest(values, held[tensor])
    if not gaps:
        return measured("held weights", name, 0.0, bound)
    tensor = max(gaps, key=lambda key: np.nan_to_num(gaps[key], nan=np.inf))
    many = f"{tensor}, one of {len(gaps)} tensors" if len(gaps) > 1 else tensor
    # Equal values may have different bits: zeros of opposite sign.
    return measured("held weights", name, gaps[tensor], bound, note=many).model_copy(
        update={"passed": False}
    )


def compare_forward(reference: Message, other: Message) -> Iterator[Figure]:
    """Yield max |difference| of G(z) and D(x) in both modes, and of the samples."""
    for name, values in reference.arrays.items():
        bound = BOUNDS.samples if name == "samples" else BOUNDS.forward
        problem = _mismatch(values, other.arrays[name])
        if problem is not None:
            yield incomparable("forward", name, problem, bound)
        else:
            yield measured("forward", name, _greatest(values, other.arrays[name]), bound)


def compare_step(initial: Tensors, reference: Message, other: Message) -> Iterator[Figure]:
    """Yield how far losses and every tensor's update since the start are apart after a step.

    Parameters
    ----------
    initial
        The weights before the first step.
    reference, other
        Parts of the stage ``step``.
    """
    step = reference.step
    yield from _losses(reference, other)
    ours, theirs = reference.of("weights"), other.of("weights")
    if not initial.keys() == ours.keys() == theirs.keys():
        odd = sorted((ours.keys() ^ theirs.keys()) | (ours.keys() ^ initial.keys()))[0]
        yield incomparable("updates", odd, "not all have this tensor", BOUNDS.updates, step)
        return
    comparable = []
    for name, start in initial.items():
        problem = (
            _mismatch(start, ours[name])
            or _mismatch(ours[name], theirs[name])
            or _not_float64(ours[name], theirs[name])
        )
        if problem is None:
            comparable.append(name)
        else:
            yield incomparable("updates", name, problem, BOUNDS.updates, step)
    sizes = {name: norm(ours[name], initial[name]) for name in comparable}
    floors = _zero_below(sizes)
    for name in comparable:
        floor = floors[name.partition(".")[0]] if is_trained(name) else 0.0
        # Computing the other's norm takes time; it matters only if the reference's is zero.
        if sizes[name] <= floor and norm(theirs[name], initial[name]) <= floor:
            # Only rounding noise: the direction of the update has no meaning.
            yield measured("updates", name, 0.0, BOUNDS.updates, step=step, note=_ZERO)
            continue
        gap = norm(ours[name], theirs[name])
        value = 0.0 if gap == 0 else gap / sizes[name] if sizes[name] else np.inf
        yield measured("updates", name, value, BOUNDS.updates, step=step)


def _losses(reference: Message, other: Message) -> Iterator[Figure]:
    ours, theirs = reference.of("losses"), other.of("losses")
    for name in [name for name in ours if name in theirs]:
        problem = _mismatch(ours[name], theirs[name])
        if problem is not None:
            yield incomparable("losses", name, problem, BOUNDS.losses, reference.step)
            continue
        apart = np.abs(_wide(ours[name]) - _wide(theirs[name]))
        value = float(np.max(apart / np.maximum(1.0, np.abs(_wide(ours[name])))))
        yield measured("losses", name, value, BOUNDS.losses, step=reference.step)


def _zero_below(sizes: Mapping[str, float]) -> dict[str, float]:
    """Return the norm up to which an update counts as zero, by network."""
    greatest: dict[str, float] = {}
    for name, size in sizes.items():
        network = name.partition(".")[0]
        least = greatest.get(network, 0.0)
        greatest[network] = max(least, size) if is_trained(name) else least
    return {network: BOUNDS.zero_updates * size for network, size in greatest.items()}


def norm(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the Euclidean norm of a difference, computed in float64."""
    return float(np.linalg.norm(_wide(one).ravel() - _wide(other).ravel()))


def _greatest(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.max(np.abs(_wide(one) - _wide(other)), initial=0.0))


def _wide(values: NDArray[Any]) -> NDArray[np.float64]:
    return values.astype(np.float64, copy=False)


def _not_float64(*tensors: NDArray[Any]) -> str | None:
    """Return why updates cannot be compared: rounded weights hide deviations."""
    other = [tensor.dtype for tensor in tensors if tensor.dtype != np.float64]
    return f"{other[0]} where the run is in float64" if other else None


def _mismatch(one: NDArray[Any], other: NDArray[Any]) -> str | None:
    """Return why two arrays cannot be subtracted, None if they can."""
    if one.shape != other.shape:
        return f"shapes {one.shape} and {other.shape}"
    kinds = [array.dtype for array in (one, other) if array.dtype.kind not in "fiub"]
    return f"values of dtype {kinds[0]}" if kinds else None


_MINIMISED = ("generator", "discriminator")
THRESHOLDS: Final = ("1e-06", "1e-03", "1e-01")


class PairedRunComparison:
    """Compares a paired run message by message, to keep only one message in memory."""

    def __init__(self, *, batch_size: int, dropout: bool) -> None:
        self._batch_size = batch_size
        self._dropout = dropout
        self._steps = 0
        self._losses_apart: dict[str, int | None] = dict.fromkeys(THRESHOLDS)
        self._weights_apart: dict[int, float | None] = {}

    def add(self, reference: Message, other: Message) -> None:
        """Compare the losses since the last message and the current weights."""
        ours, theirs = reference.of("losses"), other.of("losses")
        relative = np.max([_relative(ours[name], theirs[name]) for name in _MINIMISED], axis=0)
        for threshold in THRESHOLDS:
            # NaN is beyond every threshold.
            beyond = ~(relative <= float(threshold))
            if self._losses_apart[threshold] is None and beyond.any():
                self._losses_apart[threshold] = self._steps + int(np.argmax(beyond)) + 1
        self._steps = reference.step
        self._weights_apart[self._steps] = _distance(reference.of("weights"), other.of("weights"))

    def result(self) -> PairedRun | None:
        """Return the figures, None if nothing was compared."""
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
