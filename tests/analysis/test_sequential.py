"""Seeds one after the other: what a look may conclude, what stays so, and how often it is wrong."""

import math

import numpy as np
import pytest

from gan_bench.analysis.sequential import Design, Look, look, progress, verdict
from gan_bench.metrics import SPEED, metric

FID = metric("fid_lenet")
DESIGN = Design(most=10)


def by_seed(*rows):
    """Values by label and seed, of rows of logarithms."""
    return {
        label: dict(enumerate(np.exp(row).tolist()))
        for label, row in zip("abcdefghijkl", rows, strict=False)
    }


def drawn(means, spread, seeds=10, random=None):
    random = random or np.random.default_rng(0)
    return by_seed(*(random.normal(mean, spread, seeds) for mean in means))


def followed(values, design=DESIGN, metric=FID):
    """The looks of a plan whose runs have these values."""
    looks, known = [], {label: {} for label in values}
    for seeds in design.looks:
        for label in looks[-1].open if looks else known:
            known[label] = {seed: of for seed, of in values[label].items() if seed < seeds}
        looks.append(look(known, looks[-1] if looks else None, seeds, design, metric))
        if not looks[-1].open:
            break
    return looks, known


def test_the_levels_of_all_looks_are_five_percent_together():
    for design in (DESIGN, Design(most=4), Design(most=30)):
        assert design.looks[0] == 3 and design.looks[-1] == design.most
        assert sum(design.level for _ in design.looks) == pytest.approx(0.05)


def test_those_far_apart_are_certain_after_the_first_look():
    values = drawn([0, 1, 2, 3], 0.02)
    looks, known = followed(values)
    assert len(looks) == 1
    assert looks[0].certain == list("abcd")
    assert looks[0].apart == {(b, w) for b in "abcd" for w in "abcd" if b < w}
    assert {len(of) for of in known.values()} == {3}


def test_the_better_one_of_a_pair_is_that_with_the_higher_value_where_higher_is_better():
    looks, _ = followed(drawn([0, 1], 0.001), metric=metric(SPEED))
    assert looks[0].apart == {("b", "a")}


def test_only_those_with_an_open_pair_get_further_seeds():
    values = drawn([0, 0.12, 2, 3], 0.06)
    looks, known = followed(values)
    assert looks[0].open == ["a", "b"]
    assert len(looks) > 1 and ("a", "b") in looks[-1].apart
    assert {label: len(of) for label, of in known.items()} == {
        "a": looks[-1].seeds,
        "b": looks[-1].seeds,
        "c": 3,
        "d": 3,
    }


def test_what_is_told_apart_stays_so_whatever_later_seeds_show():
    values = drawn([0, 0.3, 0.15], 0.02)
    first = look(values, None, 3, DESIGN, FID)
    assert ("a", "b") in first.apart
    later = values | {"b": {seed: 1.0 for seed in range(10)}}
    before = Look(3, first.labels, frozenset({("a", "b")}))
    assert ("a", "b") in look(later, before, 4, DESIGN, FID).apart


def test_the_lowest_mean_does_not_lead_those_that_were_told_apart_as_better():
    """Two twins fail in the same later seeds, after a third one was told apart as worse."""
    values = {
        "x": [12.0, 12.1, 11.9],
        "keras-y": [7.0, 7.3, 6.8, 40.0, *[7.0] * 6],
        "torch-y": [7.1, 7.2, 6.9, 41.0, *[7.0] * 6],
    }
    looks, known = followed({label: dict(enumerate(of)) for label, of in values.items()})
    assert {("keras-y", "x"), ("torch-y", "x")} <= looks[-1].apart
    known["keras-y"][4] = known["torch-y"][4] = 60.0
    known |= {label: {s: of[s] for s in of if s < 5} for label, of in known.items()}
    found = look(known, looks[0], 5, DESIGN, FID)
    assert found.contradicted == {("keras-y", "x"), ("torch-y", "x")}
    assert "x" not in found.certain
    lead, places, *_ = verdict(found, known, DESIGN, FID)
    assert lead.startswith("x has the lowest FID (12.0), but ")
    assert "keras-y and torch-y are told apart from it as better, by earlier seeds or " in lead
    assert "told apart against the order of their means: keras-y and x; torch-y and x" in places


def test_one_without_results_is_named_and_no_place_is_certain():
    values = drawn([0, 1], 0.02) | {"c": {2: 0.5}, "d": {}}
    found = look(values, None, 3, DESIGN, FID)
    assert found.apart == {("a", "b")} and found.missing == ("c", "d") and not found.certain
    assert progress(found, DESIGN).startswith("3 seeds: 0 of 4 places are certain")
    said = verdict(found, values, DESIGN, FID)
    assert "Not compared, with fewer than two results: c and d." in said
    assert said[0].endswith(" and is told apart from all others that are compared.")


def test_a_pair_with_a_closed_side_is_not_tested_again():
    """`c` is closed: neither its pairs that are beyond reach nor its values change anything."""
    values = drawn([0, 0.1, 3], 0.05)
    before = Look(3, ("a", "b", "c"), beyond=frozenset({("a", "c"), ("b", "c")}))
    found = look(values, before, 4, DESIGN, FID)
    assert not [pair for pair in found.apart if "c" in pair]
    assert found.beyond >= before.beyond


def test_only_the_first_seeds_count_so_that_a_plan_can_be_continued():
    values = drawn([0, 0.1, 0.2, 0.4], 0.05)
    few = {label: {s: of[s] for s in range(3)} for label, of in values.items()}
    assert look(values, None, 3, DESIGN, FID) == look(few, None, 3, DESIGN, FID)


def test_values_that_vary_next_to_nothing_are_equal():
    values = by_seed([1, 1.001, 0.999], [1.001, 1, 1.001], [0.999, 1, 1.002], [2, 2.001, 1.999])
    found = look(values, None, 3, DESIGN, FID)
    assert found.equal == {("a", "b"), ("a", "c"), ("b", "c")}
    assert found.apart == {("a", "d"), ("b", "d"), ("c", "d")}
    assert found.certain == list("abcd") and not found.open


def test_ratios_at_the_limit_are_not_equal():
    ends = math.log(1.1) + 0.001
    values = by_seed([0, 0.0001, -0.0001], [ends, ends + 0.0001, ends - 0.0001])
    found = look(values, None, 3, DESIGN, FID)
    assert not found.equal and found.apart


HARDLY = by_seed([0.2, -0.2] * 3, [0.21, -0.19] * 3, [5, 5.2] * 3)
"""Of which ten seeds would hardly tell the first two apart."""
OPEN = by_seed([0.1, -0.1] * 5, [0.2, 0.0] * 5)
"""Which ten seeds have not told apart."""


def test_what_the_most_seeds_would_hardly_decide_gets_no_more_of_them():
    found = look(HARDLY, None, 6, DESIGN, FID)
    assert found.beyond == {("a", "b")} and not found.open
    assert found.certain == ["c"]
    assert look(HARDLY, None, 6, Design(most=1000), FID).open == ["a", "b"]


def test_after_the_last_look_nothing_is_beyond_reach_but_open():
    found = look(OPEN, None, 10, DESIGN, FID)
    assert not found.beyond and found.open == ["a", "b"]


def test_failed_runs_have_no_values():
    values = drawn([0, 1, 2], 0.02)
    del values["b"][1]
    values["c"] = {0: 3.0}
    found = look(values, None, 3, DESIGN, FID)
    assert found.labels == ("a", "b")
    assert look({"a": {0: 1.0}}, None, 3, DESIGN, FID).labels == ()


def test_equal_implementations_are_seldom_told_apart_over_all_looks():
    """Of 200 plans of six equal ones, at most the promised 5 % name a difference."""
    random = np.random.default_rng(0)
    plans = [followed(drawn([0] * 6, 0.1, random=random)) for _ in range(200)]
    assert sum(bool(looks[-1].apart) for looks, _ in plans) <= 10


def test_different_ones_are_seldom_called_equal():
    random = np.random.default_rng(0)
    plans = [followed(drawn([0, 0.1, 0.2], 0.03, random=random)) for _ in range(200)]
    assert sum(bool(looks[-1].equal) for looks, _ in plans) <= 10


def test_a_look_is_one_line():
    values = drawn([0, 0.12, 2, 3], 0.06)
    looks, _ = followed(values)
    assert progress(looks[0], DESIGN) == (
        "3 seeds: 2 of 4 places are certain, seed 3 follows for a and b."
    )
    assert progress(looks[-1], DESIGN).endswith(" seeds: 4 of 4 places are certain.")
    assert progress(look(OPEN, None, 10, DESIGN, FID), DESIGN) == (
        "10 seeds: 0 of 2 places are certain, 2 are still open."
    )
    hardly = look(HARDLY, None, 6, DESIGN, FID)
    assert progress(hardly, DESIGN) == (
        "6 seeds: 1 of 3 places is certain, 2 would hardly become so."
    )


def test_a_verdict_names_the_best_and_what_is_not_told_apart():
    looks, known = followed(drawn([0, 1, 2, 3], 0.02))
    assert verdict(looks[-1], known, DESIGN, FID) == [
        "a has the lowest FID (1.00) and is told apart from all others.",
        "4 of 4 places are certain.",
        "Each of the 8 looks at the seeds has the level 0.63 %, so at most 5 % of such plans "
        "tell any equal implementations apart.",
    ]
    first, second, _ = verdict(look(HARDLY, None, 6, DESIGN, FID), HARDLY, DESIGN, FID)
    assert first == (
        "a has the lowest FID (1.02), but b is not told apart from it, which 10 seeds would hardly "
        "change."
    )
    assert second == "1 of 3 places is certain; not told apart: a and b."
    found = look(OPEN, None, 10, DESIGN, FID)
    assert "b is not told apart from it after 10 seeds" in verdict(found, OPEN, DESIGN, FID)[0]


def test_without_two_there_is_nothing_to_say():
    [said] = verdict(look({}, None, 3, DESIGN, FID), {}, DESIGN, FID)
    assert "nothing is compared" in said
