"""The inputs of the two processes of a parity check, and the messages that they send."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from gan_bench.plugins.registry import Implementation
from gan_bench.recipe import Recipe, revalidated
from gan_bench.streams import Stream, generator
from gan_bench.system.models import Frozen
from gan_bench.trainer import Weights

Tensors = Mapping[str, NDArray[Any]]
Stage = Literal["held", "forward", "paired", "step", "unsupported"]


class ObserveRequest(Frozen):
    """The request to a child process."""

    implementation: Implementation
    recipe_values: dict[str, Any]
    device: str
    """The device's name in the child process."""
    seed: int
    batch_size: int = Field(ge=2)
    """Maximum batch size; a recipe that does not allow a smaller one keeps its own."""
    paired_steps: int = Field(ge=1)
    dataset: str


@dataclass(frozen=True)
class Message:
    """The results of one stage."""

    stage: Stage
    """``unsupported`` is always the last stage and has a ``reason``."""
    arrays: Tensors = field(default_factory=dict)
    """Arrays by name, or by ``<kind>.<name>`` if there are several kinds."""
    step: int = 0
    """Number of training steps so far."""
    reason: str = ""

    def group(self, kind: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of one kind, by name without the kind."""
        prefix = f"{kind}."
        return {
            name.removeprefix(prefix): array
            for name, array in self.arrays.items()
            if name.startswith(prefix)
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

    A sender waits until its messages are read, so two senders that are read in turn stay within
    one message of each other.
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


TEN_STEPS: Final = 10
_MEASURED_STEPS = (1, 10, 20, 50, 100, 200, 300)


def observed_recipe(recipe: Recipe, dtype: str, batch_size: int) -> Recipe:
    """Return the recipe with a dtype and, if it allows that, a limited batch size.

    Raises
    ------
    ValidationError
        The recipe does not allow the dtype.
    """
    with suppress(ValidationError):
        recipe = revalidated(recipe, batch_size=min(batch_size, recipe.batch_size))
    return revalidated(recipe, dtype=dtype)


def perturbed(weights: Weights, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return weights in which no tensor has trivial values, such as initial zeros.

    Biases of 0, gammas of 1 and initial moving statistics would hide that an implementation omits
    or swaps them. Kernels stay as they are.
    """
    changed = {}
    for index, name in enumerate(sorted(weights)):
        random = generator(seed, Stream.PARITY, index)
        tensor = np.asarray(weights[name], dtype=np.float32)
        match name.rpartition(".")[2]:
            case "bias" | "beta" | "moving_mean":
                shift = random.standard_normal(tensor.shape, dtype=np.float32)
                tensor = tensor + np.float32(0.1) * shift
            case "gamma" | "moving_variance":
                tensor = tensor * random.uniform(0.5, 1.5, tensor.shape).astype(np.float32)
        changed[name] = tensor
    return changed


def measured_steps(steps: int) -> list[int]:
    """Return the steps of a paired run at which weights are compared, including the last."""
    return sorted({step for step in _MEASURED_STEPS if step < steps} | {steps})
