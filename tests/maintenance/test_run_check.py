"""Problems of a run's folder are facts with a consequence; advice of other commands is left out."""

import json
import shutil

import pytest

from bench import ROOT
from gan_bench.errors import UnreadableFile
from gan_bench.maintenance.run_check import Problem, check_run
from gan_bench.results.scores import Scores


@pytest.fixture
def run(tmp_path):
    """A copy of a finished run."""
    source = min((ROOT / "results" / "reference" / "runs").iterdir())
    return shutil.copytree(source, tmp_path / source.name)


def test_a_sound_run_has_no_problems(run):
    assert check_run(run) == []


@pytest.mark.parametrize("damage", ["another schema", "another fingerprint"])
def test_a_damaged_scores_file_is_moved_aside_and_nobody_is_asked_to_delete_it(run, damage):
    path = min((run / "scores").iterdir())
    scores = json.loads(path.read_text())
    changes = {"schema_version": 99} if damage == "another schema" else {"fingerprint": "0" * 16}
    path.write_text(json.dumps(scores | changes))
    with pytest.raises(UnreadableFile) as raised:
        Scores.read(path)
    assert str(raised.value) == f"{raised.value.problem}; delete the file and score the run again."
    assert check_run(run) == [
        Problem(
            path=path,
            what=raised.value.problem,
            remedy="aside",
            consequence="the same command scores the remaining snapshots",
            run_id=run.name,
        )
    ]


def test_problems_inside_a_folder_that_is_moved_aside_are_left_out(run):
    (run / ".record.json.x.tmp").write_text("{")
    copy = run.rename(run.with_name("copy"))
    (problem,) = check_run(copy)
    assert (problem.path, problem.remedy) == (copy, "aside")
    assert problem.what == f"it is a copy of the run {run.name}"
