"""Signs of life of a worker: its heartbeat in the journal, and its peak memory."""

import contextlib
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from gan_bench.events import HEARTBEAT_S, EventWriter


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
def heartbeat(events: EventWriter, step: Callable[[], int]) -> Iterator[None]:
    """Show that the process lives, also within a long chunk or import."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_S):
            events.write("heartbeat", step=step())

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
