"""Samples: real images, every implementation's grids over its training, copies and classes."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from gan_bench import data
from gan_bench.analysis.runs import Run
from gan_bench.analysis.summary import Row
from gan_bench.report.pictures import Names, Picture, png_of
from gan_bench.report.samples.grids import (
    Grid,
    animation,
    data_on_this_machine,
    grid_paths,
    grids,
    real_grid,
)
from gan_bench.report.samples.nearest import class_shares, nearest_pairs, nearest_text, neighbours
from gan_bench.text import many

MOST_ROWS = 24
"""Of one data set: more make a page that no browser likes."""
_LARGER = 2
"""Pixels of the page for one of the neighbours: two digits are compared closely."""


@dataclass(frozen=True)
class Point:
    """The grid of one evaluation point."""

    step: int
    images: int
    """Training images seen until then."""
    fraction: float
    """Of the planned steps."""
    png: bytes
    """64 images, 8 by 8, in greys where the run's are."""
    alt: str
    caption: str
    """E.g. ``step 300 (30,000 images)``."""


@dataclass(frozen=True)
class SampleRow:
    """What one run of an implementation made."""

    label: str
    caption: str
    run_id: str
    seed: int
    unfinished: str
    """Why the last grid is not of the end of training; empty where it is."""
    points: tuple[Point, ...]
    """By step, at least one."""
    width: int
    """Of a grid, in pixels."""
    height: int
    final: Picture
    """The last point's grid."""
    animation: Picture | None
    """All points one after the other as a GIF, None where there is one."""
    nearest: Picture | None
    """The samples nearest to a training image, each above it; None where it cannot be shown."""
    nearest_text: str
    """How near they are, empty where it is not known."""
    shares: dict[str, float] | None
    """By class, among the final samples."""


@dataclass(frozen=True)
class Samples:
    """What is shown of one data set."""

    dataset: str
    real: Picture | None
    rows: tuple[SampleRow, ...]
    fractions: tuple[float, ...]
    """The slider's positions: the points of the row that came furthest, and has most of them."""
    real_shares: dict[str, float] | None
    """By class, among the real images that the samples are scored against."""
    notes: tuple[str, ...]
    damaged: tuple[str, ...]
    """A sentence for each grid that could not be read; they are among the notes too."""

    def pictures(self) -> list[Picture]:
        """Return every picture that lies beside the markdown."""
        found = [self.real] if self.real else []
        found += [row.final for row in self.rows]
        found += [row.animation for row in self.rows if row.animation]
        found += [row.nearest for row in self.rows if row.nearest]
        return found


def sample_pages(rows: Sequence[tuple[str, Row]], names: Names) -> list[Samples]:
    """Return the samples of each data set, in the order in which they first occur.

    Parameters
    ----------
    rows
        The rows with their captions; of each, the first seed that ended well is shown, or else
        the first that left a grid.
    names
        Gives out file names.
    """
    by_data: dict[tuple[str, str], list[tuple[str, Row]]] = {}
    for caption, row in rows:
        spec = row.runs[0].spec
        by_data.setdefault((spec.dataset, spec.data_sha256), []).append((caption, row))
    return [_page(*key, members, names) for key, members in by_data.items()]


def _page(dataset: str, data_sha256: str, rows: Sequence[tuple[str, Row]], names: Names) -> Samples:
    notes: list[str] = []
    damaged: list[str] = []
    loaded: data.Dataset | None = None
    real: Picture | None = None
    found: list[SampleRow] = []
    real_shares: dict[str, float] | None = None
    left = 0
    for caption, row in rows:
        if len(found) == MOST_ROWS:
            left += 1
            continue
        run = _shown_run(row)
        if run is None:
            notes.append(f"{caption}: no grid, as no run of it was scored.")
            continue
        kept, reasons = grids(run)
        damaged += [f"{caption}: {reason}." for reason in reasons]
        if not kept:
            continue
        if not found:  # a data set is loaded once, and only for something to stand beside it
            loaded = data_on_this_machine(dataset, data_sha256, notes)
            real = real_grid(loaded, names) if loaded else None
        classes = class_shares(run) if kept[-1].step == run.spec.steps else None
        if classes and real_shares is None:
            real_shares = _by_class(classes.real_shares)
        shares = _by_class(classes.shares) if classes else None
        found.append(_row(caption, row.label, run, kept, loaded, shares, names))
    if left:
        notes.append(
            f"{many(left, 'more implementation')} {'is' if left == 1 else 'are'} not shown, only "
            f"the first {MOST_ROWS}."
        )
    return Samples(
        dataset=data.label(dataset),
        real=real,
        rows=tuple(found),
        fractions=max((_fractions(row) for row in found), key=_reach, default=()),
        real_shares=real_shares,
        notes=(*notes, *damaged),
        damaged=tuple(damaged),
    )


def _fractions(row: SampleRow) -> tuple[float, ...]:
    return tuple(point.fraction for point in row.points)


def _reach(fractions: tuple[float, ...]) -> tuple[float, int]:
    return fractions[-1], len(fractions)


def _shown_run(row: Row) -> Run | None:
    with_grids = [run for run in row.runs if grid_paths(run)]
    return min(with_grids, key=lambda run: (run.status != "ok", run.spec.seed), default=None)


def _row(
    caption: str,
    label: str,
    run: Run,
    kept: Sequence[Grid],
    loaded: data.Dataset | None,
    shares: dict[str, float] | None,
    names: Names,
) -> SampleRow:
    points = tuple(_point(label, run, one) for one in kept)
    last, image = points[-1], kept[-1].image
    finished = last.step == run.spec.steps
    unfinished = "" if finished else f"{run.status}; not the end of training"
    suffix = f" ({unfinished})" if unfinished else ""
    known = neighbours(run) if finished else None
    pairs = None
    if known and loaded:
        pairs = nearest_pairs(image, loaded.training(run.spec.train_splits).images, known)
    return SampleRow(
        label=label,
        caption=caption,
        run_id=run.run_id,
        seed=run.spec.seed,
        unfinished=unfinished,
        points=points,
        width=image.width,
        height=image.height,
        final=Picture(
            name=names("samples", label),
            png=last.png,
            alt=last.alt,
            width=image.width,
            height=image.height,
            caption=f"{caption}, seed {run.spec.seed}, {last.caption}{suffix}",
        ),
        animation=_animation(caption, label, run, kept, names) if len(kept) > 1 else None,
        nearest=_nearest(caption, label, pairs, names) if pairs else None,
        nearest_text=nearest_text(known) if known else "",
        shares=shares,
    )


def _point(label: str, run: Run, one: Grid) -> Point:
    images = one.step * run.spec.images_per_step
    when = f"step {one.step:,} ({many(images, 'image')})"
    return Point(
        step=one.step,
        images=images,
        fraction=one.step / run.spec.steps,
        png=png_of(one.image),
        alt=f"64 images made by {label}, seed {run.spec.seed}, {when}, 8 by 8.",
        caption=when,
    )


def _animation(caption: str, label: str, run: Run, kept: Sequence[Grid], names: Names) -> Picture:
    first, last = kept[0], kept[-1]
    return Picture(
        name=names("training", label, suffix=".gif"),
        png=animation([one.image for one in kept]),
        alt=(
            f"Animation of 64 images made by {label}, seed {run.spec.seed}, at {len(kept)} points "
            f"from step {first.step:,} to step {last.step:,}, of the same noise."
        ),
        width=last.image.width,
        height=last.image.height,
        caption=f"{caption}, seed {run.spec.seed}",
        kind="gif",
    )


def _nearest(caption: str, label: str, pairs: Image.Image, names: Names) -> Picture:
    return Picture(
        name=names("nearest", label),
        png=png_of(pairs),
        alt=(
            f"Above, the samples of {label} that are nearest to a training image; below each, that "
            "training image."
        ),
        width=_LARGER * pairs.width,
        height=_LARGER * pairs.height,
        caption=f"{caption}: samples above, the nearest training images below",
    )


def _by_class(shares: Sequence[float]) -> dict[str, float]:
    return {str(index): share for index, share in enumerate(shares)}
