"""A loop in this process becomes a run: record, clock, losses, samples, scores, and every end."""

import io
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

import gan_bench
from bench import ROOT, CommandLine, complaint, measured_here, scored_here
from documents import blocks
from gan_bench import data, tracking
from gan_bench.errors import UsageError
from gan_bench.launch.circumstances import Watch
from gan_bench.launch.status import Scan
from gan_bench.results.layout import ResultsFolder
from gan_bench.results.record import Record
from gan_bench.system.locks import run_lock
from gan_bench.worker.failure import Diverged

pytestmark = pytest.mark.process
FOLDER = "results/local"


def images(count):
    """Return grey images, floats in [-1, 1], channels first."""
    return np.linspace(-1, 1, count * 784).reshape(count, 1, 28, 28)


def loss_at(step):
    return np.float32(step), np.array([step / 2])


class Loops:
    """Tracks loops of eight steps in a folder of its own; ``said`` has what they say."""

    def __init__(self):
        self.said = []

    def __call__(self, name="my-gan", **changes):
        asked = {"dataset": "mnist-5k", "seed": 3, "budget": "8 steps", "batch_size": 32}
        asked |= {"framework": "own", "say": self.said.append}
        small = {"samples": 64, "evaluations": 3, "metrics": "fid"}
        return gan_bench.track(name, **(asked | small | changes))

    def train(self, bench, until):
        """Train until a step, with its samples."""
        bench.samples(images)
        while bench.steps_done < until:
            generator, discriminator = loss_at(bench.steps_done + 1)
            bench.step(discriminator=discriminator, generator=generator)
            bench.samples(images)


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Track loops as scripts do."""
    monkeypatch.chdir(tmp_path)
    return Loops()


@pytest.fixture
def track(measured):
    """The same without processes for the scores and for the machine's rate, which cost most."""
    with scored_here(), measured_here():
        yield measured


def results():
    return ResultsFolder(Path(FOLDER))


def path_of(bench):
    return results().run(bench.run_id)


def record_of(bench):
    return Record.read(path_of(bench).record)


def test_a_loop_becomes_a_run(measured, tmp_path):
    bench = measured(values={"lr": 2e-4}, seed=5)
    assert [row.status for row in Scan(results()).statuses()] == ["running"]
    assert bench.due and not bench.done and bench.steps == 8
    measured.train(bench, 8)
    assert bench.done and not bench.due
    journal = path_of(bench).events.absolute()
    assert str(journal) not in {file.path for file in psutil.Process().open_files()}
    record = record_of(bench)
    assert (record.status, record.paired, record.attempts) == ("ok", False, 1)
    assert (record.weights_sha256, record.import_s, record.parity) == (None, None, None)
    assert record.warmup_s > 0 and record.train_s > 0 and record.untimed_steps == 0
    around = record.circumstances
    assert around.probe_gflops_before > 0 and around.probe_gflops_after > 0
    assert [point.step for point in record.evaluation_points] == [0, 4, 8]
    assert all(point.train_s is not None for point in record.evaluation_points)
    spec = record.spec
    assert (spec.own_loop, spec.losses) == (True, ("generator", "discriminator"))
    assert spec.recipe_values == {"lr": 2e-4, "batch_size": 32}
    assert spec.implementation.path == __file__ and spec.implementation.framework == "own"
    loaded = gan_bench.load_results(FOLDER)
    assert list(loaded.losses["generator"]) == [float(step) for step in range(1, 9)]
    assert list(loaded.losses["discriminator"]) == [step / 2 for step in range(1, 9)]
    assert list(loaded.scores["step"]) == [0, 4, 8] and loaded.scores["value"].notna().all()
    assert "test_run.py" in measured.said[0] and "steps 0, 4 and 8" in measured.said[0]
    assert (
        measured.said[1].startswith("my-gan seed 5: ok, FID ") and bench.run_id in measured.said[1]
    )

    with pytest.raises(UsageError, match="has ended"):
        bench.step(generator=1.0, discriminator=1.0)
    with pytest.raises(UsageError, match="force=True starts it over"):
        measured(values={"lr": 2e-4}, seed=5)
    cli = CommandLine(tmp_path)
    for command in (("compare", FOLDER, FOLDER), ("export",), ("clean", "--yes")):
        assert cli(*command).code == 0
    sentence = complaint(cli("sample", bench.run_id))
    assert "was trained by its own script" in sentence
    assert "the times include its own data pipeline" in cli("show", bench.run_id).out
    assert cli("doctor", "--results", FOLDER).code == 0


def test_the_batches_are_those_of_every_implementation(track):
    bench = track(batches_per_step=2)
    train = data.load("mnist-5k").train
    rows = data.batches(
        seed=3, first_step=0, steps=8, real_batches_per_step=2, batch_size=32, images=4000
    ).reshape(-1, 32)
    found = list(bench.batches())
    assert len(found) == 16
    for indices, (real, labels) in zip(rows, found, strict=True):
        assert np.array_equal(real, train.images[indices])
        assert np.array_equal(labels, train.labels[indices])
    assert np.array_equal(bench.latents(3, 5), bench.latents(9, 5)[:3])
    bench.end()
    assert record_of(bench).reason == "the script ended without using up its budget"


def test_bad_input_is_one_sentence_and_the_loop_can_go_on(track):
    bench = track()
    ones = np.ones((64, 28, 28, 1))
    for wrong, said in [
        (ones[:63], "samples() got 63 images; give it 64."),
        (ones[:, :27], "samples() got an array of (64, 27, 28, 1); give it 64 images of 28 x 28"),
        (ones.astype(np.int64), "samples() got int64; give it uint8, or floats from -1 to 1"),
        (127 * ones, "samples() got floats from 127 to 127; scale them"),
        ("images", "samples() got str; give it an array"),
        (lambda count: ones[: count - 1], "samples() got 63 images"),
    ]:
        with pytest.raises(UsageError) as found:
            bench.samples(wrong)
        assert said in str(found.value)
    for losses, said in [
        ({}, "step() got no loss"),
        ({"generator": "low"}, "The loss generator is str; give step() a number."),
        ({"run_id": 1.0}, "no loss can be called run_id"),
        ({"d_real": 1.0}, "it has no loss that a network minimises"),
    ]:
        with pytest.raises(UsageError) as found:
            bench.step(**losses)
        assert said in str(found.value)
    track.train(bench, 3)
    with pytest.raises(UsageError) as found:
        bench.step(generator=1.0, critic=1.0)
    assert "step() got the losses generator and critic, and generator and discriminator" in str(
        found.value
    )
    bench.step(generator=1.0, discriminator=1.0)
    with pytest.raises(UsageError, match="The samples of step 4 are missing"):
        bench.step(generator=1.0, discriminator=1.0)
    track.train(bench, 8)
    assert record_of(bench).status == "ok"


class Late:
    """A loss that cannot be read at first, as if the user interrupted the wait for the device."""

    readable = False

    def __array__(self, dtype=None, copy=None):
        if not Late.readable:
            raise KeyboardInterrupt
        return np.full((), 2.0)


def test_a_loss_that_is_no_number_is_refused_at_its_step(track):
    bench = track()
    track.train(bench, 1)
    with pytest.raises(UsageError, match="The loss generator is NoneType"):
        bench.step(generator=None, discriminator=1.0)
    assert bench.steps_done == 1
    track.train(bench, 8)
    assert record_of(bench).images_per_s and not np.isnan(np.load(path_of(bench).losses)).any()


def test_losses_of_a_first_chunk_that_cannot_be_read_leave_a_folder_that_can(track):
    with pytest.raises(UsageError, match="The loss generator is"), track() as bench:
        bench.step(generator=1.0)
        bench.step(generator=np.array("low"))
    assert record_of(bench).spec.losses == ("generator",)
    loaded = gan_bench.load_results(FOLDER)
    assert list(loaded.runs["status"]) == ["error"] and not loaded.left_out
    assert len(loaded.losses) == 8 or loaded.losses.empty


@pytest.mark.parametrize("step", [2, 4, 8])
def test_a_chunk_that_could_not_end_ends_at_the_next_call(track, step, monkeypatch):
    monkeypatch.setattr(Late, "readable", False)
    bench = track()
    track.train(bench, step - 1)
    losses = {"generator": Late(), "discriminator": 1.0}
    while not bench.due:
        with pytest.raises(KeyboardInterrupt):
            bench.step(**losses)
        losses["generator"] = 1.0
    with pytest.raises(KeyboardInterrupt):
        bench.samples(images)
    assert bench.due and bench.steps_done == max(step, 4)
    Late.readable = True
    track.train(bench, 8)
    record = record_of(bench)
    assert record.status == "ok" and record.untimed_steps == (2 if step > 2 else 0)
    assert np.load(path_of(bench).losses)[step - 1].tolist() == [2.0, 1.0]


class OfDevice:
    """A loss on a GPU, which takes a while until it can be read; at first, the user interrupts."""

    def __init__(self, seconds, interrupts=0):
        self.seconds, self.interrupts = seconds, interrupts

    def __array__(self, dtype=None, copy=None):
        if self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt
        time.sleep(self.seconds)
        return np.full((), 2.0)


@pytest.mark.parametrize(
    ("device", "steps", "interrupts"),
    [("cpu", 2, 1), ("cpu", 1, 0), ("cuda:0", 2, 1), ("cuda:0", 1, 0)],  # of chunks of two
)
def test_the_chunk_that_an_exception_ends_has_the_time_of_its_steps_on_a_cpu(
    track, device, steps, interrupts
):
    bench = track()
    track.train(bench, 4)
    bench._spec = bench._spec.model_copy(update={"device": device})
    with pytest.raises(KeyboardInterrupt), bench:
        for step in range(steps):
            loss = OfDevice(0.1, 0 if step else interrupts)
            bench.step(generator=loss, discriminator=1.0)
        raise KeyboardInterrupt
    record = record_of(bench)
    # On a GPU nobody knows when they ended: the script may have done more before the end.
    untimed = 0 if device == "cpu" else steps
    assert (record.status, record.untimed_steps) == ("killed", untimed)
    assert (record.resume_s is None) is (device == "cpu")


def test_a_loop_on_a_gpu_that_stands_still_before_its_end_has_no_time(track):
    bench = track()
    track.train(bench, 4)
    bench._spec = bench._spec.model_copy(update={"device": "cuda:0"})
    track.train(bench, 5)
    bench.end()
    assert record_of(bench).untimed_steps == 1


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (None, "error", "the script ended without using up its budget"),
        (KeyboardInterrupt(), "killed", "interrupted by SIGINT"),
        (ZeroDivisionError("no batches"), "error", "ZeroDivisionError: no batches, in "),
        (MemoryError(), "oom", "MemoryError"),
    ],
)
def test_the_end_of_the_script_leaves_a_record(track, error, status, reason):
    bench = track()
    try:
        with bench:
            track.train(bench, 5)
            if error is not None:
                raise error
    except BaseException as raised:  # noqa: BLE001 - a KeyboardInterrupt is one
        assert raised is error
    record = record_of(bench)
    assert (record.status, record.steps_done) == (status, 5)
    assert record.reason.startswith(reason)
    assert "test_run.py" in record.reason or status != "error" or error is None
    assert f"{status} after step 5 of 8" in track.said[-1]


def test_losses_and_samples_that_are_not_finite_are_a_divergence(track):
    bench = track()
    with pytest.raises(Diverged, match="the loss generator was not finite at step 2"):
        for loss in (1.0, np.nan):
            bench.step(generator=loss, discriminator=1.0)
    assert (record_of(bench).status, record_of(bench).steps_done) == ("diverged", 2)
    with pytest.raises(UsageError, match="has ended"):
        bench.step(generator=1.0, discriminator=1.0)
    with pytest.raises(
        UsageError, match=r"resume_from=2: .* not finite at step 2; restore a check"
    ):
        track(resume_from=2)
    assert record_of(bench).status == "diverged"
    only = track(seed=4)
    with pytest.raises(Diverged):
        for loss in (1.0, np.nan):
            only.step(generator=loss)
    with pytest.raises(UsageError, match=r"resume_from=2: the loss generator was not finite at"):
        track(seed=4, resume_from=2)
    again = track(force=True)
    with pytest.raises(Diverged, match="the samples were not finite at step 0"):
        again.samples(np.full((64, 28, 28), np.nan))
    assert record_of(again).reason == "the samples were not finite at step 0"


@pytest.mark.parametrize(
    ("loss", "shown"), [(1e39, "1e+39"), (np.float64(-2e300), "-2e+300"), (10**400, "1.8e+308")]
)
def test_a_finite_loss_that_does_not_fit_is_called_so(track, loss, shown):
    bench = track()
    bench.step(generator=3e38, discriminator=1.0)
    with pytest.raises(Diverged) as found:
        track.train(bench, 1)
        bench.step(generator=loss, discriminator=1.0)
        bench.step(generator=1.0, discriminator=1.0)
        bench.step(generator=1.0, discriminator=1.0)
    reason = f"the loss generator was too large for float32 ({shown}) at step 2"
    assert str(found.value).startswith(reason) and record_of(bench).reason == reason
    assert np.isinf(np.load(path_of(bench).losses)[1, 0])


def test_a_run_goes_on_from_a_checkpoint_of_the_script(measured):
    first = measured()
    with first:
        measured.train(first, 5)
    folder = first._files.folder
    assert folder.snapshot(4).exists() and record_of(first).status == "error"
    with pytest.raises(UsageError, match=r"the run my-gan-\S+ has only 5 recorded steps; restore"):
        measured(resume_from=6)
    with pytest.raises(UsageError, match=r"up to the 8 steps of the budget, not 9"):
        measured(resume_from=9)
    with pytest.raises(UsageError, match=r"folder has no run my-gan-\S+\. An id depends on"):
        measured(resume_from=3, values={"lr": 1})
    # The earlier attempt went to step 5; the script's checkpoint is of step 3, within a chunk.
    with measured(resume_from=3) as bench:
        assert bench.run_id == first.run_id and bench.steps_done == 3 and not bench.due
        assert not folder.snapshot(4).exists() and folder.snapshot(0).exists()
        assert not folder.record.exists()
        measured.train(bench, 8)
    record = record_of(bench)
    assert (record.status, record.attempts, record.steps_done) == ("ok", 2, 8)
    assert record.resume_s > 0 and record.untimed_steps > 0
    assert [point.step for point in record.evaluation_points] == [0, 4, 8]
    assert any("it goes on from step 3, and drops what an" in line for line in measured.said)
    losses = np.load(folder.losses)
    assert losses.tolist() == [[float(s), s / 2] for s in range(1, 9)]


def test_steps_whose_losses_were_not_written_are_not_recorded(track):
    bench = track()
    track.train(bench, 8)
    path_of(bench).record.unlink()
    losses = np.load(path_of(bench).losses)
    losses[1:] = np.nan
    np.save(path_of(bench).losses, losses)
    with pytest.raises(UsageError, match=r"my-gan-\S+ has only 1 recorded step; restore"):
        track(resume_from=4)


def test_the_peak_memory_is_that_of_all_attempts_and_of_nothing_before(track):
    before = bytearray(400 * 2**20)
    del before
    with track() as first:
        track.train(first, 4)
        within = bytearray(200 * 2**20)
        del within
    peak = record_of(first).peak_rss_mb
    with track(resume_from=4) as bench:
        track.train(bench, 5)
    assert record_of(bench).peak_rss_mb == peak
    with track(force=True) as bench:
        track.train(bench, 1)
    assert record_of(bench).peak_rss_mb < peak - 100


def test_an_interrupt_of_the_last_measurement_leaves_a_record(track, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    bench = track()
    track.train(bench, 7)
    bench.step(generator=1.0, discriminator=1.0)
    monkeypatch.setattr(Watch, "stop", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.samples(images)
    record = record_of(bench)
    assert (record.status, record.steps_done) == ("ok", 8) and record.images_per_s
    assert record.circumstances.probe_gflops_after is None


@pytest.mark.parametrize("sampled", [False, True])
def test_a_run_that_was_killed_before_its_record_is_finished(track, sampled):
    first = track()
    track.train(first, 8)
    path = path_of(first)
    path.record.unlink()
    if not sampled:
        path.snapshot(8).unlink()
    bench = track(resume_from=8)
    assert bench.done and bench.due is not sampled
    track.train(bench, 8)
    record = record_of(bench)
    assert (record.status, record.steps_done, record.attempts) == ("ok", 8, 2)
    assert [point.step for point in record.evaluation_points] == [0, 4, 8] and record.train_s


def test_the_clock_counts_steps_and_no_samples(track):
    def slow(count):
        time.sleep(0.3)
        return images(count)

    bench = track()
    time.sleep(0.3)
    for number, _ in enumerate(bench.batches(), 1):
        bench.step(generator=1.0, discriminator=1.0)
        bench.samples(slow)
        if number in (2, 6):
            time.sleep(0.3)  # in the chunks 2 to 4 and 6 to 8
    record = record_of(bench)
    assert record.warmup_s < 0.3 and record.sample_s >= 0.6
    assert 0.6 <= record.train_s < 0.9


def test_of_a_chunk_that_is_resumed_within_half_the_time_counts(track):
    with track() as first:
        track.train(first, 2)
        time.sleep(0.6)
        track.train(first, 5)
    with track(resume_from=3) as bench:
        time.sleep(0.6)
        for _ in bench.batches():
            bench.step(generator=1.0, discriminator=1.0)
            bench.samples(images)
    record = record_of(bench)
    assert 0.3 <= record.train_s < 0.6 and record.untimed_steps == 1
    assert record.warmup_s < 0.6 and record.resume_s < 0.6


def test_a_run_that_cannot_begin_leaves_nothing_behind(track, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with track() as first:
        track.train(first, 4)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("gan_bench.tracking.run.read_losses", interrupted)
        track(resume_from=4)
    assert "heartbeat" not in [thread.name for thread in threading.enumerate()]
    journal = str(path_of(first).events.absolute())
    assert journal not in {file.path for file in psutil.Process().open_files()}
    with track(resume_from=4) as bench:
        track.train(bench, 8)
    assert record_of(bench).status == "ok"


def test_a_run_of_another_process_is_left_alone(track):
    bench = track()
    bench.end()
    with (
        run_lock(results().locks, bench.run_id, "python train.py"),
        pytest.raises(UsageError, match=r"is in use by process .*`python train.py`"),
    ):
        track()


def test_the_same_loop_again_in_a_notebook_ends_the_earlier_one(track):
    first = track()
    second = track()
    assert "killed after step 0 of 8, tracked anew in the same process" in track.said[-2]
    with pytest.raises(UsageError, match="has ended"):
        first.step(generator=1.0)
    second.end()


def test_arguments_that_are_refused_do_not_end_the_run_in_progress(track):
    bench = track()
    track.train(bench, 3)
    for wrong, said in [
        ({"resume_from": 5}, "of this process is at step 3"),
        ({"resume_from": 2, "force": True}, "give one of the two"),
    ]:
        with pytest.raises(UsageError, match=said):
            track(**wrong)
    track.train(bench, 8)
    assert record_of(bench).status == "ok"


def test_a_mistake_at_the_prompt_ends_no_run(track, monkeypatch):
    bench = track()
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    tracking._record_exception(NameError, NameError("typo"), None)
    track.train(bench, 8)
    assert record_of(bench).status == "ok"


def test_a_record_that_cannot_be_written_at_the_end_of_a_script_is_told(track, capsys):
    first, second = track(), track(seed=4)
    path_of(first).record.mkdir()
    tracking._end_all()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"gan-bench: the run {first.run_id} has no record (IsADirectoryError: ")
    assert record_of(second).status == "error"


def test_a_message_that_cannot_be_shown_costs_no_run_its_record(track, monkeypatch, capsys):
    def broken(text):
        if "error after step" in text:
            raise ValueError("closed")

    runs = track(say=None), track(seed=4, say=None), track(seed=5, say=broken)
    told = capsys.readouterr().err.count("\n")
    with monkeypatch.context() as patched:
        closed = io.StringIO()
        closed.close()
        patched.setattr(sys, "stderr", closed)
        tracking._end_all()
    assert [record_of(run).status for run in runs] == ["error"] * 3
    track(seed=5, say=broken)
    tracking._end_all()
    assert told == 2 and capsys.readouterr().err == ""


class OnDevice(float):
    """A loss that says where it is, as a tensor of PyTorch or TensorFlow does."""

    def __new__(cls, device):
        found = super().__new__(cls, 1.0)
        found.device = device
        return found


class OfJax(float):
    """A loss that says where it is, as an array of JAX does."""

    def devices(self):
        return [SimpleNamespace(platform="gpu")]


def test_losses_on_a_gpu_are_no_run_on_the_cpu(track):
    bench = track()
    for loss in (OnDevice("cuda:0"), OnDevice("/job:localhost/task:0/device:GPU:0"), OfJax(1)):
        with pytest.raises(UsageError, match=r'generator is on a GPU.*give it device="cuda"'):
            bench.step(generator=loss, discriminator=1.0)
    assert bench.steps_done == 0
    bench.step(generator=OnDevice("cpu"), discriminator=1.0)
    track.train(bench, 8)
    assert record_of(bench).status == "ok"


def test_metrics_may_be_a_list_and_weights_need_inception(measured, tmp_path):
    bench = measured(metrics=["fid", "kid"], features=["lenet"], cache=False)
    measured.train(bench, 8)
    found = set(gan_bench.load_results(FOLDER).scores["metric"])
    assert {"fid_lenet", "kid_lenet"} <= found
    with pytest.raises(UsageError, match="weights are Inception's"):
        measured(seed=9, weights=tmp_path / "weights.pt")


def test_the_results_folder_is_a_path(track):
    with pytest.raises(UsageError, match="results= takes the path of a folder, not None"):
        track(results=None)
    Path("results").write_text("a file")
    with pytest.raises(UsageError, match=r"^The results folder results is a file; name a folder"):
        track(results="results")


def test_samples_from_0_to_1_are_a_hint(track):
    bright = np.linspace(0, 1, 64 * 784).reshape(64, 28, 28)
    bench = track()
    bench.samples(bright)  # an untrained generator may make such
    for _ in range(4):
        bench.step(generator=1.0, discriminator=1.0)
    assert not any("scale those" in line for line in track.said)
    bench.samples(bright)
    assert "so scale those from 0 to 1." in track.said[-1]
    bench.end()
    bench = track()
    for _ in range(4):
        bench.step(generator=1.0, discriminator=1.0)
    bench.samples(bright / 10)
    bench.end()
    assert sum("scale those" in line for line in track.said) == 1


def test_the_loop_of_the_documents_works(tmp_path):
    (block,) = [part for part in blocks(ROOT / "docs/tracking.md", "python") if "track(" in part]
    before = "import numpy\ng_loss = d_loss = 0.5\n"
    before += "generate = lambda count: numpy.zeros((count, 28, 28), 'uint8')\n"
    (tmp_path / "train.py").write_text(before + block)
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "my-gan seed 0: ok, FID" in done.stderr and done.stdout == ""
    record = CommandLine(tmp_path).records()["my-gan"]
    assert (record["steps_done"], record["spec"]["samples"]) == (400, 1000)


SCRIPT = """
import os, signal, sys
import numpy as np
import gan_bench
class Network:
    pass
bench = gan_bench.track("my-gan", dataset="mnist-5k", seed=0, budget="4 steps", batch_size=32,
                        samples=64, evaluations=2, metrics="fid")
def generate(count):
    return np.zeros((count, 28, 28), np.uint8)
for real, labels in bench.batches():
    if bench.steps_done == 2:
        {act}
    bench.step(generator=0.5)
    bench.samples(generate)
"""


def script(folder, act):
    (folder / "train.py").write_text(SCRIPT.format(act=act))
    return subprocess.run(
        [sys.executable, "train.py"], cwd=folder, capture_output=True, text=True, timeout=300
    )


def test_an_exception_of_a_script_is_recorded_with_its_line(tmp_path):
    done = script(tmp_path, "raise ValueError('my mistake')")
    assert done.returncode == 1 and "ValueError: my mistake" in done.stderr
    cli = CommandLine(tmp_path)
    record = cli.records()["my-gan"]
    assert (record["status"], record["steps_done"]) == ("error", 2)
    assert record["reason"] == "ValueError: my mistake, in train.py:13"
    assert "raise ValueError" in record["log_tail"]
    assert record["circumstances"]["command"].endswith("train.py")
    sentence = complaint(cli("run", "./train.py"))
    assert "train.py trains by itself, with gan_bench.track: start it with python" in sentence


def test_a_script_that_ends_too_early_is_recorded(tmp_path):
    assert script(tmp_path, "sys.exit(3)").returncode == 3
    record = CommandLine(tmp_path).records()["my-gan"]
    assert (record["status"], record["steps_done"]) == ("error", 2)
    assert record["reason"] == "the script ended without using up its budget"


def test_a_script_that_was_killed_can_go_on(tmp_path):
    done = script(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    assert done.returncode == -9
    cli = CommandLine(tmp_path)
    assert cli.records() == {}
    (folder,) = cli.run_folders()
    journal = folder / "events.jsonl"
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    earlier = [json.dumps(event | {"time": event["time"] - 60}) for event in events]
    journal.write_text("\n".join(earlier) + "\n")  # for ten seconds, it counts as running
    (row,) = json.loads(cli("status", "--json").out)
    assert (row["status"], row["step"]) == ("pending", 2)
    assert row["detail"].startswith("interrupted; its own script goes on from a checkpoint")
