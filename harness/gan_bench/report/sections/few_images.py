"""What few images, or images that are much alike, do to the final FIDs: bias and lacking ranks."""

from collections.abc import Iterator

from gan_bench.analysis.scored import Scored
from gan_bench.metrics import FEW_FOR_INCEPTION
from gan_bench.results.scores import Score
from gan_bench.text import figure, listed, percent

_STORED = "FID with Inception from "
"""Beginning of the stored warning, which `_bias` replaces: it knows the figures."""
_NAMED = 6


def warnings(scored: Scored) -> list[str]:
    """Return what a reader of the scores under a protocol must know, with the size of the bias."""
    return [_bias(scored) if text.startswith(_STORED) else text for text in scored.warnings]


def _bias(scored: Scored) -> str:
    by_label = {label: final.fids for label, final in scored.finals.items()}
    scores = [score for fids in by_label.values() for score in fids]
    fewest = min((min(score.n_real, score.n_fake) for score in scores), default=None)
    images = f"{fewest:,} images" if fewest else "few images"
    floor = scored.floors.get(scored.metric)
    real = "" if floor is None else f": real images have {figure(floor)} (the floor)"
    parts = [f"{_STORED}{images} is biased upwards{real}."]
    known = [share for score in scores if (share := _share(score)) is not None]
    if known and all(score.bias is not None for score in scores):
        mostly = [label for label, fids in by_label.items() if any(map(_mostly, fids))]
        most = f", most of that of {listed(mostly, _NAMED)}" if mostly else ""
        parts.append(f"The bias is estimated at {_range(known)} of a final FID{most}.")
    elif known:
        parts.append(f"The bias is at most {_range(known)} of a final FID.")
    parts.append(
        f"Do not compare it with published values, which use {FEW_FOR_INCEPTION:,} images or "
        "more, but only with values under the same protocol."
    )
    return " ".join(parts)


def _share(score: Score) -> float | None:
    """Return the bias as a share of the value, or, where it is unknown, its upper bound."""
    if not score.value:
        return None
    if score.bias is not None:
        return max(0.0, score.bias) / score.value
    return None if score.low is None else (score.value - score.low) / score.value


def _mostly(score: Score) -> bool:
    share = _share(score)
    return score.bias is not None and share is not None and share > 1 / 2


def _range(shares: list[float]) -> str:
    return " to ".join(dict.fromkeys(percent(by(shares), 0) for by in (min, max)))


def rank_notes(scored: Scored) -> Iterator[str]:
    """Yield a sentence if a covariance behind the final FIDs is rank-deficient."""
    lacking = {
        label: fids
        for label, final in scored.finals.items()
        if (fids := [score for score in final.fids if score.rank_deficient])
    }
    if lacking:
        own = all(_samples_lack(score) for fids in lacking.values() for score in fids)
        yield (
            f"The covariance of {'the samples' if own else 'samples or reference'} is "
            f"rank-deficient for the final FID ({scored.features}) of "
            f"{listed(list(lacking), _NAMED)}: as they are few or alike, there are directions of "
            "the features in which they do not vary, and about which the FID has no data."
        )


def _samples_lack(score: Score) -> bool:
    ranks = score.rank_fake, score.rank_real
    return ranks[0] is not None and ranks[1] is not None and ranks[0] < ranks[1]
