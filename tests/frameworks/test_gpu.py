"""What GPUs are for: the same promises there, and steps that are captured or compiled."""

import json

import numpy as np
import pytest

from bench import same_bits
from gan_bench import data
from gan_bench.data.draws import Inputs
from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import registered
from recipes import FRAMEWORKS, RECIPES

NAMES = [
    pytest.param(f"{framework}-{recipe}", marks=getattr(pytest.mark, framework))
    for framework in FRAMEWORKS
    for recipe in RECIPES
]

pytestmark = [pytest.mark.slow, pytest.mark.gpu]


@pytest.mark.parametrize("name", NAMES)
def test_it_passes_the_conformance_suite(bench, name):
    done = bench("verify", name, "--device", "cuda", "--json")
    checks = json.loads(done.out)
    assert [check for check in checks if check["status"] != "passed"] == []
    assert len(checks) > 40
    assert done.code == 0


@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.jax
@pytest.mark.parametrize("recipe", RECIPES)
def test_twins_are_twins(bench, recipe):
    done = bench("parity", recipe, "--device", "cuda", "--json")
    certificates = json.loads(done.out)
    assert [(found["problems"], found["verdict"]) for found in certificates] == 2 * [([], "passed")]
    for found in certificates:
        assert (bench.folder / "results/local/parity" / f"{found['pair']}.cuda.json").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_run_twice_gives_the_same_bits(bench, name):
    budget = ("--steps", "20", "--evaluations", "2", "--samples", "100", "--keep-samples")
    for results in ("one", "other"):
        options = ("--device", "cuda", "--deterministic", "--results", results)
        assert bench("run", name, *budget, *options).code == 0
    same_bits(*bench.run_folders("one"), *bench.run_folders("other"))


@pytest.mark.parametrize("name", [case for case in NAMES if case.values[0].endswith("-dcgan")])
def test_the_record_has_the_card_and_what_it_did(bench, name):
    budget = ("--dataset", "mnist-5k", "--steps", "400", "--evaluations", "2", "--samples", "100")
    assert bench("run", name, *budget, "--seeds", "1", "--device", "cuda").code == 0
    around = bench.records()[name]["circumstances"]
    assert around["gpu"]["found_by"] == "NVML" and around["gpu"]["memory_gb"] > 1
    use = around["gpu_use"]
    assert {"cuda", "cudnn"} == use["libraries"].keys()
    assert 0 < use["allocated_mb"] < around["gpu"]["memory_gb"] * 1.1e3
    assert use["samples"] == 0 or use["sm_clock_mhz"] is None or use["sm_clock_mhz"] > 0


@pytest.fixture
def trainer_of(monkeypatch):
    """Return a trainer on the GPU and what it is fed with."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    monkeypatch.setenv("GAN_BENCH_DETERMINISTIC", "1")
    train = data.load("mnist-5k").train

    def build(name):
        trainer_class = load_trainer(registered()[name])
        recipe = trainer_class.recipe_class(batch_size=32)
        trainer = trainer_class(
            recipe, train.images, train.labels, device="cuda:0", planned_steps=16, seed=0
        )
        trainer.set_weights(recipe.initial_weights(0))
        return trainer, Inputs(recipe, 0, train.images, train.labels)

    return build


def trained(trainer, inputs, first, steps):
    losses = trainer.train(inputs.batches(first, steps), inputs.draws(first, steps))
    return losses["generator"].tolist()


def same(one, other):
    return all(np.array_equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.torch
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_captured_step_computes_what_its_kernels_do_one_by_one(recipe, trainer_of):
    captured, inputs = trainer_of(f"torch-{recipe}")
    eager, _ = trainer_of(f"torch-{recipe}")
    eager._step = eager._one_step
    assert trained(captured, inputs, 0, 16) == trained(eager, inputs, 0, 16)
    assert captured._step.inputs
    assert same(captured.weights(), eager.weights())


@pytest.mark.torch
@pytest.mark.parametrize("recipe", ["dcgan", "baseline", "decay", "upsampling-sgd"])
def test_a_captured_trainer_is_used_and_saved_in_the_middle_like_any_other(
    recipe, trainer_of, tmp_path
):
    calm, inputs = trainer_of(f"torch-{recipe}")
    expected = trained(calm, inputs, 0, 16)
    used, _ = trainer_of(f"torch-{recipe}")
    first = trained(used, inputs, 0, 8)
    used.save(tmp_path)
    used.sample(inputs.evaluation_latents())
    used.forward(inputs.evaluation_latents(), inputs.first_images(), True)
    used.set_weights(used.weights())
    assert first + trained(used, inputs, 8, 8) == expected
    assert same(used.weights(), calm.weights())
    fresh, _ = trainer_of(f"torch-{recipe}")
    for continued in (fresh, used):  # before anything was captured, and after
        continued.load(tmp_path)
        assert first + trained(continued, inputs, 8, 8) == expected
        assert same(continued.weights(), calm.weights())


@pytest.mark.keras
def test_a_step_in_keras_is_compiled(trainer_of):
    trainer, _ = trainer_of("keras-dcgan")
    assert trainer._step.function_def.attr["_XlaMustCompile"].b


@pytest.mark.jax
def test_a_step_in_jax_is_one_executable_for_any_number_of_steps(trainer_of):
    from gan_bench_jax.base import _steps

    trainer, inputs = trainer_of("jax-baseline")
    first = trained(trainer, inputs, 0, 1)
    compiled = _steps._cache_size()
    assert all(np.isfinite(first + trained(trainer, inputs, 1, 3) + trained(trainer, inputs, 4, 4)))
    assert _steps._cache_size() == compiled
    assert {device.platform for device in trainer.images.devices()} == {"gpu"}
