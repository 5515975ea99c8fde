"""What ``gan-bench list`` and ``show`` print of implementations, and of one run."""

import json

import numpy as np
import pytest

from bench import complaint
from gan_bench.cli.views.results import sparkline
from gan_bench.results.external import add_external
from gan_bench.results.layout import open_results
from gan_bench.results.scores import Source
from report_folder import add_run, empty_results, run_spec, scores_of, some_losses

RECIPES = ("dcgan", "dcgan-3g", "baseline", "enhanced", "upsampling-sgd", "decay")
FRAMEWORKS = ("torch", "keras", "jax")
ADAM = {"beta1", "beta2", "adam_epsilon", "adam_epsilon_form"}
BATCH_NORM = {"batch_norm_new_weight", "batch_norm_epsilon", "batch_norm_variance"}
PINNED = {
    *("images", "losses", "flatten", "initial weights", "kernels at the start", "padding"),
    *("compilation", "matmul precision", "GPU memory", "threads"),
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_show_gives_every_pinned_default_and_the_origin_of_every_value(bench, recipe):
    shown = {
        framework: json.loads(bench("show", f"{framework}-{recipe}", "--json").out)
        for framework in FRAMEWORKS
    }
    fields = {field["name"]: field for field in shown["torch"]["fields"]}
    assert set(fields) >= BATCH_NORM | {"dtype", "batch_size"}
    if recipe == "upsampling-sgd":
        assert set(fields) >= {"momentum", "nesterov", "initial_gain"}
        assert "nesterov" in shown["torch"]["conventions"]
    else:
        assert set(fields) >= ADAM | {"leaky_relu_slope"}
    origins = {"source", "chosen", "framework default pinned"}
    assert {field["origin"] for field in fields.values()} <= origins
    assert shown["torch"]["recipe_source"]
    for description in shown.values():
        assert description["fields"] == shown["torch"]["fields"]
        assert set(description["conventions"]) >= PINNED
    compilations = {of["conventions"].pop("compilation") for of in shown.values()}
    assert len(compilations) == len(FRAMEWORKS)
    assert all(of["conventions"] == shown["torch"]["conventions"] for of in shown.values())
    pinned = shown["torch"]["conventions"]
    of_torch = recipe.startswith("dcgan")
    assert ("Keras" in pinned["padding"]) is not of_torch
    assert pinned["kernels at the start"].startswith("N(0, " if of_torch else "Glorot uniform")
    assert "from logits" in pinned["losses"] and "TF32 is off" in pinned["matmul precision"]


def test_the_twin_takes_its_origins_defaults(bench):
    def values(name):
        return {
            f["name"]: f["value"] for f in json.loads(bench("show", name, "--json").out)["fields"]
        }

    torch_arithmetic = {
        "batch_norm_new_weight": 0.1,
        "batch_norm_epsilon": 1e-5,
        "batch_norm_variance": "unbiased",
        "adam_epsilon": 1e-8,
        "adam_epsilon_form": "after",
    }
    keras_arithmetic = {
        "batch_norm_new_weight": 0.01,
        "batch_norm_epsilon": 1e-3,
        "batch_norm_variance": "biased",
        "adam_epsilon": 1e-7,
        "adam_epsilon_form": "before",
    }
    assert values("keras-dcgan").items() >= torch_arithmetic.items()
    assert values("torch-baseline").items() >= keras_arithmetic.items()
    assert values("jax-dcgan").items() >= torch_arithmetic.items()
    assert values("jax-baseline").items() >= keras_arithmetic.items()


@pytest.mark.parametrize("columns", ["60", "90", "120", "170"])
def test_list_keeps_names_whole_and_lines_within_the_terminal(bench, columns):
    lines = bench("list", COLUMNS=columns).out.splitlines()
    assert max(map(len, lines)) <= int(columns)
    names = {line.split()[0] for line in lines if line.strip()}
    assert names >= {f"{framework}-{recipe}" for framework in FRAMEWORKS for recipe in RECIPES}


def test_a_line_goes_from_the_least_block_to_the_greatest():
    assert sparkline(np.arange(8.0), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline(np.arange(8.0)[::-1], 80) == "█▇▆▅▄▃▂▁"


def test_a_long_series_is_shown_by_its_means():
    assert sparkline(np.array([0.0, 2.0, 9.0, 9.0]), 2) == "▁█"
    assert len(sparkline(np.linspace(0, 1, 1_001), 60)) == 60


def test_what_is_not_finite_is_a_gap():
    nan, inf = np.nan, np.inf
    assert sparkline(np.array([0.0, nan, 1.0, inf, -inf]), 9) == "▁ █  "
    assert sparkline(np.array([0.0, nan, 1.0, nan]), 2) == "▁█"
    assert sparkline(np.array([nan, nan]), 5) == "  "


def test_what_does_not_change_is_shown_in_the_middle():
    assert sparkline(np.full(3, 0.7), 5) == "▅▅▅"
    assert sparkline(np.array([5.0, np.nan]), 5) == "▅ "


@pytest.mark.parametrize("width", [0, -3])
def test_without_values_or_place_there_is_no_line(width):
    assert sparkline(np.array([]), 10) == ""
    assert sparkline(np.array([1.0]), width) == ""


@pytest.fixture
def run(cli):
    """A run with losses of every kind, its grids and its scores."""
    path = empty_results(cli.folder / "results/local")
    scores = scores_of({0: 300.0, 600: 12.5})
    losses = some_losses(600)
    losses[:, 0] = np.linspace(3, 1, 600)
    losses[400:] = np.nan
    folder = add_run(path, run_spec(), scores=[scores], losses=losses, grids=(0, 600))
    return folder.path


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_run_fits_the_terminal_with_its_losses_and_files(cli, run, columns):
    done = cli("show", run.name, COLUMNS=str(columns))
    assert done.code == 0
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= columns
    for word in ("generator", "discriminator", "D(x)", "D(G(z))"):
        (line,) = (line for line in lines if line.startswith(word))
        assert "▁" in line and "█" in line
    (generator,) = (line for line in lines if line.startswith("generator"))
    shown = generator.removeprefix("generator").lstrip()
    assert shown[0] == "█" and shown.index("▁") > shown.index("▄")
    # The last third of the steps has no losses.
    assert "▁     " in shown if columns > 40 else "▁  " in shown
    for file in ("record.json", "losses.npy", "grids/*.png (2)", "scores/*.json (1)"):
        assert file in done.out


def test_runs_and_external_samples_of_an_archive_are_shown(cli, run):
    results = open_results(cli.folder / "results/local", create=False)
    images = Source(images="theirs.npz", sha256="f" * 64, count=1000)
    scores = scores_of({0: 9.0}).model_copy(update={"fake": images})
    add_external(results, "Theirs", [scores], b"", command="gan-bench score")
    assert cli("pack", "--out", "mine.zip").code == 0
    done = cli("show", run.name, "--results", "mine.zip")
    assert done.code == 0, done.err
    own = cli("show", run.name).out.split()
    assert done.out.replace("mine.zip/runs", "results/local/runs").split() == own
    theirs = ("show", "Theirs", "--json")
    assert cli(*theirs, "--results", "mine.zip").out == cli(*theirs).out != ""
    (cli.folder / "no.zip").write_text("nothing")
    assert "no.zip is refused: it is not a ZIP file" in complaint(
        cli("show", run.name, "--results", "no.zip")
    )


def test_a_run_without_losses_checkpoint_and_outputs_of_d_is_shown(cli):
    path = empty_results(cli.folder / "results/local")
    folder = add_run(path, run_spec(), status="error", reason="it broke", log_tail="last words")
    done = cli("show", folder.path.name)
    assert done.code == 0 and "it broke" in done.out and "last words" in done.out
    assert "▁" not in done.out
    assert "last checkpoint  — " in done.out
    losses = some_losses(600)
    losses[:, 2:] = np.nan
    np.save(folder.losses, losses.astype(np.float32))
    out = cli("show", folder.path.name).out
    assert "generator " in out and "D(x)" not in out
    folder.losses.write_bytes(b"nothing")
    done = cli("show", folder.path.name)
    assert done.code == 0 and "losses.npy are not readable" in done.out


def test_the_last_checkpoint_of_a_real_run_is_named(bench, plugin):
    bench("run", plugin("gan"), "--images", "256", "--evaluations", "2", "--samples", "100")
    (folder,) = bench.run_folders()
    (checkpoint,) = (folder / "checkpoints").iterdir()
    out = bench("show", folder.name).out
    assert f"checkpoints/{checkpoint.name}/" in out and "worker.log" in out
    (checkpoint / "state.json").write_text("{")
    assert "state.json is not readable" in " ".join(bench("show", folder.name).out.split())
