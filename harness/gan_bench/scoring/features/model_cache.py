"""The cache of feature models that a framework made on this machine, in a child process."""

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gan_bench.errors import GanBenchError, UsageError
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
    arguments: Sequence[str],
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
        Module that is run as ``python -P -m module --out FILE arguments``. It writes an ONNX file,
        and the last line that it prints is a JSON object of facts.
    arguments
        Further arguments of the module.
    needs
        Packages that the module imports.
    extra
        The extra of gan-bench that installs them.
    say
        Called with every other line that the module prints.

    Raises
    ------
    UsageError
        A package is missing, or the model cannot be made; the cache is unchanged.
    """
    missing = [package for package in needs if importlib.util.find_spec(package) is None]
    if missing:
        raise UsageError(
            f"To make the features {name} {' and '.join(missing)} must be installed: pip install "
            f"'gan-bench[{extra}]'."
        )
    with tempfile.TemporaryDirectory(prefix="gan-bench-features-") as scratch:
        out = Path(scratch) / "model.onnx"
        command = [sys.executable, "-P", "-m", module, "--out", str(out), *arguments]
        errors = Path(scratch) / "stderr"
        last = ""
        with (
            errors.open("wb") as log,
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            ) as process,
        ):
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    if last and say is not None:
                        say(last)
                    last = line.rstrip("\n")
                code = process.wait()
            except BaseException:
                process.kill()
                raise
        if code != 0:
            said = errors.read_text(errors="replace").strip().splitlines()
            raise UsageError(
                f"The features {name} could not be made: "
                f"{said[-1] if said else f'the process ended with exit code {code}'}"
            )
        facts = {**json.loads(last), "sha256": file_sha256(out)}
        path = features_folder() / f"{name}.onnx"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, out.read_bytes())
            write_json_atomically(path.with_suffix(".json"), facts)
        except OSError as error:
            raise GanBenchError(
                f"The features {name} cannot be kept in {path.parent} ({error.strerror}); free "
                "space or correct its permissions."
            ) from error
    return path, facts
