"""Scores any two sets of images: ``gan-bench score REAL FAKE``."""

import time
from collections.abc import Sequence

from gan_bench.errors import UsageError
from gan_bench.score.images import ImageSet, open_images
from gan_bench.score.result import Score, Scores, Source
from gan_bench.score.scorer import Floor, Options, Scorer


def score_pair(
    real_word: str,
    fake_word: str,
    metrics: Sequence[str],
    options: Options,
    *,
    with_floor: bool = True,
) -> tuple[Scores, ImageSet]:
    """Return the figures of two sets of images, and the second of them.

    Parameters
    ----------
    real_word, fake_word
        As `gan_bench.score.images.open_images` takes them.
    metrics
        Of `gan_bench.score.names.METRICS`.
    options
        How to score.
    with_floor
        Whether to score real images of the reference's other split, too.

    Raises
    ------
    UsageError
        A side cannot be read, the two do not fit each other or the features, or there is no
        figure; the sentence says why.
    """
    began = time.perf_counter()
    real, fake = open_images(real_word), open_images(fake_word)
    if real.shape != fake.shape:
        raise UsageError(
            f"The two sides must be of one size: {real_word} is of {_size(real)}, {fake_word} of "
            f"{_size(fake)} (height x width x channels)."
        )
    with Scorer(real, fake.count, options) as scorer:
        if scorer.no_features is not None and set(metrics) - {"modes"}:
            raise UsageError(scorer.no_features)
        figures = scorer.score(fake, metrics, keep=fake.dataset is not None)
        fids = [figure for figure in figures if figure.metric == f"fid_{scorer.name}"]
        failed = next((figure for figure in fids if figure.value is None), None)
        if failed is not None or all(figure.value is None for figure in figures):
            raise UsageError((failed or figures[0]).reason or "There is no figure.")
        floor = scorer.floor(metrics) if with_floor else Floor({}, "not asked for")
        for sentence in scorer.notices():
            options.say(sentence)
        scores = Scores(
            status="ok",
            warnings=scorer.warnings,
            score_s=time.perf_counter() - began,
            protocol=scorer.protocol,
            fingerprint=scorer.protocol.fingerprint,
            versions=scorer.versions,
            weights=scorer.weights,
            real=Source(images=real_word, sha256=real.sha256, count=real.count),
            fake=Source(images=fake_word, sha256=fake.sha256, count=fake.count),
            floor=floor.figures,
            floor_reason=floor.reason,
            scores=[
                Score(step=0, all_equal=fake.all_equal(), **figure.model_dump())
                for figure in figures
            ],
        )
    return scores, fake


def _size(images: ImageSet) -> str:
    return " x ".join(map(str, images.shape))
