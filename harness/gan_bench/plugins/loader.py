"""Imports trainer classes, in child processes only; as a program, describes one to its parent."""

import contextlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from gan_bench.errors import UsageError
from gan_bench.plugins import announce
from gan_bench.plugins.describe import Description, describe_recipes
from gan_bench.plugins.frameworks import broken, frameworks, seeded
from gan_bench.plugins.mistakes import (
    MAIN_GUARD,
    is_plain_script,
    is_tracked_script,
    no_trainer,
    other_version,
    place_of,
    trains_itself,
)
from gan_bench.plugins.registry import (
    PRIVATE,
    Implementation,
    is_path,
    package_root,
    path_name,
    recipe_entry_point,
    registered,
    sha256_of_file,
    sha256_of_modules,
    split_path,
)
from gan_bench.recipe import ImageShape, Recipe
from gan_bench.system.child import reply
from gan_bench.text import listed
from gan_bench.trainer import contract_problem, recipe_of

_CONTRACT = ("set_weights", "weights", "train", "sample", "save", "load")


def load_module(implementation: Implementation) -> ModuleType:
    """Import the module or the file that defines a trainer class.

    A file is imported under its own name, in its packages, with its folder and that of its
    packages at the end of ``sys.path``. So it finds the modules beside it, processes that it spawns
    find all of them, and none of them hides an installed module.
    """
    if implementation.path is None:
        assert implementation.module is not None
        return importlib.import_module(implementation.module)
    path = Path(implementation.path)
    files, root = [path], package_root(path)
    for folder in path.relative_to(root).parents[:-1]:
        files.insert(0, root / folder / "__init__.py")
    _search([str(path.parent), str(root)])
    first = _name(files[0])
    # Under the name of an installed module, it would be that module for everybody else.
    name = first if _finds(first, files[0]) else f"{PRIVATE}{first.replace('.', '_')}"
    if name != first:
        announce(name, str(files[0].resolve()))
    module = _load(name, files[0])
    for file in files[1:]:
        module = _load(f"{module.__name__}.{_name(file)}", file)
    return module


_searched: list[str] = []


def _name(file: Path) -> str:
    return file.parent.name if file.name == "__init__.py" else file.stem


def _search(folders: list[str]) -> None:
    """Put a plugin's folders at the end of ``sys.path``; forget those of an earlier plugin."""
    importlib.invalidate_caches()  # the files may be new
    if folders == _searched:
        return
    gone = {name for name, module in list(sys.modules.items()) if _is_beside(name, module)}
    for name in list(sys.modules):
        if name.partition(".")[0] in gone:
            del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if not any(entry is f for f in _searched)]
    _searched[:] = folders
    sys.path += folders


def _is_beside(name: str, module: ModuleType) -> bool:
    """Return whether an outermost module was found in the folders of the last plugin."""
    spec = getattr(module, "__spec__", None)
    if "." in name or spec is None:
        return False
    folders = list(spec.submodule_search_locations or ())
    return any(str(Path(place).parent) in _searched for place in folders or [spec.origin or ""])


def _finds(name: str, file: Path) -> bool:
    """Return whether ``import name`` imports this file."""
    try:
        spec = None if "." in name else importlib.util.find_spec(name)
    except ValueError:  # a module without a specification
        return False
    return spec is not None and spec.origin is not None and Path(spec.origin).resolve() == file


def _load(name: str, file: Path) -> ModuleType:
    known = sys.modules.get(name)
    if known is not None and Path(known.__file__ or "").resolve() == file:
        return known
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    package, _, stem = name.rpartition(".")
    if package:
        setattr(sys.modules[package], stem, module)
    return module


def source_sha256(implementation: Implementation) -> str:
    """Hash the source of an implementation and its recipe; a file is imported for that."""
    if implementation.path is not None:
        module, path = load_module(implementation), Path(implementation.path)
        return sha256_of_file(path, module.__name__, package_root(path))
    point = recipe_entry_point(implementation.recipe)
    return sha256_of_modules([str(implementation.module), *([point.module] if point else [])])


def load_trainer(implementation: Implementation) -> type:
    """Import and return the trainer class of an implementation.

    Raises
    ------
    UsageError
        The module has no such class, the class has another framework than its name or another
        version of the contract, or the framework is installed but cannot be imported.
    """
    try:
        module = load_module(implementation)
    except Exception as error:
        if problem := broken(error) or other_version(error):
            raise UsageError(f"{implementation.name}: {problem}.") from error
        raise
    trainer = getattr(module, implementation.attribute, None)
    where = implementation.path or implementation.module
    if not isinstance(trainer, type):
        raise UsageError(f"{where} has no class {implementation.attribute}.")
    framework = getattr(trainer, "framework", None)
    if framework != implementation.framework:
        raise UsageError(
            f"{where}: {implementation.attribute}.framework is {framework!r}, but the "
            f"implementation's name starts with {implementation.framework!r}; make them equal."
        )
    _recipe_of(trainer, where)
    if problem := contract_problem(trainer):
        raise UsageError(f"{where}: {problem}")
    return trainer


def load_seeded(implementation: Implementation, seed: int) -> type:
    """Import a trainer class, and its framework, with the global generators seeded.

    Raises
    ------
    UsageError
        See `load_trainer`.
    """
    with seeded(seed):  # a module may use random numbers when it is imported
        trainer = load_trainer(implementation)
    known = frameworks().get(implementation.framework)
    if known is not None and known.module:
        with contextlib.suppress(Exception):  # the trainer reports it, if it needs the framework
            importlib.import_module(known.module)
    return trainer


def _trainer_in(module: ModuleType, path: Path, attribute: str | None) -> tuple[str, type]:
    """Return the name and the class of the only trainer in a file, or of the named one."""
    if attribute is not None:
        named = getattr(module, attribute, None)
        if not isinstance(named, type):
            raise UsageError(f"{path} has no class {attribute}.")
        own = named.__name__  # one name for a class, also if the user names an alias
        return own if getattr(module, own, None) is named else attribute, named
    classes: dict[type, str] = {}
    for name, value in vars(module).items():
        own_class = inspect.isclass(value) and value.__module__ == module.__name__
        if own_class and not name.startswith("_"):
            classes.setdefault(value, name)
    missing = {one: [m for m in _CONTRACT if not hasattr(one, m)] for one in classes}
    trainers = [one for one, absent in missing.items() if not absent]
    if not trainers:
        # A network has some of these methods, too.
        nearest = min(missing, key=lambda one: len(missing[one]), default=None)
        if nearest is None or len(missing[nearest]) > len(_CONTRACT) / 2:
            raise no_trainer(path)
        raise no_trainer(path, f": {classes[nearest]} has no {listed(missing[nearest])}")
    if len(trainers) > 1:
        names = [classes[one] for one in trainers]
        raise UsageError(
            f"{path} defines {len(names)} trainer classes, {listed(names)}; name one, as in "
            f"{path.name}:{names[0]}."
        )
    return classes[trainers[0]], trainers[0]


def _unnamed(path: Path, attribute: str | None) -> Implementation:
    return Implementation(
        name=path_name(f"{path}:{attribute}" if attribute else str(path)),
        framework="",
        recipe="",
        attribute=attribute or "",
        path=str(path),
    )


def plugin_in(path: Path, attribute: str | None) -> Implementation:
    """Return the implementation that a file defines, by importing it.

    Raises
    ------
    UsageError
        The file does not define one trainer class, or the class lacks framework or recipe.
    """
    unnamed = _unnamed(path, attribute)
    if is_tracked_script(path):
        raise trains_itself(path)
    if attribute is None and is_plain_script(path):
        raise no_trainer(path)
    name, trainer = _trainer_in(load_module(unnamed), path, attribute)
    recipe = _recipe_of(trainer, path)
    framework = getattr(trainer, "framework", None)
    if not hasattr(recipe, "name"):
        raise UsageError(f"{path}: {recipe.__name__}, the recipe of {name}, has no name.")
    if not isinstance(framework, str) or not framework:
        raise UsageError(f"{path}: {name}.framework must be a string, the framework's name.")
    return unnamed.model_copy(
        update={"framework": framework, "recipe": recipe.name, "attribute": name}
    )


def describe_here(
    target: str,
    values: Mapping[str, Any],
    shape: ImageShape | None,
    where_known: Mapping[str, Any] = MappingProxyType({}),
) -> list[Description]:
    """Describe a target by importing its recipe, or its trainer if the recipe is not registered.

    ``values`` are the recipe's fields that differ from their defaults; strings are parsed by field
    type, and there is a description for each combination of several values. ``shape`` is (height,
    width, channels) of the images, None for the recipe's example.
    ``where_known`` are values for the fields that the recipe has.
    """
    implementation = plugin_in(*split_path(target)) if is_path(target) else registered()[target]
    point = None if is_path(target) else recipe_entry_point(implementation.recipe)
    # A registered recipe imports no framework.
    recipe_class = point.load() if point else recipe_of(load_trainer(implementation))
    digest = source_sha256(implementation)
    return describe_recipes(implementation, recipe_class, digest, values, shape, where_known)


def _recipe_of(trainer: type, where: object) -> type[Recipe]:
    try:
        return recipe_of(trainer)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def _hidden_by(error: BaseException) -> str:
    """Return a sentence if a module beside the plugin has the name of an installed one, else ''."""
    top = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    for folder in _searched if top else ():
        for beside in (Path(folder, f"{top}.py"), Path(folder, top)):
            if beside.exists():
                return (
                    f" {beside} is not imported, as Python or an installed package has a module "
                    f"{top}; rename the file."
                )
    return ""


def _no_package(error: BaseException, target: str) -> str:
    """Return a sentence if a relative import fails because of the folder's name, else ''."""
    if not (isinstance(error, ImportError) and "no known parent package" in str(error)):
        return ""
    folder = split_path(target)[0].parent
    if not (folder / "__init__.py").exists():
        return f" Relative imports need a package: add an __init__.py to {folder}."
    return (
        f" The folder {folder} cannot be a package, as its name is no Python name; rename it to "
        "letters, digits and '_'."
    )


def _describe(request: bytes) -> list[dict[str, Any]]:
    question = json.loads(request)
    try:
        with seeded(0):  # a recipe's default may be random: then it is the same in every plan
            shape = question["shape"] and tuple(question["shape"])
            descriptions = describe_here(
                question["target"], question["values"], shape, question["where_known"]
            )
    except UsageError:
        raise
    except BaseException as error:  # a plugin may raise anything, even SystemExit
        target = question["target"]
        reason = broken(error) or other_version(error) or _reason(error, target)
        hint = _hidden_by(error) or _no_package(error, target) or _runs_on_import(error)
        raise UsageError(f"{target} cannot be imported: {reason}.{hint}") from error
    return [one.model_dump(mode="json") for one in descriptions]


def _reason(error: BaseException, target: str) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    message = " ".join(text.split()).rstrip(".")
    reason = f"{type(error).__name__}: {message}" if message else type(error).__name__
    implementation = _unnamed(*split_path(target)) if is_path(target) else registered()[target]
    place = place_of(error, implementation)
    return f"{reason}, {place}" if place else reason


def _runs_on_import(error: BaseException) -> str:
    """Return a sentence if a script ran to its end when it was imported, else ''."""
    return f" {MAIN_GUARD}" if isinstance(error, SystemExit) else ""


if __name__ == "__main__":
    sys.dont_write_bytecode = True  # a dry run writes nothing, also not beside a plugin
    reply(lambda request, say: _describe(request))
