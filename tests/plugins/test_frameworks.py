"""Frameworks: versions of their packages, what an import shows, their global generators."""

import importlib
import json
import sys

import numpy as np
import pytest

from gan_bench.errors import UsageError
from gan_bench.maintenance.machine_check import check_machine
from gan_bench.plugins.frameworks import (
    GlobalState,
    frameworks,
    import_framework,
    installed_versions,
    missing,
    seeded,
    versions_of,
    worker_environment,
)
from gan_bench.system.child import ChildDied


@pytest.fixture
def interpreter(tmp_path):
    """Write a shell script that acts as another environment's python."""

    def write(line):
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        return str(path)

    return write


@pytest.mark.process
def test_another_interpreter_gives_its_own_versions(interpreter):
    assert versions_of(interpreter(f'exec {sys.executable} "$@"')) == installed_versions()


@pytest.mark.process
def test_an_interpreter_that_cannot_be_used_is_one_sentence(interpreter):
    with pytest.raises(UsageError, match=r"cannot import gan_bench; install gan-bench \S+ in its"):
        versions_of(interpreter("exit 1"))
    with pytest.raises(UsageError, match=r"The interpreter /no/python .* cannot be run"):
        versions_of("/no/python")


@pytest.mark.process
def test_importing_a_framework_shows_its_version_and_gpus():
    found = import_framework("numpy", sys.executable)
    assert (found.module, found.version, found.gpus) == ("numpy", np.__version__, 0)
    with pytest.raises(ChildDied, match="No module named 'no_such_framework'"):
        import_framework("no_such_framework", sys.executable)


def test_missing_packages_are_named_with_the_command_that_installs_them():
    assert missing("keras", {"tensorflow": "2.20", "keras": "3.10"}) is None
    assert missing("keras", {"keras": "3.10"}) == (
        "tensorflow not installed; get it with pip install 'tensorflow>=2.18' 'keras>=3.6'"
    )
    assert missing("mlx", {}) is None


def test_each_registered_framework_is_described_without_importing_it():
    before = set(sys.modules)
    found = frameworks()
    assert list(found) == ["numpy", "jax", "keras", "torch"]
    assert not {"torch", "keras", "tensorflow", "jax"} & (set(sys.modules) - before)
    for framework in found.values():
        assert framework.packages
        assert framework.install.startswith("pip install")


def test_every_worker_has_the_variables_of_every_framework():
    environment = worker_environment(device="cpu", threads=3, deterministic=True)
    assert environment["OMP_NUM_THREADS"] == environment["TF_NUM_INTRAOP_THREADS"] == "3"
    assert environment["NPROC"] == "3"
    assert environment["KERAS_BACKEND"] == "tensorflow"
    assert environment["JAX_DEFAULT_MATMUL_PRECISION"] == "highest"
    assert environment["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert environment["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert environment["NVIDIA_TF32_OVERRIDE"] == "0"


def test_flags_of_xla_that_are_set_stay(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/tmp/dump")
    environment = worker_environment(device="cpu", threads=1, deterministic=True)
    assert environment["XLA_FLAGS"] == "--xla_dump_to=/tmp/dump --xla_gpu_deterministic_ops=true"
    environment = worker_environment(device="cpu", threads=1)
    assert environment["XLA_FLAGS"] == "--xla_dump_to=/tmp/dump"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a distribution that registers a framework ``mlx`` with this module."""

    def install(code, name="mlx"):
        (tmp_path / "mlx_bench.py").write_text(code)
        info = tmp_path / f"bench_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bench-{name}\nVersion: 1.0\n")
        entry = f"[gan_bench.frameworks]\n{name} = mlx_bench:FRAMEWORK\n"
        (info / "entry_points.txt").write_text(entry)
        monkeypatch.syspath_prepend(str(tmp_path))

    frameworks.cache_clear()
    yield install
    frameworks.cache_clear()
    sys.modules.pop("mlx_bench", None)


MLX = """
from gan_bench.trainer import Framework
FRAMEWORK = Framework(("no-such-mlx",), "pip install mlx", "mlx.core",
                      lambda threads, deterministic: {"MLX_THREADS": str(threads)})
"""


def test_a_framework_of_another_distribution_is_known_by_its_entry_point(installed):
    installed(MLX)
    assert missing("mlx", {}) == "no-such-mlx not installed; get it with pip install mlx"
    assert worker_environment(device="cpu", threads=2)["MLX_THREADS"] == "2"
    assert ("framework mlx", "missing") in {(f.what, f.state) for f in check_machine()}


@pytest.mark.parametrize(
    ("code", "name", "part"),
    [
        ("FRAMEWORK = 3", "mlx", "leads to int, not to a gan_bench.trainer.Framework"),
        ("raise OSError('no libmlx')", "mlx", r"cannot be loaded \(OSError: no libmlx\); update"),
        (MLX, "torch", "Two distributions register the framework 'torch'; uninstall one"),
    ],
)
def test_an_entry_point_that_is_wrong_is_one_sentence(installed, code, name, part):
    installed(code, name)
    with pytest.raises(UsageError, match=part):
        frameworks()


MLX_RANDOM = """
import sys
from gan_bench.trainer import Framework, GlobalGenerators

class Generators(GlobalGenerators):
    module = "mlx_library"
    def imported(self):
        return "mlx_library" in sys.modules
    def seed(self, seed):
        sys.modules["mlx_library"].drawn.seed(seed)
    def seed_late(self, seed):
        sys.modules["mlx_library"].late = seed
    def state(self):
        return sys.modules["mlx_library"].drawn.getstate(), None
    def restore(self, value, kept):
        version, numbers, gauss = value
        sys.modules["mlx_library"].drawn.setstate((version, tuple(numbers), gauss))

FRAMEWORK = Framework(("no-such-mlx",), "pip install mlx", "mlx", generators=(Generators(),))
"""


def test_the_global_generators_of_another_framework_are_seeded_and_restored(installed, tmp_path):
    installed(MLX_RANDOM)
    kept = GlobalState.now()
    (tmp_path / "mlx_library.py").write_text("import random\ndrawn, late = random.Random(), None\n")
    try:
        with seeded(5):
            pass
        before = GlobalState.now()
        assert "mlx_library" not in before.values
        library = importlib.import_module("mlx_library")
        first = library.drawn.random()
        before.restore()  # it was imported since: seeded again
        assert library.drawn.random() == first
        state = json.loads(json.dumps(GlobalState.now().values))
        then = library.drawn.random()
        GlobalState(state).restore()
        assert library.drawn.random() == then
        with seeded(6):
            assert library.drawn.random() != first
        assert library.late == 6
    finally:
        sys.modules.pop("mlx_library", None)
        kept.restore()
