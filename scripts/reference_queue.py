"""The runs of the included results, and a worker that makes those that are missing."""

import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import BaseFileLock, FileLock, Timeout

from gan_bench.launch.local import Interrupted, interruptible
from gan_bench.plugins.loader import source_sha256
from gan_bench.plugins.registry import registered
from gan_bench.results.layout import open_results
from gan_bench.results.record import Record
from gan_bench.text import many

IMAGES: Final = 120_000
PROTOCOL: Final = ("--preset", "standard", "--threads", "1", "--features", "lenet")
SMALL_BATCHES: Final = ("--set", "batch_size=32")
"""They make 3,750 updates of these images, after which all but ``baseline`` and ``enhanced`` draw
digits. With their own batches of 256, these two have drawn nothing by then."""
OWN_BATCHES: Final = ("baseline", "enhanced")
"""Recipes that a claim compares: also run in PyTorch with their own batches, on more images."""
OWN_BATCHES_IMAGES: Final = 480_000
SOURCES: Final = ("baseline", "enhanced", "dcgan", "dcgan-3g", "decay", "upsampling-sgd")
PAPERS: Final = ("r3gan", "sngan", "resnet", "conditional", "augment", "cosine", "wgan-gp")
RECALL_DURING_TRAINING: Final = ("dcgan-3g",)
"""Recipes of a claim that compares recall during training with that at the end."""
SEEDS: Final = {"torch": 5, "keras": 3, "jax": 3}
WIDE: Final = ("baseline", "enhanced")
"""Recipes whose FIDs vary by tens of per cent over seeds: all frameworks have as many as PyTorch.
A recipe is compared by the seeds that all of its twins have, and three leave these two open."""
LEAST_TO_START_S: Final = 120
"""A run that could only train for less time is not started or resumed."""
TO_SCORE_S: Final = 60
"""Time for scores, beside what the records say of a run."""
TO_SCORE_RECALL_S: Final = 120
"""Time for the recall of ten points."""
TO_STOP_S: Final = 60
"""Time in which an interrupted run writes its checkpoint."""
INTERRUPTED: Final = 143
"""Exit code of a run that SIGTERM ended."""


@dataclass(frozen=True)
class Item:
    """One run of the included results."""

    implementation: str
    seed: int
    own_batches: bool = False

    @property
    def name(self) -> str:
        """E.g. ``torch-dcgan-s0``."""
        return f"{self.implementation}-s{self.seed}{'-own-batches' * self.own_batches}"

    @property
    def images(self) -> int:
        """The budget."""
        return OWN_BATCHES_IMAGES if self.own_batches else IMAGES

    @property
    def recipe(self) -> str:
        """The recipe's name."""
        return self.implementation.partition("-")[2]

    @property
    def framework(self) -> str:
        """The framework's name."""
        return self.implementation.partition("-")[0]


def planned() -> list[Item]:
    """Return all runs in the order in which they are made.

    Those of the sources' recipes come first, then those with their own batches. Of each part, every
    recipe is run with a seed before the next seed.
    """
    own = [
        Item(f"torch-{recipe}", seed, own_batches=True)
        for seed in range(SEEDS["torch"])
        for recipe in OWN_BATCHES
    ]
    return [*sources(), *own, *_by_seed(PAPERS, ("torch",))]


def sources() -> list[Item]:
    """Return the runs of the sources' recipes in small batches, in their order."""
    return _by_seed(SOURCES, tuple(SEEDS))


def _by_seed(recipes: Sequence[str], frameworks: Sequence[str]) -> list[Item]:
    return [
        Item(f"{framework}-{recipe}", seed)
        for seed in range(max(SEEDS.values()))
        for recipe in recipes
        for framework in frameworks
        if seed < SEEDS["torch" if recipe in WIDE else framework]
    ]


def missing(kept: Path) -> list[Item]:
    """Return the runs that a results folder lacks, or has of another source, in their order."""
    found = {
        (spec.implementation.name, spec.seed, spec.source_sha256, spec.budget_images)
        for spec in (record.spec for record in _finished(kept))
    }
    known = registered()
    hashes = {name: source_sha256(known[name]) for name in {i.implementation for i in planned()}}
    return [
        item
        for item in planned()
        if (item.implementation, item.seed, hashes[item.implementation], item.images) not in found
    ]


def work(
    kept: Path,
    folder: Path,
    processor: int,
    hours: float,
    keep: Callable[[Path], None],
    frameworks: Collection[str] = tuple(SEEDS),
) -> None:
    """Make missing runs of frameworks on one processor, at low priority, until the time is over.

    Several workers, one a processor, may share the folder, in which each run has a results folder.
    ``keep`` copies what has finished in one to the kept runs. A run that takes longer than the time
    that is left, judged by the kept runs and by how fast this machine is, is left to the next
    worker, as is one that fails. A run that the end of the time interrupts goes on when a worker
    next comes to it.
    """
    end = time.monotonic() + 3600 * hours - TO_STOP_S
    failed: set[Item] = set()
    while (left := end - time.monotonic()) > LEAST_TO_START_S:
        claimed = _claim(kept, folder, left, failed, frameworks)
        if claimed is None:
            return
        item, lock = claimed
        with lock, interruptible():
            code = _make(item, folder, processor, end)
            if code == 0:
                keep(folder / item.name)
        if code not in (0, INTERRUPTED):
            sys.stderr.write(f"{item.name} ended with exit code {code}.\n")
        if code != 0:
            failed.add(item)


def _claim(
    kept: Path, folder: Path, left_s: float, failed: set[Item], frameworks: Collection[str]
) -> tuple[Item, BaseFileLock] | None:
    """Return the next run that fits and that no other worker makes, and its lock, which is held."""
    locks = folder / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    needed_s = _needed_s(kept, folder)
    for item in missing(kept):
        lock = FileLock(locks / f"{item.name}.lock")
        if item in failed or item.framework not in frameworks or needed_s(item) > left_s:
            continue
        with suppress(Timeout):
            lock.acquire(timeout=0)
            if item in missing(kept):
                return item, lock
            lock.release()
    return None


def _needed_s(kept: Path, folder: Path) -> Callable[[Item], float]:
    """Return what says how long a run takes: by an image of its implementation, else of its recipe.

    A recipe that has no run takes as long as the slowest.

    The median of the folder's finished runs says how much slower than the fastest of the kept ones
    this machine is.
    """
    fastest: dict[str, float] = {}
    for name, each_s in _took_each(kept):
        fastest[name] = min(fastest.get(name, each_s), each_s)
    here = (run for path in folder.glob("*/runs") for run in _took_each(path.parent))
    ratios = [each_s / fastest.get(name, each_s) for name, each_s in here]
    slower = statistics.median(ratios) if ratios else 1.0

    def needed_s(item: Item) -> float:
        twins = [s for name, s in fastest.items() if name.partition("-")[2] == item.recipe]
        each_s = fastest.get(item.implementation, max(twins or fastest.values(), default=0.0))
        recall_s = TO_SCORE_RECALL_S if item.recipe in RECALL_DURING_TRAINING else 0
        return slower * (each_s * item.images + recall_s) + TO_SCORE_S

    return needed_s


def _took_each(results: Path) -> Iterator[tuple[str, float]]:
    """Yield the implementation of each finished run, and its seconds for an image."""
    for record in _finished(results):
        parts = (record.import_s, record.warmup_s, record.train_s, record.sample_s)
        took_s = sum(part or 0 for part in parts)
        yield record.spec.implementation.name, took_s / record.spec.budget_images


def _finished(results: Path) -> Iterator[Record]:
    for folder in open_results(results, create=True).run_folders():
        record = Record.read(folder.record) if folder.record.exists() else None
        if record is not None and record.status == "ok":
            yield record


def _make(item: Item, folder: Path, processor: int, end: float) -> int:
    """Train and score one run until a time of `time.monotonic`; return the exit code."""
    results = ("--results", str(folder / item.name))
    command = ["run", item.implementation, *PROTOCOL, *results]
    command += ["--images", str(item.images), "--seeds", f"{item.seed},"]
    command += () if item.own_batches else SMALL_BATCHES
    if item.recipe not in RECALL_DURING_TRAINING:
        return _gan_bench(command, folder, processor, end)
    code = _gan_bench([*command, "--keep-samples"], folder, processor, end)
    if code != 0:
        return code
    if time.monotonic() > end:
        return INTERRUPTED
    recall = ["score", *results, "--metrics", "prdc", "--points", "all", "--threads", "1"]
    return _gan_bench(recall, folder, processor, end)


def _gan_bench(arguments: list[str], folder: Path, processor: int, end: float) -> int:
    own = folder / f"processor-{processor}"  # devices are locked for each temporary folder
    own.mkdir(exist_ok=True)
    command = [sys.executable, "-P", "-m", "gan_bench", *arguments]
    command = ["nice", "-n", "19", "taskset", "-c", str(processor), *command]
    process = subprocess.Popen(command, env={**os.environ, "TMPDIR": str(own)})
    try:
        return process.wait(timeout=end - time.monotonic())
    except (subprocess.TimeoutExpired, Interrupted) as error:
        process.send_signal(signal.SIGTERM)
        code = process.wait()
        if isinstance(error, Interrupted):
            raise
        return code


def state(kept: Path) -> str:
    """Return e.g. ``Kept: 12 of 101 runs. Missing: 50 in torch, 20 in keras, 19 in jax.``."""
    lacking = missing(kept)
    counts = Counter(item.framework for item in lacking)
    words = ", ".join(f"{number} in {framework}" for framework, number in counts.items())
    total = len(planned())
    return f"Kept: {total - len(lacking)} of {many(total, 'run')}. Missing: {words or 'none'}."
