"""What a results folder says if its files state a run in different words."""

from gan_bench.plan import Budget
from gan_bench.results.load import load_results
from report_folder import add_plan, add_run, empty_results, run_spec


def test_a_run_is_shown_as_it_ran_and_not_as_a_later_plan_states_it(tmp_path):
    path = empty_results(tmp_path / "results")
    ran, pending = run_spec(), run_spec(seed=1)
    add_run(path, ran)
    changes = {"preset": "paper", "budget": Budget(unit="steps", amount=600)}
    add_plan(path, [spec.model_copy(update=changes) for spec in (pending, ran)])
    results = load_results(path)
    assert list(results.specs) == [pending.run_id, ran.run_id]
    assert results.specs[ran.run_id] == ran
    rows = results.runs.set_index("run_id")
    assert rows["preset"].to_dict() == {ran.run_id: "standard", pending.run_id: "paper"}
    assert rows.loc[ran.run_id, "budget"] == "60,000 images"
