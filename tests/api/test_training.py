"""``gan_bench.run``: the runs of the command line, from Python."""

import os
import signal
import threading

import numpy as np
import pytest

import gan_bench
from bench import same_bits
from gan_bench.errors import UsageError

SHORT = {"steps": 4, "evaluations": 2, "samples": 64, "metrics": "fid", "threads": 1}
TYPED = ("--steps", "4", "--evaluations", "2", "--samples", "64", "--metrics", "fid")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder of its own, also for the lock of the device."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.process
def test_a_call_trains_the_runs_of_the_command(bench, plugin, capfd):
    target = plugin("gan")
    results = gan_bench.run(target, seeds=[1], set={"gan.learning_rate": (0.01, 0.02)}, **SHORT)
    assert list(results.runs["status"]) == ["ok", "ok"]
    assert list(results.with_values().runs["value_learning_rate"]) == [0.01, 0.02]
    out, err = capfd.readouterr()
    assert out == "" and f"[2/2] {results.runs['run_id'][1]}: ok" in err
    command = results.records[results.runs["run_id"][0]].circumstances.command
    assert command == (
        "gan_bench.run('./gan.py', steps=4, seeds=[1], set={'gan.learning_rate': [0.01, 0.02]}, "
        "evaluations=2, samples=64, threads=1, metrics='fid')"
    )
    one = ("--seeds", "1,", "--set", "learning_rate=0.02", "--threads", "1", "--results", "typed")
    assert bench("run", target, *TYPED, *one).code == 0
    (typed,) = bench.run_folders("typed")
    assert typed.name == results.runs["run_id"][1]  # the id of a single --set
    same_bits(typed, bench.folder / "results/local/runs" / typed.name)
    # Another call returns its own runs only, and reuses what is there.
    values = {"learning_rate": np.float64(0.02)}
    again = gan_bench.run(target, seeds=np.array([1]), set=values, progress=False, **SHORT)
    assert list(again.runs["run_id"]) == [typed.name]
    assert len(gan_bench.load_results().runs) == 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.process
def test_a_run_that_fails_raises_nothing(plugin):
    target = plugin("gan", "def train(self, *_):\n    raise ValueError('no')\n")
    results = gan_bench.run(target, progress=False, **SHORT)
    assert list(results.runs["status"]) == ["error"]
    assert "no" in results.runs["reason"][0]
    assert "1 run (1 error)" in repr(results)


@pytest.mark.process
def test_ctrl_c_leaves_a_run_that_the_same_call_resumes(bench, plugin, capfd):
    target = plugin("gan", bench.slow(0.05))
    arguments = {**SHORT, "steps": 400}
    handler = signal.getsignal(signal.SIGINT)

    def interrupt():
        while not list(bench.folder.glob("results/local/runs/*/events.jsonl")):
            threading.Event().wait(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt, match="the same call resumes"):
        gan_bench.run(target, **arguments)
    assert signal.getsignal(signal.SIGINT) is handler
    bench.hurry()
    results = gan_bench.run(target, **arguments)
    assert list(results.runs["status"]) == ["ok"] and results.runs["attempts"][0] <= 2


def test_what_cannot_be_run_is_refused_in_a_sentence():
    class MyGan:
        pass

    with pytest.raises(UsageError, match="A target is a name or the path of a file, not <class"):
        gan_bench.run(MyGan)
    refused = []

    def call():
        try:
            gan_bench.run("torch-dcgan")
        except UsageError as error:
            refused.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert refused == ["Call gan_bench.run in the main thread: no other can be interrupted."]
    with pytest.raises(UsageError, match="No implementation to run has the field 'rate'"):
        gan_bench.run("torch-dcgan", dataset="mnist-5k", set={"rate": [1, 2]}, progress=False)
