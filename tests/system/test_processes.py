"""Processes that ran out of memory: the kernel counts it, or an error says so."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from gan_bench.launch.outcome import ExitEvidence, status_of
from gan_bench.system import processes as memory
from gan_bench.system.processes import OomWatch, PeakMemory, peak_rss_mb

SHORT = ("--images", "512", "--evaluations", "3", "--samples", "150")


def killed(**evidence):
    known = {"interrupts": [], "timeout_s": None, "silent_s": None, "out_of_memory": None}
    return status_of(ExitEvidence(code=-9, last={}, **(known | evidence)))


def test_a_sigkill_alone_is_no_evidence():
    assert killed() == ("killed", "the worker was killed by SIGKILL from outside")
    assert killed(out_of_memory="the kernel did it") == ("oom", "the kernel did it")
    # What gan-bench itself ended, the kernel did not.
    assert killed(out_of_memory="x", timeout_s=3.0)[0] == "timeout"
    assert killed(out_of_memory="x", interrupts=[2])[0] == "killed"


@pytest.mark.parametrize(
    ("membership", "file", "text"),
    [
        ("0::/a/job", "a/job/memory.events", "low 0\noom 1\noom_kill {}\n"),
        ("4:memory:/job", "memory/job/memory.oom_control", "under_oom 0\noom_kill {}\n"),
    ],
)
def test_the_counter_of_the_own_group_counts(monkeypatch, tmp_path, membership, file, text):
    counter = tmp_path / file
    counter.parent.mkdir(parents=True)
    counter.write_text(text.format(2))
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path)
    real = Path.read_text
    own = lambda path, **how: (  # noqa: E731
        membership if str(path) == "/proc/self/cgroup" else real(path, **how)
    )
    monkeypatch.setattr(Path, "read_text", own)
    watch = OomWatch()
    assert watch.happened() is None
    counter.write_text(text.format(3))
    assert "out-of-memory killer" in watch.happened()


@pytest.fixture
def group():
    """A control group of 300 MB of memory, where one can be made."""
    v1, v2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    own = f"gan-bench-test-{os.getpid()}"
    for base, limit in ((v1, "memory.limit_in_bytes"), (v2, "memory.max")):
        try:
            (base / own).mkdir()
            (base / own / limit).write_text(str(300 << 20))
        except OSError:
            if (base / own).is_dir():
                (base / own).rmdir()
            continue
        yield base / own
        (base / own).rmdir()
        return
    pytest.skip("no control group with a memory limit can be made here")


@pytest.mark.long
def test_a_worker_that_the_kernel_kills_for_memory_is_oom(bench, plugin, group):
    body = """
    def train(self, batches, draws):
        hoard = []
        while True: hoard.append(bytearray(os.urandom(1 << 20)) * 16)
    """
    target = plugin("hoards", body)
    command = bench.command("run", target, *SHORT)
    script = (
        "import os, sys\n"
        f"open({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, *command],
        cwd=bench.folder,
        env=bench.environment,
        capture_output=True,
        timeout=120,
    )
    record = bench.records()["hoards"]
    assert record["status"] == "oom"
    assert "out-of-memory killer" in record["reason"] or "MemoryError" in record["reason"]


@pytest.mark.process
def test_processes_that_other_threads_started_meanwhile_are_not_ended():
    waits = [sys.executable, "-c", "import sys, time; print('ready', flush=True); time.sleep(60)"]
    leaves = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen({waits!r}, start_new_session=True)\n"
        "print(child.pid, flush=True)\n"
    )
    memory.become_subreaper()
    earlier = memory.descendants()
    worker = subprocess.Popen(
        [sys.executable, "-c", leaves],
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    with subprocess.Popen(waits, stdout=subprocess.PIPE, text=True) as own:
        assert own.stdout.readline() == "ready\n"
        assert "ready\n" in {worker.stdout.readline(), worker.stdout.readline()}
        memory.end_group(worker, earlier)
        assert own.poll() is None
        assert memory.descendants() - earlier == {memory.psutil.Process(own.pid)}
        own.kill()
    worker.stdout.close()


@pytest.mark.process
def test_processes_that_an_earlier_child_starts_meanwhile_are_not_ended():
    waits = [sys.executable, "-c", "import sys; print('ready', flush=True); sys.stdin.read()"]
    starts_another = (
        "import subprocess\n"
        "input()\n"
        f"subprocess.run({waits!r}, start_new_session=True, check=True)\n"
    )
    memory.become_subreaper()
    with subprocess.Popen(
        [sys.executable, "-c", starts_another],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as browser:
        earlier = memory.descendants()
        worker = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
        browser.stdin.write("\n")
        browser.stdin.flush()
        assert browser.stdout.readline() == "ready\n"
        memory.end_group(worker, earlier)
        browser.stdin.close()
        assert browser.wait(timeout=60) == 0


MB = 2**20


@pytest.fixture
def memory_after_a_peak():
    """Measures memory in a process that has used more before: this one."""
    large = bytearray(150 * MB)
    del large
    return PeakMemory()


def test_the_peak_of_a_run_is_not_that_of_what_was_before(memory_after_a_peak):
    within = psutil.Process().memory_info().rss / MB
    assert memory_after_a_peak.end() < within + 50


def test_runs_that_overlap_keep_their_own_peaks():
    outer = PeakMemory()
    start = psutil.Process().memory_info().rss / MB
    large = bytearray(150 * MB)
    del large
    inner = PeakMemory()
    assert inner.end() < start + 75
    assert outer.end() > start + 100


@pytest.mark.slow
def test_a_peak_that_cannot_be_told_from_an_earlier_one_is_unknown(monkeypatch):
    def denied(*_, **__):
        raise PermissionError

    monkeypatch.setattr(Path, "write_text", denied)  # of /proc/self/clear_refs
    large = bytearray(150 * MB)
    del large
    memory = PeakMemory()
    assert memory.end() is None
    memory = PeakMemory()
    before = peak_rss_mb()
    larger = bytearray(int(before + 50) * MB)
    del larger
    assert memory.end() > before + 50
