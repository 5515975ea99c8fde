"""The sample grids of a run, as its folder keeps them."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from gan_bench.reading import read_limited
from gan_bench.report.runs import Run

_LARGEST_PIXELS = 1 << 26


@dataclass(frozen=True)
class Grid:
    """The grid of one evaluation point."""

    step: int
    image: Image.Image
    """Of mode L or RGB."""


def grids(run: Run) -> tuple[list[Grid], list[str]]:
    """Return a run's grids by step, all of one size, and why others are left out.

    Returns
    -------
    list of Grid
        Perhaps none.
    list of str
        A part of a sentence for each file that is no grid of this run.
    """
    found: list[Grid] = []
    notes: list[str] = []
    for path in grid_paths(run):
        step = int(path.stem) if path.stem.isdecimal() else None
        if step is None or path.name != f"{step:08d}.png":
            notes.append(f"{path.name} in the grids of {run.run_id} is no grid")
        elif step > run.spec.steps:
            notes.append(f"the grid {path.name} of {run.run_id} is of a step after its last")
        else:
            try:
                found.append(Grid(step, _read(path)))
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
                notes.append(f"the grid {path.name} of {run.run_id} is not readable")
    found.sort(key=lambda grid: grid.step)
    # The last one counts: its size is that of the images that the run makes.
    sizes = [grid.image.size for grid in found]
    notes += [
        f"the grid of step {grid.step:,} of {run.run_id} has another size than the last"
        for grid, size in zip(found, sizes, strict=True)
        if size != sizes[-1]
    ]
    return [g for g, size in zip(found, sizes, strict=True) if size == sizes[-1]], notes


def grid_paths(run: Run) -> list[Path]:
    """Return what lies among a run's grids, readable or not; files on their way are not there."""
    try:
        found = sorted(run.folder.grids.iterdir())
    except OSError:  # there is no such folder before a run is scored
        return []
    return [path for path in found if not path.name.startswith(".")]


def _read(path: Path) -> Image.Image:
    with Image.open(io.BytesIO(read_limited(path)), formats=("PNG",)) as image:
        if image.width * image.height > _LARGEST_PIXELS:
            raise ValueError("no grid is so large")
        image.load()
        return image.convert("L" if image.mode == "L" else "RGB")
