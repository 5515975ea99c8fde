"""Scores any two sets of images: ``gan-bench score REAL FAKE``."""

import time
from collections.abc import Sequence

from gan_bench.errors import UsageError
from gan_bench.score.images import ImageSet, open_images
from gan_bench.score.result import Score, Scores, Source
from gan_bench.score.scorer import Floor, Options, Scorer


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
        Of `gan_bench.score.names.METRICS`.
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
        floor=floor.figures,
        floor_reason=floor.reason,
        scores=[
            Score(step=0, all_equal=fake.all_equal(), **figure.model_dump()) for figure in figures
        ],
    )


def _size(images: ImageSet) -> str:
    return " x ".join(map(str, images.shape))
