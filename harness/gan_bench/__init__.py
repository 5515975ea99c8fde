"""gan-bench: compares GAN implementations across frameworks on quality and speed."""

import os
from typing import TYPE_CHECKING, Any

from gan_bench.version import __version__

if TYPE_CHECKING:
    from gan_bench.results.load import Results as Results
    from gan_bench.results.load import load_results as load_results

# ONNX Runtime sends telemetry from its import on, and stores a device id in the user's cache.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__all__ = ["Results", "__version__", "load_results"]


def __getattr__(name: str) -> Any:
    """Import pandas only for those who ask for frames."""
    if name in ("Results", "load_results"):
        from gan_bench.results import load

        return getattr(load, name)
    raise AttributeError(f"module 'gan_bench' has no attribute {name!r}")
