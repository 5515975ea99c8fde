"""A worker that sends no heartbeat is ended, and its log says where it hung."""

import os
import signal
from pathlib import Path

import psutil
import pytest

SHORT = ("--images", "512", "--evaluations", "3", "--samples", "150")

# The GIL is held forever, so not even the thread of the heartbeat runs.
HOLDS_THE_LOCK = """
def train(self, batches, latents):
    import re
    Path("hangs now").touch()
    self.hang_in_a_regular_expression = re.match("(a+)+$", "a" * 64 + "b")
"""
STOPPED = "def train(self, batches, latents): os.kill(os.getpid(), signal.SIGSTOP)"
WAITS = """
def train(self, batches, latents):
    while True: signal.pause()
"""


@pytest.mark.parametrize("body", [HOLDS_THE_LOCK, STOPPED])
def test_silence_ends_a_run_and_its_log_has_the_stacks(bench, plugin, body):
    done = bench("run", plugin("hangs", body), plugin("sound"), *SHORT, "--silence", "5")
    assert done.code == 1
    records = bench.records()
    assert records["hangs"]["status"] == "timeout"
    assert records["hangs"]["reason"].startswith("no heartbeat for ")
    assert records["sound"]["status"] == "ok"
    folder = next(f for f in bench.run_folders() if f.name.startswith("hangs"))
    log = (folder / "worker.log").read_text()
    assert "hangs.py" in log and "in train" in log


def test_a_long_chunk_is_not_a_hang(bench, plugin):
    body = """
    def train(self, batches, latents):
        import time
        if not hasattr(self, "late"):
            self.late = True
            time.sleep(7)
        return super().train(batches, latents)
    """
    assert bench("run", plugin("slow", body), *SHORT, "--silence", "5").code == 0


def test_at_the_time_limit_the_log_has_the_stacks_too(bench, plugin):
    assert bench("run", plugin("hangs", WAITS), *SHORT, "--timeout", "4").code == 1
    assert bench.records()["hangs"]["status"] == "timeout"
    (folder,) = bench.run_folders()
    assert "in train" in (folder / "worker.log").read_text()


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
