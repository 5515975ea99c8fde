"""What the report claims: groups, rows and the answer, without any file written."""

import math

import numpy as np
import pytest

from bench import ROOT
from gan_bench.analysis.identity import Setting, differing
from gan_bench.analysis.repetitions import repetitions
from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.scored import interval_of_estimate
from gan_bench.analysis.summary import summarise
from gan_bench.plan import Budget
from gan_bench.report.pictures import looks
from gan_bench.report.sections.all_scores import elsewhere, quality
from gan_bench.report.sections.answer import answer, caveats
from gan_bench.report.sections.ranking import ranking
from gan_bench.report.sections.standings import standings
from gan_bench.results.external import add_external
from gan_bench.results.layout import open_results
from gan_bench.results.load import load_results
from gan_bench.results.scores import Source
from gan_bench.system.nvml import Gpu
from gan_bench.text import MISSING, factor, figure, listed
from report_folder import (
    MACHINE,
    add_plan,
    add_run,
    protocol,
    quick_spec,
    run_spec,
    scores_of,
)

KEPT = ROOT / "results" / "reference"
GPU = MACHINE.model_copy(update={"gpus": ("GPU A", "GPU B")})
OTHER = MACHINE.model_copy(update={"cpu": "Model Y"})


@pytest.fixture
def summary(results):
    def read():
        frames = load_results(results)
        return summarise(collect_runs(results, frames), frames)

    return read


@pytest.fixture
def train(results):
    """Add a run for each final FID given, from seed 0 on."""

    def add(name, fids, speeds=(100.0,), make=run_spec, **changes):
        for seed, fid in enumerate(fids):
            spec = make(name, seed)
            points = spec.evaluation_steps
            values = {points[0]: 150.0, points[1]: 0.9, points[2]: fid}
            speed = speeds[seed % len(speeds)]
            add_run(results, spec, scores=[scores_of(values)], images_per_s=speed, **changes)

    return add


def the_answer(summary):
    [group] = summary.groups
    verdicts = answer(group, standings(group, None), None)
    return " ".join(verdict.sentence for verdict in verdicts)


def test_a_budget_too_short_ranks_speed_only(summary, train):
    train("torch-dcgan", [40.0], [1_000.0], quick_spec)
    train("keras-dcgan", [20.0], [400.0], quick_spec)
    assert the_answer(summary()) == (
        "4,000 images (preset quick) are too few to rank quality, so only speed is ranked. "
        "torch-dcgan trains fastest: 1,000 images/s (one seed), before keras-dcgan (400, one seed)."
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"preset": None}, None),
        (
            {"budget": Budget(unit="images", amount=100), "steps": 1},
            "100 images (preset standard) are too few to rank quality",
        ),
        (
            {"preset": "quick", "budget": Budget(unit="images", amount=12_768), "steps": 399},
            "12,768 images (preset quick) are too few to rank quality",
        ),
        ({"preset": "quick", "budget": Budget(unit="images", amount=12_800), "steps": 400}, None),
        ({"preset": "quick"}, None),
        ({"budget": Budget(unit="epochs", amount=2), "steps": 1_200}, None),
        ({"preset": "paper", "budget": Budget(unit="recipe"), "steps": 15_000}, None),
    ],
)
def test_what_is_too_short_follows_from_preset_and_budget(results, summary, changes, reason):
    add_run(results, run_spec(**changes))
    [group] = summary().groups
    assert group.too_short == reason


def test_lost_seeds_are_told(results, summary, train):
    train("torch-dcgan", [4.0, 5.0])
    add_run(results, run_spec(seed=2), status="diverged", reason="nan")
    found = summary()
    assert "(mean of 2 seeds of 3 planned, 4.00 to 5.00)" in the_answer(found)
    assert caveats(found) == ["1 run failed: see the ranking."]


def test_one_implementation_is_compared_with_nothing(summary, train):
    train("torch-dcgan", [4.0, 5.0])
    assert the_answer(summary()) == (
        "torch-dcgan is the only one with a final FID (lenet features): 4.50 (mean of 2 seeds, "
        "4.00 to 5.00). torch-dcgan is the only one timed: 100 images/s (mean of 2 seeds, 100 to "
        "100)."
    )


def test_the_final_snapshot_counts_and_never_the_best_one(summary, train):
    train("torch-dcgan", [4.0])
    [group] = summary().groups
    assert group.rows[0].fid.values == (4.0,)


def test_a_run_without_its_last_snapshot_has_no_final_fid(results, summary):
    add_run(results, run_spec(), scores=[scores_of({0: 150.0, 300: 4.0})])
    [row] = summary().groups[0].rows
    assert row.fid is None
    assert "torch-dcgan: no final FID for 1 of 1 finished seed." in row.remarks


def test_odd_samples_are_remarked(results, summary):
    odd = scores_of({600: 40.0}, all_equal=True, rank_deficient=True)
    add_run(results, run_spec(), scores=[odd])
    [row] = summary().groups[0].rows
    assert any("one and the same image" in remark for remark in row.remarks)
    assert any("rank-deficient" in note for note in ranking_notes(summary().groups[0]))


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: run_spec("keras-dcgan", data_sha256="f" * 64), "data_sha256"),
        (
            lambda: run_spec("keras-dcgan", budget=Budget(unit="images", amount=70_000), steps=700),
            "budget_images",
        ),
        (lambda: run_spec("keras-dcgan", precision="tf32"), "precision"),
    ],
)
def test_what_is_not_comparable_is_never_in_one_ranking(results, summary, make, part):
    scores = [scores_of({0: 150.0, 300: 20.0, 600: 4.0})]
    add_run(results, run_spec(), scores=scores)
    add_run(results, make(), scores=scores)
    found = summary()
    assert found.differing == (part,)
    assert [[row.label for row in group.rows] for group in found.groups] in (
        [["torch-dcgan"], ["keras-dcgan"]],
        [["keras-dcgan"], ["torch-dcgan"]],
    )


@pytest.mark.parametrize(
    ("changes", "machine"),
    [
        ({}, OTHER),
        ({"threads": 4}, MACHINE),
        ({"device": "cuda:1"}, GPU),
        ({"device": "cuda:1", "versions": {"python": "3.11.2", "keras": "2.1.0+cu128"}}, GPU),
    ],
)
def test_runs_of_several_machines_are_ranked_together_with_times_of_one(
    results, summary, changes, machine
):
    scores = [scores_of({0: 150.0, 300: 20.0, 600: 4.0})]
    for name in ("torch-dcgan", "keras-dcgan"):
        add_run(results, run_spec(name), scores=scores, images_per_s=100.0)
    other = run_spec("keras-dcgan", 1, **changes)
    around = {"circumstances": {"machine": machine}}
    add_run(results, other, scores=scores, images_per_s=900.0, **around)
    [group] = summary().groups
    assert group.title == ""
    assert (group.setting.device, group.setting.threads) == ("CPU", 2)
    assert group.setting.hardware == "Model X, 2 cores"
    keras = next(row for row in group.rows if row.label == "keras-dcgan")
    assert keras.fid.seed_numbers == (0, 1)
    assert keras.images_per_s.by_seed == {0: 100.0}
    assert keras.finish_s.seed_numbers == keras.peak_mb.seed_numbers == (0,)
    assert [run.spec for run in keras.elsewhere] == [other]


def test_the_times_are_of_the_machine_with_most_implementations_then_runs(results, summary):
    scores = [scores_of({0: 150.0, 600: 4.0})]
    for seed in range(5):
        add_run(results, run_spec(seed=seed, threads=1), scores=scores)
    for name in ("torch-dcgan", "keras-dcgan"):
        add_run(results, run_spec(name), scores=scores)
        add_run(results, run_spec(name, 1, threads=3), scores=scores)
    add_run(results, run_spec(seed=2, threads=3), scores=scores)
    [group] = summary().groups
    assert group.setting.threads == 3
    add_run(results, run_spec("keras-dcgan", 1), scores=scores)
    add_run(results, run_spec("keras-dcgan", 2), status="error", reason="why")
    [group] = summary().groups  # as many ended; the first by name
    assert group.setting.threads == 2


def test_a_seed_of_two_machines_is_one_seed_and_no_value_decides_which_counts(results, summary):
    other = {"circumstances": {"machine": OTHER}}
    fids = {"torch-dcgan": (4.0, 3.0), "keras-dcgan": (5.0, 6.0)}
    for name, (here, there) in fids.items():
        add_run(results, run_spec(name), scores=[scores_of({0: 150.0, 600: here})])
        add_run(results, run_spec(name, 1), scores=[scores_of({0: 150.0, 600: here + 1})])
        spec = run_spec(name, threads=1)
        add_run(results, spec, scores=[scores_of({0: 150.0, 600: there})], **other)
    [group] = summary().groups
    for row in group.rows:
        here, _ = fids[row.label]
        assert row.fid.by_seed == {0: here, 1: here + 1}
        assert [run.spec.threads for run in row.repetitions] == [1]
    found = repetitions(group)
    assert (found.seeds, found.machines) == (2, 2)
    logs = [math.log(4 / 3), math.log(6 / 5)]
    # Of two values, the variance is half of the squared difference.
    assert found.of_one_seed == pytest.approx(math.sqrt(sum(x * x / 2 for x in logs) / 2))


@pytest.mark.parametrize(
    ("status", "counts"), [("diverged", "here"), ("error", "there"), ("pending", "there")]
)
def test_of_a_repeated_seed_one_that_gave_a_result_counts(results, summary, status, counts):
    scores = [scores_of({0: 150.0, 600: 4.0})]
    for name in ("keras-dcgan", "torch-enhanced"):
        add_run(results, run_spec(name), scores=scores)
    if status == "pending":
        add_plan(results, [run_spec()])
    else:
        add_run(results, run_spec(), status=status, reason="why")
    add_run(results, run_spec(threads=1), scores=scores)
    [group] = summary().groups
    assert group.setting.threads == 2
    [row] = [row for row in group.rows if row.label == "torch-dcgan"]
    assert [run.spec.threads for run in row.runs] == [2 if counts == "here" else 1]
    assert row.images_per_s is None
    assert len(row.runs) == len(row.repetitions) == 1


def test_batches_that_overshoot_the_same_budget_stay_comparable(results, summary):
    add_run(results, run_spec())
    add_run(results, run_spec("keras-dcgan", images_per_step=128, steps=469))
    assert len(summary().groups) == 1


def test_two_feature_models_stand_side_by_side_in_one_group(results, summary):
    other = protocol(features="inception", features_sha256="9" * 64)
    fids = {0: 150.0, 300: 20.0, 600: 4.0}
    both = [scores_of({600: 50.0}, under=other, floor=1.5), scores_of(fids)]
    add_run(results, run_spec(), scores=both)
    add_run(results, run_spec(seed=1), status="error", reason="why")
    add_plan(results, [run_spec(seed=2)])
    [group] = summary().groups
    assert len(group.runs) == 3
    assert group.metric == "fid_lenet"  # scored at more points, so it ranks
    assert group.rows[0].fid.values == (4.0,)
    [inception] = group.others
    assert inception.spread("torch-dcgan", "fid_inception").by_seed == {0: 50.0}
    assert inception.floor_of("fid_inception") == 1.5


def test_two_protocols_of_one_feature_model_are_two_groups_and_failed_runs_stand_in_both(
    results, summary
):
    other = protocol(n_fake=500)
    add_run(results, run_spec(), scores=[scores_of({0: 150.0, 300: 20.0, 600: 4.0})])
    add_run(results, run_spec("keras-dcgan"), scores=[scores_of({600: 5.0}, under=other)])
    add_run(results, run_spec(seed=1), status="error", reason="why")
    found = summary()
    assert found.differing == ("protocol",)
    assert [len(group.runs) for group in found.groups] == [2, 2]
    assert {group.rows[0].fid.values for group in found.groups} == {(4.0,), (5.0,)}


def test_what_was_scored_with_another_model_only_is_not_ranked_with_the_rest(results, summary):
    other = protocol(features="inception", features_sha256="9" * 64)
    for seed in range(2):
        add_run(results, run_spec(seed=seed), scores=[scores_of({600: 4.0})])
    add_run(results, run_spec("keras-dcgan"), scores=[scores_of({600: 50.0}, under=other)])
    assert [group.metric for group in summary().groups] == ["fid_lenet", "fid_inception"]


def test_a_changed_implementation_is_another_row_and_not_another_seed(results, summary):
    add_run(results, run_spec(seed=0))
    add_run(results, run_spec(seed=1, source_sha256="6" * 64))
    faster = {"batch_size": 100, "epochs": 25, "learning_rate": 0.01}
    add_run(results, run_spec(seed=0, recipe_values=faster))
    assert list(summary().rows) == [
        "torch-dcgan (source 5555555, learning_rate=0.0002)",
        "torch-dcgan (source 5555555, learning_rate=0.01)",
        "torch-dcgan (source 6666666, learning_rate=0.0002)",
    ]


def test_seeds_spread_over_equal_gpus_are_one_row(results, summary):
    twice = MACHINE.model_copy(update={"gpus": ("GPU A", "GPU A")})
    for seed in range(4):
        spec = run_spec(seed=seed, device=f"cuda:{seed % 2}")
        add_run(results, spec, circumstances={"machine": twice})
    [group] = summary().groups
    assert [len(row.runs) for row in group.rows] == [4]


def test_a_seed_that_ran_on_two_gpus_is_no_second_seed(results, summary):
    twice = MACHINE.model_copy(update={"gpus": ("GPU A", "GPU A")})
    for device in ("cuda:0", "cuda:1"):
        add_run(results, run_spec(device=device), circumstances={"machine": twice})
    [group] = summary().groups
    [row] = group.rows
    assert row.label == "torch-dcgan"
    assert [run.spec.device for run in row.runs] == ["cuda:0"]
    assert [run.spec.device for run in row.repetitions] == ["cuda:1"]
    assert row.images_per_s.seeds == 1


def test_a_shared_device_is_told(summary, train):
    shared = {"device_exclusive": False, "other_load": 0.37}
    train("torch-dcgan", [4.0], circumstances=shared)
    assert caveats(summary()) == [
        "Other processes used up to 37% of the processors during 1 of 1 finished run, so times are "
        "less reliable."
    ]


def test_runs_of_two_precisions_are_two_groups_with_their_names(results, summary):
    for precision in ("ieee", "tf32"):
        add_run(results, run_spec(precision=precision))
    settings = sorted((group.setting for group in summary().groups), key=Setting.describe)
    names = differing(settings)
    assert [one.describe(names) for one in settings] == ["precision ieee", "precision tf32"]
    assert "precision" not in settings[0].describe() and "precision" in settings[1].describe()


@pytest.mark.parametrize(
    ("warmup_s", "train_s", "told"),
    [(2.5, 4.9, True), (2.5, 5.0, False), (30.0, 29.0, True), (30.0, 31.0, False)],
)
def test_a_short_clock_is_told(summary, train, warmup_s, train_s, told):
    train("torch-dcgan", [4.0, 5.0], warmup_s=warmup_s, train_s=train_s)
    sentence = (
        "In 2 of 2 finished runs, the timed part took less than 5 s or less than the warm-up, so "
        "throughput is less reliable: train longer to compare speed."
    )
    assert caveats(summary()) == ([sentence] if told else [])


def test_a_run_of_one_chunk_finishes_in_its_warm_up(results, summary):
    add_run(results, run_spec(), train_s=None, images_per_s=None)
    [row] = summary().groups[0].rows
    assert row.finish_s.values == (2.5,)
    assert row.images_per_s is None
    assert "speed is not ranked" in the_answer(summary())


def test_twins_share_a_colour_and_frameworks_have_a_line_style():
    rows = [(f"{f}-{r}", r, f) for r in "abcdef" for f in ("torch", "keras")]
    found = looks(rows)
    assert len({(look.colour, look.line) for look in found.values()}) == 12
    assert all(found[f"torch-{r}"].colour == found[f"keras-{r}"].colour for r in "abcdef")
    assert {found[f"torch-{r}"].line for r in "abcdef"} == {"-"}


def test_versions_of_one_implementation_look_different():
    found = looks([(f"torch-dcgan {index}", "dcgan", "torch") for index in range(24)])
    assert len({(look.colour, look.line) for look in found.values()}) == 24


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (float("nan"), "—"),
        (0.0, "0"),
        (0.5204, "0.520"),
        (4.096, "4.10"),
        (62.5, "62.5"),
        (1534.2, "1,534"),
        (0.00001234, "1.23e-05"),
        (-12.34, "-12.3"),
    ],
)
def test_figures_have_sensible_digits(value, text):
    assert figure(value) == text


def test_factors_and_lists_read_well():
    assert [factor(value) for value in (1.043, 2.66, 31.4)] == ["1.04", "2.7", "31"]
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b", "c", "d"], 3) == "a, b and 2 more"


def number(text):
    return float(text.replace(",", ""))


def contained(tables):
    """Check each value beside an interval, and return how many there are."""
    shown = 0
    for table in tables:
        titles = [column.title for column in table.columns]
        at = titles.index("95 % interval")
        for cells in table.rows:
            if cells[at] != MISSING:
                low, high = map(number, cells[at].split(" to "))
                assert low <= number(cells[at - 1]) <= high, cells
                shown += 1
    return shown


def test_every_interval_of_the_reference_results_contains_the_value_beside_it():
    frames = load_results(KEPT)
    known = frames.scores.dropna(subset=["value", "low", "high"])
    assert (known["low"] <= known["value"]).all() and (known["value"] <= known["high"]).all()
    assert len(known) > 100
    groups = summarise(collect_runs(KEPT, frames), frames).groups
    assert contained(table for group in groups for table in quality(group)) >= sum(
        len(group.rows) for group in groups
    )


@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
def test_the_interval_beside_a_mean_over_seeds_contains_it(results, summary, seeds):
    random = np.random.default_rng(seeds)
    names = [f"torch-{recipe}" for recipe in "abcdefghij"]
    for name in names:
        for seed, fid in enumerate(random.gamma(2, 30, seeds)):
            # As earlier versions stored it: without the bias, so below the value.
            scores = scores_of({600: fid}, low=0.8 * fid, high=0.95 * fid)
            add_run(results, run_spec(name, seed), scores=[scores])
    found = summary()
    assert contained(quality(found.groups[0])) == len(names)


def test_the_interval_beside_equal_seeds_contains_their_mean(results, summary):
    for seed in range(3):
        add_run(results, run_spec("torch-dcgan", seed), scores=[scores_of({600: 0.1 + 0.2})])
    [group] = summary().groups
    final = group.finals["torch-dcgan"]
    low, high = final.interval
    assert low <= final.spreads["fid_lenet"].mean <= high


def test_the_interval_of_external_samples_contains_their_value(results, summary):
    own = scores_of({0: 2.42}, low=0.0, high=1.73, under=protocol(n_fake=77))
    images = Source(images="a.npz", sha256="1" * 64, count=77)
    folder = open_results(results, create=True)
    add_external(folder, "Theirs", [own.model_copy(update={"fake": images})], b"", command="")
    add_run(results, run_spec(), scores=[scores_of({600: 5.0})])
    assert contained([elsewhere(summary().externals)]) == 1


@pytest.mark.parametrize(
    ("exclusive", "said"),
    [
        (True, None),
        (False, "Other processes computed on the GPU during 2 of 2 finished runs, so times are "),
        (None, "Whether other processes computed on the GPU is unknown for 2 of 2 finished runs, "),
    ],
)
def test_each_speed_verdict_of_a_gpu_says_if_the_card_was_not_exclusive(
    results, summary, exclusive, said
):
    around = {"machine": GPU, "device_exclusive": exclusive, "other_load": 0.37}
    for name in ("torch-dcgan", "keras-dcgan"):
        add_run(results, run_spec(name, device="cuda:0"), circumstances=around)
    found = summary()
    [group] = found.groups
    speed = answer(group, standings(group, None), None)[-1]
    names = [(row.label, "dcgan", row.framework) for row in group.rows]
    shown = ranking(group, standings(group, None), None, looks(names))
    told = [caveats(found), [speed.sentence], shown.notes]
    for texts in told:
        text = " ".join(texts)
        assert text.count("computed on the GPU") == (said is not None)
        assert said is None or said in text
        assert "of the processors" not in text


H200 = Gpu(name="NVIDIA H200", uuid="GPU-1", memory_gb=139.8)
PART = H200.model_copy(update={"name": "NVIDIA H200 MIG 1g.18gb", "memory_gb": 17.5})
H100 = Gpu(name="NVIDIA H100 80GB HBM3", uuid="GPU-2", memory_gb=79.6)


@pytest.mark.parametrize("other", [H100, PART, H200.model_copy(update={"memory_gb": 96.0})])
def test_the_times_of_two_cards_are_not_mixed(results, summary, other):
    for seed, card in ((0, H200), (1, H200), (0, other)):
        spec = run_spec(seed=seed, device="cuda:0", gpu=card.card)
        add_run(results, spec, circumstances={"machine": GPU, "gpu": card})
    [group] = summary().groups
    [row] = group.rows
    assert (len(row.runs), len(row.timed), len(row.repetitions)) == (2, 2, 1)
    assert group.setting.hardware == f"{H200.card} with Model X, 2 cores"


def test_two_equal_cards_are_one_group(results, summary):
    for seed, uuid in enumerate(("GPU-1", "GPU-2")):
        card = H200.model_copy(update={"uuid": uuid, "driver": f"58{seed}"})
        spec = run_spec(seed=seed, device=f"cuda:{seed}", gpu=card.card)
        add_run(results, spec, circumstances={"machine": GPU, "gpu": card})
    [group] = summary().groups
    assert [len(row.runs) for row in group.rows] == [2]


def test_a_run_that_a_job_resumed_on_another_card_names_both(results, summary):
    spec = run_spec(device="cuda:0")  # a scheduler chooses the card
    around = {"machine": GPU, "gpu": H200, "earlier_cards": (H100.card,)}
    add_run(results, spec, circumstances=around)
    [group] = summary().groups
    assert group.setting.hardware == f"{H100.card} and {H200.card} with Model X, 2 cores"


def test_the_estimate_of_one_seed_stands_beside_its_own_interval(results, summary):
    """As stored: the upper end of 13.9 is stretched to the FID, which contains the bias."""
    scores = scores_of({600: 14.7}, low=13.0, high=14.7, bias=1.3)
    add_run(results, run_spec(), scores=[scores])
    [group] = summary().groups
    final = group.finals["torch-dcgan"]
    assert final.estimate == pytest.approx((13.4, 13.0, 13.8))
    assert final.interval == (13.0, 14.7)
    [table] = quality(group)
    assert table.rows[0][1:4] == ("14.7", "13.4", "13.0 to 13.8")
    assert "leaving out groups of images" in table.note
    assert "draws of images" not in table.note


@pytest.mark.parametrize(
    ("value", "low", "high", "bias", "expected"),
    [
        (14.0, 10.0, 16.0, 1.0, (10.0, 16.0)),  # not stretched
        (3.0, 3.0, 6.0, -1.0, (2.0, 6.0)),  # its lower end is
        (3.0, 0.0, 4.5, 2.0, (0.0, 4.5)),  # cut at zero
        (3.0, 2.0, 4.0, None, (2.0, 4.0)),  # without an estimate
    ],
)
def test_the_interval_of_an_estimate_is_what_it_was_before_it_was_stretched(
    value, low, high, bias, expected
):
    [found] = scores_of({600: value}, low=low, high=high, bias=bias).scores
    assert interval_of_estimate(found) == pytest.approx(expected)


def inception_notes(results, summary, **changes):
    old = ("FID with Inception from 1,000 images is mostly the bias of so few, and more.",)
    under = protocol(features="inception")
    scores = scores_of({600: 100.0}, floor=6.7, under=under, **changes)
    add_run(results, run_spec(), scores=[scores.model_copy(update={"warnings": old})])
    return ranking_notes(summary().groups[0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"low": 60.0, "high": 101.0}, " The bias is at most 40% of a final FID."),
        (
            {"low": 70.0, "high": 100.0, "bias": 20.0},
            " The bias is estimated at 20% of a final FID.",
        ),
        (
            {"low": 30.0, "high": 100.0, "bias": 60.0},
            " The bias is estimated at 60% of a final FID, most of that of torch-dcgan.",
        ),
    ],
)
def test_the_bias_of_few_images_is_told_with_its_size(results, summary, changes, said):
    notes = inception_notes(results, summary, **changes)
    assert notes[0] == (
        "FID with Inception from 1,000 images is biased upwards: real images have 6.70 (the floor)."
        f"{said} Do not compare it with published values, which use 10,000 images or more, but "
        "only with values under the same protocol."
    )
    assert not any("mostly" in note for note in notes)


def test_each_feature_model_names_its_rank_deficient_samples(results, summary):
    files = [
        scores_of({600: 9.0}, under=protocol(features=model), rank_deficient=True)
        for model in ("lenet", "inception")
    ]
    add_run(results, run_spec(), scores=files)
    notes = [note for note in ranking_notes(summary().groups[0]) if "rank-deficient" in note]
    assert [("lenet" in note, "inception" in note) for note in notes] == [
        (True, False),
        (False, True),
    ]
    assert all("about which the FID has no data" in note for note in notes)


def ranking_notes(group):
    ranks = standings(group, None)
    look = looks([(row.label, row.recipe, row.framework) for row in group.rows])
    return ranking(group, ranks, None, look).notes


def test_a_value_that_changes_the_schedule_is_what_the_name_says(results, summary):
    def add(count, steps, **changes):
        schedule = {"images_per_step": 60_000 // steps, "evaluation_steps": (0, steps // 2, steps)}
        values = {"recipe_values": {"discriminator_steps": count}, "steps": steps}
        spec = run_spec(**(schedule | values | changes))
        add_run(results, spec, scores=[scores_of({0: 150.0, steps: 10.0 * count})])

    add(1, 600)
    add(2, 300)
    [group] = summary().groups
    assert [row.label for row in group.rows] == [
        "torch-dcgan (discriminator_steps=1)",
        "torch-dcgan (discriminator_steps=2)",
    ]
    add(2, 300, evaluation_steps=(0, 300))
    [group] = summary().groups
    assert [row.label for row in group.rows][1:] == [
        "torch-dcgan (steps 300, images per step 200, evaluated at 0, 150, 300, "
        "discriminator_steps=2)",
        "torch-dcgan (steps 300, images per step 200, evaluated at 0, 300, discriminator_steps=2)",
    ]
