"""Finds implementations by entry point or file path, without importing them."""

import ast
import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib import metadata, util
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import Field, field_validator

from gan_bench.data import SplitName
from gan_bench.errors import UsageError
from gan_bench.recipe import LOSSES
from gan_bench.system.files import is_file
from gan_bench.system.models import Frozen
from gan_bench.system.packages import entry_points
from gan_bench.text import did_you_mean
from gan_bench.trainer import losses_problem


class Implementation(Frozen):
    """A recipe in a framework, and the location of its trainer class."""

    name: str = Field(pattern=r"^[^/\\\x00.][^/\\\x00]*$", max_length=200)
    """The user's name for it, e.g. ``torch-dcgan``; ``my-gan`` for a file, and ``my-gan:Small`` for
    a class of it. It has no slash, as it is part of folder names, see `file_name`."""
    framework: str
    recipe: str
    attribute: str
    """The trainer class's name in its module or file."""
    module: str | None = None
    """The importable module, for an entry point."""
    path: str | None = None
    """The file, for a plugin given by its path."""
    distribution: str | None = None
    """The installed distribution that registered the entry point, with its version."""

    @property
    def file_name(self) -> str:
        """The name without the colon, which some file systems and tools do not allow."""
        return self.name.replace(":", "-")

    def is_same_class(self, other: Self) -> bool:
        """Return whether both are the same class of the same file, by whichever names."""
        places = [(one.path, one.attribute) for one in (self, other)]
        return self.path is not None and places[0] == places[1]


class RecipeFacts(Frozen):
    """The facts that an implementation's description and its runs' specifications share."""

    implementation: Implementation
    source_sha256: str
    """SHA-256 of the source files of the implementation and its recipe."""
    conventions: dict[str, str] = Field(default_factory=dict)
    """Settings, by topic, that the recipe or the harness fixes and that are not recipe fields."""
    images_per_step: int = Field(ge=1)
    """Number of real images that one training step consumes."""
    losses: tuple[str, ...] = LOSSES
    """The losses that the recipe declares: the columns of ``losses.npy``."""
    train_splits: tuple[SplitName, ...] = ("train",)
    """Splits of the data set that the recipe trains on, concatenated."""
    conditional: bool = False
    """Whether samples are asked for by class."""
    parameters: dict[str, int] | None = None
    """Number of trainable parameters of the generator and of the discriminator."""
    multiply_adds_per_step: int | None = None
    """Multiply-adds in the matrix products and convolutions of one training step."""
    cannot_make: str | None = None
    """Why the recipe does not support the image shape of the data set; None if it does."""

    @field_validator("losses")
    @classmethod
    def _are_names(cls, losses: tuple[str, ...]) -> tuple[str, ...]:
        if problem := losses_problem(losses):
            raise ValueError(problem)
        return losses


IMPLEMENTATIONS_GROUP = "gan_bench.implementations"
RECIPES_GROUP = "gan_bench.recipes"
_PATH_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")
_LONGEST_CLASS = 60
"""Bytes; the class is part of the names of run folders."""
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
_IMPORTERS = ("import_module", "__import__")
_LOADERS = ("run_path", "run_module", "spec_from_file_location", "SourceFileLoader")
_BUILTINS = ("exec", "eval", "compile")
_IMPORT_TOOLS = ("importlib", "importlib.util", "importlib.machinery", "runpy", "builtins")
_MAIN = "__plugin__"
_MOST_FILES = 2000
_STDLIB = sysconfig.get_path("stdlib")


def registered() -> dict[str, Implementation]:
    """Return every registered implementation by name, sorted by recipe, then framework.

    Entry points that cannot be used are left out: see `registration_problems`.
    """
    return _registrations()[0]


def registration_problems() -> dict[str, str]:
    """Return why entry points of implementations cannot be used, by name, with the remedy.

    The name is not ``<framework>-<recipe>``, or two distributions claim it. The text has no full
    stop. Only what needs such an implementation must fail.
    """
    return _registrations()[1]


def _registrations() -> tuple[dict[str, Implementation], dict[str, str]]:
    found: dict[str, Implementation] = {}
    problems: dict[str, str] = {}
    origins: dict[int, str] = {}  # each access to a name or version parses the metadata again
    for point in entry_points(IMPLEMENTATIONS_GROUP):
        name = point.name
        if id(point.dist) not in origins:
            origins[id(point.dist)] = (
                f"{point.dist.name} {point.dist.version}" if point.dist else "unknown"
            )
        origin = origins[id(point.dist)]
        if not _NAME.fullmatch(name):
            problems[name] = (
                f"{origin} registers the implementation {name!r}; a name is <framework>-<recipe> "
                "in lower case, such as torch-dcgan"
            )
            continue
        framework, recipe = name.split("-", 1)
        implementation = Implementation(
            name=name,
            framework=framework,
            recipe=recipe,
            module=point.module,
            attribute=point.attr,
            distribution=origin,
        )
        first = found.setdefault(name, implementation)
        if first != implementation:
            both = sorted({origin, str(first.distribution)})
            problems[name] = (
                f"{both[0]} registers the implementation {name!r} twice; update or uninstall it"
                if len(both) == 1
                else f"{' and '.join(both)} both register the implementation {name!r}; uninstall "
                "one of them"
            )
    usable = [item for item in found.items() if item[0] not in problems]
    return dict(sorted(usable, key=lambda item: (item[1].recipe, item[1].framework))), problems


def is_path(target: str) -> bool:
    """Return whether a target is a file such as ``my_gan.py:MyGan``, not a registered name."""
    return ".py" in target or "/" in target


def is_pattern(name: str) -> bool:
    """Return whether a name is a pattern such as ``torch-*``."""
    return any(character in name for character in "*?[")


def named_by(name: str) -> list[str]:
    """Return the registered implementations of a recipe such as ``dcgan``, or of a pattern."""
    known = registered()
    if is_pattern(name):
        return [one for one in known if fnmatchcase(one, name)]
    return [one for one, implementation in known.items() if implementation.recipe == name]


def find(targets: Iterable[str]) -> list[str]:
    """Check that every target is registered or an existing file; return them without repeats.

    The same file by two paths, or by a symbolic link, is a repeat.

    Raises
    ------
    UsageError
        A name is unknown, its registration cannot be used, or a file is missing.
    """
    known, problems = _registrations()
    chosen: dict[object, str] = {}
    for target in targets:
        key: object = target
        if is_path(target):
            key = split_path(target)
        elif target in problems:
            raise UsageError(f"{problems[target]}.")
        elif target not in known:
            raise UsageError(f"There is no implementation named {target!r}; {_nearest(target)}")
        chosen.setdefault(key, target)
    return list(chosen.values())


def find_several(targets: Iterable[str]) -> list[str]:
    """Return what `find` returns, with recipes and patterns replaced by their implementations.

    Raises
    ------
    UsageError
        A name is unknown, a pattern fits nothing, or a file is missing.
    """
    known, problems = _registrations()
    names: list[str] = []
    for target in targets:
        if is_path(target) or target in known or target in problems:
            names.append(target)
            continue
        several = named_by(target)
        if not several and is_pattern(target):
            raise UsageError(
                f"No implementation has a name like {target!r}; `gan-bench list` shows all of them."
            )
        if not several and (of_framework := named_by(f"{target}-*")):
            raise UsageError(
                f"There is no implementation or recipe named {target!r}; '{target}-*' names "
                f"{', '.join(of_framework)}."
            )
        names += several or [target]
    return find(names)


def _nearest(name: str) -> str:
    """Return the end of the message that an implementation does not exist."""
    known = registered()
    several = named_by(name) or named_by(f"{name}-*")
    if several:
        return f"choose one of {', '.join(several)}."
    recipes = [implementation.recipe for implementation in known.values()]
    return did_you_mean(
        name, dict.fromkeys([*known, *recipes]), "`gan-bench list` shows all of them."
    )


def split_path(target: str) -> tuple[Path, str | None]:
    """Split ``FILE.py[:CLASS]`` into an existing file and the class's name.

    Raises
    ------
    UsageError
        There is no such file, or it is not a Python file.
    """
    text, attribute = target, ""
    if not target.endswith(".py") and ".py:" in target:
        text, _, attribute = target.rpartition(":")
    path = Path(text)
    if not is_file(path):
        raise UsageError(
            f"There is no file {text}; give the path of your implementation's .py file."
        )
    if path.suffix != ".py":
        raise UsageError(f"{text} is not a Python file; an implementation is a .py file.")
    return path.resolve(), attribute or None


def package_root(path: Path) -> Path:
    """Return the folder from which a plugin's file is imported: that of its outermost package."""
    root = path.parent
    while is_file(root / "__init__.py") and root.name.isidentifier():
        root = root.parent
    return root


def path_name(target: str) -> str:
    """Return the name of the implementation that a plugin's file, or a class of it, defines.

    Examples
    --------
    ``my-gan`` for ``nets/my_gan.py``, and ``my-gan:Small`` for ``nets/my_gan.py:Small``.

    Raises
    ------
    UsageError
        The name of the file or the class cannot be part of the name of an implementation.
    """
    path, attribute = split_path(target)
    name = path.stem.replace("_", "-").replace(" ", "-").lower()
    if not _PATH_NAME.fullmatch(name):
        raise UsageError(
            f"The file {path.name} gives the implementation its name; rename it to at most 60 "
            "letters, digits, '-' and '_'."
        )
    if attribute is None:
        return name
    if not attribute.isidentifier():
        raise UsageError(f"{path} has no class {attribute!r}; name one as in my_gan.py:MyGan.")
    if len(attribute.encode()) > _LONGEST_CLASS:
        raise UsageError(
            f"The class {attribute} is part of the implementation's name; rename it to at most "
            f"{_LONGEST_CLASS} letters."
        )
    return f"{name}:{attribute}"


def recipe_entry_point(name: str) -> metadata.EntryPoint | None:
    """Return the entry point of the recipe ``name``, None if it is not registered.

    Raises
    ------
    UsageError
        Two distributions claim the name.
    """
    found = {
        (point.value, point.dist.name if point.dist else ""): point
        for point in entry_points(RECIPES_GROUP)
        if point.name == name
    }
    if len(found) > 1:
        names = " and ".join(sorted(distribution for _, distribution in found))
        raise UsageError(f"{names} both register the recipe {name!r}; uninstall one of them.")
    return next(iter(found.values()), None)


def _file_of(module: str) -> Path | None:
    """Return a module's file without importing it, though find_spec imports parent packages."""
    top, *rest = module.split(".")
    try:
        spec = util.find_spec(top)
        for part in rest:
            if spec is None or spec.submodule_search_locations is None:
                return None
            folders = list(spec.submodule_search_locations)
            # By its last name: a folder without __init__.py would look for its parent among the
            # imported modules.
            spec = PathFinder.find_spec(part, folders)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.has_location or spec.origin is None:
        return None  # unknown, part of the interpreter, or a folder without __init__.py
    path = Path(spec.origin)
    return path if path.is_file() else None


def _imports(path: Path, module: str) -> set[str]:
    """Return the modules that a file's imports may load, as far as the text names them."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for name in _code_loaded(path.read_bytes()).names:
        found |= _absolute(name, package)
    return found


class _CodeLoaded(NamedTuple):
    """What a Python file's text says of the code that it imports or runs."""

    names: frozenset[str]
    """Modules, and attributes that may be modules; relative ones begin with dots."""
    unknown: bool
    """Whether the file imports or runs code whose name its text does not show."""


# Most commands hash the same files once for each implementation that imports them.
@lru_cache(maxsize=_MOST_FILES)
def _code_loaded(source: bytes) -> _CodeLoaded:
    names: set[str] = set()
    unknown = False
    try:
        nodes = ast.walk(ast.parse(source))
    except (SyntaxError, ValueError):  # compiled, or of another version of Python
        nodes = iter(())
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            dot = "." if node.module else ""
            names |= {base, *(f"{base}{dot}{alias.name}" for alias in node.names)}
            hidden = (*_IMPORTERS, *_LOADERS, *_BUILTINS)
            if node.module in _IMPORT_TOOLS:
                unknown |= any(alias.asname and alias.name in hidden for alias in node.names)
        elif isinstance(node, ast.Call):
            name, of = _name_of(node.func), getattr(node.func, "value", None)
            given = [keyword.value for keyword in node.keywords if keyword.arg == "name"]
            texts = {
                value.value
                for value in [*node.args[:1], *given]
                if isinstance(value, ast.Constant) and isinstance(value.value, str)
            }
            builtin = of is None or getattr(of, "id", "") == "builtins"  # not model.eval()
            if name in _IMPORTERS:
                names |= texts
            unknown |= name in _LOADERS or (
                not texts and (name in _IMPORTERS or (name in _BUILTINS and builtin))
            )
    return _CodeLoaded(frozenset(names), unknown)


def _all_beside(file: Path) -> dict[str, Path]:
    """Return every Python file in a file's folder, or in its outermost package, and below.

    Raises
    ------
    UsageError
        There are too many.
    """
    root = package_root(file)
    top = root / file.relative_to(root).parts[0]
    found: dict[str, Path] = {}
    start = top if top.is_dir() else root
    if _is_foreign(start):  # a single module that is installed
        return found
    for folder, folders, names in os.walk(start):
        folders[:] = sorted(name for name in folders if not _is_foreign(Path(folder, name)))
        for name in names:
            path = Path(folder, name)
            if name.endswith(".py") and not name.startswith(".") and path.is_file():
                found[f"{_BESIDE}{path.relative_to(start).as_posix()}"] = path
        if len(found) > _MOST_FILES:
            raise UsageError(
                f"{file} loads code by a name that its text does not show, so every Python file in "
                f"{start} counts as its source, and these are more than {_MOST_FILES}; move the "
                "plugin to a folder of its own."
            )
    return found


_BESIDE = "/"
"""How the key of a file begins that counts without a known import."""


def _is_foreign(folder: Path) -> bool:
    return (
        folder.name.startswith(".")
        or folder.name in ("site-packages", "dist-packages", "__pycache__")
        or (folder / "pyvenv.cfg").exists()
        or (folder / "gan-bench.json").exists()
    )


def _name_of(function: ast.expr) -> str:
    return getattr(function, "attr", None) or getattr(function, "id", None) or ""


def _absolute(name: str, package: str) -> set[str]:
    """Return the absolute name of a module, and nothing beyond the outermost package."""
    try:
        return {util.resolve_name(name, package)}
    except ImportError:
        return set()


PRIVATE = "gan_bench.plugins.file_"
"""How the name of a plugin's module begins if its own name is that of an installed module. It is in
this package, so that processes that the plugin starts can import it."""


def is_changeable(module: str, path: Path, own: frozenset[str]) -> bool:
    """Return whether a module may change without a change of version, unlike installed ones."""
    top = module.split(".")[0]
    if module.startswith(PRIVATE):
        return True
    if top == "gan_bench" or top in sys.stdlib_module_names or path.is_relative_to(_STDLIB):
        return False
    return top in own or not {"site-packages", "dist-packages"} & set(path.parts)


def _sha256(files: dict[str, Path], own: frozenset[str], main: str = "") -> str:
    """Hash files and all modules that they import, except those identified by a version.

    The module ``main``, a plugin's file, is hashed without its name, which the user may choose.
    """
    found: dict[str, Path] = {}
    waiting = dict(files)
    while waiting:
        module, path = waiting.popitem()
        found[module] = path
        parents = {module[:i] for i, character in enumerate(module) if character == "."}
        for name in _imports(path, module) | parents:
            if name not in found and name not in waiting:
                file = _file_of(name)
                if file is not None and is_changeable(name, file, own):
                    waiting[name] = file
    for path in list(found.values()):
        if _code_loaded(path.read_bytes()).unknown:
            known = {file.resolve() for file in found.values()}
            beside = _all_beside(path).items()
            found |= {name: file for name, file in beside if file.resolve() not in known}
    if main in found:
        found[_MAIN] = found.pop(main)
    digest = hashlib.sha256()
    for module in sorted(found):
        digest.update(f"{module}\n".encode() + found[module].read_bytes() + b"\0")
    return digest.hexdigest()


def sha256_of_modules(modules: list[str]) -> str:
    """Hash modules and everything that they import, except installed packages of others.

    The files are read, not imported. A run's specification records the versions of packages.
    """
    own = frozenset(module.split(".")[0] for module in modules)
    files = {module: file for module in modules if (file := _file_of(module)) is not None}
    return _sha256(files, own)


def sha256_of_harness() -> str:
    """Hash gan-bench's own source, which is not part of implementations' hashes."""
    folder = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def sha256_of_file(path: Path, module: str, folder: Path) -> str:
    """Hash a plugin's file and everything that it imports from outside installed packages.

    The plugin is imported, so modules that it loads by names that its text does not show are known,
    too, if they are in its folder.

    Parameters
    ----------
    path
        The file.
    module
        The name under which it was imported.
    folder
        The folder of all that the plugin consists of.
    """
    files = {module: path}
    for name, loaded in list(sys.modules.items()):
        file = getattr(loaded, "__file__", None)
        if name in ("__main__", "__mp_main__") or not isinstance(file, str):
            continue
        if Path(file).is_relative_to(folder) and is_changeable(name, Path(file), frozenset()):
            files.setdefault(name, Path(file))
    existing = {name: file for name, file in files.items() if file.is_file()}
    return _sha256(existing, frozenset({module.partition(".")[0]}), module)
