"""What MLflow's own client finds in a store is what was measured, once."""

import importlib.util
import shutil
import socket
from pathlib import Path

import pytest

from bench import complaint
from gan_bench import load_results
from gan_bench.sinks.mlflow import MLflow
from report_folder import (
    MACHINE,
    add_run,
    add_trained,
    empty_results,
    protocol,
    run_spec,
    scores_of,
)

MISSING = [
    name for name in ("mlflow", "sqlalchemy", "alembic") if importlib.util.find_spec(name) is None
]
pytestmark = [
    pytest.mark.process,  # MLflow asks `uname` when it is imported
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]
EXPERIMENT = "gan-bench mnist"


@pytest.fixture
def results(cli, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return empty_results(cli.folder / "results/local")


def client(path):
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{path}/mlflow.db")


def export(cli, *arguments, **environment):
    done = cli("export", "--format", "mlflow", *arguments, **environment)
    assert done.code == 0, done.err
    assert "INFO" not in done.err
    return done


def stored(store):
    experiment = store.get_experiment_by_name(EXPERIMENT)
    return store.search_runs([experiment.experiment_id])


def history(store, run, name):
    return [(one.step, one.value) for one in store.get_metric_history(run.info.run_id, name)]


def test_the_client_finds_parameters_metrics_and_artifacts(cli, results):
    folder = add_trained(results, "torch-dcgan", [4.0])
    add_run(results, run_spec(seed=3), status="error", reason="it failed", scores=[])
    done = export(cli)
    place = cli.folder / "reports/local/mlflow"
    assert done.out == f"2 runs written to sqlite:///{place}/mlflow.db\n"
    store = client(place)
    runs = {run.data.tags["gan_bench.run_id"]: run for run in stored(store)}
    frames = load_results(results)
    assert runs.keys() == set(frames.runs["run_id"])
    run = runs[folder.path.name]
    assert (run.info.run_name, run.info.status) == (folder.path.name, "FINISHED")
    spec = frames.specs[folder.path.name]
    for name, value in spec.recipe_values.items():
        assert run.data.params[name] == str(value)
    expected = {"implementation": "torch-dcgan", "seed": "0", "budget": "60,000 images"}
    assert expected.items() <= run.data.params.items()
    for metric, rows in frames.scores.groupby("metric"):
        rows = rows[rows["run_id"] == folder.path.name]
        found = sorted(history(store, run, f"score/{metric}"))
        assert found == list(zip(rows["step"], rows["value"], strict=True))
    losses = frames.losses.set_index("step")
    for step, value in history(store, run, "loss/generator"):
        mean = losses.loc[step - 49 : step, "generator"].mean()
        assert value == pytest.approx(mean, rel=1e-6)
    assert history(store, run, "run/images_per_s") == [(600, 1000.0)]
    failed = runs[run_spec(seed=3).run_id]
    assert failed.info.status == "FAILED" and failed.data.tags["gan_bench.reason"] == "it failed"
    for name in ("record.json", *(f"grids/{path.name}" for path in folder.grids.iterdir())):
        kept = Path(store.download_artifacts(run.info.run_id, name))
        assert kept.read_bytes() == (folder.path / name).read_bytes()
        assert run.info.artifact_uri.startswith(place.as_uri())
    assert {path.name for path in cli.folder.iterdir()} == {"results", "reports"}


@pytest.mark.long
def test_writing_again_adds_what_is_new_and_nothing_twice(cli, results):
    folder = add_trained(results, "torch-dcgan", [4.0])
    export(cli, "--out", "store")
    store = client(cli.folder / "store")
    (before,) = stored(store)
    store.set_tag(before.info.run_id, "note", "mine")
    histories = {name: history(store, before, name) for name in before.data.metrics}
    export(cli, "--out", "store")
    (again,) = stored(store)
    assert again.info.run_id == before.info.run_id and again.data.tags["note"] == "mine"
    assert {name: history(store, again, name) for name in again.data.metrics} == histories
    scores_of({600: 70.0}, under=protocol(features="inception")).write_in(folder.scores)
    export(cli, "--out", "store")
    (after,) = stored(store)
    assert history(store, after, "score/fid_inception") == [(600, 70.0)]
    assert after.data.metrics.keys() - before.data.metrics.keys() == {"score/fid_inception"}


def test_another_training_of_a_run_takes_its_place_unless_another_machine_ran_it(cli, results):
    folder = add_trained(results, "torch-dcgan", [4.0])
    export(cli, "--out", "store")
    store = client(cli.folder / "store")
    (before,) = stored(store)
    assert cli("pack", "--out", "mine.zip").code == 0
    export(cli, "--out", "store", "--results", "mine.zip")
    (packed,) = stored(store)
    assert packed.info.run_id == before.info.run_id
    shutil.rmtree(folder.path)
    again = add_trained(results, "torch-dcgan", [5.0], finished_at="2026-02-02T03:04:05+00:00")
    assert again == folder
    export(cli, "--out", "store")
    (after,) = stored(store)
    assert after.info.run_id != before.info.run_id
    assert after.data.tags["gan_bench.run_id"] == before.data.tags["gan_bench.run_id"]
    assert (600, 5.0) in history(store, after, "score/fid_lenet")
    assert (600, 4.0) not in history(store, after, "score/fid_lenet")
    shutil.rmtree(folder.path)
    larger = {"machine": MACHINE.model_copy(update={"cores": 4})}
    assert add_trained(results, "torch-dcgan", [6.0], circumstances=larger) == folder
    export(cli, "--out", "store")
    finals = [history(store, run, "score/fid_lenet")[-1] for run in stored(store)]
    assert sorted(finals) == [(600, 5.0), (600, 6.0)]


@pytest.mark.long
def test_an_address_of_a_store_is_respected(cli, results):
    add_trained(results, "torch-dcgan", [4.0])
    uri = f"sqlite:///{cli.folder}/mlflow.db"
    done = export(cli, "--mlflow-uri", uri, MLFLOW_TRACKING_URI="http://127.0.0.1:1")
    assert uri in done.out
    done = export(cli, MLFLOW_TRACKING_URI=uri)
    assert uri in done.out
    assert len(stored(client(cli.folder))) == 1
    assert not (cli.folder / "reports").exists()


def test_a_store_that_is_not_there_is_refused_before_training(cli, results, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for command in (
            ("export", "--format", "mlflow", "--mlflow-uri", uri),
            ("run", "torch-dcgan", "--results", "new", "--log", "mlflow", "--mlflow-uri", uri),
        ):
            error = complaint(cli(*command))
            assert error.startswith(f"MLflow cannot write to {uri} (")
            assert error.endswith("; name another store with --mlflow-uri.")
    assert not (cli.folder / "new").exists()


def test_a_store_that_is_not_one_is_refused(cli, results):
    add_trained(results, "torch-dcgan", [4.0])
    (cli.folder / "mlflow.db").write_text("no database")
    for uri in (f"sqlite:///{cli.folder}/mlflow.db", "nonsense://x"):
        error = complaint(cli("export", "--format", "mlflow", "--mlflow-uri", uri))
        assert error.startswith(f"MLflow cannot write to {uri} (")


def test_a_package_that_is_missing_is_named(cli, results, monkeypatch):
    from gan_bench import sinks

    monkeypatch.setattr(sinks, "_PACKAGES", {"mlflow": ("no_such", "package_here")})
    assert complaint(cli("export", "--format", "mlflow")) == (
        "MLflow needs no_such and package_here, which are not installed: `pip install "
        '"gan-bench[mlflow]"`.'
    )


def test_an_empty_address_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert MLflow(tmp_path).where == f"sqlite:///{tmp_path}/mlflow.db"
