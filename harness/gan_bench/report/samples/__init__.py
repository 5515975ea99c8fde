"""Samples: real images, grids during training, nearest training images and classes."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from gan_bench import data
from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.runs import Run
from gan_bench.analysis.summary import Group, Row
from gan_bench.report.pictures import Names, Picture, png_of
from gan_bench.report.samples.classes import (
    MOST_CLASSES,
    AskedShares,
    accuracy_text,
    asked_shares,
    class_grid,
)
from gan_bench.report.samples.grids import (
    Grid,
    animation,
    data_on_this_machine,
    grid_paths,
    grids,
    real_grid,
)
from gan_bench.report.samples.nearest import mean_shares, nearest_pairs, nearest_text, neighbours
from gan_bench.scoring.snapshots import in_few_greys
from gan_bench.text import figure, many, percent

MOST_ROWS = 48
"""Maximum number of rows for a data set; more would make the page slow."""
_LARGER = 2
"""Scale of nearest training images on the page, where details count."""


@dataclass(frozen=True)
class Point:
    """The grid of one evaluation point."""

    step: int
    images: int
    """Number of training images seen."""
    fraction: float
    """Fraction of the planned steps."""
    png: bytes
    """64 images, 8 by 8."""
    alt: str
    caption: str
    """E.g. ``step 300 (30,000 images)``."""


@dataclass(frozen=True)
class SampleRow:
    """The samples of one run of an implementation."""

    label: str
    caption: str
    run_id: str
    seed: int
    unfinished: str
    """Why the last grid is not from the end of training; empty if it is."""
    points: tuple[Point, ...]
    """Grids by step, at least one."""
    width: int
    """Width of a grid in pixels."""
    height: int
    final: Picture
    """Grid of the last point."""
    animation: Picture | None
    """GIF of all points; None if there is only one."""
    nearest: Picture | None
    """The samples nearest to a training image, each above it; None if they cannot be shown."""
    nearest_text: str
    """Distances to the training images in words; empty if unknown."""
    lowest: float | None
    """The lowest of these distances."""
    shares: dict[str, float] | None
    """Share of each class among the final samples, mean over the seeds."""
    classes: Picture | None = None
    """The final samples by the class that was asked for; None if the recipe is not conditional."""
    classes_text: str = ""
    """How often the samples show it, in words; empty if unknown."""


@dataclass(frozen=True)
class Samples:
    """The samples of one data set."""

    dataset: str
    real: Picture | None
    rows: tuple[SampleRow, ...]
    fractions: tuple[float, ...]
    """Positions of the slider: the points of the row with the longest training."""
    real_shares: dict[str, float] | None
    """Share of each class in the reference."""
    notes: tuple[str, ...]
    damaged: tuple[str, ...]
    """One sentence for each grid that could not be read; also in the notes."""

    @property
    def nearest_in_short(self) -> str:
        """How near the samples come to training images, in one line."""
        known = [(row.lowest, row) for row in self.rows if row.lowest is not None]
        if not known:
            return ""
        lowest, nearest = min(known, key=lambda pair: pair[0])
        return (
            f"the lowest distance of a sample is {figure(lowest)} ({nearest.caption}, seed "
            f"{nearest.seed}), among the first samples of one seed of each of "
            f"the {many(len(known), 'row')} below; 0 is a copy"
        )

    @property
    def shares_in_short(self) -> str:
        """How unequal the classes are among the samples, in one line."""
        largest = [max(row.shares.values()) for row in self.rows if row.shares]
        if not largest:
            return ""
        real = (
            f"; of real images {percent(max(self.real_shares.values()), 0)}"
            if self.real_shares
            else ""
        )
        shares = " to ".join(dict.fromkeys(percent(by(largest), 0) for by in (min, max)))
        return (
            f"the most frequent class has {shares} of an implementation's samples, mean over its "
            f"seeds{real}"
        )

    def pictures(self) -> list[Picture]:
        """Return all pictures of the Markdown report but the animations."""
        found = [self.real] if self.real else []
        found += [row.final for row in self.rows]
        found += [row.nearest for row in self.rows if row.nearest]
        found += [row.classes for row in self.rows if row.classes]
        return found


@dataclass(frozen=True)
class Leader:
    """The final samples of an implementation, beside the answer."""

    label: str
    run_id: str
    dataset: int
    """Number of the data set, in the order of `sample_pages`."""
    caption: str


MOST_LEADERS = 5


def leaders(group: Group, ranks: RankedGroup | None, pages: Sequence[Samples]) -> list[Leader]:
    """Return the best implementation of each of the best recipes that have samples.

    There are none if quality is not ranked.
    """
    if ranks is None:
        return []
    rows = {row.label: row for row in group.rows}
    found: dict[str, Leader] = {}
    for label in ranks.labels:
        row, fids = rows[label], ranks.spreads[label].by_seed
        ids = {run.run_id for run in row.ok_runs if run.spec.seed in fids}
        shown = [(n, one) for n, page in enumerate(pages) for one in page.rows if one.run_id in ids]
        for number, sample in shown[:1]:
            caption = f"{label}, seed {sample.seed}: FID {figure(fids[sample.seed])}"
            found.setdefault(row.recipe, Leader(label, sample.run_id, number, caption))
    return list(found.values())[:MOST_LEADERS]


def sample_pages(rows: Sequence[tuple[str, Row]], names: Names) -> list[Samples]:
    """Return the samples of each data set, in the order in which they first occur.

    The first seed that succeeded is shown, or if none did, the first one with a grid.
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
            why = "it is not trained yet" if row.pending else "no run was scored"
            notes.append(f"{caption}: no grid, because {why}.")
            continue
        kept, reasons = grids(run)
        damaged += [f"{caption}: {reason}." for reason in reasons]
        if not kept:
            continue
        if not found:  # load a data set once, and only if there are samples
            loaded = data_on_this_machine(dataset, data_sha256, notes)
            real = real_grid(loaded, names) if loaded else None
        classes = mean_shares(row.ok_runs)
        if classes and real_shares is None:
            real_shares = _by_class(classes.real_shares)
        shares = _by_class(classes.shares) if classes else None
        found.append(_row(caption, row.label, run, kept, loaded, shares, names))
    if left:
        notes.append(
            f"Only the first {MOST_ROWS} implementations are shown; "
            f"{many(left, 'more implementation')} {'is' if left == 1 else 'are'} not."
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
    points = tuple(_point(caption, run, one) for one in kept)
    last, image = points[-1], kept[-1].image
    finished = last.step == run.spec.steps
    unfinished = "" if finished else f"{run.status}; not the end of training"
    suffix = f" ({unfinished})" if unfinished else ""
    known = neighbours(run) if finished else None
    pairs = None
    if known and loaded:
        pairs = nearest_pairs(image, loaded.training(run.spec.train_splits).images, known)
    asked = asked_shares(run) if finished and run.spec.conditional else None
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
            make=lambda: last.png,
            alt=last.alt,
            width=image.width,
            height=image.height,
            caption=f"{caption}, seed {run.spec.seed}, {last.caption}{suffix}",
        ),
        animation=_animation(caption, label, run, kept, names) if len(kept) > 1 else None,
        nearest=_nearest(f"{caption}, seed {run.spec.seed}", label, pairs, names)
        if pairs
        else None,
        nearest_text=f"seed {run.spec.seed}, {nearest_text(known)}" if known else "",
        lowest=min(known.distance) if known else None,
        shares=shares,
        classes=_classes(caption, label, run, asked, names) if asked else None,
        classes_text=accuracy_text(asked) if asked else "",
    )


def _point(caption: str, run: Run, one: Grid) -> Point:
    images = one.step * run.spec.images_per_step
    when = f"step {one.step:,} ({many(images, 'image')})"
    return Point(
        step=one.step,
        images=images,
        fraction=one.step / run.spec.steps,
        png=png_of(one.image),
        alt=f"64 images generated by {caption}, seed {run.spec.seed}, {when}, 8 by 8.",
        caption=when,
    )


def _animation(caption: str, label: str, run: Run, kept: Sequence[Grid], names: Names) -> Picture:
    first, last = kept[0], kept[-1]
    return Picture(
        name=names("training", label, suffix=".gif"),
        make=lambda: animation([one.image for one in kept]),
        alt=(
            f"Animation of 64 images generated by {caption} from the same latents, seed "
            f"{run.spec.seed}, at {len(kept)} points from step {first.step:,} to step "
            f"{last.step:,}."
        ),
        width=last.image.width,
        height=last.image.height,
        caption=f"{caption}, seed {run.spec.seed}",
        kind="gif",
    )


def _nearest(caption: str, label: str, pairs: Image.Image, names: Names) -> Picture:
    return Picture(
        name=names("nearest", label),
        make=lambda: in_few_greys(pairs) if pairs.mode == "L" else png_of(pairs),
        alt=(
            f"Top: the samples of {caption} that are nearest to a training image. Bottom: that "
            "training image."
        ),
        width=_LARGER * pairs.width,
        height=_LARGER * pairs.height,
        caption=f"{caption}: samples at the top, their nearest training images at the bottom",
    )


def _classes(
    caption: str, label: str, run: Run, asked: AskedShares, names: Names
) -> Picture | None:
    count = len(asked.by_class)
    image = class_grid(run, count)
    if image is None:
        return None
    first = f", the first {MOST_CLASSES} of {count:,}" if count > MOST_CLASSES else ""
    return Picture(
        name=names("classes", label),
        make=lambda: png_of(image),
        alt=f"Images generated by {label}, a row for each class{first}, class 0 at the top.",
        width=image.width,
        height=image.height,
        caption=f"{caption}, seed {run.spec.seed}: a row for each class{first}",
    )


def _by_class(shares: Sequence[float]) -> dict[str, float]:
    return {str(index): share for index, share in enumerate(shares)}
