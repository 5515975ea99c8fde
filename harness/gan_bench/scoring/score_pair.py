"""Scores any two sets of images: ``gan-bench score REAL FAKE``."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gan_bench.errors import GanBenchError, UsageError
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


def score_pair(
    real: str | ImageSet,
    fake: str | ImageSet,
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

    Each side is a text for `open_images`, or a set of images that is open already. ``floor`` also
    scores real images of the other split of the reference; ``conversion`` converts the images of
    both sides.

    Raises
    ------
    UsageError
        A side or the features cannot be used, or the row belongs to other images.
    """
    # Check everything before the long work, and write files only after it.
    sides = [
        open_images(side, conversion, seed=seed)
        if isinstance(side, str)
        else side.converted(conversion)
        for side in (real, fake)
    ]
    hint = f"; {how_to_convert(sides[0].shape, sides[1].shape)}"
    check_sizes(sides[0], sides[1], hint)
    if row is not None and row.results.exists():
        results = open_results(row.results, create=False)
        check_external(results, check_name(row.name), sides[1].sha256, sides[1].count)
    scored = []
    with contextlib.ExitStack() as stack:
        scorers = []
        for features in scoring.features:
            count, metrics = features.images, scoring.metrics_of(features)
            used = sides if count is None else [side.subset(count, seed=seed) for side in sides]
            reference, samples = used
            options = Options(
                features=features.model,
                weights=scoring.weights if features.model == "inception" else None,
                threads=threads,
                cache=reference_folder() if scoring.cache else None,
                seed=seed,
                say=say,
                progress=progress,
            )
            scorer = stack.enter_context(Scorer(reference, samples.count, options))
            if scorer.no_features is not None and set(metrics) - {"modes"}:
                raise UsageError(scorer.no_features)
            scorer.expect(1, floor=floor)
            scorers.append((scorer, reference, samples, metrics))
        for scorer, reference, samples, metrics in scorers:
            scores = _score(scorer, samples, metrics, floor=floor)
            sources = [
                Source(
                    images=given if isinstance(given, str) else given.name,
                    sha256=side.sha256,
                    count=side.count,
                    drawn=None if used.whole is None else used.count,
                )
                for given, side, used in zip((real, fake), sides, (reference, samples), strict=True)
            ]
            scored.append(
                scores.model_copy(update=dict(zip(("real", "fake"), sources, strict=True)))
            )
            for sentence in scorer.notices():
                say(sentence)
    if row is not None:
        _add_row(row, sides[1], scored)
    return scored


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
        for scores in scored:
            add_external(results, check_name(row.name), scores, grid, command=row.command)
    except OSError as error:
        raise GanBenchError(
            f"The results folder {results.path} cannot be written ({error.strerror}); free space "
            "or correct its permissions."
        ) from error
