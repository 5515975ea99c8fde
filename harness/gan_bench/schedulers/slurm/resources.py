"""Parses and validates Slurm options: ``partition=gpu,gpus=1,time=4h,mem=16G``."""

import contextlib
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, field_validator

from gan_bench.errors import UsageError, first_validation_error
from gan_bench.results.training_files import CHECKPOINT_EVERY_S
from gan_bench.system.models import Frozen
from gan_bench.text import did_you_mean

_WORDS = re.compile(r"(?:(\d+)d)?\s*(?:(\d+)h)?\s*(?:(\d+)m(?:in)?)?")
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+):(\d{2})(?::(\d{2}))?")
_MEMORY = re.compile(r"\d+[KMGT]?")
_LISTS = ("partition", "exclude", "nodelist", "constraint", "gres")
"""Options whose values may contain commas."""
SIGNAL_S = 90
"""Slurm may send the signal up to a minute early."""
NEEDED_S = CHECKPOINT_EVERY_S
"""Time between start and signal that a run needs to make progress."""


class Resources(Frozen):
    """The resources of each run's job."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    time: int | None = Field(default=None, ge=1)
    """Minutes (default: the partition's limit)."""
    mem: str | None = None
    """Memory per node, such as ``16G``; a plain number is in megabytes, as in Slurm."""
    cpus: int | None = Field(default=None, ge=1, le=4096)
    """Processors (default: the plan's threads)."""
    gpus: int | None = Field(default=None, ge=0, le=64)
    gres: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    nodelist: str | None = None
    reservation: str | None = None
    signal: int = Field(default=SIGNAL_S, ge=15, le=65_535)
    """Seconds before the time limit at which Slurm signals the run to write a checkpoint."""
    setup: tuple[str, ...] = ()
    """Shell commands before the run, such as ``module load cuda``; only in plan files."""

    @field_validator("time", mode="before")
    @classmethod
    def _minutes(cls, value: Any) -> Any:
        return minutes(value) if isinstance(value, str) else value

    @field_validator("mem", mode="before")
    @classmethod
    def _memory(cls, value: Any) -> Any:
        text = str(value).upper().removesuffix("B")
        if not _MEMORY.fullmatch(text):
            raise ValueError("memory is a number with K, M, G or T, such as 16G")
        return text

    @field_validator(
        *("partition", "account", "qos", "gres", "constraint", "exclude", "nodelist"),
        "reservation",
    )
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        if value is not None and (not value.strip() or not value.isprintable()):
            raise ValueError("it is empty or has characters that do not print")
        return value

    @property
    def needs_gpu(self) -> bool:
        """Whether the job requests a GPU."""
        return bool(self.gpus) or (self.gres or "").startswith("gpu")


def minutes(text: str) -> int:
    """Read a time limit: ``4h``, ``1d12h``, ``90m``, ``90`` (minutes), ``1-12:00:00``, ``4:00:00``.

    Raises
    ------
    ValueError
        Another format.
    """
    text = text.strip().lower()
    if text.isdecimal() and text.isascii():
        return int(text)
    words, clock = _WORDS.fullmatch(text), _CLOCK.fullmatch(text)
    if words and any(words.groups()):
        days, hours, mins = (int(part or 0) for part in words.groups())
        return (days * 24 + hours) * 60 + mins
    if clock:
        day_count, first, second, third = clock.groups()
        numbers = [int(first), int(second), int(third or 0)]
        # Slurm's own: minutes:seconds, hours:minutes:seconds, days-hours:minutes.
        if third is None and day_count is None:
            numbers = [0, numbers[0], numbers[1]]
        seconds = numbers[0] * 3600 + numbers[1] * 60 + numbers[2]
        return int(day_count or 0) * 24 * 60 + -(-seconds // 60)
    raise ValueError("a time limit is such as 4h, 90m, 1d12h or Slurm's 1-12:00:00")


def parse_words(text: str) -> dict[str, str]:
    """Parse ``key=value,key=value`` of the command line.

    Raises
    ------
    UsageError
        A part has no ``=``, or a key is repeated.
    """
    found: dict[str, str] = {}
    last = None
    for part in text.split(","):
        key, equals, value = part.partition("=")
        key = key.strip()
        if key in Resources.model_fields and equals:
            if key in found:
                raise UsageError(f"--slurm has {key} twice; give each once.")
            found[key] = value.strip()
            last = key
        elif not equals and last in _LISTS:
            found[last] += f",{part.strip()}"
        elif not equals:
            raise UsageError(
                "--slurm takes KEY=VALUE,KEY=VALUE such as partition=gpu,gpus=1,time=4h; not "
                f"{part!r}."
            )
        else:
            found[key] = value.strip()  # unknown: `resources` reports it
            last = key
    return found


def resources(values: Mapping[str, Any], where: str) -> Resources:
    """Validate Slurm options.

    Parameters
    ----------
    values
        The options by key.
    where
        Their origin, for error messages: ``--slurm``, ``[slurm.keras-enhanced]``.

    Raises
    ------
    UsageError
        An unknown key or an invalid value.
    """
    for key in values:
        if key not in Resources.model_fields:
            hint = did_you_mean(key, Resources.model_fields)
            raise UsageError(f"{where} has the unknown key {key!r}; {hint}")
    try:
        found = Resources.model_validate(dict(values))
    except ValidationError as error:
        wrong = first_validation_error(error)
        raise UsageError(f"{where}: {wrong} (got {wrong.given!r}).") from error
    if found.time is not None and found.time * 60 < found.signal + NEEDED_S:
        raise UsageError(
            f"{where}: time: {found.time} min is less than a checkpoint needs: they come once in "
            f"{CHECKPOINT_EVERY_S:.0f} s, and Slurm's signal {found.signal} s before the end "
            f"(signal={found.signal}); give more."
        )
    return found


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
