"""Frameworks: versions of their packages, what an import shows, their global generators."""

import ast
import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import gan_bench
from bench import complaint
from gan_bench.errors import UsageError
from gan_bench.maintenance import machine_check
from gan_bench.maintenance.machine_check import check_machine
from gan_bench.plugins.frameworks import (
    GlobalState,
    broken,
    frameworks,
    import_framework,
    installed_versions,
    missing,
    seeded,
    versions_of,
    worker_environment,
)
from gan_bench.system.child import ChildDied

DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


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
    assert (found.module, found.version, found.gpus) == ("numpy", np.__version__, None)
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


OF_FRAMEWORKS = {
    "torch": {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"},
    "keras": {"KERAS_BACKEND": "tensorflow", "TF_NUM_INTRAOP_THREADS": "3"},
    "jax": {"JAX_DEFAULT_MATMUL_PRECISION": "highest", "NPROC": "3", "XLA_FLAGS": DETERMINISTIC},
    "numpy": {},
}


@pytest.fixture
def no_variables(monkeypatch):
    for name in {name for variables in OF_FRAMEWORKS.values() for name in variables}:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("framework", OF_FRAMEWORKS)
def test_a_worker_has_the_variables_of_its_framework_and_of_no_other(no_variables, framework):
    environment = worker_environment(framework, device="cpu", threads=3, deterministic=True)
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["NVIDIA_TF32_OVERRIDE"] == "0"
    every = {name for variables in OF_FRAMEWORKS.values() for name in variables}
    of_a_framework = {name: value for name, value in environment.items() if name in every}
    assert of_a_framework == OF_FRAMEWORKS[framework]


def test_a_worker_of_an_unknown_framework_has_the_variables_of_all_that_are_installed(
    no_variables, installed
):
    installed(MLX)
    environment = worker_environment("another", device="cpu", threads=3, deterministic=True)
    versions = installed_versions()
    for framework, variables in OF_FRAMEWORKS.items():
        expected = variables.items() if missing(framework, versions) is None else set()
        assert variables.items() & environment.items() == expected
    assert "MLX_THREADS" not in environment  # it is registered, and not installed


@pytest.mark.process
@pytest.mark.parametrize("framework", ["numpy", pytest.param("keras", marks=pytest.mark.long)])
def test_a_plugin_trains_in_the_environment_of_its_framework(bench, plugin, framework):
    body = f"""
    framework = {framework!r}
    def __init__(self, *given, **options):
        names = {sorted(name for variables in OF_FRAMEWORKS.values() for name in variables)}
        Path("seen").write_text(" ".join(name for name in names if name in os.environ))
        super().__init__(*given, **options)
    """
    bench.environment = {**bench.environment}
    for name in {name for variables in OF_FRAMEWORKS.values() for name in variables}:
        bench.environment.pop(name, None)
    for command in (
        ("run", plugin("gan", body), *SHORT),
        ("verify", "./gan.py"),
        ("parity", "./gan.py", plugin("twin", body), "--paired-steps", "1"),
        ("sample", "gan-", "--count", "2", "--out", "made"),
    ):
        (bench.folder / "seen").unlink(missing_ok=True)
        assert bench(*command).code == 0, command
        assert (bench.folder / "seen").read_text().split() == sorted(OF_FRAMEWORKS[framework])


def test_flags_of_xla_that_are_set_stay(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/tmp/dump")
    environment = worker_environment("jax", device="cpu", threads=1, deterministic=True)
    assert environment["XLA_FLAGS"] == f"--xla_dump_to=/tmp/dump {DETERMINISTIC}"
    environment = worker_environment("jax", device="cpu", threads=1)
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
                      lambda device, threads, deterministic: {"MLX_THREADS": str(threads)})
"""


def test_a_framework_of_another_distribution_is_known_by_its_entry_point(installed):
    installed(MLX)
    assert missing("mlx", {}) == "no-such-mlx not installed; get it with pip install mlx"
    assert worker_environment("mlx", device="cpu", threads=2)["MLX_THREADS"] == "2"
    assert ("framework mlx", "missing") in {(f.what, f.state) for f in check_machine()}


SETS_OMP = """
from gan_bench.trainer import Framework
def set_to(value):
    return lambda device, threads, deterministic: {"SHARED": value, "OMP_NUM_THREADS": "7"}
FRAMEWORK = Framework(("numpy",), "pip install mlx", "mlx.core", set_to("a"))
OTHER = Framework(("numpy",), "pip install other", "other", set_to("b"))
"""


@pytest.mark.long
def test_frameworks_that_set_a_variable_to_different_values_are_named(
    bench, plugin, installed, tmp_path
):
    installed(SETS_OMP)
    entries = tmp_path / "bench_mlx-1.0.dist-info/entry_points.txt"
    entries.write_text(f"{entries.read_text()}other = mlx_bench:OTHER\n")
    for framework, value in (("mlx", "a"), ("other", "b")):
        environment = worker_environment(framework, device="cpu", threads=2)
        assert (environment["SHARED"], environment["OMP_NUM_THREADS"]) == (value, "7")
    with pytest.raises(UsageError) as refusal:
        worker_environment("unknown", device="cpu", threads=2)
    assert str(refusal.value) == (
        "The frameworks mlx and other set SHARED to different values ('a' and 'b'), and a worker "
        "of the framework unknown, which has no entry point in gan_bench.frameworks, would get "
        "both; register unknown, or uninstall what registers one of them."
    )
    bench.environment["PYTHONPATH"] = str(tmp_path)
    of_unknown = plugin("of_unknown", "framework = 'unknown'")
    assert bench("run", of_unknown, plugin("sound"), *SHORT).code == 1
    records = bench.records()
    assert records["sound"]["status"] == "ok"
    assert (records["of-unknown"]["status"], records["of-unknown"]["reason"]) == (
        "missing",
        str(refusal.value).rstrip("."),
    )
    assert complaint(bench("verify", of_unknown)) == str(refusal.value)


WRONG_ENVIRONMENTS = {
    "raises": (
        "lambda device, threads, deterministic: {}[threads]",
        "raised KeyError: 2",
    ),
    "signature": (
        "lambda device: {}",
        "raised TypeError: <lambda>() got an unexpected keyword argument 'threads'",
    ),
    "number": (
        "lambda device, threads, deterministic: {'MLX_THREADS': threads}",
        "returned {'MLX_THREADS': 2}, not texts by name",
    ),
    "nothing": ("lambda device, threads, deterministic: None", "returned None, not texts by name"),
}


@pytest.mark.long_after(1)
@pytest.mark.parametrize("wrong", WRONG_ENVIRONMENTS)
def test_an_environment_that_is_wrong_is_one_sentence(bench, plugin, installed, tmp_path, wrong):
    code, said = WRONG_ENVIRONMENTS[wrong]
    installed(
        "from gan_bench.trainer import Framework\n"
        f"FRAMEWORK = Framework(('numpy',), 'pip install mlx', 'mlx', {code})\n"
    )
    bench.environment["PYTHONPATH"] = str(tmp_path)
    sentence = f"The environment of the framework mlx {said}; update what registers it."
    with pytest.raises(UsageError) as refusal:
        worker_environment("mlx", device="cpu", threads=2)
    assert str(refusal.value) == sentence
    of_it = plugin("of_it", "framework = 'mlx'")
    assert bench("run", of_it, plugin("sound"), *SHORT, "--threads", "2").code == 1
    records = bench.records()
    assert (records["of-it"]["reason"], records["sound"]["status"]) == (sentence[:-1], "ok")
    assert complaint(bench("verify", of_it))


WRONG_ENTRIES = {
    "kind": (
        "FRAMEWORK = 3",
        "mlx",
        "the entry point 'mlx' of bench-mlx in gan_bench.frameworks leads to int, not to a "
        "gan_bench.trainer.Framework; update or uninstall bench-mlx",
    ),
    "import": (
        "raise OSError('no\\nlibmlx')",
        "mlx",
        "the framework mlx, registered by bench-mlx, cannot be loaded (OSError: no libmlx); update "
        "or uninstall bench-mlx",
    ),
    "exit": (
        "raise SystemExit(3)",
        "mlx",
        "the framework mlx, registered by bench-mlx, cannot be loaded (SystemExit: 3); update or "
        "uninstall bench-mlx",
    ),
    "name": (
        "FRAMWORK = 3",
        "mlx",
        "the framework mlx, registered by bench-mlx, cannot be loaded (AttributeError: module "
        "'mlx_bench' has no attribute 'FRAMEWORK'); update or uninstall bench-mlx",
    ),
    "twice": (
        MLX,
        "torch",
        "bench-torch and gan-bench both register the framework torch; uninstall one of them",
    ),
}


@pytest.mark.parametrize(
    "wrong",
    ["name", *(pytest.param(w, marks=pytest.mark.long) for w in WRONG_ENTRIES if w != "name")],
)
def test_an_entry_point_that_is_wrong_stops_only_what_needs_its_framework(
    bench, plugin, installed, tmp_path, wrong
):
    code, name, said = WRONG_ENTRIES[wrong]
    installed(code, name)
    assert missing(name, installed_versions()) == said
    entries = tmp_path / f"bench_{name}-1.0.dist-info/entry_points.txt"
    gan = f"[gan_bench.implementations]\n{name}-gan = mlx_gan:Gan\n"
    entries.write_text(entries.read_text() + gan)
    bench.environment["PYTHONPATH"] = str(tmp_path)
    rows = {row["name"]: row for row in json.loads(bench("list", "--json").out)}
    assert rows[f"{name}-gan"]["missing"] == said
    assert rows["keras-dcgan"]["missing"] == missing("keras", installed_versions())
    findings = {f["what"]: f for f in json.loads(bench("doctor", "--json").out)}
    assert (findings[f"framework {name}"]["state"], findings[f"framework {name}"]["detail"]) == (
        "missing",
        said,
    )
    of_it = plugin("of_it", f"framework = {name!r}")
    assert bench("run", plugin("sound"), of_it, *SHORT).code == 1
    records = bench.records()
    assert {name: record["status"] for name, record in records.items()} == {
        "sound": "ok",
        "of-it": "missing",
    }
    assert records["of-it"]["reason"] == said
    for command in (("verify", of_it), ("parity", "./sound.py", of_it)):
        assert complaint(bench(*command)).endswith(f": {said}.")


@pytest.mark.process
@pytest.mark.parametrize("wrong", ["import", "twice"])
def test_a_node_whose_framework_has_a_wrong_entry_point_says_so(installed, wrong):
    code, name, said = WRONG_ENTRIES[wrong]
    installed(code, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", sys.path[0])
        finding = machine_check._framework(name, sys.executable, gpu=False)
    assert (finding.state, finding.detail) == ("missing", f"{said} ({sys.executable})")


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


def test_generators_with_a_mistake_concern_only_processes_that_import_their_library(
    installed, tmp_path
):
    installed(MLX_RANDOM.replace('return "mlx_library" in sys.modules', "return no_such_name"))
    kept = GlobalState.now()
    (tmp_path / "mlx_library.py").write_text("import random\ndrawn = random.Random()\n")
    said = (
        r"^The global generators of mlx_library cannot be used: Generators.imported raised "
        r"NameError \(name 'no_such_name' is not defined\); update what registers this framework\.$"
    )
    try:
        with seeded(5):
            state = GlobalState.now()
        state.restore()
        with pytest.raises(UsageError, match=said):
            importlib.import_module("mlx_library")
    finally:
        sys.modules.pop("mlx_library", None)
        kept.restore()


BROKEN = """
from gan_bench.trainer import Framework
FRAMEWORK = Framework(("mlx",), "pip install mlx", "mlx")
"""
FAILURES = {
    "library": (
        "mlx.py",
        "raise ImportError('libmlx.so: cannot open shared object file')",
        "import mlx",
        "ImportError: libmlx.so: cannot open shared object file",
    ),
    "loader": (
        "mlx.py",
        "raise OSError('libcudart.so.12 is too old')",
        "import mlx",
        "OSError: libcudart.so.12 is too old",
    ),
    "dependency": (
        "mlx.py",
        "import no_such_dependency",
        "import mlx",
        "ModuleNotFoundError: No module named 'no_such_dependency'",
    ),
    "gone": ("mlx.txt", "", "import mlx.core", "ModuleNotFoundError: No module named 'mlx'"),
}
SAYS = "the framework mlx is installed, but mlx cannot be imported ({}); reinstall it with {}"
SHORT = ("--steps", "4", "--samples", "64", "--evaluations", "2", "--metrics", "fid")


@pytest.fixture
def broken_mlx(bench, installed, tmp_path):
    """Install a framework that cannot be imported; return its sentence for a failure."""

    def install(name):
        file, code, _, reason = FAILURES[name]
        installed(BROKEN)
        info = tmp_path / "mlx-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mlx\nVersion: 1.0\n")
        (tmp_path / file).write_text(code)
        bench.environment["PYTHONPATH"] = str(tmp_path)
        return SAYS.format(reason, "pip install mlx")

    return install


@pytest.mark.long_after(1)
@pytest.mark.parametrize("name", FAILURES)
def test_a_framework_that_is_installed_but_broken_is_named(bench, plugin, broken_mlx, name):
    said = broken_mlx(name)
    statement = FAILURES[name][2]
    early = plugin("early", f"{statement}\nframework = 'mlx'")
    for command in (("run", early, *SHORT), ("verify", early)):
        assert complaint(bench(*command)) == f"./early.py cannot be imported: {said}."
    late = plugin(
        "late",
        f"framework = 'mlx'\ndef __init__(self, *given, **options):\n    {statement}\n"
        "    super().__init__(*given, **options)",
    )
    assert bench("run", late, *SHORT).code == 1
    assert bench.records()["late"]["reason"] == said


@pytest.mark.process
def test_a_registered_implementation_of_a_broken_framework_names_it(bench, broken_mlx, tmp_path):
    said = broken_mlx("library")
    (tmp_path / "mlx_gan.py").write_text("import mlx\n")
    entry = "[gan_bench.implementations]\nmlx-dcgan = mlx_gan:Gan\n"
    entries = tmp_path / "bench_mlx-1.0.dist-info/entry_points.txt"
    entries.write_text(entries.read_text() + entry)
    assert bench("run", "mlx-dcgan", *SHORT).code == 1
    assert bench.records()["mlx-dcgan"]["reason"] == f"mlx-dcgan: {said}."
    refusal = complaint(bench("verify", "mlx-dcgan"))
    assert refusal.endswith(f"its process ended with exit code 1: mlx-dcgan: {said}.")


@pytest.mark.long
def test_a_package_of_a_framework_that_is_broken_stops_only_what_needs_it(bench, plugin, tmp_path):
    for package in ("torch", "tensorflow", "jax"):
        (tmp_path / f"{package}.py").write_text("raise ImportError('libcudart.so.12')\n")
    bench.environment["PYTHONPATH"] = str(tmp_path)
    for command in (("list",), ("doctor",), ("show", "keras-dcgan"), ("run", plugin("a"), *SHORT)):
        assert bench(*command).code == 0, command


def test_an_error_beside_a_working_framework_is_not_the_frameworks():
    assert broken(ImportError("no such name", name="json")) is None
    assert broken(ValueError("wrong")) is None


def own_words(path):
    """Yield the names and texts of a module, without its comments and docstrings."""
    tree = ast.parse(path.read_text())
    remarks = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in remarks:
                yield node.value
        elif isinstance(node, ast.alias | ast.ImportFrom | ast.Name | ast.Attribute):
            yield from (str(getattr(node, name, "")) for name in ("name", "module", "id", "attr"))


NAMES = re.compile(r"torch|tensorflow|keras|jax|flax|optax|\bxla|cudnn", re.IGNORECASE)
MAY_NAME = {
    "scoring/features": "its models are made and trained by PyTorch, whatever the trainers use",
    "data/registry.py": "data sets are downloaded from there",
    "sampling/generator.py": "a user's own generator is loaded as its framework loads it, whatever "
    "the trainers use",
    "sampling/load_generator.py": "the same",
}


@pytest.mark.slow
def test_the_core_names_no_framework():
    core = Path(gan_bench.__file__).parent
    found = {
        f"{path.relative_to(core)}: {word}"
        for path in core.rglob("*.py")
        for word in own_words(path)
        # Examples of implementations' names are no knowledge of frameworks.
        if NAMES.search(re.sub(r"(torch|keras|jax)-([a-z]+|\*)", "", word))
        and not str(path.relative_to(core)).startswith(tuple(MAY_NAME))
    }
    assert found == set()
