"""Random streams as pure functions of (seed, stream, index), the same in every process.

Counter-based Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): seed and
stream are the key, and the index is in the high half of the counter. Streams therefore never
overlap, and the numbers of any step can be drawn without those before it.

The harness itself draws from streams only. A trainer may draw from the global generators of its
libraries: these are seeded, kept in checkpoints, and restored after every other use.
"""

import contextlib
import hashlib
import importlib
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np


class Stream(IntEnum):
    """Purpose of a stream. Never change a number: it determines the results of runs."""

    BATCHES = 1
    TRAINING_LATENTS = 2
    EVALUATION_LATENTS = 3
    INITIAL_WEIGHTS = 4
    SCORING = 5
    CONFORMANCE = 6
    PARITY = 7


def stream_of(name: str) -> int:
    """Return the stream of a draw of a step by its name; never that of a `Stream` but latents'."""
    if name == "latents":
        return Stream.TRAINING_LATENTS
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) | 1 << 63


def generator(seed: int, stream: int, index: int = 0) -> np.random.Generator:
    """Return a generator whose numbers depend only on the three arguments.

    Parameters
    ----------
    seed
        0 <= seed < 2**64.
    stream
        Purpose of the numbers: a `Stream`, or that of a draw, see `stream_of`.
    index
        0 <= index < 2**64, such as a step, an epoch or a tensor.
    """
    key = np.array([seed, int(stream)], dtype=np.uint64)
    counter = np.array([0, 0, index, 0], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


@dataclass(frozen=True)
class GlobalState:
    """The state of the global generators of Python, NumPy, PyTorch, TensorFlow and Keras.

    Of the frameworks that this process has imported; PyTorch's includes those of the GPUs.
    TensorFlow keeps the counters of `tf.random.normal` and the like in its kernels, where nothing
    can read them if they are part of a traced function.
    """

    values: dict[str, Any]
    """Values that JSON can write."""
    _objects: dict[str, Any] = field(default_factory=dict)
    """Generators that traced functions refer to, so that they cannot be replaced."""

    @classmethod
    def now(cls) -> "GlobalState":
        """Return the current state."""
        values: dict[str, Any] = {
            "python": random.getstate(),
            "numpy": _plain(np.random.get_state(legacy=False)),
        }
        objects = {}
        if (torch := _imported("torch", "manual_seed")) is not None:
            states = [torch.get_rng_state()]
            if torch.cuda.is_initialized():
                states += torch.cuda.get_rng_state_all()
            values["torch"] = [state.numpy().tobytes().hex() for state in states]
        if (context := _tensorflow()) is not None:
            values["tensorflow"] = {"seed": context._seed, "operations": _operations(context)}
            objects["tensorflow"] = _stateful_ops().global_generator
            if objects["tensorflow"] is not None:
                values["tensorflow"]["generator"] = objects["tensorflow"].state.numpy().tolist()
        if (keras := _imported(_KERAS_STATE, "get_global_attribute")) is not None:
            objects["keras"] = keras.get_global_attribute(_KERAS_GENERATOR)
            if objects["keras"] is not None:
                values["keras"] = np.asarray(objects["keras"].state).tolist()
        return cls(values, objects)

    def restore(self) -> None:
        """Restore this state; frameworks that it has, and this process not yet, are imported."""
        version, numbers, gauss = self.values["python"]
        random.setstate((version, tuple(numbers), gauss))
        np.random.set_state(self.values["numpy"])
        if "torch" in self.values:
            torch = importlib.import_module("torch")
            states = [
                torch.frombuffer(bytearray.fromhex(state), dtype=torch.uint8)
                for state in self.values["torch"]
            ]
            torch.set_rng_state(states[0])
            if states[1:] and torch.cuda.is_available():
                for device in range(min(torch.cuda.device_count(), len(states) - 1)):
                    torch.cuda.set_rng_state(states[1 + device], device)
        if "tensorflow" in self.values:
            self._restore_tensorflow(importlib.import_module("tensorflow"))
        keras = _imported(_KERAS_STATE, "get_global_attribute")
        if "keras" in self.values:
            seeds = importlib.import_module("keras").random
            keras = sys.modules[_KERAS_STATE]
            made = self._objects.get("keras") or keras.get_global_attribute(_KERAS_GENERATOR)
            made = made or seeds.SeedGenerator(0)
            made.state.assign(self.values["keras"])
            keras.set_global_attribute(_KERAS_GENERATOR, made)
        elif keras is not None and "keras" in self._objects:
            keras.set_global_attribute(_KERAS_GENERATOR, None)

    def _restore_tensorflow(self, tensorflow: Any) -> None:
        state, context = self.values["tensorflow"], _tensorflow()
        if state["seed"] is not None and (
            state["seed"] != context._seed
            or _as_lists(state["operations"]) != _as_lists(_operations(context))
        ):
            tensorflow.random.set_seed(state["seed"])  # kernels would go on counting
            version, numbers, gauss = state["operations"]
            context._rng.setstate((version, tuple(numbers), gauss))
        made = self._objects.get("tensorflow", _stateful_ops().global_generator)
        if "generator" in state:
            if made is None:
                made = tensorflow.random.Generator.from_seed(0)
            made.state.assign(state["generator"])
        _stateful_ops().global_generator = made


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators of all imported libraries, for what is built in this context."""
    words = np.random.SeedSequence(seed).generate_state(4)
    random.seed(seed)
    np.random.seed(words)
    if (torch := _imported("torch", "manual_seed")) is not None:
        torch.manual_seed(seed)
    if (context := _tensorflow()) is not None:
        sys.modules["tensorflow"].random.set_seed(int(words[0]))
        _stateful_ops().global_generator = None
    if (keras := _imported(_KERAS_STATE, "get_global_attribute")) is not None:
        keras.set_global_attribute(_KERAS_GENERATOR, None)  # the next is seeded by Python's
    yield
    # Not before: a generator initialises TensorFlow, which a trainer may still want to configure.
    context = _tensorflow()
    if context is not None and context._initialized and _stateful_ops().global_generator is None:
        tensorflow = importlib.import_module("tensorflow")
        generator = tensorflow.random.Generator.from_seed(int(words[1]))
        tensorflow.random.set_global_generator(generator)


_STATEFUL_OPS = "tensorflow.python.ops.stateful_random_ops"
_KERAS_STATE = "keras.src.backend.common.global_state"
_KERAS_GENERATOR = "global_seed_generator"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _imported(name: str, attribute: str) -> Any:
    """Return a module that is imported completely, else None."""
    module = sys.modules.get(name)
    return module if hasattr(module, attribute) else None


def _tensorflow() -> Any:
    """Return TensorFlow's context, None if it is not imported."""
    # Of an import that failed, only some modules are there.
    if not {"tensorflow", _STATEFUL_OPS} <= sys.modules.keys():
        return None
    return sys.modules["tensorflow.python.eager.context"].context()


def _stateful_ops() -> Any:
    return sys.modules[_STATEFUL_OPS]


def _operations(context: Any) -> Any:
    """Return the state of the generator of the seeds of single operations."""
    return None if context._seed is None else context._rng.getstate()


def _as_lists(state: Any) -> Any:
    return [list(part) if isinstance(part, tuple) else part for part in state or ()]
