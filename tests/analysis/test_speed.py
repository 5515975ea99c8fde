"""What a study of speed comes to: ratios, their intervals, and turns that were disturbed."""

import numpy as np
import pytest
from scipy import stats

from gan_bench.analysis.speed import figures, judged
from gan_bench.analysis.turns import Fit
from report_folder import run_spec
from speed_study import study

THREE = ("torch-dcgan", "keras-dcgan", "jax-dcgan")


@pytest.fixture(scope="module")
def three():
    return [run_spec(name) for name in THREE]


def by_label(found):
    return {row.label: row for row in found.rows}


def test_two_implementations_without_a_missing_turn_have_the_interval_of_the_paired_t_test():
    random = np.random.default_rng(1)
    logs = random.normal(0, 0.02, (7, 2)) + random.normal(0, 0.3, (7, 1)) + [0.5, 0.0]
    rates = np.exp(logs)
    fit = Fit([0, 1] * 7, np.repeat(range(7), 2).tolist(), rates.ravel().tolist())
    share = fit.share(1)
    apart = logs[:, 1] - logs[:, 0]
    expected = stats.ttest_1samp(apart, 0.0).confidence_interval(0.95)
    assert share.estimate == pytest.approx(np.exp(apart.mean()))
    assert (share.low, share.high) == pytest.approx((np.exp(expected.low), np.exp(expected.high)))


def test_with_many_implementations_each_keeps_its_own_variance():
    """A noisy third implementation does not widen the interval of two that are steady."""
    random = np.random.default_rng(2)
    sds = np.array([0.001, 0.001, *[0.001] * 10, 0.5])
    logs = random.normal(0, sds, (10, 13)) + random.normal(0, 0.2, (10, 1)) - np.arange(13) / 10
    targets, repeats = np.tile(range(13), 10).tolist(), np.repeat(range(10), 13).tolist()
    steady = [t for t in range(13) if t != 12]
    rows = [i for i, t in enumerate(targets) if t in steady]
    alone = Fit(
        [targets[i] for i in rows],
        [repeats[i] for i in rows],
        [float(np.exp(logs.ravel()[i])) for i in rows],
    ).share(1)
    beside = Fit(targets, repeats, np.exp(logs).ravel().tolist()).share(1)
    assert beside.estimate == pytest.approx(alone.estimate)  # a full table: repeats cancel
    assert beside.within < 10 * alone.within < 0.02


def test_a_change_of_the_machine_between_repeats_cancels_in_the_ratios(three):
    found = figures(study(three, {0: 100.0, 1: 80.0, 2: 50.0}, sd=0.002, drift=0.5))
    assert [row.label for row in found.rows] == list(THREE)
    shares = [row.share for row in found.rows]
    assert shares[0].low == shares[0].high == 1
    for share, true in zip(shares[1:], (0.8, 0.5), strict=True):
        assert share.low < true < share.high and share.within < 0.01
    assert found.within < 0.01 and not found.disturbed
    assert found.rows[0].compile_s == 4.5 and found.rows[0].start_s == 8.0


def test_values_by_repeat_are_free_of_the_repeats_and_spread_as_the_turns_do(three):
    found = figures(study(three, {0: 100.0, 1: 80.0, 2: 50.0}, 40, sd=0.01, drift=0.5, seed=3))
    logs = np.log([list(row.by_repeat.values()) for row in found.rows])
    assert logs.std(axis=1, ddof=1) == pytest.approx(0.01, rel=0.5)
    for row, of in zip(found.rows, logs, strict=True):
        assert of.mean() == pytest.approx(np.log(row.images_per_s))
    two = figures(study(three[:2], {0: 100.0, 1: 80.0}, 12, sd=0.01, drift=0.5, seed=3))
    first, second = (np.log(list(row.by_repeat.values())) for row in two.rows)
    # The sum of both variances is that of the paired differences.
    half = stats.t.ppf(0.975, 11) * np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 12)
    assert half == pytest.approx(np.log1p(two.rows[1].share.within), rel=1e-6)


def test_disturbed_turns_are_in_no_figure(three):
    def loaded(repeat, target):
        return {"other_load": 0.5, "seconds": 100.0} if (repeat + target) % 3 == 0 else {}

    disturbed = study(three, {0: 100.0, 1: 80.0, 2: 50.0}, 12, sd=0.002, changed=loaded)
    found = figures(disturbed)
    assert not found.disturbed and found.reasons == {"other load on the processors": 12}
    assert [(row.turns, row.discarded) for row in found.rows] == [(8, 4)] * 3
    assert found.rows[2].share.low < 0.5 < found.rows[2].share.high
    reasons = {turn.discarded for _, turn in disturbed.turns}
    assert reasons == {None, "other processes used 50% of the processors"}


def test_if_nearly_every_turn_was_disturbed_figures_are_of_all_and_say_so(three):
    found = figures(
        study(three, {0: 100.0, 1: 50.0}, 6, changed=lambda repeat, target: {"other_load": 0.4})
    )
    assert found.disturbed
    assert [row.turns for row in found.rows] == [6, 6, 0]
    assert found.rows[1].share.low < 0.5 < found.rows[1].share.high
    assert all(row.machine_fraction is None for row in found.rows)


def test_a_turn_on_a_slower_machine_is_discarded(three):
    def slow(repeat, target):
        return {"machine_gflops": 40.0} if repeat == 4 else {}

    found = figures(study(three, {0: 100.0, 1: 80.0, 2: 50.0}, 6, changed=slow))
    assert found.reasons == {"a slowdown of the machine": 3}
    (repeat,) = [r for r in found.study.repeats if r.number == 4]
    assert repeat.turns[0].discarded == "the machine's rate was 20% below its median"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"gpu_exclusive": False}, "other processes computed on the GPU"),
        (
            {"gpu_exclusive": True, "throttle_reasons": ("HwThermalSlowdown", "SwPowerCap")},
            "the GPU was throttled (HwThermalSlowdown)",
        ),
        ({"gpu_exclusive": True, "throttle_reasons": ("SwPowerCap",)}, None),
        ({"gpu_exclusive": None, "sm_clock_mhz": 1500.0}, None),
        ({"gpu_exclusive": None, "sm_clock_mhz": None}, None),  # NVML does not show it
    ],
)
def test_turns_on_a_gpu_are_judged_by_the_gpu_and_not_by_the_processors(facts, reason):
    on_gpu = {"other_load": 0.9, "machine_gflops": None, "sm_clock_mhz": 1900.0, **facts}
    spec = run_spec(device="cuda")
    made = study([spec], {0: 100.0}, 3, changed=lambda repeat, target: on_gpu)
    assert {turn.discarded for _, turn in made.turns} == {reason}
    assert judged(made.repeats, "cuda") == list(made.repeats)


def test_groups_that_common_members_connect_have_ratios_across_them(three):
    """The second and third implementation never meet in a repeat; the first meets both."""

    def grouped(repeat, target):
        absent = 2 if repeat <= 8 else 1
        return None if target == absent else {}

    found = figures(
        study(three, {0: 100.0, 1: 80.0, 2: 50.0}, 16, sd=0.002, drift=0.5, changed=grouped)
    )
    shares = by_label(found)
    assert shares["keras-dcgan"].share.low < 0.8 < shares["keras-dcgan"].share.high
    assert shares["jax-dcgan"].share.low < 0.5 < shares["jax-dcgan"].share.high
    assert found.within < 0.01


def test_without_a_common_member_there_is_no_ratio_and_each_keeps_its_throughput(three):
    def apart(repeat, target):
        return {} if (repeat <= 6) == (target < 2) else None

    found = figures(study(three, {0: 100.0, 1: 80.0, 2: 300.0}, 12, changed=apart, drift=0.0))
    shares = by_label(found)
    assert shares["jax-dcgan"].share is None
    for label, true in zip(THREE, (100, 80, 300), strict=True):
        assert shares[label].images_per_s == pytest.approx(true, rel=0.02), label
    assert shares["torch-dcgan"].share.estimate == 1 and found.within is None


def test_two_unconnected_parts_have_each_their_own_level(three):
    """Equal ones in parts of different length stay equal."""
    of = [*three, run_spec("torch-decay")]

    def apart(repeat, target):
        return {} if (repeat <= 16) == (target < 2) else None

    found = figures(study(of, dict.fromkeys(range(4), 100.0), 24, changed=apart, drift=0.0))
    assert [row.images_per_s for row in found.rows] == pytest.approx([100] * 4, rel=0.02)


def test_one_with_a_single_turn_is_not_what_the_others_are_compared_with(three):
    def fails_early(repeat, target):
        return None if target == 0 and repeat > 1 else {}

    found = figures(study(three, {0: 200.0, 1: 100.0, 2: 80.0}, 8, changed=fails_early))
    first, second, third = found.rows
    assert first.label == "torch-dcgan" and first.share is None
    assert second.share.estimate == 1 and third.share.low < 0.8 < third.share.high
    assert found.fit.contrast({0: 1.0, 1: -1.0}) is None


def test_one_that_failed_early_does_not_bring_back_the_turns_that_were_disturbed(three):
    def changed(repeat, target):
        if target == 0 and repeat > 2:
            return None
        return {"other_load": 0.5, "seconds": 100.0} if (repeat, target) == (4, 1) else {}

    found = figures(study(three, {0: 200.0, 1: 100.0, 2: 80.0}, 8, changed=changed))
    assert not found.disturbed
    assert by_label(found)["jax-dcgan"].share.low < 0.8 < by_label(found)["jax-dcgan"].share.high


def test_contrasts_have_the_error_of_least_squares_over_groups(three):
    """In two groups with a common member, the error of that member is in their ratios."""

    def grouped(repeat, target):
        return None if target == (2 if repeat <= 6 else 1) else {}

    estimates = []
    for seed in range(200):
        made = study(three, {0: 100.0, 1: 80.0, 2: 50.0}, 12, changed=grouped, seed=seed, sd=0.02)
        test = figures(made).fit.contrast({1: 1.0, 2: -1.0})
        half = stats.t.ppf(0.975, test.freedom) * test.error
        estimates.append(abs(test.estimate - np.log(1.6)) < half)
    assert 0.90 < np.mean(estimates) < 0.99


def test_one_implementation_alone_has_the_interval_of_its_own_throughput(three):
    found = figures(study(three[:1], {0: 100.0}, 10, sd=0.01, drift=0.0))
    (row,) = found.rows
    assert row.images_per_s == pytest.approx(100, rel=0.02)
    logs = np.log(list(row.by_repeat.values()))
    half = stats.t.ppf(0.975, 9) * logs.std(ddof=1) / np.sqrt(10)
    assert found.within == pytest.approx(np.expm1(half))


def test_the_only_one_that_was_measured_is_certain_of_its_own_throughput(three):
    found = figures(study(three[:2], {1: 100.0}, 10, sd=0.2, drift=0.0))
    assert found.alone and found.within > 0.05


def test_the_only_one_that_was_measured_to_the_end_is_not_certain_by_itself(three):
    def fails_early(repeat, target):
        return None if target == 0 and repeat > 1 else {}

    made = study(three[:2], {0: 200.0, 1: 100.0}, 8, changed=fails_early, sd=0.2, drift=0.0)
    failed = made.targets[0].model_copy(update={"reason": "enough"})
    found = figures(made.model_copy(update={"targets": (failed, made.targets[1])}))
    assert found.alone and found.within is None  # its repeats have no other turn to compare with


def test_an_interrupted_study_whose_turns_were_all_disturbed_has_figures(three):
    busy = study(three[:2], {0: 100.0, 1: 50.0}, 2, changed=lambda r, t: {"other_load": 0.4})
    found = figures(busy)
    assert found.disturbed and all(row.images_per_s for row in found.rows)


def test_fewer_than_three_turns_give_a_throughput_without_a_ratio(three):
    found = figures(study(three[:2], {0: 100.0, 1: 50.0}, 2))
    assert [row.share for row in found.rows] == [None, None]
    assert [round(row.images_per_s, -1) for row in found.rows] == [100, 50]


def test_rows_of_one_implementation_are_named_by_the_values_that_differ():
    several = [run_spec(recipe_values={"batch_size": size, "epochs": 2}) for size in (16, 32)]
    found = figures(study(several, {0: 100.0, 1: 80.0}))
    assert [row.label for row in found.rows] == [
        "torch-dcgan (batch_size=16)",
        "torch-dcgan (batch_size=32)",
    ]
