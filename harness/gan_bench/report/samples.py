"""Sample grids: real images, every implementation's last grid, and how it came about."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gan_bench import data
from gan_bench.errors import GanBenchError
from gan_bench.report.numbers import many
from gan_bench.report.pictures import Names, Picture, png_of
from gan_bench.report.runs import Run
from gan_bench.report.summary import Row
from gan_bench.score.grid import GAP, SIDE, grid

_STRIP_SIDE = 4
"""A strip shows this many of a grid's rows and columns, large enough to be seen."""


@dataclass(frozen=True)
class Strip:
    """The evaluation points of one run."""

    title: str
    pictures: list[Picture]


@dataclass(frozen=True)
class Samples:
    """What is shown of one data set."""

    dataset: str
    real: Picture | None
    finals: list[Picture]
    strips: list[Strip]
    notes: list[str]


def sample_grids(
    dataset: str, data_sha256: str, rows: Sequence[tuple[str, Row]], names: Names
) -> Samples:
    """Return the grids of the rows on one data set.

    Parameters
    ----------
    dataset, data_sha256
        The data set; its test images are shown if it can be had without a network.
    rows
        The rows with their captions.
    names
        Gives out file names.
    """
    notes: list[str] = []
    finals, strips = [], []
    for caption, row in rows:
        run = _shown_run(row)
        if run is None:
            notes.append(f"{caption}: no grid, as no run of it was scored.")
            continue
        points = _points(run, caption, notes)
        if not points:
            continue
        step, last = points[-1]
        where = f"seed {run.spec.seed}, {_when(run, step)}"
        unfinished = "" if step == run.spec.steps else f" ({run.status}; not the end of training)"
        finals.append(
            _picture(
                names("samples", row.label),
                last,
                alt=f"64 images made by {row.label}, {where}, 8 by 8.",
                caption=f"{caption}, {where}{unfinished}",
            )
        )
        cells = [
            _picture(
                names("strip", row.label, str(at)),
                _corner(image),
                alt=f"16 images made by {row.label} after {_when(run, at)}.",
                caption=_when(run, at),
            )
            for at, image in points
        ]
        strips.append(Strip(f"{caption}, seed {run.spec.seed}", cells))
    real = _real(dataset, data_sha256, names, notes) if finals else None
    return Samples(data.label(dataset), real, finals, strips, notes)


def _when(run: Run, step: int) -> str:
    return f"step {step:,} ({many(step * run.spec.images_per_step, 'image')})"


def _shown_run(row: Row) -> Run | None:
    """Return the first seed that ended well, or else the first that left a grid."""
    with_grids = [run for run in row.runs if any(run.folder.grids.glob("*.png"))]
    return min(with_grids, key=lambda run: (run.status != "ok", run.spec.seed), default=None)


def _points(run: Run, caption: str, notes: list[str]) -> list[tuple[int, Image.Image]]:
    points = []
    for path in sorted(run.folder.grids.glob("*.png")):
        if not path.stem.isdecimal():
            continue
        try:
            with Image.open(io.BytesIO(path.read_bytes())) as image:
                image.load()
                points.append((int(path.stem), image.convert("L" if image.mode == "L" else "RGB")))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            notes.append(f"{caption}: the grid {path.name} of {run.run_id} is not readable.")
    return sorted(points, key=lambda point: point[0])


def _corner(image: Image.Image) -> Image.Image:
    def part(pixels: int) -> int:
        one = (pixels - (SIDE - 1) * GAP) // SIDE
        return max(1, _STRIP_SIDE * (one + GAP) - GAP)

    return image.crop((0, 0, part(image.width), part(image.height)))


def _real(dataset: str, data_sha256: str, names: Names, notes: list[str]) -> Picture | None:
    label = data.label(dataset)
    try:
        status = data.describe(dataset)
        if not status.available:
            notes.append(f"No real images are shown: {label} is not on this machine.")
            return None
        loaded = data.load(dataset)
    except GanBenchError as error:
        notes.append(f"No real images are shown: {error}")
        return None
    if loaded.sha256 != data_sha256:
        notes.append(f"No real images are shown: {label} has other content on this machine.")
        return None
    canvas = np.ascontiguousarray(grid(loaded.test.images))
    pixels = canvas[:, :, 0] if canvas.shape[2] == 1 else canvas
    return _picture(
        names("real", label),
        Image.fromarray(pixels),
        alt=f"The first 64 test images of {label}, 8 by 8.",
        caption=f"Real test images of {label}",
    )


def _picture(name: str, image: Image.Image, *, alt: str, caption: str) -> Picture:
    return Picture(name, png_of(image), alt, image.width, image.height, caption)
