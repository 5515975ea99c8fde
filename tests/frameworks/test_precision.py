"""The precision of a run is the one it says: of its arithmetic, in records and in comparisons."""

import json

import numpy as np
import pytest

from bench import complaint
from gan_bench import data
from gan_bench.plan import RunSpec
from gan_bench.plugins.frameworks import frameworks
from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import registered
from gan_bench.trainer import Unsupported, check_precision

SHORT = ("--steps", "6", "--evaluations", "2", "--samples", "64", "--metrics", "fid")
SHORT += ("--seeds", "1", "--dataset", "mnist-5k")
BOUNDS = {"ieee": (0, 2e-6), "tf32": (2e-5, 4e-3), "bf16": (2e-4, 4e-2)}
"""Least and largest relative errors: a factor has 23, 10 or 7 bits of fraction."""
ON_A_GPU = (("torch", "tf32"), ("torch", "bf16"), ("keras", "tf32"), ("jax", "tf32"))


def case(framework, precision, device="cpu"):
    marks = [getattr(pytest.mark, framework), pytest.mark.process]
    marks += [] if device == "cpu" else [pytest.mark.gpu]
    return pytest.param(f"{framework}-dcgan", precision, device, marks=marks)


@pytest.fixture
def built(monkeypatch):
    """Return trainers of a recipe at a precision, all with the same weights."""

    def build(name, precision, device, dtype="float32"):
        monkeypatch.setenv("GAN_BENCH_PRECISION", precision)
        train = data.load("mnist-5k").train
        trainer_class = load_trainer(registered()[name])
        check_precision(trainer_class)
        recipe = trainer_class.recipe_class(batch_size=4, dtype=dtype)
        trainer = trainer_class(
            recipe, train.images, train.labels, device=device, planned_steps=1, seed=0
        )
        trainer.set_weights(recipe.for_images((28, 28, 1)).initial_weights(0))
        return trainer

    return build


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("name", "precision", "device"),
    [
        *(case(framework, "ieee") for framework in ("torch", "keras", "jax")),
        case("torch", "bf16"),
        *(case(framework, "ieee", "cuda:0") for framework in ("torch", "keras", "jax")),
        *(case(framework, precision, "cuda:0") for framework, precision in ON_A_GPU),
    ],
)
def test_outputs_are_as_far_from_those_in_float64_as_the_precision_says(
    built, name, precision, device
):
    random = np.random.default_rng(0)
    latents = random.standard_normal((16, 100)).astype(np.float32)
    images = random.uniform(-1, 1, (16, 28, 28, 1)).astype(np.float32)
    outputs = built(name, precision, device).forward(latents, images, training=True)
    exact = built(name, "ieee", device, "float64").forward(latents, images, training=True)
    least, largest = BOUNDS[precision]
    for found, expected in zip(outputs, exact, strict=True):
        assert found.dtype == np.float32
        error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
        assert least < error < largest


@pytest.mark.long_after(3)
@pytest.mark.parametrize(
    ("name", "precision", "device"),
    [
        *(case(framework, "ieee") for framework in ("torch", "keras", "jax")),
        case("torch", "bf16"),
        *(case(framework, "ieee", "cuda:0") for framework in ("torch", "keras", "jax")),
        *(case(framework, precision, "cuda:0") for framework, precision in ON_A_GPU),
    ],
)
def test_the_work_that_is_timed_on_a_gpu_is_done_in_the_precision_of_the_run(
    built, name, precision, device
):
    built(name, precision, device)  # which lets the framework compute in this precision
    framework = frameworks()[name.partition("-")[0]]
    work = framework.gpu_work(size=256, device=device)
    matrix, made = work.copy(2), work.multiply(3)
    if name.startswith("torch"):
        assert {str(matrix.device), str(made.device)} == {device}
        matrix, made = matrix.cpu(), made.cpu().float()
    matrix = np.asarray(matrix).astype(np.float64)
    assert matrix.shape == (256, 256) and abs(matrix.std() - 1) < 0.05
    least, largest = BOUNDS[precision]
    error = np.linalg.norm(np.asarray(made) - matrix @ matrix) / np.linalg.norm(matrix @ matrix)
    assert least < error < largest


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        pytest.param("torch-dcgan", "tf32", marks=pytest.mark.torch),
        pytest.param("keras-dcgan", "tf32", marks=pytest.mark.keras),
        pytest.param("jax-dcgan", "tf32", marks=pytest.mark.jax),
        pytest.param("jax-dcgan", "bf16", marks=pytest.mark.jax),
    ],
)
@pytest.mark.process
def test_a_cpu_does_not_compute_in_a_gpus_precision(built, name, precision):
    with pytest.raises(Unsupported, match=f"the precision {precision} "):
        built(name, precision, "cpu")


@pytest.mark.torch
@pytest.mark.process
def test_bfloat16_reaches_every_use_of_a_network(monkeypatch):
    import copy

    import torch

    from gan_bench_torch.base import _as_float32
    from gan_bench_torch.dcgan import Dcgan

    class Averaged(Dcgan):
        def build_optimisers(self):
            super().build_optimisers()
            self.average = copy.deepcopy(self.generator)
            for parameter in self.average.parameters():
                parameter.requires_grad_(False).zero_()

        def update(self, real, draws):
            seen.append(self.discriminator[0](real[0]).dtype)
            return super().update(real, draws)

    class Several(torch.nn.Module):
        def forward(self, images, *, scale):
            return images @ images.T * scale, {"shape": images.shape}

    seen = []
    monkeypatch.setenv("GAN_BENCH_PRECISION", "bf16")
    train = data.load("mnist-5k").train
    trainer = Averaged(
        Averaged.recipe_class(batch_size=4), train.images, train.labels,
        device="cpu", planned_steps=1, seed=0,
    )  # fmt: skip
    latents = torch.ones(2, 100)
    assert (
        trainer.average(latents).count_nonzero() == 0 < trainer.generator(latents).count_nonzero()
    )
    recipe = trainer.recipe
    batches = np.zeros((1, 1, 4), np.int64)
    draws = {"latents": np.ones((1, recipe.latent_batches_per_step, 4, 100), np.float32)}
    losses = trainer.train(batches, draws)
    assert set(seen) == {torch.bfloat16}
    assert {loss.dtype for loss in losses.values()} == {np.dtype(np.float32)}
    several = Several()
    several.register_forward_hook(_as_float32)
    with trainer._arithmetic():
        product, facts = several(torch.ones(2, 2), scale=2)
    assert (product.dtype, facts) == (torch.float32, {"shape": (2, 2)})


def test_a_trainer_that_says_nothing_computes_as_it_does(bench, plugin):
    target = plugin("gan")
    done = bench("run", target, *SHORT, "--precision", "tf32")
    assert done.code == 1
    record = bench.records()["gan"]
    assert record["status"] == "unsupported"
    assert record["reason"] == "the precision tf32 was asked for, and Plugin computes in ieee"
    assert complaint(bench("run", target, *SHORT, "--precision", "half"))


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.torch
def test_runs_of_two_precisions_are_told_apart(bench):
    small = ("--set", "torch-dcgan.batch_size=16", *SHORT)
    specs = []
    for precision in ("ieee", "bf16"):
        options = ("--precision", precision, "--results", precision)
        assert bench("run", "torch-dcgan", *small, *options).code == 0
        (folder,) = bench.run_folders(precision)
        specs.append(RunSpec.read(folder / "spec.json"))
    ieee, bf16 = specs
    assert "precision" not in ieee.identity and bf16.identity["precision"] == "bf16"
    assert ieee.model_copy(update={"precision": "bf16"}).run_id == bf16.run_id != ieee.run_id
    assert "bfloat16" in bf16.conventions["matmul precision"]
    losses = [
        np.load(folder / "losses.npy")[:, :2]
        for precision in ("ieee", "bf16")
        for folder in bench.run_folders(precision)
    ]
    assert not np.array_equal(*losses)
    np.testing.assert_allclose(*losses, rtol=0.05)
    (row,) = json.loads(bench("compare", "ieee", "bf16", "--json").out)["rows"]
    assert row["verdict"] == "incomparable: precision (ieee against bf16)"
