"""Each fault of a trainer gives the right status and reason, and the plan continues."""

import json
import signal

import psutil
import pytest

from bench import KILLS_ONCE, same_bits

SHORT = ("--images", "512", "--evaluations", "3", "--samples", "150", "--metrics", "fid")

FAULTS = {
    "crashes": (
        "def train(self, batches, draws): raise ValueError('the loss exploded')",
        *("error", "ValueError: the loss exploded"),
    ),
    "exits": (
        "def train(self, batches, draws): os._exit(7)",
        *("error", "the worker ended with exit code 7 without giving a reason"),
    ),
    "leaves": (
        "def train(self, batches, draws): sys.exit(0)",
        *("error", "SystemExit: 0"),
    ),
    "segfaults": (
        "def train(self, batches, draws): os.kill(os.getpid(), signal.SIGSEGV)",
        *("error", "the worker died of SIGSEGV"),
    ),
    "killed": (
        "def train(self, batches, draws): os.kill(os.getpid(), signal.SIGKILL)",
        *("killed", "the worker was killed by SIGKILL from outside"),
    ),
    "nan": (
        """
        def train(self, batches, draws):
            losses = super().train(batches, draws)
            losses["generator"][1] = float("nan")
            return losses
        """,
        *("diverged", "the loss generator was not finite at step 2"),
    ),
    "shape": (
        """
        def train(self, batches, draws):
            losses = super().train(batches, draws)
            return losses | {"generator": losses["generator"][:-1]}
        """,
        *("error", "train returned generator of (1,), the contract says (2,)"),
    ),
    "floats": (
        "def sample(self, latents, labels=None): return super().sample(latents) / 255.0",
        *("error", "sample returned float64, the contract says uint8"),
    ),
    "few": (
        "def sample(self, latents, labels=None): return super().sample(latents)[1:]",
        *("error", "sample returned (149, 28, 28, 1), the contract says (150, 28, 28, 1)"),
    ),
    "memory": (
        """
        def train(self, batches, draws):
            import resource
            import numpy as np
            resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
            return np.ones(4 << 30, dtype=np.uint8)
        """,
        *("oom", "MemoryError: "),
    ),
    "cuda": (
        """
        def train(self, batches, draws):
            class OutOfMemoryError(RuntimeError): pass
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        """,
        *("oom", "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB"),
    ),
    "unsupported": (
        """
        def __init__(self, *a, **k):
            from gan_bench.trainer import Unsupported
            raise Unsupported("only on Tuesdays")
        """,
        *("unsupported", "only on Tuesdays"),
    ),
    "absent": (
        "def __init__(self, *a, **k): import no_such_framework",
        *("missing", "the Python package no_such_framework is not installed"),
    ),
}


def test_each_fault_has_its_status_and_the_plan_goes_on(bench, plugin):
    targets = [plugin(name, body) for name, (body, _, _) in FAULTS.items()]
    done = bench("run", *targets, plugin("sound"), *SHORT)
    assert done.code == 1
    records = bench.records()
    assert records["sound"]["status"] == "ok"
    for name, (_, status, reason) in FAULTS.items():
        assert records[name]["status"] == status, name
        assert records[name]["reason"].startswith(reason), name
    assert "the loss exploded" in records["crashes"]["log_tail"]
    assert "Segmentation fault" in records["segfaults"]["log_tail"]
    assert f"1 of {len(FAULTS) + 1} runs succeeded" in done.out


@pytest.mark.long
def test_a_hang_ends_at_the_time_limit_also_when_it_ignores_sigterm(bench, plugin):
    hang = plugin(
        "hangs",
        """
        def train(self, batches, draws):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True: signal.pause()
        """,
    )
    done = bench("run", hang, plugin("sound"), *SHORT, "--timeout", "3")
    assert done.code == 1
    records = bench.records()
    assert records["hangs"]["status"] == "timeout"
    assert records["hangs"]["reason"] == "not finished within the time limit of 3 s"
    assert records["sound"]["status"] == "ok"


def test_megabytes_of_output_go_to_the_log_and_the_record_keeps_their_end(bench, plugin):
    body = """
    def train(self, batches, draws):
        for _ in range(4000): print("x" * 1000)
        print("the last line")
        raise RuntimeError("enough")
    """
    bench("run", plugin("prints", body), *SHORT)
    record = bench.records()["prints"]
    assert "RuntimeError: enough" in record["log_tail"]
    assert len(record["log_tail"]) < 20_000
    (folder,) = bench.run_folders()
    assert (folder / "worker.log").stat().st_size > 4_000_000


def test_children_that_a_trainer_leaves_behind_are_ended(bench, plugin):
    body = """
    def train(self, batches, draws):
        import subprocess
        command = ["sleep", "600"]
        pids = [subprocess.Popen(command).pid,
                subprocess.Popen(command, start_new_session=True).pid]
        Path(PIDS).write_text(" ".join(map(str, pids)))
        return super().train(batches, draws)
    """
    pids = bench.folder / "pids"
    assert bench("run", plugin("forks", body.replace("PIDS", repr(str(pids)))), *SHORT).code == 0
    for pid in map(int, pids.read_text().split()):
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


def test_training_can_continue_after_divergence_and_still_reports_it(bench, plugin):
    body = FAULTS["nan"][0].replace('float("nan")', "1e39")
    words = (*SHORT, "--on-divergence", "continue", "--set", "dtype=float64")
    target = plugin("large", body)
    for attempts in (1, 2):  # the second continues from the last checkpoint
        assert bench("run", target, *words).code == 1
        record = bench.records()["large"]
        assert (record["status"], record["attempts"]) == ("diverged", attempts)
        assert record["steps_done"] == record["spec"]["steps"]
        assert record["reason"] == (
            "the loss generator was too large for float32 (1e+39) at step 2; training continued, "
            "as requested"
        )
        (folder,) = bench.run_folders()
        (folder / "record.json").unlink()


@pytest.mark.long
def test_failures_are_kept_until_they_are_retried(bench, plugin):
    body = """
    def train(self, batches, draws):
        if not Path(MARKER).exists(): raise RuntimeError("not yet")
        return super().train(batches, draws)
    """
    marker = bench.folder / "marker"
    target = plugin("later", body.replace("MARKER", repr(str(marker))))
    assert bench("run", target, *SHORT).code == 1
    marker.touch()
    assert bench("run", target, *SHORT).code == 1
    assert bench.records()["later"]["attempts"] == 1
    assert bench("run", target, *SHORT, "--retry").code == 0
    assert bench.records()["later"]["attempts"] == 2


@pytest.mark.parametrize(
    "chunk", [4, *(pytest.param(chunk, marks=pytest.mark.long) for chunk in (1, 5))]
)
def test_a_killed_worker_continues_to_the_same_bits(bench, plugin, chunk):
    # Six chunks of 50 steps, with checkpoints after the third and the last; kills at and between.
    many = ("--steps", "300", "--evaluations", "3", "--samples", "150", "--keep-samples")
    marker = bench.folder / "marker"
    act = "os.kill(os.getpid(), signal.SIGKILL)"
    target = plugin("kills", KILLS_ONCE.format(chunk=chunk, marker=str(marker), act=act))
    done = bench("run", target, *many, "--results", "disturbed")
    assert done.code == 1
    assert bench.records("disturbed")["kills"]["status"] == "killed"
    assert bench("run", target, *many, "--results", "disturbed").code == 0
    assert bench.records("disturbed")["kills"]["attempts"] == 2
    assert bench("run", target, *many, "--results", "calm").code == 0
    assert bench.records("calm")["kills"]["attempts"] == 1
    same_bits(*bench.run_folders("disturbed"), *bench.run_folders("calm"))


@pytest.mark.parametrize(
    ("name", "code"), [("SIGINT", 130), pytest.param("SIGTERM", 143, marks=pytest.mark.long)]
)
def test_an_interrupt_ends_with_a_checkpoint_and_the_same_command_continues(
    bench, plugin, name, code
):
    marker = bench.folder / "marker"
    body = KILLS_ONCE.format(chunk=2, marker=str(marker), act="self.interrupt()")
    # The chunk that gets the signal ends only when the supervisor has passed it on.
    body += f"""
def interrupt(self):
    asked = []
    previous = signal.signal(signal.SIGTERM, lambda *a: (asked.append(1), previous(*a)))
    os.kill(os.getppid(), signal.{name})
    while not asked: signal.pause()
"""
    target = plugin("interrupted", body)
    other = plugin("other")
    many = ("--steps", "300", "--evaluations", "3", "--samples", "150", "--keep-samples")
    done = bench("run", target, other, *many)
    assert done.code == code
    assert "the same command resumes" in done.err
    records = bench.records()
    assert records["interrupted"]["status"] == "killed"
    assert records["interrupted"]["reason"] == f"interrupted by {name}"
    assert "other" not in records
    rows = json.loads(bench("status", "--json").out)
    assert {row["run_id"].split("-")[0]: row["status"] for row in rows} == {
        "interrupted": "killed",
        "other": "pending",
    }
    folder = next(f for f in bench.run_folders() if f.name.startswith("interrupted"))
    stopped = next((folder / "checkpoints").iterdir()).name
    assert int(stopped) == 2 * records["interrupted"]["spec"]["chunk_steps"]
    assert bench("run", target, other, *many).code == 0
    assert bench("run", target, *many, "--results", "calm").code == 0
    same_bits(folder, *bench.run_folders("calm"))


def test_a_worker_ends_when_its_supervisor_is_killed(bench, plugin):
    body = """
    def train(self, batches, draws):
        Path(PIDS).write_text(str(os.getpid()))
        os.kill(os.getppid(), signal.SIGKILL)
        while True: signal.pause()
    """
    pids = bench.folder / "pids"
    process = bench.start("run", plugin("orphan", body.replace("PIDS", repr(str(pids)))), *SHORT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    worker = int(pids.read_text())
    psutil.wait_procs([psutil.Process(worker)] if psutil.pid_exists(worker) else [], timeout=20)
    assert not psutil.pid_exists(worker) or psutil.Process(worker).status() == "zombie"
    assert (bench.run_folders()[0] / "spec.json").exists()


def test_a_line_cut_short_by_a_kill_does_not_hide_the_next_attempt(tmp_path):
    from gan_bench.results.events import EventWriter, read_events

    path = tmp_path / "events.jsonl"
    EventWriter(path).write("start", pid=1)
    with path.open("ab") as file:
        file.write(b'{"event": "chu')
    EventWriter(path).write("start", pid=1)
    assert [(e["event"], e["attempt"]) for e in read_events(path)] == [("start", 1), ("start", 2)]
