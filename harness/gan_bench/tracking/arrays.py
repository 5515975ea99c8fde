"""Turns what a loop has, in any framework, into NumPy arrays: losses and samples."""

import re
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_bench.contract import ROUNDING, channels_last, grey_levels, to_array
from gan_bench.errors import UsageError
from gan_bench.recipe import ImageShape
from gan_bench.trainer import kind_of


class NotFinite(UsageError):
    """Samples are not finite numbers."""


def scalar(name: str, value: Any) -> float:
    """Return a loss, the mean of one with several elements.

    Raises
    ------
    UsageError
        It is no number.
    """
    if isinstance(value, float | int):
        try:
            return float(value)
        except OverflowError:  # a whole number beyond all floats
            return sys.float_info.max if value > 0 else -sys.float_info.max
    try:
        array = to_array(value)
    except UsageError:
        raise UsageError(f"The loss {name} is {kind_of(value)}; give step() a number.") from None
    if not array.size:
        raise UsageError(f"The loss {name} is an empty array; give step() a number.")
    return float(array) if array.ndim == 0 else float(array.mean(dtype=np.float64))


def on_gpu(value: Any) -> bool:
    """Whether a tensor of PyTorch or TensorFlow, or an array of JAX, lies on a GPU."""
    if callable(every_device := getattr(value, "devices", None)):
        places = [str(getattr(device, "platform", "")) for device in every_device()]
    else:
        places = [str(getattr(value, "device", ""))]
    return any(re.search("gpu|cuda|rocm", place.lower()) for place in places)


def samples_of(value: Any, count: int, shape: ImageShape) -> NDArray[np.uint8]:
    """Return samples as uint8 (count, height, width, channels).

    Floats become grey levels by clip(round(127.5 (x + 1)), 0, 255), as those of trainers do.

    Parameters
    ----------
    value
        uint8, or floats in [-1, 1]; NHWC or NCHW, and grey images also NHW.
    count
        The number of images; further ones are left out.
    shape
        (height, width, channels) of the data set's images.

    Raises
    ------
    NotFinite
        A number is not finite.
    UsageError
        They have another size, dtype or range, or are too few.
    """
    try:
        images = _as_nhwc(to_array(value), shape)
    except UsageError:
        raise UsageError(f"samples() got {kind_of(value)}; give it an array of images.") from None
    if images is None:
        size = " x ".join(map(str, shape))
        raise UsageError(
            f"samples() got an array of {np.shape(to_array(value))}; give it {count:,} images of "
            f"{size} (height, width, channels; the channels may also come first)."
        )
    if len(images) < count:
        raise UsageError(f"samples() got {len(images):,} images; give it {count:,}.")
    images = images[:count]
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    if images.dtype.kind != "f":
        raise UsageError(f"samples() got {images.dtype}; give it uint8, or floats from -1 to 1.")
    if not np.isfinite(images).all():
        raise NotFinite("The samples are not finite.")
    low, high = float(images.min()), float(images.max())
    if low < -1 - ROUNDING or high > 1 + ROUNDING:
        raise UsageError(
            f"samples() got floats from {low:.4g} to {high:.4g}; scale them to -1 to 1, or give it "
            "uint8."
        )
    return grey_levels(images)


def _as_nhwc(array: NDArray[Any], shape: ImageShape) -> NDArray[Any] | None:
    if array.shape[1:] == shape[:2] and shape[2] == 1:
        array = array[..., None]
    return channels_last(array, shape) if array.ndim == 4 else None
