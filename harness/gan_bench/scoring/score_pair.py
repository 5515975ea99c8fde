"""Scores any two sets of images: ``gan-bench score REAL FAKE``."""

import contextlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.metrics import BY_CLASSIFIER
from gan_bench.results.external import add_external, check_external, check_name
from gan_bench.results.layout import open_results
from gan_bench.results.scores import Score, Scores, Source
from gan_bench.scoring.features import Progress, Scoring
from gan_bench.scoring.features.model_cache import reference_folder
from gan_bench.scoring.images import (
    AS_THEY_ARE,
    Conversion,
    ImageSet,
    how_to_convert,
    open_images,
)
from gan_bench.scoring.scorer import Floor, Options, Scorer, check_sizes
from gan_bench.scoring.snapshots import SIDE, grid_png


@dataclass(frozen=True)
class ExternalRow:
    """The row of a report that shows external samples."""

    results: Path
    name: str
    command: str
    """Command line that scored them."""
    replace: bool = False
    """Whether it replaces other images under this name."""


class Made(Protocol):
    """Images that are made once everything else is checked."""

    @property
    def name(self) -> str:
        """What makes them, as the user names it."""

    def count(self, real: ImageSet) -> int:
        """Return how many there will be, to be compared with these real images."""

    def images(self, real: ImageSet, count: int) -> AbstractContextManager[ImageSet]:
        """Make them; they are there in this context only."""


def score_pair(
    real: str | ImageSet,
    fake: str | ImageSet | Made,
    scoring: Scoring,
    *,
    seed: int,
    threads: int,
    floor: bool,
    say: Callable[[str], None],
    progress: Progress = lambda line: None,
    row: ExternalRow | None = None,
    conversion: Conversion = AS_THEY_ARE,
) -> list[Scores]:
    """Score FAKE against REAL with each of the features.

    Each side is a text for `open_images`, or a set of images that is open already, or FAKE is what
    makes it. ``floor`` also scores real images of the other split of the reference; ``conversion``
    converts the images of both sides.

    Raises
    ------
    UsageError
        A side or the features cannot be used, or the row belongs to other images.
    """
    # Check everything before the long work, and write files only after it.
    whole = _opened(real, conversion, seed)
    given = _opened(fake, conversion, seed) if isinstance(fake, str | ImageSet) else None
    made = None if isinstance(fake, str | ImageSet) else fake
    total = given.count if given is not None else made.count(whole) if made else 0
    if given is not None:
        check_sizes(whole, given, f"; {how_to_convert(whole.shape, given.shape)}")
    _check_row(row, given.sha256 if given is not None else None, total)
    scored = []
    with contextlib.ExitStack() as stack:
        scorers = []
        for features in scoring.features:
            count, metrics = features.images, scoring.metrics_of(features)
            if count is not None and count > total:
                name = given.name if given is not None else _name(fake)
                raise UsageError(f"{name} has {total:,} images, not {count:,}: ask for fewer.")
            reference = whole if count is None else whole.subset(count, seed=seed)
            options = Options(
                features=features.model,
                weights=scoring.weights if features.model == "inception" else None,
                threads=threads,
                cache=reference_folder() if scoring.cache else None,
                seed=seed,
                say=say,
                progress=progress,
            )
            scorer = stack.enter_context(Scorer(reference, count or total, options))
            if scorer.no_features is not None and set(metrics) - set(BY_CLASSIFIER):
                raise UsageError(scorer.no_features)
            scorer.expect(1, floor=floor)
            scorers.append((scorer, reference, count, metrics))
        if made is not None:
            given = stack.enter_context(made.images(whole, total))
            check_sizes(whole, given, f"; {how_to_convert(whole.shape, given.shape)}")
            _check_row(row, given.sha256, total)
        assert given is not None
        for scorer, reference, count, metrics in scorers:
            samples = given if count is None else given.subset(count, seed=seed)
            scores = _score(scorer, samples, metrics, floor=floor)
            sources = [
                Source(
                    images=text,
                    sha256=side.sha256,
                    count=side.count,
                    drawn=None if used.whole is None else used.count,
                )
                for text, side, used in (
                    (_name(real), whole, reference),
                    (_name(fake), given, samples),
                )
            ]
            scored.append(
                scores.model_copy(update=dict(zip(("real", "fake"), sources, strict=True)))
            )
            for sentence in scorer.notices():
                say(sentence)
        if row is not None:
            _add_row(row, given, scored)
    return scored


def _opened(side: str | ImageSet, conversion: Conversion, seed: int) -> ImageSet:
    if isinstance(side, str):
        return open_images(side, conversion, seed=seed)
    return side.converted(conversion)


def _name(side: str | ImageSet | Made) -> str:
    return side if isinstance(side, str) else side.name


def _check_row(row: ExternalRow | None, sha256: str | None, count: int) -> None:
    """Raise `UsageError` if the row belongs to other images; see `check_external`."""
    if row is not None and row.results.exists():
        results = open_results(row.results, create=False)
        check_external(results, check_name(row.name), sha256, count, replace=row.replace)


def _score(scorer: Scorer, fake: ImageSet, metrics: Sequence[str], *, floor: bool) -> Scores:
    began = time.perf_counter()
    rows = scorer.score(fake, metrics, keep=fake.dataset is not None)
    no_fid = next((r for r in rows if r.metric == f"fid_{scorer.name}" and r.value is None), None)
    if no_fid is not None or all(row.value is None for row in rows):
        raise UsageError((no_fid or rows[0]).reason or "No metric has a value.")
    real_images = scorer.floor(metrics) if floor else Floor({}, "not asked for")
    all_equal = fake.all_equal()
    scores = [Score(step=0, all_equal=all_equal, **row.model_dump()) for row in rows]
    return scorer.scores(scores, real_images, began)


def _add_row(row: ExternalRow, fake: ImageSet, scored: Sequence[Scores]) -> None:
    shown = fake.subset(min(SIDE * SIDE, fake.count), seed=scored[0].protocol.seed)
    grid = grid_png(shown.first(SIDE * SIDE))
    results = open_results(row.results, create=True)
    try:
        add_external(
            *(results, check_name(row.name), scored, grid),
            command=row.command,
            replace=row.replace,
        )
    except OSError as error:
        raise GanBenchError(
            f"The results folder {results.path} cannot be written ({error.strerror}); free space "
            "or correct its permissions."
        ) from error
