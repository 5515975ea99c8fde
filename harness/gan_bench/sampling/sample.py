"""Samples new images from the last checkpoint of a finished run: ``gan-bench sample``."""

import io
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.plan import RunSpec, device_kind
from gan_bench.plugins.frameworks import framework_problem, worker_environment
from gan_bench.plugins.registry import Implementation
from gan_bench.results.layout import RunFolder, open_results
from gan_bench.results.load import find_run
from gan_bench.results.training_files import last_checkpoint, write_images
from gan_bench.sampling.requests import SampleRequest
from gan_bench.scoring.snapshots import grid_png
from gan_bench.system.child import Child, ChildDied
from gan_bench.system.devices import check_device, device_in_child, fallback
from gan_bench.system.files import write_atomically, writing_to

MAX_IMAGES = 100_000
"""Maximum number of images."""
_GRID_SIDE = 32
"""Maximum number of images on a side of the picture; the other file has all images."""


@dataclass(frozen=True)
class SampleFiles:
    """The written files."""

    images: Path
    """An ``.npz`` file with ``images``, uint8 (n, height, width, channels)."""
    grid: Path
    """A picture of the first 1,024 images."""


def sample(
    results: Path,
    name: str,
    count: int,
    out: Path,
    *,
    seed: int | None = None,
    label: int | None = None,
    device: str | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> SampleFiles:
    """Sample from a run's last checkpoint.

    Without a seed, the latents are those of the run's evaluation points: on the CPU, the first
    images are bit-identical to the final snapshot if the checkpoint is of the last step.

    Parameters
    ----------
    results
        The results folder.
    name
        The run's id or a part of it.
    count
        Number of images, from 1 to `MAX_IMAGES`.
    out
        The output folder, created if missing.
    seed
        Seed of the latents (default: the run's).
    label
        The class of all samples, if the run's recipe is conditional (default: all classes in turn).
    device
        See `gan_bench.system.devices.check_device` (default: the run's).
    say
        Called with each warning.

    Raises
    ------
    UsageError
        The run is unknown or has no checkpoint, its trainer is missing, its data set is missing or
        has changed, it has no such class, or ``out`` cannot be written.
    """
    if not 1 <= count <= MAX_IMAGES:
        raise UsageError(f"The number of images has to be from 1 to {MAX_IMAGES:,}, not {count:,}.")
    run = prepare(results, name, device, say)
    given = {"seed": seed, "class": label}
    stem = f"{run.run_id}-step{run.step}" + "".join(
        f"-{what}{number}" for what, number in given.items() if number is not None
    )
    files = SampleFiles(images=out / f"{stem}.npz", grid=out / f"{stem}.png")
    own_seed = run.spec.seed if seed is None else seed
    request = run.request(seed=own_seed, count=count, label=label)
    # Fails before the long work if the folder cannot be created.
    with writing_to(out, "samples"):
        images = _sample_in_child(request, run.run_id, run.device, say)
        write_images(files.images, images)
        write_atomically(files.grid, grid_png(images, *_square(count)))
    return files


@dataclass(frozen=True)
class Prepared:
    """A run whose last checkpoint can be loaded."""

    run_id: str
    spec: RunSpec
    step: int
    checkpoint: Path
    device: str
    """``cpu`` or ``cuda:<index>``."""

    def request(self, *, seed: int, count: int, label: int | None = None) -> SampleRequest:
        """Return the request for samples."""
        return SampleRequest(
            spec=self.spec,
            checkpoint=self.checkpoint.resolve(),
            step=self.step,
            device=device_in_child(self.device),
            seed=seed,
            count=count,
            label=label,
        )


def prepare(results: Path, name: str, device: str | None, say: Callable[[str], None]) -> Prepared:
    """Find a run's last checkpoint and check that its trainer can be loaded; see `sample`."""
    folder, record, _ = find_run(open_results(results, create=False), name)
    spec = record.spec
    if spec.own_loop:
        raise UsageError(
            f"The run {record.run_id} was trained by its own script, which has its weights: "
            "generate the images there, and score them with `gan-bench score DATA IMAGES --as "
            "NAME`."
        )
    step, checkpoint = _checkpoint(folder)
    _check_available(spec.implementation, spec.python, record.run_id)
    chosen = check_device(device or spec.device)
    if (sentence := fallback(device or spec.device)) is not None:
        say(sentence)
    return Prepared(record.run_id, spec, step, checkpoint, chosen)


def _sample_in_child(
    request: SampleRequest, run_id: str, device: str, say: Callable[[str], None]
) -> NDArray[np.uint8]:
    spec = request.spec
    # Another kind of device may not have the run's arithmetic.
    same_device = device_kind(device) == device_kind(spec.device)
    try:
        child = Child(
            "gan_bench.sampling.child",
            request,
            environment=worker_environment(
                spec.implementation.framework,
                python=spec.python,
                device=device,
                threads=spec.threads,
                deterministic=spec.deterministic,
                precision=spec.precision if same_device else "ieee",
            ),
            python=spec.python,
        )
    except OSError as error:
        raise UsageError(
            f"The run {run_id} cannot be sampled: its interpreter {spec.python or sys.executable} "
            f"does not start ({error.strerror})."
        ) from error
    with child:
        return _received(child, run_id, spec, say)


def _checkpoint(folder: RunFolder) -> tuple[int, Path]:
    try:
        checkpoint = last_checkpoint(folder.checkpoints)
    except (GanBenchError, OSError) as error:
        raise UsageError(f"{str(error).rstrip('.')}; start the run over with --force.") from error
    if checkpoint is None:
        raise UsageError(
            f"The run {folder.path.name} has no checkpoint in {folder.checkpoints} (it failed "
            "before the first, or it was removed); start it over with --force."
        )
    return checkpoint


def _check_available(implementation: Implementation, python: str | None, run_id: str) -> None:
    if implementation.path is not None and not Path(implementation.path).is_file():
        raise UsageError(
            f"The run {run_id} cannot be sampled: its trainer's file {implementation.path} is "
            "missing; restore it."
        )
    problem = framework_problem(implementation, python)
    if problem is not None:
        raise UsageError(f"The run {run_id} cannot be sampled: {problem}.")


def _received(
    child: Child, run_id: str, spec: RunSpec, say: Callable[[str], None]
) -> NDArray[np.uint8]:
    line = child.answers.readline()
    head = json.loads(line) if line else {}
    say_if_changed(head.get("source_sha256", spec.source_sha256), spec, say)
    if "error" in head:
        raise UsageError(f"The run {run_id} cannot be sampled: {head['error'].rstrip('.')}.")
    images = np.empty(head.get("shape", 0), dtype=np.uint8)
    if line:
        cast(io.BufferedReader, child.answers).readinto(images.reshape(-1).data)
    try:
        child.finish()
    except ChildDied as death:
        raise UsageError(f"The run {run_id} could not be sampled: its process {death}.") from death
    return images


def say_if_changed(current: str, spec: RunSpec, say: Callable[[str], None]) -> None:
    """Say if the source of a run's implementation is not that of the run."""
    if current != spec.source_sha256:
        say(
            f"The source of {spec.implementation.name} has changed since the run (sha256 "
            f"{spec.source_sha256[:12]} then, {current[:12]} now); the run's weights are loaded "
            "into the current code."
        )


def _square(count: int) -> tuple[int, int]:
    """Return the columns and rows of an almost square grid."""
    columns = min(_GRID_SIDE, math.ceil(math.sqrt(count)))
    return columns, min(_GRID_SIDE, math.ceil(count / columns))
