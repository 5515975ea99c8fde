"""gan-bench: compares GAN implementations across frameworks on quality and speed."""

import importlib
import os
from typing import TYPE_CHECKING, Any

from gan_bench.version import __version__

if TYPE_CHECKING:
    from gan_bench.results.load import Results as Results
    from gan_bench.results.load import load_results as load_results
    from gan_bench.tracking import TrackedRun as TrackedRun
    from gan_bench.tracking import track as track

# ONNX Runtime sends telemetry from its import on, and stores a device id in the user's cache.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_MODULES = {
    "Results": "gan_bench.results.load",
    "TrackedRun": "gan_bench.tracking",
    "load_results": "gan_bench.results.load",
    "track": "gan_bench.tracking",
}
__all__ = ["Results", "TrackedRun", "__version__", "load_results", "track"]


def __getattr__(name: str) -> Any:
    """Import what a name needs, such as pandas, only for those who ask for it."""
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'gan_bench' has no attribute {name!r}")
