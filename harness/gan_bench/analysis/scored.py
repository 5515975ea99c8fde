"""The final figures of implementations under one scoring protocol, with their intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gan_bench.analysis.final_scores import final_scores, final_values
from gan_bench.analysis.runs import Run
from gan_bench.analysis.statistics import SeedValues, mean_interval
from gan_bench.metrics import fid_name
from gan_bench.results.load import Results
from gan_bench.results.scores import Score, Scores


@dataclass(frozen=True)
class Final:
    """All figures of an implementation's final snapshots."""

    spreads: dict[str, SeedValues]
    """By metric, over the seeds."""
    interval: tuple[float, float] | None = None
    """95 % interval beside the FID. With several seeds Student's t for their mean, else the score's
    own, for the distance of the two distributions."""
    estimate: tuple[float, float, float] | None = None
    """The FID without the estimated bias of a finite number of images (the FID itself if the bias
    of a seed is unknown), with its 95 % interval; None without an interval."""
    fids: tuple[Score, ...] = ()
    """The scores behind the FID, by seed."""

    @property
    def counts(self) -> tuple[int, int] | None:
        """Real images and samples behind the FID."""
        return (self.fids[0].n_real, self.fids[0].n_fake) if self.fids else None


@dataclass(frozen=True)
class Scored:
    """What a group's runs come to under one protocol."""

    fingerprint: str
    features: str
    """The feature model's name."""
    finals: dict[str, Final]
    """By label, the figures of the final snapshots."""
    floors: dict[str, float | None]
    """By metric: real images of the other split, scored like samples."""
    floor_reason: str | None
    ceiling: SeedValues | None
    """The FID of the untrained generators of all runs."""
    externals: tuple[tuple[str, Scores], ...]
    """Samples from elsewhere by name, under the same protocol."""
    warnings: tuple[str, ...]
    """What a reader of the scores must know."""
    weights: str | None = None
    """Origin of the feature model's weights, with the accuracy of a lenet that was trained here."""

    @property
    def metric(self) -> str:
        """The FID's name, e.g. ``fid_lenet``."""
        return fid_name(self.features)

    def spread(self, label: str, name: str) -> SeedValues | None:
        """Return a row's figure by the metric's name, with or without that of the features."""
        spreads = self.finals[label].spreads
        return spreads.get(name) or spreads.get(f"{name}_{self.features}")

    def floor_of(self, name: str) -> float | None:
        """Return a metric's floor by its name, with or without that of the features."""
        return self.floors.get(name, self.floors.get(f"{name}_{self.features}"))


def scored_under(protocol: str, by_label: Mapping[str, Sequence[Run]], results: Results) -> Scored:
    """Return what runs come to under a protocol.

    ``by_label`` has one run of each seed.
    """
    example = results.protocols[protocol]
    features = example.protocol.features
    runs = [run for members in by_label.values() for run in members]
    externals = [(e.facts.name, file) for e in results.externals for file in e.scores]
    return Scored(
        fingerprint=protocol,
        features=features,
        finals={
            label: _final(members, protocol, fid_name(features))
            for label, members in by_label.items()
        },
        floors=dict(example.floor),
        floor_reason=example.floor_reason,
        ceiling=SeedValues.of(_untrained(run, protocol, fid_name(features)) for run in runs),
        externals=tuple((name, file) for name, file in externals if file.fingerprint == protocol),
        warnings=example.warnings,
        weights=example.weights,
    )


def _untrained(run: Run, protocol: str, fid: str) -> float | None:
    scores = [score for score in run.scores_under(protocol) if score.key == (0, fid)]
    return scores[-1].value if scores and run.spec.steps else None


def _final(runs: Sequence[Run], protocol: str, fid: str) -> Final:
    seeds = sorted(runs, key=lambda run: run.spec.seed)
    of_seed = [final_scores(run, protocol) for run in seeds]
    names = dict.fromkeys(name for scores in of_seed for name in scores)
    spreads = {name: final_values(seeds, name, protocol) for name in names}
    fids = {
        run.spec.seed: scores[fid]
        for run, scores in zip(seeds, of_seed, strict=True)
        if fid in scores and scores[fid].value is not None
    }
    first = next(iter(fids.values()), None)
    known = all(score.bias is not None for score in fids.values())
    unbiased = SeedValues.by(
        {seed: estimate_of(score) if known else score.value for seed, score in fids.items()}
    )
    around = _fid_interval(interval_of_estimate(first) if first else None, unbiased)
    return Final(
        spreads={name: values for name, values in spreads.items() if values is not None},
        interval=_fid_interval(_own_interval(first), spreads.get(fid)),
        estimate=(unbiased.mean, *around) if unbiased and around else None,
        fids=tuple(fids.values()),
    )


def estimate_of(score: Score) -> float | None:
    """Return a value without its estimated bias, if that is known, and then not below zero."""
    if score.value is None or score.bias is None:
        return score.value
    return max(0.0, score.value - score.bias)


def interval_of_estimate(score: Score) -> tuple[float, float] | None:
    """Return the 95 % interval around `estimate_of`, which the stored one may exceed.

    The stored interval is extended to the value, on the side of the bias. The estimate is in the
    middle, unless the lower end was cut at zero.
    """
    stored, middle = _own_interval(score), estimate_of(score)
    if stored is None or middle is None or score.bias is None:
        return stored
    low, high = stored
    if score.bias > 0 and low > 0:
        return low, 2 * middle - low
    if score.bias < 0:
        return max(0.0, 2 * middle - high), high
    return stored


def _own_interval(score: Score | None) -> tuple[float, float] | None:
    if score is None or score.low is None or score.high is None:
        return None
    return score.low, score.high


def _fid_interval(
    of_first: tuple[float, float] | None, fids: SeedValues | None
) -> tuple[float, float] | None:
    of_mean = mean_interval(fids.values) if fids else None
    if fids and of_mean:
        _, low, high, _ = of_mean
        # No distance is below zero. Of equal values, this mean may be rounded otherwise.
        return max(0.0, min(low, fids.mean)), max(high, fids.mean)
    return of_first
