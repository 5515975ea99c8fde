"""A worker that sends no heartbeat or makes no progress is ended; its log says where it hung."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from bench import Bench

SHORT = ("--images", "512", "--evaluations", "3", "--samples", "150", "--metrics", "fid")

# The GIL is held forever, so not even the thread of the heartbeat runs.
HOLDS_THE_LOCK = """
def train(self, batches, draws):
    import re
    Path("hangs now").touch()
    self.hang_in_a_regular_expression = re.match("(a+)+$", "a" * 64 + "b")
"""
STOPPED = "def train(self, batches, draws): os.kill(os.getpid(), signal.SIGSTOP)"
WAITS = """
def train(self, batches, draws):
    while True: signal.pause()
"""


def start_apart(bench: Bench, target: str, *options: str) -> tuple[Bench, subprocess.Popen[str]]:
    """Start a run in a folder of its own, so with a device lock of its own; wait for its worker.

    Most of these tests' time is waiting, so they wait for several runs at once.
    """
    apart = Bench(bench.folder / Path(target).stem)
    apart.folder.mkdir()
    process = apart.start("run", f".{target}", *SHORT, *options)
    while not list(apart.folder.glob("results/local/runs/*/events.jsonl")):
        assert process.poll() is None
        time.sleep(0.1)
    return apart, process


@pytest.mark.long
def test_silence_ends_a_run_and_its_log_has_the_stacks(bench, plugin):
    plugin("sound")
    options = ("../sound.py", "--silence", "5")
    names = {"holds_the_lock": HOLDS_THE_LOCK, "stopped": STOPPED}
    started = [start_apart(bench, plugin(*named), *options) for named in names.items()]
    for name, (apart, process) in zip(names, started, strict=True):
        process.communicate(timeout=120)
        assert process.returncode == 1
        records = apart.records()
        assert records[name.replace("_", "-")]["status"] == "timeout"
        assert records[name.replace("_", "-")]["reason"].startswith("no heartbeat for ")
        assert records["sound"]["status"] == "ok"
        folder = next(f for f in apart.run_folders() if not f.name.startswith("sound"))
        log = (folder / "worker.log").read_text()
        assert f"{name}.py" in log and "in train" in log


IDLE = {
    "waits": WAITS,
    "polls": """
    def train(self, batches, draws):
        import time
        while True: time.sleep(0.01)
    """,
    "locks": """
    def train(self, batches, draws):
        import threading
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
    """,
    "listens": """
    def train(self, batches, draws):
        import subprocess
        subprocess.run(["sleep", "600"])
    """,
    "builds": """
    def __init__(self, *args, **kwargs):
        import queue
        queue.Queue().get()
    """,
    "samples": "def sample(self, latents, labels=None): signal.pause()",
}


@pytest.mark.long
def test_a_worker_whose_heartbeat_goes_on_but_whose_training_does_not_is_ended(bench, plugin):
    started = [start_apart(bench, plugin(*named), "--silence", "5") for named in IDLE.items()]
    for name, (apart, process) in zip(IDLE, started, strict=True):
        process.communicate(timeout=60)
        assert process.returncode == 1, name
        record = apart.records()[name]
        assert record["status"] == "timeout", name
        expected = "no progress (no step ended, no processor was used) for "
        assert record["reason"].startswith(expected), (name, record["reason"])
        (folder,) = apart.run_folders()
        assert f"{name}.py" in (folder / "worker.log").read_text(), name


@pytest.mark.long
@pytest.mark.parametrize("where", ["here", "in a child", "in a child of a child"])
def test_a_long_chunk_is_not_a_hang(bench, plugin, where):
    body = """
    def train(self, batches, draws):
        import subprocess, time
        if not hasattr(self, "late"):
            self.late = True
            busy = "import time; [0 for _ in iter(lambda: time.process_time() < 7, False)]"
            nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
            if WHERE == "here":
                start = time.process_time()
                while time.process_time() - start < 7: pass
            else:
                script = busy if WHERE == "in a child" else nested
                subprocess.run([sys.executable, "-c", script], check=True)
        return super().train(batches, draws)
    """.replace("WHERE", repr(where))
    assert bench("run", plugin("slow", body), *SHORT, "--silence", "5").code == 0


@pytest.mark.long
def test_at_the_time_limit_the_log_has_the_stacks_too(bench, plugin):
    assert bench("run", plugin("hangs", WAITS), *SHORT, "--timeout", "4").code == 1
    assert bench.records()["hangs"]["status"] == "timeout"
    (folder,) = bench.run_folders()
    assert "in train" in (folder / "worker.log").read_text()


@pytest.mark.long
def test_the_next_command_ends_a_worker_that_holds_the_gil(bench, plugin):
    target = plugin("hangs", HOLDS_THE_LOCK)
    process = bench.start("run", target, *SHORT)
    worker = wait_for_worker(process.pid, bench.folder)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    assert worker.is_running()  # no Python code in it runs, so it cannot end itself
    done = bench("run", target, *SHORT, "--timeout", "3")
    assert done.code == 1
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def wait_for_worker(pid: int, cwd: Path) -> psutil.Process:
    """Return the worker once it is about to hang."""
    parent = psutil.Process(pid)
    while parent.status() != psutil.STATUS_ZOMBIE:
        if (cwd / "hangs now").exists():
            (worker,) = parent.children()
            return worker
    raise AssertionError("the launcher has ended")


SPAWNING = """
import multiprocessing
import numpy as np
from gan_bench.testing import FakeTrainer

class Pictures:
    def __init__(self, images):
        self.images = np.array(images)  # more than a pipe takes at once
    def first(self):
        return int(self.images[0].sum())

class Spawning(FakeTrainer):
    def __init__(self, recipe, images, labels, **options):
        super().__init__(recipe, images, labels, **options)
        self.pictures = Pictures(images)
    def train(self, batches, draws):
        if not hasattr(self, "seen"):
            with multiprocessing.get_context("METHOD").Pool(1) as pool:
                self.seen = pool.apply(Pictures.first, (self.pictures,))
            assert self.seen == self.pictures.first()
        return super().train(batches, draws)
"""


@pytest.mark.long_after(1)
@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
@pytest.mark.parametrize(
    "name",
    ["spawning", *(pytest.param(n, marks=pytest.mark.long) for n in ("random", "two.dots"))],
)
def test_classes_of_a_plugins_file_are_known_in_the_processes_that_it_starts(bench, method, name):
    (bench.folder / f"{name}.py").write_text(SPAWNING.replace("METHOD", method))
    assert bench("run", f"./{name}.py", *SHORT, "--timeout", "60").code == 0


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.torch
def test_a_spawned_data_loader_reads_a_data_set_of_the_plugins_file(bench):
    (bench.folder / "loads.py").write_text(
        SPAWNING.replace("import multiprocessing", "import torch")
        .replace(
            """            with multiprocessing.get_context("METHOD").Pool(1) as pool:
                self.seen = pool.apply(Pictures.first, (self.pictures,))
            assert self.seen == self.pictures.first()
""",
            """            loader = torch.utils.data.DataLoader(
                self.pictures, 32, num_workers=1, multiprocessing_context="spawn"
            )
            self.seen = next(iter(loader)).numpy()
            np.testing.assert_array_equal(self.seen, self.pictures.images[:32])
""",
        )
        .replace(
            "    def first(self):",
            "    def __len__(self): return len(self.images)\n"
            "    def __getitem__(self, index): return self.images[index]\n"
            "    def first(self):",
        )
    )
    assert bench("run", "./loads.py", *SHORT, "--timeout", "120").code == 0
