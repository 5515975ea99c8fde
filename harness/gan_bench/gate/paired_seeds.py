"""Candidates on the baseline's own seeds: the same start, data and noise, so a sharper test."""

from collections.abc import Sequence
from dataclasses import dataclass

from gan_bench.gate.baseline import FEWEST_CANDIDATES, Entry
from gan_bench.gate.prediction_bound import mean_of, paired_bound
from gan_bench.text import listed


@dataclass(frozen=True)
class OwnSeeds:
    """What the candidate's runs on the baseline's own seeds say."""

    seeds: tuple[int, ...] = ()
    """Those that both ran to the end; none where one failed that the baseline's did not."""
    bits: bool = False
    """Whether weights and figures are all equal to the bit."""
    bound: float | None = None
    """How much worse the candidate is at most, with a confidence of 95 %, as a share."""
    margin: float = 0.0
    means: tuple[float, float] | None = None
    """Of the metric, baseline and candidate; geometric where it is compared as a ratio."""

    @property
    def promising(self) -> bool:
        """Whether what there is does not speak against a pass."""
        return self.bits or (self.bound is not None and self.bound <= self.margin)

    @property
    def passes(self) -> bool:
        """Whether they are enough, and the same bits or not worse by more than the margin."""
        return len(self.seeds) >= FEWEST_CANDIDATES and self.promising

    def decides(self, candidate: Entry, fresh: Sequence[int]) -> bool:
        """Tell whether fresh seeds, where there are some, have nothing to say against it."""
        runs = [one for one in candidate.seeds if one.seed in fresh]
        return not runs or (self.bits and all(r.status == "ok" and not r.failed for r in runs))

    @property
    def improvement(self) -> bool:
        """Whether the candidate is better by more than the margin."""
        better = self.bound is not None and self.bound <= -self.margin / (1 + self.margin)
        return better and not self.bits

    @property
    def why(self) -> str:
        """What makes it so."""
        seeds = listed([str(seed) for seed in self.seeds], 6)
        if self.bits:
            return f"the same weights and figures to the bit on the baseline's seeds {seeds}"
        bound = self.bound or 0.0
        much = f"at most {bound:.1%} worse" if bound > 0 else f"at least {-bound:.1%} better"
        less = "more" if self.improvement else "less"
        than = "" if not self.improvement and bound <= 0 else f", {less} than the margin"
        return f"paired with the baseline's own seeds {seeds} it is {much} (95 % bound){than}"


def own_seeds(baseline: Entry, candidate: Entry, metric: str, margin: float) -> OwnSeeds:
    """Compare what both sides ran on the same seeds: the same start, data and noise.

    Returns
    -------
    OwnSeeds
        Without any seed where none is common, or one of the candidate's has no figure.
    """
    known = {one.seed: one for one in baseline.ok}
    both = [(known[one.seed], one) for one in candidate.seeds if one.seed in known]
    values = [(a.figures.get(metric), b.figures.get(metric)) for a, b in both if b.status == "ok"]
    before = [a for a, b in values if a is not None and b is not None]
    after = [b for a, b in values if a is not None and b is not None]
    if len(after) < len(both) or any(b.failed and not a.failed for a, b in both):
        return OwnSeeds()
    bits = all(
        a.weights_sha256 is not None
        and a.weights_sha256 == b.weights_sha256
        and a.figures[metric] == b.figures[metric]
        for a, b in both
    )
    bound = paired_bound(metric, before, after)
    if len(both) == 1 and not bits:  # one pair has no interval: its own difference must do
        bound = paired_bound(metric, before * 2, after * 2)
    if not both:
        return OwnSeeds()
    means = (mean_of(metric, before), mean_of(metric, after))
    return OwnSeeds(tuple(b.seed for _, b in both), bits, bound, margin, means)


def fresh_seeds(baseline: Entry, candidate: Entry) -> list[int]:
    """Return the candidate's seeds that are not the baseline's own, in their order."""
    own = {one.seed for one in baseline.seeds}
    return [one.seed for one in candidate.seeds if one.seed not in own]
