"""Explains mistakes in a plugin: in which of the author's lines they are, and known kinds."""

import ast
import linecache
import re
import sys
import traceback
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.plugins.registry import PRIVATE, Implementation, is_changeable, package_root
from gan_bench.text import did_you_mean
from gan_bench.trainer import CONTRACT_VERSION, IN_VERSION_2, UPGRADE
from gan_bench.version import __version__

_MOST_LINES = 8
"""Lines of a traceback that are kept, the last ones: a recursion may have a thousand."""


class Line(NamedTuple):
    """A line of an author's code in a traceback."""

    file: str
    number: int
    function: str
    """Empty for a file that cannot be parsed."""
    code: str

    def __str__(self) -> str:
        """Return e.g. ``/home/me/my_gan.py:23, in update: loss = criterion(real)``."""
        function = f", in {self.function}" if self.function else ""
        return f"{self.file}:{self.number}{function}" + (f": {self.code}" if self.code else "")


def authors_lines(error: BaseException, module: str) -> list[Line]:
    """Return where an exception was raised, in the author's own files only, the last line last.

    These are neither gan-bench's nor those of Python, the framework or another installed package.
    If the exception has none, those of its cause are returned.

    Parameters
    ----------
    error
        The exception.
    module
        The trainer's module. Its package is the author's, also if it is installed.
    """
    package = module.partition(".")[0]
    for one in _with_causes(error):
        lines = [
            Line(code.co_filename, number, code.co_name, _code(code.co_filename, number))
            for frame, number in traceback.walk_tb(one.__traceback__)
            for code in [frame.f_code]
            if _is_authors(str(frame.f_globals.get("__name__")), code.co_filename, package)
        ]
        if isinstance(one, SyntaxError) and one.filename and one.lineno:
            lines.append(Line(one.filename, one.lineno, "", (one.text or "").strip()))
        if lines:
            return lines[-_MOST_LINES:]
    return []


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        if isinstance(one, GanBenchError):  # its sentence says what its cause was
            return
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _is_authors(module: str, file: str, package: str) -> bool:
    path = Path(file)
    if module.partition(".")[0] in _own_packages() - {package}:
        return module.startswith(PRIVATE)
    return (
        path.is_file()
        and not path.is_relative_to(_HARNESS)  # the main module of a child process
        # TensorFlow's AutoGraph writes functions anew, into temporary files.
        and not path.name.startswith("__autograph_generated_file")
        and is_changeable(module, path, frozenset({package}))
    )


_HARNESS = Path(__file__).parents[1]


def _code(file: str, number: int) -> str:
    return linecache.getline(file, number).strip()


def module_of(implementation: Implementation) -> str:
    """Return the name of the module of an implementation's trainer."""
    return implementation.module or Path(implementation.path or "").stem


def place_of(error: BaseException, implementation: Implementation) -> str:
    """Return the last of the author's lines, e.g. ``in update (my_gan.py:23)``, or ''.

    Files are relative to the folder from which the plugin's file is imported.
    """
    lines = authors_lines(error, module_of(implementation))
    if not lines:
        return ""
    file, number, function, _ = lines[-1]
    if implementation.path is not None:
        root = package_root(Path(implementation.path))
        if Path(file).is_relative_to(root):
            file = Path(file).relative_to(root).as_posix()
    named = function and function != "<module>"
    return f"in {function} ({file}:{number})" if named else f"in {file}:{number}"


MAIN_GUARD = (
    "A plugin's file is imported to find its class: put what it runs as a script below "
    '`if __name__ == "__main__":`.'
)
"""The remedy if importing a file runs a script."""


def no_trainer(path: Path, why: str = "") -> UsageError:
    """Return the error of a file that defines no trainer class, such as a plain script."""
    return UsageError(
        f"{path} defines no trainer class{why}. CONTRIBUTING.md of gan-bench has a template, and "
        "examples/ has training scripts that were turned into such a class. Your script can also "
        "stay as it is, if it tracks its loop with gan_bench.track, and images it has made can "
        "be given to `gan-bench score DATA IMAGES --as NAME`."
    )


_MAKES_CLASSES = frozenset({"type", "exec", "new_class", "make_dataclass", "create_model"})


def is_plain_script(path: Path) -> bool:
    """Return whether a file's text shows that it defines no class, so that it need not run."""
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (SyntaxError, ValueError):
        return False  # its import says what is wrong
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    names = {getattr(one, "attr", None) or getattr(one, "id", None) for one in called}
    return not any(isinstance(node, ast.ClassDef) for node in nodes) and not names & _MAKES_CLASSES


def trains_itself(path: Path) -> UsageError:
    """Return the error of a script that tracks its own loop, and so is no plugin."""
    return UsageError(
        f"{path} trains by itself, with gan_bench.track: start it with python, not with gan-bench."
    )


def is_tracked_script(path: Path) -> bool:
    """Return whether a file's text shows that its import would begin a tracked loop."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return False
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "gan_bench"
        for alias in node.names
        if alias.name == "track"
    }
    calls = [node.func for node in _run_by_import(tree) if isinstance(node, ast.Call)]
    return any(
        (isinstance(one, ast.Name) and one.id in imported)
        or (isinstance(one, ast.Attribute) and _dotted(one) == "gan_bench.track")
        for one in calls
    )


def _dotted(name: ast.Attribute) -> str:
    return f"{name.value.id}.{name.attr}" if isinstance(name.value, ast.Name) else ""


def _run_by_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that an import runs, as far as they are in no function."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [
            child
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, _FUNCTIONS) and not _is_main_guard(child)
        ]


def _is_main_guard(node: ast.AST) -> bool:
    test = node.test if isinstance(node, ast.If) else None
    return isinstance(test, ast.Compare) and getattr(test.left, "id", "") == "__name__"


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_OF_VERSION_1 = frozenset({"knob", "Losses", "cross_entropy"})
_SINCE_VERSION_2 = (
    "the file was written for another version of the trainer contract, which is "
    f"{CONTRACT_VERSION} here: since 2, knob is called hyperparameter, cross_entropy is in "
    f"losses.py of the same package, {IN_VERSION_2}; see CHANGELOG.md"
)
_ANOTHER = (
    "the file was written for another version: CHANGELOG.md says what changed; if it is for a "
    f"newer one, upgrade gan-bench: {UPGRADE}"
)


def other_version(error: BaseException) -> str | None:
    """Return which name a plugin uses that this gan-bench does not have, if that is the cause."""
    module, name = _absent_name(error)
    if module.partition(".")[0] not in _own_packages() or module.startswith(PRIVATE):
        return None
    has_no = f"gan-bench {__version__} has no " + (
        f"{name} in {module}" if name else f"module {module}"
    )
    if name in _OF_VERSION_1:
        return f"{has_no}; {_SINCE_VERSION_2}"
    known = vars(sys.modules[module]) if module in sys.modules else ()
    return f"{has_no}; {did_you_mean(name, known, _ANOTHER)}"


@cache
def _own_packages() -> frozenset[str]:
    """Return gan-bench's packages: its distribution has entry points in each of them."""
    points = metadata.distribution("gan-bench").entry_points
    return frozenset(point.module.partition(".")[0] for point in points)


def _absent_name(error: BaseException) -> tuple[str, str]:
    """Return a module and its missing name; the name is empty if the module is missing."""
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        return error.obj.__name__, error.name or ""
    if isinstance(error, ModuleNotFoundError):
        return error.name or "", ""
    found = re.match(r"cannot import name '(.+?)' from '(.+?)'", str(error))
    return (found[2], found[1]) if found and isinstance(error, ImportError) else ("", "")
