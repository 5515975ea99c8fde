"""Runs gan-bench's command line and writes the peak memory of the process, in MiB, to a file.

``python benchmarks/peak_memory.py FILE ARGUMENT ...``. The process measures itself: the figure that
a parent gets for its child includes the parent's memory at the time of the fork.
"""

import atexit
import sys
from pathlib import Path

from gan_bench.cli.main import main
from gan_bench.system.processes import peak_rss_mb

if __name__ == "__main__":
    atexit.register(lambda: Path(sys.argv[1]).write_text(str(peak_rss_mb()), encoding="utf-8"))
    main(sys.argv[2:], prog_name="gan-bench")
