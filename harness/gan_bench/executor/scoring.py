"""Has a run's snapshots scored, in a process of its own, when they are not scored yet."""

import subprocess
import sys

from gan_bench.errors import GanBenchError
from gan_bench.folders import RunFolder
from gan_bench.score.result import Scores


def unscored_steps(folder: RunFolder) -> list[int]:
    """Return the steps of the snapshots that have no figure in any sound score file."""
    scored: set[int] = set()
    for path in folder.scores.glob("*.json"):
        try:
            rows = Scores.read(path).scores
        except GanBenchError:
            continue
        scored |= {row.step for row in rows if row.value is not None}
    steps = {int(path.stem) for path in folder.snapshots.glob("*.npz") if path.stem.isdigit()}
    return sorted(steps - scored)


def score(folder: RunFolder, *, threads: int, keep_samples: bool) -> str | None:
    """Score a run's snapshots; return why that did not give every figure, None if it did."""
    command = [
        *(sys.executable, "-P", "-m", "gan_bench.score", str(folder.path)),
        *("--threads", str(threads)),
    ]
    if keep_samples:
        command.append("--keep-samples")
    with (
        (folder.path / "score.log").open("ab") as log,
        # The pipe is the scorer's sign that this process still lives.
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log) as process,
    ):
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            raise
    if code == 0:
        return None
    lines = (folder.path / "score.log").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines and code in (1, 2) else f"the scorer ended with exit code {code}"
