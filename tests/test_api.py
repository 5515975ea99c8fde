"""The public names of the package, and what they make of finished results."""

import subprocess
import sys

import pandas as pd
import pytest

import gan_bench
from bench import complaint
from gan_bench.errors import UsageError
from report_folder import add_trained, empty_results

NAMES = {"ImageScores", "Results", "TrackedRun", "compare", "load_results", "report", "run"}
NAMES |= {"score", "track"}


@pytest.fixture
def results(cli):
    """Two implementations with three seeds each."""
    path = empty_results(cli.folder / "results/local")
    add_trained(path, "torch-dcgan", (12.0, 12.5, 13.0))
    add_trained(path, "keras-dcgan", (20.0, 21.0, 22.0))
    return path


def test_the_package_shows_its_names():
    assert set(dir(gan_bench)) > NAMES and set(gan_bench.__all__) > NAMES
    for name in NAMES:
        assert callable(getattr(gan_bench, name)) and getattr(gan_bench, name).__doc__
    assert gan_bench.errors.UsageError is UsageError
    with pytest.raises(AttributeError, match="module 'gan_bench' has no attribute 'scores'"):
        _ = gan_bench.scores


@pytest.mark.process
def test_importing_the_package_imports_neither_numpy_nor_pandas():
    program = (
        "import sys, gan_bench, gan_bench.trainer\n"
        "loaded = {'pandas', 'rich', 'click', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    alone = "import sys, gan_bench; dir(gan_bench); assert 'numpy' not in sys.modules"
    for code in (program, alone):
        done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.process
def test_a_subpackage_of_the_same_name_does_not_hide_a_function():
    code = (
        "import gan_bench, gan_bench.compare\n"
        "from gan_bench.compare.output import as_dict\n"
        "import gan_bench.report\n"
        "from gan_bench import api, compare, report\n"
        "assert compare is api.compare is gan_bench.compare\n"
        "assert report is api.report is gan_bench.report\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_report_writes_what_the_command_writes(cli, results):
    files = gan_bench.report(results, cli.folder / "mine", title="Mine", target_fid=20)
    arguments = ("--out", "theirs", "--title", "Mine", "--target-fid", "20")
    assert cli("report", *arguments).code == 0
    for path in (files.html, files.markdown, files.full):
        assert path.read_bytes() == (cli.folder / "theirs" / path.name).read_bytes()
    again = gan_bench.report(gan_bench.load_results(results), cli.folder / "mine")
    assert "Mine" not in again.markdown.read_text()


def test_an_archive_is_loaded_as_its_folder(cli, results):
    assert cli("pack", str(results), "--out", "mine.zip").code == 0
    folder, archive = (gan_bench.load_results(path) for path in (results, cli.folder / "mine.zip"))
    assert len(archive.runs) and archive.left_out == ()
    assert archive.losses.equals(folder.losses) and archive.scores.equals(folder.scores)
    for one, other in (
        (archive.summary(), folder.summary()),
        (archive.with_values().summary(), folder.with_values().summary()),
    ):
        pd.testing.assert_frame_equal(one, other)
    assert "mine.zip: " in repr(archive)
    assert not gan_bench.compare(archive, results).left_out


def test_compare_says_what_the_command_says(cli, results):
    other = empty_results(cli.folder / "other")
    add_trained(other, "torch-dcgan", (4.0, 4.1, 4.2))
    found = gan_bench.compare(gan_bench.load_results(results), str(other), metric="fid")
    verdicts = {row.label: row.verdict for row in found.rows}
    assert verdicts == {"torch-dcgan": "better", "keras-dcgan": "only in A"}
    answer = "By fid_lenet, B is better than A in torch-dcgan; 1 more row cannot be compared."
    assert answer in cli("compare", "results/local", "other").out
    assert answer in repr(found) and "\n" not in repr(found)
    assert found._repr_html_().count("<tr>") == 3 and answer in found._repr_html_()


def test_the_errors_are_those_of_the_command_line(cli, results, monkeypatch):
    monkeypatch.chdir(cli.folder)
    for call, arguments in (
        (lambda: gan_bench.load_results("nowhere"), ("export", "--results", "nowhere")),
        (lambda: gan_bench.report("nowhere"), ("report", "--results", "nowhere")),
        (
            lambda: gan_bench.compare(results, results, metric="fud"),
            ("compare", str(results), str(results), "--metric", "fud"),
        ),
        (lambda: gan_bench.run("torch-dcgn"), ("run", "torch-dcgn")),
        (lambda: gan_bench.run("dcgan", silence=1), ("run", "dcgan", "--silence", "1")),
        (lambda: gan_bench.run("dcgan", steps=0), ("run", "dcgan", "--steps", "0")),
        (
            lambda: gan_bench.run("dcgan", metrics="fud", dataset="mnist-5k"),
            ("run", "dcgan", "--metrics", "fud", "--dataset", "mnist-5k"),
        ),
        (lambda: gan_bench.score("real", "fake"), ("score", "real", "fake")),
    ):
        with pytest.raises(UsageError) as refused:
            call()
        assert str(refused.value) == complaint(cli(*arguments))
