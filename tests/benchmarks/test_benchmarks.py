"""Beside every own implementation stands a plain script of the same GAN in the same framework."""

import importlib
import os
from math import prod

import pytest

from bench import ROOT
from gan_bench.plugins.registry import recipe_entry_point, registered

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

BENCHMARKS = ROOT / "benchmarks"
OWN = [
    implementation
    for implementation in registered().values()
    if implementation.module.startswith(("gan_bench_torch.", "gan_bench_keras."))
]


def script_name(implementation):
    return f"plain_{implementation.name.replace('-', '_')}"


def sizes(network):
    tensors = (
        network.parameters() if hasattr(network, "parameters") else network.trainable_variables
    )
    return [prod(tensor.shape) for tensor in tensors]


def test_every_implementation_has_its_script_and_no_script_lacks_its_implementation():
    scripts = {path.stem for path in BENCHMARKS.glob("plain_*_*.py")}
    assert scripts == {script_name(implementation) for implementation in OWN}
    assert len(scripts) >= 12


@pytest.mark.parametrize(
    "implementation",
    [pytest.param(it, marks=getattr(pytest.mark, it.framework), id=it.name) for it in OWN],
)
def test_a_script_has_the_networks_and_the_batches_of_its_recipe(implementation, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    script = importlib.import_module(script_name(implementation))
    recipe = recipe_entry_point(implementation.recipe).load()()
    assert recipe.batch_size == script.BATCH_SIZE
    assert recipe.latent_size == script.LATENT_SIZE
    generator, discriminator = map(sizes, script.networks())
    assert recipe.parameter_counts() == {
        "generator": sum(generator),
        "discriminator": sum(discriminator),
    }
    for own, network in ((generator, recipe.generator()), (discriminator, recipe.discriminator())):
        assert own == [prod(tensor.shape) for _, tensor in network.tensors() if tensor.trained]
