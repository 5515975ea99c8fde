"""Several results folders and archives in one report."""

import contextlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gan_bench
from bench import ROOT, complaint
from gan_bench import load_results
from gan_bench.report import report_page
from gan_bench.report.render import render_full_markdown
from gan_bench.results.certificate import Certificate
from gan_bench.results.external import add_external
from gan_bench.results.layout import ResultsFolder, open_results
from gan_bench.results.merge import Source as Folder
from gan_bench.results.scores import Source
from gan_bench.results.sources import _apart, opened
from gan_bench.scoring.snapshots import grid_png
from report_folder import (
    MACHINE,
    add_plan,
    add_run,
    add_trained,
    empty_results,
    protocol,
    run_spec,
    scores_of,
)
from speed_study import study

OTHER = {"machine": MACHINE.model_copy(update={"cpu": "Model Y"})}


def external(path, name, sha256="f"):
    images = Source(images="theirs.npz", sha256=sha256 * 64, count=1000)
    scores = scores_of({0: 9.0}).model_copy(update={"fake": images})
    grid = grid_png(np.zeros((64, 8, 8, 1), np.uint8))
    add_external(open_results(path, create=False), name, [scores], grid, command="gan-bench score")


@pytest.fixture
def two(cli):
    """Two folders, of two implementations and machines, and an archive of each."""
    mine, theirs = (empty_results(cli.folder / name) for name in ("mine", "theirs"))
    add_trained(mine, "torch-dcgan", [4.0, 4.2])
    add_plan(mine, [run_spec(seed=7)])
    external(mine, "My GAN")
    add_trained(theirs, "torch-decay", [6.0, 6.3], circumstances=OTHER)
    external(theirs, "Their GAN")
    for name in ("mine", "theirs"):
        assert cli("pack", name, "--out", f"{name}.zip").code == 0
    return mine, theirs


def words(cli, *sources):
    """Return the full report in Markdown, without its pictures: they take most of the time."""
    with contextlib.chdir(cli.folder):
        return render_full_markdown(report_page([Path(one) for one in sources])).decode()


def report(cli, *sources):
    done = cli("report", *sources, "--out", "out")
    assert done.code == 0, done.err
    return (cli.folder / "out/report-full.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("sources", [("mine.zip", "theirs.zip"), ("mine", "theirs.zip")])
def test_one_report_says_where_each_row_is_from(cli, two, sources):
    text = report(cli, *sources)
    names = f"{sources[0]} and {sources[1]}"
    assert f"4 of 5 planned runs ok, from {names}" in text
    assert "Scores are from all machines. Times are from Model" in text
    for label, source in zip(("torch-dcgan", "torch-decay"), sources, strict=True):
        row = next(line for line in text.splitlines() if line.startswith(f"| {label} |"))
        assert source in row
    assert f"{sources[0]}: 3 runs and external samples My GAN" in text
    assert f"{sources[1]}: 2 runs and external samples Their GAN" in text
    assert "External: My GAN" in text and "External: Their GAN" in text
    figures = {path.name for path in (cli.folder / "out/figures").iterdir()}
    assert {"samples-torch-dcgan.png", "samples-torch-decay.png"} <= figures
    assert "every file of the results folder could be read" in text
    assert str(cli.folder) not in text and "gan-bench-" not in text


@pytest.mark.slow
def test_grids_are_those_of_each_source(cli, two):
    report(cli, "mine.zip", "theirs.zip")
    for folder, name in zip(two, ("dcgan", "decay"), strict=True):
        run = min((folder / "runs").iterdir(), key=lambda path: path.name.split("-s")[1])
        shown = (cli.folder / f"out/figures/samples-torch-{name}.png").read_bytes()
        images = [
            np.asarray(Image.open(io.BytesIO(content)))
            for content in (shown, (run / "grids/00000600.png").read_bytes())
        ]
        np.testing.assert_array_equal(*images)


def test_an_archive_gives_the_report_of_its_folder(cli, two):
    of_archive = words(cli, "mine.zip")
    assert "From" not in of_archive.split("## Ranking")[1].split("\n")[2]
    assert of_archive == words(cli, "mine")


@pytest.mark.slow
def test_python_reports_several_sources_too(cli, two):
    sources = [cli.folder / "mine.zip", str(cli.folder / "theirs.zip")]
    files = gan_bench.report(sources, out=cli.folder / "python")
    assert files.full.read_text() == report(cli, "mine.zip", "theirs.zip")
    kinds = [row.kind for row in gan_bench.compare(*sources).rows]
    assert kinds == ["only", "only"]


@pytest.mark.slow
def test_the_option_and_the_arguments_add_up(cli, two):
    text = report(cli, "theirs.zip", "--results", "mine")
    assert "from mine and theirs.zip" in text


def test_a_run_in_two_sources_is_one_run(cli, two):
    with opened([cli.folder / "mine.zip", two[0], cli.folder / "mine.zip"]) as folder:
        results = folder.load()
    assert results.left_out == ()
    alone = load_results(two[0])
    assert results.runs["run_id"].tolist() == alone.runs["run_id"].tolist()
    assert set(results.sources.values()) == {"mine.zip"}
    assert len(results.externals) == 1


def test_the_source_with_more_scores_is_taken(cli, two):
    mine, _ = two
    (run,) = (mine / "runs").glob("*-s0-*")
    scores_of({600: 70.0}, under=protocol(features="inception")).write_in(run / "scores")
    for order in (("mine.zip", "mine"), ("mine", "mine.zip")):
        with opened([cli.folder / name for name in order]) as folder:
            results = folder.load()
        assert results.left_out == ()
        assert set(results.scores["features"]) == {"lenet", "inception"}
        assert results.sources[run.name] == "mine"


def test_runs_that_contradict_each_other_are_named(cli, two):
    shutil.copytree(two[0], cli.folder / "copy")
    for path in (cli.folder / "copy/runs").glob("*/record.json"):
        record = json.loads(path.read_text())
        record["images_per_s"] *= 2
        path.write_text(json.dumps(record))
    text = words(cli, "mine.zip", "copy").replace("\\", "")
    (sentence,) = (line for line in text.splitlines() if "with other results" in line)
    assert "2 runs of copy are not shown; `gan-bench compare` shows both." in sentence
    assert "2 of 3 planned runs ok, from mine.zip" in text


def test_a_run_of_two_machines_is_shown_for_both(cli, two):
    other = empty_results(cli.folder / "other")
    slow = {"circumstances": OTHER, "images_per_s": 250.0}
    add_trained(other, "torch-dcgan", [5.0, 5.5, 5.2], **slow)
    assert cli("pack", "other", "--out", "other.zip").code == 0
    text = words(cli, "mine", "other.zip").replace("\\", "")
    assert "5 of 6 planned runs ok, from mine and other.zip" in text
    assert "2 seeds ran several times on 2 machines and count once" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| torch-dcgan |")]
    [ranked] = [row for row in rows if len(row) > 7]
    # Times are from the machine with most runs, and so are the scores of seeds of both.
    assert ranked[1:4] == ["5.23 (5.00 to 5.50)", "250 (250 to 250)", "62.5"]
    times = [line for line in text.splitlines() if "2 cores (CPU" in line and "|" in line]
    assert [line.split(" | ")[2:4] for line in times] == [
        ["3", "250 (250 to 250)"],
        ["2", "1,000 (1,000 to 1,000)"],
    ]
    with opened([cli.folder / "mine", cli.folder / "other.zip"]) as folder:
        results = folder.load()
    ids = set(load_results(other).runs["run_id"])
    shared = ids & set(load_results(two[0]).runs["run_id"])
    assert len(shared) == 2
    assert {f"{run_id} (other.zip)" for run_id in shared} < set(results.specs)
    assert len(results.runs) == len(results.specs) == 6
    speed = results.runs.set_index("run_id")["images_per_s"]
    for run_id in shared:
        assert (speed[run_id], speed[f"{run_id} (other.zip)"]) == (1000.0, 250.0)
        assert results.sources[f"{run_id} (other.zip)"] == "other.zip"
    losses = results.losses.groupby("run_id").size()
    assert (losses == 600).all() and len(losses) == 5
    assert "with other results" not in text


def test_a_certificate_of_one_source_covers_the_runs_of_every_machine(cli, two):
    spec = run_spec()
    name = "torch-dcgan--keras-dcgan.batch_size=32.json"
    values = json.loads((ROOT / "results/reference/parity" / name).read_text())
    values["reference"] |= {
        "attribute": spec.implementation.attribute,
        "source_sha256": spec.source_sha256,
        "versions": spec.versions,
    }
    certificate = Certificate(**values | {"recipe_values": spec.recipe_values})
    certificate.write_in(open_results(two[0], create=False), spec.image_shape)
    other = empty_results(cli.folder / "other")
    add_trained(other, "torch-dcgan", [5.0, 5.5], circumstances=OTHER)
    for name in ("mine", "other"):
        assert cli("pack", name, "--out", f"{name}.zip").code == 0
    (two[0] / "parity" / "damaged.json").write_text("{")
    with opened([cli.folder / "mine.zip", cli.folder / "other.zip", two[0]]) as folder:
        results = folder.load()
    parity = results.runs.set_index("run_id")["parity"]
    assert set(parity) == {certificate.id}
    assert sum("(other.zip)" in name for name in parity.index) == 2
    (sentence,) = results.left_out
    assert "parity/damaged.json" in sentence


def test_speed_studies_of_all_sources_are_read_once_the_newest_first(cli, two):
    of = [run_spec("torch-dcgan"), run_spec("torch-decay")]
    for folder, day in zip(two, ("2026-01-01", "2026-02-01"), strict=True):
        made = study(of, {0: 100.0, 1: 50.0}, created_at=f"{day}T00:00:00+00:00")
        made.write(folder / "speed" / "same-name.json")
    assert cli("pack", "mine", "--out", "mine.zip").code == 0
    (two[0] / "speed" / "damaged.json").write_text("{")
    with opened([cli.folder / "mine.zip", *two]) as folder:
        results = folder.load()
    assert [one.created_at[:10] for one in results.speeds] == ["2026-02-01", "2026-01-01"]
    (sentence,) = results.left_out
    assert "speed/damaged.json" in sentence and "gan-bench speed" in sentence


def test_external_samples_that_contradict_each_other_are_named(cli, two):
    external(two[1], "My GAN", sha256="e")
    text = words(cli, "mine.zip", "theirs").replace("\\", "")
    assert (
        "mine.zip and theirs both have external samples My GAN, with other results: those of "
        "theirs are not shown."
    ) in text


def test_what_has_ended_counts_more_than_what_is_planned(cli, two):
    other = empty_results(cli.folder / "other")
    add_run(other, run_spec(seed=7), scores=[scores_of({600: 5.0})])
    with opened([cli.folder / "mine.zip", other]) as folder:
        results = folder.load()
    status = results.runs.set_index("run_id")["status"]
    assert status[run_spec(seed=7).run_id] == "ok" and len(status) == 3
    assert results.sources[run_spec(seed=7).run_id] == "other"


def test_published_figures_and_certificates_are_put_together(cli, two):
    figure = '[[figure]]\nname = "{}"\nsource = "S \\"q\\""\ndataset = "mnist"\nmetric = "FID"\n'
    figure += 'value = "1"\nprotocol = "P"\n'
    for path, names in zip(two, ("AB", "BC"), strict=True):
        (path / "published.toml").write_text("".join(figure.format(name) for name in names))
    with opened(two) as folder:
        assert [one.name for one in folder.load().published] == ["A", "B", "C"]
    (two[1] / "published.toml").write_text("figure = 7")
    with opened(two) as folder:
        results = folder.load()
    assert [one.name for one in results.published] == ["A", "B"]
    assert "published" in results.left_out[0] and len(results.left_out) == 1


def test_a_damaged_file_of_a_source_is_named_without_the_temporary_folder(cli, two):
    (path,) = (two[0] / "runs").glob("*-s0-*")
    (path / "record.json").write_text("{")
    with opened(two) as folder:
        (sentence,) = folder.load().left_out
    assert sentence.startswith(f"The record runs/{path.name}/record.json is not readable")


def test_two_archives_of_one_name_are_told_apart(cli, two):
    for name in ("a", "b"):
        (cli.folder / name).mkdir()
    shutil.copy(cli.folder / "mine.zip", cli.folder / "a/results.zip")
    shutil.copy(cli.folder / "theirs.zip", cli.folder / "b/results.zip")
    text = words(cli, "a/results.zip", "b/results.zip")
    assert "from results.zip and results.zip (2)" in text
    assert cli("pack", "theirs", "--out", "t.zip", "--name", "  Group   A ").code == 0
    assert "from mine.zip and Group A" in words(cli, "mine.zip", "t.zip")


def test_compare_and_export_read_archives(cli, two):
    shutil.copytree(two[0], cli.folder / "copy")
    done = cli("compare", "mine.zip", "copy")
    assert done.code == 0, done.err
    assert "torch-dcgan" in done.out and str(cli.folder) not in done.out
    assert done.out.replace("mine.zip", "mine") == cli("compare", "mine", "copy").out
    for source in ("mine", "mine.zip"):
        assert cli("export", "--results", source, "--out", f"of-{source}").code == 0
    for name in ("losses.csv", "scores.csv"):
        assert (cli.folder / "of-mine" / name).read_bytes() == (
            cli.folder / "of-mine.zip" / name
        ).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.zip"], "There is no archive nowhere.zip; `gan-bench pack` writes one."),
        (["mine.zip", "nowhere"], "There is no results folder nowhere"),
        (["text"], "text is a file, and not an archive of `gan-bench pack`"),
        (["text.zip"], "The archive text.zip is refused: it is not a ZIP file"),
        (["empty", "empty2"], "has no run to report"),
    ],
)
def test_bad_sources_are_refused(cli, two, arguments, said):
    for name in ("text", "text.zip"):
        (cli.folder / name).write_text("text")
    for name in ("empty", "empty2"):
        empty_results(cli.folder / name)
    error = complaint(cli("report", *arguments, "--out", "out"))
    assert said in error and "gan-bench-" not in error
    assert not (cli.folder / "out").exists()
    assert not list(cli.folder.glob("gan-bench-*"))


def test_names_of_sources_differ_also_from_names_that_are_given(tmp_path):
    names = ("A", "A", "A (2)", "A")
    sources = [Folder(name, ResultsFolder(tmp_path)) for name in names]
    assert [one.name for one in _apart(sources)] == ["A", "A (3)", "A (2)", "A (4)"]


@pytest.mark.parametrize("order", [("good", "bad"), ("bad", "good")])
def test_of_contradicting_runs_the_one_that_succeeded_is_shown(cli, order):
    for name, status, scores in (("good", "ok", {600: 4.0}), ("bad", "error", {300: 9.0})):
        path = empty_results(cli.folder / name)
        add_run(path, run_spec(), scores=[scores_of(scores)], status=status)
    with opened([cli.folder / name for name in order]) as folder:
        results = folder.load()
    assert [record.status for record in results.records.values()] == ["ok"]
    assert "good and bad both have" in results.left_out[0]
