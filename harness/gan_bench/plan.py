"""From what the user asks for to the plan: preset, plan file and options, expanded into runs."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, ValidationError

from gan_bench import data, frameworks
from gan_bench.describe import Description, describe
from gan_bench.devices import check_device, default_threads
from gan_bench.errors import UsageError
from gan_bench.executor.engine import Place, engines
from gan_bench.mistakes import first_mistake
from gan_bench.presets import PRESETS, Preset
from gan_bench.reading import read_limited
from gan_bench.registry import find, is_path, path_name, registered
from gan_bench.schedule import chunk_steps, evaluation_steps
from gan_bench.spec import Budget, Frozen, Plan, RunSpec

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


def read_plan_file(path: Path) -> dict[str, Any]:
    """Read a plan's TOML file and check its keys.

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
    known = [*(name for name in Request.model_fields if name != "executors"), *engines()]
    for key in content:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}."
            raise UsageError(f"The plan file {path} has the unknown key {key!r}; {hint}")
    tables = {name: content.pop(name) for name in engines() if name in content}
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
        wrong = first_mistake(error)
        raise UsageError(f"{where}{wrong} (got {wrong.given!r}).") from error
    if asked.preset is not None and asked.preset not in PRESETS:
        raise UsageError(
            f"{where}There is no preset {asked.preset!r}; there are {', '.join(PRESETS)}."
        )
    if sum(getattr(asked, unit) is not None for unit in BUDGETS) > 1:
        raise UsageError(f"{where}Give one of images, epochs and steps; they all set the budget.")
    return asked


def _budget(asked: Request, preset: Preset) -> Budget:
    for unit in BUDGETS:
        amount = getattr(asked, unit)
        if amount is not None:
            return Budget(unit=unit, amount=amount)
    return preset.budget


def _check_fits(description: Description, dataset: data.Dataset) -> None:
    name = description.implementation.name
    train_images = dataset.images_in(description.train_splits)
    if description.batch_size > train_images:
        raise UsageError(
            f"{name}.batch_size is {description.batch_size:,}, more than the {train_images:,} "
            f"training images of {data.label(dataset.name)}; set a smaller one."
        )


def _check_pythons(asked: Request) -> None:
    known = {implementation.framework for implementation in registered().values()}
    known |= frameworks.FRAMEWORKS.keys()
    for framework in asked.python:
        if framework not in known:
            near = difflib.get_close_matches(framework, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}."
            raise UsageError(f"[python] names the unknown framework {framework!r}; {hint}")


def _describe_all(
    targets: Sequence[str], asked: Request, preset: Preset, shape: tuple[int, int, int]
) -> tuple[list[Description], list[str]]:
    """Describe every target; one that --all brought and that cannot be described is left out."""
    descriptions, left_out = [], []
    for target in targets:
        # A path's name is known once its file has been described, its values are needed before.
        name = path_name(target) if is_path(target) else target
        values = {**asked.set.get(target, {}), **asked.set.get(name, {})}
        usual = {"batch_size": preset.batch_size} if preset.batch_size else {}
        try:
            descriptions.append(describe(target, usual | values, shape, asked.python))
        except UsageError as error:
            if target in asked.targets or values:
                raise
            left_out.append(f"{target}: {error}")
    if not descriptions:
        raise UsageError(" ".join(left_out))
    return descriptions, left_out


def expand(asked: Request, command: str, place: Place | None = None) -> Plan:
    """Return every run that was asked for, seed by seed, the frameworks interleaved within each.

    Parameters
    ----------
    asked
        What to run.
    command
        As it was typed.
    place
        Where the runs will be, where that is not this machine.

    Raises
    ------
    UsageError
        Anything unknown or out of range, in one sentence.
    """
    device = place.device if place else check_device(asked.device)
    threads = place.threads if place else asked.threads or default_threads()
    preset_name = asked.preset or ("quick" if device == "cpu" else "standard")
    preset = PRESETS[preset_name]
    targets = list(registered()) if asked.all else []
    targets = find([*targets, *asked.targets])
    if not targets:
        raise UsageError("Say what to run: --all, or names from `gan-bench list`.")
    dataset = data.load(asked.dataset or preset.dataset)
    _, height, width, channels = dataset.train.images.shape
    _check_pythons(asked)
    descriptions, left_out = _describe_all(targets, asked, preset, (height, width, channels))
    for description in descriptions:
        _check_fits(description, dataset)
    names = [description.implementation.name for description in descriptions]
    for name in {name for name in names if names.count(name) > 1}:
        raise UsageError(f"Two of the targets are called {name}; rename one file.")
    for name in asked.set:
        if name not in names and name not in targets:
            raise UsageError(
                f"{name!r} has values to set but is not among the implementations to run: "
                f"{', '.join(names)}."
            )
    budget = _budget(asked, preset)
    evaluations = asked.evaluations or preset.evaluations
    runs = []
    for seed in asked.seeds or preset.seeds:
        for description in descriptions:
            python = asked.python.get(description.implementation.framework)
            train_images = dataset.images_in(description.train_splits)
            steps = budget.steps(
                images_per_step=description.images_per_step,
                train_images=train_images,
                recipe_epochs=description.epochs,
            )
            runs.append(
                RunSpec(
                    implementation=description.implementation,
                    source_sha256=description.source_sha256,
                    recipe_values=description.recipe_values,
                    conventions=description.conventions,
                    dataset=dataset.name,
                    data_sha256=dataset.sha256,
                    train_splits=description.train_splits,
                    train_images=train_images,
                    image_shape=(height, width, channels),
                    preset=preset_name,
                    budget=budget,
                    steps=steps,
                    images_per_step=description.images_per_step,
                    parameters=description.parameters,
                    multiply_adds_per_step=description.multiply_adds_per_step,
                    cannot_make=description.cannot_make,
                    seed=seed,
                    chunk_steps=chunk_steps(steps, evaluations),
                    evaluation_steps=evaluation_steps(steps, evaluations),
                    samples=asked.samples or preset.samples,
                    device=device,
                    threads=threads,
                    deterministic=asked.deterministic,
                    on_divergence=asked.on_divergence,
                    python=python,
                    versions=frameworks.identifying_versions(
                        description.implementation.framework, frameworks.versions_of(python)
                    ),
                )
            )
    created_at = datetime.now(UTC).isoformat(timespec="seconds")
    return Plan(command=command, created_at=created_at, runs=tuple(runs), left_out=tuple(left_out))
