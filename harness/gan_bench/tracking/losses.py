"""The losses of a tracked loop: what a step must hold, and their reading at the end of a chunk."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import UsageError
from gan_bench.recipe import LOSSES
from gan_bench.text import listed
from gan_bench.tracking.arrays import on_gpu, scalar
from gan_bench.trainer import losses_problem
from gan_bench.worker.progress import in_float32


class Losses:
    """The losses of all steps.

    Attributes
    ----------
    names
        Their names; none before the first step.
    table
        float32 (steps, losses); NaN where they have not been read.
    """

    def __init__(self, steps: int, names: tuple[str, ...] = ()) -> None:
        self._steps = steps
        self._waiting: list[list[Any]] = []
        self._take(names)

    def _take(self, names: tuple[str, ...]) -> None:
        self.names, self._keys = names, frozenset(names)
        self.table = np.full((self._steps, len(names)), np.nan, dtype=np.float32)

    @property
    def waiting(self) -> int:
        """The number of steps whose losses have not been read."""
        return len(self._waiting)

    def have(self, losses: Mapping[str, Any]) -> bool:
        """Return whether the losses of a step have the names of the steps before."""
        return bool(losses) and losses.keys() == self._keys

    def name(self, losses: Mapping[str, Any]) -> None:
        """Take the names of the first step's losses.

        Raises
        ------
        UsageError
            There is none, a name or what it names cannot be a loss, or other names are known.
        """
        if not losses:
            raise UsageError(
                "step() got no loss; give it the losses by name, such as step(generator=..., "
                "discriminator=...)."
            )
        if self.names:
            raise UsageError(
                f"step() got the losses {listed(list(losses))}, and {listed(self.names)} at the "
                "step before; give it the same at every step."
            )
        known = [name for name in LOSSES if name in losses]
        names = (*known, *(name for name in losses if name not in LOSSES))
        if problem := losses_problem(names):
            raise UsageError(f"step(): {problem}.")
        for name in names:
            scalar(name, losses[name])
        self._take(names)

    def add(self, losses: Mapping[str, Any]) -> None:
        """Keep the losses of a step until the end of the chunk.

        Raises
        ------
        UsageError
            One is no number.
        """
        row = []
        for name in self.names:
            loss = losses[name]
            if not isinstance(loss, float | int) and not hasattr(loss, "__array__"):
                scalar(name, loss)  # else the mistake would show at the end of the chunk
            row.append(loss.detach() if hasattr(loss, "detach") else loss)
        self._waiting.append(row)

    def read(self, first: int) -> NDArray[np.float64]:
        """Read the losses of a chunk from its first step on, which waits for the device.

        They wait until `end_chunk`, so that a reading that was interrupted can be repeated.
        """
        rows = [
            [scalar(name, value) for name, value in zip(self.names, row, strict=True)]
            for row in self._waiting
        ]
        exact = np.array(rows, dtype=np.float64)
        self.table[first : first + len(exact)] = in_float32(exact)
        return exact

    def end_chunk(self) -> None:
        """Drop what has been read."""
        self._waiting = []


def check_device(losses: Mapping[str, Any]) -> None:
    """Raise `UsageError` if a loss of a run on the CPU is on a GPU."""
    for name, loss in losses.items():
        if on_gpu(loss):
            raise UsageError(
                f"The loss {name} is on a GPU, and track() was told that the run is on the CPU: "
                'give it device="cuda".'
            )
