"""The sha256 of an implementation's source: its module and the modules that it imports."""

import ast
import hashlib
import sys
from importlib import util
from pathlib import Path


def _file_of(module: str) -> Path | None:
    """Return a module's file without importing it, though find_spec imports parent packages."""
    top, *rest = module.split(".")
    try:
        spec = util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    for part in rest:
        folder = path.parent / part
        path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    return path if path.is_file() else None


def _imports(path: Path, module: str) -> set[str]:
    """Return the modules that a file's import statements may load."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base]).strip(".")
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def _counts(module: str, path: Path, own: frozenset[str]) -> bool:
    """Return whether code may change without a change of version, unlike installed packages."""
    top = module.split(".")[0]
    if top == "gan_bench" or top in sys.stdlib_module_names:
        return False
    return top in own or not {"site-packages", "dist-packages"} & set(path.parts)


def _sha256(files: dict[str, Path], own: frozenset[str]) -> str:
    """Hash files and all modules that they import, except those identified by a version."""
    found: dict[str, Path] = {}
    waiting = dict(files)
    while waiting:
        module, path = waiting.popitem()
        found[module] = path
        parent = module.rpartition(".")[0]
        for name in _imports(path, module) | ({parent} if parent else set()):
            if name and name not in found and name not in waiting:
                file = _file_of(name)
                if file is not None and _counts(name, file, own):
                    waiting[name] = file
    digest = hashlib.sha256()
    for module in sorted(found):
        digest.update(f"{module}\n".encode() + found[module].read_bytes() + b"\0")
    return digest.hexdigest()


def sha256_of_modules(modules: list[str]) -> str:
    """Hash modules and all that they import from their own packages or from no package.

    The files are read, not imported. A run's specification has the versions of other packages.
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


def sha256_of_file(path: Path) -> str:
    """Hash a plugin's file and all that it imports from outside of installed packages."""
    return _sha256({"__plugin__": path}, frozenset())
