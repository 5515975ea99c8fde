"""A run that trained and has no scores is `not scored` in status, report and counts alike."""

import pytest

from gan_bench.analysis.runs import collect_runs
from gan_bench.cli.views.progress import summary
from gan_bench.launch.status import JobState, JobView, Scan
from gan_bench.results.layout import open_results
from gan_bench.results.load import load_results
from report_folder import add_plan, add_run, empty_results, protocol, run_spec, scores_of

LAST = {600: 20.0}
NO_MODEL = protocol(features_sha256=None)
FILES = {
    "none": ([], "trained, but there are no scores; see score.log in the run's folder"),
    "failed": ([scores_of({600: None}, status="error", reason="it is damaged")], "it is damaged"),
    "one of two": (
        [
            scores_of(LAST),
            scores_of({600: None}, under=protocol(features="own"), status="error", reason="no fit"),
        ],
        "no fit",
    ),
    "whole": ([scores_of(LAST)], None),
    "no model": (
        [scores_of({600: None}, under=NO_MODEL, status="error", reason="no lenet")],
        "no lenet",
    ),
    "no model, then another": (
        [
            scores_of({600: None}, under=NO_MODEL, status="error", reason="no lenet"),
            scores_of(LAST, under=protocol(features="own")),
        ],
        None,
    ),
}


@pytest.fixture
def results(tmp_path):
    return empty_results(tmp_path / "results")


def scan(results):
    return Scan(open_results(results, create=False))


@pytest.mark.parametrize(("files", "problem"), FILES.values(), ids=FILES)
def test_status_and_report_agree_on_whether_a_run_is_scored(results, files, problem):
    spec = run_spec("torch-dcgan", 0)
    add_plan(results, [spec])
    add_run(results, spec, scores=files)
    (row,) = scan(results).statuses()
    (run,) = collect_runs(results, load_results(results))
    assert row.status == run.outcome == ("ok" if problem is None else "not scored")
    assert (row.detail or None) == run.trouble() == problem
    assert summary([row]) == f"1 run: 1 {row.status}"


def test_a_run_is_scored_as_soon_as_its_scores_are_there(results):
    spec = run_spec("torch-dcgan", 0)
    folder = add_run(results, spec)
    states = scan(results)
    assert states.statuses()[0].status == "not scored"
    scores_of(LAST).write_in(folder.scores)
    assert states.statuses()[0].status == "ok"


def test_a_failed_run_without_scores_has_failed(results):
    add_run(results, run_spec("torch-dcgan", 0), status="oom", reason="no memory")
    (row,) = scan(results).statuses()
    assert (row.status, row.detail) == ("oom", "no memory")


def test_a_run_that_a_job_scores_is_still_running(results, tmp_path):
    spec = run_spec("torch-dcgan", 0)
    add_plan(results, [spec])
    around = {"job": {"engine": "slurm", "job": "7"}}
    add_run(results, spec, circumstances=around)
    view = JobView("7", JobState("running"), cancelled=False, problem=tmp_path / "none")
    (row,) = scan(results).statuses({spec.run_id: view})
    assert (row.status, row.detail) == ("running", "job 7 scores it")
