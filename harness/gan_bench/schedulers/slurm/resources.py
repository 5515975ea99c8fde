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
"""Default of `Resources.signal`; Slurm may send the signal up to a minute early."""
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
    """Memory per node, such as ``16G``; the unit of a plain number is megabytes, as in Slurm."""
    cpus: int | None = Field(default=None, ge=1, le=4096)
    """Number of processors (default: the plan's threads)."""
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
            raise ValueError("the value is empty or has characters that cannot be printed")
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
        # Slurm reads 1:30 as minutes:seconds, 1:30:00 as hours:minutes:seconds, and 1-2:30 as
        # days-hours:minutes.
        if third is None and day_count is None:
            numbers = [0, numbers[0], numbers[1]]
        seconds = numbers[0] * 3600 + numbers[1] * 60 + numbers[2]
        return int(day_count or 0) * 24 * 60 + -(-seconds // 60)
    raise ValueError("write the time limit as 4h, 90m, 1d12h or in Slurm's format, 1-12:00:00")


def parse_words(text: str) -> dict[str, str]:
    """Parse ``key=value,key=value`` of the command line.

    Raises
    ------
    UsageError
        A part has no ``=``, or a key is repeated.
    """
    values: dict[str, str] = {}
    last = None
    for part in text.split(","):
        key, equals, value = part.partition("=")
        key = key.strip()
        if key in Resources.model_fields and equals:
            if key in values:
                raise UsageError(f"--slurm has {key} twice; set each option once.")
            values[key] = value.strip()
            last = key
        elif not equals and last in _LISTS:
            values[last] += f",{part.strip()}"
        elif not equals:
            raise UsageError(
                "--slurm takes KEY=VALUE,KEY=VALUE, such as partition=gpu,gpus=1,time=4h; "
                f"{part!r} has no value."
            )
        else:
            values[key] = value.strip()  # unknown: `parse_resources` reports it
            last = key
    return values


def parse_resources(values: Mapping[str, Any], where: str) -> Resources:
    """Validate Slurm options.

    ``where`` names their origin in error messages: ``--slurm``, ``[slurm.keras-enhanced]``.

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
        parsed = Resources.model_validate(dict(values))
    except ValidationError as error:
        wrong = first_validation_error(error)
        raise UsageError(f"{where}: {wrong} (got {wrong.given!r}).") from error
    if parsed.time is not None and parsed.time * 60 < parsed.signal + NEEDED_S:
        raise UsageError(
            f"{where}: time: {parsed.time} min is less than a checkpoint needs; set at least "
            f"{-(-(parsed.signal + NEEDED_S) // 60):.0f} min, the time between two checkpoints "
            f"({CHECKPOINT_EVERY_S:.0f} s) plus signal ({parsed.signal} s)."
        )
    return parsed


_ANSWER_S = 60.0
"""Slurm counts as unavailable if a command takes longer."""
_OVERRIDING = ("SBATCH_", "SQUEUE_", "SINFO_", "SCANCEL_", "SLURM_CLUSTERS")
"""Environment variables of users that would change requests or hide jobs."""


def environment() -> dict[str, str]:
    """Return this process's environment without variables that change Slurm's commands."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OVERRIDING)}


def ask(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a Slurm command; the exit code and stderr report failures, also to start it."""
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
    """Time limits of a partition's jobs, in minutes; None: no limit."""

    default: int | None
    """The limit of jobs that request no time."""
    longest: int | None
    """The longest time that a job may request."""


def partition_limits(partition: str | None) -> Limits | None:
    """Return the time limits of a partition (of several: the longest; None: the default one).

    Returns None if Slurm does not answer or does not know the partition.
    """
    done = ask("sinfo", "--all", "--noheader", "--format", "%R|%P|%L|%l")
    names = None if partition is None else [name.strip() for name in partition.split(",")]
    matching = []
    for line in done.stdout.splitlines():
        name, marked, default, longest_time = (*line.split("|"), "", "", "")[:4]
        if (marked.endswith("*") if names is None else name in names) and longest_time:
            most = _minutes(longest_time)
            matching.append(Limits(_minutes(default) or most, most))
    if not matching:
        return None
    times = [limits.longest for limits in matching]
    longest = None if None in times else max(time for time in times if time is not None)
    return Limits(matching[0].default, longest)


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
    """Return id, state and reason of unfinished jobs; None if Slurm does not answer."""
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
