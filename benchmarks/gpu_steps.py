"""A training step on a GPU: its time and memory by precision, layout and batch size.

``python benchmarks/gpu_steps.py FOLDER [--device cuda:0] [--seconds 120]``
``python benchmarks/gpu_steps.py FOLDER --table``

PyTorch and JAX are measured in each precision that they support, in processes with a run's
environment; PARTS has them, the most valuable first. FOLDER gets one JSON file for each part,
written again after each row, so a process that is killed leaves the rows before. A part may take
half of the time that is left, the last one all of it. ``--table`` prints the rows of all files,
``--rate NAME`` the images/s of an implementation in ieee.

A row is the median of at least three chunks of 50 steps (a run's have up to 250), each of which
ends with a copy of the losses to the host: the GPU is idle then. ``first_chunk_s`` is the chunk
before them, in which libraries are loaded and the step is captured or compiled; ``build_s`` is the
trainer's construction. ``peak_mb`` is of the allocator, since the trainer was built (PyTorch) or
since the process began (JAX). The arithmetic is the recipe's: two operations for each multiply-add.

On a CPU (``--device cpu``, to try this script) the recipes are small and few.
"""

import argparse
import contextlib
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from gan_bench import data
from gan_bench.contract import weights_sha256
from gan_bench.data.draws import Inputs
from gan_bench.errors import UsageError
from gan_bench.plugins.frameworks import worker_environment
from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import registered
from gan_bench.results.training_files import write_images
from gan_bench.system.devices import check_device, default_threads
from gan_bench.trainer import Trainer, Unsupported, check_precision

RECIPES = ("dcgan", "dcgan-3g", "baseline", "enhanced", "upsampling-sgd", "decay")
BATCH_SIZES = (32, 64, 256, 512, 1024, 2048)
CHUNK = 50
"""Steps, on a GPU."""
LEAST_S, MOST_CHUNKS = 0.4, 12


@dataclass(frozen=True)
class Case:
    """One row: a recipe, and what is unlike in a run of it."""

    recipe: str
    batch_size: int | None = None
    eager: bool = False
    """PyTorch: kernel by kernel, not as one CUDA graph."""
    nchw: bool = False
    """PyTorch: maps in its own order of memory, not channels last."""
    search: bool = False
    """PyTorch: cuDNN tries its algorithms and takes the fastest."""
    details: bool = False
    """PyTorch: also the kernels of a step, and what a run does outside of steps."""


@dataclass(frozen=True)
class Part:
    """The rows of one process."""

    framework: str
    precision: str
    cases: str
    deterministic: bool = False

    @property
    def name(self) -> str:
        ending = "-deterministic" if self.deterministic else ""
        return f"{self.framework}-{self.precision}-{self.cases}{ending}"


CASES = {
    "recipes": [Case(recipe) for recipe in RECIPES],
    "details": [Case("dcgan", details=True), Case("dcgan", eager=True, details=True)],
    "variants": [
        Case("dcgan", eager=True),
        Case("dcgan", nchw=True),
        Case("dcgan", search=True),
        Case("dcgan", nchw=True, search=True),
    ],
    "batches": [Case("dcgan", batch_size=size) for size in BATCH_SIZES],
    "rest": [
        *(Case(recipe, eager=True) for recipe in RECIPES[1:]),
        *(Case(recipe, nchw=True) for recipe in RECIPES[1:]),
        *(Case(recipe, search=True) for recipe in RECIPES[1:]),
    ],
}
PARTS = [
    Part("torch", "ieee", "recipes"),
    Part("jax", "ieee", "recipes"),
    Part("torch", "tf32", "recipes"),
    Part("torch", "bf16", "recipes"),
    Part("torch", "ieee", "variants"),
    Part("torch", "ieee", "details"),
    Part("torch", "ieee", "recipes", deterministic=True),
    Part("torch", "tf32", "variants"),
    Part("torch", "ieee", "batches"),
    Part("jax", "tf32", "recipes"),
    Part("jax", "bf16", "recipes"),
    Part("jax", "ieee", "recipes", deterministic=True),
    Part("jax", "ieee", "batches"),
    Part("torch", "tf32", "batches"),
    Part("torch", "ieee", "rest"),
    Part("torch", "tf32", "rest"),
]
ON_A_CPU = [
    Part("torch", "ieee", "details"),
    Part("jax", "ieee", "recipes"),
    Part("torch", "bf16", "variants"),
]
NAMED = {part.name: part for part in (*PARTS, *ON_A_CPU)}


def every_part(folder: Path, device: str, limit_s: float) -> None:
    """Start one process after another until the time is over."""
    end = time.monotonic() + limit_s
    parts = ON_A_CPU if device == "cpu" else PARTS
    for part in parts:
        left_s = end - time.monotonic()
        if left_s < 1:
            print(f"{part.name} is left out: no time is left", flush=True)
            continue
        share_s = left_s if part is parts[-1] else left_s / 2
        environment = worker_environment(
            part.framework,
            device=device,
            threads=default_threads(),
            deterministic=part.deterministic,
            precision=part.precision,
        )
        command = [sys.executable, __file__, str(folder), "--part", part.name, "--device", device]
        try:
            done = subprocess.run(
                [*command, "--seconds", str(share_s)], env=environment, timeout=left_s
            )
        except subprocess.TimeoutExpired:
            print(f"{part.name} was ended: no time is left", flush=True)
            continue
        if done.returncode:
            print(f"{part.name} ended with exit code {done.returncode}", flush=True)


def one_part(part: Part, path: Path, device: str, limit_s: float) -> None:
    """Measure the rows of a part, as many as start in time, and write them after each."""
    end = time.monotonic() + limit_s
    cases = CASES[part.cases]
    rows: list[dict[str, Any]] = []
    for case in cases[:1] if device == "cpu" else cases:
        if time.monotonic() > end:
            print(f"{part.name}: the time of this part is over", flush=True)
            return
        row = {**asdict(part), **asdict(case)}
        try:
            measure(part, case, device, row)
        except Unsupported as reason:
            print(f"{part.name} is left out: {reason}", flush=True)
            return
        except Exception as failure:  # noqa: BLE001 - the other rows are worth having
            row["failed"] = f"{type(failure).__name__}: {str(failure)[:400]}"
        rows.append(row)
        path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        print(line(row), flush=True)


def measure(part: Part, case: Case, device: str, row: dict[str, Any]) -> None:
    """Add to the row what is measured; what there was before a failure stays in it."""
    gc.collect()  # a trainer and its captured step refer to each other
    train = data.load("mnist-5k").train
    trainer_class = load_trainer(registered()[f"{part.framework}-{case.recipe}"])
    check_precision(trainer_class)
    recipe = trainer_class.recipe_class()
    if case.batch_size:
        recipe = recipe.model_copy(update={"batch_size": case.batch_size})
    chunk = CHUNK
    if device == "cpu":
        recipe, chunk = recipe.smaller().model_copy(update={"batch_size": 4}), 2
    row["batch_size"] = recipe.batch_size
    with conditions(part, case):
        started = time.perf_counter()
        trainer = trainer_class(
            recipe, train.images, train.labels, device=device, planned_steps=10_000, seed=0
        )
        trainer.set_weights(recipe.initial_weights(0))
        if case.eager:
            trainer._step = trainer._one_step
        build_s = seconds_since(started)
        inputs = Inputs(recipe, 0, train.images, train.labels)
        given = inputs.batches(0, chunk), inputs.draws(0, chunk)
        times = []
        # The first of all loads libraries, captures or compiles.
        while len(times) < 4 or (sum(times[1:]) < LEAST_S and len(times) <= MOST_CHUNKS):
            started = time.perf_counter()
            losses = trainer.train(*given)
            times.append(seconds_since(started))
        first_s, *times = times
        middle_s = statistics.median(times)
        row |= {
            "build_s": build_s,
            "first_chunk_s": first_s,
            "ms_per_step": 1e3 * middle_s / chunk,
            "images_per_s": recipe.images_per_step * chunk / middle_s,
            "tflops": 2 * recipe.multiply_adds_per_step() * chunk / middle_s / 1e12,
            "spread": (max(times) - min(times)) / middle_s,
            "finite": all(bool(np.isfinite(values).all()) for values in losses.values()),
            **peak_memory(part.framework, device),
        }
        if case.details:
            row["kernels"] = kernels(trainer, given, chunk)
            if not case.eager:
                row["host_s"] = host_costs(trainer, inputs, 10_000 if device != "cpu" else 128)


def seconds_since(started: float) -> float:
    return time.perf_counter() - started


@contextlib.contextmanager
def conditions(part: Part, case: Case) -> Iterator[None]:
    """Let PyTorch work as the case says, and count its memory from here on."""
    if part.framework != "torch":
        yield
        return
    import torch

    torch.backends.cudnn.benchmark = case.search
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with channels_first() if case.nchw else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def channels_first() -> Iterator[None]:
    """Keep the maps of PyTorch's trainers in NCHW memory."""
    import torch

    from gan_bench_torch import base, layers

    def contiguous(function: Callable) -> Callable:
        def wrapped(*inputs: Any) -> torch.Tensor:
            maps = function(*inputs)
            # With one channel, `contiguous` would keep the strides, which say channels last.
            return maps.flatten(1).view(maps.shape)

        return wrapped

    with contextlib.ExitStack() as stack:
        first = torch.contiguous_format
        stack.enter_context(patch.object(base, "_memory_format", lambda network: first))
        for owner, name in (
            (base.TorchTrainer, "_gather"),
            (layers.PointToMap, "forward"),
            (layers.Unflatten, "forward"),
        ):
            stack.enter_context(patch.object(owner, name, contiguous(getattr(owner, name))))
        yield


def peak_memory(framework: str, device: str) -> dict[str, float]:
    if device == "cpu":
        return {}
    if framework == "torch":
        import torch

        return {
            "peak_mb": torch.cuda.max_memory_allocated() / 1e6,
            "reserved_mb": torch.cuda.max_memory_reserved() / 1e6,
        }
    import jax

    stats = jax.devices("gpu")[0].memory_stats() or {}
    return {"peak_mb": stats["peak_bytes_in_use"] / 1e6} if "peak_bytes_in_use" in stats else {}


def kernels(trainer: Trainer, given: tuple, steps: int) -> dict[str, Any]:
    """Return the number of kernels in a step, the GPU's busy time, and the longest of them."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    on_gpu = torch.cuda.is_available()
    with profile(activities=[ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]) as found:
        trainer.train(*given)
    field = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    events = [event for event in found.key_averages() if getattr(event, field)]
    events.sort(key=lambda event: -getattr(event, field))
    return {
        "per_step": sum(event.count for event in events) / steps,
        "busy_ms_per_step": sum(getattr(event, field) for event in events) / 1e3 / steps,
        "longest": [
            [event.key[:90], event.count / steps, getattr(event, field) / 1e3 / steps]
            for event in events[:14]
        ],
    }


def host_costs(trainer: Trainer, inputs: Inputs, samples: int) -> dict[str, float]:
    """Return the seconds of what a run does besides its steps."""
    latents = inputs.evaluation_latents(samples)
    images = trainer.sample(latents)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        works: dict[str, Callable[[], object]] = {
            f"draws of {CHUNK} steps": lambda: inputs.draws(CHUNK, CHUNK),
            f"batches of {CHUNK} steps": lambda: inputs.batches(CHUNK, CHUNK),
            f"{samples} samples": lambda: trainer.sample(latents),
            f"writing {samples} samples": lambda: write_images(folder / "images.npz", images),
            "a checkpoint": lambda: trainer.save(folder),
            "weights to the host": trainer.weights,
            "SHA-256 of the weights": lambda: weights_sha256(trainer.weights()),
        }
        found = {}
        for what, work in works.items():
            work()
            started = time.perf_counter()
            work()
            found[what] = seconds_since(started)
    return found


COLUMNS = (
    f"{'implementation':20}",
    "precision",
    "batch",
    f"{'unlike a run':24}",
    "ms/step",
    " images/s",
    "TFLOP/s",
    "first chunk, s",
    "peak, MB",
)


def measured(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of all files, in the order of the parts."""
    paths = [path for name in NAMED if (path := folder / f"{name}.json").exists()]
    return [row for path in paths for row in json.loads(path.read_text(encoding="utf-8"))]


def rate(folder: Path, name: str) -> str:
    """Return the images/s of an implementation as it is, in ieee."""
    for row in measured(folder):
        known = (f"{row['framework']}-{row['recipe']}", row["precision"])
        if known == (name, "ieee") and "images_per_s" in row:
            return f"{row['images_per_s']:.0f}"
    sys.exit(f"no step of {name} was measured in {folder}")


def table(folder: Path) -> None:
    """Print the rows of all files, as Markdown."""
    rows = measured(folder)
    if not rows:
        print(f"no step was measured in {folder}")
        return
    print("| " + " | ".join(COLUMNS) + " |")
    print(f"| --- | --- | ---: | --- |{' ---: |' * (len(COLUMNS) - 4)}")
    for row in rows:
        print(line(row))
    for row in rows:
        for what, taken_s in row.get("host_s", {}).items():
            print(f"{row['framework']}-{row['recipe']}, {what}: {1e3 * taken_s:.1f} ms")


def line(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    names = ("eager", "nchw", "search", "details", "deterministic")
    first = [f"{row['framework']}-{row['recipe']}", row["precision"]]
    first.append(str(row["batch_size"] or ""))
    first.append(", ".join(name for name in names if row[name]))
    if "ms_per_step" not in row:
        return f"| {' | '.join(first)} | {' '.join(row['failed'].split())[:120]} |"
    figures = (
        f"{row['ms_per_step']:.3f}",
        f"{row['images_per_s']:,.0f}",
        f"{row['tflops']:.2f}",
        f"{row['first_chunk_s']:.1f}",
        f"{row['peak_mb']:,.0f}" if "peak_mb" in row else "-",
    )
    widths = [len(column) for column in COLUMNS]
    cells = map(str.ljust, first, widths)
    return f"| {' | '.join([*cells, *map(str.rjust, figures, widths[4:])])} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the JSON files are")
    parser.add_argument("--device", default="cuda:0", help="cpu or cuda:<index>")
    parser.add_argument("--seconds", type=float, default=120.0, help="of all parts together")
    parser.add_argument("--table", action="store_true", help="print what was measured")
    parser.add_argument("--rate", metavar="NAME", help="print the images/s of one")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.table:
        table(options.folder)
        return
    if options.rate:
        print(rate(options.folder, options.rate))
        return
    if options.part:
        part = NAMED[options.part]
        device = "cpu" if options.device == "cpu" else "cuda:0"  # the environment shows one only
        one_part(part, options.folder / f"{part.name}.json", device, options.seconds)
        return
    try:
        device = check_device(options.device)
    except UsageError as error:
        parser.error(str(error))
    options.folder.mkdir(parents=True, exist_ok=True)
    every_part(options.folder, device, options.seconds)


if __name__ == "__main__":
    main()
