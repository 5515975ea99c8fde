"""The sha256 of an implementation's source: its module, and what that imports from beside it."""

import ast
import hashlib
from importlib import util
from pathlib import Path


def _file_of(module: str) -> Path | None:
    """Return a module's file without importing it, though find_spec imports parent packages."""
    top, *rest = module.split(".")
    spec = util.find_spec(top)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin)
    for part in rest:
        folder = path.parent / part
        path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    return path if path.is_file() else None


def _imports(path: Path, module: str, tops: frozenset[str]) -> set[str]:
    """Return the modules under ``tops`` that a file's import statements may load."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base]).strip(".")
            names = {base, *(f"{base}.{alias.name}" for alias in node.names)}
        else:
            continue
        found |= {name for name in names if name.split(".")[0] in tops}
    return found


def sha256_of_modules(modules: list[str]) -> str:
    """Hash the files of ``modules`` and all that they import from their own top-level packages.

    Read as text; nothing is imported. A module of the harness itself counts only when it is named
    in ``modules``: its version stands for the rest.
    """
    tops = frozenset(module.split(".")[0] for module in modules) - {"gan_bench"}
    files: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        path = _file_of(module)
        if module in files or path is None:
            continue
        files[module] = path
        waiting += _imports(path, module, tops)
        parent = module.rpartition(".")[0]
        if parent:
            waiting.append(parent)
    digest = hashlib.sha256()
    for module in sorted(files):
        digest.update(f"{module}\n".encode() + files[module].read_bytes() + b"\0")
    return digest.hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hash one file, a plugin given by its path."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
