"""Scores any two sets of images: ``gan-bench score REAL FAKE``."""

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.results.external import add_external, check_external, check_name
from gan_bench.results.layout import open_results
from gan_bench.results.scores import Score, Scores, Source
from gan_bench.scoring.features.choice import Scoring
from gan_bench.scoring.images import ImageSet, open_images
from gan_bench.scoring.reference_cache import reference_folder
from gan_bench.scoring.scorer import Floor, Options, Scorer


def open_pair(real_word: str, fake_word: str) -> tuple[ImageSet, ImageSet]:
    """Return the two sets of images that words name.

    Raises
    ------
    UsageError
        A side cannot be read, or the two are of different sizes.
    """
    real, fake = open_images(real_word), open_images(fake_word)
    if real.shape != fake.shape:
        raise UsageError(
            f"The two sides must be of one size: {real_word} is of {_size(real)}, {fake_word} of "
            f"{_size(fake)} (height x width x channels)."
        )
    return real, fake


def scorer_for(real: ImageSet, fake: ImageSet, metrics: Sequence[str], options: Options) -> Scorer:
    """Return a scorer with its features loaded, before the long work begins.

    Raises
    ------
    UsageError
        The features cannot be used, or not for these images.
    """
    scorer = Scorer(real, fake.count, options)
    if scorer.no_features is not None and set(metrics) - {"modes"}:
        raise UsageError(scorer.no_features)
    return scorer


def score_pair(
    scorer: Scorer,
    words: tuple[str, str],
    sides: tuple[ImageSet, ImageSet],
    metrics: Sequence[str],
    *,
    with_floor: bool,
) -> Scores:
    """Return the figures of two sets of images.

    Parameters
    ----------
    scorer
        Of the first of them.
    words, sides
        As `open_pair` takes and gives them.
    metrics
        Of `gan_bench.metrics.METRICS`.
    with_floor
        Whether to score real images of the reference's other split, too.

    Raises
    ------
    UsageError
        There is no FID though it was asked for, or no figure at all; the sentence says why.
    """
    began = time.perf_counter()
    real, fake = sides
    figures = scorer.score(fake, metrics, keep=fake.dataset is not None)
    fids = [figure for figure in figures if figure.metric == f"fid_{scorer.name}"]
    failed = next((figure for figure in fids if figure.value is None), None)
    if failed is not None or all(figure.value is None for figure in figures):
        raise UsageError((failed or figures[0]).reason or "There is no figure.")
    floor = scorer.floor(metrics) if with_floor else Floor({}, "not asked for")
    return Scores(
        status="ok",
        warnings=scorer.warnings,
        score_s=time.perf_counter() - began,
        protocol=scorer.protocol,
        fingerprint=scorer.protocol.fingerprint,
        versions=scorer.versions,
        weights=scorer.weights,
        real=Source(images=words[0], sha256=real.sha256, count=real.count),
        fake=Source(images=words[1], sha256=fake.sha256, count=fake.count),
        floor=floor.values,
        floor_reason=floor.reason,
        scores=[
            Score(step=0, all_equal=fake.all_equal(), **figure.model_dump()) for figure in figures
        ],
    )


def _size(images: ImageSet) -> str:
    return " x ".join(map(str, images.shape))


def pairs(
    real: str,
    fake: str,
    scoring: Scoring,
    *,
    seed: int,
    threads: int,
    floor: bool,
    say: Callable[[str], None],
    place: tuple[Path, str] | None,
    command: str,
) -> list[Scores]:
    """Score FAKE against REAL with each of the features; with a place, keep it there.

    Raises
    ------
    UsageError
        A side or the features cannot be used, or the place belongs to other images.
    """
    from gan_bench.scoring.score_pair import open_pair, score_pair, scorer_for
    from gan_bench.scoring.scorer import Options
    from gan_bench.scoring.snapshots import SIDE, grid_png

    # What cannot be used is found out before the long work, and written after it.
    sides = open_pair(real, fake)
    if place is not None and place[0].exists():
        results = open_results(place[0], create=False)
        check_external(results, check_name(place[1]), sides[1].sha256, sides[1].count)
    found = []
    with contextlib.ExitStack() as stack:
        scorers = []
        for features in scoring.features:
            options = Options(
                features=features.model,
                weights=scoring.weights if features.model == "inception" else None,
                threads=threads,
                cache=reference_folder() if scoring.cache else None,
                seed=seed,
                say=say,
            )
            metrics = scoring.metrics_of(features)
            count = features.images
            pair = sides if count is None else (sides[0].head(count), sides[1].head(count))
            scorer = stack.enter_context(scorer_for(*pair, metrics, options))
            scorers.append((scorer, pair, metrics))
        for scorer, pair, metrics in scorers:
            scores = score_pair(scorer, (real, fake), pair, metrics, with_floor=floor)
            found.append(_of_whole(scores, sides))
            for sentence in scorer.notices():
                say(sentence)
    if place is not None:
        grid = grid_png(sides[1].first(SIDE * SIDE))
        results = open_results(place[0], create=True)
        try:
            for scores in found:
                add_external(results, check_name(place[1]), scores, grid, command=command)
        except OSError as error:
            raise GanBenchError(
                f"The results folder {results.path} cannot be written ({error.strerror})."
            ) from error
    return found


def _of_whole(scores: Scores, sides: tuple[ImageSet, ImageSet]) -> Scores:
    """Return scores whose sides are named by all of their images, of which some may be scored."""
    counted = {
        name: source.model_copy(update={"count": side.count})
        for name, source, side in zip(
            ("real", "fake"), (scores.real, scores.fake), sides, strict=True
        )
        if source is not None
    }
    return scores.model_copy(update=counted)
