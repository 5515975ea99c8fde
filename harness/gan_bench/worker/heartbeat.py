"""Signs of life of a worker: its heartbeat in the journal, and its peak memory."""

import contextlib
import faulthandler
import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from gan_bench.results.events import HEARTBEAT_S, EventWriter
from gan_bench.system.environment import SILENCE_VARIABLE

_MORE_S = 60.0
"""A silent process ends itself so long after its supervisor should have: it was killed then."""


def peak_rss_mb() -> float:
    """Return the largest resident memory of this process so far."""
    with contextlib.suppress(OSError):
        # The kernel's ru_maxrss starts at that of the process which started this one.
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


@contextlib.contextmanager
def heartbeat(events: EventWriter, step: Callable[[], int], log: TextIO) -> Iterator[None]:
    """Show that the process lives, also within a long chunk or import.

    Parameters
    ----------
    events
        Where it shows.
    step
        Returns how far it is.
    log
        Where the stacks of its threads go when it has hung for too long.
    """
    ended = threading.Event()
    silence_s = float(os.environ.get(SILENCE_VARIABLE, "inf")) + _MORE_S

    def beat() -> None:
        while not ended.wait(HEARTBEAT_S):
            if silence_s < threading.TIMEOUT_MAX:
                # Of C, so that it works whatever holds Python's lock.
                faulthandler.dump_traceback_later(silence_s, exit=True, file=log)
            with contextlib.suppress(OSError):  # a full disk is what the next chunk will tell
                events.write("heartbeat", step=step())

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        faulthandler.cancel_dump_traceback_later()
