"""Every own implementation has a plain script, and what benchmarks and scripts import exists."""

import ast
import importlib
import importlib.util
import os
from math import prod

import pytest

from bench import ROOT
from gan_bench.plugins.registry import recipe_entry_point, registered
from recipes import FURTHER

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

BENCHMARKS = ROOT / "benchmarks"
OWN = [
    implementation
    for implementation in registered().values()
    if implementation.module.startswith(("gan_bench_torch.", "gan_bench_keras."))
]


def script_of(implementation, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = importlib.import_module(f"plain_{implementation.framework}")
    return module.SCRIPTS[implementation.recipe]


def sizes(network):
    tensors = (
        network.parameters() if hasattr(network, "parameters") else network.trainable_variables
    )
    return [prod(tensor.shape) for tensor in tensors]


FRAMEWORKS = [
    pytest.param("torch", marks=[pytest.mark.torch, pytest.mark.process]),
    pytest.param("keras", marks=[pytest.mark.keras, pytest.mark.process]),
]
EACH = [
    pytest.param(
        it,
        marks=[
            *(getattr(pytest.mark, it.framework), pytest.mark.process),
            *([pytest.mark.long] if it.recipe in FURTHER else []),
        ],
        id=it.name,
    )
    for it in OWN
]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_implementation_has_its_script_and_no_script_lacks_its_implementation(
    framework, monkeypatch
):
    monkeypatch.syspath_prepend(BENCHMARKS)
    scripts = importlib.import_module(f"plain_{framework}").SCRIPTS
    assert set(scripts) == {it.recipe for it in OWN if it.framework == framework}
    assert len(scripts) >= 6


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_a_script_imports_nothing_of_the_harness_or_its_trainers(framework):
    tree = ast.parse((BENCHMARKS / f"plain_{framework}.py").read_text(encoding="utf-8"))
    modules = {module for module, _ in imports(tree)}
    assert (
        modules
        == {
            "torch": {"collections.abc", "numpy", "torch", "torch.utils.data"},
            "keras": {"collections.abc", "keras", "numpy", "tensorflow"},
        }[framework]
    )


@pytest.mark.parametrize("implementation", EACH)
def test_a_script_has_the_networks_and_the_batches_of_its_recipe(implementation, monkeypatch):
    script = script_of(implementation, monkeypatch)
    recipe = recipe_entry_point(implementation.recipe).load()()
    assert recipe.batch_size == script.batch_size
    assert recipe.latent_size == script.latent_size
    generator, discriminator = map(sizes, script.networks())
    assert recipe.parameter_counts() == {
        "generator": sum(generator),
        "discriminator": sum(discriminator),
    }
    for own, network in ((generator, recipe.generator()), (discriminator, recipe.discriminator())):
        assert own == [prod(tensor.shape) for _, tensor in network.tensors() if tensor.trained]


@pytest.mark.process  # some imports start processes, such as matplotlib's search for fonts
@pytest.mark.parametrize(
    "path",
    [path for folder in ("benchmarks", "scripts") for path in sorted((ROOT / folder).glob("*.py"))],
    ids=lambda path: path.stem,
)
def test_what_a_script_imports_from_the_harness_exists(path):
    """Most scripts are run by hand, and some import inside functions, where no test gets."""
    for module, name in imports(ast.parse(path.read_text(encoding="utf-8"))):
        if module.partition(".")[0] == "gan_bench":
            imported = importlib.import_module(module)
            submodule = (
                importlib.util.find_spec(f"{module}.{name}") if is_package(imported) else None
            )
            assert name is None or hasattr(imported, name) or submodule, f"{module}.{name}"


def imports(tree):
    """Yield (module, name) of every import statement, (module, None) of a plain ``import``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


def is_package(module):
    return hasattr(module, "__path__")
