"""What an implementation was seen to do, part by part, and how parts travel through a pipe."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gan_bench.plugins.registry import Implementation
from gan_bench.system.models import Frozen

Tensors = Mapping[str, NDArray[Any]]
Stage = Literal["held", "forward", "paired", "step", "unsupported"]


class ObserveRequest(Frozen):
    """What the child is to observe."""

    implementation: Implementation
    recipe_values: dict[str, Any]
    device: str
    """As the child calls it."""
    seed: int
    batch_size: int = Field(ge=2)
    """At most; a recipe that does not allow it keeps its own."""
    paired_steps: int = Field(ge=1)


@dataclass(frozen=True)
class Message:
    """One thing that an implementation did."""

    stage: Stage
    """``unsupported`` says why there are no further parts."""
    arrays: Tensors = field(default_factory=dict)
    """By name; ``<kind>.<name>`` where a part holds several kinds."""
    step: int = 0
    """The training steps done by then."""
    reason: str = ""

    def of(self, kind: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of a kind by their names without it."""
        start = f"{kind}."
        return {
            name.removeprefix(start): array
            for name, array in self.arrays.items()
            if name.startswith(start)
        }


def send(pipe: IO[bytes], part: Message) -> None:
    """Write a part: a line of JSON that describes it, then each array's bytes."""
    arrays = {name: np.ascontiguousarray(array) for name, array in part.arrays.items()}
    objects = [name for name, array in arrays.items() if array.dtype.hasobject]
    if objects:
        raise TypeError(f"{objects[0]} is an array of objects, not of numbers")
    kinds = [(name, array.dtype.str, part.arrays[name].shape) for name, array in arrays.items()]
    head = {"stage": part.stage, "step": part.step, "reason": part.reason, "arrays": kinds}
    pipe.write(json.dumps(head).encode() + b"\n")
    for array in arrays.values():
        pipe.write(_bytes(array))
    pipe.flush()


def receive(pipe: IO[bytes]) -> Iterator[Message]:
    """Yield the parts until the sender ends; one that it did not finish is left out.

    A sender waits until its parts are read, so that two senders that are read in turn stay within
    one part of each other, and neither fills a disk.
    """
    while (line := pipe.readline()).endswith(b"\n"):
        head = json.loads(line)
        arrays = {}
        for name, dtype, shape in head["arrays"]:
            arrays[name] = np.empty(shape, np.dtype(dtype))
            content = _bytes(arrays[name])
            if cast(io.BufferedReader, pipe).readinto(content) < len(content):
                return
        yield Message(cast(Stage, head["stage"]), arrays, head["step"], head["reason"])


def _bytes(array: NDArray[Any]) -> memoryview:
    """Return the memory of a contiguous array."""
    return array.reshape(-1).view(np.uint8).data
