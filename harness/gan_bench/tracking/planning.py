"""The specification of a run that a user's own script trains, and what counts as its source."""

import hashlib
import json
import linecache
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any

from gan_bench import data
from gan_bench.data import Dataset
from gan_bench.errors import UsageError
from gan_bench.plan import RunSpec, chunk_steps, evaluation_steps
from gan_bench.plan.expand import this_machine
from gan_bench.plan.request import PRESETS, parse_budget, plain, request
from gan_bench.plugins.frameworks import frameworks, identifying_versions, versions_of
from gan_bench.plugins.registry import (
    Implementation,
    is_changeable,
    package_root,
    registered,
    sha256_of_file,
)
from gan_bench.text import listed

OWN = "own"
"""The framework of a loop whose framework is none that is registered."""
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")
_FRAMEWORK = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")
_RESERVED = ("batch_size", "batches_per_step")


@dataclass(frozen=True)
class Source:
    """What of the user's code is hashed, so that other code is another run."""

    sha256: str
    what: str
    """In words, for a sentence."""
    path: Path | None
    """The file, if there is one."""


def source_of(given: str | os.PathLike[str] | None, caller: str) -> Source:
    """Return the source of a loop: the file that was given, the script, or the notebook's cell.

    Parameters
    ----------
    given
        A Python file, or None.
    caller
        The file name of the code that calls `gan_bench.track`.

    Raises
    ------
    UsageError
        The file that was given is none.
    """
    if given is not None:
        path = Path(given)
        if not path.is_file() or path.suffix != ".py":
            raise UsageError(f"There is no Python file {path}; source= names the loop's file.")
        return _of_file(path.resolve())
    main = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    for name in (main, caller):
        path = Path(name)
        if path.suffix == ".py" and path.is_file() and is_changeable("__main__", path, frozenset()):
            return _of_file(path.resolve())
    cell = "".join(linecache.getlines(caller))
    what = "the text of the cell that calls track" if cell else "nothing, as it has no file"
    hint = "; source='FILE.py' names a file"
    return Source(hashlib.sha256(cell.encode()).hexdigest(), what + hint, None)


def _of_file(path: Path) -> Source:
    root = package_root(path)
    module = ".".join(path.relative_to(root).with_suffix("").parts)
    digest = sha256_of_file(path, module, root)
    return Source(digest, f"{path.name} and what it imports from outside installed packages", path)


def planned(
    name: str,
    source: Source,
    *,
    dataset: str,
    seed: int,
    budget: object,
    batch_size: int,
    batches_per_step: int,
    framework: str | None,
    names: Mapping[str, Any],
    evaluations: int | None,
    samples: int | None,
    device: str,
    threads: int | None,
    precision: str,
    values: Mapping[str, Any] | None,
) -> tuple[RunSpec, Dataset, float]:
    """Return the specification of a loop's run, its data set, and the seconds to load that.

    See `gan_bench.track` for the arguments.

    Its losses are not known before the first step.

    Raises
    ------
    UsageError
        A name is unknown or a value out of range, or the data set is not there.
    """
    check_name(name)
    length = parse_budget(plain(budget))
    given = _threads() if threads is None else plain(threads)
    asked = request(
        {
            **{"dataset": dataset, "device": device, "threads": given},
            **{"evaluations": plain(evaluations), "samples": plain(samples)},
            "precision": precision,
        }
    )
    place = this_machine(asked)
    preset = PRESETS["quick" if place.device == "cpu" else "gpu"]
    began = perf_counter()
    loaded = data.load(dataset)
    data_s = perf_counter() - began
    images = loaded.train
    batch = whole("batch_size", batch_size)
    if batch > len(images.images):
        raise UsageError(
            f"batch_size is {batch:,}, more than the {len(images.images):,} training images of "
            f"{data.label(loaded.name)}; give a smaller one."
        )
    each_step = whole("batches_per_step", batches_per_step)
    steps = length.steps(
        images_per_step=batch * each_step, train_images=len(images.images), recipe_epochs=0
    )
    points = asked.evaluations or preset.evaluations
    own = framework_of(framework, names)
    recipe_values = {**_json({} if values is None else values), "batch_size": batch}
    if each_step > 1:
        recipe_values["batches_per_step"] = each_step
    spec = RunSpec(
        implementation=Implementation(
            name=name,
            framework=own,
            recipe=name,
            attribute="",
            path=None if source.path is None else str(source.path),
        ),
        source_sha256=source.sha256,
        images_per_step=batch * each_step,
        recipe_values=recipe_values,
        dataset=loaded.name,
        data_sha256=loaded.sha256,
        train_images=len(images.images),
        image_shape=images.image_shape,
        budget=length,
        steps=steps,
        seed=whole("seed", seed, least=0),
        chunk_steps=chunk_steps(steps, points, place.device),
        evaluation_steps=evaluation_steps(steps, points),
        samples=asked.samples or preset.samples,
        device=place.device,
        gpu=place.gpu,
        threads=place.threads,
        precision=asked.precision,
        own_loop=True,
        versions=identifying_versions(own, versions_of(None)),
    )
    return spec, loaded, data_s


def check_name(name: object) -> None:
    """Raise `UsageError` if a loop cannot have this name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a tracked loop: use at most 60 lower-case letters, "
            "digits, '-' and '.', such as my-gan."
        )
    if name in registered():
        raise UsageError(
            f"{name} is an implementation of `gan-bench list`; give your loop another name."
        )


def framework_of(given: str | None, names: Mapping[str, Any]) -> str:
    """Return the framework: the given one, or the registered one that this process has imported.

    Parameters
    ----------
    given
        Its name, or None.
    names
        The global names of the code that calls `gan_bench.track`. They decide if several are
        imported, since one framework may import another.

    Raises
    ------
    UsageError
        Several are imported and none is given, or its name has other characters.
    """
    if given is not None:
        if not isinstance(given, str) or not _FRAMEWORK.fullmatch(given):
            raise UsageError(f"framework= takes a name in lower-case letters, not {given!r}.")
        return given
    imported = [
        name
        for name, known in frameworks().items()
        if name != "numpy" and known.module and known.module in sys.modules
    ]
    owners = {
        top: name for name in imported for top in (frameworks()[name].module, *_packages(name))
    }
    used = {
        one.__name__ if isinstance(one, ModuleType) else str(getattr(one, "__module__", ""))
        for one in list(names.values())
    }
    named = {owners.get(name.partition(".")[0]) for name in used}
    found = [name for name in imported if name in named] or imported
    if len(found) > 1:
        raise UsageError(
            f"{listed(found)} are imported; name the one that trains, as in framework={found[0]!r}."
        )
    return found[0] if found else OWN


def _packages(framework: str) -> list[str]:
    return [name.replace("-", "_") for name in frameworks()[framework].packages]


def _threads() -> int | None:
    """Return the threads that the environment gives to every math library, if it says so."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and given.isascii() and int(given) else None


def whole(name: str, value: object, least: int = 1) -> int:
    """Return a whole number, also one of NumPy; raise `UsageError` if it is none."""
    problem = UsageError(f"{name} is a whole number from {least} on, not {value!r}.")
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise problem
    number = int(value.__index__())
    if not least <= number < 2**63:
        raise problem
    return number


def _json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the user states, as a record can have them."""
    if not isinstance(values, Mapping):
        raise UsageError(f"values= takes a dictionary of values by name, not {values!r}.")
    values = {name: plain(value) for name, value in values.items()}
    for name, value in values.items():
        if not isinstance(name, str):
            raise UsageError(f"values= has {name!r}; the name of a value is text.")
        if name in _RESERVED:
            raise UsageError(f"values= cannot have {name!r}; it is an argument of its own.")
        for key in _keys(value):
            if not isinstance(key, str):
                raise UsageError(f"values= has {key!r} in {name}; the name of a value is text.")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise UsageError(
                f"values= has {name}, which is {type(value).__name__} {value!r}; state finite "
                "numbers, texts, truth values, and lists and dictionaries of them."
            ) from None
    stated: dict[str, Any] = json.loads(json.dumps(dict(values)))
    return stated


def _keys(value: Any) -> Iterator[object]:
    """Yield the keys of all dictionaries in a value."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _keys(one)
