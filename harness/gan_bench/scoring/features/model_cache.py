"""The cache of feature models that a child process made here, and the sizes of both caches."""

import contextlib
import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.system.child import ChildDied, ChildError, ask
from gan_bench.system.files import (
    cache_folders,
    file_sha256,
    make_folder,
    writable_cache,
    write_atomically,
    write_json_atomically,
)
from gan_bench.system.scratch import scratch_folder
from gan_bench.text import many

_FEATURES = "features"


def reference_folder() -> Path:
    """Return the folder of the cached features, statistics and floors."""
    return writable_cache() / "reference"


def cached_model(name: str) -> tuple[Path, dict[str, Any]] | None:
    """Return a model's file and facts; None if it is missing or damaged."""
    for cache in cache_folders():
        path = cache / _FEATURES / f"{name}.onnx"
        try:
            facts: dict[str, Any] = json.loads(path.with_suffix(".json").read_text("utf-8"))
            if facts["sha256"] == file_sha256(path):
                return path, facts
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return None


def check_packages(name: str, needs: Sequence[str], extra: str) -> None:
    """Raise `UsageError` if a package is missing that making a model needs; see `make_model`."""
    missing = [package for package in needs if importlib.util.find_spec(package) is None]
    if missing:
        raise UsageError(
            f"The features {name} need {' and '.join(missing)}, which must be installed first: "
            f"pip install 'gan-bench[{extra}]'."
        )


def make_model(
    name: str,
    module: str,
    arguments: Mapping[str, Any],
    *,
    needs: Sequence[str],
    extra: str,
    say: Callable[[str], None] | None = None,
    problem: Callable[[dict[str, Any]], str | None] = lambda facts: None,
) -> tuple[Path, dict[str, Any]]:
    """Make a model and add it to the cache; return its file and facts.

    Parameters
    ----------
    name
        Name of the file without its suffix.
    module
        Asked by `gan_bench.system.child.ask` to write an ONNX file to ``out``; its answer is a
        JSON object of facts about the model.
    arguments
        The rest of the request.
    needs
        Packages that the module imports.
    extra
        The extra of gan-bench that installs them.
    say
        Called with each line of progress.
    problem
        Returns why a model with these facts must not be used; None if it may be.

    Raises
    ------
    UsageError
        A package is missing, or the model cannot be made or used; the cache is unchanged.
    """
    check_packages(name, needs, extra)
    with scratch_folder() as scratch:
        out = Path(scratch) / "model.onnx"
        try:
            facts = ask(module, {"out": str(out), **arguments}, say=say)
        except ChildDied as death:
            raise UsageError(
                f"The features {name} could not be made: the process {death}"
            ) from death
        except ChildError as error:
            raise UsageError(f"The features {name} could not be made: {error}") from error
        reason = problem(facts)
        if reason is not None:
            raise UsageError(reason)
        facts["sha256"] = file_sha256(out)
        path = writable_cache() / _FEATURES / f"{name}.onnx"
        try:
            make_folder(path.parent)
            write_atomically(path, out.read_bytes())
            write_json_atomically(path.with_suffix(".json"), facts)
        except OSError as error:
            raise GanBenchError(
                f"The features {name} cannot be saved in {path.parent} ({error.strerror}); free "
                "space or correct its permissions."
            ) from error
    return path, facts


@dataclass(frozen=True)
class CacheSize:
    """The size of one cache."""

    what: str
    folder: Path
    entries: int
    bytes: int

    def __str__(self) -> str:
        """Return e.g. ``3 entries, 12.3 MB in ~/.cache/gan-bench/reference``."""
        entries = many(self.entries, "entry", "entries")
        return f"{entries}, {self.bytes / 1e6:,.1f} MB in {self.folder}"


def cache_sizes() -> list[CacheSize]:
    """Return the sizes of both caches."""
    return [
        _size("reference features", reference_folder(), "*"),
        _size("feature models", writable_cache() / _FEATURES, "*.onnx"),
    ]


def _size(what: str, folder: Path, pattern: str) -> CacheSize:
    entries = sum(not path.name.startswith(".") for path in folder.glob(pattern))
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return CacheSize(what, folder, entries, total)
