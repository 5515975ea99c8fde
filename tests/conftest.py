"""What every test gets: a cache of its own, processors, and the fixtures of support/bench.py."""

import atexit
import contextlib
import importlib.util
import os
import shutil
import tempfile
from collections import Counter

import pytest

if "PYTEST_XDIST_WORKER" not in os.environ:
    # A cache of the suite's own, which its processes share; the user's is neither used nor filled.
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="gan-bench-cache-")
    atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)
    # Equal trainers are built in many of the suite's processes: JAX compiles each program once.
    os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{os.environ['XDG_CACHE_HOME']}/jax"
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
# This process is not alone on a GPU.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

from gan_bench.plugins.frameworks import GlobalState
from gan_bench.system.devices import gpus

with contextlib.suppress(ImportError):
    from hypothesis import settings

    # A loaded machine may take any time.
    settings.register_profile("gan-bench", deadline=None)
    settings.load_profile("gan-bench")

with contextlib.suppress(ImportError):
    # Loaded by torch after TensorFlow, it crashes the process (PythonOT/POT#816). Runs are not
    # concerned: each has a process of its own.
    import triton  # noqa: F401


pytest_plugins = ("bench", "kills", "true_markers")
"""Named here, their assertions are rewritten, too."""
# They import much, and only some tests need them.
pytest.register_assert_rewrite("base_cases", "written_report")


@pytest.fixture
def generators_kept():
    """Leave the global generators of the test session as they are."""
    state = GlobalState.now()
    yield
    state.restore()


def pytest_configure(config):
    """Give each of xdist's processes, and the runs that it starts, processors of its own.

    Frameworks' threads that outnumber the processors spin while they wait, and take several times
    as long.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is not None and hasattr(os, "sched_setaffinity"):
        every = sorted(os.sched_getaffinity(0))
        first, count = int(worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        os.sched_setaffinity(0, every[first % len(every) :: count])


STARTING = frozenset({"bench", "cluster", "original", "prepared", "trained"})
"""Fixtures that start processes."""


def pytest_collection_modifyitems(items):
    """Mark what starts processes or is long; skip what needs a framework or GPU that is absent."""
    needed = {"torch": "torch", "keras": "tensorflow", "jax": "jax"}
    cases = Counter()
    for item in items:
        function = item.nodeid.partition("[")[0]
        cases[function] += 1
        for marker in ("slow", "long"):
            after = item.get_closest_marker(f"{marker}_after")
            if after and cases[function] > after.args[0]:
                item.add_marker(marker)
        if not STARTING.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.process)
        if item.get_closest_marker("gpu") and not gpus():
            item.add_marker(pytest.mark.skip(reason="no GPU was found"))
        for marker, module in needed.items():
            if item.get_closest_marker(marker) and importlib.util.find_spec(module) is None:
                item.add_marker(pytest.mark.skip(reason=f"{module} is not installed"))
