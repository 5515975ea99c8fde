"""Feature models that are made on this machine by a framework, in a process of its own."""

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.scoring.cache_folders import features_folder
from gan_bench.scoring.features.inception.weights import sha256_of
from gan_bench.system.files import write_atomically, write_json_atomically


def made_model(name: str) -> tuple[Path, dict[str, Any]] | None:
    """Return a model's file and what is known of it, None if it is not there whole."""
    path = features_folder() / f"{name}.onnx"
    try:
        facts: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        sound = facts["sha256"] == sha256_of(path)
    except (OSError, ValueError, TypeError, KeyError, UsageError):
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
    """Make a model and keep it in the cache; return its file and what is known of it.

    Parameters
    ----------
    name
        The file's name without its suffix.
    module
        Run as ``python -P -m module --out FILE arguments``. It writes an ONNX file, and the last
        line that it prints to stdout is a JSON object of facts.
    arguments
        Its own.
    needs
        Packages that it imports.
    extra
        Of gan-bench, that brings them.
    say
        Is told the other lines that it prints.

    Raises
    ------
    UsageError
        A package is missing, or the model cannot be made; nothing was kept.
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
        facts = {**json.loads(last), "sha256": sha256_of(out)}
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
