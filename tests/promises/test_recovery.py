"""Lost, damaged and truncated files are reported, recreated or refused, never used."""

import json
import shutil
import signal
import sys
import tempfile

import numpy as np
import pytest

from gan_bench.results.record import RECORD_SCHEMA_VERSION
from gan_bench.results.training_files import last_checkpoint, write_checkpoint
from gan_bench.scoring import ScoringRequest, ScoringTask
from gan_bench.scoring.__main__ import score_run
from gan_bench.scoring.features import FeatureChoice
from gan_bench.system.locks import device_lock, run_lock

SHORT = ("--images", "512", "--evaluations", "3", "--samples", "150", "--metrics", "fid")


def scores(folder):
    (path,) = (folder / "scores").glob("*.json")
    return {
        row["step"]: row["value"]
        for row in json.loads(path.read_text())["scores"]
        if row["metric"] == "fid_lenet"
    }


def test_scoring_that_fails_is_reported_and_repeated(bench, plugin):
    target = plugin("gan")
    assert bench("run", target, *SHORT).code == 0
    (folder,) = bench.run_folders()
    (path,) = (folder / "scores").glob("*.json")
    expected = scores(folder)
    path.unlink()
    (folder / "scores").rmdir()
    # The scorer cannot create its folder because a file has its name.
    (folder / "scores").write_text("in the way")
    done = bench("run", target, *SHORT)
    assert done.code == 1
    assert "not scored" in done.out and "0 of 1 run succeeded" in done.out
    (folder / "scores").unlink()
    assert bench("run", target, *SHORT).code == 0
    last = max(expected)
    assert scores(folder) == {last: expected[last]}


@pytest.mark.long
def test_points_that_an_earlier_scoring_did_not_reach_are_scored_later(bench, plugin):
    target = plugin("gan")
    assert bench("run", target, *SHORT, "--keep-samples").code == 0
    (folder,) = bench.run_folders()
    expected = scores(folder)
    (path,) = (folder / "scores").glob("*.json")
    content = json.loads(path.read_text())
    content["scores"] = content["scores"][:1]
    path.write_text(json.dumps(content))
    assert bench("run", target, *SHORT).code == 0
    assert scores(folder) == expected


@pytest.mark.long
def test_a_second_scorer_never_removes_a_score(bench, plugin):
    target = plugin("gan")
    assert bench("run", target, *SHORT).code == 0
    (folder,) = bench.run_folders()
    expected = scores(folder)
    final = max((folder / "snapshots").glob("*.npz"))
    final.write_bytes(b"damaged")
    spec = json.loads((folder / "spec.json").read_text())
    task = ScoringTask(features=FeatureChoice("lenet"), metrics=("fid",), steps=(int(final.stem),))
    known = {name: spec[name] for name in ("dataset", "data_sha256", "samples")}
    score_run(ScoringRequest(run=folder, tasks=(task,), **known))
    assert scores(folder) == expected


@pytest.mark.long
def test_divergence_is_still_reported_after_a_retry(bench, plugin):
    body = """
    def train(self, batches, draws):
        losses = super().train(batches, draws)
        self.calls = getattr(self, "calls", 0) + 1
        if self.calls == 1 and not Path(MARKER).exists():
            Path(MARKER).touch()
            losses["generator"][0] = float("nan")
        return losses
    """
    target = plugin("nan", body.replace("MARKER", repr(str(bench.folder / "marker"))))
    on = ("--on-divergence", "continue")
    assert bench("run", target, *SHORT, *on).code == 1
    assert bench("run", target, *SHORT, *on, "--retry").code == 1
    assert bench.records()["nan"]["status"] == "diverged"
    assert bench.records()["nan"]["attempts"] == 2


@pytest.mark.long
def test_a_record_of_another_version_is_neither_used_nor_overwritten(bench, plugin):
    target = plugin("gan")
    bench("run", target, *SHORT)
    (folder,) = bench.run_folders()
    path = folder / "record.json"
    content = json.loads(path.read_text()) | {"schema_version": 99}
    path.write_text(json.dumps(content))
    done = bench("run", target, *SHORT)
    assert done.code == 2
    assert "is not readable (schema_version" in done.err and "--force" in done.err
    assert json.loads(path.read_text()) == content
    assert bench("run", target, *SHORT, "--force").code == 0
    assert json.loads(path.read_text())["schema_version"] == RECORD_SCHEMA_VERSION


@pytest.mark.long
@pytest.mark.parametrize("lost", ["spec.json", "losses.npy"])
def test_a_finished_run_that_lost_a_file_is_run_again(bench, plugin, lost):
    target = plugin("gan")
    bench("run", target, *SHORT)
    (folder,) = bench.run_folders()
    before = bench.records()["gan"]["weights_sha256"]
    (folder / lost).unlink()
    done = bench("run", target, *SHORT)
    assert done.code == 0
    assert "reused" not in done.out
    assert (folder / lost).exists()
    assert bench.records()["gan"]["weights_sha256"] == before


def test_a_checkpoint_that_cannot_be_restored_is_put_aside(bench, plugin):
    target = plugin("gan")
    bench("run", target, *SHORT)
    (folder,) = bench.run_folders()
    before = bench.records()["gan"]["weights_sha256"]
    (checkpoint,) = (folder / "checkpoints").iterdir()
    for path in (checkpoint / "trainer").iterdir():
        path.write_bytes(b"damaged")
    (folder / "record.json").unlink()
    done = bench("run", target, *SHORT)
    assert done.code == 1
    reason = bench.records()["gan"]["reason"]
    assert "its checksums do not match; the checkpoints were moved aside" in reason
    assert bench("run", target, *SHORT, "--retry").code == 0
    assert bench.records()["gan"]["weights_sha256"] == before


@pytest.mark.long
def test_a_snapshot_whose_event_was_lost_is_an_evaluation_point(bench, plugin):
    body = """
    def sample(self, latents, labels=None):
        self.samples = getattr(self, "samples", 0) + 1
        return super().sample(latents)

    def save(self, path):
        super().save(path)
        if self.samples == 2 and not Path(MARKER).exists():
            Path(MARKER).touch()
            os.kill(os.getpid(), signal.SIGKILL)
    """
    target = plugin("gan", body.replace("MARKER", repr(str(bench.folder / "marker"))))
    assert bench("run", target, *SHORT).code == 1
    (folder,) = bench.run_folders()
    events = (folder / "events.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in events if '"snapshot"' not in line]
    (folder / "events.jsonl").write_text("".join(kept))
    assert bench("run", target, *SHORT).code == 0
    record = bench.records()["gan"]
    assert [p["step"] for p in record["evaluation_points"]] == record["spec"]["evaluation_steps"]


@pytest.mark.long
def test_unknown_lines_in_the_journal_are_skipped(bench, plugin):
    target = plugin("gan")
    bench("run", target, *SHORT)
    (folder,) = bench.run_folders()
    (folder / "record.json").unlink()
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"event": "chunk", "attempt": 1}\n[1]\n{"event": "chu\n')
    assert bench("status").code == 0
    assert bench("run", target, *SHORT).code == 0


def test_a_busy_device_leaves_no_plan_behind_and_can_be_waited_for(bench, plugin, monkeypatch):
    target = plugin("gan")
    monkeypatch.setattr(tempfile, "tempdir", str(bench.folder))
    with device_lock("cpu", "a test", wait=False):
        done = bench("run", target, *SHORT, "--device", "cpu")
        assert done.code == 2 and "`a test`" in done.err
        assert not list((bench.folder / "results/local/plans").iterdir())
        waiting = bench.start("run", target, *SHORT, "--device", "cpu", "--wait")
    out, _ = waiting.communicate(timeout=120)
    assert waiting.returncode == 0 and "1 of 1 run succeeded" in out


def test_a_run_in_use_by_another_process_is_refused(bench, plugin):
    target = plugin("gan")
    assert bench("run", target, *SHORT).code == 0
    (folder,) = bench.run_folders()
    with run_lock(bench.folder / "results/local/locks", folder.name, "another"):
        done = bench("run", target, *SHORT, "--force")
    assert done.code == 2
    assert "is in use by process" in done.err and "`another`" in done.err
    assert (folder / "record.json").exists()


@pytest.mark.long
def test_death_by_an_unnamed_signal_is_an_error(bench, plugin):
    body = "def train(self, batches, draws): os.kill(os.getpid(), 40)"
    assert bench("run", plugin("gan", body), *SHORT).code == 1
    assert bench.records()["gan"]["reason"] == "the worker died of signal 40"


def test_a_trainer_may_change_the_working_directory(bench, plugin):
    body = """
    def train(self, batches, draws):
        os.chdir("/")
        return super().train(batches, draws)
    """
    assert bench("run", plugin("gan", body), *SHORT).code == 0


def test_a_recipe_that_cannot_make_the_images_is_unsupported(bench):
    (bench.folder / "gan.py").write_text(
        "from gan_bench.testing import FakeRecipe, FakeTrainer\n"
        "class Recipe(FakeRecipe):\n"
        "    def cannot_make(self, height, width, channels): return 'only 64 x 64'\n"
        "class Plugin(FakeTrainer):\n"
        "    recipe_class = Recipe\n"
    )
    assert bench("run", "./gan.py", *SHORT).code == 1
    record = bench.records()["gan"]
    assert (record["status"], record["reason"]) == ("unsupported", "only 64 x 64")
    # It never will.
    assert "reuse" in bench("run", "./gan.py", *SHORT, "--dry-run").out


LATER = """
def __init__(self, *arguments, **options):
    from gan_bench.trainer import Unsupported
    if not Path("device").exists():
        raise Unsupported("PyTorch has 0 such devices")
    super().__init__(*arguments, **options)
"""


@pytest.mark.long
def test_a_run_is_tried_again_when_the_device_may_be_there(bench, plugin):
    target = plugin("gan", LATER)
    assert bench("run", target, *SHORT).code == 1
    assert bench.records()["gan"]["status"] == "unsupported"
    (bench.folder / "device").touch()
    planned = bench("run", target, *SHORT, "--dry-run").out.split()
    assert "reuse" not in planned and "run" in planned
    assert bench("run", target, *SHORT).code == 0
    assert bench.records()["gan"]["status"] == "ok"


@pytest.mark.long
def test_a_change_in_a_module_that_a_plugin_imports_is_another_run(bench, plugin):
    (bench.folder / "gan_bench_base_of_a_test.py").write_text("factor = 1\n")
    target = plugin("gan", "import gan_bench_base_of_a_test")
    path = {"PYTHONPATH": str(bench.folder)}
    assert bench("run", target, *SHORT, **path).code == 0
    (bench.folder / "gan_bench_base_of_a_test.py").write_text("factor = 2\n")
    assert "reused" not in bench("run", target, *SHORT, **path).out
    assert len(bench.run_folders()) == 2


@pytest.mark.long
def test_epochs_and_determinism_reach_the_run(bench, plugin):
    body = """
    def train(self, batches, draws):
        Path(OUT).write_text(os.environ.get("GAN_BENCH_DETERMINISTIC", "not asked for"))
        return super().train(batches, draws)
    """
    said = bench.folder / "said"
    target = plugin("gan", body.replace("OUT", repr(str(said))))
    short = ("--epochs", "1", "--evaluations", "2", "--samples", "100")
    assert bench("run", target, *short).code == 0
    assert said.read_text() == "not asked for"
    spec = bench.records()["gan"]["spec"]
    assert spec["steps"] == -(-4000 // spec["images_per_step"])
    assert bench("run", target, *short, "--deterministic").code == 0
    assert said.read_text() == "1"
    assert len(bench.run_folders()) == 2


@pytest.mark.long
def test_a_framework_may_have_an_interpreter_of_its_own(bench, plugin):
    # For the plan, another path to the same environment is another interpreter.
    python = bench.folder / "python"
    python.write_text(f'#!/bin/sh\necho used >> {bench.folder}/used\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    target = plugin("gan")
    (bench.folder / "plan.toml").write_text(
        f'targets = ["{target}"]\nimages = 512\nevaluations = 2\nsamples = 100\n'
        f'[python]\nnumpy = "{python}"\n'
    )
    assert bench("run", "--plan", "plan.toml").code == 0
    assert bench.records()["gan"]["spec"]["python"] == str(python)
    assert len((bench.folder / "used").read_text().split()) >= 2  # for versions and for training


def test_a_closed_terminal_ends_a_plan_like_an_interrupt(bench, plugin):
    body = """
    def train(self, batches, draws):
        os.kill(os.getppid(), signal.SIGHUP)
        asked = []
        signal.signal(signal.SIGTERM, lambda *a: asked.append(1))
        while not asked: signal.pause()
        return super().train(batches, draws)
    """
    assert bench("run", plugin("gan", body), *SHORT).code == 128 + signal.SIGHUP
    assert bench.records()["gan"]["reason"] == "interrupted by SIGHUP"


def test_a_killed_run_has_the_losses_up_to_its_checkpoint(bench, plugin):
    body = """
    def train(self, batches, draws):
        self.calls = getattr(self, "calls", 0) + 1
        if self.calls == 4: os.kill(os.getpid(), signal.SIGKILL)
        return super().train(batches, draws)
    """
    bench("run", plugin("gan", body), *SHORT)
    (folder,) = bench.run_folders()
    (checkpoint,) = (folder / "checkpoints").iterdir()
    losses = np.load(folder / "losses.npy", allow_pickle=False)
    assert np.isfinite(losses[: int(checkpoint.name), :2]).all()
    assert np.isnan(losses[int(checkpoint.name) :]).all()


def test_an_interrupted_removal_of_checkpoints_does_no_damage(tmp_path):
    folder = tmp_path / "checkpoints"
    for step in (50, 100):
        write_checkpoint(folder, step, lambda path: (path / "weights").write_bytes(b"0"))
        if step == 50:
            shutil.copytree(folder / "00000050", tmp_path / "kept")
    shutil.copytree(tmp_path / "kept", folder / "00000050")
    (folder / "00000050" / "state.json").unlink()
    found = last_checkpoint(folder)
    assert found is not None and found[0] == 100


@pytest.mark.long
def test_an_error_that_is_its_own_cause_is_reported(bench, plugin):
    body = """
    def train(self, batches, draws):
        try: raise ValueError("a ring")
        except ValueError as error: raise error from error
    """
    assert bench("run", plugin("rings", body), *SHORT, "--timeout", "20").code == 1
    reason = bench.records()["rings"]["reason"]
    assert reason.startswith("ValueError: a ring, in train (rings.py:")


@pytest.mark.long
def test_another_full_disk_is_the_plugins_own_error_and_the_plan_goes_on(bench, plugin):
    body = """
    def train(self, batches, draws):
        raise OSError(28, "No space left on device", "/dev/shm/x")
    """
    ends = "def train(self, batches, draws): os._exit(74)"
    assert (
        bench("run", plugin("fills", body), plugin("ends", ends), plugin("sound"), *SHORT).code == 1
    )
    statuses = {name: record["status"] for name, record in bench.records().items()}
    assert statuses == {"fills": "error", "ends": "error", "sound": "ok"}


@pytest.mark.long
def test_a_checkpoint_stays_if_memory_ran_out_while_reading_it(bench, plugin):
    body = """
    def load(self, path):
        if not Path(MARKER).exists():
            Path(MARKER).touch()
            raise MemoryError
        super().load(path)

    def train(self, batches, draws):
        if self._steps_done >= 4 and not Path(MARKER).exists(): os.kill(os.getpid(), signal.SIGKILL)
        return super().train(batches, draws)
    """
    target = plugin("gan", body.replace("MARKER", repr(str(bench.folder / "marker"))))
    assert bench("run", target, *SHORT).code == 1
    (folder,) = bench.run_folders()
    before = [path.name for path in (folder / "checkpoints").iterdir()]
    assert before
    assert bench("run", target, *SHORT).code == 1
    assert bench.records()["gan"]["status"] == "oom"
    assert [path.name for path in (folder / "checkpoints").iterdir()] == before
    assert bench("run", target, *SHORT, "--retry").code == 0
