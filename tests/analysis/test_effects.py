"""The effect of one field: which rows differ in it alone, and how their figures compare by seed."""

import math

import pytest

from gan_bench.analysis.effects import Base, effects
from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.statistics import SeedValues, paired_ratio
from gan_bench.analysis.summary import summarise
from gan_bench.plan import Budget
from gan_bench.results.load import load_results
from report_folder import MACHINE, add_run, run_spec, scores_of

DEFAULTS = {"batch_size": 100, "discriminator_steps": 1, "generator_steps": 3, "beta1": 0.5}
NAME = "torch-dcgan-3g"


@pytest.fixture
def train(results):
    """Add a run for each final FID, from seed 0 on, with these recipe values."""

    def add(fids, *, name=NAME, spec=(), record=(), **values):
        own = {
            field: DEFAULTS.get(field) for field in values if values[field] != DEFAULTS.get(field)
        }
        recipe = {"recipe_values": {**DEFAULTS, **values}, "recipe_defaults": own}
        for seed, fid in enumerate(fids):
            made = run_spec(name, seed, **{**recipe, **dict(spec)})
            scores = [] if fid is None else [scores_of({0: 150.0, made.steps: fid})]
            failed = {"status": "diverged", "reason": "a loss was NaN"} if fid is None else {}
            add_run(results, made, scores=scores, **{**failed, **dict(record)})

    return add


@pytest.fixture
def found(results):
    """Return the effects of each group."""

    def read():
        frames = load_results(results)
        return [effects(group) for group in summarise(collect_runs(results, frames), frames).groups]

    return read


def test_each_value_is_compared_with_the_default_seed_by_seed(train, found):
    train((10.0, 20.0, 40.0))
    # Ratios 1, 2 and 4: their logarithms have the mean ln 2 and the standard deviation ln 2.
    train((10.0, 40.0, 160.0), generator_steps=1)
    train((5.0, 10.0, 20.0), generator_steps=5)
    [[effect]] = found()
    assert (effect.label, effect.field, effect.why) == (NAME, "generator_steps", Base.DEFAULT)
    assert [(row.value, row.is_default) for row in effect.rows] == [
        *((1, False), (3, True), (5, False))
    ]
    one, default, five = effect.rows
    assert effect.base is default
    assert default.fid is None
    exponent = 4.302653 / math.sqrt(3)  # the t value of two degrees of freedom
    assert one.fid.estimate == pytest.approx(2)
    assert one.fid.low == pytest.approx(2 ** (1 - exponent), rel=1e-5)
    assert one.fid.high == pytest.approx(2 ** (1 + exponent), rel=1e-5)
    assert (five.fid.estimate, five.fid.low, five.fid.high) == pytest.approx((0.5, 0.5, 0.5))


def test_speeds_are_compared_in_the_same_way_and_updates_counted(train, found):
    train((10.0, 11.0, 12.0), record={"images_per_s": 300.0})
    train((9.0, 10.0, 11.0), generator_steps=1, record={"images_per_s": 600.0})
    [[effect]] = found()
    one, three = effect.rows
    assert one.images_per_s.estimate == pytest.approx(2)
    assert one.updates == {"discriminator": 600, "generator": 600}
    assert three.updates == {"discriminator": 600, "generator": 1_800}


def test_more_images_in_a_step_are_the_same_budget_in_fewer_steps(train, found):
    train((10.0, 11.0))
    two = {"images_per_step": 200, "steps": 300, "evaluation_steps": (0, 150, 300)}
    train((8.0, 9.0), discriminator_steps=2, spec=two)
    [[effect]] = found()
    assert [row.updates for row in effect.rows] == [
        {"discriminator": 600, "generator": 1_800},
        {"discriminator": 600, "generator": 900},
    ]


def test_the_updates_of_a_recipe_without_the_fields_are_not_known(train, found):
    for rate in (0.1, 0.2):
        values = {"batch_size": 100, "learning_rate": rate}
        train((10.0,), name="torch-dcgan", spec={"recipe_values": values})
    [[effect]] = found()
    assert [row.updates for row in effect.rows] == [{}, {}]


def test_only_seeds_of_both_rows_are_compared(train, found):
    train((10.0, 20.0, 30.0, 40.0))
    train((None, 10.0, 15.0), generator_steps=1)
    [[effect]] = found()
    one = effect.rows[0]
    assert [run.status for run in one.row.failed_runs] == ["diverged"]
    assert one.fid.seeds == (2, 2)
    assert one.fid.estimate == pytest.approx(0.5)


def test_one_common_seed_gives_a_number_and_none_gives_nothing(train, found):
    train((10.0, 20.0))
    train((None, 10.0, 15.0), generator_steps=1)
    train((None, None, 15.0), generator_steps=2)
    [[effect]] = found()
    one, two, _ = effect.rows
    assert one.fid == pytest.approx(0.5)
    assert two.fid is None


def test_a_value_whose_seeds_all_diverged_has_a_row_without_figures(train, found):
    train((10.0, 20.0))
    train((None, None), generator_steps=1)
    [[effect]] = found()
    assert [row.row.fid is None for row in effect.rows] == [True, False]
    assert effect.rows[0].fid is None


@pytest.mark.parametrize(
    ("known", "why"),
    [({}, Base.DEFAULT_NOT_RUN), ({"recipe_defaults": None}, Base.DEFAULT_UNKNOWN)],
)
def test_without_a_run_of_the_default_the_lowest_value_is_the_base(train, found, known, why):
    for steps in (10, 2):  # numbers, not texts
        train((10.0 * steps,), generator_steps=steps, spec=known)
    [[effect]] = found()
    assert effect.why == why
    assert effect.base is effect.rows[0]
    assert [row.value for row in effect.rows] == [2, 10]
    assert not any(row.is_default for row in effect.rows)
    assert effect.rows[1].fid == pytest.approx(5)


def test_a_default_without_result_is_shown_and_another_the_base(train, found):
    train((None, None))
    for steps in (2, 1):
        train((10.0, 20.0), generator_steps=steps)
    [[effect]] = found()
    assert (effect.why, effect.default) == (Base.DEFAULT_WITHOUT_RESULT, 3)
    assert [row.is_default for row in effect.rows] == [False, False, True]
    assert effect.base.value == 1


def test_of_a_grid_each_field_has_an_effect_at_each_value_of_the_other(train, found):
    for steps in (1, 3):
        for beta in (0.9, 0.5):
            train((steps * beta,), generator_steps=steps, beta1=beta)
    [every] = found()
    # The best row is that of k = 1 with 0.5; tables through the defaults come before it.
    assert [(one.field, one.label, one.base.row.fid.mean) for one in every] == [
        ("generator_steps", f"{NAME} (beta1=0.5)", 1.5),
        ("beta1", f"{NAME} (generator_steps=3)", 1.5),
        ("generator_steps", f"{NAME} (beta1=0.9)", pytest.approx(2.7)),
        ("beta1", f"{NAME} (generator_steps=1)", 0.5),
    ]


def test_runs_that_differ_in_more_than_one_field_have_no_effect(train, found):
    train((10.0,))
    train((12.0,), generator_steps=1, beta1=0.9)
    train((13.0,), generator_steps=2, spec={"source_sha256": "6" * 64})
    train((14.0,), generator_steps=4, spec={"samples": 1_001})
    train((15.0,), generator_steps=5, spec={"versions": {"python": "3.12.0"}})
    train((16.0,), generator_steps=6, spec={"train_splits": ("train", "test")})
    train((17.0,), name="keras-dcgan-3g", generator_steps=7)
    assert [one for group in found() for one in group] == []


OTHERS = [
    {"spec": {"budget": Budget(unit="images", amount=120_000), "steps": 1_200}},
    {"spec": {"data_sha256": "f" * 64}},
    {"spec": {"precision": "tf32"}},
]


@pytest.mark.parametrize("other", OTHERS)
def test_runs_in_another_setting_are_not_mixed(train, found, other):
    train((10.0,))
    train((11.0,), generator_steps=1, **other)
    assert found() == [[], []]
    train((12.0,), generator_steps=2)
    assert [[row.value for row in one.rows] for group in found() for one in group] == [[2, 3]]


ELSEWHERE = [
    {"spec": {"threads": 3}},
    {"spec": {"device": "cuda:0"}},
    {"record": {"circumstances": {"machine": MACHINE.model_copy(update={"cpu": "Model Y"})}}},
]


@pytest.mark.parametrize("other", ELSEWHERE)
def test_the_fid_of_another_machine_is_compared_and_its_speed_is_not(train, found, other):
    train((10.0, 20.0))
    train((20.0, 40.0), generator_steps=1, **other)
    [[effect]] = found()
    row = next(row for row in effect.rows if row.row.elsewhere)
    assert row.fid.estimate == pytest.approx(2.0 if row.value == 1 else 0.5)
    assert row.images_per_s is None


def test_of_a_value_that_has_two_rows_none_is_taken(train, found):
    for middle in (200, 300):
        train((10.0,), spec={"evaluation_steps": (0, middle, 600)})
    for steps in (1, 2):
        train((11.0,), generator_steps=steps)
    [[effect]] = found()
    assert [row.value for row in effect.rows] == [1, 2]
    assert (effect.why, effect.base.value) == (Base.DEFAULT_REPEATED, 1)


def test_tables_of_other_numbers_of_evaluation_points_have_other_titles(train, found):
    for points in ((0, 300, 600), (0, 600)):
        for steps in (1, 3):
            train((10.0,), generator_steps=steps, spec={"evaluation_steps": points})
    labels = {effect.label for group in found() for effect in group}
    assert labels == {f"{NAME} ({n} evaluation points)" for n in (2, 3)}


def test_the_base_is_a_row_with_a_fid(train, found, results):
    train((20.0, 21.0), generator_steps=1)
    made = run_spec(NAME, 0, recipe_values=DEFAULTS, recipe_defaults={})
    add_run(results, made, scores=[])
    [[effect]] = found()
    assert (effect.why, effect.base.value) == (Base.DEFAULT_WITHOUT_RESULT, 1)


def test_a_default_may_be_none(train, found):
    for clip in (1.0, 2.0):
        train((10.0,), clip=clip)
    [[effect]] = found()
    assert (effect.why, effect.default) == (Base.DEFAULT_NOT_RUN, None)


def test_without_any_result_there_is_no_effect(train, found):
    train((None,))
    train((None,), generator_steps=1)
    assert found() == [[]]


def test_texts_and_truth_values_have_an_order_too(train, found):
    for loss in ("hinge", "bce"):
        train((10.0,), loss=loss, nesterov=False)
    train((10.0,), loss="bce", nesterov=True)
    [every] = found()
    assert {one.field: [row.value for row in one.rows] for one in every} == {
        "loss": ["bce", "hinge"],
        "nesterov": [False, True],
    }


def test_a_ratio_of_values_that_are_not_positive_is_none():
    a, b = (SeedValues.by({0: first, 1: 2.0}) for first in (0.0, 1.0))
    assert paired_ratio(a, b) is None
    assert paired_ratio(b, a) is None
