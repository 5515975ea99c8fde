"""What Slurm's own commands answer: one question, one process, and no answer is an answer."""

import contextlib
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from gan_bench.schedulers.slurm.resources import minutes

_ANSWER_S = 60.0
"""A controller that takes longer is as good as not there."""
_OVERRIDING = ("SBATCH_", "SQUEUE_", "SINFO_", "SCANCEL_", "SLURM_CLUSTERS")
"""Variables by which a user's shell would change what was asked for, or hide jobs."""


def environment() -> dict[str, str]:
    """Return this process's environment without what would change Slurm's commands."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OVERRIDING)}


def ask(*command: str) -> subprocess.CompletedProcess[str]:
    """Run one of Slurm's commands; whatever goes wrong is in the exit code and stderr."""
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_ANSWER_S,
            check=False,
            env=environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", f"{command[0]}: {error}")


def last_error(text: str) -> str:
    """Return what a command of Slurm's says went wrong, as a sentence's end."""
    lines = [line.partition("error: ")[2] or line for line in text.strip().splitlines()]
    return (lines[-1] if lines else "it does not say why").rstrip(".") + "."


@dataclass(frozen=True)
class Limits:
    """How long jobs may take, in minutes; None is without limit."""

    usual: int | None
    """Where a job asks for no time."""
    most: int | None


def limits(partition: str | None) -> Limits | None:
    """Return the limits of a partition, the longest of several, or of the default one.

    None where Slurm does not answer or knows no such partition.
    """
    done = ask("sinfo", "--all", "--noheader", "--format", "%R|%P|%L|%l")
    wanted = None if partition is None else [name.strip() for name in partition.split(",")]
    found = []
    for line in done.stdout.splitlines():
        name, marked, usual, most = (*line.split("|"), "", "", "")[:4]
        if (marked.endswith("*") if wanted is None else name in wanted) and most:
            found.append(Limits(_minutes(usual) or _minutes(most), _minutes(most)))
    if not found:
        return None
    most_of_all = [one.most for one in found]
    longest = None if None in most_of_all else max(m for m in most_of_all if m is not None)
    return Limits(found[0].usual, longest)


def _minutes(text: str) -> int | None:
    with contextlib.suppress(ValueError):  # such as infinite, or n/a
        return minutes(text)
    return None


def longest_array() -> int:
    """Return how many tasks an array may have."""
    done = ask("scontrol", "show", "config")
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", done.stdout, re.MULTILINE)
    # Slurm's own default; the largest index is one less.
    return max(1, int(found.group(1)) if found else 1001)


def queue(jobs: Sequence[str]) -> list[tuple[str, str, str]] | None:
    """Return id, state and reason of those jobs that are not over, None without an answer."""
    arrays = sorted({job.partition("_")[0] for job in jobs})
    if not arrays:
        return []
    done = ask(
        *("squeue", "--all", "--array", "--noheader", "--format", "%i %T %r"),
        *("--jobs", ",".join(arrays)),
    )
    if done.returncode != 0:
        # So it says of a single job that it has forgotten.
        return [] if "Invalid job id" in done.stderr else None
    rows = [(*line.split(" ", 2), "", "")[:3] for line in done.stdout.splitlines()]
    wanted = set(jobs)
    return [(job, state, why) for job, state, why in rows if job in wanted]
