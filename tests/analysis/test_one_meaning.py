"""Report, compare and gate read one results folder alike: seeds, failures, what is better."""

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.compare import compare
from gan_bench.compare.output import comparison_answer
from gan_bench.gate.entries import entries
from gan_bench.launch.status import Scan
from gan_bench.report.sections.standings import standings
from gan_bench.results.layout import open_results
from gan_bench.results.load import load_results
from report_folder import MACHINE, add_plan, add_run, empty_results, run_spec, scores_of

TWO_GPUS = MACHINE.model_copy(update={"gpus": ("GPU A", "GPU A")})


@pytest.fixture
def folder(tmp_path):
    return empty_results(tmp_path / "results")


def summary_of(folder):
    results = load_results(folder)
    return summarise(collect_runs(folder, results), results)


def counts(folder):
    """Return how many things of several seeds report, compare and gate see."""
    rows = [row for group in summary_of(folder).groups for row in group.rows]
    return len(rows), len(compare(folder, folder).rows), len(entries(folder).entries)


def test_seeds_on_two_equal_gpus_are_seeds_of_one_thing_everywhere(folder):
    for seed in range(6):
        spec = run_spec(seed=seed, device=f"cuda:{seed // 3}")
        scores = [scores_of({600: 15.0 + seed / 10})]
        add_run(folder, spec, scores=scores, circumstances={"machine": TWO_GPUS})
    assert counts(folder) == (1, 1, 1)


def test_a_seed_on_two_gpus_is_no_second_seed_anywhere(folder):
    for device in ("cuda:0", "cuda:1"):
        spec = run_spec(device=device)
        scores = [scores_of({600: 15.0})]
        add_run(folder, spec, scores=scores, circumstances={"machine": TWO_GPUS})
    # The report has one row, of one seed; compare and gate have a side of one seed for each.
    assert counts(folder) == (1, 2, 2)
    [row] = summary_of(folder).groups[0].rows
    assert (len(row.runs), row.fid.seeds, len(row.repetitions)) == (1, 1, 1)


def test_other_conventions_of_the_same_source_are_the_same_thing_everywhere(folder):
    for seed, text in enumerate(("momentum 0.9", "momentum 0.9 of the running mean")):
        spec = run_spec(seed=seed, conventions={"batch norm": text})
        add_run(folder, spec, scores=[scores_of({600: 15.0})])
    assert counts(folder) == (1, 1, 1)


FEW = (20.0, 21.0, 30.0)
MANY = (38.0, 45.0, 70.0)
"""By differences these two cannot be distinguished, by ratios they can."""


@pytest.mark.parametrize("first_seed", [0, 10])
def test_report_and_compare_give_the_same_answer_to_six_fids(tmp_path, first_seed):
    a, b, both = (empty_results(tmp_path / name) for name in ("a", "b", "both"))
    for seed, (few, many) in enumerate(zip(FEW, MANY, strict=True)):
        add_run(a, run_spec(seed=seed), scores=[scores_of({600: few})])
        other = first_seed + seed
        add_run(b, run_spec(seed=other), scores=[scores_of({600: many})])
        add_run(both, run_spec("torch-a", seed), scores=[scores_of({600: few})])
        add_run(both, run_spec("torch-b", other), scores=[scores_of({600: many})])
    (row,) = compare(a, b).rows
    (group,) = summary_of(both).groups
    ranked = standings(group, None).quality
    reported = ranked.between("torch-a", "torch-b")
    assert ranked.clearly("torch-a", "torch-b") == (row.kind == "worse")
    assert (row.difference.scale, row.difference.p) == ("ratio", pytest.approx(reported.p))


def test_a_machine_with_more_cores_is_another_machine_everywhere(tmp_path):
    a, b, both = (empty_results(tmp_path / name) for name in ("a", "b", "both"))
    large = MACHINE.model_copy(update={"cores": 64})
    scores = [scores_of({600: 15.0})]
    for seed in range(3):
        for path in (a, both):
            add_run(path, run_spec(seed=seed), scores=scores)
        for path, name in ((b, "torch-dcgan"), (both, "keras-dcgan")):
            spec = run_spec(name, seed)
            add_run(path, spec, scores=scores, circumstances={"machine": large})
    (row,) = compare(a, b, "images_per_s").rows
    assert row.verdict == ("incomparable: machine (Model X, 2 cores against Model X, 64 cores)")
    [group] = summary_of(both).groups
    assert {row.label: bool(row.images_per_s) for row in group.rows} == {
        "torch-dcgan": True,
        "keras-dcgan": False,
    }
    machines = {one.machine for entry in entries(both).entries for one in entry.seeds}
    assert machines == {"Model X, 2 cores", "Model X, 64 cores"}


def test_collapsed_samples_are_collapsed_everywhere(tmp_path):
    a, b = (empty_results(tmp_path / name) for name in "ab")
    for seed in range(3):
        fine = scores_of({600: 15.0}, rank_real=64)
        add_run(a, run_spec(seed=seed), scores=[fine])
        few = scores_of({600: 15.0}, rank_real=64, rank_fake=3)
        add_run(b, run_spec(seed=seed), scores=[few])
    (entry,) = entries(b).entries
    assert all(one.collapsed for one in entry.seeds)
    assert any("collapsed" in remark for remark in summary_of(b).groups[0].rows[0].remarks)
    (row,) = compare(a, b).rows
    assert any("3 of 3 runs collapsed in B" in note for note in row.notes)
    assert not any("collapsed" in remark for remark in summary_of(a).groups[0].rows[0].remarks)


@pytest.mark.parametrize("status", ["missing", "unsupported"])
def test_a_framework_that_is_not_there_is_no_failure_of_training_anywhere(tmp_path, status):
    a, b = (empty_results(tmp_path / name) for name in "ab")
    for seed in range(3):
        add_run(a, run_spec(seed=seed), scores=[scores_of({600: 15.0})])
        add_run(b, run_spec(seed=seed), status=status, reason="it cannot run here")
    assert "failed" not in comparison_answer(compare(a, b))
    (row,) = summary_of(b).groups[0].rows
    assert row.failed_runs == ()
    (entry,) = entries(b).entries
    assert not any(one.failed for one in entry.seeds)


def test_a_crash_is_a_failure_in_report_and_compare(tmp_path):
    a, b = (empty_results(tmp_path / name) for name in "ab")
    for seed in range(3):
        add_run(a, run_spec(seed=seed), scores=[scores_of({600: 15.0})])
        add_run(b, run_spec(seed=seed), status="oom", reason="memory")
    assert "3 of 3 runs failed in B" in comparison_answer(compare(a, b))
    assert len(summary_of(b).groups[0].rows[0].failed_runs) == 3


def test_a_figure_that_is_null_counts_nowhere(folder):
    for seed, fid in enumerate((15.0, None)):
        add_run(folder, run_spec(seed=seed), scores=[scores_of({600: fid})])
    (row,) = summary_of(folder).groups[0].rows
    (compared,) = compare(folder, folder).rows
    (entry,) = entries(folder).entries
    assert row.fid.values == compared.a.figure.values == (15.0,)
    assert [one.figures for one in entry.seeds] == [{"fid_lenet": 15.0}, {}]


@pytest.mark.slow
@given(
    st.lists(
        st.sampled_from(["scored", "damaged", "no scores", "error", "diverged"]),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=15, deadline=None)
@example(["scored", "damaged", "no scores", "diverged"])
def test_runs_are_counted_alike_by_status_report_compare_and_baseline(kinds):
    with tempfile.TemporaryDirectory() as name:
        folder, specs = empty_results(Path(name) / "results"), []
        for seed, kind in enumerate(kinds):
            specs.append(run_spec(seed=seed))
            if kind in ("error", "diverged"):
                add_run(folder, specs[-1], status=kind, reason="it stopped", weights_sha256=None)
                continue
            damaged = {"status": "error", "reason": "the snapshot is damaged"}
            files = {
                "scored": [scores_of({600: 15.0})],
                "damaged": [scores_of({600: None}, **damaged)],
                "no scores": [],
            }
            add_run(folder, specs[-1], scores=files[kind])
        add_plan(folder, specs)
        shown = Counter(row.status for row in Scan(open_results(folder, create=False)).statuses())
        (row,) = summary_of(folder).groups[0].rows
        (compared,) = compare(folder, folder).rows
        (entry,) = entries(folder).entries
        ok = shown.pop("ok", 0)
        assert ok == sum(kind == "scored" for kind in kinds) == len(entry.ok)
        assert compared.a.not_ok == compared.b.not_ok == shown
        assert Counter(run.outcome for run in row.runs) == {**shown, **({"ok": ok} if ok else {})}
        assert Counter(one.outcome for one in entry.seeds if one.outcome != "ok") == shown
