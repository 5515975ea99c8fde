"""What gan-bench must know of Keras on TensorFlow before a process imports them."""

import sys
from typing import Any, ClassVar

import numpy as np

from gan_bench.trainer import Framework, GlobalGenerators, GpuWork


def environment(*, device: str, threads: int, deterministic: bool) -> dict[str, str]:
    """Return the variables that Keras and TensorFlow read."""
    return {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": str(threads),
    }


def gpus() -> int:
    """Return the number of GPUs that TensorFlow can use."""
    import tensorflow

    return len(tensorflow.config.list_physical_devices("GPU"))


def cuda() -> dict[str, str]:
    """Return the versions of CUDA and cuDNN that TensorFlow was built with."""
    import tensorflow

    built = tensorflow.sysconfig.get_build_info()
    return {name: built[f"{name}_version"] for name in ("cuda", "cudnn")}


def gpu_work(*, size: int, device: str) -> GpuWork:
    """Return squares of a matrix, in the precision that a trainer has set, and copies of it."""
    import tensorflow as tf

    kind, _, index = device.partition(":")
    place = tf.device("/CPU:0" if kind == "cpu" else f"/GPU:{int(index or 0)}")
    with place:
        matrix = tf.random.stateless_normal((size, size), (0, 0))

    def multiply(times: int) -> tf.Tensor:
        with place:
            for _ in range(times):
                made = tf.linalg.matmul(matrix, matrix)
            made[0, 0].numpy()  # a GPU does one after the other: this waits for all
        return made

    def copy(times: int) -> tf.Tensor:
        with place:
            for _ in range(times):
                copied = tf.raw_ops.DeepCopy(x=matrix)
            copied[0, 0].numpy()
        return copied

    return GpuWork(multiply, copy)


class TensorFlowGenerators(GlobalGenerators):
    """That of the seeds of single operations, and `tf.random.get_global_generator`.

    TensorFlow keeps the counters of `tf.random.normal` and the like in its kernels, where nothing
    can read them if they are part of a traced function.
    """

    module: ClassVar[str] = "tensorflow"

    def imported(self) -> bool:
        """Return whether TensorFlow is imported completely."""
        # Of an import that failed, only some modules are there.
        return {"tensorflow", _STATEFUL_OPS} <= sys.modules.keys()

    def seed(self, seed: int) -> None:
        """Seed the operations; the generator is made by `seed_late` or when it is first used."""
        sys.modules["tensorflow"].random.set_seed(int(_words(seed)[0]))
        sys.modules[_STATEFUL_OPS].global_generator = None

    def seed_late(self, seed: int) -> None:
        """Make and seed the generator, if a trainer has not made it."""
        # Not before: a generator initialises TensorFlow, which a trainer may still want to
        # configure.
        if _context()._initialized and sys.modules[_STATEFUL_OPS].global_generator is None:
            random = sys.modules["tensorflow"].random
            random.set_global_generator(random.Generator.from_seed(int(_words(seed)[1])))

    def state(self) -> tuple[Any, Any]:
        """Return the seed, the state of single operations, and the generator's state if any."""
        context, made = _context(), sys.modules[_STATEFUL_OPS].global_generator
        value = {"seed": context._seed, "operations": _operations(context)}
        return value | ({} if made is None else {"generator": made.state.numpy().tolist()}), made

    def restore(self, value: Any, kept: Any) -> None:
        """Restore the seed, the state of single operations, and the generator if there was one."""
        random, context = sys.modules["tensorflow"].random, _context()
        if value["seed"] is not None and (
            value["seed"] != context._seed
            or _as_lists(value["operations"]) != _as_lists(_operations(context))
        ):
            random.set_seed(value["seed"])  # kernels would go on counting
            version, numbers, gauss = value["operations"]
            context._rng.setstate((version, tuple(numbers), gauss))
        if "generator" in value:
            made = kept or sys.modules[_STATEFUL_OPS].global_generator
            kept = made or random.Generator.from_seed(0)
            kept.state.assign(value["generator"])
        sys.modules[_STATEFUL_OPS].global_generator = kept


class KerasGenerators(GlobalGenerators):
    """Keras' own, which draws its seed from Python's when it is first used."""

    module: ClassVar[str] = "keras"

    def imported(self) -> bool:
        """Return whether what keeps the generator is imported completely."""
        return hasattr(sys.modules.get(_KERAS_STATE), "get_global_attribute")

    def seed(self, seed: int) -> None:
        """Let the next be seeded by Python's."""
        sys.modules[_KERAS_STATE].set_global_attribute(_KERAS_GENERATOR, None)

    def state(self) -> tuple[Any, Any]:
        """Return the generator's state, None if there is none yet."""
        made = sys.modules[_KERAS_STATE].get_global_attribute(_KERAS_GENERATOR)
        return None if made is None else np.asarray(made.state).tolist(), made

    def restore(self, value: Any, kept: Any) -> None:
        """Restore the generator, or that there was none."""
        import keras

        state = sys.modules[_KERAS_STATE]
        if value is not None:
            made = kept or state.get_global_attribute(_KERAS_GENERATOR)
            kept = made or keras.random.SeedGenerator(0)
            kept.state.assign(value)
        state.set_global_attribute(_KERAS_GENERATOR, kept)


_STATEFUL_OPS = "tensorflow.python.ops.stateful_random_ops"
_KERAS_STATE = "keras.src.backend.common.global_state"
_KERAS_GENERATOR = "global_seed_generator"


def _words(seed: int) -> Any:
    return np.random.SeedSequence(seed).generate_state(4)


def _context() -> Any:
    return sys.modules["tensorflow.python.eager.context"].context()


def _operations(context: Any) -> Any:
    """Return the state of the generator of the seeds of single operations."""
    return None if context._seed is None else context._rng.getstate()


def _as_lists(state: Any) -> Any:
    return [list(part) if isinstance(part, tuple) else part for part in state or ()]


FRAMEWORK = Framework(
    packages=("tensorflow", "keras"),
    install="pip install 'tensorflow>=2.18' 'keras>=3.6'",
    gpu_install="pip install 'tensorflow[and-cuda]>=2.18'",
    module="tensorflow",
    environment=environment,
    gpus=gpus,
    cuda=cuda,
    gpu_work=gpu_work,
    generators=(TensorFlowGenerators(), KerasGenerators()),
    resume_hint=(
        "in a traced function draw from keras.random: no checkpoint can hold the counters of "
        "tf.random"
    ),
)
