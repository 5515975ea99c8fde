"""The notebook and the search run as they are; quickly with a trainer that takes no time."""

import json
import runpy
import sys

import matplotlib.pyplot as plt
import pytest

import gan_bench
from bench import ROOT

TOUR = ROOT / "examples/tour.ipynb"
LARGEST_BYTES = 200_000


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder of its own, also for the lock of the device."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def cells():
    content = json.loads(TOUR.read_text(encoding="utf-8"))
    return [cell for cell in content["cells"] if cell["cell_type"] == "code"]


def test_the_tour_is_small_and_holds_what_its_cells_print(cells):
    assert TOUR.stat().st_size < LARGEST_BYTES
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert kinds.count("image/png") == 2 and kinds.count("text/html") >= 4
    assert not [output for output in outputs if output["output_type"] == "error"]
    text = json.dumps(outputs)
    assert "\\u001b" not in text and str(ROOT) not in text and "/tmp" not in text


@pytest.mark.process
def test_the_cells_of_the_tour_run_in_their_order(cells, plugin, monkeypatch, tmp_path):
    monkeypatch.setattr(plt, "show", lambda: None)
    gan = plugin("torch_gan")  # in place of both: a run takes two seconds
    stands_for = {
        "12_800": "1_600",
        '"torch-dcgan"': f'"{gan}"',
        '"torch-dcgan",\n    "keras-dcgan"': f'"{gan}"',
    }
    names: dict[str, object] = {}
    for cell in cells:
        source = "".join(cell["source"])
        for word, here in sorted(stands_for.items(), key=lambda pair: -len(pair[0])):
            source = source.replace(word, here)
        exec(compile(source, TOUR.name, "exec"), names)
    plt.close("all")
    assert list(names["results"].runs["status"]) == ["ok"]
    assert len(names["sweep"].with_values().runs["value_learning_rate"].unique()) == 2
    assert names["scores"].fid is not None
    assert len(gan_bench.load_results("results/tour").runs) == 3
    assert (tmp_path / "reports/tour/report.html").exists()


@pytest.mark.long
@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.process
def test_the_tour_runs_in_a_kernel(tmp_path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(TOUR, as_version=4)
    # As many runs, each of them smaller.
    smaller = {"12_800": "320", "images=800": "images=160", "samples=500": "samples=100"}
    for cell in notebook.cells:
        for asked, here in smaller.items():
            cell["source"] = cell["source"].replace(asked, here)
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=where).execute()
    printed = json.dumps(notebook.cells)
    # Lines, not a bar. Those of steps are some seconds apart, so a fast machine prints none.
    assert ": 10 steps on cpu" in printed and "[2/2] keras-dcgan-mnist-5k-s0-" in printed
    assert "\\u001b" not in printed
    assert (tmp_path / "reports/tour/report.html").exists()


@pytest.mark.process
@pytest.mark.long
def test_a_search_prints_the_best_values_and_repeats_without_training(plugin, capsys, monkeypatch):
    pytest.importorskip("optuna", reason="optuna is not installed")
    target = plugin("gan")
    arguments = ["optuna_search.py", target, "--trials", "2", "--images", "256"]
    monkeypatch.setattr(sys, "argv", arguments)
    said = []
    for _ in range(2):
        runpy.run_path(str(ROOT / "examples/optuna_search.py"), run_name="__main__")
        said.append(capsys.readouterr().out)
    assert said[0].startswith("Best FID ") and "learning_rate=" in said[0]
    assert said[0] == said[1]
    runs = gan_bench.load_results("results/search").with_values().runs
    assert len(runs) == 2 and runs["value_learning_rate"].nunique() == 2
    assert list(runs["attempts"]) == [1, 1]


@pytest.mark.process
@pytest.mark.long
def test_a_trial_that_diverges_is_pruned(plugin, capsys, monkeypatch):
    optuna = pytest.importorskip("optuna", reason="optuna is not installed")
    target = plugin(
        "gan",
        "def train(self, batches, draws):\n"
        "    losses = super().train(batches, draws)\n"
        "    return {name: values * np.nan for name, values in losses.items()}\n",
    )
    script = runpy.run_path(str(ROOT / "examples/optuna_search.py"))
    study = script["search"](target, trials=1, images=256, seeds=1, results="results/search")
    assert [trial.state for trial in study.trials] == [optuna.trial.TrialState.PRUNED]
    monkeypatch.setattr(sys, "argv", ["search", target, "--trials", "1", "--images", "256"])
    with pytest.raises(SystemExit, match="1"):
        script["main"]()
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == (
        f"No trial of {target} succeeded; `gan-bench status --results results/search` says why."
    )


@pytest.mark.parametrize(
    ("target", "said"),
    [("torch-nothing", "There is no "), ("dcgan", "dcgan names jax-dcgan, keras-dcgan, torch-")],
)
def test_a_search_of_none_or_several_is_one_sentence(capsys, monkeypatch, target, said):
    def trained(*_, **__):
        raise AssertionError("it trains")

    pytest.importorskip("optuna", reason="optuna is not installed")
    script = runpy.run_path(str(ROOT / "examples/optuna_search.py"))
    monkeypatch.setattr(sys, "argv", ["search", target])
    monkeypatch.setattr(gan_bench, "run", trained)
    with pytest.raises(SystemExit, match="2"):
        script["main"]()
    assert capsys.readouterr().err.splitlines()[-1].startswith(said)
