"""What GPUs are for: the same promises there, and steps that are captured or compiled."""

import json

import numpy as np
import pytest

from conftest import same_bits

RECIPES = ("dcgan", "dcgan-3g", "baseline", "enhanced", "upsampling-sgd", "decay")
FRAMEWORKS = ("torch", "keras")
NAMES = [
    pytest.param(f"{framework}-{recipe}", marks=getattr(pytest.mark, framework))
    for framework in FRAMEWORKS
    for recipe in RECIPES
]

pytestmark = [pytest.mark.slow, pytest.mark.gpu]


@pytest.mark.parametrize("name", NAMES)
def test_it_passes_the_conformance_suite(bench, name):
    done = bench("verify", name, "--device", "cuda", "--json")
    assert [check for check in json.loads(done.out) if check["status"] != "passed"] == []


@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.parametrize("recipe", RECIPES)
def test_twins_are_twins(bench, recipe):
    done = bench("parity", recipe, "--device", "cuda", "--json")
    (certificate,) = json.loads(done.out)
    assert (certificate["problems"], certificate["verdict"]) == ([], "passed")
    assert (bench.folder / "results/local/parity" / f"{recipe}.cuda.json").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_run_twice_gives_the_same_bits(bench, name):
    budget = ("--steps", "20", "--evaluations", "2", "--samples", "100", "--keep-samples")
    for results in ("one", "other"):
        options = ("--device", "cuda", "--deterministic", "--results", results)
        assert bench("run", name, *budget, *options).code == 0
    same_bits(*bench.run_folders("one"), *bench.run_folders("other"))


@pytest.mark.torch
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_captured_step_computes_what_its_kernels_do_one_by_one(recipe, monkeypatch):
    from gan_bench import data
    from gan_bench.loading import load_trainer
    from gan_bench.parity.inputs import Inputs
    from gan_bench.registry import registered

    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    monkeypatch.setenv("GAN_BENCH_DETERMINISTIC", "1")
    trainer_class = load_trainer(registered()[f"torch-{recipe}"])
    train = data.load("mnist-5k").train
    chosen = trainer_class.recipe_class(batch_size=32)
    inputs = Inputs(chosen, 0, train.images)
    seen = []
    for eagerly in (True, False):
        trainer = trainer_class(
            chosen, train.images, train.labels, device="cuda:0", planned_steps=12, seed=0
        )
        trainer.set_weights(chosen.initial_weights(0))
        if eagerly:
            trainer._step = trainer._one_step
        losses = trainer.train(inputs.batches(0, 12), inputs.latents(0, 12))
        assert eagerly or trainer._step.inputs  # captured
        seen.append({"generator loss": losses.generator, **trainer.weights()})
    for name, values in seen[0].items():
        assert np.array_equal(values, seen[1][name]), name
