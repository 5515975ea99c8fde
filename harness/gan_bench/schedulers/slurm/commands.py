"""Runs Slurm's commands and parses their output."""

import contextlib
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from gan_bench.schedulers.slurm.resources import minutes

_ANSWER_S = 60.0
"""A controller that takes longer counts as unavailable."""
_OVERRIDING = ("SBATCH_", "SQUEUE_", "SINFO_", "SCANCEL_", "SLURM_CLUSTERS")
"""Variables of a user's shell that would change requests or hide jobs."""


def environment() -> dict[str, str]:
    """Return this process's environment without variables that change Slurm's commands."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OVERRIDING)}


def ask(*command: str) -> subprocess.CompletedProcess[str]:
    """Run one of Slurm's commands; failures are in the exit code and stderr."""
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
    """Return the last error in a command's output, as the end of a sentence."""
    lines = [line.partition("error: ")[2] or line for line in text.strip().splitlines()]
    return (lines[-1] if lines else "it does not say why").rstrip(".") + "."


@dataclass(frozen=True)
class Limits:
    """Time limits of jobs, in minutes; None: no limit."""

    usual: int | None
    """The limit of jobs that request no time."""
    most: int | None


def limits(partition: str | None) -> Limits | None:
    """Return the limits of partitions (the longest of several), by default the default partition's.

    None if Slurm does not answer or does not know the partition.
    """
    done = ask("sinfo", "--all", "--noheader", "--format", "%R|%P|%L|%l")
    wanted = None if partition is None else [name.strip() for name in partition.split(",")]
    matching = []
    for line in done.stdout.splitlines():
        name, marked, usual, most = (*line.split("|"), "", "", "")[:4]
        if (marked.endswith("*") if wanted is None else name in wanted) and most:
            matching.append(Limits(_minutes(usual) or _minutes(most), _minutes(most)))
    if not matching:
        return None
    longest_times = [limits.most for limits in matching]
    longest = None if None in longest_times else max(m for m in longest_times if m is not None)
    return Limits(matching[0].usual, longest)


def _minutes(text: str) -> int | None:
    with contextlib.suppress(ValueError):  # for example "infinite" or "n/a"
        return minutes(text)
    return None


def longest_array() -> int:
    """Return the maximum number of tasks in an array."""
    done = ask("scontrol", "show", "config")
    size = re.search(r"^MaxArraySize\s*=\s*(\d+)", done.stdout, re.MULTILINE)
    # 1001 is Slurm's default; the largest index is one less.
    return max(1, int(size.group(1)) if size else 1001)


def queue(jobs: Sequence[str]) -> list[tuple[str, str, str]] | None:
    """Return id, state and reason of unfinished jobs, None if Slurm does not answer."""
    arrays = sorted({job.partition("_")[0] for job in jobs})
    if not arrays:
        return []
    done = ask(
        *("squeue", "--all", "--array", "--noheader", "--format", "%i %T %r"),
        *("--jobs", ",".join(arrays)),
    )
    if done.returncode != 0:
        # Slurm's answer about a single job that it has forgotten.
        return [] if "Invalid job id" in done.stderr else None
    rows = [(*line.split(" ", 2), "", "")[:3] for line in done.stdout.splitlines()]
    wanted = set(jobs)
    return [(job, state, why) for job, state, why in rows if job in wanted]
