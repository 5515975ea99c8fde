"""What a process that trains a run tells of its progress: the losses of chunks, and heartbeats."""

import contextlib
import faulthandler
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from time import monotonic, process_time, thread_time  # by name: a plugin may replace those
from typing import Any, NamedTuple, TextIO

import numpy as np
import psutil
from numpy.typing import NDArray

from gan_bench.recipe import OPTIONAL_LOSSES
from gan_bench.results.events import HEARTBEAT_S, EventWriter
from gan_bench.system.processes import SILENCE_VARIABLE


def write_chunk(
    events: EventWriter,
    table: NDArray[np.float32],
    names: Sequence[str],
    *,
    first_step: int,
    seconds: float,
    warmup: bool,
) -> None:
    """Write that a chunk has ended, with the means of its losses, to the journal.

    ``table`` is float32 (steps, losses).
    """
    with np.errstate(invalid="ignore"):
        means = table.mean(axis=0, dtype=np.float64)
    events.write(
        "chunk",
        first_step=first_step,
        step=first_step + len(table),
        seconds=seconds,
        warmup=warmup,
        means={
            name: float(mean) if np.isfinite(mean) else None
            for name, mean in zip(names, means, strict=True)
        },
    )


class Divergence(NamedTuple):
    """The first step at which a loss is not finite."""

    step: int
    reason: str


def divergence(losses: NDArray[Any], names: Sequence[str], first: int) -> Divergence | None:
    """Return where the losses of a chunk diverge: one is not finite, or too large to be recorded.

    Parameters
    ----------
    losses
        Floats (steps, losses), as they were computed.
    names
        Their names; the optional ones among them may have any value.
    first
        The number of steps before them.
    """
    columns = [column for column, name in enumerate(names) if name not in OPTIONAL_LOSSES]
    for row, column in np.argwhere(~np.isfinite(in_float32(losses[:, columns])))[:1]:
        value, step = losses[row, columns[column]], first + int(row) + 1
        what = "not finite"
        if np.isfinite(value):
            what = f"too large for float32 ({value:.3g})"
        return Divergence(step, f"the loss {names[columns[column]]} was {what} at step {step}")
    return None


def in_float32(losses: NDArray[Any]) -> NDArray[np.float32]:
    """Return losses as files have them: infinite where they are too large."""
    with np.errstate(over="ignore"):
        return losses.astype(np.float32)


_EXTRA_SILENCE_S = 60.0
"""A worker without heartbeats ends itself this long after its supervisor should have killed it."""
_IDLE_SHARE = 0.01
"""A worker that finishes no step and uses less of a processor than this makes no progress."""


def children_s() -> float:
    """Return the processor time of all children of this process, also of those that have ended."""
    ended = os.times()
    total = ended.children_user + ended.children_system
    with contextlib.suppress(psutil.Error, OSError):
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error, OSError):
                total += sum(child.cpu_times()[:4])
    return total


class _Progress:
    """Tells whether training goes on: a thread that sends heartbeats does not show it."""

    def __init__(self, step: Callable[[], int]) -> None:
        self._step = step
        self._looked = (step(), monotonic(), 0.0, 0.0)

    def made(self) -> bool | None:
        """Return whether a step was finished or a processor used since the last call.

        None if that is unknown: a process may wait for its GPU without using a processor.
        """
        step, then, own_s, all_s = self._looked
        now = monotonic()
        # Without the time of this thread.
        used_s = process_time() - thread_time()
        busy = used_s - own_s > _IDLE_SHARE * (now - then)
        if not busy:  # perhaps its children are; to find them takes longer
            before_s, all_s = all_s, used_s + children_s()
            busy = not 0 <= all_s - before_s <= _IDLE_SHARE * (now - then)
        self._looked = (self._step(), now, used_s, all_s)
        if busy or self._looked[0] != step:
            return True
        return None if os.environ.get("CUDA_VISIBLE_DEVICES") else False


@contextlib.contextmanager
def heartbeat(events: EventWriter, step: Callable[[], int], log: TextIO) -> Iterator[None]:
    """Write heartbeats to the journal, even during a long chunk or import.

    Each says whether there was progress since the last one. ``log`` receives the stacks of all
    threads if the process hangs for too long.
    """
    ended = threading.Event()
    silence_s = float(os.environ.get(SILENCE_VARIABLE, "inf")) + _EXTRA_SILENCE_S
    progress = _Progress(step)

    def beat() -> None:
        while not ended.wait(HEARTBEAT_S):
            if silence_s < threading.TIMEOUT_MAX:
                # Implemented in C: it works even while another thread holds the GIL.
                faulthandler.dump_traceback_later(silence_s, exit=True, file=log)
            with contextlib.suppress(OSError):  # the next chunk reports a full disk
                events.write("heartbeat", step=step(), progress=progress.made())

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if silence_s < threading.TIMEOUT_MAX:
            faulthandler.cancel_dump_traceback_later()
