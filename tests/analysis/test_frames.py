"""Frames with facts, dates and categories; the summary has the figures of the report."""

import numpy as np
import pandas as pd
import pytest

from bench import ROOT
from gan_bench.analysis.frames import load_results
from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.report import report_page
from gan_bench.results import load
from gan_bench.results.external import add_external
from gan_bench.results.layout import open_results
from gan_bench.results.scores import Source
from gan_bench.text import figure
from report_folder import (
    add_plan,
    add_run,
    add_trained,
    empty_results,
    protocol,
    quick_spec,
    run_spec,
    scores_of,
)

REFERENCE = ROOT / "results/reference"
CATEGORIES = ("implementation", "recipe", "framework", "dataset", "status", "device")


@pytest.fixture
def path(tmp_path):
    """Two implementations, one of them with two recipe values, a failed and a planned run."""
    path = empty_results(tmp_path / "results")
    add_trained(path, "torch-dcgan", (12.0, 14.0))
    values = {"batch_size": 100, "epochs": 25, "learning_rate": 0.001, "betas": [0.5, 0.9]}
    add_trained(path, "torch-dcgan", (30.0,), values={"recipe_values": values})
    add_run(path, run_spec("keras-dcgan"), status="diverged", reason="x", train_s=None)
    add_plan(path, [run_spec("jax-dcgan", seed=3)])
    return path


def test_names_are_categories_and_dates_are_dates(path):
    results = load_results(path)
    for name in CATEGORIES:
        assert results.runs[name].dtype == "category", name
    assert isinstance(results.runs["finished_at"].dtype, pd.DatetimeTZDtype)
    finished = results.runs.set_index("status")["finished_at"]
    assert finished["diverged"] == pd.Timestamp("2026-01-02T03:04:05Z")
    assert pd.isna(finished["pending"])
    for name in ("metric", "features", "implementation", "framework", "dataset", "protocol"):
        assert results.scores[name].dtype == "category", name


def test_scores_say_whose_they_are(path):
    scores = load_results(path).scores
    facts = scores[["implementation", "recipe", "framework", "dataset", "seed"]].drop_duplicates()
    assert facts.to_numpy().tolist() == [
        ["torch-dcgan", "dcgan", "torch", "mnist", 0],
        ["torch-dcgan", "dcgan", "torch", "mnist", 1],
    ]
    last = scores[scores["step"] == 600].groupby(["implementation", "seed"], observed=True)
    assert last["value"].max().tolist() == [30.0, 14.0]


def test_the_frames_have_what_the_exported_ones_have(path):
    found, plain = load_results(path), load.load_results(path)
    for name in ("runs", "losses", "scores"):
        frame, other = getattr(found, name), getattr(plain, name)
        for column in other:
            if column != "finished_at":
                mine = frame[column].astype(object)
                pd.testing.assert_series_equal(
                    mine.where(mine.notna(), None),
                    other[column].astype(object).where(other[column].notna(), None),
                )


def test_recipe_values_are_columns_on_request(path):
    results = load_results(path)
    assert not [name for name in results.runs if name.startswith("value_")]
    runs = results.with_values().runs
    values = ["value_batch_size", "value_epochs", "value_learning_rate", "value_betas"]
    assert [name for name in runs if name.startswith("value_")] == values
    assert runs["value_batch_size"].tolist() == [100] * 5
    assert runs.groupby("value_learning_rate").size().to_dict() == {0.0002: 4, 0.001: 1}
    assert runs["value_betas"].dropna().tolist() == [(0.5, 0.9)]
    versions = results.with_values(versions=True)
    assert versions.runs["version_torch"].dropna().tolist() == ["2.1.0"] * 3
    assert versions.with_values().runs.columns.is_unique
    summary = versions.summary().set_index("implementation")
    rates = summary["value_learning_rate"]
    assert rates.filter(like="learning_rate=0.001").tolist() == [0.001]
    assert summary["version_torch"].notna().sum() == 2


@pytest.mark.parametrize("folder", ["path", REFERENCE], ids=["small", "reference"])
def test_the_summary_has_the_figures_of_the_report(folder, request):
    path = request.getfixturevalue(folder) if isinstance(folder, str) else folder
    table = load_results(path).summary()
    plain = load.load_results(path)
    groups = summarise(collect_runs(path, plain), plain).groups
    rows = [(group, row) for group in groups for row in group.rows]
    assert len(table) == len(rows)
    for (_, found), (group, row) in zip(table.iterrows(), rows, strict=True):
        assert (found["implementation"], found["status"]) == (row.label, row.status)
        assert (found["seeds"], found["images"]) == (len(row.runs), group.setting.budget_images)
        for name in ("fid", "images_per_s", "finish_s"):
            values = getattr(row, name)
            expected = [values.mean, values.low, values.high] if values else [np.nan] * 3
            of_table = found[[name, f"{name}_min", f"{name}_max"]].to_numpy(float)
            np.testing.assert_array_equal(of_table, expected)


def test_the_report_shows_the_figures_of_the_summary(tmp_path):
    path = empty_results(tmp_path / "results")
    add_trained(path, "torch-dcgan", (12.0, 14.0))
    add_trained(path, "keras-dcgan", (13.5, 13.7))
    (group,) = report_page(path).groups
    titles = [column.title for column in group.ranking.columns]
    shown = {
        row.label: {title: cell.sort for title, cell in zip(titles, row.cells, strict=True)}
        for row in group.ranking.rows
    }
    table = load_results(path).summary().set_index("implementation")
    assert list(shown) == list(table.index) == ["torch-dcgan", "keras-dcgan"]
    names = {
        "Final FID (lenet)": "fid",
        "Images/s": "images_per_s",
        "Time to finish (s)": "finish_s",
    }
    for title, name in names.items():
        assert {label: cells[title] for label, cells in shown.items()} == table[name].to_dict()


def test_external_samples_are_rows_of_the_group_they_compare_with(path):
    under = protocol()
    scores = scores_of({0: 40.0}, under=under)
    results = open_results(path, create=False)
    source = Source(images="mine.npz", sha256="c" * 64, count=1_000)
    scores = scores.model_copy(update={"real": source, "fake": source})
    add_external(results, "mine", [scores], b"", command="gan-bench score")
    found = load_results(path)
    (row,) = found.summary().query("status == 'external'").to_dict("records")
    assert (row["implementation"], row["seeds"], row["fid"]) == ("mine", 0, 40.0)
    assert found.scores[found.scores["run_id"] == "external-mine"]["seed"].isna().all()


def test_a_representation_is_one_line_and_a_table(path):
    results = load_results(path)
    assert repr(results) == (
        f"<gan_bench.Results {path}: 5 runs (3 ok, 1 pending and 1 diverged), "
        "lowest fid_lenet 13.0 (torch-dcgan (learning_rate=0.0002, betas none))>"
    )
    page = results._repr_html_()
    assert page.count("<tr") == 1 + len(results.summary())
    assert figure(13.0) in page and "&lt;" not in repr(results)


def test_names_of_a_folder_are_no_markup(tmp_path):
    path = empty_results(tmp_path / "<b>r")
    add_trained(path, "torch-<i>x", (12.0,), make=quick_spec)
    page = load_results(path)._repr_html_()
    assert "<b>" not in page and "<i>" not in page and "&lt;i&gt;x" in page


def test_an_empty_folder_has_empty_frames(tmp_path):
    results = load_results(empty_results(tmp_path / "results"))
    assert len(results.runs) == len(results.scores) == len(results.summary()) == 0
    assert repr(results) == f"<gan_bench.Results {results.path}: 0 runs>"
    assert results.with_values(versions=True).summary().empty and results._repr_html_()


def test_only_some_runs_are_read(path):
    every = load_results(path)
    (one,) = every.runs["run_id"][every.runs["status"] == "diverged"]
    results = load_results(path, {one})
    assert list(results.runs["run_id"]) == [one] == list(results.specs)
    assert results.externals == ()


def test_the_summary_has_fids_of_all_machines_and_times_of_one(tmp_path):
    path = empty_results(tmp_path / "results")
    for name in ("torch-dcgan", "keras-dcgan"):
        add_trained(path, name, (12.0, 14.0))
    add_trained(path, "torch-enhanced", (20.0,), values={"device": "cuda:0"}, images_per_s=9_000.0)
    summary = load_results(path).summary().set_index("implementation")
    assert summary["fid"].to_dict() == {
        "torch-dcgan": 13.0,
        "keras-dcgan": 13.0,
        "torch-enhanced": 20.0,
    }
    times = summary[["images_per_s", "finish_s", "peak_mb"]]
    assert times.loc["torch-enhanced"].isna().all()
    assert times.drop("torch-enhanced").notna().all(axis=None)
    assert set(summary["hardware"]) == {"Model X, 2 cores"}
    assert set(summary["device"]) == {"CPU"}
