"""gan-bench: compares GAN implementations across frameworks on quality and speed."""

import importlib
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gan_bench.version import __version__

if TYPE_CHECKING:
    from gan_bench import errors as errors
    from gan_bench.api import ImageScores as ImageScores
    from gan_bench.api import Results as Results
    from gan_bench.api import compare as compare
    from gan_bench.api import load_results as load_results
    from gan_bench.api import report as report
    from gan_bench.api import run as run
    from gan_bench.api import score as score
    from gan_bench.tracking import TrackedRun as TrackedRun
    from gan_bench.tracking import track as track

# ONNX Runtime sends telemetry from its import on, and stores a device id in the user's cache.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_HOMES = dict.fromkeys(
    ("ImageScores", "Results", "compare", "load_results", "report", "run", "score"), "gan_bench.api"
)
_HOMES |= dict.fromkeys(("TrackedRun", "track"), "gan_bench.tracking")
"""The module of each public name. It is imported when the name is first used: NumPy and pandas take
longer than most scripts that name only the contract."""

__all__ = ["__version__", "errors", *_HOMES]


class _Package(ModuleType):
    """A package whose ``report`` and ``compare`` are functions, not the subpackages."""

    def __setattr__(self, name: str, value: object) -> None:
        """Ignore the import system, which sets each subpackage as an attribute."""
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Return a public name; import its module."""
    if name == "errors":
        return importlib.import_module("gan_bench.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'gan_bench' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
