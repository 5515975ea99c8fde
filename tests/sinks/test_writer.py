"""What ``--log`` says: of the runs that it writes, and of a sink that fails, once."""

import signal

import pytest

from gan_bench.cli.run import _run_here
from gan_bench.cli.sinks import SinkWriter
from gan_bench.errors import GanBenchError
from gan_bench.launch.local import Interrupted
from gan_bench.launch.run_one import Options
from gan_bench.plan import Plan, RunSpec
from gan_bench.results.layout import ResultsFolder
from gan_bench.sinks import write
from report_folder import add_trained, empty_results


class Store:
    """A sink in memory, which fails while ``broken`` says why."""

    where = "here"

    def __init__(self):
        self.broken = None
        self.runs = []

    def check(self):
        pass

    def write(self, run):
        if self.broken is not None:
            raise OSError(self.broken)
        self.runs.append(run.run_id)


@pytest.fixture
def results(tmp_path):
    return empty_results(tmp_path / "results")


@pytest.fixture
def runs(results):
    return [add_trained(results, "torch-dcgan", [4.0], seed=seed) for seed in range(3)]


def ids_of(runs):
    return [run.path.name for run in runs]


def test_only_what_belongs_to_the_written_runs_is_said_and_once(results, runs, capsys):
    left_out = ("keras-dcgan is left out: keras is not installed.",)
    plan = Plan(command="", created_at="2026-01-02T03:00:00+00:00", runs=(), left_out=left_out)
    (results / "plans/earlier.json").write_text(plan.model_dump_json())
    (results / "plans/damaged.json").write_text("{")
    for run in runs[:2]:
        run.grid(300).write_bytes(b"no PNG")
    writer = SinkWriter({"tensorboard": Store(), "mlflow": Store()}, results)
    writer.write(ids_of(runs[1:]))
    said = capsys.readouterr().err
    assert said == f"{runs[1].grid(300)} is left out: it is no PNG file.\n"


def test_runs_of_a_sink_that_failed_are_tried_once_more_at_the_end(results, runs, capsys):
    store, other = Store(), Store()
    writer = SinkWriter({"mlflow": store, "tensorboard": other}, results)
    one, two, three = ids_of(runs)
    writer.write([one])
    store.broken = "no route"
    writer.write([two])
    store.broken = None
    writer.write([three])
    assert store.runs == [one] and other.runs == [one, two, three]
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "MLflow at here (no route); the results folder" in said
    writer.finish()
    assert store.runs == other.runs == [one, two, three]
    assert capsys.readouterr().err == (
        "3 runs written to mlflow in here.\n3 runs written to tensorboard in here.\n"
    )


def test_a_sink_that_fails_to_the_end_says_how_many_runs_it_has(results, runs, capsys):
    store = Store()
    writer = SinkWriter({"mlflow": store}, results)
    writer.write(ids_of(runs[:1]))
    store.broken = "no route"
    writer.write(ids_of(runs[1:2]))
    writer.write(ids_of(runs[2:]))
    said = capsys.readouterr().err
    assert said.startswith("Error: The runs could not be written") and said.count("\n") == 1
    expected = (
        "1 run written to mlflow in here, then it failed: no route. "
        "`gan-bench export --format mlflow` writes the others.\n"
    )
    writer.tell()
    assert capsys.readouterr().err == expected
    store.broken = "no route yet"
    writer.finish()
    assert capsys.readouterr().err == expected.replace("no route", "no route yet")


def test_what_was_written_before_a_failure_counts_and_is_not_written_again(results, runs, capsys):
    store = Store()

    def write_one(run):
        if store.runs:
            raise OSError("full")
        store.runs.append(run.run_id)

    store.write = write_one
    writer = SinkWriter({"mlflow": store}, results)
    writer.write(ids_of(runs))
    writer.tell()
    assert "1 run written to mlflow in here, then it failed: full." in capsys.readouterr().err
    del store.write
    writer.finish()
    assert sorted(store.runs) == sorted(ids_of(runs))
    assert capsys.readouterr().err == "3 runs written to mlflow in here.\n"


def test_an_interrupt_says_what_was_written(results, runs, capsys, monkeypatch):
    spec = RunSpec.read(runs[0].spec)

    def execute(*_, ended, **__):
        ended(spec)
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr("gan_bench.launch.local.execute", execute)
    plan = Plan(command="", created_at="2026-01-02T03:00:00+00:00", runs=(spec,))
    writer = SinkWriter({"mlflow": Store()}, results)
    with pytest.raises(SystemExit) as ended:
        _run_here(ResultsFolder(results), plan, Options(command=""), writer, wait=False)
    assert ended.value.code == 143
    assert capsys.readouterr().err.endswith("resumes.\n1 run written to mlflow in here.\n")


def test_a_run_that_cannot_be_read_is_a_sentence(results):
    add_trained(results, "torch-dcgan", [4.0], finished_at="yesterday")
    with pytest.raises(GanBenchError, match=r"^The runs .* at here \(Invalid isoformat string"):
        write("mlflow", Store(), results)
