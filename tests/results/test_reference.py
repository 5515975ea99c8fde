"""The committed reference results: whole, equal for all, and what the README shows of them."""

import shutil

import pytest
import reference
import reference_queue

from bench import ROOT
from gan_bench.results.layout import ResultsFolder
from gan_bench.results.load import load_results
from gan_bench.results.record import Record
from recipes import SOURCES

KEPT = ROOT / "results" / "reference"


@pytest.fixture(scope="module")
def results():
    return load_results(KEPT)


def is_long(run):
    """Whether a run's record is that of the long run, which stands beside the comparison."""
    return run.spec.budget_images == 2_400_000


def test_the_runs_are_those_of_the_queue_in_its_protocol(results):
    assert results.left_out == ()
    planned = {
        (i.implementation, i.seed, i.images, i.own_batches) for i in reference_queue.planned()
    }
    records = [record for record in results.records.values() if not is_long(record)]
    for record in records:
        spec = record.spec
        own = spec.recipe_values["batch_size"] != 32
        item = spec.implementation.name, spec.seed, spec.budget_images, own
        assert item in planned, record.run_id
        assert (record.status, spec.threads, spec.precision) == ("ok", 1, "ieee")
        assert (spec.samples, len(spec.evaluation_steps)) == (10_000, 10)
    assert len({record.spec.data_sha256 for record in records}) == 1
    versions = {(one.spec.implementation.framework, str(one.spec.versions)) for one in records}
    assert len(versions) == len({framework for framework, _ in versions})


def test_every_point_has_its_fid_at_the_counts_that_are_stated(results):
    scores, (long,) = results.scores, filter(is_long, results.records.values())
    fids = scores[(scores["metric"] == "fid_lenet") & (scores["run_id"] != long.run_id)]
    assert {*fids["run_id"], long.run_id} == set(results.runs["run_id"])
    assert (fids.groupby("run_id")["step"].nunique() == 10).all()
    assert set(fids["n_fake"]) == set(fids["n_real"]) == {10_000}
    assert fids["value"].notna().all()


def test_the_long_run_is_scored_as_published_figures_are(results):
    (run_id,) = results.runs[results.runs["images"] > 1_000_000]["run_id"]
    scores = results.scores[results.scores["run_id"] == run_id]
    (fid,) = scores[scores["metric"] == "fid_inception"].itertuples()
    assert (fid.step, fid.n_real, fid.n_fake) == (18_750, 10_000, 10_000)


def test_seed_0_has_grids_from_its_first_points_to_its_end(results):
    for run in results.runs[results.runs["seed"] == 0].itertuples():
        record = Record.read(KEPT / "runs" / run.run_id / "record.json")
        steps = [int(path.stem) for path in (KEPT / "runs" / run.run_id / "grids").glob("*.png")]
        assert len(steps) == 3 and max(steps) == record.spec.steps
        assert 0 < min(steps) < 0.2 * record.spec.steps


def test_the_losses_are_whole(results):
    steps = results.losses.groupby("run_id")["step"].agg(["size", "max"])
    assert set(steps.index) == set(results.runs["run_id"])
    planned = results.runs.set_index("run_id")["steps_done"]
    assert (steps["size"] == planned).all() and (steps["max"] == planned).all()


def test_a_kept_run_is_small_and_says_the_same(tmp_path):
    """Keep what was kept: nothing changes any more, so nothing was rounded again."""
    source = ResultsFolder(tmp_path / "source")
    folder = next(one for one in ResultsFolder(KEPT).run_folders() if (one.path / "grids").exists())
    shutil.copytree(folder.path, source.runs / folder.path.name)
    reference.keep_runs([source.path], tmp_path / "kept")
    names = {path.relative_to(source.runs): path for path in source.runs.rglob("*")}
    again = ResultsFolder(tmp_path / "kept").runs
    assert names.keys() == {path.relative_to(again) for path in again.rglob("*")}
    for name, path in names.items():
        assert path.is_dir() or path.read_bytes() == (again / name).read_bytes(), name


def test_every_pair_of_twins_has_a_certificate_that_passed(results):
    passed = [
        (one.recipe, one.recipe_values["batch_size"]) for one in results.certificates if one.passed
    ]
    # The long run has its own batches.
    assert sorted(passed) == sorted([*(2 * [(recipe, 32) for recipe in SOURCES]), ("dcgan", 128)])


def test_the_published_figures_stand_beside_and_are_in_no_ranking(results):
    values = [figure.value for figure in results.published]
    assert values[0] == "16.80" and "6.8 ± 0.5" in values and len(values) == 8
    report = (ROOT / "reports" / "reference" / "report-full.md").read_text(encoding="utf-8")
    head, _, after = report.partition("Published elsewhere")
    assert "Lucic" not in head and "Lucic" in after


def test_nothing_large_and_no_checkpoint_is_committed():
    files = [path for path in KEPT.rglob("*") if path.is_file()]
    records = len(list(KEPT.rglob("record.json")))
    assert sum(path.stat().st_size for path in files) / records < 90e3
    assert not [path for path in files if path.suffix in (".pt", ".keras", ".log", ".npy")]


def test_the_readmes_show_what_the_files_hold():
    for path, lines in reference.lines().items():
        assert lines in path.read_text(encoding="utf-8"), path
