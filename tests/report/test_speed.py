"""The report takes its throughputs from a study of speed where one matches, and says so."""

import numpy as np
import pytest
from scipy import stats

from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.analysis.time_to_quality import fid_points
from gan_bench.report import report_page
from gan_bench.report.render import render_full_markdown
from gan_bench.report.sections.recipe_vs_framework import crossed
from gan_bench.report.sections.standings import standings
from gan_bench.results.load import load_results
from report_folder import MACHINE, add_run, add_trained, empty_results, run_spec, scores_of
from speed_study import study

NAMES = ("torch-dcgan", "keras-dcgan")
FIDS = {"torch-dcgan": [4.0, 4.1, 4.2], "keras-dcgan": [5.0, 5.1, 5.2]}
SAID = "the speed study of 2026-01-01, 8 repeats, on Model X, 2 cores"


@pytest.fixture
def folder(tmp_path):
    """Runs of two implementations, both with 1,000 images/s by their own clocks."""
    path = empty_results(tmp_path / "results")
    for name, fids in FIDS.items():
        add_trained(path, name, fids)
    return path


def specs(**changes):
    return [run_spec(name, seed=9, **changes) for name in NAMES]


def write(folder, name="one", of=None, rates=None, repeats=8, **values):
    made = study(of or specs(), rates or {0: 100.0, 1: 200.0}, repeats, sd=0.002, **values)
    made.write(folder / "speed" / f"{name}.json")


def group_of(folder):
    results = load_results(folder)
    (group,) = summarise(collect_runs(folder, results), results).groups
    return group


def speeds(folder):
    rates = {row.label: row.images_per_s for row in group_of(folder).rows}
    return {label: rate and round(rate.mean, -1) for label, rate in rates.items()}


OF_RUNS = dict.fromkeys(NAMES, 1000.0)
OTHER = MACHINE.model_copy(update={"cpu": "Model Y"})
OF_STUDY = {"torch-dcgan": 100.0, "keras-dcgan": 200.0}


def test_without_a_study_the_speeds_are_those_of_the_runs(folder):
    assert speeds(folder) == OF_RUNS and group_of(folder).speed is None


def test_the_ranking_and_the_verdict_have_the_studys_speeds_and_name_it(folder):
    write(folder, drift=0.02)
    group = group_of(folder)
    assert str(group.speed) == SAID
    (torch,) = [row for row in group.rows if row.label == "torch-dcgan"]
    assert torch.images_per_s.seeds == 8 and torch.images_per_s.of_each == "repeat"
    assert torch.images_per_s.mean == pytest.approx(100, rel=0.05)
    # Compiling for 4.5 s, and 60,000 images at this speed.
    assert torch.finish_s.values == pytest.approx(
        [4.5 + 60_000 / torch.images_per_s.mean], rel=1e-4
    )
    text = render_full_markdown(report_page(folder)).decode()
    assert "keras-dcgan trains fastest: " in text and "mean of 8 repeats" in text
    assert f"Speeds are from {SAID}." in text
    assert f"Images/s and the share of the machine rate are from {SAID}" in text


def test_the_times_of_all_seeds_are_those_of_the_study(folder):
    """Other load during the runs does not matter then."""
    for seed in (3, 4, 5):
        spec = run_spec("torch-dcgan", seed)
        busy = {"other_load": 0.5, "device_exclusive": False}
        add_run(folder, spec, scores=[scores_of({0: 150.0, 600: 4.0})], circumstances=busy)
    write(folder)
    group = group_of(folder)
    points = fid_points(group)
    ends = points[points["step"] == 600].groupby("label")["train_s"].agg(["size", "min", "max"])
    assert ends.loc["torch-dcgan", "size"] == 6
    assert ends.loc["torch-dcgan", "min"] == ends.loc["torch-dcgan", "max"]
    assert ends.loc["torch-dcgan", "max"] == pytest.approx(604.5, rel=0.02)
    assert (points.loc[points["step"] == 0, "train_s"] == 0).all()
    assert not standings(group, None).in_speed.busy


def test_speeds_are_told_apart_with_the_errors_of_the_study(folder):
    """Turns of a repeat are compared, so that two have the paired t test over the repeats."""
    write(folder, drift=0.3)
    group = group_of(folder)
    found = standings(group, None).speed.between("keras-dcgan", "torch-dcgan")
    share = {row.label: row.share for row in group.speed.found.rows}["torch-dcgan"]
    assert (1 / found.low, 1 / found.high) == pytest.approx((share.high, share.low))
    assert found.paired and found.clear


def test_recipe_against_framework_pairs_the_repeats(folder):
    for framework in ("torch", "keras"):
        add_trained(folder, f"{framework}-decay", [6.0, 6.2, 6.4])
    of = [
        run_spec(f"{framework}-{recipe}")
        for recipe in ("dcgan", "decay")
        for framework in ("torch", "keras")
    ]
    write(folder, of=of, rates={0: 100.0, 1: 200.0, 2: 50.0, 3: 100.0})
    text = render_full_markdown(report_page(folder)).decode()
    assert f"From {SAID}, which has no seeds: turns of the same repeat" in text
    assert "the speed of torch is 0.50 times that of keras" in text


def test_recipes_are_told_apart_with_the_errors_of_the_study(folder):
    for framework in ("torch", "keras"):
        add_trained(folder, f"{framework}-decay", [6.0, 6.2, 6.4])
    of = [*specs(), run_spec("torch-decay"), run_spec("keras-decay")]
    write(folder, of=of, rates=dict(enumerate((100.0, 200.0, 50.0, 100.0))), drift=0.3)
    group = group_of(folder)
    recipes = standings(group, None).in_speed.certain.recipes
    found = recipes.between("dcgan", "decay")
    signs = {"dcgan": 0.5, "decay": -0.5}
    test = group.speed.contrast({row.label: signs[row.recipe] for row in group.rows})
    assert found.estimate == pytest.approx(np.exp(test.estimate)) == pytest.approx(2, rel=0.02)
    margin = np.exp(test.error * stats.t.ppf(0.975, test.freedom))
    assert found.high / found.estimate == pytest.approx(margin)
    assert recipes.clearly("dcgan", "decay")
    assert (recipes.spreads["dcgan"].seeds, recipes.spreads["dcgan"].of_each) == (8, "repeat")


@pytest.mark.parametrize("half", [True, False], ids=["turns discarded", "in groups"])
def test_recipes_are_ranked_by_all_turns_though_twins_share_few_repeats(folder, half):
    """dcgan has 100 and 200 images/s, decay 150 in both: it is faster as a mean."""
    for framework in ("torch", "keras"):
        add_trained(folder, f"{framework}-decay", [6.0, 6.2, 6.4])
    of = [*specs(), run_spec("torch-decay"), run_spec("keras-decay")]

    def discarded(repeat, target):
        return {"other_load": 0.5} if target == 1 and repeat % 2 else {}

    def missing(repeat, target):
        """In the first repeats keras-dcgan lacks its turn, in the last ones torch-dcgan."""
        return None if target == (1 if repeat <= 6 else 0) else {}

    rates = dict(enumerate((100.0, 200.0, 150.0, 150.0)))
    write(folder, of=of, rates=rates, repeats=12, changed=discarded if half else missing)
    recipes = standings(group_of(folder), None).in_speed.certain.recipes
    assert recipes.labels == ["decay", "dcgan"] and recipes.clearly("decay", "dcgan")
    assert recipes.spreads["dcgan"].mean == pytest.approx(141, rel=0.02)


def test_other_seeds_budgets_evaluation_points_and_data_match(folder):
    changes = {
        **{"steps": 40, "evaluation_steps": (0, 40), "samples": 64, "data_sha256": "e" * 64},
        "recipe_values": {"batch_size": 100, "epochs": 1, "learning_rate": 0.0002},
    }
    write(folder, of=specs(**changes))
    assert speeds(folder) == OF_STUDY


@pytest.mark.parametrize(
    "changes",
    [
        {"source_sha256": "6" * 64},
        {"threads": 1},
        {"precision": "tf32"},
        {"image_shape": (32, 32, 3)},
        {"versions": {"python": "3.11.2", "torch": "2.2.0"}},
        {"recipe_values": {"batch_size": 50, "epochs": 25, "learning_rate": 0.0002}},
        {"deterministic": True},
    ],
)
def test_what_changes_a_step_does_not_match(folder, changes):
    write(folder, of=specs(**changes))
    assert speeds(folder) == OF_RUNS


def test_another_machine_or_a_missing_implementation_does_not_match(folder):
    write(folder, "elsewhere", machine=MACHINE.model_copy(update={"cores": 64}))
    write(folder, "one of two", of=specs()[:1], rates={0: 100.0})
    assert speeds(folder) == OF_RUNS
    write(folder, "here")
    assert speeds(folder) == OF_STUDY


def test_a_study_gives_the_times_to_all_wherever_they_ran(folder):
    """Else none on another machine had a time, though a study has measured it."""
    decay = [run_spec(f"{framework}-decay") for framework in ("torch", "keras")]
    for spec in decay:
        scores = [scores_of({0: 150.0, 600: 6.0})]
        add_run(folder, spec, scores=scores, images_per_s=500.0, circumstances={"machine": OTHER})
    write(folder, "two", machine=OTHER)
    assert group_of(folder).setting.hardware == "Model X, 2 cores"
    assert speeds(folder) == OF_RUNS | dict.fromkeys(("torch-decay", "keras-decay"))

    write(
        folder,
        of=[*specs(), *decay],
        rates=dict(enumerate((100.0, 200.0, 50.0, 150.0))),
        machine=OTHER,
    )
    group = group_of(folder)
    assert group.setting.hardware == "Model Y, 2 cores"
    assert speeds(folder) == OF_STUDY | {"torch-decay": 50.0, "keras-decay": 150.0}
    assert all(row.finish_s for row in group.rows)
    text = render_full_markdown(report_page(folder)).decode()
    assert "Times are from Model Y, 2 cores (CPU, 2 threads) alone, because the speeds were" in text
    assert "No times here" not in text
    lacking = [row.label for row in group.rows if not row.timed_ok]
    assert set(lacking) == {*NAMES} and not any(row.peak_mb for row in group.rows[:2])
    assert "keras-dcgan, but their warm-up and memory here are not known: they only ran" in text


def test_of_two_studied_machines_the_times_are_of_that_with_most_runs(folder):
    write(folder, "here")
    write(folder, "there", rates={0: 300.0, 1: 400.0}, machine=OTHER)
    around = {"circumstances": {"machine": OTHER}}
    add_trained(folder, "torch-dcgan", [4.0], seed=9, **around)
    assert speeds(folder) == OF_STUDY
    add_trained(folder, "torch-dcgan", FIDS["torch-dcgan"], seed=10, **around)
    add_trained(folder, "keras-dcgan", FIDS["keras-dcgan"], seed=10, **around)
    assert speeds(folder) == {"torch-dcgan": 300.0, "keras-dcgan": 400.0}


def of_frameworks(folder):
    """Return the titles of the tables of speed, and the sentences on frameworks' speeds."""
    found = crossed(group_of(folder))
    titles = [table.title for table in found.tables if table.title.startswith("Images/s")]
    speeds = [one for one in found.of_frameworks if "the speed of" in one]
    return titles, [one.partition(" (geometric")[0] for one in speeds]


@pytest.fixture
def four(folder):
    """Two recipes in two frameworks, all of which only ran on Model X; their specifications."""
    for framework in ("torch", "keras"):
        add_trained(folder, f"{framework}-decay", [6.0, 6.2, 6.4])
    return [*specs(), run_spec("torch-decay"), run_spec("keras-decay")]


HERE = dict(enumerate((100.0, 200.0, 50.0, 100.0)))
THERE = dict(enumerate((600.0, 300.0, 400.0, 200.0)))
ON_X = "On Model X, 2 cores: for the same recipe, the speed of torch is 0.50 times that of keras"
ON_Y = "On Model Y, 2 cores: for the same recipe, the speed of torch is 2.0 times that of keras"


def test_a_study_of_another_machine_is_shown_beside_that_of_the_ranking(folder, four):
    """Keras is twice as fast as PyTorch on Model X, and half as fast on Model Y."""
    write(folder, "here", four, HERE)
    assert of_frameworks(folder) == (
        ["Images/s"],
        ["For the same recipe, the speed of torch is 0.50 times that of keras"],
    )
    write(folder, "there", four, THERE, machine=OTHER)
    assert speeds(folder)["torch-dcgan"] == 100.0
    titles = ["Images/s on Model X, 2 cores", "Images/s on Model Y, 2 cores"]
    assert of_frameworks(folder) == (titles, [ON_X, ON_Y])
    _, here, there = crossed(group_of(folder)).tables
    assert here.note.startswith(f"From {SAID}, ")
    assert there.note.startswith(f"From {SAID.replace('Model X', 'Model Y')}, ")
    text = render_full_markdown(report_page(folder)).decode()
    assert "On Model Y, 2 cores: the speed of decay is 0.82 (" in text


def test_of_two_studies_elsewhere_the_one_of_most_is_shown_then_the_newest(folder, four):
    around = {"machine": OTHER}
    write(folder, "here", four, HERE)
    write(folder, "a", four, THERE, created_at="2025-01-01T00:00:00+00:00", **around)
    write(folder, "b", four[:2], {0: 100.0, 1: 100.0}, **around)
    assert of_frameworks(folder)[1] == [ON_X, ON_Y]
    swapped = {**THERE, 0: 300.0, 1: 600.0, 2: 200.0, 3: 400.0}
    write(folder, "c", four, swapped, created_at="2025-02-01T00:00:00+00:00", **around)
    assert of_frameworks(folder)[1][1] == ON_Y.replace("2.0 times", "0.50 times")


def test_a_disturbed_study_elsewhere_is_not_shown(folder, four):
    write(folder, "here", four, HERE)
    loaded = {"changed": lambda repeat, target: {"other_load": 0.5}}
    write(folder, "there", four, THERE, machine=OTHER, **loaded)
    assert of_frameworks(folder)[0] == ["Images/s"]


def test_a_study_elsewhere_shows_what_it_has(folder, four):
    """It lacks the first framework; then two of three are compared, and one is not shown."""
    for recipe in ("dcgan", "decay"):
        add_trained(folder, f"jax-{recipe}", [6.0, 6.2, 6.4])
    of = [*four, run_spec("jax-dcgan"), run_spec("jax-decay")]
    write(folder, "here", of, {**HERE, 4: 100.0, 5: 50.0})
    write(folder, "torch alone", [of[0], of[2]], {0: 100.0, 1: 50.0}, machine=OTHER)
    assert of_frameworks(folder)[0] == ["Images/s"]
    write(folder, "there", four, THERE, machine=OTHER)
    assert of_frameworks(folder)[1][2:] == [ON_Y]
    *_, there = crossed(group_of(folder)).tables
    titles = [column.title for column in there.columns]
    assert titles == ["Recipe", "keras", "torch", "torch / keras", "Recipe / all recipes"]
    assert all("—" not in row for row in there.rows[:2])


def test_a_study_of_other_threads_on_the_same_machine_is_told_apart_by_them(folder, four):
    eight = [spec.model_copy(update={"threads": 8}) for spec in four]
    for spec in eight:
        add_run(folder, spec, scores=[scores_of({0: 150.0, 600: 4.0})])
    write(folder, "two", four, HERE)
    write(folder, "eight", eight, THERE)
    titles, sentences = of_frameworks(folder)
    assert titles == [
        "Images/s on Model X, 2 cores (CPU, 2 threads)",
        "Images/s on Model X, 2 cores (CPU, 8 threads)",
    ]
    assert sentences[1].startswith("On Model X, 2 cores (CPU, 8 threads): for the same recipe, ")


def test_other_threads_on_another_machine_are_named(folder, four):
    eight = [spec.model_copy(update={"threads": 8}) for spec in four]
    around = {"circumstances": {"machine": OTHER}}
    for spec in eight:
        add_run(folder, spec, scores=[scores_of({0: 150.0, 600: 4.0})], **around)
    write(folder, "two", four, HERE)
    write(folder, "eight", eight, THERE, machine=OTHER)
    assert of_frameworks(folder)[0] == [
        "Images/s on Model X, 2 cores (CPU, 2 threads)",
        "Images/s on Model Y, 2 cores (CPU, 8 threads)",
    ]


def test_the_turns_that_a_study_elsewhere_discarded_are_counted(folder, four):
    write(folder, "here", four, HERE)

    def loaded(repeat, target):
        return {"other_load": 0.5} if repeat == 1 and target < 2 else {}

    write(folder, "there", four, THERE, machine=OTHER, changed=loaded)
    *_, there = crossed(group_of(folder)).tables
    assert there.note.endswith(
        " 2 of 32 turns were discarded because of other load on the processors."
    )


def test_a_study_elsewhere_without_twins_hides_no_smaller_one_with_them(folder, four):
    add_trained(folder, "torch-baseline", [6.0, 6.2, 6.4])
    baseline = run_spec("torch-baseline")
    write(folder, "here", [*four, baseline], {**HERE, 4: 70.0})
    alone = [four[0], four[2], baseline]
    write(folder, "alone", alone, {0: 600.0, 1: 400.0, 2: 70.0}, machine=OTHER)
    write(folder, "twins", four[:2], {0: 600.0, 1: 300.0}, machine=OTHER)
    *_, there = crossed(group_of(folder)).tables
    assert there.title == "Images/s on Model Y, 2 cores"
    assert [row[0].split()[0] for row in there.rows] == ["dcgan"]


def test_a_study_elsewhere_is_shown_beside_the_speeds_of_runs(folder, four):
    """It lacks a recipe, so that it gives no times to the ranking."""
    for name in NAMES:
        add_trained(folder, name, [4.0], seed=9, circumstances={"machine": OTHER})
    write(folder, machine=OTHER)
    assert speeds(folder) == OF_RUNS | {"torch-decay": 1000.0, "keras-decay": 1000.0}
    _, here, there = crossed(group_of(folder)).tables
    assert (here.title, here.note) == ("Images/s on Model X, 2 cores", "")
    assert there.title == "Images/s on Model Y, 2 cores" and "Model Y" in there.note
    assert [row[0].split()[0] for row in there.rows] == ["dcgan"]


def test_seeds_from_other_machines_have_the_speed_of_the_study(folder):
    """Of four seeds, one ran on the machine of the study."""
    add_trained(folder, "torch-dcgan", [4.3], seed=9, circumstances={"machine": OTHER})
    write(folder, machine=OTHER)
    group = group_of(folder)
    assert group.setting.hardware == "Model Y, 2 cores"
    assert speeds(folder) == OF_STUDY
    rows = {row.label: row for row in group.rows}
    assert [run.spec.seed for run in rows["torch-dcgan"].timed_ok] == [9]
    assert rows["torch-dcgan"].fid.seeds == 4 and rows["keras-dcgan"].timed_ok == ()
    points = fid_points(group)
    ends = points[points["step"] == 600].groupby("label")["train_s"].agg(["size", "nunique"])
    assert ends.loc["torch-dcgan"].tolist() == [4, 1]
    assert ends.loc["keras-dcgan"].tolist() == [3, 1]


def test_a_study_on_a_machine_where_no_run_finished_does_not_match(folder):
    spec, around = run_spec("torch-dcgan", 9), {"machine": OTHER}
    add_run(folder, spec, status="error", reason="why", circumstances=around)
    write(folder, machine=OTHER)
    assert group_of(folder).setting.hardware == "Model X, 2 cores"
    assert speeds(folder) == OF_RUNS


def test_a_disturbed_study_elsewhere_changes_nothing(folder):
    add_trained(folder, "torch-dcgan", [4.0], seed=9, circumstances={"machine": OTHER})
    write(folder, machine=OTHER, changed=lambda repeat, target: {"other_load": 0.5})
    assert group_of(folder).setting.hardware == "Model X, 2 cores"
    assert speeds(folder) == OF_RUNS
    write(folder, machine=OTHER)
    assert group_of(folder).setting.hardware == "Model Y, 2 cores"
    assert speeds(folder) == OF_STUDY


def test_a_study_of_few_takes_the_times_of_no_others(folder):
    """One implementation ran with another number of threads, and was studied there."""
    spec = run_spec("torch-dcgan", 9, threads=8)
    add_run(folder, spec, scores=[scores_of({0: 150.0, 600: 4.0})], images_per_s=3000.0)
    write(folder, of=[spec], rates={0: 3000.0})
    assert group_of(folder).setting.threads == 2
    assert speeds(folder) == OF_RUNS


def test_packages_of_another_build_elsewhere_do_not_part_a_study_from_its_runs(folder):
    built = {"versions": {"python": "3.11.2", "torch": "2.1.0+cpu"}}
    for name in ("torch-decay", "torch-dcgan"):
        around = {"machine": OTHER}
        add_trained(folder, name, [4.0], seed=9, values=built, circumstances=around)
    write(folder, of=[*specs(), run_spec("torch-decay")], rates={0: 100.0, 1: 200.0, 2: 50.0})
    assert group_of(folder).setting.hardware == "Model X, 2 cores"
    assert speeds(folder) == OF_STUDY | {"torch-decay": 50.0}


def test_the_newest_study_counts(folder):
    write(folder, "old", rates={0: 300.0, 1: 400.0}, created_at="2025-01-01T00:00:00+00:00")
    write(folder, "new", created_at="2026-01-01T00:00:00+00:00")
    assert speeds(folder) == OF_STUDY


def test_a_disturbed_study_is_no_better_than_runs_that_were_not_disturbed(tmp_path, folder):
    loaded = {"changed": lambda repeat, target: {"other_load": 0.5}}
    write(folder, **loaded)
    assert speeds(folder) == OF_RUNS
    busy = empty_results(tmp_path / "busy")
    for name, fids in FIDS.items():
        add_trained(busy, name, fids, circumstances={"device_exclusive": False, "other_load": 0.5})
    write(busy, **loaded)
    assert speeds(busy) == OF_STUDY
    text = render_full_markdown(report_page(busy)).decode()
    assert "16 of 16 turns were disturbed" in text
    assert "not certain: other load" in text
    write(busy, "calm", created_at="2025-01-01T00:00:00+00:00")
    assert group_of(busy).speed.found.study.created_at.startswith("2025")
