"""``gan-bench compare``: what two results folders whose every figure is known come to."""

import json
import math

import pytest

from bench import complaint
from gan_bench.compare import compare
from gan_bench.compare.output import as_dict, comparison_answer
from gan_bench.errors import UsageError
from gan_bench.plan import Budget
from report_folder import (
    MACHINE,
    add_plan,
    add_run,
    empty_results,
    protocol,
    quick_spec,
    run_spec,
    score,
    scores_of,
)

A = (15.0, 15.2, 14.9)
BETTER = (12.0, 12.3, 11.9)


def fill(path, fids, name="torch-dcgan", *, under=None, spec=run_spec, first_seed=0, **changes):
    """Write one run a seed whose final FID is known; changes are of the record."""
    of_spec = changes.pop("of_spec", {})
    for seed, fid in enumerate(fids, first_seed):
        one = spec(name, seed, **of_spec)
        files = [scores_of({0: 300.0, one.steps: fid}, under=under)]
        add_run(path, one, scores=files, **changes)
    return path


@pytest.fixture
def two(tmp_path):
    """Two results folders that are still empty."""
    return empty_results(tmp_path / "a"), empty_results(tmp_path / "b")


def only_row(two, metric=None):
    (row,) = compare(*two, metric).rows
    return row


def test_a_lower_fid_on_the_same_seeds_is_better(two):
    fill(two[0], A)
    fill(two[1], BETTER)
    row = only_row(two)
    assert row.kind == row.verdict == "better"
    assert not row.difference.paired and row.difference.seeds == (3, 3)
    assert row.difference.scale == "ratio"
    assert row.difference.estimate == pytest.approx((math.prod(BETTER) / math.prod(A)) ** (1 / 3))
    assert row.difference.low < row.difference.estimate < row.difference.high < 1
    assert comparison_answer(compare(*two)) == "By fid_lenet, B is better than A in torch-dcgan."


def test_a_higher_fid_is_worse(two):
    fill(two[0], BETTER)
    fill(two[1], A)
    assert only_row(two).verdict == "worse"
    assert comparison_answer(compare(*two)) == "By fid_lenet, B is worse than A in torch-dcgan."


def test_other_seeds_are_compared_by_welch(two):
    fill(two[0], A)
    fill(two[1], BETTER, first_seed=1)
    row = only_row(two)
    assert row.verdict == "better" and not row.difference.paired


def test_figures_within_their_spread_cannot_be_distinguished(two):
    fill(two[0], (15.0, 12.0, 13.5))
    fill(two[1], (14.8, 12.6, 13.3))
    row = only_row(two)
    assert row.verdict == "cannot be distinguished"
    assert row.difference.low < 1 < row.difference.high
    assert "A and B cannot be distinguished in torch-dcgan" in comparison_answer(compare(*two))


def test_the_same_runs_differ_by_nothing_and_are_the_same_to_the_bit(two):
    for path in two:
        fill(path, A)
    row = only_row(two)
    assert row.verdict == "cannot be distinguished" and row.difference.estimate == 1
    assert any("bit-identical" in note for note in row.notes)


def test_a_folder_compares_with_itself(two):
    fill(two[0], A)
    assert only_row((two[0], two[0])).verdict == "cannot be distinguished"


def test_of_many_comparisons_a_lucky_one_is_no_verdict(two):
    # p is 0.03 by itself.
    a, b = (15.0, 15.2, 14.9), (14.2, 14.7, 14.15)
    fill(two[0], a)
    fill(two[1], b)
    assert 0.01 < only_row(two).difference.p < 0.05
    assert only_row(two).verdict == "better"
    for name in ("keras-dcgan", "keras-decay", "torch-decay", "torch-baseline"):
        fill(two[0], (15.0, 12.0, 13.5), name)
        fill(two[1], (14.8, 12.6, 13.3), name)
    verdicts = {row.label: row for row in compare(*two).rows}
    assert verdicts["torch-dcgan"].verdict == "cannot be distinguished"
    assert verdicts["torch-dcgan"].difference.adjusted


@pytest.mark.parametrize(("seeds_a", "seeds_b"), [(1, 1), (3, 1), (1, 3)])
def test_one_seed_is_nothing_certain(two, seeds_a, seeds_b):
    fill(two[0], A[:seeds_a])
    fill(two[1], BETTER[:seeds_b])
    row = only_row(two)
    assert row.verdict == "one seed: nothing certain" and row.difference is None
    assert "A and B cannot be compared (one seed" in comparison_answer(compare(*two))


def test_another_protocol_is_incomparable_and_the_field_is_named(two):
    fill(two[0], A)
    fill(two[1], BETTER, under=protocol(n_real=5_000, features_sha256="9" * 64))
    assert only_row(two).verdict == (
        f"incomparable: protocol features_sha256 ({'a' * 12} against {'9' * 12}), "
        "protocol n_real (10,000 against 5,000)"
    )


def test_the_protocol_that_both_have_is_taken(two):
    fill(two[0], A, under=protocol(n_real=5_000))
    fill(two[1], BETTER)
    for run in (two[0] / "runs").iterdir():
        scores_of({600: 20.0}).write_in(run / "scores")
    row = only_row(two)
    assert row.protocol == protocol().fingerprint
    assert row.a.figure.values == (20.0, 20.0, 20.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"budget": Budget(unit="images", amount=120_000), "steps": 1_200},
            "budget (60,000 images against 120,000 images)",
        ),
        ({"data_sha256": "f" * 64}, f"data set mnist ({'d' * 12} against {'f' * 12})"),
        (
            {"data_sha256": "f" * 64, "dataset": "fashion-mnist"},
            "data set (mnist against fashion-mnist)",
        ),
        ({"train_splits": ("train", "test")}, "training splits (train against train and test)"),
    ],
)
def test_another_budget_or_other_data_is_incomparable(two, changes, said):
    fill(two[0], A)
    fill(two[1], BETTER, of_spec=changes)
    row = only_row(two)
    assert row.verdict == f"incomparable: {said}" and row.difference is None


def test_what_a_branch_may_change_is_a_note_and_no_obstacle(two):
    fill(two[0], A)
    changed = {
        "source_sha256": "6" * 64,
        "recipe_values": {"batch_size": 100, "epochs": 25, "learning_rate": 0.0004},
        "versions": {"python": "3.11.2", "torch": "2.2.0"},
    }
    fill(two[1], BETTER, of_spec=changed)
    row = only_row(two)
    assert row.verdict == "better"
    assert "source (5555555 against 6666666)" in row.notes
    assert "recipe learning_rate (0.0002 against 0.0004)" in row.notes
    assert "version of torch (2.1.0 against 2.2.0)" in row.notes
    assert not any("batch_size" in note for note in row.notes)


def test_of_several_recipes_each_stands_with_its_like(two):
    slow = {"recipe_values": {"batch_size": 100, "learning_rate": 0.0001}}
    fast = {"recipe_values": {"batch_size": 100, "learning_rate": 0.0004}}
    fill(two[0], A, of_spec=slow)
    fill(two[0], BETTER, of_spec=fast)
    fill(two[1], BETTER, of_spec=fast)
    fill(two[1], BETTER, of_spec=slow)
    rows = {row.label: row.verdict for row in compare(*two).rows}
    assert rows == {
        "torch-dcgan (learning_rate 0.0001)": "better",
        "torch-dcgan (learning_rate 0.0004)": "cannot be distinguished",
    }


def test_of_several_data_sets_those_in_both_stand_together(two):
    fill(two[0], A)
    fill(two[1], BETTER, of_spec={"dataset": "kmnist", "data_sha256": "f" * 64})
    fill(two[1], BETTER)
    rows = [(row.verdict, row.label) for row in compare(*two).rows]
    assert [verdict for verdict, _ in rows] == ["better", "only in B"]


def test_what_only_one_folder_has_is_shown(two):
    fill(two[0], A)
    fill(two[1], BETTER)
    fill(two[0], A, "keras-dcgan")
    fill(two[1], A, "torch-decay")
    verdicts = {row.label: row.verdict for row in compare(*two).rows}
    assert verdicts == {
        "torch-dcgan": "better",
        "keras-dcgan": "only in A",
        "torch-decay": "only in B",
    }
    assert comparison_answer(compare(*two)).endswith("; 2 more rows cannot be compared.")


def test_runs_that_all_failed_leave_no_figure_and_are_counted(two):
    fill(two[0], A)
    for seed in range(3):
        add_run(two[1], run_spec(seed=seed), status="diverged", reason="a loss was not finite")
    row = only_row(two)
    assert row.verdict == "no value in B"
    assert (row.a.status, row.b.status) == ("3 ok", "3 diverged")
    assert "3 of 3 runs failed in B against 0 of 3 in A" in comparison_answer(compare(*two))


def test_where_everything_failed_there_is_still_a_table(cli):
    for name in "ab":
        empty_results(cli.folder / name)
        add_run(cli.folder / name, run_spec(), status="error", reason="broken")
    done = cli("compare", "a", "b")
    assert done.code == 0
    assert "no value in A and B" in done.out and "1 error" in done.out


def test_failed_and_planned_runs_are_no_seeds(two):
    fill(two[0], A)
    fill(two[1], BETTER[:2])
    failed = run_spec(seed=2)
    add_run(two[1], failed, status="oom", scores=[scores_of({0: 300.0, 600: 1.0})])
    add_plan(two[1], [run_spec(seed=3)])
    row = only_row(two)
    assert row.b.figure.values == BETTER[:2]
    assert row.b.status == "2 ok, 1 pending, 1 oom"


def test_a_figure_that_is_missing_or_nan_counts_for_nothing(two):
    fill(two[0], (*A, None))
    fill(two[1], (None, *BETTER))
    row = only_row(two)
    assert row.a.figure.seed_numbers == (0, 1, 2) and row.b.figure.seed_numbers == (1, 2, 3)
    assert row.verdict == "better"
    assert json.loads(json.dumps(as_dict(compare(*two)), allow_nan=False))["rows"]


def test_higher_precision_is_better(two):
    under = protocol()
    for path, values in ((two[0], (0.50, 0.51, 0.52)), (two[1], (0.70, 0.71, 0.73))):
        for seed, value in enumerate(values):
            scores = scores_of({600: 15.0}, under=under)
            rows = [*scores.scores, score(600, value, under, metric="precision_lenet")]
            scores = scores.model_copy(update={"scores": rows})
            add_run(path, run_spec(seed=seed), scores=[scores])
    assert only_row(two, "precision_lenet").verdict == "better"
    assert only_row((two[1], two[0]), "precision_lenet").verdict == "worse"
    assert only_row(two).verdict == "cannot be distinguished"


def speeds(path, values, device="cpu", **circumstances):
    for seed, value in enumerate(values):
        scores = [scores_of({600: 15.0})]
        spec = run_spec(seed=seed, device=device)
        add_run(path, spec, scores=scores, images_per_s=value, circumstances=circumstances)


def test_speed_is_a_ratio_on_the_same_machine(two):
    speeds(two[0], (1_000.0, 1_010.0, 990.0))
    speeds(two[1], (1_500.0, 1_530.0, 1_490.0))
    row = only_row(two, "images_per_s")
    assert row.verdict == "better"
    assert row.difference.scale == "ratio"
    assert row.difference.estimate == pytest.approx(1.507, abs=0.01)
    assert only_row(two).speed == pytest.approx(row.speed)


def test_speed_on_another_machine_is_incomparable_and_quality_is_not(two):
    speeds(two[0], (1_000.0, 1_010.0, 990.0))
    speeds(two[1], (1_500.0,) * 3, machine=MACHINE.model_copy(update={"cpu": "Model Y"}))
    apart = "machine (Model X, 2 cores against Model Y, 2 cores)"
    assert only_row(two, "images_per_s").verdict == f"incomparable: {apart}"
    row = only_row(two)
    assert row.verdict == "cannot be distinguished" and row.speed is None
    assert apart in row.notes


def test_the_speed_of_an_own_loop_is_not_compared_with_that_of_a_trainer(two):
    for path, own in zip(two, (False, True), strict=True):
        for seed in range(3):
            spec = run_spec(seed=seed, own_loop=own)
            add_run(path, spec, scores=[scores_of({600: 15.0 + seed})], images_per_s=100.0 + seed)
    verdict = only_row(two, "images_per_s").verdict
    assert verdict == "incomparable: own loop (False against True)"
    row = only_row(two)
    assert row.comparable and row.speed is None


def test_speed_beside_other_load_is_noted(two):
    speeds(two[0], (1_000.0, 1_010.0))
    speeds(two[1], (1_000.0, 1_010.0), device_exclusive=False)
    assert any("not exclusive in B" in note for note in only_row(two, "images_per_s").notes)


@pytest.mark.parametrize(("device", "noted"), [("cuda:0", True), ("cpu", False)])
def test_a_gpu_that_may_have_been_shared_is_noted(two, device, noted):
    speeds(two[0], (1_000.0, 1_010.0), device)
    speeds(two[1], (1_000.0, 1_010.0), device, device_exclusive=None)
    text = "it is unknown whether the GPU was exclusive in B"
    assert (text in only_row(two, "images_per_s").notes) is noted


def test_a_metric_may_be_named_without_its_features(two):
    fill(two[0], A)
    fill(two[1], BETTER)
    assert compare(*two, "fid").metric.name == "fid_lenet"
    with pytest.raises(UsageError, match=r"'fdi_lenet' .*; did you mean fid_lenet\?"):
        compare(*two, "fdi_lenet")


def test_by_default_it_is_the_fid_that_both_have(two):
    inception = protocol(features="inception", features_sha256="7" * 64)
    fill(two[0], A, under=inception)
    for run in (two[0] / "runs").iterdir():
        scores_of({600: 15.0}).write_in(run / "scores")
    fill(two[1], BETTER, under=inception)
    assert compare(*two).metric.name == "fid_inception"
    assert compare(two[1], two[0]).metric.name == "fid_inception"


@pytest.mark.parametrize("columns", [80, 160])
def test_the_tables_fit_the_terminal_and_say_the_answer_first(cli, columns):
    for name, fids in (("a", A), ("b", BETTER)):
        path = empty_results(cli.folder / name)
        fill(path, fids)
        fill(path, fids, "keras-upsampling-sgd")
        fill(path, (15.0, 12.0, 13.5), "keras-decay")
    done = cli("compare", "a", "b", COLUMNS=str(columns))
    assert done.code == 0
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= columns
    first = " ".join(lines[: 3 if columns == 80 else 1])
    assert first.startswith(
        "By fid_lenet, B is better than A in keras-upsampling-sgd and torch-dcgan;"
    )
    row = next(line for line in lines if line.startswith("torch-dcgan"))
    assert ("runs B" in done.out) and ("peak (MiB)" in done.out) is (columns == 160)
    assert row.split()[1:4] == ["15.0", "±", "0.153"] and "12.1 ± 0.208" in row and "0.803" in row
    assert ("95 % interval" in done.out) is (columns == 160)
    assert any(line.startswith("keras-upsampling-sgd ") for line in lines)
    assert not (cli.folder / "reports").exists()


def test_json_and_markdown_say_the_same(cli):
    for name, fids in (("a", A), ("b", BETTER)):
        fill(empty_results(cli.folder / name), fids)
    done = cli("compare", "a", "b", "--json", "--out", "said")
    said = json.loads(done.out)
    assert said["metric"] == "fid_lenet" and said["higher_is_better"] is False
    (row,) = said["rows"]
    assert row["verdict"] == "better" and row["difference"]["estimate"] == pytest.approx(
        0.8026, abs=1e-4
    )
    assert row["a"]["figure"] == {"0": 15.0, "1": 15.2, "2": 14.9}
    text = (cli.folder / "said/compare.md").read_text(encoding="utf-8")
    assert said["answer"] in text
    assert "| torch-dcgan | 15.0 ± 0.153 | 12.1 ± 0.208 | 0.803 | " in text
    assert text.count("| better |") == 1


def test_what_cannot_be_compared_is_refused_in_one_sentence(cli):
    fill(empty_results(cli.folder / "a"), A)
    empty_results(cli.folder / "empty")
    (cli.folder / "taken").write_text("mine")
    for arguments, said in (
        (("a", "nowhere"), "There is no results folder nowhere"),
        (("a", "empty"), "The results folder empty has no run to compare; `gan-bench run`"),
        (("a", "taken"), "taken is a file"),
        (("a", "a", "--metric", "speed"), "has the metric 'speed' for a finished run; they"),
        (
            ("a", "a", "--out", "taken"),
            "The comparison cannot be written to taken (taken is not a folder); name another",
        ),
    ):
        assert said in complaint(cli("compare", *arguments))
    assert "fid_lenet and images_per_s" in complaint(cli("compare", "a", "a", "--metric", "x"))
    assert not (cli.folder / "reports").exists()


def test_quick_runs_compare_with_quick_runs(two):
    fill(two[0], A, spec=quick_spec)
    fill(two[1], BETTER, spec=quick_spec)
    assert only_row(two).verdict == "better"


def test_what_cannot_be_read_is_told(cli):
    for name in "ab":
        fill(empty_results(cli.folder / name), A)
    broken = next((cli.folder / "b/runs").iterdir()) / "record.json"
    broken.write_text("{")
    done = cli("compare", "a", "b")
    assert done.code == 0 and "record.json is not readable" in done.err


def test_a_value_that_changes_the_schedule_is_what_the_name_says(two):
    for path in two:
        for steps, count in ((600, 1), (300, 2)):
            schedule = {
                "steps": steps,
                "images_per_step": 60_000 // steps,
                "evaluation_steps": (0, steps // 2, steps),
            }
            values = {"recipe_values": {"discriminator_steps": count}}
            fill(path, A, of_spec=schedule | values)
    assert [row.label for row in compare(*two).rows] == [
        "torch-dcgan (discriminator_steps 1)",
        "torch-dcgan (discriminator_steps 2)",
    ]
    for path in two:
        fill(path, A, of_spec={"recipe_values": {"discriminator_steps": 1}, "steps": 601})
    labels = [row.label for row in compare(*two).rows]
    assert len(set(labels)) == len(labels) == 3
    assert (
        "torch-dcgan (steps 601, images per step 100, evaluation points 0, 300, 600, "
        "discriminator_steps 1)"
    ) in labels
