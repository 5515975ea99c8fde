"""What the gate says of stored records, and the exit code for it."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gan_bench.gate import Gate, compare_stored
from gan_bench.gate.baseline import Baseline
from gan_bench.gate.entries import freeze
from gate_folder import baseline_of, edited, log_normal, results_of
from report_folder import add_run, empty_results, protocol, run_spec, scores_of

OWN = range(10)
OTHERS = range(20, 23)
NAMES = ("torch-dcgan", "keras-dcgan")


@pytest.fixture(scope="module")
def frozen(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("frozen")
    for name, mean in zip(NAMES, (20.0, 30.0), strict=True):
        results_of(path / "before", log_normal(mean, OWN), name)
    return baseline_of(path / "before", path / "baseline.json").read_bytes()


@pytest.fixture
def baseline(frozen: bytes, tmp_path: Path) -> Path:
    """Two implementations of ten seeds, FID 20 and 30."""
    path = tmp_path / "baseline.json"
    path.write_bytes(frozen)
    return path


@pytest.fixture
def gate(cli, baseline):
    """The command against that baseline, and what it printed as JSON."""

    def run(results: Path, *options: str, code: int | None = None):
        done = cli(
            "gate", "--baseline", str(baseline), "--results", str(results), "--json", *options
        )
        assert code is None or done.code == code, (done.out, done.err)
        outcome = json.loads(done.out) if done.out.startswith("{") else None
        if outcome:
            assert outcome["exit_code"] == done.code
            outcome["of"] = {row["implementation"]: row for row in outcome["rows"]}
        return done, outcome

    return run


def both(path: Path, torch=20.0, keras=30.0, seeds=OTHERS, **changes) -> Path:
    for name, mean in zip(NAMES, (torch, keras), strict=True):
        results_of(path, log_normal(mean, seeds, sample=1), name, **changes)
    return path


def verdicts(outcome) -> dict[str, str]:
    return {name: row["verdict"] for name, row in outcome["of"].items()}


def test_seeds_like_the_baselines_pass(gate, tmp_path):
    _, outcome = gate(both(tmp_path / "after"), code=0)
    assert verdicts(outcome) == dict.fromkeys(NAMES, "pass")
    row = outcome["of"]["torch-dcgan"]
    assert row["baseline"] == pytest.approx(20) and row["candidate"] == pytest.approx(20)
    assert row["spread"] == pytest.approx(0.05)
    assert (row["baseline_seeds"], row["candidate_seeds"]) == (10, list(OTHERS))


def test_a_worse_fid_of_one_fails_with_exit_code_1(gate, tmp_path):
    _, outcome = gate(both(tmp_path / "after", keras=39.0), code=1)
    assert verdicts(outcome) == {"torch-dcgan": "pass", "keras-dcgan": "regression"}
    row = outcome["of"]["keras-dcgan"]
    assert row["candidate"] > row["bound"] > row["baseline"]
    assert "+30.0%" in row["why"]


def test_what_is_within_the_margin_passes_and_without_it_fails(gate, tmp_path):
    results = both(tmp_path / "after", torch=22.5, keras=33.75)  # 12.5 %
    assert verdicts(gate(results, "--margin", "20%", code=0)[1]) == dict.fromkeys(NAMES, "pass")
    assert set(verdicts(gate(results, "--margin", "0", code=1)[1]).values()) == {"regression"}


def test_a_better_fid_is_an_improvement(gate, tmp_path):
    _, outcome = gate(both(tmp_path / "after", torch=12.0), code=0)
    assert verdicts(outcome) == {"torch-dcgan": "improvement", "keras-dcgan": "pass"}


def test_two_seeds_are_not_measured_and_never_pass(gate, tmp_path):
    _, outcome = gate(both(tmp_path / "after", seeds=range(20, 22)), code=4)
    assert verdicts(outcome) == dict.fromkeys(NAMES, "not measured")
    assert "2 seeds of 3 needed" in outcome["of"]["torch-dcgan"]["why"]


def test_the_baselines_own_seeds_are_no_independent_ones(gate, tmp_path):
    _, outcome = gate(both(tmp_path / "after", seeds=range(7, 11)), code=4)
    why = outcome["of"]["torch-dcgan"]["why"]
    assert "1 seed of 3 needed" in why and "3 runs on the baseline's own seeds not counted" in why


def test_the_same_bits_on_the_baselines_seeds_pass_outright(gate, tmp_path):
    results = tmp_path / "after"
    for name, mean in zip(NAMES, (20.0, 30.0), strict=True):
        known = log_normal(mean, OWN)
        results_of(results, {seed: known[seed] for seed in (2, 5, 7)}, name)
    _, outcome = gate(results, code=0)
    assert verdicts(outcome) == dict.fromkeys(NAMES, "pass")
    assert "bit-identical" in outcome["of"]["torch-dcgan"]["why"]


def test_own_seeds_that_nearly_repeat_the_baselines_figures_pass_by_a_paired_bound(gate, tmp_path):
    known = log_normal(20.0, OWN)
    fids = {2: known[2] * 1.01, 5: known[5] * 1.02, 7: known[7] * 1.015}
    _, outcome = gate(results_of(tmp_path / "after", fids), "torch-dcgan", code=0)
    why = outcome["rows"][0]["why"]
    assert "paired with the baseline's own seeds 2, 5 and 7, it is at most 2.3% worse" in why


def test_good_own_seeds_do_not_hide_fresh_ones_that_are_worse_or_fail(gate, tmp_path):
    known = log_normal(20.0, OWN)
    results = results_of(tmp_path / "worse", {seed: 1.01 * known[seed] for seed in (2, 5, 7)})
    results_of(results, log_normal(40.0, OTHERS))
    assert verdicts(gate(results, "torch-dcgan", code=1)[1]) == {"torch-dcgan": "regression"}
    same = results_of(tmp_path / "same", {seed: known[seed] for seed in (2, 5, 7)})
    results_of(same, dict.fromkeys(OTHERS, "diverged"))
    assert verdicts(gate(same, "torch-dcgan", code=1)[1]) == {"torch-dcgan": "diverged"}


def test_own_seeds_that_are_worse_by_more_than_the_margin_do_not_count(gate, tmp_path):
    known = log_normal(20.0, OWN)
    fids = {seed: 1.045 * known[seed] * (1 + (seed - 5) / 60) for seed in (2, 5, 7)}
    _, outcome = gate(results_of(tmp_path / "after", fids), "torch-dcgan", code=4)
    assert "3 runs on the baseline's own seeds not counted" in outcome["rows"][0]["why"]


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"data_sha256": "c" * 64}, "data set"),
        ({"steps": 700, "evaluation_steps": (0, 700)}, "steps (600 against 700)"),
        ({"train_splits": ("train", "test")}, "training splits (train against train and test)"),
        (
            {"recipe_values": {"batch_size": 100, "epochs": 25, "learning_rate": 0.002}},
            "recipe value learning_rate (0.0002 against 0.002)",
        ),
        ({"under": protocol(n_fake=2_000)}, "protocol n_fake (1,000 against 2,000)"),
        ({"under": protocol(features_sha256="9" * 64)}, "protocol features_sha256"),
    ],
)
def test_what_must_be_equal_and_is_not_is_named(gate, tmp_path, changes, named):
    _, outcome = gate(both(tmp_path / "after", **changes), code=3)
    assert verdicts(outcome) == dict.fromkeys(NAMES, "incomparable")
    assert named in outcome["of"]["torch-dcgan"]["why"]


def test_another_budget_is_incomparable(gate, tmp_path):
    budget = {"budget": {"unit": "images", "amount": 30_000}, "steps": 300}
    budget["evaluation_steps"] = (0, 150, 300)
    _, outcome = gate(both(tmp_path / "after", **budget), code=3)
    assert "budget (60,000 images against 30,000 images)" in outcome["of"]["torch-dcgan"]["why"]


def test_versions_machine_and_source_may_differ_and_are_listed(gate, tmp_path):
    changes = {"versions": {"python": "3.12.1", "torch": "2.2.0"}, "source_sha256": "6" * 64}
    _, outcome = gate(both(tmp_path / "after", threads=4, **changes), code=0)
    notes = " ".join(outcome["of"]["torch-dcgan"]["notes"])
    assert "python (3.11.2 against 3.12.1)" in notes
    assert "torch (2.1.0 against 2.2.0)" in notes
    assert "source (5555555 against 6666666)" in notes
    assert "threads (2 against 4)" in notes


def test_runs_that_diverge_more_often_than_the_baselines_fail(gate, tmp_path):
    results = results_of(tmp_path / "after", dict.fromkeys(OTHERS, "diverged"))
    results_of(results, log_normal(30.0, OTHERS), "keras-dcgan")
    _, outcome = gate(results, code=1)
    assert verdicts(outcome) == {"torch-dcgan": "diverged", "keras-dcgan": "pass"}
    assert "3 diverged of 3 runs; in the baseline 0 of 10" in outcome["of"]["torch-dcgan"]["why"]


def test_one_run_that_diverges_is_no_proof_and_leaves_too_few(gate, tmp_path):
    results = both(tmp_path / "after", seeds=range(20, 22))
    results_of(results, {30: "diverged"})
    _, outcome = gate(results, "torch-dcgan", code=4)
    assert "1 ended as diverged (it was diverged)" in outcome["of"]["torch-dcgan"]["why"]


def test_collapsed_samples_count_as_failures(tmp_path):
    results = results_of(tmp_path / "before", log_normal(20.0, OWN))
    frozen, _ = freeze(results, "")
    after = tmp_path / "after"
    for seed in OTHERS:
        results_of(after, {seed: 20.0})
    for path in after.glob("runs/*/scores/*.json"):
        value = json.loads(path.read_text())
        value["scores"][0]["all_equal"] = True
        path.write_text(json.dumps(value))
    (row,), _ = compare_stored(frozen.entries, after, "fid_lenet", 0.05)
    assert (row.verdict, row.fails) == ("diverged", True)
    assert "3 collapsed of 3 runs" in row.why


def test_runs_that_crash_are_not_measured_with_the_reason(gate, tmp_path):
    results = both(tmp_path / "after", torch=20.0)
    for path in results.glob("runs/torch*"):
        for file in sorted(path.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        path.rmdir()
    results_of(results, dict.fromkeys(OTHERS, "error"))
    _, outcome = gate(results, code=4)
    assert "3 ended as error (it was error)" in outcome["of"]["torch-dcgan"]["why"]


def failing(path: Path, seeds=range(3)) -> Path:
    """A crash, a time-out and a lack of memory, with the reasons that the records give."""
    reasons = {"error": "RuntimeError: cuDNN error", "timeout": "not in time", "oom": "no memory"}
    for seed, (status, reason) in zip(seeds, reasons.items(), strict=True):
        add_run(path, run_spec("torch-dcgan", seed), status=status, reason=reason)
    return path


@pytest.mark.parametrize("seeds", [range(3), range(20, 23)], ids=["own seeds", "fresh seeds"])
def test_runs_that_fail_are_named_with_their_errors_everywhere(cli, gate, tmp_path, seeds):
    results = failing(empty_results(tmp_path / "after"), seeds)
    done, _ = gate(results, "torch-dcgan", code=4)
    files = ("--junit", "g.xml", "--markdown", "g.md")
    shown = cli(
        *("gate", "torch-dcgan", "--baseline", str(tmp_path / "baseline.json")),
        *("--results", str(results), *files),
    )
    told = [done.out, " ".join(shown.out.split())]
    told += [(tmp_path / name).read_text() for name in ("g.xml", "g.md")]
    for text in told:
        assert "0 seeds of 3 needed" in text
        for words in (
            "1 ended as error (RuntimeError: cuDNN error)",
            "1 ended as timeout (not in time)",
            "1 ended as oom (no memory)",
        ):
            assert words in text


def test_three_crashes_with_one_reason_name_it_once_and_many_reasons_are_counted(gate, tmp_path):
    same = empty_results(tmp_path / "same")
    for seed in range(3):
        add_run(same, run_spec("torch-dcgan", seed), status="error", reason="cuDNN error.")
    why = gate(same, "torch-dcgan", code=4)[1]["rows"][0]["why"]
    assert why.endswith("own seeds not counted: 3 ended as error (cuDNN error)")
    other = empty_results(tmp_path / "other")
    for seed in range(4):
        reason = f"a loss is not finite at step {seed}"
        add_run(other, run_spec("torch-dcgan", seed), status="error", reason=reason)
    why = gate(other, "torch-dcgan", code=4)[1]["rows"][0]["why"]
    assert "4 ended as error (a loss is not finite at step 0; " in why
    assert why.endswith("step 1; 2 other reasons)")


def test_runs_without_a_score_are_named_with_the_reason(gate, tmp_path):
    results = empty_results(tmp_path / "after")
    for seed, scores in {
        0: [scores_of({600: None}, status="error", reason="the snapshot is damaged")],
        20: [scores_of({600: None}, status="error", reason="the snapshot is damaged")],
        21: [],
    }.items():
        add_run(results, run_spec("torch-dcgan", seed), scores=scores)
    why = gate(results, "torch-dcgan", code=4)[1]["rows"][0]["why"]
    assert "2 without fid_lenet (the snapshot is damaged; trained, but there are no scores" in why
    assert "on the baseline's own seeds not counted: 1 without fid_lenet (the snapshot is" in why


def test_a_pass_tells_which_of_the_other_seeds_failed(gate, tmp_path):
    results = failing(both(tmp_path / "after"))
    row = gate(results, "torch-dcgan", code=0)[1]["rows"][0]
    assert "of the other seeds, 1 ended as error (RuntimeError: cuDNN error)" in row["notes"]


def test_an_implementation_without_runs_is_not_measured(gate, tmp_path):
    results = results_of(tmp_path / "after", log_normal(20.0, OTHERS))
    _, outcome = gate(results, code=4)
    assert verdicts(outcome) == {"torch-dcgan": "pass", "keras-dcgan": "not measured"}
    assert gate(results, "torch-dcgan", code=0)


def test_none_of_the_baselines_implementations_is_one_sentence_and_code_4(cli, baseline, tmp_path):
    results = results_of(tmp_path / "after", log_normal(20.0, OTHERS), "torch-other")
    done = cli("gate", "--baseline", str(baseline), "--results", str(results))
    assert done.code == 4
    assert "has too few values by fid_lenet: not measured in keras-dcgan and torch-dcgan" in (
        " ".join(done.out.split())
    )


def test_regression_is_worse_than_incomparable_and_that_than_not_measured(gate, tmp_path):
    results = results_of(tmp_path / "after", log_normal(40.0, OTHERS))
    assert gate(results)[0].code == 1
    other = results_of(tmp_path / "other", log_normal(20.0, OTHERS), data_sha256="c" * 64)
    assert gate(other)[0].code == 3


def test_of_two_sources_the_newer_runs_count_and_the_older_are_told(gate, tmp_path):
    results = tmp_path / "after"
    old = {"finished_at": "2026-01-01T00:00:00+00:00"}
    results_of(results, log_normal(60.0, OTHERS), source_sha256="1" * 64, record=old)
    results_of(results, log_normal(20.0, OTHERS))
    _, outcome = gate(results, "torch-dcgan", code=0)
    (note,) = [note for note in outcome["rows"][0]["notes"] if "planned earlier" in note]
    assert note == "3 runs planned earlier not counted: differences in source sha256"


def test_a_failure_that_the_other_half_of_six_seeds_does_not_share_passes(gate, tmp_path):
    unlucky = results_of(tmp_path / "unlucky", log_normal(40.0, range(20, 23)), "keras-dcgan")
    results_of(unlucky, log_normal(30.0, range(23, 26)), "keras-dcgan")
    row = gate(unlucky, "keras-dcgan", code=0)[1]["rows"][0]
    assert row["verdict"] == "pass" and row["candidate_seeds"] == [23, 24, 25]
    assert row["first"]["verdict"] == "regression"
    worse = results_of(tmp_path / "worse", log_normal(40.0, range(20, 26)), "keras-dcgan")
    row = gate(worse, "keras-dcgan", code=1)[1]["rows"][0]
    assert "and so did the fresh seeds" in row["why"]


def test_three_seeds_without_a_rerun_fail_unconfirmed(gate, tmp_path):
    results = both(tmp_path / "after", keras=40.0)
    why = gate(results, code=1)[1]["of"]["keras-dcgan"]["why"]
    assert "unconfirmed, as that needs 6 fresh seeds" in why


def test_seeds_that_crash_beside_good_ones_are_no_pass(gate, tmp_path):
    results = both(tmp_path / "after")
    results_of(results, {30: "oom"})
    _, outcome = gate(results, "torch-dcgan", code=4)
    assert "not every run has a value, 1 ended as oom (it was oom)" in outcome["rows"][0]["why"]


def test_one_that_diverges_among_four_passes_and_is_named(gate, tmp_path):
    results = both(tmp_path / "after")
    results_of(results, {30: "diverged"})
    why = gate(results, "torch-dcgan", code=0)[1]["rows"][0]["why"]
    assert "1 diverged of 4 runs; in the baseline 0 of 10" in why


def test_own_seeds_that_fail_are_not_the_same_bits(gate, tmp_path):
    known = log_normal(20.0, OWN)
    fids = {seed: known[seed] for seed in (2, 5, 7)}
    results = results_of(tmp_path / "after", fids)
    results_of(results, dict.fromkeys((3, 4), "diverged"))
    assert verdicts(gate(results, "torch-dcgan", code=4)[1]) == {"torch-dcgan": "not measured"}


def test_a_baseline_with_two_budgets_judges_each(cli, tmp_path):
    short = {"budget": {"unit": "images", "amount": 30_000}, "steps": 300}
    short["evaluation_steps"] = (0, 150, 300)
    before = results_of(tmp_path / "before", log_normal(20.0, OWN))
    results_of(before, log_normal(40.0, OWN), **short)
    path = baseline_of(before, tmp_path / "two.json")
    after = results_of(tmp_path / "after", log_normal(20.0, OTHERS))
    results_of(after, log_normal(90.0, OTHERS), **short)
    done = cli("gate", "--baseline", str(path), "--results", str(after), "--json")
    assert done.code == 1
    found = {row["budget_images"]: row["verdict"] for row in json.loads(done.out)["rows"]}
    assert found == {60_000: "pass", 30_000: "regression"}
    shown = cli("gate", "--baseline", str(path), "--results", str(after), "--junit", "g.xml")
    assert "torch-dcgan on mnist, 30,000 images" in shown.out
    cases = ElementTree.parse(tmp_path / "g.xml").getroot().iter("testcase")
    names = [case.get("name") for case in cases]
    assert len(set(names)) == 2


def test_too_few_scored_seeds_make_no_baseline_of_a_metric(cli, tmp_path):
    results = results_of(tmp_path / "r", log_normal(20.0, OWN))
    for path in sorted(results.glob("runs/*/scores/*.json"))[:7]:
        path.unlink()
    done = cli("baseline", "--results", str(results), "--out", "b.json")
    assert done.code == 0 and "3 seeds with fid_lenet, but a baseline needs 10." in done.err
    done = cli("gate", "--baseline", "b.json", "--results", str(results))
    assert done.code == 2
    assert "The baseline has no FID; give --metric images_per_s" in done.err


def test_the_same_data_under_another_name_is_the_same_data(gate, tmp_path):
    under = protocol(dataset="digits")
    gate(both(tmp_path / "after", dataset="digits", under=under), code=0)


def test_two_names_of_one_data_set_with_the_same_seeds_are_told(cli, tmp_path):
    results = results_of(tmp_path / "r", log_normal(20.0, OWN))
    results_of(results, {0: 25.0}, dataset="digits")
    done = cli("baseline", "--results", str(results), "--out", "b.json")
    assert done.code == 0 and "1 run with repeated seeds" in done.err


@pytest.mark.parametrize("option", ["--seeds=3", "--wait", "--dataset=mnist", "--set=a.b=1"])
def test_options_of_training_need_run(cli, baseline, option):
    done = cli("gate", "--baseline", str(baseline), option)
    assert done.code == 2 and "applies to training: add --run" in done.err


def test_speed_is_gated_as_a_ratio_to_the_probe(gate, tmp_path):
    half_machine = {"probe_gflops_before": 50.0, "probe_gflops_after": 49.0}
    slow = {"images_per_s": 500.0, "circumstances": half_machine}
    results = both(tmp_path / "after", record=slow)
    assert verdicts(gate(results, "--metric", "images_per_s", code=0)[1])
    slower = both(tmp_path / "slower", record={"images_per_s": 500.0})
    _, outcome = gate(slower, "--metric", "images_per_s", code=1)
    assert verdicts(outcome) == dict.fromkeys(NAMES, "regression")


@pytest.mark.parametrize(
    "circumstances, changes, named",
    [
        ({"device_exclusive": False}, {}, "the device was not exclusive in the candidate"),
        ({"device_exclusive": None}, {}, "the device was not exclusive in the candidate"),
        (
            {"probe_gflops_before": None, "probe_gflops_after": None},
            {},
            "the candidate has no calibration probe",
        ),
        ({}, {"threads": 4}, "threads (2 against 4)"),
    ],
)
def test_speed_of_a_shared_or_another_device_is_refused(
    gate, tmp_path, circumstances, changes, named
):
    results = both(tmp_path / "after", record={"circumstances": circumstances}, **changes)
    _, outcome = gate(results, "--metric", "images_per_s", code=3)
    assert named in outcome["of"]["torch-dcgan"]["why"]


def test_speed_is_not_compared_with_a_baseline_that_names_no_machine(gate, baseline, tmp_path):
    frozen = json.loads(baseline.read_text())
    for entry in frozen["entries"]:
        for run in entry["seeds"]:
            del run["machine"]
    baseline.write_text(json.dumps(frozen))
    results = both(tmp_path / "after")
    _, outcome = gate(results, "--metric", "images_per_s", code=3)
    assert "machine (none against " in outcome["of"]["torch-dcgan"]["why"]
    gate(results, code=0)


def test_files_for_ci_servers(cli, baseline, tmp_path):
    results = both(tmp_path / "after", torch=40.0)
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    done = cli(
        *("gate", "--baseline", str(baseline), "--results", str(results)),
        *("--junit", "out/gate.xml", "--markdown", "out/gate.md"),
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(summary),
    )
    assert done.code == 1
    root = ElementTree.parse(tmp_path / "out/gate.xml").getroot()
    suite = root.find("testsuite")
    assert {k: suite.get(k) for k in ("tests", "failures", "errors")} == {
        "tests": "2",
        "failures": "1",
        "errors": "0",
    }
    (failure,) = root.iter("failure")
    assert failure.get("type") == "regression" and "+100.0%" in failure.get("message")
    page = (tmp_path / "out/gate.md").read_text()
    assert "| torch-dcgan | 20.0 | 40.0 | 5.0% |" in page and "**regression**" in page
    assert "baseline " in page and "candidate " in page and "^" in page
    assert summary.read_text() == "before\n" + page
    (line,) = [line for line in done.err.splitlines() if line.startswith("::")]
    assert line.startswith("::error title=gan-bench gate%3A torch-dcgan::fid_lenet: regression. ")


def test_text_from_records_breaks_no_file(cli, baseline, tmp_path):
    results = both(tmp_path / "after", seeds=range(20, 22))
    bad = "boom \x00\x1b | <script> & ::error::x\n"
    for seed in range(30, 33):
        results_of(results, {seed: "error"})
    for path in results.glob("runs/*-s3?-*/record.json"):
        value = json.loads(path.read_text())
        value["reason"] = bad
        path.write_text(json.dumps(value))
    done = cli(
        *("gate", "torch-dcgan", "--baseline", str(baseline), "--results", str(results)),
        *("--junit", "gate.xml", "--markdown", "gate.md"),
        GITHUB_ACTIONS="true",
    )
    assert done.code == 4
    ElementTree.parse(tmp_path / "gate.xml")
    assert "<script>" not in (tmp_path / "gate.md").read_text()
    assert len([line for line in done.err.splitlines() if line.startswith("::")]) == 1


def test_the_plot_stands_in_the_columns_of_its_axis(baseline, tmp_path):
    from gan_bench.gate.output import seed_plot

    frozen = Baseline.read(baseline)
    results = both(tmp_path / "after", torch=40.0)
    rows, _ = compare_stored(frozen.entries, results, "fid_lenet", 0.05)
    axis, before, after, mean = seed_plot(rows[1]).splitlines()
    assert before.count("o") + before.count("8") <= 10
    assert before.index("|") == after.index("|") < mean.index("^")
    assert max(len(line) for line in (axis, before, after, mean)) <= 72


def broken(value, *path, to):
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = to


SEED = ("entries", 0, "seeds", 0)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda v: v.update(schema_version=2), "schema version 2; this gan-bench reads 1"),
        (lambda v: v.pop("schema_version"), "schema version None"),
        (lambda v: v.update(entries=[]), "entries"),
        (lambda v: broken(v, *SEED, "figures", "fid_lenet", to=float("nan")), "finite number"),
        (lambda v: broken(v, *SEED, "figures", "fid_lenet", to="worse"), "fid_lenet"),
        (lambda v: broken(v, *SEED, "seed", to=1), "has a seed twice"),
        (lambda v: broken(v, *SEED, "colour", to="red"), "colour"),
        (lambda v: broken(v, *SEED, "images_per_s", to=-1.0), "images_per_s"),
        (lambda v: broken(v, "entries", 0, "data_sha256", to="x"), "data_sha256"),
        (lambda v: broken(v, "entries", 0, "protocols", to={}), "missing or changed"),
        (
            lambda v: broken(v, "entries", 0, "seeds", to=v["entries"][0]["seeds"][:1]),
            "has too few seeds that trained to their end for keras-dcgan on mnist, 60,000 images "
            "(1 of 10",
        ),
        (
            lambda v: v["entries"].append(v["entries"][0]),
            "it has two entries for one implementation",
        ),
    ],
)
def test_a_baseline_edited_into_nonsense_is_bad_input(cli, baseline, tmp_path, change, said):
    edited(baseline, change)
    done = cli("gate", "--baseline", str(baseline), "--results", str(both(tmp_path / "after")))
    assert done.code == 2
    assert said in done.err and str(baseline) in done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_bad_input(cli, tmp_path, content):
    (tmp_path / "b.json").write_bytes(content)
    done = cli("gate", "--baseline", "b.json")
    assert done.code == 2 and "The baseline b.json" in done.err


def test_a_missing_baseline_is_code_3(cli):
    done = cli("gate", "--baseline", "nowhere.json")
    assert done.code == 3
    assert done.err == (
        "Error: There is no baseline nowhere.json; `gan-bench baseline` writes one.\n"
    )


def test_other_mistakes_are_one_sentence_and_code_2(cli, baseline, tmp_path):
    results = str(both(tmp_path / "after"))
    options = ["--baseline", str(baseline), "--results", results]
    for more, said in (
        (["--metric", "fid_inception"], "no metric 'fid_inception'; it has fid_lenet and"),
        (["torch-dcgam"], "'torch-dcgam' is not in the baseline; did you mean torch-dcgan?"),
        (["--margin", "5"], "'5' is not a margin; use for example 5% or 0.05"),
        (["--margin", "nan"], "is not a margin"),
        (["--junit", f"{baseline}/x"], f"cannot be written ({baseline} is not a folder)"),
    ):
        done = cli("gate", *options, *more)
        assert (done.code, said in done.err) == (2, True), done.err
    done = cli("gate", "--baseline", str(baseline), "--results", "nowhere")
    assert done.code == 2 and "There is no results folder nowhere" in done.err


def test_a_folder_with_too_few_seeds_makes_no_baseline(cli, tmp_path):
    results = results_of(tmp_path / "few", log_normal(20.0, range(9)))
    done = cli("baseline", "--results", str(results), "--out", "b.json")
    assert done.code == 2 and "9 seeds succeeded, but a baseline needs 10" in done.err
    assert not (tmp_path / "b.json").exists()


def test_a_baseline_says_what_it_leaves_out(cli, tmp_path):
    results = results_of(tmp_path / "r", log_normal(20.0, OWN))
    results_of(results, log_normal(30.0, range(3)), "keras-dcgan")
    done = cli("baseline", "--results", str(results), "--out", "b.json")
    assert done.code == 0
    assert "torch-dcgan on mnist, 60,000 images: 10 seeds, fid_lenet" in done.out
    assert "Left out: keras-dcgan on mnist, 60,000 images: 3 seeds succeeded" in done.err
    assert str(tmp_path) not in (tmp_path / "b.json").read_text().replace(str(results), "")


def test_a_baseline_of_some_seeds_leaves_the_others_to_candidates(cli, tmp_path):
    results = str(results_of(tmp_path / "r", log_normal(20.0, range(13))))
    assert cli("baseline", "--results", results, "--out", "b.json", "--seeds", "10").code == 0
    assert [one.seed for one in Baseline.read(tmp_path / "b.json").entries[0].seeds] == list(OWN)
    done = cli("gate", "--baseline", "b.json", "--results", results, "--json")
    assert done.code == 0 and "bit-identical" in json.loads(done.out)["rows"][0]["why"]
    assert cli("baseline", "--results", results, "--out", "b.json", "--seeds", "9").code == 2


def test_freezing_twice_gives_the_same_figures(tmp_path):
    results = results_of(tmp_path / "r", log_normal(20.0, OWN))
    one, other = freeze(results, "")[0], freeze(results, "")[0]
    assert one.entries == other.entries
    path = tmp_path / "b.json"
    one.write(path)
    assert Baseline.read(path) == one


def test_exit_codes_follow_their_precedence(baseline, tmp_path):
    frozen = Baseline.read(baseline)
    results = results_of(tmp_path / "after", log_normal(40.0, OTHERS))
    rows, left = compare_stored(frozen.entries, results, "fid_lenet", 0.05)
    outcome = Gate(baseline, frozen, results, "fid_lenet", 0.05, tuple(rows), left)
    assert [row.verdict for row in outcome.rows] == ["not measured", "regression"]
    assert outcome.exit_code == 1


def damaged(results, seeds, **changes):
    """Add runs that trained to their end and could not be scored."""
    for seed in seeds:
        scores = scores_of({600: None}, status="error", reason="the snapshot is damaged")
        add_run(results, run_spec("torch-dcgan", seed), scores=[scores], **changes)


@pytest.mark.parametrize("no_file", [False, True])
@pytest.mark.parametrize("mean", [20.0, 60.0])
def test_a_run_that_could_not_be_scored_counts_like_a_crashed_one(tmp_path, no_file, mean):
    before = results_of(tmp_path / "before", log_normal(20.0, range(10)))
    baseline = Baseline.read(baseline_of(before, tmp_path / "b.json"))
    after = results_of(tmp_path / "after", log_normal(mean, range(20, 23), sample=1))
    if no_file:
        for seed in (23, 24):
            add_run(after, run_spec("torch-dcgan", seed))
    else:
        damaged(after, (23, 24))
    ((row,), _) = compare_stored(baseline.entries, after, "fid_lenet", 0.05)
    assert row.verdict == ("not measured" if mean == 20.0 else "regression")
    reason = "trained, but there are no scores" if no_file else "the snapshot is damaged"
    assert f"2 without fid_lenet ({reason}" in row.why
    assert row.seeds == (20, 21, 22)


def test_a_run_that_could_not_be_scored_beside_identical_seeds_is_not_passed(tmp_path):
    before = results_of(tmp_path / "before", log_normal(20.0, range(10)))
    baseline = Baseline.read(baseline_of(before, tmp_path / "b.json"))
    damaged(before, (23,))
    ((row,), _) = compare_stored(baseline.entries, before, "fid_lenet", 0.05)
    assert row.verdict == "not measured" and "the snapshot is damaged" in row.why


def test_a_run_that_diverged_in_samples_without_a_value_is_a_failure_of_training(tmp_path):
    before = results_of(tmp_path / "before", log_normal(20.0, range(10)))
    baseline = Baseline.read(baseline_of(before, tmp_path / "b.json"))
    after = results_of(tmp_path / "after", log_normal(20.0, range(20, 23), sample=1))
    add_run(after, run_spec("torch-dcgan", 23), scores=[scores_of({600: None}, all_equal=True)])
    ((row,), _) = compare_stored(baseline.entries, after, "fid_lenet", 0.05)
    assert row.verdict == "pass" and "1 collapsed of 4 runs" in row.why
    assert row.seeds == (20, 21, 22, 23)


def test_runs_scored_under_another_protocol_do_not_count_and_are_named(tmp_path):
    before = results_of(tmp_path / "before", log_normal(20.0, range(10)))
    baseline = Baseline.read(baseline_of(before, tmp_path / "b.json"))
    after = results_of(tmp_path / "after", log_normal(20.0, range(20, 23), sample=1))
    results_of(after, {23: 90.0}, under=protocol(n_fake=500))
    ((row,), _) = compare_stored(baseline.entries, after, "fid_lenet", 0.05)
    assert row.verdict == "pass" and row.seeds == (20, 21, 22)
    assert "1 without fid_lenet (scored under another protocol)" in row.why


def test_a_damaged_run_on_a_seed_of_the_baseline_is_named_and_does_not_decide(tmp_path):
    before = results_of(tmp_path / "before", log_normal(20.0, range(10)))
    baseline = Baseline.read(baseline_of(before, tmp_path / "b.json"))
    after = results_of(tmp_path / "after", log_normal(20.0, range(20, 23), sample=1))
    damaged(after, (3,))
    ((row,), _) = compare_stored(baseline.entries, after, "fid_lenet", 0.05)
    assert row.verdict == "pass" and row.seeds == (20, 21, 22)
    assert any("1 without fid_lenet (the snapshot is damaged)" in note for note in row.notes)


def test_a_metric_that_no_run_has_is_not_measured(tmp_path):
    before = results_of(tmp_path / "before", log_normal(20.0, range(10)))
    baseline = Baseline.read(baseline_of(before, tmp_path / "b.json"))
    after = empty_results(tmp_path / "after")
    damaged(after, range(20, 25))
    ((row,), _) = compare_stored(baseline.entries, after, "fid_lenet", 0.05)
    assert row.verdict == "not measured" and row.seeds == ()
    ((row,), _) = compare_stored(baseline.entries, after, "images_per_s", 0.05)
    assert row.verdict == "pass"
