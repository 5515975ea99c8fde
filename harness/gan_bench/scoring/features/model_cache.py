"""The cache of feature models that a framework made on this machine, in a child process."""

import importlib.util
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.system.child import ChildDied, ChildError, ask
from gan_bench.system.files import (
    cache_folder,
    file_sha256,
    write_atomically,
    write_json_atomically,
)


def features_folder() -> Path:
    """Return the folder of the cached feature models."""
    return cache_folder() / "features"


def cached_model(name: str) -> tuple[Path, dict[str, Any]] | None:
    """Return a model's file and facts; None if it is missing or damaged."""
    path = features_folder() / f"{name}.onnx"
    try:
        facts: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        sound = facts["sha256"] == file_sha256(path)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return (path, facts) if sound else None


def make_model(
    name: str,
    module: str,
    arguments: Mapping[str, Any],
    *,
    needs: Sequence[str],
    extra: str,
    say: Callable[[str], None] | None = None,
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

    Raises
    ------
    UsageError
        A package is missing, or the model cannot be made; the cache is unchanged.
    """
    missing = [package for package in needs if importlib.util.find_spec(package) is None]
    if missing:
        raise UsageError(
            f"The features {name} need {' and '.join(missing)}, which must be installed first: "
            f"pip install 'gan-bench[{extra}]'."
        )
    with tempfile.TemporaryDirectory(prefix="gan-bench-features-") as scratch:
        out = Path(scratch) / "model.onnx"
        try:
            facts = ask(module, {"out": str(out), **arguments}, say=say)
        except ChildDied as death:
            raise UsageError(
                f"The features {name} could not be made: the process {death}"
            ) from death
        except ChildError as error:
            raise UsageError(f"The features {name} could not be made: {error}") from error
        facts["sha256"] = file_sha256(out)
        path = features_folder() / f"{name}.onnx"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, out.read_bytes())
            write_json_atomically(path.with_suffix(".json"), facts)
        except OSError as error:
            raise GanBenchError(
                f"The features {name} cannot be saved in {path.parent} ({error.strerror}); free "
                "space or correct its permissions."
            ) from error
    return path, facts
