"""Reports of folders that are damaged, foreign, of another version, or written meanwhile."""

import json
import re
import shutil
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner

from gan_bench.cli.main import main
from gan_bench.errors import UsageError
from gan_bench.report import write_report
from gan_bench.results.layout import open_results
from report_folder import (
    add_plan,
    empty_results,
    run_spec,
    some_losses,
)
from written_report import EVERYTHING_READ, FID, SPEED, Cell


def an_empty_folder(path):
    path.mkdir()


def a_folder_without_runs(path):
    empty_results(path)


def a_folder_of_foreign_files(path):
    (path / "runs" / "mine").mkdir(parents=True)
    (path / "runs" / "README").write_text("mine")
    (path / "gan-bench.md").write_text("mine")


def a_later_version(path):
    empty_results(path)
    (path / "gan-bench.json").write_text('{"schema_version": 2}')


def a_damaged_marker(path):
    empty_results(path)
    (path / "gan-bench.json").write_text('{"schema_ver')


def a_file(path):
    path.write_text("no folder")


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (an_empty_folder, "has no run to report"),
        (a_folder_without_runs, "has no run to report"),
        (a_folder_of_foreign_files, "has no run to report"),
        (a_later_version, "has schema version 2, but this gan-bench reads 1"),
        (a_damaged_marker, "gan-bench.json is damaged"),
        (a_file, "is a file"),
        (lambda path: None, "There is no results folder"),
    ],
)
def test_nothing_usable_is_one_sentence_and_exit_code_2(tmp_path, make, part):
    path, out = tmp_path / "results", tmp_path / "out"
    make(path)
    with pytest.raises(UsageError, match=re.escape(part)):
        write_report(path, out)
    done = CliRunner().invoke(main, ["report", "--results", str(path), "--out", str(out)])
    assert done.exit_code == 2
    assert part in done.output
    assert done.output.startswith("Error: ")
    assert done.output.strip().endswith(".")
    assert len(done.output.strip().splitlines()) == 1
    assert not out.exists()


def cut(path):
    content = path.read_bytes()
    assert len(content) > 2
    path.write_bytes(content[: len(content) // 2])


def the_score_file(folder):
    [path] = folder.scores.glob("*.json")
    return path


def the_plan(folder):
    [path] = (folder.path.parent.parent / "plans").glob("*.json")
    return path


def a_certificate(folder):
    parity = folder.path.parent.parent / "parity"
    parity.mkdir()
    return parity / "0123456789abcdef.json"


class Damage(NamedTuple):
    """To a run's folder."""

    do: Callable
    sentence: str
    """A part of the message, with the file's name."""
    fid: str | None = "9.00"
    """What is left to say of the run; None where its row is gone."""


DAMAGES = {
    "record": Damage(lambda f: cut(f.record), r"runs/torch-wgan\S+/record\.json", None),
    "record without content": Damage(
        lambda f: f.record.write_bytes(b""), r"runs/torch-wgan\S+/record\.json", None
    ),
    "losses": Damage(lambda f: cut(f.losses), r"runs/torch-wgan\S+/losses\.npy"),
    "losses without content": Damage(
        lambda f: f.losses.write_bytes(b""), r"runs/torch-wgan\S+/losses\.npy"
    ),
    "losses of a broken archive": Damage(
        lambda f: f.losses.write_bytes(b"PK\3\4 cut"), r"runs/torch-wgan\S+/losses\.npy"
    ),
    "losses of other columns": Damage(
        lambda f: np.save(f.losses, np.zeros((600, 3), np.float32)),
        r"runs/torch-wgan\S+/losses\.npy",
    ),
    "losses of words": Damage(
        lambda f: np.save(f.losses, np.array([["a"] * 4] * 3)), r"runs/torch-wgan\S+/losses\.npy"
    ),
    "scores": Damage(lambda f: cut(the_score_file(f)), r"runs/torch-wgan\S+/scores/\w+\.json", "—"),
    "grid": Damage(lambda f: cut(f.grids / "00000600.png"), r"00000600\.png of torch-wgan"),
    "plan": Damage(lambda f: cut(the_plan(f)), r"The plan plans/\w+\.json is not readable"),
    "certificate": Damage(
        lambda f: a_certificate(f).write_text('{"id": "0'), r"parity/0123456789abcdef\.json"
    ),
}


@pytest.fixture
def damaged(results, train):
    """Three sound runs, a pending one, and the folder of a fourth that is to be damaged."""
    for name, fid in (("torch-dcgan", 4.0), ("keras-dcgan", 7.0), ("jax-dcgan", 8.0)):
        train(name, [fid])
    folder = train("torch-wgan", [9.0])
    specs = [run_spec(name) for name in ("torch-dcgan", "keras-dcgan", "jax-dcgan")]
    add_plan(results, [*specs, run_spec("torch-pending")])
    return folder


@pytest.mark.slow_after(4)
@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_file_is_named_and_the_rest_is_reported(damaged, report, results, kind):
    damage = DAMAGES[kind]
    damage.do(damaged)
    found = report()
    [sentence] = found.left_out()
    assert re.search(damage.sentence, sentence)
    assert str(results) not in found.html + found.markdown
    rows, [table] = found.ranking(), found.markdown_rankings()
    for name, fid in (("torch-dcgan", "4.00"), ("keras-dcgan", "7.00"), ("jax-dcgan", "8.00")):
        assert rows[name][FID].text == table[name][FID] == fid
        assert name in {trace["meta"] for trace in found.chart("loss-generator-0")}
    assert ("torch-pending" in rows) == (kind != "plan")
    if damage.fid is None:
        assert "torch-wgan" not in rows
    else:
        assert rows["torch-wgan"][FID].text == table["torch-wgan"][FID] == damage.fid
        assert rows["torch-wgan"][SPEED].text == "1,000"
    for text in found.both():
        assert EVERYTHING_READ not in text


def test_a_record_that_is_damaged_leaves_its_planned_run_pending(damaged, results, report):
    add_plan(results, [run_spec("torch-wgan")], command="another command")
    damaged.record.write_text("{")
    found = report()
    assert found.ranking()["torch-wgan"]["Status"].text == "pending"
    assert "record.json is not readable" in found.left_out()[0]


@pytest.mark.slow
def test_every_damage_at_once_is_a_report_of_what_is_sound(results, train, written_report):
    train("torch-dcgan", [4.0])
    plan_folder = train("keras-dcgan", [7.0])
    add_plan(results, [run_spec("torch-dcgan")])
    for number, damage in enumerate(DAMAGES.values()):
        if damage not in (DAMAGES["plan"], DAMAGES["certificate"]):
            damage.do(train(f"torch-wgan-{number}", [9.0]))
    DAMAGES["plan"].do(plan_folder)
    DAMAGES["certificate"].do(plan_folder)
    found = written_report()
    left = found.left_out()
    for kind, damage in DAMAGES.items():
        assert any(re.search(damage.sentence, sentence) for sentence in left), kind
    assert len(left) == len(set(left)) == len(DAMAGES)
    assert found.ranking()["torch-dcgan"][FID].text == "4.00"
    assert found.ranking()["keras-dcgan"][FID].text == "7.00"


def test_foreign_files_do_no_harm_and_those_that_pass_for_results_are_named(results, train, report):
    folder = train("torch-dcgan", [4.0])
    train("keras-dcgan", [7.0])
    add_plan(results, [run_spec("torch-dcgan")])
    for place in (results, results / "runs", results / "plans", folder.path, folder.grids):
        (place / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        (place / "README").write_text("mine")
    (results / "runs" / "mine").mkdir()
    (results / "runs" / "mine" / "notes.md").write_text("mine")
    (results / "plans" / "foreign.json").write_text('{"name": "mine"}')
    (results / "plans" / "folder.json").mkdir()
    (folder.scores / "foreign.json").write_text("[1, 2]")
    (folder.grids / "notes.txt").write_text("mine")
    (folder.grids / "thumbnails").mkdir()
    found = report()
    left = found.left_out()
    for name in ("plans/foreign.json", "plans/folder.json", "scores/foreign.json"):
        assert sum(name in sentence for sentence in left) == 1, name
    rows = found.ranking()
    assert rows["torch-dcgan"][FID].text == "4.00"
    assert rows["keras-dcgan"][FID].text == "7.00"
    for text in found.both():
        assert f"notes.txt in the grids of {folder.path.name} is not a grid" in text


def test_a_link_to_nowhere_among_the_plans_is_named(results, train, report):
    # As an editor leaves it beside an open file.
    train("torch-dcgan", [4.0])
    (results / "plans" / ".#plan.json").symlink_to("me@host.1234:5678")
    found = report()
    assert found.ranking()["torch-dcgan"][FID].text == "4.00"
    assert [".#plan.json" in sentence for sentence in found.left_out()] == [True]


def test_a_copy_of_a_run_is_not_counted_twice_and_named(results, train, report):
    folder = train("torch-dcgan", [4.0])
    train("torch-dcgan", [5.0], seed=1)
    shutil.copytree(folder.path, folder.path.with_name(f"{folder.path.name} copy"))
    found = report()
    assert found.ranking()["torch-dcgan"][FID] == Cell("4.50", "4.00 to 5.00", "4.5")
    assert [f"{folder.path.name} copy" in sentence for sentence in found.left_out()] == [True]


def test_a_finished_run_without_its_specification_is_named_or_shown(results, train, report):
    folder = train("torch-dcgan", [4.0])
    train("keras-dcgan", [7.0])
    folder.spec.unlink()
    found = report()
    named = any(folder.path.name in sentence for sentence in found.left_out())
    assert named or "torch-dcgan" in found.ranking()


def test_a_run_that_another_version_named_otherwise_keeps_its_figures_or_is_named(
    results, train, report
):
    train("torch-dcgan", [4.0])
    folder = train("keras-dcgan", [7.0])
    name = "keras-dcgan-mnist-s0-0123456789"  # the hash of a version with another set of fields
    record = folder.record.read_text().replace(folder.path.name, name)
    folder.record.write_text(record)
    folder.path.rename(folder.path.with_name(name))
    found = report()
    row = found.ranking().get("keras-dcgan")
    named = any(name in sentence for sentence in found.left_out())
    assert named or (row and row[FID].text == "7.00")


def test_files_of_another_schema_version_are_left_out_by_name(results, train, report):
    train("torch-dcgan", [4.0])
    record = train("keras-dcgan", [7.0])
    scores = train("jax-dcgan", [8.0])
    add_plan(results, [run_spec("torch-pending")])
    for path in (record.record, the_score_file(scores), the_plan(record)):
        fields = json.loads(path.read_text())
        path.write_text(json.dumps(fields | {"schema_version": 99}))
    found = report()
    left = " ".join(found.left_out())
    assert len(found.left_out()) == 3
    assert re.search(rf"runs/{record.path.name}/record\.json .*schema_version", left)
    assert re.search(rf"runs/{scores.path.name}/scores/\w+\.json .*another version", left)
    assert re.search(r"The plan plans/\w+\.json is not readable", left)
    assert [*found.ranking()][:2] == ["torch-dcgan", "jax-dcgan"]
    assert found.ranking()["torch-dcgan"][FID].text == "4.00"
    assert found.ranking()["jax-dcgan"][FID].text == "—"


def test_a_folder_that_is_written_meanwhile_is_reported_as_it_stands(results, train, report):
    train("torch-dcgan", [4.0])
    started, waiting = run_spec("torch-dcgan", 1), run_spec("torch-dcgan", 2)
    add_plan(results, [run_spec("torch-dcgan"), started, waiting])
    folder = open_results(results, create=False).run(started.run_id)
    folder.path.mkdir()
    folder.spec.write_text(started.model_dump_json())
    # The last line is on its way.
    folder.events.write_text('{"event": "start", "attempt": 1}\n{"event": "chunk", "fir')
    np.save(folder.losses, some_losses(600).astype(np.float32))
    folder.grids.mkdir()
    (folder.grids / ".00000000.png.x1y2.tmp").write_bytes(b"\x89PNG")
    (folder.path / ".record.json.x1y2.tmp").write_bytes(b"{")
    (results / "plans" / ".0123456789ab.json.x1y2.tmp").write_bytes(b"{")
    found = report()
    assert found.ranking()["torch-dcgan"][FID] == Cell("4.00", "", "4.0")
    assert found.ranking()["torch-dcgan"]["Status"].text == "2 pending, 1 ok"
    for text in found.both():
        assert "started, without a record so far" in text
        assert "planned, not started" in text
        assert "2 runs are not finished yet" in text
    assert found.left_out() == []
