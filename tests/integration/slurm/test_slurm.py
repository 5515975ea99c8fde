"""Plans on a real Slurm of one node; see start.sh. Skipped without Slurm's programs or root."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from bench import PLUGIN, Bench, same_bits
from gan_bench.plugins.registry import registered

HERE = Path(__file__).parent
pytestmark = pytest.mark.long
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
QUICK = (
    "--dataset",
    "mnist-5k",
    "--samples",
    "64",
    "--threads",
    "1",
    "--seeds",
    "0,",
    "--keep-samples",
    "--metrics",
    "fid",
)
SLOW_S = 0.04
LONG = ("--steps", "2000", *QUICK)
"""Chunks of 50 steps, so of 2 s, and of 80 s together: time enough on a busy machine."""

ARRAY = os.environ.get("GAN_BENCH_SLURM_ARRAY", "torch-dcgan keras-dcgan torch-decay").split()
"""What is run there and here; ``--all`` in `nox -s slurm`."""
COUNT = len(registered()) if ARRAY == ["--all"] else len(ARRAY)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _start(ports: int) -> Iterator[Path]:
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        pytest.skip(f"Slurm is not installed: no {', '.join(absent)}")
    if os.getuid() != 0:
        pytest.skip("slurmd runs jobs as their owners, and so needs root")
    folder = Path(tempfile.mkdtemp(prefix="gbs-", dir="/tmp"))
    folder.chmod(0o755)
    started = subprocess.run(
        [HERE / "start.sh", folder, *map(str, _free_ports(ports))], capture_output=True, text=True
    )
    try:
        assert started.returncode == 0, started.stderr
        yield folder / "slurm.conf"
    finally:
        subprocess.run([HERE / "stop.sh", folder], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")  # other modules' tests may come between
def slurm_conf() -> Iterator[Path]:
    yield from _start(2)


class Cluster(Bench):
    """``gan-bench`` on the login node of a cluster."""

    ARGUMENTS = ("--executor", "slurm", "--slurm", "time=10m,mem=300M")

    def run(self, *arguments: str, slurm: str = "time=10m,mem=300M"):
        return self("run", *arguments, "--executor", "slurm", "--slurm", slurm)

    def rows(self) -> dict[str, dict]:
        """Return the rows of ``status`` by implementation; no process of its own: it is polled."""
        slurm = {name: self.environment[name] for name in ("SLURM_CONF", "PATH")}
        rows = json.loads(self.here("status", "--json", **slurm).out or "[]")  # no folder yet
        return {row["run_id"].partition("-mnist")[0]: row for row in rows}

    def wait_for(self, true: Callable[[], object], seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"{self.rows()}\n{self.logs()}"
            time.sleep(0.5)

    def wait_for_step(self, name: str, step: int, seconds: float = 90) -> None:
        self.wait_for(lambda: name in self.rows() and self.rows()[name]["step"] >= step, seconds)

    def wait_for_end(self) -> None:
        self.wait_for(lambda: not self.queue())

    def queue(self) -> list[str]:
        """Return the ids of all jobs that are not over."""
        return self.slurm("squeue", "--array", "--noheader", "--format", "%i").split()

    def slurm(self, *command: str) -> str:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def job(self, name: str) -> str:
        """Return the id of an implementation's latest job."""
        lines = [
            json.loads(line)
            for path in sorted(self.folder.glob("results/local/jobs/*/jobs.jsonl"))
            for line in path.read_text().splitlines()
        ]
        return next(line["job"] for line in reversed(lines) if line["run_id"].startswith(name))

    def starts(self, index: int = 0) -> list[dict]:
        """Return the attempts of a task of the last submission."""
        folders = sorted(self.folder.glob("results/local/jobs/*/attempts"))
        path = folders[-1] / f"{index}.jsonl" if folders else None
        if path is None or not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines() if line]

    def hurry_after_attempt(self, count: int, index: int = 0, seconds: float = 90) -> None:
        """Wait until a task has begun this many attempts, then let it finish quickly."""
        self.wait_for(lambda: len(self.starts(index)) >= count, seconds)
        self.hurry()

    def kill(self, word: str, task: str | None = None) -> None:
        """Kill the one process of this cluster's jobs, or of an array's task, with such a word."""
        found = []
        for process in psutil.process_iter():
            try:
                command, variables = process.cmdline(), process.environ()
            except psutil.Error:
                continue
            mine = variables.get("TMPDIR") == str(self.folder)
            its = task in (None, variables.get("SLURM_ARRAY_TASK_ID"))
            if mine and its and word in command and "srun" not in command[0]:
                found.append(process)
        (process,) = found
        process.send_signal(signal.SIGKILL)

    def logs(self) -> str:
        paths = sorted(self.folder.glob("results/local/jobs/*/slurm/*_log.*"))
        return "\n".join(f"{path.name}:\n{path.read_text()[-2000:]}" for path in paths)


@pytest.fixture
def cluster(slurm_conf: Path, tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    cluster.environment["SLURM_CONF"] = str(slurm_conf)
    yield cluster
    if cluster.queue():
        cluster.slurm("scancel", "--user", "root")
        cluster.wait_for_end()


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an undisturbed run of `LONG` of the plugin `gan`, made once."""
    bench = Bench(tmp_path_factory.mktemp("calm"))
    body = textwrap.indent(textwrap.dedent(bench.slow(SLOW_S)), "    ")
    source = PLUGIN.format(module="gan_bench.testing", base="FakeTrainer", body=body)
    (bench.folder / "gan.py").write_text(source)
    bench.hurry()
    assert bench("run", "./gan.py", *LONG).code == 0
    (path,) = bench.run_folders()
    return path


@pytest.mark.torch
@pytest.mark.keras
def test_an_array_gives_the_records_of_the_local_executor(cluster):
    what = (*ARRAY, "--steps", "6", *QUICK, "--plan", "plan.toml")
    (cluster.folder / "plan.toml").write_text(
        f'[python]\ntorch = "{sys.executable}"\n'
        '[slurm]\ntime = "30m"\nmem = "900M"\n[slurm.keras-dcgan]\nmem = "1G"\n'
    )
    done = cluster("run", *what, "--executor", "slurm")
    assert done.code == 0, done.err + cluster.logs()
    assert f"{COUNT} of {COUNT} runs succeeded; results in results/local." in done.out.splitlines()
    assert cluster("run", *what, "--results", "here").code == 0
    here = cluster.records("here")
    for name, record in cluster.records().items():
        job = record["circumstances"]["job"]
        assert job["engine"] == "slurm"
        assert ("--mem=1G" if name == "keras-dcgan" else "--mem=900M") in job["parameters"]
        assert "--time=30" in job["parameters"]
        assert here[name]["circumstances"]["job"] is None
        for key in ("run_id", "spec", "status", "steps_done", "weights_sha256", "attempts"):
            assert record[key] == here[name][key]
    for path in cluster.run_folders():
        same_bits(path, cluster.folder / "here" / "runs" / path.name)


def test_the_time_limit(cluster, plugin):
    """Slurm's own signal before the limit, a requeue, and the rest of the run."""
    target = plugin("slow", cluster.slow(2.2))
    what = (target, "--steps", "40", *QUICK)
    arguments = ("--executor", "slurm", "--slurm", "time=2m,signal=60")
    with cluster.start("run", *what, *arguments) as watching:
        cluster.hurry_after_attempt(2, seconds=180)
        out, err = watching.communicate(timeout=120)
    assert watching.returncode == 0, out + err + cluster.logs()
    (record,) = cluster.records().values()
    assert record["attempts"] >= 2
    assert cluster.starts()[1]["step"] > 0
    assert "Requeued" in cluster.logs()
    assert cluster("run", *what, "--results", "calm").code == 0
    (path,) = cluster.run_folders()
    same_bits(path, cluster.folder / "calm" / "runs" / path.name)


@pytest.mark.parametrize("signals", [("USR2",), ("TERM", "USR2")])
def test_a_preempted_run_checkpoints_is_requeued_and_continues(cluster, plugin, calm, signals):
    target = plugin("gan", cluster.slow(SLOW_S))
    with cluster.start("run", target, *LONG, *cluster.ARGUMENTS) as watching:
        cluster.wait_for_step("gan", 4)
        for name in signals:
            cluster.slurm("scancel", "--signal", name, cluster.job("gan"))
        cluster.hurry_after_attempt(2)
        out, err = watching.communicate(timeout=120)
    assert watching.returncode == 0, out + err + cluster.logs()
    assert cluster.starts()[-1]["step"] > 0
    (record,) = cluster.records().values()
    assert record["attempts"] == 2
    (path,) = cluster.run_folders()
    same_bits(path, calm)


@pytest.mark.parametrize("whom", ["worker", "supervisor", "task"])
def test_a_killed_process_of_a_task_is_retried(cluster, plugin, calm, whom):
    target = plugin("gan", cluster.slow(SLOW_S))
    with cluster.start("run", target, *LONG, *cluster.ARGUMENTS) as watching:
        cluster.wait_for_step("gan", 4)
        words = {"worker": "gan_bench.worker", "supervisor": "gan_bench.schedulers.task"}
        cluster.kill(words.get(whom, "submitit.core._submit"))
        cluster.hurry_after_attempt(2)
        out, err = watching.communicate(timeout=120)
    assert watching.returncode == 0, out + err + cluster.logs()
    assert len(cluster.starts()) == 2
    (path,) = cluster.run_folders()
    same_bits(path, calm)


def test_the_task_that_has_its_arrays_number_is_killed_preempted_and_continues(cluster, plugin):
    """Of an array's tasks one has the number of the whole as its own: commands may hit all."""
    targets = [plugin(f"gan{i}", cluster.slow(SLOW_S)) for i in range(3)]
    what = (*targets, *LONG)
    with cluster.start("run", *what, *cluster.ARGUMENTS) as watching:
        cluster.wait_for(lambda: len(cluster.queue()) == 3)
        own = dict(
            line.split() for line in cluster.slurm("squeue", "-r", "-h", "-o", "%A %i").splitlines()
        )
        (its,) = [job for number, job in own.items() if job.startswith(f"{number}_")]
        name = f"gan{its.partition('_')[2]}"
        cluster.wait_for_step(name, 4, seconds=400)  # the two others may get the device first
        cluster.kill("submitit.core._submit", name[3:])
        cluster.wait_for(lambda: len(cluster.starts(int(name[3:]))) == 2, seconds=400)
        cluster.wait_for(lambda: cluster.rows()[name]["status"] == "running")
        cluster.slurm("scancel", "--signal", "USR2", its)
        cluster.hurry_after_attempt(3, int(name[3:]), seconds=400)
        out, err = watching.communicate(timeout=180)
    assert watching.returncode == 0, out + err + cluster.logs()
    attempts = {name: record["attempts"] for name, record in cluster.records().items()}
    assert attempts.pop(name) >= 2
    assert set(attempts.values()) == {1}


def test_without_a_time_limit_jobs_get_the_partitions(cluster, plugin):
    target = plugin("gan", cluster.slow(SLOW_S))
    with cluster.start("run", target, *LONG, "--executor", "slurm") as watching:
        cluster.wait_for_step("gan", 4)
        cluster.slurm("scancel", "--signal", "USR2", cluster.job("gan"))
        cluster.hurry_after_attempt(2)
        out, err = watching.communicate(timeout=120)
    assert watching.returncode == 0, out + err + cluster.logs()
    (record,) = cluster.records().values()
    assert record["attempts"] == 2
    assert "--time=10" in record["circumstances"]["job"]["parameters"]


def test_a_scheduler_that_does_not_answer_is_waited_for_and_nothing_is_submitted_twice(
    cluster, plugin
):
    down, programs = cluster.folder / "down", cluster.folder / "bin"
    programs.mkdir()
    script = f'#!/bin/sh\n[ ! -e "{down}" ] || exit 1\nexec {shutil.which("squeue")} "$@"\n'
    (programs / "squeue").write_text(script)
    (programs / "squeue").chmod(0o755)
    cluster.environment["PATH"] = f"{programs}:{cluster.environment['PATH']}"
    what = (plugin("gan", cluster.slow(SLOW_S)), *LONG, *cluster.ARGUMENTS)
    with cluster.start("run", *what) as watching:
        cluster.wait_for_step("gan", 4)
        down.touch()
        again = cluster("run", *what, "--detach")
        assert (again.code, "nothing was submitted" in again.err) == (2, True)
        time.sleep(3)
        assert watching.poll() is None
        assert "does not answer now" in cluster.rows()["gan"]["detail"]
        down.unlink()
        cluster.hurry()
        out, err = watching.communicate(timeout=120)
    assert watching.returncode == 0, out + err
    assert cluster.records()["gan"]["attempts"] == 1


def test_force_starts_over_once_and_not_before_the_job_begins(cluster, plugin):
    target = plugin("gan", cluster.slow(SLOW_S))
    what = (target, *LONG, *cluster.ARGUMENTS)
    cluster.hurry()
    assert cluster("run", *what).code == 0
    (cluster.folder / "hurry").unlink()
    with cluster.start("run", *what, "--force") as watching:
        cluster.wait_for(
            lambda: (row := cluster.rows()["gan"])["status"] == "running" and row["step"]
        )
        cluster.slurm("scancel", "--signal", "USR2", cluster.job("gan"))
        cluster.hurry_after_attempt(2)
        out, err = watching.communicate(timeout=120)
    assert watching.returncode == 0, out + err + cluster.logs()
    assert cluster.records()["gan"]["attempts"] == 2
    assert len(cluster.starts()) == 2


def test_a_task_that_is_killed_again_and_again_is_given_up(cluster, plugin):
    body = "os.kill(os.getppid(), signal.SIGKILL)\n    signal.pause()"
    target = plugin("deadly", f"def train(self, batches, draws):\n    {body}")
    done = cluster("run", target, "--steps", "4", *QUICK, *cluster.ARGUMENTS, "--retries", "1")
    assert done.code == 1, done.err
    (record,) = cluster.records().values()
    assert record["status"] == "killed"
    assert "2 consecutive attempts made no progress after step 0" in record["reason"]
    assert len(cluster.starts()) == 3  # the last one only says so


def test_one_failed_task_leaves_its_siblings_and_a_limit_on_parallel_jobs_holds(cluster, plugin):
    """Of six jobs one is given more memory, and an array has four at most: three arrays."""
    times = cluster.folder / "times"
    times.mkdir()
    tell = f"""
def __init__(self, *arguments, **more):
    super().__init__(*arguments, **more)
    import time
    self.started = time.time()
    if type(self).__name__ and {{fails}}:
        raise RuntimeError("broken")
def weights(self):
    import time
    with open({str(times)!r} + f"/{{{{os.getpid()}}}}", "w") as file:
        file.write(f"{{{{self.started}}}} {{{{time.time()}}}}")
    return super().weights()
"""
    targets = [plugin(f"gan{i}", tell.format(fails=False)) for i in range(5)]
    targets.append(plugin("broken", tell.format(fails=True)))
    (cluster.folder / "plan.toml").write_text('[slurm.gan3]\nmem = "500M"\n')
    what = (*targets, "--steps", "4", *QUICK, "--plan", "plan.toml", *cluster.ARGUMENTS)
    done = cluster("run", *what, "--max-parallel", "1")
    assert done.code == 1
    statuses = {name: record["status"] for name, record in cluster.records().items()}
    assert statuses == {f"gan{i}": "ok" for i in range(5)} | {"broken": "error"}
    spans = sorted(tuple(map(float, path.read_text().split())) for path in times.iterdir())
    assert len(spans) == 5
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_detached_looked_at_submitted_twice_cancelled_and_continued(cluster, plugin):
    targets = [plugin(name, cluster.slow(SLOW_S)) for name in ("first", "second")]
    what = (*targets, *LONG)
    arguments = (*what, *cluster.ARGUMENTS, "--max-parallel", "1", "--detach")
    done = cluster("run", *arguments)
    assert (done.code, done.err.splitlines()[0]) == (
        0,
        "2 runs submitted to slurm, 0 already waiting or running, 0 finished.",
    )
    cluster.wait_for_step("first", 4)
    rows = cluster.rows()
    assert (rows["first"]["status"], rows["second"]["status"]) == ("running", "pending")
    assert rows["second"]["detail"].endswith("waits (JobArrayTaskLimit)")
    again = cluster("run", *arguments)
    assert again.err.startswith(
        "0 runs submitted to slurm, 2 already waiting or running, 0 finished."
    )

    assert cluster("cancel").out == "2 jobs cancelled.\n"
    cluster.wait_for_end()
    rows = cluster.rows()
    assert rows["first"]["status"] == "killed"
    assert rows["first"]["step"] > 0
    assert "was cancelled" in rows["second"]["detail"]
    assert cluster("cancel").out == "There is no job to cancel.\n"
    watched = cluster("status", "--watch")
    assert watched.out.splitlines()[-1] == "2 runs: 1 killed, 1 pending"

    cluster.hurry()
    done = cluster("run", *what, *cluster.ARGUMENTS)
    assert done.code == 0, done.err + cluster.logs()
    assert cluster("run", *what, *cluster.ARGUMENTS).err.startswith("0 runs submitted")
    assert cluster.records()["first"]["attempts"] == 2
    assert cluster("run", *what, "--results", "calm").code == 0
    for path in cluster.run_folders():
        same_bits(path, cluster.folder / "calm" / "runs" / path.name)


def test_scancel_from_outside_leaves_true_rows(cluster, plugin):
    target = plugin("gan", cluster.slow(SLOW_S))
    with cluster.start("run", target, *LONG, *cluster.ARGUMENTS) as watching:
        cluster.wait_for_step("gan", 2)
        cluster.slurm("scancel", cluster.job("gan"))
        out, _ = watching.communicate(timeout=90)
    assert watching.returncode == 1
    assert "0 of 1 run succeeded; results in results/local.\n" in out
    row = cluster.rows()["gan"]
    assert (row["status"], row["detail"]) == ("killed", "interrupted by SIGTERM")


def test_ctrl_c_leaves_the_jobs_alone(cluster, plugin):
    target = plugin("gan", cluster.slow(SLOW_S))
    with cluster.start("run", target, *LONG, *cluster.ARGUMENTS) as watching:
        cluster.wait_for_step("gan", 2)
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert "The jobs continue; `gan-bench status --watch" in err
    cluster.hurry()
    cluster.wait_for(lambda: cluster.rows()["gan"]["status"] == "ok")


def test_doctor_looks_at_a_node(cluster):
    (cluster.folder / "plan.toml").write_text(
        'dataset = "mnist-5k"\n[python]\ntorch = "/no/python"\n'
    )
    where = ("--results", "my results/ä", "--executor", "slurm", "--slurm", "time=10m")
    done = cluster("doctor", *where, "--plan", "plan.toml", "--json")
    found = {finding["what"]: finding for finding in json.loads(done.out)}
    assert done.code == 1
    assert found["results"]["state"] == "ok"
    assert found["data mnist-5k"]["state"] == "ok"
    assert found["framework torch"]["state"] == "missing"
    assert "/no/python cannot be run" in found["framework torch"]["detail"]


@pytest.mark.parametrize(
    ("slurm", "sentence"),
    [
        ("partition=gpux", "Invalid partition name"),
        ("time=4d", "5,760 min is more than the 60 min of the default partition"),
        ("mem=900G", "node configuration is not available"),
        ("time=1m", "less than a checkpoint needs"),
        ("signal=580", "Without a time limit, jobs get the 10 min of the default partition"),
        ("partitoin=test", "did you mean partition?"),
        ("time=soon", "write the time limit as 4h"),
        ("mem=much", "memory is a number with K, M, G or T"),
        ("gpus=1,cpus=2,gpus=2", "has gpus twice"),
        ("partition", "takes KEY=VALUE"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_submitted(cluster, plugin, slurm, sentence):
    done = cluster.run(plugin("gan"), "--steps", "4", *QUICK, "--detach", slurm=slurm)
    assert done.code == 2
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1
    assert not list(cluster.folder.glob("results/local/jobs/*"))
    assert not cluster.queue()


@pytest.mark.process
def test_with_accounts_one_without_rights_is_refused(tmp_path, plugin):
    absent = [name for name in ("slurmdbd", "mariadbd") if shutil.which(name) is None]
    if absent:
        pytest.skip(f"no accounting: {', '.join(absent)} not installed")
    starting = _start(3)
    cluster = Cluster(tmp_path)
    cluster.environment["SLURM_CONF"] = str(next(starting))
    try:
        target = plugin("gan")
        refused = cluster.run(target, "--steps", "4", *QUICK, slurm="time=10m,account=other")
        assert refused.code == 2
        assert "Invalid account" in refused.err
        assert not cluster.queue()
        done = cluster.run(target, "--steps", "4", *QUICK, slurm="time=10m,account=lab")
        assert done.code == 0, done.err + cluster.logs()
        state = cluster.slurm("sacct", "-X", "-n", "-o", "state", "-j", cluster.job("gan"))
        assert state.split() == ["COMPLETED"]
    finally:
        with pytest.raises(StopIteration):
            next(starting)
