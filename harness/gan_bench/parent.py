"""Ends a child process together with its parent, however the parent ended."""

import contextlib
import os
import signal
import stat
import threading
from pathlib import Path


def end_with_parent(run: Path | None = None) -> None:
    """End this process group when the parent's end of stdin, a pipe, closes.

    Does nothing where stdin is no pipe: then a person started the process by hand.

    Parameters
    ----------
    run
        The folder of the run that this process trains: all that carries its mark is ended, too.
    """
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1):
                pass
        if run is not None:
            from gan_bench.processes import end, left_behind

            with contextlib.suppress(Exception):
                end(left_behind(run))
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
