"""Seeds chosen one after the other: which implementations need more, and when all is certain.

After each round of seeds, every two implementations are either told apart, shown to be equal
within a factor, or still open. An implementation with an open pair gets another seed.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from statistics import fmean
from typing import Final

from scipy import special

from gan_bench.analysis.pairs import Pairs, all_pairs
from gan_bench.analysis.statistics import FEWEST_SEEDS, LEVEL
from gan_bench.metrics import Metric
from gan_bench.text import figure, listed, many

Values = Mapping[str, Mapping[int, float]]
"""Final values by implementation and seed; a run that failed has none."""
Pair = tuple[str, str]
EQUAL_WITHIN: Final = 1.1
"""Two whose ratio is below this are equal for all that matters."""
HOPELESS: Final = 0.1
"""A pair that the most seeds decide with a smaller chance than this gets no more of them."""
_NAMED = 4
"""Implementations or pairs that a sentence names before it counts the rest."""


@dataclass(frozen=True)
class Design:
    """When the seeds are looked at, and what a look may conclude."""

    most: int
    """Seeds of an implementation, at most."""
    first: int = FEWEST_SEEDS
    """Seeds of all implementations at the first look."""
    equal_within: float = EQUAL_WITHIN

    @property
    def looks(self) -> range:
        """The numbers of seeds at which there is a look."""
        return range(self.first, self.most + 1)

    @property
    def number(self) -> int:
        """The number of looks."""
        return len(self.looks)

    @property
    def level(self) -> float:
        """The level of each look: 5 % are spent in equal parts (Bonferroni)."""
        return (1 - LEVEL) / self.number


@dataclass(frozen=True)
class Look:
    """What is known after a round of seeds."""

    seeds: int
    """Seeds of those implementations that were open before the round."""
    labels: tuple[str, ...]
    """All implementations with values of at least two seeds."""
    apart: frozenset[Pair] = frozenset()
    """Pairs that are told apart, the better one first."""
    equal: frozenset[Pair] = frozenset()
    """Pairs that are equal within the factor, in the order of `labels`."""
    beyond: frozenset[Pair] = frozenset()
    """Pairs that even the most seeds would hardly decide, in the order of `labels`."""
    contradicted: frozenset[Pair] = frozenset()
    """Pairs of `apart` whose means, of all seeds so far, have the other order: one bad seed or
    later ones decide it."""
    missing: tuple[str, ...] = ()
    """The implementations of the plan with fewer values: they are in no comparison."""

    @property
    def open_pairs(self) -> list[Pair]:
        """Pairs that further seeds may decide, in the order of `labels`."""
        decided = self.apart | self.equal | self.beyond
        pairs = combinations(self.labels, 2)
        return [(a, b) for a, b in pairs if not {(a, b), (b, a)} & decided]

    @cached_property
    def open(self) -> list[str]:
        """Implementations with an open pair: their places are not certain yet."""
        found = {label for pair in self.open_pairs for label in pair}
        return [label for label in self.labels if label in found]

    @property
    def certain(self) -> list[str]:
        """Implementations that are told apart from, or equal to, each of the others.

        None as long as one of the plan has too few values to be compared.
        """
        if self.missing:
            return []
        undecided = {*self.open_pairs, *self.beyond, *self.contradicted}
        found = {label for pair in undecided for label in pair}
        return [label for label in self.labels if label not in found]


def look(values: Values, before: Look | None, seeds: int, design: Design, metric: Metric) -> Look:
    """Return what the first ``seeds`` seeds show, given what an earlier look has shown.

    ``values`` has every implementation of the plan, if need be without values.

    Notes
    -----
    A pair that is told apart or shown to be equal stays so, and a pair of which a side is closed is
    not tested again, so that both sides of a test have all of the first ``seeds`` seeds, whatever
    stopped the others. Holm's correction counts the pairs that are not told apart yet. Before the
    first false one, these include all pairs that are truly equal, so that the chance of telling any
    of those apart is at most the level of the look, and at most 5 % over all looks. Two are equal
    if two one-sided tests, corrected for as many pairs, exclude ratios beyond the factor.

    A pair is beyond reach if the chance that the most seeds decide it is small, given the values so
    far (predictive power). It only stops seeds and claims nothing, so it costs no error.
    """
    known = {label: _first_seeds(of, seeds) for label, of in values.items()}
    labels = tuple(label for label, of in known.items() if len(of) > 1)
    missing = tuple(label for label in known if label not in labels)
    if before is None:
        before = Look(seeds, labels)
        pairs = list(combinations(labels, 2))
    else:
        still = set(before.open) & set(labels)
        done = before.apart | before.equal
        pairs = [
            (a, b)
            for a, b in combinations(labels, 2)
            if {a, b} <= still and not {(a, b), (b, a)} & done
        ]
    tests = _Tests(labels, all_pairs([known[label] for label in labels], scale=metric.scale))
    possible = math.comb(len(labels), 2) - len(before.apart)
    apart = tests.told_apart(pairs, possible, design.level)
    left = [pair for pair in pairs if pair not in apart]
    level = design.level / max(1, possible - len(apart))
    equal = {pair for pair in left if tests.equal(pair, level, design.equal_within)}
    beyond = set()
    if seeds < design.most:
        chances = {pair: tests.chance(pair, level, design, seeds) for pair in left}
        beyond = {pair for pair, chance in chances.items() if chance < HOPELESS} - equal
    told = before.apart | {tests.ordered(pair, metric) for pair in apart}
    means = {label: metric.sign * fmean(known[label]) for label in labels}
    return Look(
        seeds,
        labels,
        told,
        before.equal | equal,
        (before.beyond - set(pairs)) | beyond,
        frozenset((a, b) for a, b in told if means[a] > means[b]),
        missing,
    )


def _first_seeds(values: Mapping[int, float], seeds: int) -> list[float]:
    return [value for seed, value in sorted(values.items()) if seed < seeds]


@dataclass(frozen=True)
class _Tests:
    """The tests of every pair, by label."""

    labels: Sequence[str]
    pairs: Pairs

    def _place(self, pair: Pair) -> tuple[int, int]:
        return self.labels.index(pair[0]), self.labels.index(pair[1])

    def _apart(self, pair: Pair) -> float:
        return abs(float(self.pairs.estimates[self._place(pair)]))

    def told_apart(self, pairs: Iterable[Pair], possible: int, level: float) -> set[Pair]:
        """Return the pairs that differ by Holm's procedure, if ``possible`` pairs may be equal."""
        told: set[Pair] = set()
        p = {pair: float(self.pairs.uncorrected[self._place(pair)]) for pair in pairs}
        for pair in sorted(p, key=lambda pair: p[pair]):
            if not p[pair] * (possible - len(told)) <= level:
                break
            told.add(pair)
        return told

    def equal(self, pair: Pair, level: float, within: float) -> bool:
        """Return whether two one-sided tests exclude ratios beyond the factor."""
        room = math.log(within) - self._apart(pair)
        error, freedom = self._error(pair)
        if room <= 0 or not error:
            return room > 0
        return float(special.stdtr(freedom, -room / error)) <= level

    def _error(self, pair: Pair) -> tuple[float, float]:
        place = self._place(pair)
        return float(self.pairs.errors[place]), float(self.pairs.freedom[place])

    def chance(self, pair: Pair, level: float, design: Design, seeds: int) -> float:
        """Return the chance that the pair is told apart, or shown to be equal, at the last look."""
        error, freedom = self._error(pair)
        if not error:
            return 1.0
        done = seeds / design.most
        last_error, more = error * math.sqrt(done), error * math.sqrt(1 - done)
        last_freedom = freedom + 2 * (design.most - seeds)
        least = last_error * float(special.stdtrit(last_freedom, 1 - level / 2))
        most = math.log(design.equal_within) - last_error * float(
            special.stdtrit(last_freedom, 1 - level)
        )
        return 1 - self._within(pair, least, more) + self._within(pair, most, more)

    def _within(self, pair: Pair, limit: float, deviation: float) -> float:
        """Return the chance that the difference will be within a limit at the last look."""
        freedom, apart = self._error(pair)[1], self._apart(pair)
        ends = ((limit - apart) / deviation, (-limit - apart) / deviation)
        high, low = (float(special.stdtr(freedom, end)) for end in ends)
        return max(0.0, high - low)

    def ordered(self, pair: Pair, metric: Metric) -> Pair:
        better = metric.sign * float(self.pairs.estimates[self._place(pair)]) < 0
        return pair if better else (pair[1], pair[0])


def progress(found: Look, design: Design) -> str:
    """Return what a look has shown, and which implementations get another seed, in one line."""
    beyond = len({label for pair in found.beyond for label in pair}.difference(found.open))
    parts = [_certain(found)]
    if beyond:
        parts.append(f"{beyond} would hardly become so")
    if found.open and found.seeds < design.most:
        parts.append(f"seed {found.seeds} follows for {listed(found.open, _NAMED)}")
    elif found.open:
        parts.append(f"{len(found.open)} are still open")
    return f"{many(found.seeds, 'seed')}: {', '.join(parts)}."


def _certain(found: Look) -> str:
    number = len(found.certain)
    verb = "is" if number == 1 else "are"
    return f"{number} of {many(len(found.labels) + len(found.missing), 'place')} {verb} certain"


def verdict(found: Look, values: Values, design: Design, metric: Metric) -> list[str]:
    """Return what the looks have shown, in sentences."""
    if len(found.labels) < 2:
        return ["Fewer than two implementations have results of two seeds: nothing is compared."]
    certain = _certain(found)
    if undecided := [*found.open_pairs, *sorted(found.beyond)]:
        certain += f"; not told apart: {_pairs_in_words(undecided)}"
    if found.contradicted:
        against = _pairs_in_words(sorted(found.contradicted))
        certain += f"; told apart against the order of their means: {against}"
    absent = f"Not compared, with fewer than two results: {listed(found.missing, _NAMED)}."
    return [
        f"{_lead(found, values, design, metric)}.",
        f"{certain}.",
        *([absent] if found.missing else []),
        f"Each of the {design.number} looks at the seeds has the level {100 * design.level:.2g} %, "
        "so at most 5 % of such plans tell any equal implementations apart.",
    ]


def _pairs_in_words(pairs: Sequence[Pair]) -> str:
    named = [" and ".join(pair) for pair in pairs[:_NAMED]]
    more = len(pairs) - len(named)
    return "; ".join([*named, *([f"{many(more, 'more pair')}"] if more else [])])


def _lead(found: Look, values: Values, design: Design, metric: Metric) -> str:
    """Return which implementation is best, and which are not worse for all that is known."""
    means = {label: fmean(values[label].values()) for label in found.labels}
    best, *others = sorted(means, key=lambda label: (metric.sign * means[label], label))
    order = "highest" if metric.higher_is_better else "lowest"
    lead = f"{best} has the {order} {metric.label} ({figure(means[best])})"
    kinds = (
        (found.equal, f"equal to it within {100 * (design.equal_within - 1):.0f} %"),
        (found.beyond, f"not told apart from it, which {design.most} seeds would hardly change"),
        (set(found.open_pairs), f"not told apart from it after {found.seeds} seeds"),
        (found.contradicted, "told apart from it as better, by earlier seeds or geometric means"),
    )
    parts = []
    for pairs, words in kinds:
        beside = [label for label in others if {(best, label), (label, best)} & pairs]
        if beside:
            verb = "is" if len(beside) == 1 else "are"
            parts.append(f"{listed(beside, _NAMED)} {verb} {words}")
    all_others = "all others that are compared" if found.missing else "all others"
    return (
        f"{lead}, but {'; '.join(parts)}"
        if parts
        else f"{lead} and is told apart from {all_others}"
    )
