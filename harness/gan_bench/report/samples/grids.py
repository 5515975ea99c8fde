"""The sample grids of a run."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from gan_bench import data
from gan_bench.analysis.runs import Run
from gan_bench.errors import GanBenchError
from gan_bench.report.pictures import Names, Picture, png_of
from gan_bench.scoring.snapshots import grid
from gan_bench.system.files import read_limited

_LARGEST_PIXELS = 1 << 26


@dataclass(frozen=True)
class Grid:
    """The grid of one evaluation point."""

    step: int
    image: Image.Image
    """Image of mode L or RGB."""


def grids(run: Run) -> tuple[list[Grid], list[str]]:
    """Return a run's grids by step, all of one size, and why other files are left out.

    Returns
    -------
    list of Grid
        May be empty.
    list of str
        A part of a sentence for each file that is no valid grid of this run.
    """
    found: list[Grid] = []
    notes: list[str] = []
    for path in grid_paths(run):
        step = int(path.stem) if path.stem.isdecimal() else None
        if step is None or path.name != f"{step:08d}.png":
            notes.append(f"{path.name} in the grids of {run.run_id} is not a grid")
        elif step > run.spec.steps:
            notes.append(f"the step of the grid {path.name} of {run.run_id} is after the last one")
        else:
            try:
                found.append(Grid(step, _read(path)))
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
                notes.append(f"the grid {path.name} of {run.run_id} is not readable")
    found.sort(key=lambda grid: grid.step)
    # The last grid has the size of the images that the run generates.
    sizes = [grid.image.size for grid in found]
    notes += [
        f"the grid of step {grid.step:,} of {run.run_id} has another size than the last"
        for grid, size in zip(found, sizes, strict=True)
        if size != sizes[-1]
    ]
    return [g for g, size in zip(found, sizes, strict=True) if size == sizes[-1]], notes


def grid_paths(run: Run) -> list[Path]:
    """Return the files in a run's folder of grids, without temporary ones."""
    try:
        found = sorted(run.folder.grids.iterdir())
    except OSError:  # before a run is scored, there is no such folder
        return []
    return [path for path in found if not path.name.startswith(".")]


def _read(path: Path) -> Image.Image:
    with Image.open(io.BytesIO(read_limited(path)), formats=("PNG",)) as image:
        if image.width * image.height > _LARGEST_PIXELS:
            raise ValueError("too large for a grid")
        image.load()
        return image.convert("L" if image.mode == "L" or _is_grey(image) else "RGB")


def _is_grey(image: Image.Image) -> bool:
    """Return whether an image has a palette of greys, as kept grids have."""
    palette = image.getpalette() if image.mode == "P" else None
    return palette is not None and palette[::3] == palette[1::3] == palette[2::3]


FRAME_MS = 500
"""Duration of a frame."""
LAST_MS = 2_000
"""Duration of the last frame."""
_GREYS = 16
"""Grey levels of an animation. The noise of an untrained generator compresses badly; so few levels
halve the file without a visible loss."""
_COLOURS = 256


def animation(frames: Sequence[Image.Image]) -> bytes:
    """Return at least one image as an endless GIF; equal images give equal bytes.

    The images have one size and the mode L or RGB. Viewers without animation show the first one.
    Equal neighbours become one longer frame.
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
        # All frames have one palette, since colours would flicker otherwise.
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


def data_on_this_machine(dataset: str, data_sha256: str, notes: list[str]) -> data.Dataset | None:
    """Return the training data of runs, or None and a note if it cannot be shown.

    A report downloads nothing.
    """
    label = data.label(dataset)
    try:
        if not data.describe(dataset).available:
            notes.append(f"No real images are shown: {label} is not on this machine.")
            return None
        loaded = data.load(dataset)
    except GanBenchError as error:
        notes.append(f"No real images are shown: {error}")
        return None
    if loaded.sha256 != data_sha256:
        notes.append(
            f"No real images are shown: {label} on this machine differs from the data of the runs."
        )
        return None
    return loaded


def real_grid(loaded: data.Dataset, names: Names) -> Picture:
    """Return the first 64 test images as a grid."""
    label = data.label(loaded.name)
    canvas = np.ascontiguousarray(grid(loaded.test.images))
    image = Image.fromarray(canvas[:, :, 0] if canvas.shape[2] == 1 else canvas)
    return Picture(
        name=names("real", label),
        make=lambda: png_of(image),
        alt=f"The first 64 test images of {label}, 8 by 8.",
        width=image.width,
        height=image.height,
        caption=f"Real test images of {label}",
    )
