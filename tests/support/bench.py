"""The command line as a process, plugins' text, and what their results are held to."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from gan_bench.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
STORED_GATE = Path(__file__).with_name("stored_gate")
"""Records of real runs of the calibration study, of schema 1, without the paths of their machine.

Of the unchanged implementations, those of the seeds that baselines/ci.json does not have.
"""
NVML_STAND_IN = Path(__file__).with_name("nvml_stand_in")
"""The folder of a module that takes the place of NVML's."""
COMMAND_TIMEOUT_S = 600

PLUGIN = """
from {module} import {base}
import os, signal, sys
from pathlib import Path
import numpy as np
import pytest

class Plugin({base}):
{body}
"""

SLOW = """
def train(self, batches, draws):
    import time
    end = time.monotonic() + {seconds} * len(batches)
    while time.monotonic() < end and not Path({hurry!r}).exists():
        time.sleep(0.05)
    return super().train(batches, draws)
"""
"""The body of a plugin whose steps take their time, until nothing more is to happen in it."""

KILLS_ONCE = """
def train(self, batches, draws):
    losses = super().train(batches, draws)
    self.chunks = getattr(self, "chunks", 0) + 1
    if self.chunks == {chunk} and not Path({marker!r}).exists():
        Path({marker!r}).touch()
        {act}
    return losses
"""
"""The body of a plugin that does something to itself after a chunk, in the first attempt only."""


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str


class CommandLine:
    """``gan-bench`` in this process, in a folder of its own: for commands that start no run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, **environment: str) -> Done:
        variables = {"TMPDIR": str(self.folder), "COLUMNS": "200", **environment}
        with contextlib.chdir(self.folder), pytest.MonkeyPatch.context() as patch:
            patch.setattr(tempfile, "tempdir", None)  # else TMPDIR is read once in a process
            patch.setattr(sys, "argv", ["gan-bench", *arguments])
            done = CliRunner().invoke(main, list(arguments), env=variables)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    def records(self, results: str = "results/local") -> dict[str, dict]:
        """Records by implementation name (the last where there are several seeds)."""
        paths = sorted((self.folder / results / "runs").glob("*/record.json"))
        records = [json.loads(path.read_text()) for path in paths]
        return {record["spec"]["implementation"]["name"]: record for record in records}

    def run_folders(self, results: str = "results/local") -> list[Path]:
        return sorted((self.folder / results / "runs").iterdir())


def _interruptible() -> None:
    """Undo what a shell does to a suite in the background: its children ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def scored_here() -> Iterator[None]:
    """Compute runs' scores in this process: a scorer's start takes longer than its work."""
    from gan_bench.scoring.__main__ import answer

    def score_here(
        module: str, request: BaseModel, *, log: Path, say: Callable[[str], None]
    ) -> str | None:
        assert module == "gan_bench.scoring"
        with log.open("a", encoding="utf-8") as file, contextlib.redirect_stdout(file):
            return answer(request.model_dump_json().encode(), say)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gan_bench.launch.score.ask", score_here)
        yield


@contextlib.contextmanager
def measured_here() -> Iterator[None]:
    """Measure the machine's rate in this process, and for an instant."""
    from gan_bench.system import calibration

    def probe_here(device: str, threads: int) -> float | None:
        return calibration.measure() if device == "cpu" else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "SIZE", 64)
        patch.setattr(calibration, "DURATION_S", 0.001)
        patch.setattr("gan_bench.launch.circumstances.probe", probe_here)
        yield


class Bench(CommandLine):
    """``gan-bench`` as users start it, with device locks of its own.

    Commands that start no run are answered in this process, which saves an interpreter's start,
    unless a test changes the environment. So are runs, and the other commands that start trainers
    or compute, but where their launcher is what is tested; then they start no process for scores
    and for the machine's rate, either.
    """

    ANSWERED_HERE = frozenset(
        {"clean", "compare", "doctor", "export", "list", "report", "show", "status"}
    )
    LAUNCHERS = frozenset({"parity", "run", "sample", "score", "verify"})
    """The others."""

    def __init__(self, folder: Path, *, runs_here: bool = False) -> None:
        super().__init__(folder)
        self._runs_here = runs_here
        self._answered_here = self.ANSWERED_HERE | (self.LAUNCHERS if runs_here else set())
        self.environment = {**os.environ, "TMPDIR": str(folder), "COLUMNS": "200"}
        self._untouched = dict(self.environment)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "gan_bench", *arguments]

    def __call__(self, *arguments: str, **environment: str) -> Done:
        untouched = self.environment == self._untouched and environment.keys() <= {"COLUMNS"}
        if arguments[:1] and arguments[0] in self._answered_here and untouched:
            return self.here(*arguments, **environment)
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def here(self, *arguments: str, **environment: str) -> Done:
        """Answer in this process."""
        with contextlib.ExitStack() as stack:
            if self._runs_here and self.ANSWERED_HERE.isdisjoint(arguments[:1]):
                stack.enter_context(scored_here())
                stack.enter_context(measured_here())
            return super().__call__(*arguments, **environment)

    def slow(self, seconds: float) -> str:
        """Return the body of a plugin whose steps take this many seconds until `hurry`."""
        return SLOW.format(seconds=seconds, hurry=str(self.folder / "hurry"))

    def hurry(self) -> None:
        """Let the rest of the slow plugins' runs take no time."""
        (self.folder / "hurry").touch()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=_interruptible,
        )


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


ABOUT_THE_LAUNCHER = frozenset(
    {"test_disk_full", "test_fuzz", "test_hang", "test_kills", "test_readers", "test_surroundings"}
)
"""Promises about the process that a user starts: it is killed, or its surroundings are unusual."""


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
    launched = request.path.parent.name == "launch" or request.path.stem in ABOUT_THE_LAUNCHER
    return Bench(tmp_path, runs_here=not launched)


@pytest.fixture
def quick_xla(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let XLA leave programs as they are, in the processes that this one starts.

    Compiling a training step takes half as long. For tests in which JAX's speed and last bits do
    not matter.
    """
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0"
    monkeypatch.setenv("XLA_FLAGS", flags.strip())


@pytest.fixture
def no_nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide NVML, on a machine that has it, from this process and those that it starts.

    For tests with a stand-in for nvidia-smi, and for those that make NVML_STAND_IN say something.
    """
    monkeypatch.setenv("PYTHONPATH", str(NVML_STAND_IN))
    monkeypatch.delenv("NVML_STAND_IN", raising=False)
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    monkeypatch.syspath_prepend(NVML_STAND_IN)
    yield
    sys.modules.pop("pynvml", None)


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., str]:
    """Write a trainer with some methods of its own into a file; return its path as a target."""

    def write(name: str, body: str = "pass", of: str = "gan_bench.testing:FakeTrainer") -> str:
        path = tmp_path / f"{name}.py"
        module, base = of.split(":")
        body = textwrap.indent(textwrap.dedent(body), "    ")
        path.write_text(PLUGIN.format(module=module, base=base, body=body))
        return f"./{name}.py"

    return write


def complaint(done: Done) -> str:
    """Return the one sentence of a command that refused its input."""
    assert done.code == 2, (done.code, done.out, done.err)
    lines = [line for line in done.err.splitlines() if line.startswith("Error:")]
    assert len(lines) == 1, done.err
    return lines[0].removeprefix("Error: ")


def same_bits(one: Path, other: Path) -> None:
    """Assert that two runs' folders hold the same weights, losses, samples and scores."""
    records = [json.loads((folder / "record.json").read_text()) for folder in (one, other)]
    assert records[0]["weights_sha256"] == records[1]["weights_sha256"] is not None
    assert (one / "losses.npy").read_bytes() == (other / "losses.npy").read_bytes()
    snapshots = [sorted((folder / "snapshots").glob("*.npz")) for folder in (one, other)]
    assert [p.name for p in snapshots[0]] == [p.name for p in snapshots[1]] != []
    for left, right in zip(*snapshots, strict=True):
        assert np.array_equal(np.load(left)["images"], np.load(right)["images"])
    scores = []
    for folder in (one, other):
        (path,) = (folder / "scores").glob("*.json")
        scores.append(
            [(row["step"], row["value"]) for row in json.loads(path.read_text())["scores"]]
        )
    assert scores[0] == scores[1] != []
