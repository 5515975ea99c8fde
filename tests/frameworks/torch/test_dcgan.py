"""torch-dcgan and torch-dcgan-3g against their recipes, step by step."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")

from torch.nn import functional  # noqa: E402

from gan_bench.errors import UsageError  # noqa: E402
from gan_bench.trainer import Unsupported  # noqa: E402
from gan_bench_recipes import dcgan as recipes  # noqa: E402
from gan_bench_recipes import dcgan_3g  # noqa: E402
from gan_bench_torch.dcgan import Dcgan  # noqa: E402
from gan_bench_torch.dcgan_3g import Dcgan3g  # noqa: E402

pytestmark = pytest.mark.torch

SLOPE = float(np.float32(0.2))  # as TensorFlow keeps it in any dtype
SMALL = {"batch_size": 8, "generator_channels": 8, "discriminator_channels": 4}


def trainer(device="cpu", **values):
    recipe = recipes.Dcgan(**(SMALL | values))
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1), dtype=np.uint8)
    made = Dcgan(recipe, images, np.zeros(50, np.int64), device=device, planned_steps=10, seed=0)
    made.set_weights(recipe.initial_weights(0))
    return made


def inputs(steps, batch=8):
    random = np.random.default_rng(1)
    batches = random.integers(0, 50, (steps, 1, batch))
    return batches, {"latents": random.standard_normal((steps, 1, batch, 100), dtype=np.float32)}


class Reference:
    """The recipe once more: functional layers, hand-written statistics, losses and Adam."""

    def __init__(self, weights):
        self.weights = {
            name: torch.tensor(tensor, dtype=torch.float64) for name, tensor in weights.items()
        }
        self.moments = {name: (0.0, 0.0) for name in self.weights}

    def normalise(self, x, name):
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        count = x.numel() / x.shape[1]
        for moving, new in (
            ("moving_mean", mean),
            ("moving_variance", variance * count / (count - 1)),
        ):
            key = f"{name}.{moving}"
            self.weights[key] = 0.9 * self.weights[key] + 0.1 * new.detach()
        gamma, beta = self.weights[f"{name}.gamma"], self.weights[f"{name}.beta"]
        column = (1, -1, 1, 1)
        standard = (x - mean.view(column)) / torch.sqrt(variance.view(column) + 1e-5)
        return standard * gamma.view(column) + beta.view(column)

    def generator(self, z):
        kernel = {
            i: self.weights[f"generator.{i}.kernel"].permute(2, 3, 0, 1).contiguous()
            for i in (0, 2, 4)
        }
        x = functional.conv_transpose2d(z[:, :, None, None], kernel[0])
        x = self.normalise(x, "generator.1").clamp(min=0)
        x = functional.conv_transpose2d(x, kernel[2], stride=2, padding=1)
        x = self.normalise(x, "generator.3").clamp(min=0)
        return torch.tanh(functional.conv_transpose2d(x, kernel[4], stride=2, padding=1))

    def discriminator(self, x):
        kernel = {
            i: self.weights[f"discriminator.{i}.kernel"].permute(3, 2, 0, 1).contiguous()
            for i in (0, 1, 3)
        }
        x = functional.conv2d(x, kernel[0], stride=2, padding=1)
        x = torch.maximum(x, SLOPE * x)
        x = self.normalise(functional.conv2d(x, kernel[1], stride=2, padding=1), "discriminator.2")
        x = torch.maximum(x, SLOPE * x)
        return torch.sigmoid(functional.conv2d(x, kernel[3])[:, 0, 0, 0])

    def trained(self, network):
        return [n for n in self.weights if n.startswith(network) and "moving" not in n]

    def adam(self, network, loss, step):
        names = self.trained(network)
        gradients = torch.autograd.grad(loss, [self.weights[name] for name in names])
        for name, gradient in zip(names, gradients, strict=True):
            first, second = self.moments[name]
            first, second = 0.5 * first + 0.5 * gradient, 0.999 * second + 0.001 * gradient**2
            self.moments[name] = first, second
            root = torch.sqrt(second / (1 - 0.999**step))
            change = 2e-4 * first / (1 - 0.5**step) / (root + 1e-8)
            self.weights[name] = self.weights[name].detach() - change

    def step(self, real, z, step):
        for name in self.trained(""):
            self.weights[name].requires_grad_()
        fakes = self.generator(z)
        on_real, on_fake = self.discriminator(real), self.discriminator(fakes.detach())
        d_loss = -torch.log(on_real).mean() - torch.log(1 - on_fake).mean()
        self.adam("discriminator", d_loss, step)
        g_loss = -torch.log(self.discriminator(fakes)).mean()
        self.adam("generator", g_loss, step)
        return {
            "discriminator": d_loss.item(),
            "generator": g_loss.item(),
            "d_real": on_real.mean().item(),
            "d_fake": on_fake.mean().item(),
        }


def test_three_steps_equal_an_independent_computation_in_float64():
    tested = trainer(dtype="float64")
    reference = Reference(tested.weights())
    batches, draws = inputs(3)
    latents = draws["latents"]
    losses = tested.train(batches, {"latents": latents})
    for step in range(3):
        real = tested.images[torch.tensor(batches[step, 0])].double() / 127.5 - 1
        z = torch.tensor(latents[step, 0]).double()
        expected = reference.step(real.permute(0, 3, 1, 2), z, step + 1)
        for name, value in expected.items():
            assert losses[name][step] == pytest.approx(value, rel=1e-6)
    for name, tensor in tested.weights().items():
        expected = reference.weights[name].detach().numpy()
        np.testing.assert_allclose(tensor, expected, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(("p", "k"), [(1, 3), (2, 1)])
def test_dcgan_3g_updates_p_and_k_times_each_on_fresh_noise(p, k):
    values = {"dtype": "float64", "discriminator_steps": p, "generator_steps": k}
    recipe = dcgan_3g.Dcgan3g(**(SMALL | values))
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1), dtype=np.uint8)
    labels = np.zeros(50, np.int64)
    tested = Dcgan3g(recipe, images, labels, device="cpu", planned_steps=2, seed=0)
    tested.set_weights(recipe.initial_weights(0))
    reference = Reference(tested.weights())
    random = np.random.default_rng(1)
    batches = random.integers(0, 50, (2, p, 8))
    latents = random.standard_normal((2, p + k, 8, 100), dtype=np.float32)
    losses = tested.train(batches, {"latents": latents})
    for step in range(2):
        z = torch.tensor(latents[step]).double()
        found = {"discriminator": [], "generator": [], "d_real": [], "d_fake": []}
        for name in reference.trained(""):
            reference.weights[name].requires_grad_()
        for turn in range(p):
            real = torch.tensor(images[batches[step, turn]]).double() / 127.5 - 1
            on_real = reference.discriminator(real.permute(0, 3, 1, 2))
            on_fake = reference.discriminator(reference.generator(z[turn]).detach())
            loss = -torch.log(on_real).mean() - torch.log(1 - on_fake).mean()
            reference.adam("discriminator", loss, step * p + turn + 1)
            for name in reference.trained("discriminator"):
                reference.weights[name].requires_grad_()
            found["discriminator"].append(loss.item())
            found["d_real"].append(on_real.mean().item())
            found["d_fake"].append(on_fake.mean().item())
        for turn in range(k):
            loss = -torch.log(reference.discriminator(reference.generator(z[p + turn]))).mean()
            reference.adam("generator", loss, step * k + turn + 1)
            for name in reference.trained("generator"):
                reference.weights[name].requires_grad_()
            found["generator"].append(loss.item())
        for name, values in found.items():
            assert losses[name][step] == pytest.approx(np.mean(values), rel=1e-9)
    for name, tensor in tested.weights().items():
        expected = reference.weights[name].detach().numpy()
        np.testing.assert_allclose(tensor, expected, rtol=1e-8, atol=1e-11, err_msg=name)


def test_weights_of_another_recipe_are_refused_by_name():
    tested = trainer()
    weights = tested.weights()
    with pytest.raises(UsageError, match=r"discriminator\.9\.kernel"):
        tested.set_weights(weights | {"discriminator.9.kernel": np.zeros(1)})
    with pytest.raises(UsageError, match=r"generator\.0\.kernel has the shape"):
        tested.set_weights(weights | {"generator.0.kernel": np.zeros((7, 7, 100, 1))})


def test_the_generators_update_computes_no_gradient_of_the_discriminators_kernels():
    tested = trainer()
    kernel, seen = tested.discriminator[0].weight, []
    for optimiser in (tested.discriminator_optimiser, tested.generator_optimiser):
        optimiser.register_step_pre_hook(lambda *_: seen.append(kernel.grad.clone()))
    tested.train(*inputs(1))
    # A step may call its hooks twice: PyTorch wraps the step of a base class, too, once another
    # test has built such an optimiser.
    assert len(seen) >= 2
    assert all(torch.equal(gradient, seen[0]) for gradient in seen)


def test_an_absent_cuda_device_is_unsupported():
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(Unsupported, match="cuda:0"):
        trainer(device="cuda:0")
