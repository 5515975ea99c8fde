"""The Keras-origin recipes in PyTorch against an independent computation, step by step.

The twins in Keras are held to the same arithmetic by their parity certificates.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")

from torch.nn import functional  # noqa: E402

from gan_bench_recipes.baseline import Baseline as BaselineRecipe  # noqa: E402
from gan_bench_recipes.decay import Decay as DecayRecipe  # noqa: E402
from gan_bench_recipes.enhanced import Enhanced as EnhancedRecipe  # noqa: E402
from gan_bench_torch import optimisers  # noqa: E402
from gan_bench_torch.baseline import Baseline  # noqa: E402
from gan_bench_torch.decay import Decay  # noqa: E402
from gan_bench_torch.enhanced import Enhanced  # noqa: E402
from gan_bench_torch.layers import Dropout, SameConv2d, SameConvTranspose2d  # noqa: E402

pytestmark = pytest.mark.torch

BATCH, STEPS = 4, 3
SMALL = {
    "batch_size": BATCH,
    "generator_channels": 3,
    "discriminator_channels": 2,
    "dtype": "float64",
}
# The layers as the recipes state them; "up2" and "conv1" name the operation and its stride.
NETWORKS = {
    "baseline": (
        ("dense", "norm", "leak", "7x7", "up1", "norm", "leak", "up2", "norm", "leak", "up2"),
        ("conv2", "leak", "conv2", "leak", "flat", "dense"),
    ),
    "enhanced": (
        (
            *("dense", "norm", "leak", "7x7", "up1", "norm", "leak", "conv1", "norm", "leak"),
            *("up2", "norm", "leak", "conv1", "norm", "leak", "up2"),
        ),
        ("conv2", "leak", "conv2", "leak", "conv2", "leak", "flat", "dense"),
    ),
    "decay": (
        ("dense", "7x7", "norm", "leak", "up2", "norm", "leak", "up2", "norm", "leak", "up1"),
        ("conv2", "leak", "conv2", "leak", "flat", "dense"),
    ),
}


def convolve(x, kernel, stride):
    """Convolve NCHW with TensorFlow's padding "same"; the kernel is (height, width, in, out)."""
    total = max((-(-x.shape[-1] // stride) - 1) * stride + kernel.shape[0] - x.shape[-1], 0)
    before, after = total // 2, total - total // 2
    x = functional.pad(x, (before, after, before, after))
    return functional.conv2d(x, kernel.permute(3, 2, 0, 1).contiguous(), stride=stride)


def convolve_transposed(x, kernel, stride):
    """Return the gradient of `convolve`, which is what a transposed convolution is."""
    length = x.shape[-1] * stride
    large = x.new_zeros((len(x), kernel.shape[3], length, length), requires_grad=True)
    small = convolve(large, kernel.permute(0, 1, 3, 2), stride)
    (gradient,) = torch.autograd.grad(small, large, x, create_graph=True)
    return gradient


class Reference:
    """A recipe once more: hand-written padding, statistics, losses, Adam and decay."""

    def __init__(self, recipe, weights):
        self.recipe = recipe
        self.weights = {name: torch.tensor(value).double() for name, value in weights.items()}
        self.moments = {name: (0.0, 0.0) for name in self.weights}

    def apply(self, network, operations, x):
        index = 0
        slope = float(np.float32(self.recipe.leaky_relu_slope))
        for operation in operations:
            name = f"{network}.{index}"
            if operation == "leak":
                x = torch.maximum(x, slope * x)
            elif operation == "7x7":
                x = x.reshape(len(x), 7, 7, -1).permute(0, 3, 1, 2)
            elif operation == "flat":
                x = x.permute(0, 2, 3, 1).reshape(len(x), -1)
            else:
                index += 1
                x = self.with_weights(name, operation, x)
        return x

    def with_weights(self, name, operation, x):
        if operation == "norm":
            return self.normalise(name, x)
        kernel = self.weights[f"{name}.kernel"]
        if operation == "dense":
            x = x @ kernel
        elif operation.startswith("conv"):
            x = convolve(x, kernel, int(operation[-1]))
        else:
            x = convolve_transposed(x, kernel, int(operation[-1]))
        bias = self.weights.get(f"{name}.bias")
        column = (1, -1) + (1,) * (x.ndim - 2)
        return x if bias is None else x + bias.view(column)

    def normalise(self, name, x):
        axes = [axis for axis in range(x.ndim) if axis != 1]
        column = (1, -1) + (1,) * (x.ndim - 2)
        mean, variance = x.mean(axes), x.var(axes, correction=0)
        for moving, new in (("moving_mean", mean), ("moving_variance", variance)):
            key = f"{name}.{moving}"
            self.weights[key] = 0.99 * self.weights[key] + 0.01 * new.detach()
        standard = (x - mean.view(column)) / torch.sqrt(variance.view(column) + 1e-3)
        gamma, beta = self.weights[f"{name}.gamma"], self.weights[f"{name}.beta"]
        return standard * gamma.view(column) + beta.view(column)

    def rate(self, network, step):
        if self.recipe.name != "decay":
            return 1e-4
        # A quarter of the three planned steps halves it.
        return {"generator": 2e-4, "discriminator": 1e-4}[network] * 0.5 ** ((step - 1) / 0.75)

    def adam(self, network, gradients, step):
        beta1 = 0.5 if self.recipe.name == "decay" else 0.9
        rate = self.rate(network, step) * np.sqrt(1 - 0.999**step) / (1 - beta1**step)
        for name, gradient in gradients.items():
            first, second = self.moments[name]
            first = beta1 * first + (1 - beta1) * gradient
            second = 0.999 * second + 0.001 * gradient**2
            self.moments[name] = first, second
            change = rate * first / (torch.sqrt(second) + 1e-7)
            self.weights[name] = self.weights[name].detach() - change

    def step(self, real, z, step):
        made, judged = NETWORKS[self.recipe.name]
        trained = [name for name in self.weights if "moving" not in name]
        for name in trained:
            self.weights[name].requires_grad_()
        fakes = torch.tanh(self.apply("generator", made, z))
        on_real = torch.sigmoid(self.apply("discriminator", judged, real)[:, 0])
        on_fake = torch.sigmoid(self.apply("discriminator", judged, fakes)[:, 0])
        losses = {
            "discriminator": -torch.log(on_real).mean() - torch.log(1 - on_fake).mean(),
            "generator": -torch.log(on_fake).mean(),
        }
        gradients = {}
        for network, loss in losses.items():
            names = [name for name in trained if name.startswith(network)]
            tensors = [self.weights[name] for name in names]
            found = torch.autograd.grad(loss, tensors, retain_graph=True)
            gradients[network] = dict(zip(names, found, strict=True))
        for network in losses:
            self.adam(network, gradients[network], step)
        return {
            **{name: loss.item() for name, loss in losses.items()},
            "d_real": on_real.mean().item(),
            "d_fake": on_fake.mean().item(),
        }


@pytest.mark.parametrize(
    ("trainer_class", "recipe_class"),
    [(Baseline, BaselineRecipe), (Enhanced, EnhancedRecipe), (Decay, DecayRecipe)],
)
def test_three_steps_equal_an_independent_computation_in_float64(trainer_class, recipe_class):
    recipe = recipe_class(**SMALL).without_dropout()
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)
    labels = np.zeros(20, np.int64)
    tested = trainer_class(recipe, images, labels, device="cpu", planned_steps=STEPS, seed=0)
    weights = recipe.initial_weights(0)
    tested.set_weights(weights)
    reference = Reference(recipe, weights)
    batches = random.integers(0, 20, (STEPS, 1, BATCH))
    latents = random.standard_normal((STEPS, 1, BATCH, 100), dtype=np.float32)
    losses = tested.train(batches, {"latents": latents})
    for step in range(STEPS):
        real = torch.tensor(images[batches[step, 0]]).permute(0, 3, 1, 2).double() / 127.5 - 1
        expected = reference.step(real, torch.tensor(latents[step, 0]).double(), step + 1)
        for name, value in expected.items():
            assert losses[name][step] == pytest.approx(value, rel=1e-9), (step, name)
    for name, tensor in tested.weights().items():
        expected = reference.weights[name].detach().numpy()
        np.testing.assert_allclose(tensor, expected, rtol=1e-8, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("form", ["before", "after"])
def test_adam_that_counts_in_the_devices_memory_makes_the_same_updates(monkeypatch, form):
    # As on a GPU, where captured steps replay kernels and no Python.
    recipe = DecayRecipe(adam_epsilon_form=form)
    networks, states = [], []
    for captured in (False, True):
        monkeypatch.setattr(optimisers, "can_be_captured", lambda _, captured=captured: captured)
        torch.manual_seed(0)
        network = torch.nn.Linear(4, 3)
        adam = optimisers.Adam(network, optimisers.exponential_decay(1e-3, 5, 0.5), **recipe.adam)
        assert isinstance(adam.param_groups[0]["lr"], torch.Tensor) is captured
        for _ in range(10):
            adam.zero_grad()
            network(torch.randn(8, 4)).square().mean().backward()
            adam.step()
        networks.append(network)
        states.append(adam.state_dict()["param_groups"][0]["updates"])
    assert states == [10, 10]
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("length", [4, 7, 14])
@pytest.mark.parametrize(("size", "stride"), [(5, 2), (5, 1), (4, 2), (4, 1), (3, 1), (3, 2)])
def test_same_padding_is_tensorflows_and_its_transpose_the_gradient(length, size, stride):
    x = torch.randn(2, 3, length, length, dtype=torch.float64)
    straight = SameConv2d(3, 4, size, stride, bias=False).double()
    kernel = straight.weight.detach().permute(2, 3, 1, 0)
    torch.testing.assert_close(straight(x), convolve(x, kernel, stride))
    transposed = SameConvTranspose2d(3, 4, size, stride, bias=False).double()
    kernel = transposed.weight.detach().permute(2, 3, 0, 1)
    torch.testing.assert_close(transposed(x), convolve_transposed(x, kernel, stride))


def test_dropout_drops_its_share_scales_the_rest_and_repeats_with_its_generator():
    random = torch.Generator().manual_seed(3)
    state = random.get_state()
    layer = Dropout(0.3, random)
    ones = torch.ones(64, 16, 14, 14)
    dropped = layer(ones)
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.7], rel=1e-5)
    # Five standard deviations of the mean of 200,704 draws.
    assert abs((dropped == 0).double().mean().item() - 0.3) < 5 * np.sqrt(0.21 / ones.numel())
    per_place = (dropped == 0).double().mean(0)
    assert per_place.min() > 0 and per_place.max() < 1
    assert not torch.equal(layer(ones), dropped)
    random.set_state(state)
    assert torch.equal(layer(ones), dropped)
    assert torch.equal(layer.eval()(ones), ones)
