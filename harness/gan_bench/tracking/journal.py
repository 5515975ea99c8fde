"""Makes the folder of a tracked loop ready: empty, or cut at the step from which it goes on."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import UsageError
from gan_bench.launch.run_one import start_over
from gan_bench.plan import RunSpec
from gan_bench.results.events import Event, read_events
from gan_bench.results.layout import ResultsFolder, RunFolder
from gan_bench.results.losses import read_losses
from gan_bench.results.record import Record
from gan_bench.results.training_files import write_array
from gan_bench.system.files import write_atomically
from gan_bench.text import many
from gan_bench.worker.progress import divergence

_OF_AN_ATTEMPT = ("start", "ready", "failed")
"""Events that are kept wherever an attempt ended; ``failed`` has its peak memory."""


def check(results: ResultsFolder, spec: RunSpec, resume_from: int, *, force: bool) -> None:
    """Raise `UsageError` if the run is finished, or the arguments contradict each other."""
    folder = results.run(spec.run_id)
    if force and resume_from:
        raise UsageError("force=True starts over, and resume_from= goes on; give one of the two.")
    if folder.record.exists() and not force and Record.read(folder.record).status == "ok":
        raise UsageError(
            f"The run {spec.run_id} is finished: force=True starts it over, and another seed or "
            "another value in values= is another run."
        )


def begin(results: ResultsFolder, spec: RunSpec, resume_from: int) -> tuple[RunSpec, int]:
    """Make the folder of a run ready for its next step.

    The caller holds the run's lock.

    Parameters
    ----------
    results, spec
        The results folder, and what the script asks for.
    resume_from
        The step after which training goes on; 0 starts over.

    Returns
    -------
    spec, dropped
        The specification with the losses of the steps that are kept, and the last recorded step of
        an earlier attempt, if its records are dropped, else 0.

    Raises
    ------
    UsageError
        Less than ``resume_from`` steps of it are recorded, or it had diverged by then.
    """
    folder = results.run(spec.run_id)
    last = _last_step(_chunks(folder))
    if not resume_from:
        start_over(results, folder)
        spec.write(folder.spec)
        return spec, last
    known = _recorded(folder, spec.run_id, resume_from)
    _cut(folder, known, resume_from)
    return known, last if last > resume_from else 0


def _chunks(folder: RunFolder) -> list[Event]:
    return [event for event in read_events(folder.events) if event["event"] == "chunk"]


def _last_step(chunks: list[Event]) -> int:
    return max((chunk["step"] for chunk in chunks), default=0)


def _recorded(folder: RunFolder, run_id: str, step: int) -> RunSpec:
    """Return the specification of a run of which this many steps are recorded."""
    if not folder.spec.exists():
        raise UsageError(
            f"resume_from={step}: the results folder has no run {run_id}. An id depends on the "
            "script's text: read the step from your checkpoint or from the command line, so that "
            "the script stays as it was."
        )
    spec = RunSpec.read(folder.spec)
    chunks = _chunks(folder)
    last = _last_step(chunks)
    try:
        losses = read_losses(folder.losses, spec.losses)
        empty = np.all(np.isnan(losses), axis=1)
        for chunk in chunks:
            if all(mean is None for mean in chunk["means"].values()):  # they were not finite
                empty[chunk["first_step"] : chunk["step"]] = False
        last = min(last, int(empty.argmax()) if empty.any() else len(empty))
    except FileNotFoundError:
        last = 0
    if step <= last and (found := divergence(losses[:step], spec.losses, 0)):
        raise UsageError(
            f"resume_from={step}: {found.reason}; restore a checkpoint from before that step."
        )
    if step > last:
        raise UsageError(
            f"resume_from={step}: the run {run_id} has only {many(last, 'recorded step')}; restore "
            " an earlier checkpoint, or start over without resume_from."
        )
    return spec


def _cut(folder: RunFolder, spec: RunSpec, step: int) -> None:
    """Drop what was recorded after a step."""
    folder.record.unlink(missing_ok=True)
    losses = read_losses(folder.losses, spec.losses)
    losses[step:] = np.nan
    write_array(folder.losses, losses)
    kept = _kept(read_events(folder.events), spec, losses, step)
    lines = [json.dumps(event, allow_nan=False).encode() + b"\n" for event in kept]
    write_atomically(folder.events, b"".join(lines))
    shutil.rmtree(folder.scores, ignore_errors=True)
    for path in (*folder.snapshots.glob("*.npz"), *folder.grids.glob("*.png")):
        if _step_of(path) > step:
            path.unlink()


def _kept(
    events: list[Event], spec: RunSpec, losses: NDArray[np.float32], step: int
) -> Iterator[Event]:
    """Yield the events up to a step; of a chunk that goes beyond it, the part before."""
    for event in events:
        kind = event["event"]
        of_training = kind in ("chunk", "snapshot", "done")
        if kind in _OF_AN_ATTEMPT or (of_training and event["step"] <= step):
            yield event
        elif kind == "chunk" and event["first_step"] < step:
            first = event["first_step"]
            share = (step - first) / (event["step"] - first)  # its steps took the same time each
            part = losses[first:step].mean(axis=0, dtype=np.float64)
            means = {
                name: float(mean) if np.isfinite(mean) else None
                for name, mean in zip(spec.losses, part, strict=True)
            }
            yield {**event, "step": step, "seconds": event["seconds"] * share, "means": means}


def _step_of(path: Path) -> int:
    return int(path.stem) if path.stem.isdecimal() else 0
