"""Imports trainer classes, in child processes only; as a program, describes one to its parent."""

import importlib.util
import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from gan_bench.errors import UsageError
from gan_bench.plugins.describe import Description, describe_recipe
from gan_bench.plugins.registry import (
    Implementation,
    is_path,
    path_name,
    recipe_entry_point,
    registered,
    sha256_of_file,
    sha256_of_modules,
    split_path,
)
from gan_bench.recipe import Recipe
from gan_bench.system.child import reply

_CONTRACT = ("set_weights", "weights", "train", "sample", "forward", "save", "load")


def load_module(implementation: Implementation) -> ModuleType:
    """Import the module or the file that defines a trainer class."""
    if implementation.path is None:
        assert implementation.module is not None
        return importlib.import_module(implementation.module)
    path = Path(implementation.path)
    name = f"gan_bench_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def load_trainer(implementation: Implementation) -> type:
    """Import and return the trainer class of an implementation.

    Raises
    ------
    UsageError
        The module has no such class, or the class has another framework or recipe than its name.
    """
    trainer = getattr(load_module(implementation), implementation.attribute, None)
    where = implementation.path or implementation.module
    if not isinstance(trainer, type):
        raise UsageError(f"{where} has no class {implementation.attribute}.")
    framework = getattr(trainer, "framework", None)
    recipe = getattr(trainer, "recipe_class", None)
    if framework != implementation.framework:
        raise UsageError(
            f"{where}: {implementation.attribute}.framework is {framework!r}, but the "
            f"implementation's name starts with {implementation.framework!r}; make them equal."
        )
    if not (isinstance(recipe, type) and issubclass(recipe, Recipe)):
        raise UsageError(
            f"{where}: {implementation.attribute}.recipe_class must be a subclass of "
            "gan_bench.recipe.Recipe."
        )
    return trainer


def _trainer_in(module: ModuleType, path: Path, attribute: str | None) -> type:
    """Return the only class of a file with a trainer's methods."""
    if attribute is not None:
        named = getattr(module, attribute, None)
        if not isinstance(named, type):
            raise UsageError(f"{path} has no class {attribute}.")
        return named
    trainers: list[type] = [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
        and all(hasattr(value, method) for method in _CONTRACT)
    ]
    if len(trainers) != 1:
        names = ", ".join(trainer.__name__ for trainer in trainers) or "none"
        raise UsageError(
            f"{path} must define one trainer class with {', '.join(_CONTRACT)}; it has {names}. "
            f"Name one with {path.name}:CLASS."
        )
    return trainers[0]


def plugin_in(path: Path, attribute: str | None) -> Implementation:
    """Return the implementation that a file defines, by importing it.

    Raises
    ------
    UsageError
        The file does not define one trainer class, or the class lacks framework or recipe.
    """
    unnamed = Implementation(
        name=path_name(str(path)),
        framework="",
        recipe="",
        attribute=attribute or "",
        path=str(path),
    )
    trainer = _trainer_in(load_module(unnamed), path, attribute)
    recipe = getattr(trainer, "recipe_class", None)
    framework = getattr(trainer, "framework", None)
    if not (isinstance(recipe, type) and issubclass(recipe, Recipe) and hasattr(recipe, "name")):
        raise UsageError(
            f"{path}: {trainer.__name__}.recipe_class must be a subclass of "
            "gan_bench.recipe.Recipe with a name."
        )
    if not isinstance(framework, str) or not framework:
        raise UsageError(f"{path}: {trainer.__name__}.framework must be a string such as 'torch'.")
    return unnamed.model_copy(
        update={"framework": framework, "recipe": recipe.name, "attribute": trainer.__name__}
    )


def describe_here(
    target: str, values: Mapping[str, Any], shape: tuple[int, int, int]
) -> Description:
    """Describe a target by importing its recipe, or its trainer if the recipe is not registered.

    ``values`` are the recipe's fields that differ from their defaults; strings are parsed by field
    type.
    """
    if is_path(target):
        path, attribute = split_path(target)
        implementation = plugin_in(path, attribute)
        recipe_class = load_trainer(implementation).recipe_class  # type: ignore[attr-defined]
        digest = sha256_of_file(path)
    else:
        implementation = registered()[target]
        point = recipe_entry_point(implementation.recipe)
        if point is not None:
            recipe_class = point.load()
            modules = [str(implementation.module), point.module]
        else:
            recipe_class = load_trainer(implementation).recipe_class  # type: ignore[attr-defined]
            modules = [str(implementation.module)]
        digest = sha256_of_modules(modules)
    return describe_recipe(implementation, recipe_class, digest, values, shape)


def _describe(request: bytes) -> dict[str, Any]:
    question = json.loads(request)
    try:
        description = describe_here(
            question["target"], question["values"], tuple(question["shape"])
        )
    except UsageError:
        raise
    except BaseException as error:  # a plugin may raise anything, even SystemExit
        message = " ".join(str(error).split())
        reason = f"{type(error).__name__}: {message}" if message else type(error).__name__
        raise UsageError(f"{question['target']} cannot be imported: {reason}.") from error
    return description.model_dump(mode="json")


if __name__ == "__main__":
    sys.dont_write_bytecode = True  # a dry run writes nothing, also not beside a plugin
    reply(lambda request, say: _describe(request))
