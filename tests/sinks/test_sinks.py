"""``gan-bench run --log``: runs are written once they have ended, and keep their exit code."""

import importlib.util
import sys
import types

import pytest

from bench import complaint
from gan_bench import load_results

TINY = ("--steps", "8", "--evaluations", "2", "--samples", "64", "--metrics", "fid")
INSTALLED = [
    name for name in ("tensorboard", "mlflow") if importlib.util.find_spec(name) is not None
]
BREAKS_THE_FOLDER = """
def train(self, batches, draws):
    import shutil
    folder = Path({folder!r})
    if folder.is_dir():
        shutil.rmtree(folder)
        folder.write_text("")
    return super().train(batches, draws)
"""


@pytest.mark.skipif(len(INSTALLED) < 2, reason="tensorboard or mlflow is not installed")
def test_a_run_is_written_to_both(bench, plugin, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    target = plugin("my-gan")
    options = ("--log", "tensorboard", "--log", "mlflow")
    done = bench.here("run", target, *TINY, *options)
    assert done.code == 0, done.err
    place = bench.folder / "reports/local"
    assert "1 run written to tensorboard in reports/local/tensorboard." in done.err
    assert f"1 run written to mlflow in sqlite:///{place}/mlflow/mlflow.db." in done.err
    frames = load_results(bench.folder / "results/local")
    ids = set(frames.runs["run_id"])
    assert {path.name for path in (place / "tensorboard").iterdir()} == ids

    from mlflow.tracking import MlflowClient

    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("notf"))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    store = MlflowClient(f"sqlite:///{place}/mlflow/mlflow.db")
    (experiment,) = (e for e in store.search_experiments() if e.name == "gan-bench mnist-5k")
    runs = {
        r.data.tags["gan_bench.run_id"]: r for r in store.search_runs([experiment.experiment_id])
    }
    assert runs.keys() == ids
    for run_id in ids:
        losses = frames.losses[frames.losses["run_id"] == run_id].set_index("step")["generator"]
        found = EventAccumulator(str(place / "tensorboard" / run_id))
        found.Reload()
        means = {event.step: event.value for event in found.Scalars("loss/generator")}
        assert max(means) == 8 and means
        start = 0
        for step, mean in means.items():  # as the journal has them
            assert mean == pytest.approx(losses.loc[start + 1 : step].mean(), rel=1e-5)
            start = step
        metrics = store.get_metric_history(runs[run_id].info.run_id, "loss/generator")
        assert {metric.step: pytest.approx(metric.value) for metric in metrics} == means
        (final,) = (event for event in found.Scalars("score/fid_lenet") if event.step == 8)
        row = frames.scores.set_index(["run_id", "step", "metric"])["value"]
        assert final.value == pytest.approx(row[run_id, 8, "fid_lenet"])


COUNTS_WHAT_IS_WRITTEN = """
def train(self, batches, draws):
    with Path({seen!r}).open("a") as file:
        file.write(f"{{len(list(Path({folder!r}).glob('*/events.*')))}} ")
    return super().train(batches, draws)
"""


@pytest.mark.skipif("tensorboard" not in INSTALLED, reason="tensorboard is not installed")
@pytest.mark.parametrize(
    ("options", "counts"), [((), {"0", "1"}), (("--score", "later"), {"0"})], ids=["now", "later"]
)
def test_a_run_is_written_when_it_has_ended(bench, plugin, options, counts):
    folder, seen = (str(bench.folder / name) for name in ("reports/local/tensorboard", "seen"))
    target = plugin("my-gan", COUNTS_WHAT_IS_WRITTEN.format(folder=folder, seen=seen))
    done = bench.here("run", target, *TINY, "--seeds", "2", "--log", "tensorboard", *options)
    assert done.code == 0, done.err
    assert set((bench.folder / "seen").read_text().split()) == counts
    assert "2 runs written to tensorboard in reports/local/tensorboard." in done.err


@pytest.mark.skipif("tensorboard" not in INSTALLED, reason="tensorboard is not installed")
@pytest.mark.long
def test_a_sink_that_fails_after_training_is_a_sentence(bench, plugin):
    folder = str(bench.folder / "reports/local/tensorboard")
    target = plugin("my-gan", BREAKS_THE_FOLDER.format(folder=folder))
    done = bench.here("run", target, *TINY, "--log", "tensorboard")
    assert done.code == 0, done.err
    assert "1 of 1 run succeeded" in done.out
    (sentence,) = (line for line in done.err.splitlines() if line.startswith("Error:"))
    assert sentence == (
        "Error: The runs could not be written to TensorBoard at reports/local/tensorboard "
        f"({folder} is not a folder); the results folder keeps them, and `gan-bench export "
        "--format tensorboard` writes them again."
    ).replace(folder, "reports/local/tensorboard")
    assert done.err.splitlines()[-1].startswith(
        "0 runs written to tensorboard in reports/local/tensorboard, then it failed: reports/"
    )
    assert set(load_results(bench.folder / "results/local").runs["status"]) == {"ok"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--mlflow-uri", "http://x"], "--mlflow-uri is the address of MLflow's store"),
        (["--log", "wandb"], "'wandb' is not one of 'tensorboard', 'mlflow'"),
        (["--log", "tensorboard", "--detach"], "and --detach does not wait for that"),
    ],
)
def test_bad_options_are_refused(bench, plugin, options, said):
    assert said in complaint(bench.here("run", plugin("my-gan"), *options))
    assert not (bench.folder / "results").exists()
