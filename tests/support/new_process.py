"""A Python process that imports what a test's file can import."""

import os
import subprocess
import sys
from pathlib import Path


def in_a_new_process(test_file, script, *arguments):
    """Run a script to which the test's file and tests/support are modules; it must succeed."""
    paths = os.pathsep.join([str(Path(test_file).parent), *filter(None, sys.path)])
    command = [sys.executable, "-c", script, *map(str, arguments)]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": paths})
