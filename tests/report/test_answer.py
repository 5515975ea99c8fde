"""The verdicts and the advice: what leads, and how sure that is."""

import pytest

from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.analysis.time_to_quality import equal_time, fid_points
from gan_bench.report.sections.answer import advice, answer, standings
from gan_bench.results.load import load_results
from report_folder import add_run, empty_results, quick_spec, run_spec, scores_of

BOTH = ("train", "test")


class Answer:
    def __init__(self, results):
        frames = load_results(results)
        [self.group] = summarise(collect_runs(results, frames), frames).groups
        equal = equal_time(self.group, fid_points(self.group))
        ranks = standings(self.group, equal)
        verdicts = answer(self.group, ranks, equal)
        self.verdicts = {verdict.topic: verdict for verdict in verdicts}
        self.ranks = ranks
        self.advice = advice(self.group, ranks)


@pytest.fixture
def results(tmp_path):
    return empty_results(tmp_path / "results")


@pytest.fixture
def train(results):
    """Add a run for each final FID given, from seed 0 on."""

    def add(name, fids, speed=100.0, make=run_spec, **changes):
        for seed, fid in enumerate(fids):
            spec = make(name, seed)
            points = spec.evaluation_steps
            values = dict.fromkeys(points, 20.0) | {points[0]: 150.0, points[-1]: fid}
            rate = speed * (1 + 0.001 * seed)
            add_run(results, spec, scores=[scores_of(values)], images_per_s=rate, **changes)

    return add


def test_a_clear_lead_is_told_with_its_uncertainty(results, train):
    train("torch-dcgan", [4.0, 4.1, 4.2])
    train("keras-dcgan", [7.0, 7.1, 7.2])
    found = Answer(results).verdicts["Quality"]
    assert (found.leaders, found.certainty, found.figure) == (("torch-dcgan",), "clear", "FID 4.10")
    assert found.sentence == (
        "torch-dcgan has the lowest final FID (lenet features): 4.10 (mean of 3 seeds, 4.00 to "
        "4.20); keras-dcgan (7.10) is clearly higher, by a factor of 1.73 (95 % interval 1.65 to "
        "1.82, uncorrected; corrected p < 0.001)."
    )


def test_speed_beside_other_work_is_not_certain_and_quality_is(results, train):
    busy = {"circumstances": {"other_load": 0.4, "device_exclusive": False}}
    train("torch-dcgan", [4.0, 4.1, 4.2], speed=300.0, **busy)
    train("keras-dcgan", [7.0, 7.1, 7.2])
    found = Answer(results)
    assert found.verdicts["Quality"].certainty == "clear"
    speed = found.verdicts["Speed"]
    assert (speed.certainty, speed.badge) == ("uncertain", "not certain: other load")
    assert speed.sentence.startswith("torch-dcgan trains fastest: 300 images/s")
    assert "clearly" not in speed.sentence
    assert speed.sentence.endswith(
        "Other processes used up to 40% of the processors during 3 of 6 finished runs, so times "
        "are less reliable."
    )
    assert found.advice == "Use torch-dcgan: it has the lowest FID, and the lead is clear."


def test_ranges_that_do_not_overlap_are_not_enough(results, train):
    """The seeds are 4 to 6 and 6.2 to 10.5: apart, but not certainly."""
    train("torch-dcgan", [4.0, 5.0, 6.0])
    train("keras-dcgan", [6.2, 7.5, 10.5])
    train("torch-slow", [50.0, 51.0, 52.0])
    found = Answer(results)
    quality = found.verdicts["Quality"]
    assert quality.leaders == ("torch-dcgan", "keras-dcgan")
    assert quality.badge == "no clear lead: 2 not distinguishable"
    assert (
        "cannot be distinguished from keras-dcgan (8.07); torch-slow (51.0) is" in quality.sentence
    )
    assert [found.ranks.quality.rank(label) for label in found.ranks.quality.labels] == [
        (1, 2),
        (1, 2),
        (3, 3),
    ]


def test_a_rival_with_few_seeds_is_neither_worse_nor_equal(results, train):
    train("torch-dcgan", [4.0, 4.1, 4.2])
    train("keras-dcgan", [70.0])
    found = Answer(results)
    assert found.verdicts["Quality"].certainty == "uncertain"
    assert found.verdicts["Quality"].sentence == (
        "torch-dcgan has the lowest final FID (lenet features): 4.10 (mean of 3 seeds, 4.00 to "
        "4.20), before keras-dcgan (70.0, one seed)."
    )
    assert found.advice.startswith("There are too few seeds for a recommendation. torch-dcgan has")


def test_a_badge_of_too_few_seeds_stands_over_no_clear_difference(results, train):
    """Two seeds each, of which the last one is clearly slower than the first."""
    train("torch-dcgan", [4.0, 4.1], speed=333.0)
    train("keras-dcgan", [4.3, 4.9], speed=333.4)
    train("torch-slow", [50.0, 51.0], speed=50.0)
    found = Answer(results)
    assert found.ranks.speed.clearly("keras-dcgan", "torch-slow")
    speed = found.verdicts["Speed"]
    assert speed.badge == "too few seeds" and speed.leaders == ("keras-dcgan",)
    assert "clearly" not in speed.sentence and "before torch-dcgan (333, two" in speed.sentence


def test_one_seed_each_recommends_nothing(results, train):
    train("torch-dcgan", [4.0])
    train("keras-dcgan", [7.0])
    found = Answer(results)
    assert found.verdicts["Quality"].badge == "too few seeds"
    assert "before you decide" in found.advice


def test_the_advice_names_the_clear_best_and_its_pace(results, train):
    train("torch-dcgan", [4.0, 4.1, 4.2], speed=100.0)
    train("keras-dcgan", [7.0, 7.1, 7.2], speed=250.0)
    assert Answer(results).advice == (
        "Use torch-dcgan: it has the lowest FID, and the lead is clear. keras-dcgan trains 2.5 "
        "times as fast."
    )


def test_of_equals_the_fastest_is_advised(results, train):
    train("torch-dcgan", [4.0, 5.0, 6.0], speed=100.0)
    train("keras-dcgan", [4.5, 5.5, 6.5], speed=250.0)
    assert Answer(results).advice == (
        "Use keras-dcgan: it clearly trains fastest among the 2 implementations whose FIDs cannot "
        "be distinguished."
    )


def test_of_equals_that_train_equally_fast_none_is_preferred(results, train):
    train("torch-dcgan", [4.0, 5.0, 6.0], speed=100.0)
    train("keras-dcgan", [4.5, 5.5, 6.5], speed=100.05)
    assert Answer(results).advice == (
        "Use keras-dcgan or torch-dcgan: among the 2 implementations whose FIDs cannot be "
        "distinguished, none clearly trains faster."
    )


def test_a_mean_against_the_order_of_the_logarithms_is_not_called_clear(results, train):
    """B is nearly always lower, and once collapsed: its mean is higher, its logarithms lower."""
    train("torch-a", [10.0 + 0.01 * seed for seed in range(20)])
    train("torch-b", [5.0 + 0.01 * seed for seed in range(19)] + [120.0])
    found = Answer(results)
    assert found.verdicts["Quality"].certainty == "tied"
    assert found.ranks.quality.rank("torch-a") == (1, 2)


def test_a_fid_of_zero_is_compared_by_differences(results, train):
    train("torch-a", [0.0, 0.0, 1e-9])
    train("torch-b", [50.0, 51.0, 52.0])
    sentence = Answer(results).verdicts["Quality"].sentence
    assert "torch-b (51.0) is clearly higher, by 51.0" in sentence


def test_runs_that_all_saw_the_reference_are_not_ranked_and_not_called_unscored(results, train):
    train("torch-dcgan", [4.0, 4.1, 4.2], make=lambda *of: run_spec(*of, train_splits=BOTH))
    found = Answer(results)
    assert "trained on the reference images" in found.verdicts["Quality"].sentence
    assert found.advice.startswith("Quality is not ranked, as all trained on the reference images")


def test_a_budget_too_short_advises_on_speed_only(results, train):
    train("torch-dcgan", [40.0, 41.0, 42.0], 1_000.0, quick_spec)
    train("keras-dcgan", [20.0, 21.0, 22.0], 400.0, quick_spec)
    found = Answer(results)
    assert found.verdicts["Quality"].certainty == "none"
    assert "Quality at equal time" not in found.verdicts
    assert found.advice == (
        "This budget is too short to compare quality; torch-dcgan trains fastest (clear lead)."
    )


def test_nothing_finished_advises_nothing(results):
    add_run(results, run_spec(), status="error", reason="why")
    found = Answer(results)
    assert found.advice == "There is no recommendation: no run succeeded."


def test_a_reference_that_was_seen_in_training_is_not_ranked(results, train):
    train("torch-dcgan", [4.0, 4.1, 4.2])
    for seed in range(3):
        spec = run_spec("keras-dcgan", seed, train_splits=("train", "test"))
        add_run(results, spec, scores=[scores_of({0: 150.0, 600: 1.0 + 0.01 * seed})])
    found = Answer(results)
    assert found.verdicts["Quality"].leaders == ("torch-dcgan",)
    assert [row.label for row in found.group.rows] == ["torch-dcgan", "keras-dcgan"]
