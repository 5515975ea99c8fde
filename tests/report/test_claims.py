"""The claims of the recipes' sources, and what known runs say of them."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.errors import GanBenchError
from gan_bench.plan import Budget
from gan_bench.plugins.describe import describe
from gan_bench.report.claims import by_claim, by_document, claims, in_short
from gan_bench.report.claims.changed import changed_values
from gan_bench.report.claims.effects import measured_effect
from gan_bench.report.claims.evidence import Evidence
from gan_bench.report.claims.measures import (
    Measures,
    every_step,
    level,
    loss_fid_correlation,
    roughness,
)
from gan_bench.report.claims.power import seeds_for_difference, seeds_for_mean
from gan_bench.report.claims.sources import parse_claims, sources_claims
from gan_bench.results.load import load_results
from recipes import SOURCES
from report_folder import (
    add_plan,
    add_run,
    protocol,
    quick_spec,
    run_spec,
    score,
    scores_of,
)
from speed_study import study

SLOWER = "Non-Enhanced model trains faster, while Enhanced model takes longer [...]"
BETTER = "Enhanced model takes longer but yields better results"
SHARPER = "Enhanced model images are sharper [...]"
SMOOTHER = "Enhanced model shows smoother [...] loss: the generator's"
LOWER = "Enhanced model shows [...] lower loss: the generator's"
VALID = """
[[claim]]
text = "It is better"
source = "000"
recipe = "enhanced"
than = "baseline"
measure = "fid"
direction = "lower"
"""


@pytest.fixture
def found(results):
    def read():
        return {row.claim: row for row in claims(only_group(results), load_results(results).losses)}

    return read


def add(results, name, fids, *, seeds=None, spec=run_spec, metrics=None, **changes):
    """Add a run a seed; ``metrics`` are figures of its final snapshot beside the FID."""
    for index, fid in enumerate(fids):
        seed = seeds[index] if seeds else index
        under = protocol()
        planned = spec(name, seed)
        scores = scores_of({0: 150.0, planned.steps: fid}, under=under)
        others = [
            score(planned.steps, value * (1 + index / 1_000), under, metric=metric)
            for metric, value in (metrics or {}).items()
        ]
        scores = scores.model_copy(update={"scores": [*scores.scores, *others]})
        of_seed = {k: v[index] if isinstance(v, list) else v for k, v in changes.items()}
        add_run(results, planned, scores=[scores], **of_seed)


def losses(level, noise, seed, steps=600):
    table = np.full((steps, 4), 0.5)
    table[:, 0] = level + np.random.default_rng(seed).normal(0, noise, steps)
    table[:, 1] = 1.0 + np.random.default_rng(seed).normal(0, 0.1, steps)
    return table


def test_a_claim_that_the_seeds_confirm_holds(results, found):
    add(results, "torch-enhanced", [4.0, 4.1, 4.2], images_per_s=[500.0, 505.0, 510.0])
    add(results, "torch-baseline", [8.0, 8.3, 8.3], images_per_s=[1_000.0, 1_015.0, 1_010.0])
    row = found()[SLOWER]
    assert (row.verdict, row.source) == ("holds", "002_acf7b40444659e4f")
    assert row.pair == "torch-enhanced against torch-baseline"
    assert row.measured.startswith("images/s: 505 against 1,008, ratio 0.501 (0.49")
    assert row.measured.endswith(", 3 seeds")
    assert row.why == "p < 0.001 (Welch, 3 seeds, Holm over 2 claims)"
    assert found()[BETTER].verdict == "holds"
    assert found()[BETTER].measured.startswith(
        "FID (lenet features): 4.10 against 8.20, ratio 0.500 "
    )


def test_values_that_the_runs_changed_are_named(results):
    def changed(name, seed, **values):
        own = describe(name, {}, (28, 28, 1))
        return run_spec(
            name,
            seed,
            recipe_values=own.recipe_values | values,
            recipe_defaults={field: own.recipe_values[field] for field in values},
        )

    for name in ("torch-enhanced", "torch-baseline", "torch-dcgan", "torch-sngan"):
        add_run(results, changed(name, 0, batch_size=32))
    assert changed_values(only_group(results)) == (
        "The claims are about the recipes' own values. These runs have other ones: batch_size 32 "
        "instead of 128 (dcgan); batch_size 32 instead of 256 (baseline and enhanced)."
    )
    add_run(results, changed("torch-dcgan", 0))
    add_run(results, changed("torch-enhanced", 1, epochs=1))
    sentence = changed_values(only_group(results))
    assert ". Some of these runs have other ones: " in sentence and "epochs" not in sentence


def test_the_recipes_own_values_need_no_sentence(results):
    add_run(results, run_spec(recipe_defaults={"epochs": 1}))
    assert changed_values(only_group(results)) == ""


def only_group(results):
    loaded = load_results(results)
    [group] = summarise(collect_runs(results, loaded), loaded).groups
    return group


def test_a_claim_that_the_seeds_contradict_does_not_hold(results, found):
    add(results, "torch-enhanced", [8.0, 8.3, 8.3], images_per_s=[1_000.0, 1_015.0, 1_010.0])
    add(results, "torch-baseline", [4.0, 4.1, 4.2], images_per_s=[500.0, 505.0, 510.0])
    for claim in (SLOWER, BETTER):
        assert found()[claim].verdict == "does not hold"
        assert found()[claim].why.endswith(": it is higher")


def test_a_difference_that_may_be_chance_is_undecided(results, found):
    add(results, "torch-enhanced", [4.0, 8.0, 6.0], images_per_s=[500.0, 900.0, 600.0])
    add(results, "torch-baseline", [5.0, 6.0, 7.0], images_per_s=[600.0, 500.0, 800.0])
    for claim in (SLOWER, BETTER):
        assert found()[claim].verdict == "undecided"
        assert found()[claim].why.endswith("may be chance")


def test_what_one_claim_alone_would_show_many_do_not(results, found):
    """Of a p value of 0.04, Holm makes 0.08 where two claims are tested."""
    add(results, "torch-enhanced", [4.0, 4.7, 4.2], images_per_s=[500.0, 900.0, 600.0])
    add(results, "torch-baseline", [5.0, 5.0, 5.6], images_per_s=[600.0, 500.0, 800.0])
    better = found()[BETTER]
    low, high = better.measured.split("(")[2].split(")")[0].split(" to ")
    assert float(low) < float(high) < 1
    assert better.verdict == "undecided"


def test_seeds_that_are_not_common_are_compared_by_welch(results, found):
    add(results, "torch-enhanced", [4.0, 4.1, 4.2], seeds=[0, 1, 2])
    add(results, "torch-baseline", [8.0, 8.3], seeds=[3, 4])
    row = found()[BETTER]
    assert row.verdict == "holds"
    assert "3 and 2 seeds" in row.measured
    assert "(Welch, 3 and 2 seeds, Holm over 2 claims)" in row.why


def test_of_partly_common_seeds_all_are_compared(results, found):
    add(results, "torch-enhanced", [40.0, 4.0, 4.1, 4.2], seeds=[0, 1, 2, 3])
    add(results, "torch-baseline", [8.0, 8.3, 8.3], seeds=[1, 2, 3])
    measured = found()[BETTER].measured
    assert "13.1 against 8.20" in measured and "4 and 3 seeds" in measured


def test_one_seed_tells_nothing(results, found):
    add(results, "torch-enhanced", [4.0], images_per_s=500.0)
    add(results, "torch-baseline", [8.0], images_per_s=1_000.0)
    row = found()[BETTER]
    assert row.verdict == "undecided"
    assert row.why == "one seed"
    assert row.measured == "FID (lenet features): 4.00 against 8.00, 1 seed"


def test_runs_that_are_too_short_tell_of_speed_and_losses_alone(results, found):
    for name, end, speed in (("torch-enhanced", 0.5, 500.0), ("torch-baseline", 1.0, 1_000.0)):
        tables = [losses(end + seed / 100, 0.01, seed, steps=40) for seed in range(3)]
        fids = [4.0, 4.1, 4.2] if name == "torch-enhanced" else [8.0, 8.1, 8.2]
        speeds = [speed, speed + 5, speed + 11]
        add(results, name, fids, spec=quick_spec, losses=tables, images_per_s=speeds)
    rows = found()
    assert rows[BETTER].verdict == "undecided"
    assert rows[BETTER].why == "the budget is too short to rank quality"
    assert "4.10 against 8.10" in rows[BETTER].measured
    assert rows[SLOWER].verdict == "holds"
    assert rows[LOWER].verdict == "holds"


def test_losses_are_compared_in_roughness_and_level(results, found):
    for name, end, noise in (("keras-enhanced", 2.0, 0.01), ("keras-baseline", 1.0, 0.1)):
        tables = [losses(end + seed / 100, noise, seed) for seed in range(3)]
        add(results, name, [4.0, 4.1, 4.2], losses=tables)
    rows = found()
    assert rows[SMOOTHER].verdict == "holds"
    assert rows[SMOOTHER].measured.startswith(
        "roughness of the generator's loss: 0.00692 against 0.138, ratio 0.0502 "
    )
    assert rows[LOWER].verdict == "does not hold"
    assert rows[LOWER].measured.startswith(
        "the generator's loss (last tenth): 2.01 against 0.998, difference 1.01 "
    )
    discriminator = rows["Enhanced model shows smoother [...] loss: the discriminator's"]
    assert discriminator.verdict == "undecided"


def test_sharpness_and_variety_are_precision_recall_coverage_and_confidence(results, found):
    better = {"precision_lenet": 0.8, "recall_lenet": 0.3, "confident_share": 0.9}
    worse = {"precision_lenet": 0.6, "recall_lenet": 0.6, "confident_share": 0.6}
    add(results, "torch-enhanced", [4.0, 4.1, 4.2], metrics=better)
    add(results, "torch-baseline", [4.2, 4.0, 4.1], metrics=worse)
    rows = found()
    assert rows[SHARPER].verdict == "holds"
    assert rows[SHARPER].measured == (
        "precision (lenet features): 0.801 against 0.601, difference 0.200 (0.199 to 0.202), "
        "3 seeds"
    )
    assert rows["Enhanced model images are [...] clearer"].verdict == "holds"
    assert rows["Enhanced model generates more varied [...] images"].verdict == "does not hold"
    coverage = rows["Enhanced model generates more varied, realistic images"]
    assert coverage.verdict == "undecided"
    assert coverage.why == "not measured: torch-enhanced and torch-baseline"


def all_rows(results):
    loaded = load_results(results)
    [group] = summarise(collect_runs(results, loaded), loaded).groups
    return claims(group, loaded.losses)


def test_a_claim_has_one_verdict_and_each_framework_a_row_below_it(results):
    for name in ("torch-enhanced", "keras-enhanced", "keras-baseline"):
        add(results, name, [4.0, 4.1, 4.2])
    assert {row.pair for row in all_rows(results)} == {"keras-enhanced against keras-baseline"}
    assert {row.framework for row in all_rows(results)} == {""}
    add(results, "torch-baseline", [4.0, 4.1, 4.2])
    rows = [row for row in all_rows(results) if row.claim == BETTER]
    assert [(row.pair, row.framework) for row in rows] == [
        ("enhanced against baseline in keras and torch", ""),
        ("keras-enhanced against keras-baseline", "keras"),
        ("torch-enhanced against torch-baseline", "torch"),
    ]
    assert [row.verdict_in_words for row in rows] == ["undecided", "", ""]


THREE = ("jax", "keras", "torch")
SPREAD = (0.97, 1.0, 1.03, 1.01, 0.99)


def add_three(results, enhanced, baseline, **metrics):
    """Add five seeds in PyTorch and three in each twin, at these levels of FID and of metrics."""
    for framework in THREE:
        seeds = 5 if framework == "torch" else 3
        factor = {"jax": 1.02, "keras": 0.98, "torch": 1.0}[framework]
        for recipe, fid in (("enhanced", enhanced), ("baseline", baseline)):
            # The spread of one recipe is not that of the other.
            spread = SPREAD if recipe == "enhanced" else SPREAD[2:] + SPREAD[:2]
            fids = [fid * factor * one for one in spread[:seeds]]
            of_recipe = {name: pair[recipe == "baseline"] for name, pair in metrics.items()}
            add(results, f"{framework}-{recipe}", fids, metrics=of_recipe)


def test_over_three_frameworks_a_claim_that_is_so_holds(results, found):
    add_three(results, 4.0, 8.0)
    verdict, *parts = [row for row in all_rows(results) if row.claim == BETTER]
    assert verdict.verdict == "holds" and verdict.remedy == ""
    assert verdict.pair == "enhanced against baseline in jax, keras and torch"
    assert verdict.measured.startswith("FID (lenet features): ratio 0.5")
    assert verdict.measured.endswith("5 seeds in 3 frameworks")
    assert "(Welch, 5 seeds in 3 frameworks, Holm over " in verdict.why
    assert [part.why for part in parts] == ["lower, as over all"] * 3
    assert re.fullmatch(r"lower FID \(ratio 0\.5\d*; corrected p [=<] [0-9.]+\)", verdict.short)


def test_over_three_frameworks_a_claim_whose_opposite_is_so_does_not_hold(results, found):
    add_three(results, 8.0, 4.0)
    verdict, *parts = [row for row in all_rows(results) if row.claim == BETTER]
    assert verdict.verdict == "does not hold" and verdict.why.endswith(": it is higher")
    assert [part.why for part in parts] == ["higher, as over all"] * 3


def test_over_three_frameworks_a_small_difference_says_how_many_seeds_would_decide(results):
    add_three(results, 4.0, 4.08)
    verdict, *parts = [row for row in all_rows(results) if row.claim == BETTER]
    assert verdict.verdict == "undecided" and verdict.why.endswith("may be chance")
    needed = re.fullmatch(
        r"(\d+) seeds would decide it, with a probability of 80%, if effect and spread are as "
        r"measured\.",
        verdict.remedy,
    )
    assert 5 < int(needed[1]) <= 100
    assert len(parts) == 3


def test_two_seeds_do_not_say_how_many_would_decide(results):
    for name, fids in (("torch-enhanced", [4.0, 4.2]), ("torch-baseline", [4.4, 4.1])):
        add(results, name, fids)
    verdict = next(row for row in all_rows(results) if row.claim == BETTER)
    assert verdict.verdict == "undecided"
    assert verdict.remedy == "It would need three seeds or more."
    assert "would decide" not in verdict.short


def test_without_an_effect_no_number_of_seeds_is_promised(results):
    add_three(results, 4.0, 4.0)
    verdict = next(row for row in all_rows(results) if row.claim == BETTER)
    assert verdict.verdict == "undecided"
    assert verdict.remedy.startswith(
        "More than 100 seeds would be needed: if there is an effect, it is small (95 % interval 0.9"
    )


def test_frameworks_that_contradict_each_other_decide_nothing(results):
    for framework, factor in (("keras", 2.0), ("torch", 0.5)):
        add(results, f"{framework}-enhanced", [4.0 * factor, 4.1 * factor, 4.2 * factor])
        add(results, f"{framework}-baseline", [4.1, 4.0, 4.1])
    verdict, *parts = [row for row in all_rows(results) if row.claim == BETTER]
    assert verdict.verdict == "undecided"
    assert sorted(part.why for part in parts) == ["higher, as over all", "lower, unlike over all"]


def test_rows_with_other_recipe_values_are_claims_of_their_own(results):
    add(results, "torch-baseline", [8.0, 8.2, 8.3])
    add(results, "torch-enhanced", [4.0, 4.1, 4.2])

    def other_values(name, seed):
        return run_spec(name, seed, recipe_values={"learning_rate": 0.5})

    add(results, "torch-enhanced", [16.0, 16.1, 16.2], spec=other_values)
    rows = [row for row in all_rows(results) if row.claim == BETTER]
    assert sorted(row.verdict for row in rows) == ["does not hold", "holds"]
    assert {row.framework for row in rows} == {""}


def evidence_of(values, others, framework="torch"):
    return Evidence(framework, "pair", "measured", values, others)


FID_CLAIM = parse_claims(VALID, "claims.toml")[0]
MEASURES = Measures({}, None, "lenet")


def test_twins_that_are_equal_count_once():
    """Three equal twins show no more than one of them."""
    a = {0: 4.0, 1: 4.4, 2: 4.1, 3: 4.6}
    b = {0: 4.5, 1: 4.6, 2: 4.4, 3: 4.9}
    one = [evidence_of(a, b)]
    _, alone, _ = measured_effect(FID_CLAIM, one, MEASURES)
    _, thrice, _ = measured_effect(FID_CLAIM, one * 3, MEASURES)
    x, y = (np.log(list(side.values())) for side in (a, b))
    for found in (alone, thrice):
        assert found.p == pytest.approx(stats.ttest_ind(x, y, equal_var=False).pvalue)
        assert found.estimate == pytest.approx(np.exp(x.mean() - y.mean()))


def test_a_framework_with_more_seeds_weighs_no_more_than_the_others():
    """Correlations are compared with zero over the seeds that all frameworks have."""
    claim = next(one for one in sources_claims() if one.measure == "loss_fid_correlation")
    found = [evidence_of(dict.fromkeys(range(5), -0.9), None)]
    for framework in ("keras", "jax"):
        values = {seed: 0.1 + seed / 100 for seed in range(3)}
        found.append(evidence_of(values, None, framework))
    words, difference, _ = measured_effect(claim, found, MEASURES)
    assert difference.estimate == pytest.approx((-0.9 + 0.11 + 0.11) / 3)
    assert words.endswith(", 3 seeds in 3 frameworks")


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_equal_recipes_are_told_apart_in_at_most_a_twentieth_of_the_cases(shared):
    """Also if twins are alike in part or whole, and some seeds have one framework only."""
    random = np.random.default_rng(1)
    trials, false = 2_000, 0
    seeds = {"torch": range(5), "keras": range(3), "jax": range(3)}
    for _ in range(trials):
        common = random.normal(0, shared**0.5, (2, 5))
        found = []
        for framework, own in seeds.items():
            x = common + random.normal(0, (1 - shared) ** 0.5, (2, 5))
            a, b = ({seed: float(np.exp(0.05 * side[seed])) for seed in own} for side in x)
            found.append(evidence_of(a, b, framework))
        _, difference, _ = measured_effect(FID_CLAIM, found, MEASURES)
        false += difference.p < 0.05
    assert false / trials < 0.06


def test_the_seeds_that_would_decide_are_those_of_the_tables():
    """G*Power 3.1: 10 for a mean of one standard deviation, 17 on each side for a difference."""
    unit = [2.0, 0.0, 1.0 + 1.5**0.5, 1.0 - 1.5**0.5, 1.0, 1.0]
    values = (np.array(unit) - 1) / np.std(unit, ddof=1)
    assert seeds_for_mean((values + 1.0).tolist(), 0.05) == 10
    assert seeds_for_mean((values + 0.5).tolist(), 0.05) == 34
    assert seeds_for_difference((values + 1.0).tolist(), values.tolist(), 0.05) == 17
    assert seeds_for_difference(values.tolist(), (values + 0.5).tolist(), 0.05) == 64
    assert seeds_for_mean((values + 0.1).tolist(), 0.05) is None
    assert seeds_for_mean(values.tolist(), 0.05) is None
    # Without any spread, p is that of the sign test: 2 * 0.5**6 is below 5 %, 2 * 0.5**5 is not.
    assert seeds_for_mean([1.0, 1.0, 1.0], 0.05) == 6
    assert seeds_for_mean([-0.8, -0.8000000000000002, -0.8], 0.0045) == 9
    assert seeds_for_mean((values + 1.0).tolist(), 0.01) > 10


def test_quality_is_not_judged_of_a_recipe_that_has_not_learnt(results, found):
    speeds = [500.0, 505.0, 510.0]
    add(results, "torch-enhanced", [140.0, 141.0, 142.0], images_per_s=speeds)
    add(results, "torch-baseline", [40.0, 41.0, 42.0], images_per_s=[2 * one for one in speeds])
    row = found()[BETTER]
    assert row.verdict == "undecided"
    assert row.why == (
        "enhanced has not learnt at this budget: its mean FID is 141, that of an untrained "
        "generator 150"
    )
    assert "more than these 60,000 training images in a run" in row.remedy
    assert found()[SLOWER].verdict == "holds"


def test_no_twin_is_left_out_for_a_high_fid(results):
    """That would be a choice by the outcome; the recipe's mean is below half of 150."""
    for framework, fids in (("torch", [90.0, 91.0, 92.0]), ("keras", [20.0, 21.0, 22.0])):
        add(results, f"{framework}-enhanced", fids)
        add(results, f"{framework}-baseline", [40.0, 41.0, 42.0])
    rows = claims(only_group(results), load_results(results).losses)
    verdict, *by_framework = [row for row in rows if row.claim == BETTER]
    assert verdict.pair == "enhanced against baseline in keras and torch"
    assert [row.framework for row in by_framework] == ["keras", "torch"]
    assert not [row.why for row in rows if "has not learnt" in row.why]


def test_what_is_undecided_says_what_would_decide_it(results, found):
    add(results, "torch-enhanced", [4.0], images_per_s=500.0)
    add(results, "torch-baseline", [8.0], images_per_s=1_000.0)
    add(results, "torch-upsampling-sgd", [20.0, 21.0, 22.0])
    rows = found()
    assert rows[BETTER].remedy == "It would need three seeds or more."
    fifteen = rows["Realism and diversity improve significantly after 15 epochs"]
    assert fifteen.remedy == "It would need 15 epochs, 900,000 training images in a run."
    published = rows["Fréchet Inception Distance (FID): 16.80"]
    assert published.remedy.startswith("No budget decides it")
    assert all(row.remedy for row in rows.values() if row.verdict == "undecided")


def test_each_document_has_a_sentence_with_its_verdicts(results):
    add_three(results, 4.0, 8.0, recall_lenet=(0.3, 0.6))
    sentences = by_document(all_rows(results))
    assert len(sentences) == 1
    assert sentences[0].startswith("Document 002, enhanced against baseline. Holds: lower FID (")
    assert "Does not hold: higher recall (difference -0.3" in sentences[0]
    assert "Undecided: lower roughness of the generator's loss" in sentences[0]


def test_recipes_without_a_partner_or_a_claim_give_no_row(results, found):
    add(results, "torch-enhanced", [4.0, 4.1])
    add(results, "torch-mine", [4.0, 4.1])
    assert found() == {}


def test_planned_and_failed_runs_are_not_measured(results, found):
    add_plan(results, [run_spec("torch-enhanced")])
    add_run(results, run_spec("torch-baseline"), status="error", reason="why")
    assert {row.verdict for row in found().values()} == {"undecided"}
    assert found()[BETTER].why == "not trained yet: torch-enhanced"


def test_a_planned_run_is_not_trained_yet_whatever_is_claimed(results, found):
    add_plan(results, [run_spec("torch-upsampling-sgd"), run_spec("torch-dcgan-3g")])
    rows = found()
    assert len(rows) == 4
    assert {row.why for row in rows.values()} == {"not trained yet"}


def test_a_verdict_on_a_part_of_a_claim_says_which(results, found):
    add(results, "torch-decay", [4.0, 4.1, 4.2])
    [row] = found().values()
    assert row.verdict == "holds"
    assert row.verdict_in_words == (
        "the generator improves: holds; the discriminator improves, plausible digits: not tested"
    )
    assert replace(row, tested="", not_tested="").verdict_in_words == "holds"


def test_a_published_figure_is_shown_beside_the_measured_one(results, found):
    add(results, "keras-upsampling-sgd", [20.0, 21.0, 25.0])
    row = found()["Fréchet Inception Distance (FID): 16.80"]
    assert row.pair == "keras-upsampling-sgd"
    assert row.measured == ("FID (lenet features): 22.0, 20.0 to 25.0, 3 seeds; published: 16.80")
    assert row.verdict == "undecided"
    assert row.why == "the protocol of the published figure is not stated"


def test_a_published_figure_is_shown_beside_those_of_all_feature_models(results, found):
    other = protocol(features="inception", features_sha256="9" * 64)
    both = [scores_of({0: 150.0, 600: 20.0}), scores_of({600: 31.5}, under=other)]
    add_run(results, run_spec("keras-upsampling-sgd"), scores=both)
    assert found()["Fréchet Inception Distance (FID): 16.80"].measured == (
        "FID (lenet features): 20.0, 1 seed; FID (inception features): 31.5, 1 seed; "
        "published: 16.80"
    )


def test_a_generator_that_improves_confirms_that_training_helps(results, found):
    add(results, "torch-dcgan", [4.0, 4.1, 4.2])
    [row] = found().values()
    assert row.verdict == "holds"
    assert row.pair == "torch-dcgan, step 600 against step 0"
    assert row.measured == "FID (lenet features): 4.10 against 150 untrained, 3 seeds"
    assert row.why == "lower in 3 of 3 seeds; counted, not tested"


def test_training_that_helps_some_seeds_alone_leaves_its_claim_undecided(results, found):
    add(results, "torch-dcgan", [4.0, 200.0])
    [row] = found().values()
    assert (row.verdict, row.why) == ("undecided", "lower in 1 of 2 seeds; counted, not tested")
    add(results, "keras-decay", [200.0, 201.0])
    assert {row.verdict for row in found().values()} == {"undecided", "does not hold"}


def test_claims_about_training_itself_do_not_weaken_the_test_of_others(results, found):
    add(results, "torch-enhanced", [4.0, 4.1, 4.2])
    add(results, "torch-baseline", [8.0, 8.3, 8.3])
    alone = found()[BETTER].why
    add(results, "torch-dcgan", [4.0, 4.1, 4.2])
    assert found()[BETTER].why == alone


def test_claims_are_counted_in_one_line(results, found):
    add(results, "torch-dcgan", [4.0, 4.1, 4.2])
    rows = list(found().values())
    part = "; of 1 claim only a part is tested"
    assert in_short(rows) == f"1 claim: 1 holds{part}"
    other = replace(rows[0], claim="another", verdict="undecided", tested="")
    one_framework = replace(rows[0], framework="torch")
    assert in_short([*rows, one_framework, other, other]) == (
        f"2 claims, 3 verdicts: 1 holds and 2 are undecided{part}"
    )
    assert by_claim([*rows, one_framework, other]) == [[*rows, one_framework], [other]]
    assert in_short([*rows, replace(rows[0], pair="another group")]) == (
        f"1 claim, 2 verdicts: 2 hold{part}"
    )
    assert in_short([]) == ""


def test_what_a_source_says_of_15_epochs_needs_15_epochs(results, found):
    add(results, "torch-upsampling-sgd", [20.0, 21.0, 22.0])
    row = found()["Realism and diversity improve significantly after 15 epochs"]
    assert row.verdict == "undecided"
    assert row.why == "trained for 1.00 epochs; the claim is about 15"


def test_after_15_epochs_the_first_evaluation_point_is_compared_with_the_untrained(results, found):
    budget = Budget(unit="images", amount=1_200_000)
    for seed in range(3):
        spec = run_spec(
            "torch-upsampling-sgd",
            seed,
            budget=budget,
            steps=12_000,
            evaluation_steps=(0, 6_000, 9_000, 12_000),
        )
        scores = scores_of({0: 150.0, 6_000: 30.0, 9_000: 20.0 + seed, 12_000: 200.0})
        add_run(results, spec, scores=[scores])
    row = found()["Realism and diversity improve significantly after 15 epochs"]
    assert row.pair == "torch-upsampling-sgd, step 9,000 against step 0"
    assert row.measured.startswith("FID (lenet features): 21.0 against 150")
    assert row.verdict == "holds"


def with_points(results, fids, generator, recalls=None):
    """Add three seeds of dcgan-3g with these FIDs and this generator's loss at each point.

    The last seed's last two FIDs change places, and recalls are a thousandth greater seed by seed.
    """
    points = tuple(range(0, 601, 100))
    for seed in range(3):
        spec = run_spec("torch-dcgan-3g", seed, evaluation_steps=points)
        table = np.full((600, 4), 1.0)
        table[:, 0] = np.repeat(generator, 100)
        under = protocol()
        of_seed = [*fids[:-2], fids[-1], fids[-2]] if seed == 2 else fids
        scores = scores_of(dict(zip(points, of_seed, strict=True)), under=under)
        others = [
            score(step, value * (1 + seed / 1_000), under, metric="recall_lenet")
            for step, value in (recalls or {}).items()
        ]
        scores = scores.model_copy(update={"scores": [*scores.scores, *others]})
        add_run(results, spec, scores=[scores], losses=table)


LOSS_SAYS_LITTLE = "Lower loss does not necessarily imply better image quality"
LESS_DIVERSE = "Diversity can decrease even when losses appear normal"


def test_a_lower_loss_with_a_worse_fid_shows_that_loss_is_not_quality(results, found):
    with_points(results, [150.0, 60.0, 50.0, 40.0, 30.0, 20.0, 10.0], [1, 2, 3, 4, 5, 6])
    row = found()[LOSS_SAYS_LITTLE]
    assert row.verdict == "holds"
    assert row.measured == (
        "rank correlation of the generator's loss with the FID: -0.981 (-1.00 to -0.899), 3 seeds"
    )


def test_what_can_happen_is_not_refuted_by_runs_in_which_it_does_not(results, found):
    recalls = {300: 0.3, 600: 0.6}
    with_points(results, [150.0, 60.0, 50.0, 40.0, 30.0, 20.0, 10.0], [6, 5, 4, 3, 2, 1], recalls)
    for claim in (LOSS_SAYS_LITTLE, LESS_DIVERSE):
        assert found()[claim].verdict == "undecided"
        assert found()[claim].why.startswith(
            "not seen in these runs, which does not refute that it is possible; p < 0.001"
        )


def test_diversity_is_recall_at_the_end_against_halfway(results, found):
    fids = [150.0, 60.0, 50.0, 40.0, 30.0, 20.0, 10.0]
    with_points(results, fids, [1] * 6, {300: 0.6, 600: 0.3})
    row = found()[LESS_DIVERSE]
    assert row.pair == "torch-dcgan-3g, step 600 against step 300"
    assert row.verdict == "holds"
    assert found()[LOSS_SAYS_LITTLE].why.startswith("not measured")


def test_two_points_are_compared_over_the_seeds_that_have_both(results, found):
    """Seed 0, whose recall is lowest, has it at the end alone. In each framework it rises."""
    for framework, seeds in (("torch", 5), ("keras", 3), ("jax", 3)):
        for seed in range(seeds):
            spec = run_spec(f"{framework}-dcgan-3g", seed, evaluation_steps=(0, 300, 600))
            early = {300: 0.6 + 0.01 * seed} if seed else {}
            late = {600: 0.1 if seed == 0 else 0.62 + 0.01 * seed + 0.001 * (seed % 2)}
            under = protocol()
            scores = scores_of({0: 150.0, 300: 20.0, 600: 10.0}, under=under)
            others = [score(s, v, under, metric="recall_lenet") for s, v in (early | late).items()]
            scores = scores.model_copy(update={"scores": [*scores.scores, *others]})
            add_run(results, spec, scores=[scores])
    verdict, *parts = [row for row in all_rows(results) if row.claim == LESS_DIVERSE]
    assert "difference 0.0205" in verdict.measured
    assert verdict.measured.endswith("4 seeds in 3 frameworks")
    assert [part.why for part in parts] == ["higher, as over all"] * 3


def test_speed_is_that_of_the_study_with_its_errors(results):
    for name in ("torch-enhanced", "torch-baseline", "keras-enhanced", "keras-baseline"):
        add(results, name, [4.0, 4.1, 4.2], images_per_s=500.0)
    names = ("torch-enhanced", "torch-baseline", "keras-enhanced", "keras-baseline")
    rates = dict(enumerate((50.0, 100.0, 80.0, 100.0)))
    made = study([run_spec(name) for name in names], rates, 8, sd=0.002, drift=0.3)
    made.write(results / "speed" / "one.json")
    row = next(row for row in all_rows(results) if row.claim == SLOWER)
    assert row.measured.startswith("images/s: ratio 0.63")
    assert row.measured.endswith("), 8 repeats in 2 frameworks")
    assert "(turns of a repeat, 8 repeats in 2 frameworks, Holm over " in row.why
    assert row.verdict == "holds" and "seeds" not in row.measured


def test_recall_that_was_only_scored_at_the_end_is_named(results, found):
    with_points(results, [150.0] * 7, [1] * 6, {600: 0.3})
    assert found()[LESS_DIVERSE].why == "not measured: step 300"
    assert found()[LESS_DIVERSE].remedy == (
        "It would need recall at these points (gan-bench run --keep-samples, then gan-bench score "
        "--points all)."
    )


def test_losses_have_the_roughness_and_the_level_of_the_document():
    values = np.concatenate([np.full(50, 9.0), np.tile([1.0, 3.0], 25)])
    changes = np.diff(values[50:])
    assert roughness(values) == pytest.approx(changes.std(ddof=1) / 2)
    assert level(values) == pytest.approx(2.0)
    assert level(np.full(3, 7.0)) == 7.0


def test_losses_with_holes_have_none():
    frame = pd.DataFrame({"step": [1, 2, 4], "generator": [1.0, 2.0, 3.0]})
    values = every_step(frame, "generator", 4)
    np.testing.assert_array_equal(values, [1.0, 2.0, np.nan, 3.0])
    assert roughness(values) is None
    assert level(every_step(frame, "generator", 5)) is None
    assert roughness(np.zeros(10)) is None
    assert roughness(np.ones(2)) is None
    assert loss_fid_correlation(values, {0: 3.0, 1: 2.0, 2: 1.0}) is None


def test_the_claims_are_valid_and_their_recipes_exist():
    named = {claim.recipe for claim in sources_claims()}
    assert named | {claim.than for claim in sources_claims() if claim.than} == set(SOURCES)


def test_the_claims_are_about_what_is_measured_once_each():
    keys = [(c.source, c.recipe, c.measure, c.since, c.value) for c in sources_claims()]
    assert len(keys) == len(set(keys))


def test_a_valid_claim_is_read():
    [claim] = parse_claims(VALID, "claims.toml")
    assert (claim.recipe, claim.than, claim.possibility) == ("enhanced", "baseline", False)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("fid", "beauty"), r"claim 1: measure: input should be"),
        (("lower", "down"), r"claim 1: direction: input should be"),
        (('than = "baseline"', ""), r"claim 1: it needs one of 'than', 'since' and 'value'"),
        (('"fid"', '"fid"\nsince = "start"'), r"claim 1: it needs one of"),
        (('"fid"', '"loss_fid_correlation"'), r"compared with zero, not with 'than'"),
        (('than = "baseline"', 'since = "half"\nepochs = 0'), r"claim 1: epochs: input should"),
        (('"fid"', '"fid"\nepochs = 3'), r"'epochs' needs 'since'"),
        (('"fid"', '"fid"\ntested = "a"'), r"'tested' and 'not_tested' go together"),
        (('than = "baseline"', "value = 16.8"), r"'value' and 'untestable' go together"),
        (('"fid"', '"fid"\nauthor = "me"'), r"claim 1: author: extra inputs"),
        (('source = "000"', ""), r"claim 1: source: field required"),
        (("[[claim]]", "[claims]"), r"claim: field required|claims: extra inputs"),
        (("=", ":"), r"are no TOML"),
    ],
)
def test_a_malformed_claim_is_refused_with_a_sentence(change, sentence):
    with pytest.raises(GanBenchError, match=sentence) as caught:
        parse_claims(VALID.replace(*change), "claims.toml")
    text = str(caught.value)
    assert text.startswith("The claims claims.toml are no")
    assert text.endswith("; fix the file.")
    assert "\n" not in text
