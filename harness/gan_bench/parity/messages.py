"""Messages about an implementation's behaviour, and how they travel through a pipe."""

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
    """What the child process observes."""

    implementation: Implementation
    recipe_values: dict[str, Any]
    device: str
    """The device's name in the child process."""
    seed: int
    batch_size: int = Field(ge=2)
    """Maximum batch size; a recipe that does not allow it keeps its own."""
    paired_steps: int = Field(ge=1)


@dataclass(frozen=True)
class Message:
    """Results of one stage."""

    stage: Stage
    """``unsupported`` is the last one, with a ``reason``."""
    arrays: Tensors = field(default_factory=dict)
    """Arrays by name, or by ``<kind>.<name>`` if there are several kinds."""
    step: int = 0
    """Number of training steps so far."""
    reason: str = ""

    def of(self, kind: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of a kind, by name without the kind."""
        start = f"{kind}."
        return {
            name.removeprefix(start): array
            for name, array in self.arrays.items()
            if name.startswith(start)
        }


def send(pipe: IO[bytes], message: Message) -> None:
    """Write a message: a line of JSON, then the bytes of each array."""
    arrays = {name: np.ascontiguousarray(array) for name, array in message.arrays.items()}
    objects = [name for name, array in arrays.items() if array.dtype.hasobject]
    if objects:
        raise TypeError(f"{objects[0]} is an array of objects, not of numbers")
    kinds = [(name, array.dtype.str, message.arrays[name].shape) for name, array in arrays.items()]
    head = {"stage": message.stage, "step": message.step, "reason": message.reason, "arrays": kinds}
    pipe.write(json.dumps(head).encode() + b"\n")
    for array in arrays.values():
        pipe.write(_bytes(array))
    pipe.flush()


def receive(pipe: IO[bytes]) -> Iterator[Message]:
    """Yield messages until the sender ends; drop an incomplete one.

    A sender waits until its messages are read: two senders that are read in turn stay within one
    message of each other.
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
