"""``gan-bench export``: the tables of a results folder as files, and ``report --open``."""

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from bench import complaint
from gan_bench.results.load import load_results
from report_folder import add_plan, add_run, empty_results, run_spec, scores_of, some_losses

NAMES = ("runs", "losses", "scores")


@pytest.fixture
def results(cli):
    """One run that is ok, one that diverged, and one that is planned."""
    path = empty_results(cli.folder / "results/local")
    losses = some_losses(600)
    losses[:, 2:] = np.nan
    losses[5, 0] = math.inf
    losses[6, 0] = math.nan
    scores = scores_of({0: 300.0, 300: None, 600: 12.5}, reason="too few")
    add_run(path, run_spec(seed=0), scores=[scores], losses=losses)
    add_run(path, run_spec(seed=1), status="diverged", reason="a loss was not finite", train_s=None)
    add_plan(path, [run_spec(seed=2)])
    return path


def read(folder, name, file_format):
    path = folder / f"{name}.{file_format}"
    if file_format == "csv":
        return pd.read_csv(path)
    if file_format == "json":
        return pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))
    return pd.read_parquet(path)


@pytest.mark.parametrize("file_format", ["csv", "json", "parquet"])
def test_every_format_holds_the_frames(cli, results, file_format):
    if file_format == "parquet":
        pytest.importorskip("pyarrow")
    done = cli("export", "--format", file_format)
    assert done.code == 0, done.err
    folder = cli.folder / "reports/local/tables"
    names = [f"reports/local/tables/{name}.{file_format}" for name in NAMES]
    assert done.out.splitlines() == names
    frames = load_results(results)
    for name in NAMES:
        frame, found = getattr(frames, name), read(folder, name, file_format)
        assert list(found.columns) == list(frame.columns)
        assert len(found) == len(frame) > 0
    runs = read(folder, "runs", file_format).set_index("seed")
    assert runs["status"].to_dict() == {0: "ok", 1: "diverged", 2: "pending"}
    assert runs["train_s"][0] == 60.0 and runs["train_s"][[1, 2]].isna().all()
    assert runs["reason"][1] == "a loss was not finite" and pd.isna(runs["reason"][0])
    scores = read(folder, "scores", file_format)
    assert scores["value"].isna().tolist() == [False, True, False]
    losses = read(folder, "losses", file_format)["generator"].astype(np.float32)
    expected = frames.losses["generator"].to_numpy()
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(losses[finite], expected[finite])
    assert pd.isna(losses[6])


def test_missing_is_empty_in_csv_and_null_in_json(cli, results):
    assert cli("export", "--format", "csv", "--out", "tables").code == 0
    assert cli("export", "--format", "json", "--out", "tables").code == 0
    lines = (cli.folder / "tables/losses.csv").read_text().splitlines()
    assert lines[0] == "run_id,step,generator,discriminator,d_real,d_fake"
    assert lines[7].split(",")[2] == "" and lines[1].endswith(",,")
    rows = json.loads((cli.folder / "tables/losses.json").read_text())
    assert rows[0]["d_real"] is None and rows[5]["generator"] is rows[6]["generator"] is None
    (planned,) = (
        row
        for row in json.loads((cli.folder / "tables/runs.json").read_text())
        if row["status"] == "pending"
    )
    assert planned["images_per_s"] is planned["reason"] is planned["paired"] is None


def test_a_log_of_many_lines_and_quotes_survives(cli):
    path = empty_results(cli.folder / "results/local")
    log = 'one, "two"\n\nthree\tä 図'
    add_run(path, run_spec(), status="error", reason="x", log_tail=log)
    for file_format in ("csv", "json"):
        assert cli("export", "--format", file_format).code == 0
        folder = cli.folder / "reports/local/tables"
        assert read(folder, "runs", file_format)["log_tail"][0] == log


def test_parquet_has_the_same_types_whatever_is_missing(cli, results):
    parquet = pytest.importorskip("pyarrow.parquet")
    other = empty_results(cli.folder / "other")
    add_run(other, run_spec(seed=4), scores=[scores_of({600: None}, rank_fake=None)])
    schemas = {}
    for name, path in (("one", results), ("two", other)):
        done = cli("export", "--format", "parquet", "--results", str(path), "--out", name)
        assert done.code == 0, done.err
        schemas[name] = parquet.read_schema(cli.folder / name / "runs.parquet")
    for column in ("reason", "log_tail", "score_reason", "parity", "paired", "train_s"):
        assert schemas["one"].field(column).type == schemas["two"].field(column).type


def test_columns_of_mixed_types_are_written_as_words(tmp_path):
    pytest.importorskip("pyarrow")
    from gan_bench.results.export import _content, _typed

    frame = pd.DataFrame({"odd": [1, "two", None, 3.5, (1, 2)], "low": [None, 1, 2.5, None, 3]})
    frame = _typed(frame.astype(object))
    (tmp_path / "odd.parquet").write_bytes(_content(frame, "parquet"))
    found = pd.read_parquet(tmp_path / "odd.parquet")
    assert found["odd"].tolist()[:2] == ["1", "two"] and pd.isna(found["odd"][2])
    assert found["low"].tolist()[1:3] == [1.0, 2.5] and pd.isna(found["low"][0])


@pytest.mark.process
def test_without_pyarrow_parquet_is_refused_and_csv_is_not(cli, results):
    for file_format, code in (("parquet", 2), ("csv", 0)):
        program = (
            "import sys\n"
            "sys.modules['pyarrow'] = None\n"
            "from gan_bench.cli.main import main\n"
            f"main(['export', '--format', '{file_format}'])\n"
        )
        done = subprocess.run(
            [sys.executable, "-P", "-c", program],
            cwd=cli.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert ('`pip install "gan-bench[parquet]"`' in done.stderr) is (code == 2)


def test_what_cannot_be_read_is_left_out_and_told(cli, results):
    folder = next(p for p in sorted((results / "runs").iterdir()) if "-s1-" in p.name)
    (folder / "record.json").write_text("{")
    done = cli("export")
    assert done.code == 0
    assert "record.json is not readable" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--results", "nowhere"), "There is no results folder nowhere"),
        (("--results", "empty"), "The results folder empty has no run to export"),
        (("--results", "taken"), "taken is a file"),
        (
            ("--out", "taken"),
            "The tables cannot be written to taken (taken is not a folder); name another",
        ),
        (("--out", "taken/deeper/down"), "written to taken/deeper/down (taken is not a folder);"),
        (("--out", "/dev/full"), "written to /dev/full (/dev/full is not a folder); name another"),
        (("--format", "xlsx"), "'xlsx' is not one of 'csv', 'parquet', 'json'"),
    ],
)
def test_export_refuses(cli, results, arguments, said):
    empty_results(cli.folder / "empty")
    (cli.folder / "taken").write_text("mine")
    assert said in complaint(cli("export", *arguments))
    assert (cli.folder / "taken").read_text() == "mine"
    assert not (cli.folder / "reports").exists()


def test_an_earlier_export_is_replaced(cli, results):
    assert cli("export").code == 0
    add_run(results, run_spec(seed=7))
    assert cli("export").code == 0
    assert len(read(cli.folder / "reports/local/tables", "runs", "csv")) == 4


@pytest.mark.long
def test_report_opens_the_browser_or_says_that_there_is_none(bench, results):
    script = bench.folder / "browser.sh"
    script.write_text(f'#!/bin/sh\necho "$1" > {bench.folder}/opened\n')
    script.chmod(0o755)
    done = bench("report", "--open", BROWSER=f"{script} %s")
    assert done.code == 0
    opened = (bench.folder / "opened").read_text().strip()
    assert opened == (bench.folder / "reports/local/report.html").as_uri()
    done = bench("report", "--open", BROWSER="/no/such/browser %s", PATH="", DISPLAY="")
    assert done.code == 0
    assert "No browser was found to open reports/local/report.html" in done.err


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "low"])
def test_a_target_fid_is_a_finite_number_above_zero(cli, results, value):
    assert "--target-fid" in complaint(cli("report", "--target-fid", value))
