"""Finds, describes, loads and hashes implementations and recipes."""

import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_FILES = "GAN_BENCH_PLUGIN_FILES"
"""The files of plugins by the names of their modules, as JSON, in the environment."""


def announce(name: str, file: str) -> None:
    """Make ``name``, a module in this package, importable in the processes that a plugin starts."""
    known = json.loads(os.environ.get(_FILES, "{}"))
    os.environ[_FILES] = json.dumps({**known, name: file})


class _Files(MetaPathFinder):
    """Finds plugins' files in processes that did not load them: they inherit the environment."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(f"{__name__}."):
            return None
        file = json.loads(os.environ.get(_FILES, "{}")).get(name)
        return None if file is None else importlib.util.spec_from_file_location(name, file)


sys.meta_path.append(_Files())
