"""Reads one image file into an array, or raises an error that says why not."""

import re
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gan_bench.errors import UsageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
"""Suffixes of image files, in lower case; upper case is accepted too."""
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")
_PLAIN = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGB"}
_SIXTEEN_BITS = re.compile(r"\bI;16|;16[BLN]")
"""Raw modes with 16 bits per channel, of which Pillow would silently drop eight."""


def read_picture(
    path: Path, *, size: tuple[int, int] | None, channels: Literal[1, 3] | None
) -> NDArray[np.uint8]:
    """Read an image of 8 bits per channel, grey or RGB.

    Lossless conversions are always done: black and white becomes grey of 0 and 255, palette indices
    become RGB colours, an alpha channel that is opaque everywhere is dropped, and the orientation
    in the EXIF data is applied. Colour profiles are ignored. Of a JPEG with several pictures (MPO)
    the first is read.

    Parameters
    ----------
    path
        Path of the file; its format is detected from its content.
    size
        (height, width) to resize to, after the conversion, by Pillow's bicubic filter with
        antialiasing. The aspect ratio is not kept.
    channels
        1 for grey, by ITU-R 601-2: (299 R + 587 G + 114 B) / 1000; 3 for RGB (grey is repeated
        three times); None to keep the image's channels.

    Returns
    -------
    uint8 (height, width, channels).

    Raises
    ------
    UsageError
        The file cannot be read, is damaged, or is not supported, such as an image with
        transparency, 16 bits per channel, CMYK colours or several frames.
    """
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=_FORMATS) as image:
                _check_frames(image, path)
                _check_depth(image, path)
                image.load()
                upright = ImageOps.exif_transpose(image)
                plain = _grey_or_rgb(upright, path)
    except UsageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UsageError(
            f"{shown(path)} has more pixels than Pillow's limit; make it smaller or move it away."
        ) from error
    except Exception as error:
        # Decoders raise anything on damaged files; only errors of the system have a reason to show.
        if isinstance(error, OSError) and error.strerror:
            raise UsageError(
                f"{shown(path)} cannot be read ({error.strerror}); check it and its permissions."
            ) from error
        raise UsageError(
            f"{shown(path)} is damaged or not a supported image (PNG, JPEG, BMP, WebP, TIFF); "
            "replace it or move it away."
        ) from error
    return _converted(plain, size, channels)


def convert(
    pixels: NDArray[np.uint8], *, size: tuple[int, int] | None, channels: Literal[1, 3] | None
) -> NDArray[np.uint8]:
    """Convert an image, uint8 (height, width, 1 or 3), as `read_picture` does."""
    return _converted(
        Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels), size, channels
    )


def _converted(
    plain: Image.Image, size: tuple[int, int] | None, channels: Literal[1, 3] | None
) -> NDArray[np.uint8]:
    if channels is not None:
        plain = plain.convert("L" if channels == 1 else "RGB")
    if size is not None:
        plain = plain.resize(size[::-1], Image.Resampling.BICUBIC)
    pixels = np.asarray(plain, dtype=np.uint8)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def shown(path: Path) -> str:
    """Return a path as printable text, whatever bytes its name has."""
    return str(path).encode(errors="replace").decode()


def _check_frames(image: Image.Image, path: Path) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise UsageError(
            f"{shown(path)} has {frames} frames or pages; save the one to use as a separate file."
        )


def _check_depth(image: Image.Image, path: Path) -> None:
    if any(_SIXTEEN_BITS.search(str(tile[3])) for tile in getattr(image, "tile", ())):
        raise UsageError(
            f"{shown(path)} has 16 bits per channel; convert it to 8 bits, as only you know which "
            "range of values matters."
        )


def _grey_or_rgb(image: Image.Image, path: Path) -> Image.Image:
    plain = _PLAIN.get(image.mode)
    if plain is None:
        raise UsageError(
            f"{shown(path)} has Pillow's mode {image.mode}; convert it to grey or RGB of 8 bits."
        )
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.min() < 255:
            raise UsageError(
                f"{shown(path)} has transparent pixels; put it on an opaque background."
            )
    return image.convert(plain)
