"""Where a trainer's arithmetic happens and in which dtype, as TensorFlow and Keras take it."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from gan_bench.trainer import Unsupported, asked_precision
from gan_bench_keras.framework import FRAMEWORK


def device_name(name: str) -> str:
    """Return what TensorFlow calls a device; raise `Unsupported` where it is not there."""
    kind, _, index = name.partition(":")
    if kind == "cpu":
        return "/CPU:0"
    count = len(tf.config.list_logical_devices("GPU")) if kind == "cuda" else 0
    if int(index or 0) >= count:
        hint = f"; what it needs for them: {FRAMEWORK.gpu_install}" if kind == "cuda" else ""
        raise Unsupported(
            f"the device {name} was asked for, and TensorFlow has {count} such devices{hint}"
        )
    return f"/GPU:{int(index or 0)}"


def set_precision(device: str, dtype: str) -> None:
    """Let TensorFlow compute in the precision that the run asks for."""
    asked = asked_precision()
    if asked == "tf32" and (device == "cpu" or dtype != "float32"):
        raise Unsupported(
            f"the precision tf32 is of float32 on NVIDIA's GPUs, and this run is of {dtype} on "
            f"{device}"
        )
    # A worker's environment turns it off in NVIDIA's libraries; XLA has products of its own.
    tf.config.experimental.enable_tensor_float_32_execution(asked == "tf32")


@contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Let Keras take a dtype by default, for a while."""
    # Keras keeps learning rates, and casts Python floats, in its global floatx.
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])
