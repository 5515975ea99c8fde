"""How a run's samples came about: its grids one after the other as an animated GIF."""

import io
from collections.abc import Sequence

from PIL import Image

FRAME_MS = 500
"""How long a frame is shown."""
LAST_MS = 2_000
"""How long the last one is shown, before it begins again."""
_GREYS = 16
"""Shades of a greyscale animation: an untrained generator's noise does not compress, and a fifth
of the shades halves its size at no loss that is seen."""
_COLOURS = 256


def animation(frames: Sequence[Image.Image]) -> bytes:
    """Return images as a GIF that runs for ever: the same bytes for the same images.

    Where animation is off, the first one is seen. Equal neighbours become one frame that is shown
    as long as they would be.

    Parameters
    ----------
    frames
        At least one, all of one size, and each of mode L or RGB.
    """
    grey = all(frame.mode == "L" for frame in frames)
    first, *later = map(_grey, frames) if grey else _coloured(frames)
    content = io.BytesIO()
    first.save(
        content,
        format="GIF",
        save_all=True,
        append_images=later,
        duration=[FRAME_MS] * len(later) + [LAST_MS],
        loop=0,
        # The palettes are made here, each image's own would let colours flicker.
        optimize=False,
    )
    return content.getvalue()


def _grey(image: Image.Image) -> Image.Image:
    shades = image.point([value * _GREYS // 256 for value in range(256)])
    indexed = Image.frombytes("P", shades.size, shades.tobytes())
    palette = [round(255 * shade / (_GREYS - 1)) for shade in range(_GREYS)]
    indexed.putpalette([value for value in palette for _ in range(3)])
    return indexed


def _coloured(frames: Sequence[Image.Image]) -> list[Image.Image]:
    width, height = frames[0].size
    every = Image.new("RGB", (width, height * len(frames)))
    for index, frame in enumerate(frames):
        every.paste(frame, (0, index * height))
    palette = every.quantize(_COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return [
        frame.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames
    ]
