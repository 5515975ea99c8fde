"""What the user asks for: presets, plan files and options, validated."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, ValidationError

from gan_bench.errors import UsageError, first_validation_error
from gan_bench.plan import Budget
from gan_bench.system.files import read_limited
from gan_bench.system.models import Frozen
from gan_bench.text import did_you_mean


class Preset(Frozen):
    """The values that a plan takes where the user names none."""

    dataset: str
    budget: Budget
    seeds: tuple[int, ...]
    evaluations: int
    samples: int
    batch_size: int | None = None
    """Of every recipe in place of its own; None leaves each its own."""
    ranks_quality: bool
    """Whether the budget is long enough for the report to rank by FID."""


PRESETS: dict[str, Preset] = {
    "quick": Preset(
        dataset="mnist-5k",
        budget=Budget(unit="images", amount=4_000),
        seeds=(0,),
        evaluations=5,
        samples=1_000,
        ranks_quality=False,
    ),
    "standard": Preset(
        dataset="mnist",
        budget=Budget(unit="images", amount=60_000),
        seeds=(0, 1, 2),
        evaluations=10,
        samples=10_000,
        ranks_quality=True,
    ),
    "paper": Preset(
        dataset="mnist",
        budget=Budget(unit="recipe"),
        seeds=(0, 1, 2),
        evaluations=10,
        samples=10_000,
        ranks_quality=True,
    ),
    "ci": Preset(
        # Small batches: four times the updates that dcgan's own 128 makes of as many images, so
        # that a run of half a minute comes to where a change of the training shows; docs/ci.md.
        dataset="mnist-5k",
        budget=Budget(unit="images", amount=12_800),
        seeds=(0, 1, 2),
        evaluations=5,
        samples=2_000,
        batch_size=32,
        ranks_quality=False,
    ),
}
BUDGETS = ("images", "epochs", "steps")
Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Several = Annotated[int, Field(strict=True, ge=2, le=10**6)]
MOST_SEEDS = 10_000
_LARGEST_PLAN_BYTES = 1 << 20


class Request(Frozen):
    """What a user asks for; None stands for the preset's value. Also the keys of a plan file."""

    targets: tuple[str, ...] = ()
    all: StrictBool = False
    preset: str | None = None
    """None: quick on a CPU, standard on a GPU."""
    dataset: str | None = None
    images: Count | None = None
    epochs: Count | None = None
    steps: Count | None = None
    seeds: tuple[int, ...] | None = None
    device: str = "auto"
    threads: Annotated[int, Field(strict=True, ge=1, le=1024)] | None = None
    evaluations: Several | None = None
    samples: Several | None = None
    deterministic: StrictBool = False
    on_divergence: Literal["stop", "continue"] = "stop"
    set: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Recipe values by implementation: ``[set.torch-dcgan]`` in a plan file."""
    python: dict[str, str] = Field(default_factory=dict)
    """Interpreters by framework: ``[python]`` in a plan file."""
    executors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """What schedulers are asked for: in a plan file, a table of each's name such as ``[slurm]``."""


def read_plan_file(path: Path, executors: Collection[str]) -> dict[str, Any]:
    """Read a plan's TOML file and check its keys.

    Parameters
    ----------
    path
        The file.
    executors
        The names of the installed schedulers; each may have a table in the file.

    Raises
    ------
    UsageError
        No such file, not TOML, an unknown key (with the nearest known one), a value out of range.
    """
    try:
        content = tomllib.loads(read_limited(path, _LARGEST_PLAN_BYTES).decode())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The plan file {path} cannot be read: {error}.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The plan file {path} is not valid TOML: {error}.") from error
    known = [*(name for name in Request.model_fields if name != "executors"), *executors]
    for key in content:
        if key not in known:
            hint = did_you_mean(key, known)
            raise UsageError(f"The plan file {path} has the unknown key {key!r}; {hint}")
    tables = {name: content.pop(name) for name in executors if name in content}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(f"The plan file {path}: {name} is a table; write [{name}] above it.")
    if tables:
        content["executors"] = tables
    if "seeds" in content:
        content["seeds"] = parse_seeds(content["seeds"])
    request(content, where=f"The plan file {path}: ")
    return content


def parse_seeds(value: object) -> tuple[int, ...]:
    """Read ``3`` as the seeds 0, 1, 2 and ``0,5`` or a list as just those.

    Raises
    ------
    UsageError
        Not numbers, negative, repeated, or none at all.
    """
    problem = UsageError(
        "Seeds are a count such as 3, or different numbers from 0 such as 0,1,5, at most "
        f"{MOST_SEEDS:,}; not {value!r}."
    )
    if type(value) is int:
        value = str(value)
    if isinstance(value, str):
        try:
            numbers = [int(part) for part in value.split(",") if part.strip()]
        except ValueError:
            raise problem from None
        if "," not in value:
            if len(numbers) != 1 or not 1 <= numbers[0] <= MOST_SEEDS:
                raise problem
            return tuple(range(numbers[0]))
    elif isinstance(value, Sequence) and all(type(part) is int for part in value):
        numbers = list(value)
    else:
        raise problem
    if not 1 <= len(numbers) <= MOST_SEEDS or len(set(numbers)) < len(numbers):
        raise problem
    if min(numbers) < 0 or max(numbers) >= 2**63:
        raise problem
    return tuple(numbers)


def parse_set(pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read ``IMPLEMENTATION.FIELD=VALUE`` options.

    Raises
    ------
    UsageError
        An option of another form.
    """
    values: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        name, dot, field = key.rpartition(".")
        if not (equals and dot and name and field):
            raise UsageError(
                f"--set takes IMPLEMENTATION.FIELD=VALUE, such as torch-dcgan.batch_size=64; "
                f"not {pair!r}."
            )
        values.setdefault(name, {})[field] = value
    return values


def with_options(content: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plan file's content, overridden by the options of the command line.

    Parameters
    ----------
    content
        What `read_plan_file` returned.
    options
        Options by their key of a plan file; ``seeds`` and ``set`` as they were typed, and None,
        False or () for an option that was not given.

    Raises
    ------
    UsageError
        ``seeds`` or ``set`` has another form.
    """
    given = {
        name: value
        for name, value in options.items()
        if value is not None and value is not False and value != ()
    }
    merged = {**content}
    if given.keys() & set(BUDGETS):
        merged = {name: value for name, value in merged.items() if name not in BUDGETS}
    if "seeds" in given:
        given["seeds"] = parse_seeds(given["seeds"])
    if "set" in given:
        fields = dict(merged.get("set", {}))
        for name, values in parse_set(given["set"]).items():
            fields[name] = {**fields.get(name, {}), **values}
        given["set"] = fields
    return merged | given


def request(values: Mapping[str, Any], where: str = "") -> Request:
    """Validate what a user asks for.

    Raises
    ------
    UsageError
        A value out of range or of the wrong kind, named.
    """
    try:
        asked = Request.model_validate(dict(values))
    except ValidationError as error:
        wrong = first_validation_error(error)
        raise UsageError(f"{where}{wrong} (got {wrong.given!r}).") from error
    if asked.preset is not None and asked.preset not in PRESETS:
        raise UsageError(
            f"{where}There is no preset {asked.preset!r}; there are {', '.join(PRESETS)}."
        )
    if sum(getattr(asked, unit) is not None for unit in BUDGETS) > 1:
        raise UsageError(f"{where}Give one of images, epochs and steps; they all set the budget.")
    return asked
