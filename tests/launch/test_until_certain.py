"""Rounds of seeds: which runs each has, when they end, and what is refused."""

import pytest

from gan_bench.analysis.sequential import Design
from gan_bench.errors import UsageError
from gan_bench.launch.local import write_plan
from gan_bench.launch.until_certain import check_rounds, first_round, run_until_certain
from gan_bench.metrics import metric
from gan_bench.plan import Budget, Plan
from gan_bench.results.layout import open_results
from gan_bench.results.record import read_plans
from report_folder import quick_spec, run_spec

FID = metric("fid_lenet")
DESIGN = Design(most=6)


def plan_of(*names, seeds=DESIGN.most, spec=run_spec, **changes):
    runs = [spec(name, seed, **changes) for seed in range(seeds) for name in names]
    return Plan(command="gan-bench run", created_at="2026-01-01T00:00:00Z", runs=tuple(runs))


class Trained:
    """Final values by implementation and seed, and the plans of the rounds."""

    def __init__(self, **values):
        self.values = {name.replace("_", "-"): of for name, of in values.items()}
        self.rounds = []

    def __call__(self, plan):
        self.rounds.append(plan)
        return {s.run_id: self.values[s.implementation.name][s.seed] for s in plan.runs}

    @property
    def names(self):
        """What each round has: names and seeds."""
        return [[(s.implementation.name, s.seed) for s in plan.runs] for plan in self.rounds]


def run(plan, train):
    said = []
    return run_until_certain(plan, DESIGN, FID, train, said.append), said


NAMES = ("torch-a", "torch-b", "torch-c")
OPEN = {
    "torch_a": [10.0, 10.9, 10.3, 10.1, 10.6, 10.5],
    "torch_b": [11.6, 12.5, 11.9, 11.7, 12.2, 12.1],
    "torch_c": [90.0, 91.0, 92.0],
}


def test_only_open_places_get_further_seeds_and_their_runs_are_those_of_a_plan():
    plan = plan_of(*NAMES)
    train = Trained(**OPEN)
    history, said = run(plan, train)
    assert train.names[0] == [(name, seed) for seed in range(3) for name in NAMES]
    assert train.names[1:] == [
        [("torch-a", seed), ("torch-b", seed)] for seed in range(3, len(train.names) + 2)
    ]
    assert len(train.names) > 1
    ids = {spec.run_id for spec in plan.runs}
    assert {spec.run_id for part in train.rounds for spec in part.runs} <= ids
    assert [spec.run_id for part in train.rounds for spec in part.runs] == [
        spec.run_id for spec in history.runs
    ]
    assert len(said) == len(history.looks) == len(train.rounds)
    assert ("torch-a", "torch-b") in history.looks[-1].apart
    assert history.verdict[0].startswith("torch-a has the lowest FID (10.")


def test_it_ends_when_all_is_certain():
    values = {
        name: [level, 1.01 * level, 0.99 * level]
        for name, level in zip(("torch_a", "torch_b", "torch_c"), (10, 20, 40), strict=True)
    }
    train = Trained(**values)
    history, said = run(plan_of(*NAMES), train)
    assert len(train.rounds) == 1
    assert said == ["3 seeds: 3 of 3 places are certain."]
    assert "told apart from all others" in history.verdict[0]


def test_it_ends_at_the_most_seeds():
    wide = [10.0, 14.0, 10.5, 13.0, 11.0, 12.0]
    train = Trained(torch_a=wide, torch_b=[1.25 * value for value in wide])
    history, said = run(plan_of(*NAMES[:2]), train)
    assert len(train.rounds) == 4
    assert said[-1] == "6 seeds: 0 of 2 places are certain, 2 are still open."
    assert len(history.runs) == 12


def test_each_round_is_recorded_with_the_most_seeds():
    train = Trained(**OPEN)
    run(plan_of(*NAMES), train)
    assert {plan.most_seeds for plan in train.rounds} == {DESIGN.most}
    assert Plan.model_validate_json(train.rounds[-1].content()).most_seeds == DESIGN.most
    assert len({plan.plan_id for plan in train.rounds}) == len(train.rounds)


def test_the_looks_stay_recorded_if_their_runs_are_planned_again(tmp_path):
    """The first round has the runs, and so the file, of a plan with three seeds."""
    results = open_results(tmp_path / "results", create=True)
    first = first_round(plan_of(*NAMES), DESIGN)
    write_plan(results, first)
    write_plan(results, first.model_copy(update={"most_seeds": None}))
    part = first.model_copy(update={"runs": first.runs[:2], "most_seeds": None})
    write_plan(results, part)
    planned, left_out = read_plans(results)
    assert {run.most_seeds for run in planned.values()} == {DESIGN.most} and left_out == []


def test_what_has_no_values_has_no_place_and_gets_no_further_seeds():
    train = Trained(**(OPEN | {"torch_c": [None] * 6}))
    history, _ = run(plan_of(*NAMES), train)
    assert {name for names in train.names[1:] for name, _ in names} == {"torch-a", "torch-b"}
    assert history.looks[-1].labels == ("torch-a", "torch-b")
    assert "Not compared, with fewer than two results: torch-c." in history.verdict


def test_what_saw_the_reference_has_no_place():
    plan = plan_of(*NAMES)
    seen = {"train_splits": ("train", "test")}
    runs = [
        spec.model_copy(update=seen) if spec.implementation.name == "torch-c" else spec
        for spec in plan.runs
    ]
    history, _ = run(plan.model_copy(update={"runs": tuple(runs)}), Trained(**OPEN))
    assert (history.looks[-1].labels, history.looks[-1].missing) == (("torch-a", "torch-b"), ())


def test_versions_with_other_values_have_places_of_their_own():
    runs = [
        run_spec("torch-a", seed, recipe_values={"batch_size": 100, "beta1": beta})
        for seed in range(6)
        for beta in (0.5, 0.9)
    ]
    plan = plan_of("torch-a").model_copy(update={"runs": tuple(runs)})
    check_rounds(plan)
    values = {spec.run_id: 10 * (1 + spec.recipe_values["beta1"]) + spec.seed / 10 for spec in runs}
    history, _ = run(plan, lambda part: {s.run_id: values[s.run_id] for s in part.runs})
    assert history.looks[0].apart == {("torch-a (beta1=0.5)", "torch-a (beta1=0.9)")}


def test_the_first_round_has_the_first_seeds_of_all():
    part = first_round(plan_of(*NAMES), DESIGN)
    assert {spec.seed for spec in part.runs} == {0, 1, 2}
    assert len(part.runs) == 9


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (plan_of("torch-a"), "has only torch-a: name another one, or use --seeds"),
        (
            plan_of("torch-a", "torch-b", spec=quick_spec),
            r"4,000 images \(preset quick\) are too few to rank quality, so no place gets certain",
        ),
    ],
)
def test_a_plan_without_places_is_refused(plan, said):
    with pytest.raises(UsageError, match=said):
        check_rounds(plan)


def test_budgets_that_differ_are_refused():
    steps = Budget(unit="steps", amount=600)
    runs = [
        *plan_of("torch-a", budget=steps).runs,
        *plan_of("torch-b", budget=steps, images_per_step=200).runs,
    ]
    plan = plan_of("torch-a").model_copy(update={"runs": tuple(runs)})
    with pytest.raises(UsageError, match="torch-a trains on 60,000 images but torch-b on 120,000"):
        check_rounds(plan)
