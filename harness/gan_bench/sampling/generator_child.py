"""The child process in which a generator makes images; the parent loads no generator."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from math import prod
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gan_bench.contract import ROUNDING, channels_last, grey_levels, to_array
from gan_bench.data.draws import latent_batches
from gan_bench.errors import UsageError
from gan_bench.plugins.frameworks import seeded
from gan_bench.sampling import LARGEST_LATENT
from gan_bench.sampling.load_generator import Generator, load_generator
from gan_bench.sampling.requests import GeneratorRequest
from gan_bench.scoring.images import size_text
from gan_bench.system.child import Say, reply
from gan_bench.trainer import kind_of
from gan_bench.worker.failure import failure_reason

_SAY_EVERY_S = 1.0
_LARGEST_BATCH = 100_000


def answer(content: bytes, say: Say) -> list[str]:
    """Write the images; return sentences on what may be wrong with them."""
    request = GeneratorRequest.model_validate_json(content)
    with seeded(request.seed):  # a factory may draw random weights
        generator = load_generator(request)
    latent = _latent(generator, request)
    lowest = np.inf
    with contextlib.ExitStack() as stack:
        file: IO[bytes] | None = None
        shape: tuple[int, ...] = ()
        done, said = 0, time.monotonic()
        for latents, labels, wanted in _batches(generator, latent, request):
            images, low = generated(generator, request, latents, *labels)
            if file is None:
                shape = images.shape[1:]
                file = stack.enter_context(_new_file(request, shape))
            elif images.shape[1:] != shape:
                raise UsageError(
                    f"{request.generator} makes images of {size_text(images.shape[1:])} after "
                    f"images of {size_text(shape)}: all of them must have one size."
                )
            _write(file, images[:wanted], request)
            lowest = min(lowest, low)
            done += wanted
            if time.monotonic() - said > _SAY_EVERY_S:
                said = time.monotonic()
                say(f"{done:,} of {request.count:,} images generated")
    half = (
        f"All values of {request.generator} are from 0 to 1, which is grey to white, as -1 is "
        "black: if its black is 0, let it return 2 x - 1."
    )
    return [*generator.contradictions, *([half] if lowest >= 0 else [])]


def _batches(
    generator: Generator, latent: tuple[int, ...], request: GeneratorRequest
) -> Iterator[tuple[NDArray[np.float32], list[NDArray[np.int64]], int]]:
    """Yield latents, labels if there are classes, and how many images of them are wanted."""
    size = generator.batch or request.batch
    start = 0
    for latents in latent_batches(
        seed=request.seed,
        count=request.count,
        batch=size,
        shape=latent,
        distribution=generator.distribution,
    ):
        wanted = len(latents)
        if generator.batch is not None:  # the last is filled up with repeated latents
            latents = np.resize(latents, (size, *latent))
        labels = []
        if generator.classes is not None:
            labels = [np.arange(start, start + len(latents), dtype=np.int64) % generator.classes]
        yield latents, labels, wanted
        start += wanted


def _latent(generator: Generator, request: GeneratorRequest) -> tuple[int, ...]:
    """Return the shape of a latent; raise `UsageError` if file and ``--latent`` disagree."""
    known, given = generator.latent, request.latent
    said = [size for size in known or () if size is not None]
    if not 0 < prod(said) <= LARGEST_LATENT or (generator.batch or 1) > _LARGEST_BATCH:
        raise UsageError(
            f"{request.generator} takes {generator.batch or 'any'} latents of {_times(known or ())}"
            ", which is too many numbers or none: export it again."
        )
    if given is None:
        if known is None or None in known:
            raise UsageError(
                f"{request.generator} does not say the shape of its latents: give --latent, such "
                "as --latent 128."
            )
        return tuple(int(size) for size in known if size is not None)
    fits = known is None or (
        len(known) == len(given)
        and all(one in (None, other) for one, other in zip(known, given, strict=True))
    )
    if not fits:
        assert known is not None
        raise UsageError(
            f"{request.generator} takes latents of {_times(known)}, not {_times(given)}: correct "
            "--latent, or leave it out."
        )
    return given


def _times(shape: tuple[int | None, ...]) -> str:
    return "x".join("any" if size is None else str(size) for size in shape)


def generated(
    generator: Generator,
    request: GeneratorRequest,
    latents: NDArray[np.float32],
    *labels: NDArray[np.int64],
) -> tuple[NDArray[np.uint8], float]:
    """Return the images of latents, uint8 NHWC, and the lowest value of floats.

    The lowest value is -1 if the generator makes grey levels.

    Raises
    ------
    UsageError
        The generator fails, or what it returns are no images of this number, size and range.
    """
    try:
        made = _as_array(generator.call(latents, *labels))
    except BaseException as error:
        reason = failure_reason(error, generator.author).rstrip(".")
        given = f"latents of {size_text(latents.shape)}" + (" and labels" if labels else "")
        raise UsageError(f"{request.generator} fails on {given}: {reason}.") from error
    return _checked(made, len(latents), request)


def _as_array(value: Any) -> NDArray[Any]:
    """Return the tensor of any framework as an array on the host."""
    if isinstance(value, tuple | list | dict):
        raise TypeError(f"it returned {kind_of(value)}; return the images alone")
    array = to_array(value)
    return array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array


def _checked(
    made: NDArray[Any], count: int, request: GeneratorRequest
) -> tuple[NDArray[np.uint8], float]:
    """Return images as uint8 NHWC, and the lowest value of floats (-1 of grey levels)."""
    name = request.generator
    if made.ndim != 4:
        wanted = f" of {size_text(request.shape)}" if request.shape else ""
        raise UsageError(
            f"{name} returned {made.dtype} {made.shape} and not images{wanted}: return (n, height, "
            "width, channels) or (n, channels, height, width)."
        )
    if len(made) != count:
        raise UsageError(f"{name} returned {len(made):,} images for {count:,} latents.")
    images = channels_last(made, request.shape)
    if images is None:
        wanted = f", not {size_text(request.shape)}" if request.shape else ""
        raise UsageError(
            f"{name} makes images of {size_text(made.shape[1:])}{wanted} (height x width x "
            "channels, or channels first): give --size or --channels to convert the images of both "
            "sides."
        )
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images), -1.0
    if images.dtype != np.float32:
        raise UsageError(
            f"{name} returned {images.dtype}: return floats in [-1, 1], or grey levels as uint8."
        )
    low, high = float(images.min()), float(images.max())
    if not np.isfinite([low, high]).all():
        raise UsageError(f"{name} returned NaN or an infinite value: check its weights.")
    if low < -1 - ROUNDING or high > 1 + ROUNDING:
        hint = "; grey levels of 0 to 255 have to be uint8" if low >= 0 and high > 2 else ""
        raise UsageError(
            f"{name} returned values from {low:.4g} to {high:.4g}: floats have to be in [-1, 1]"
            f"{hint}."
        )
    return grey_levels(images), low


@contextlib.contextmanager
def _new_file(request: GeneratorRequest, shape: tuple[int, ...]) -> Iterator[IO[bytes]]:
    """Open the file of the images, which will have all of them."""
    needed = request.count * int(np.prod(shape))
    if shutil.disk_usage(request.images.parent).free < needed:
        raise _no_space(request, needed, "which has less space")
    with request.images.open("wb") as file:
        full = (request.count, *(int(size) for size in shape))
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": full}
        )
        yield file


def _write(file: IO[bytes], images: NDArray[np.uint8], request: GeneratorRequest) -> None:
    try:
        file.write(np.ascontiguousarray(images).data)
        file.flush()
    except OSError as error:
        needed = request.count * int(np.prod(images.shape[1:]))
        raise _no_space(request, needed, str(error.strerror)) from error


def _no_space(request: GeneratorRequest, needed: int, why: str) -> UsageError:
    return UsageError(
        f"{request.count:,} images need {needed / 2**20:,.0f} MB in the temporary folder "
        f"{request.images.parent.parent} ({why}): name another folder in TMPDIR, or ask for fewer."
    )


if __name__ == "__main__":
    reply(answer)
