"""Measures how far the weights, outputs and updates of two implementations differ."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gan_bench.parity.messages import Message, Tensors
from gan_bench.recipe import OPTIONAL_LOSSES
from gan_bench.results.certificate import BOUNDS, Figure, PairedRun, incomparable, measured
from gan_bench.trainer import is_trained

_ZERO = "zero in both: the exact gradient is zero"
_STAYS = "zero in both: it does not change"


def compare_held(names: tuple[str, str], reference: Message, other: Message) -> Iterator[Figure]:
    """Yield whether each implementation holds the recipe's initial weights bit for bit.

    They are compared with the recipe, not with each other: both could make the same mistake.
    """
    expected = reference.group("recipe")
    for name, message in zip(names, (reference, other), strict=True):
        yield _held(name, expected, message.group("held"))


def _held(name: str, expected: Tensors, held: Tensors) -> Figure:
    bound = BOUNDS.held_weights
    if expected.keys() != held.keys():
        first = sorted(expected.keys() ^ held.keys())[0]
        owner = "the recipe" if first in expected else name
        return incomparable("held weights", name, f"only {owner} has {first}", bound)
    gaps = {}
    for tensor, values in expected.items():
        problem = _mismatch(values, held[tensor])
        if problem is None and held[tensor].dtype != np.float32:
            problem = f"{held[tensor].dtype} instead of float32"
        if problem is not None:
            return incomparable("held weights", name, f"{tensor}: {problem}", bound)
        if held[tensor].tobytes() != values.tobytes():
            gaps[tensor] = _largest_gap(values, held[tensor])
    if not gaps:
        return measured("held weights", name, 0.0, bound)
    tensor = max(gaps, key=lambda key: np.nan_to_num(gaps[key], nan=np.inf))
    note = f"{tensor}, one of {len(gaps)} tensors" if len(gaps) > 1 else tensor
    # Equal values may have different bits: zeros of opposite sign.
    return measured("held weights", name, gaps[tensor], bound, note=note).model_copy(
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
            yield measured("forward", name, _largest_gap(values, other.arrays[name]), bound)


def compare_step(initial: Tensors, reference: Message, other: Message) -> Iterator[Figure]:
    """Yield the differences in losses and in each tensor's update since the start, after a step.

    The messages are of the stage ``step``.
    """
    step = reference.step
    yield from _losses(reference, other)
    first, second = reference.group("weights"), other.group("weights")
    if not initial.keys() == first.keys() == second.keys():
        odd = sorted((first.keys() ^ second.keys()) | (first.keys() ^ initial.keys()))[0]
        reason = "missing in the recipe or in an implementation"
        yield incomparable("updates", odd, reason, BOUNDS.updates, step)
        return
    comparable = []
    for name, start in initial.items():
        problem = (
            _mismatch(start, first[name])
            or _mismatch(first[name], second[name])
            or _not_float64(first[name], second[name])
        )
        if problem is None:
            comparable.append(name)
        else:
            yield incomparable("updates", name, problem, BOUNDS.updates, step)
    sizes = {name: norm(first[name], initial[name]) for name in comparable}
    floors = _zero_below(sizes)
    for name in comparable:
        if is_trained(name):
            floor, note = floors[name.partition(".")[0]], _ZERO
        else:
            floor, note = BOUNDS.zero_updates * norm(initial[name], np.zeros(1)), _STAYS
        # The second norm takes time to compute; it matters only if the first counts as zero.
        if sizes[name] <= floor and norm(second[name], initial[name]) <= floor:
            # Only rounding noise, which has an arbitrary direction.
            yield measured("updates", name, 0.0, BOUNDS.updates, step=step, note=note)
            continue
        gap = norm(first[name], second[name])
        value = 0.0 if gap == 0 else gap / sizes[name] if sizes[name] else np.inf
        yield measured("updates", name, value, BOUNDS.updates, step=step)


def _losses(reference: Message, other: Message) -> Iterator[Figure]:
    first, second = reference.group("losses"), other.group("losses")
    for name in [name for name in first if name in second]:
        problem = _mismatch(first[name], second[name])
        if problem is not None:
            yield incomparable("losses", name, problem, BOUNDS.losses, reference.step)
            continue
        gaps = np.abs(_as_float64(first[name]) - _as_float64(second[name]))
        value = float(np.max(gaps / np.maximum(1.0, np.abs(_as_float64(first[name])))))
        yield measured("losses", name, value, BOUNDS.losses, step=reference.step)


def _zero_below(sizes: Mapping[str, float]) -> dict[str, float]:
    """Return the norm up to which an update counts as zero, by network."""
    largest: dict[str, float] = {}
    for name, size in sizes.items():
        network = name.partition(".")[0]
        before = largest.get(network, 0.0)
        largest[network] = max(before, size) if is_trained(name) else before
    return {network: BOUNDS.zero_updates * size for network, size in largest.items()}


def norm(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the Euclidean norm of a difference, computed in float64."""
    return float(np.linalg.norm(_as_float64(first).ravel() - _as_float64(second).ravel()))


def _largest_gap(first: NDArray[Any], second: NDArray[Any]) -> float:
    return float(np.max(np.abs(_as_float64(first) - _as_float64(second)), initial=0.0))


def _as_float64(values: NDArray[Any]) -> NDArray[np.float64]:
    return values.astype(np.float64, copy=False)


def _not_float64(*tensors: NDArray[Any]) -> str | None:
    """Return why updates cannot be compared: rounded weights would hide deviations."""
    wrong = [tensor.dtype for tensor in tensors if tensor.dtype != np.float64]
    return f"{wrong[0]} instead of float64" if wrong else None


def _mismatch(first: NDArray[Any], second: NDArray[Any]) -> str | None:
    """Return why two arrays cannot be subtracted, None if they can."""
    if first.shape != second.shape:
        return f"shapes {first.shape} and {second.shape}"
    kinds = [array.dtype for array in (first, second) if array.dtype.kind not in "fiub"]
    return f"values of dtype {kinds[0]}" if kinds else None


THRESHOLDS: Final = ("1e-06", "1e-03", "1e-01")


class PairedRunComparison:
    """Compares a paired run message by message, so that only one message is in memory."""

    def __init__(self, *, batch_size: int, dropout: bool) -> None:
        self._batch_size = batch_size
        self._dropout = dropout
        self._steps = 0
        self._losses_apart: dict[str, int | None] = dict.fromkeys(THRESHOLDS)
        self._weights_apart: dict[int, float | None] = {}

    def add(self, reference: Message, other: Message) -> None:
        """Compare the current weights and the losses since the previous messages."""
        first, second = reference.group("losses"), other.group("losses")
        minimised = first.keys() - OPTIONAL_LOSSES
        gaps = np.max([_relative(first[name], second[name]) for name in minimised], axis=0)
        for threshold in THRESHOLDS:
            # NaN exceeds every threshold.
            exceeds = ~(gaps <= float(threshold))
            if self._losses_apart[threshold] is None and exceeds.any():
                self._losses_apart[threshold] = self._steps + int(np.argmax(exceeds)) + 1
        self._steps = reference.step
        weights = reference.group("weights"), other.group("weights")
        self._weights_apart[self._steps] = _distance(*weights)

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


def _relative(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    a, b = first.astype(np.float64), second.astype(np.float64)
    larger = np.maximum(np.abs(a), np.abs(b))
    return np.where(a == b, 0.0, np.abs(a - b) / np.where(larger > 0, larger, 1.0))


def _distance(first: Tensors, second: Tensors) -> float | None:
    names = [name for name in first if is_trained(name)]
    if any(name not in second or second[name].shape != first[name].shape for name in names):
        return None
    gaps = np.array([norm(first[name], second[name]) for name in names])
    sizes = np.array([norm(first[name], np.zeros(1)) for name in names])
    distance = np.linalg.norm(gaps) / np.linalg.norm(sizes)
    return float(distance) if np.isfinite(distance) else None
