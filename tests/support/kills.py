"""Kills of a run at random moments, and what must be true afterwards."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil

from bench import Bench, same_bits
from gan_bench.system.processes import left_behind

END_S = 30.0


class Disturbed:
    """One target that is run undisturbed, and again and again with a kill in between."""

    def __init__(self, bench: Bench, target: str, arguments: tuple[str, ...], seed: int) -> None:
        self.bench = bench
        self.command = ("run", target, *arguments, "--keep-samples", "--results")
        self.random = random.Random(seed)
        started = time.monotonic()
        assert bench(*self.command, "calm").code == 0
        self.duration_s = time.monotonic() - started
        self.kills = {"child": 0, "launcher": 0, "both": 0}

    @property
    def folder(self) -> Path:
        (path,) = self.bench.run_folders("disturbed")
        return path

    def kill_once(self) -> None:
        """Start or continue the run and kill somebody at a random moment; again until one is hit.

        A run that ends before its kill is compared, and begins anew.
        """
        while not self._kill(self.random.choice(list(self.kills))):
            self.finish()
            shutil.rmtree(self.bench.folder / "disturbed")

    def _kill(self, whom: str) -> bool:
        process = self.bench.start(*self.command, "disturbed")
        try:
            process.communicate(timeout=self.random.uniform(0, self.duration_s))
            return False
        except subprocess.TimeoutExpired:
            pass
        children = psutil.Process(process.pid).children(recursive=True)
        victims = [process.pid] if whom != "child" or not children else []
        if whom != "launcher":
            victims += [child.pid for child in children]
        self.random.shuffle(victims)
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=END_S)
        self.kills[whom] += 1
        _, alive = psutil.wait_procs(children, timeout=END_S)
        assert not alive, f"{alive} outlived a kill of {whom}"
        if (self.bench.folder / "disturbed" / "runs").is_dir():
            for folder in self.bench.run_folders("disturbed"):
                assert left_behind(folder) == []
        return True

    def finish(self) -> None:
        """Run to the end and compare every bit with the undisturbed run."""
        done = self.bench(*self.command, "disturbed")
        assert done.code == 0, done.err
        same_bits(self.folder, *self.bench.run_folders("calm"))
        assert not list(self.folder.rglob("*.half"))
