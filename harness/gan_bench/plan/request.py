"""The user's request: presets, plan files and options, validated."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, ValidationError

from gan_bench.errors import UsageError, first_validation_error
from gan_bench.plan import Budget
from gan_bench.system.files import read_limited
from gan_bench.system.models import Frozen
from gan_bench.text import did_you_mean, whole_number
from gan_bench.trainer import Precision


class Preset(Frozen):
    """Default values of a plan."""

    dataset: str
    budget: Budget
    seeds: tuple[int, ...]
    evaluations: int
    samples: int
    batch_size: int | None = None
    """Batch size of all recipes; None: each recipe's own."""
    targets: tuple[str, ...] = ()
    """What to run if nothing is named; implementations that are not installed are left out."""


_STANDARD = Preset(
    dataset="mnist",
    budget=Budget(unit="images", amount=60_000),
    seeds=(0, 1, 2),
    evaluations=10,
    samples=10_000,
)
PRESETS: dict[str, Preset] = {
    "quick": Preset(
        # The recipes that draw digits within minutes, and one of them in every framework. Small
        # batches make more updates of the same images.
        targets=(
            *("torch-dcgan", "keras-dcgan", "jax-dcgan"),
            *("torch-dcgan-3g", "torch-decay", "torch-upsampling-sgd"),
        ),
        dataset="mnist-5k",
        budget=Budget(unit="images", amount=12_800),
        seeds=(0,),
        evaluations=5,
        samples=1_000,
        batch_size=32,
    ),
    "standard": _STANDARD,
    # Predicted to take a GPU of 2025 ten seconds or more: see docs/gpu.md.
    "gpu": _STANDARD.model_copy(
        update={
            "targets": ("dcgan", "dcgan-3g", "baseline", "enhanced", "upsampling-sgd", "decay"),
            "budget": Budget(unit="epochs", amount=20),
        }
    ),
    "paper": _STANDARD.model_copy(update={"budget": Budget(unit="recipe")}),
    "ci": Preset(
        # Small batches make four times as many updates as dcgan's own 128, so that a run of half a
        # minute is long enough to show a change of the training; see docs/ci.md.
        dataset="mnist-5k",
        budget=Budget(unit="images", amount=12_800),
        seeds=(0, 1, 2),
        evaluations=5,
        samples=2_000,
        batch_size=32,
    ),
}
BUDGETS: Final = ("images", "epochs", "steps")
Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Epochs = Annotated[StrictInt | StrictFloat, Field(gt=0, le=10**9)]
Several = Annotated[int, Field(strict=True, ge=2, le=10**6)]
EVERY = "*"
"""The name under which ``set`` has values for all implementations that have the field."""
MOST_SEEDS = 10_000
_LARGEST_PLAN_BYTES = 1 << 20


class Request(Frozen):
    """A user's request, which has the keys of a plan file; None means the preset's value."""

    targets: tuple[str, ...] = ()
    all: StrictBool = False
    preset: str | None = None
    """None: quick on a CPU, gpu on a GPU."""
    dataset: str | None = None
    images: Count | None = None
    epochs: Epochs | None = None
    steps: Count | None = None
    seeds: tuple[int, ...] | None = None
    device: str = "auto"
    threads: Annotated[int, Field(strict=True, ge=1, le=1024)] | None = None
    evaluations: Several | None = None
    samples: Several | None = None
    deterministic: StrictBool = False
    precision: Precision = "ieee"
    on_divergence: Literal["stop", "continue"] = "stop"
    set: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Recipe values by implementation: ``[set.torch-dcgan]`` in a plan file. A recipe, a pattern
    such as ``torch-*`` or `EVERY` sets them for all of its implementations that have the field."""
    python: dict[str, str] = Field(default_factory=dict)
    """Interpreters by framework: ``[python]`` in a plan file."""
    executors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Resources to request, by scheduler: a table such as ``[slurm]`` in a plan file."""


def read_plan_file(path: Path, executors: Collection[str]) -> dict[str, Any]:
    """Read a plan's TOML file and check its keys.

    Each of the installed schedulers may have a table in the file.

    Raises
    ------
    UsageError
        The file does not exist or is not TOML, a key is unknown, or a value is not valid.
    """
    try:
        content = tomllib.loads(read_limited(path, _LARGEST_PLAN_BYTES).decode())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The plan file {path} cannot be read: {error}.") from error
    except (ValueError, RecursionError) as error:
        other = path.suffix.lower() in (".yaml", ".yml", ".json")
        hint = '; plans are TOML, such as targets = ["dcgan"]' if other else ""
        raise UsageError(f"The plan file {path} is not valid TOML: {error}{hint}.") from error
    known = [*(name for name in Request.model_fields if name != "executors"), *executors]
    for key in content:
        if key not in known:
            hint = did_you_mean(key, known)
            raise UsageError(f"The plan file {path} has the unknown key {key!r}; {hint}")
    tables = {name: content.pop(name) for name in executors if name in content}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(
                f"The plan file {path}: {name} must be a table; write [{name}] above its keys."
            )
    if tables:
        content["executors"] = tables
    if "seeds" in content:
        content["seeds"] = parse_seeds(content["seeds"])
    request(content, where=f"The plan file {path}: ")
    return content


def parse_seeds(value: object) -> tuple[int, ...]:
    """Return the seeds of a count (``3``: 0, 1, 2) or of a list (``0,5``).

    Raises
    ------
    UsageError
        There is none, or one is not a number, negative or repeated.
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


def parse_budget(value: object) -> Budget:
    """Return the budget of a text such as ``60k images``, ``0.5 epochs`` or ``400 steps``.

    A number counts images, and a `Budget` is returned as it is.

    Raises
    ------
    UsageError
        It is none of these, or not above zero.
    """
    if isinstance(value, Budget) and value.unit != "recipe":
        return value
    problem = UsageError(
        f"The budget is {value!r}; write a number of images, epochs or steps, such as "
        "'60k images', '2 epochs' or '400 steps'."
    )
    if type(value) is int:
        value = f"{value} images"
    number, _, word = value.strip().partition(" ") if isinstance(value, str) else ("", "", "")
    unit = next((unit for unit in BUDGETS if word.strip() in (unit, unit.removesuffix("s"))), None)
    if unit is None:
        raise problem
    try:
        amount = float(number) if unit == "epochs" else whole_number(number)
        amount = int(amount) if amount == int(amount) else amount
        request({unit: amount})
        return Budget(unit=unit, amount=amount)
    except (UsageError, ValueError, OverflowError):
        raise problem from None


def parse_set(pairs: Sequence[str] | Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Read ``FIELD=VALUE`` and ``IMPLEMENTATION.FIELD=VALUE`` options, or a mapping of such keys.

    Raises
    ------
    UsageError
        An option has another form.
    """
    if isinstance(pairs, str) or not isinstance(pairs, Mapping | Sequence):
        raise _not_to_set(pairs)
    values: dict[str, dict[str, Any]] = {}
    given = pairs.items() if isinstance(pairs, Mapping) else (_pair(pair) for pair in pairs)
    for key, value in given:
        if not isinstance(key, str):
            raise _not_to_set(key)
        name, dot, field = key.rpartition(".")
        if not field or (dot and not name):
            raise _not_to_set(key)
        values.setdefault(name or EVERY, {})[field] = value
    return values


def _pair(pair: object) -> tuple[str, str]:
    if not isinstance(pair, str):
        raise _not_to_set(pair)
    key, equals, value = pair.partition("=")
    if not equals or not key:
        raise _not_to_set(pair)
    return key, value


def _not_to_set(given: object) -> UsageError:
    return UsageError(
        "--set takes FIELD=VALUE, such as learning_rate=1e-3, or for one implementation "
        f"IMPLEMENTATION.FIELD=VALUE, such as torch-dcgan.batch_size=64; not {given!r}."
    )


def with_options(content: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plan file's content, overridden by the options of the command line.

    Parameters
    ----------
    content
        The return value of `read_plan_file`.
    options
        Options by their key in a plan file; ``seeds`` and ``set`` as typed, or ``set`` as a mapping
        of ``FIELD`` or ``IMPLEMENTATION.FIELD``. None, False or () is an option that was not given.

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


def plain(value: Any) -> Any:
    """Return a value as a plan file has it, without tuples and NumPy's numbers."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(one) for one in value]
    return value.tolist() if hasattr(value, "tolist") else value


def request(values: Mapping[str, Any], where: str = "") -> Request:
    """Validate a user's request.

    Raises
    ------
    UsageError
        A value is out of range or has the wrong type.
    """
    try:
        requested = Request.model_validate(dict(values))
    except ValidationError as error:
        wrong = first_validation_error(error)
        raise UsageError(f"{where}{wrong} (got {wrong.given!r}).") from error
    if requested.preset is not None and requested.preset not in PRESETS:
        raise UsageError(
            f"{where}There is no preset {requested.preset!r}; use one of {', '.join(PRESETS)}."
        )
    if sum(getattr(requested, unit) is not None for unit in BUDGETS) > 1:
        raise UsageError(
            f"{where}Give only one of images, epochs and steps: each of them sets the budget."
        )
    return requested


def read_request(
    plan_file: Path | None, executors: Collection[str], options: Mapping[str, Any]
) -> Request:
    """Return what to run, from a plan file and from options, which take precedence.

    See `read_plan_file`, `with_options` and `request`, also for the errors.
    """
    content = read_plan_file(plan_file, executors) if plan_file else {}
    return request(with_options(content, options))
