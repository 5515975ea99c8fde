"""Spectral normalisation and residual blocks in every framework."""

import importlib

import numpy as np
import pytest

from flops import flops
from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import registered
from gan_bench.testing.check_result import CheckFailed
from gan_bench.testing.checks_sampling import forward_outputs
from gan_bench.testing.checks_training import every_real_batch
from gan_bench.testing.trainer_pool import TrainerPool
from gan_bench_recipes.r3gan import R3gan
from gan_bench_recipes.resnet import Resnet
from recipes import EACH_FRAMEWORK


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


KERNEL, DENSE, BIAS = drawn(3, 3, 2, 4), drawn(6, 4), drawn(4, seed=1)
U = BIAS / np.linalg.norm(BIAS)
MAPS, ROWS = drawn(5, 3, 3, 2, seed=2), drawn(5, 6, seed=2)


class Torch:
    """PyTorch's layers, of NumPy arrays NHWC in float64."""

    def __init__(self):
        self.torch = pytest.importorskip("torch")
        self.layers = importlib.import_module("gan_bench_torch.layers")

    def convolution(self, kernel, bias, u):
        layer = self.layers.SpectralConv2d(*kernel.shape[2:], len(kernel)).double()
        return self._with(layer, kernel.transpose(3, 2, 0, 1), bias, u)

    def dense(self, kernel, bias, u):
        return self._with(self.layers.SpectralLinear(*kernel.shape).double(), kernel.T, bias, u)

    def _with(self, layer, weight, bias, u):
        with self.torch.no_grad():
            for tensor, values in ((layer.weight, weight), (layer.bias, bias), (layer._u, u)):
                tensor.copy_(self.torch.tensor(np.ascontiguousarray(values)))
        return layer

    def u(self, layer):
        return layer._u.numpy()

    def pool(self):
        return self.torch.nn.AvgPool2d(2)

    def sum(self):
        return self.layers.SumOverPixels()

    def residual(self, *paths):
        return self.layers.Residual(*paths)

    def scaled(self, factor):
        """Return a layer without tensors."""
        torch = self.torch

        class Scaled(torch.nn.Module):
            def forward(self, inputs):
                return inputs * factor

        return Scaled()

    def __call__(self, layer, values, of=None):
        """Return outputs, the gradient of their squares' sum for the inputs, and for a kernel."""
        values = np.moveaxis(values, -1, 1) if values.ndim == 4 else values
        given = self.torch.tensor(np.ascontiguousarray(values)).requires_grad_()
        outputs = layer(given)
        wanted = [given] if of is None else [given, of.weight]
        found = self.torch.autograd.grad(outputs.square().sum(), wanted)
        arrays = [one.detach().numpy() for one in (outputs, *found)]
        if of is not None:
            arrays[2] = arrays[2].transpose(*range(2, arrays[2].ndim), 1, 0)
        return [
            np.moveaxis(array, 1, -1) if array.ndim == 4 and index < 2 else array
            for index, array in enumerate(arrays)
        ]


class Keras:
    """Keras' layers, of NumPy arrays in float64."""

    def __init__(self):
        self.tf = pytest.importorskip("tensorflow")
        self.keras = importlib.import_module("keras")
        self.layers = importlib.import_module("gan_bench_keras.layers")
        self.floatx = importlib.import_module("gan_bench_keras.placement").floatx

    def convolution(self, kernel, bias, u):
        layer = self.layers.SpectralConv2D(kernel.shape[3], len(kernel), dtype="float64")
        return self._with(layer, (None, *MAPS.shape[1:]), kernel, bias, u)

    def dense(self, kernel, bias, u):
        layer = self.layers.SpectralDense(kernel.shape[1], dtype="float64")
        return self._with(layer, (None, len(kernel)), kernel, bias, u)

    def _with(self, layer, entering, *values):
        layer.build(entering)
        layer.set_weights(values)
        return layer

    def u(self, layer):
        return layer.vector_u.numpy()

    def pool(self):
        return self.keras.layers.AveragePooling2D(2, dtype="float64")

    def sum(self):
        return self.layers.SumOverPixels(dtype="float64")

    def residual(self, *paths):
        with self.floatx("float64"):
            return self.layers.Residual(*paths)

    def scaled(self, factor):
        """Return a layer without tensors."""
        return self.keras.layers.Rescaling(factor, dtype="float64")

    def __call__(self, layer, values, of=None):
        """Return outputs, the gradient of their squares' sum for the inputs, and for a kernel."""
        given = self.tf.constant(values)
        with self.tf.GradientTape() as tape, self.floatx("float64"):
            tape.watch(given)
            outputs = layer(given)
            total = self.tf.reduce_sum(outputs**2)
        found = tape.gradient(total, [given] if of is None else [given, of.kernel.value])
        return [one.numpy() for one in (outputs, *found)]


class Jax:
    """JAX's layers, of NumPy arrays in float64."""

    def __init__(self):
        self.jax = pytest.importorskip("jax")
        importlib.import_module("gan_bench_jax.base")  # switches float64 on
        self.layers = importlib.import_module("gan_bench_jax.layers")

    def convolution(self, kernel, bias, u):
        layer = self.layers.SpectralConv(*kernel.shape[2:], len(kernel), padding="valid")
        return self._with(layer, kernel, bias, u)

    def dense(self, kernel, bias, u):
        return self._with(self.layers.SpectralDense(*kernel.shape), kernel, bias, u)

    def _with(self, layer, *values):
        for variable, value in zip((layer.kernel, layer.bias, layer.u), values, strict=True):
            variable.set_value(self.jax.numpy.asarray(value))
        return layer

    def u(self, layer):
        return np.asarray(layer.u[...])

    def pool(self):
        return self.layers.AveragePooling(2)

    def sum(self):
        return self.layers.sum_over_pixels

    def residual(self, *paths):
        return self.layers.Residual(*paths)

    def scaled(self, factor):
        """Return a layer without tensors."""
        return lambda inputs: inputs * factor

    def __call__(self, layer, values, of=None):
        """Return outputs, the gradient of their squares' sum for the inputs, and for a kernel."""
        given = self.jax.numpy.asarray(values)
        outputs, back = self.jax.vjp(lambda inputs: layer(inputs), given)
        found = [*back(2 * outputs)]
        if of is not None:
            from flax import nnx

            gradient = nnx.grad(lambda layer: (layer(given) ** 2).sum())(layer)
            found.append(gradient.kernel[...])
        return [np.asarray(one) for one in (outputs, *found)]


ADAPTERS = {"torch": Torch, "keras": Keras, "jax": Jax}


@pytest.fixture(params=EACH_FRAMEWORK)
def framework(request):
    return ADAPTERS[request.param]()


def close(found, expected, **bounds):
    np.testing.assert_allclose(found, expected, **({"rtol": 1e-11, "atol": 1e-12} | bounds))


def normalised(kernel, u=U):
    """Return a kernel (..., out) divided by the estimate of its largest factor."""
    return kernel / np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]) @ u)


def multiplied(values, kernel):
    """Return what a dense layer makes, or a convolution by a kernel of the maps' size."""
    flat = values.reshape(len(values), -1) @ kernel.reshape(-1, kernel.shape[-1]) + BIAS
    return flat if values.ndim == 2 else flat[:, None, None]


@pytest.mark.parametrize(("kind", "kernel"), [("convolution", KERNEL), ("dense", DENSE)])
def test_a_kernel_is_divided_by_the_estimate_and_so_is_its_gradient(framework, kind, kernel):
    layer = getattr(framework, kind)(kernel, BIAS, U)
    values = MAPS if kind == "convolution" else ROWS
    outputs, towards_values, towards_kernel = framework(layer, values, of=layer)
    expected = multiplied(values, normalised(kernel))
    close(outputs, expected)
    upstream = 2 * expected.reshape(len(values), -1)
    matrix = normalised(kernel).reshape(-1, kernel.shape[-1])
    close(towards_values, (upstream @ matrix.T).reshape(values.shape))
    # Central differences with u as it is: gradients pass through |K u|, not through u.
    slope, step = np.empty_like(kernel), 1e-6
    for index in np.ndindex(kernel.shape):
        sides = []
        for sign in (1, -1):
            changed = kernel.copy()
            changed[index] += sign * step
            sides.append((multiplied(values, normalised(changed)) ** 2).sum())
        slope[index] = (sides[0] - sides[1]) / (2 * step)
    close(towards_kernel, slope, rtol=1e-6, atol=1e-7)
    close(framework.u(layer), U, rtol=0, atol=0)  # no pass changes it


@pytest.mark.parametrize(("kind", "kernel"), [("convolution", KERNEL), ("dense", DENSE)])
def test_power_iterations_find_the_largest_factor(framework, kind, kernel):
    layer = getattr(framework, kind)(kernel, BIAS, U)
    matrix = kernel.reshape(-1, kernel.shape[-1])
    layer.iterate()
    once = matrix.T @ (matrix @ U)
    close(framework.u(layer), once / np.linalg.norm(once))
    for _ in range(300):
        layer.iterate()
    u = framework.u(layer)
    assert np.linalg.norm(u) == pytest.approx(1, rel=1e-12)
    largest = np.linalg.svd(matrix, compute_uv=False)[0]
    assert np.linalg.norm(matrix @ u) == pytest.approx(largest, rel=1e-9)


def test_a_block_is_the_sum_of_its_paths_and_so_is_its_gradient(framework):
    maps, scaled = drawn(2, 4, 6, 3), framework.scaled
    block = framework.residual([scaled(3.0), scaled(2.0)])
    outputs, towards_maps = framework(block, maps)
    close(outputs, 7 * maps)
    close(towards_maps, 2 * 7 * 7 * maps)
    block = framework.residual([scaled(3.0)], [scaled(0.5), scaled(-1.0)])
    outputs, towards_maps = framework(block, maps)
    close(outputs, 2.5 * maps)
    close(towards_maps, 2 * 2.5**2 * maps)


def test_pooling_and_sums_are_over_pixels(framework):
    maps = drawn(2, 4, 6, 3)
    outputs, towards_maps = framework(framework.pool(), maps)
    means = maps.reshape(2, 2, 2, 3, 2, 3).mean((2, 4))
    close(outputs, means)
    close(towards_maps, 2 * means.repeat(2, 1).repeat(2, 2) / 4)
    outputs, towards_maps = framework(framework.sum(), maps)
    close(outputs, maps.sum((1, 2)))
    close(towards_maps, np.broadcast_to(2 * maps.sum((1, 2), keepdims=True), maps.shape))


@pytest.mark.torch
@pytest.mark.process
@pytest.mark.parametrize("name", ["torch-resnet", "torch-r3gan"])
def test_no_branch_begins_in_the_maps_that_the_shortcut_takes(name):
    torch = pytest.importorskip("torch")
    from gan_bench_torch.layers import Residual

    trainer = built(load_trainer(registered()[name]))
    networks = (trainer.generator, trainer.discriminator)
    blocks = [part for net in networks for part in net.modules() if isinstance(part, Residual)]
    assert len(blocks) >= 5
    for block in blocks:
        for path in (block.branch, block.shortcut):
            assert not any(getattr(layer, "inplace", False) for layer in path[:1])
    torch.manual_seed(0)
    for block in blocks:
        (first, *_) = [part for part in block.modules() if isinstance(part, torch.nn.Conv2d)]
        maps = torch.randn(2, first.in_channels, 8, 8)
        given = maps.clone()
        made = block(given)
        assert torch.equal(given, maps)
        assert torch.allclose(made, block.branch(maps.clone()) + block.shortcut(maps))


def built(trainer_class, **values):
    """Return a trainer of a narrow recipe, with the recipe's weights."""
    recipe = trainer_class.recipe_class(batch_size=4, **values).smaller()
    images, labels = np.zeros((4, 28, 28, 1), np.uint8), np.zeros(4, np.int64)
    trainer = trainer_class(recipe, images, labels, device="cpu", planned_steps=1, seed=0)
    trainer.set_weights(recipe.for_images((28, 28, 1)).initial_weights(0))
    return trainer


@pytest.mark.torch
@pytest.mark.process
@pytest.mark.parametrize("name", ["resnet", "r3gan"])
def test_the_cost_is_what_pytorch_computes(name):
    torch = pytest.importorskip("torch")
    trainer = built(load_trainer(registered()[f"torch-{name}"]))
    recipe = trainer.recipe
    latents = torch.randn(recipe.latent_batches_per_step, 4, recipe.latent_size)
    counted = flops(trainer.update, [torch.randn(4, 1, 28, 28)], {"latents": latents})
    assert counted == 2 * recipe.multiply_adds_per_step()


def networks_sides(network):
    """Return the sides of the maps that leave each layer."""
    found, shape = [], network.entering
    for layer in network.layers:
        shape = layer.output_shape(shape)
        found += [shape[0]] if len(shape) == 3 else []
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("recipe", [Resnet(), R3gan()], ids=["resnet", "r3gan"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 3)], ids=str)
def test_blocks_double_and_halve_the_side(recipe, shape):
    bound, side = recipe.for_images(shape), shape[0]
    assert networks_sides(bound.generator()) == [side // 4, side // 2, side]
    halved = networks_sides(bound.discriminator())
    assert halved == [side, side // 2, side // 4][-len(halved) :]
    assert bound.generator().output_shape() == bound.discriminator().entering == shape
    assert bound.discriminator().output_shape() == (1,)
    for network in (bound.generator(), bound.discriminator()):
        for index, layer in enumerate(network.layers):
            if not hasattr(layer, "shortcut"):
                continue
            entering = type(network)(network.entering, network.layers[:index]).output_shape()
            paths = (type(network)(entering, path) for path in (layer.branch, layer.shortcut))
            assert len({path.output_shape() for path in paths}) == 1


def test_the_average_starts_as_the_generator():
    weights = R3gan().smaller().initial_weights(0)
    prefixes = {name.partition(".")[0] for name in weights}
    assert prefixes == {"generator", "discriminator", "average"}
    for name, tensor in weights.items():
        network, _, rest = name.partition(".")
        if network == "average":
            assert np.array_equal(tensor, weights[f"generator.{rest}"])
            assert tensor is not weights[f"generator.{rest}"]


def test_a_branch_starts_small():
    zero = R3gan(branch_gain=0.0).smaller()
    weights, plain = zero.initial_weights(0), R3gan().smaller().initial_weights(0)
    changed = {name for name in weights if not np.array_equal(weights[name], plain[name])}
    assert all(not weights[name].any() for name in changed)
    assert sum(name.startswith("generator.") for name in changed) == 3
    assert sum(name.startswith("discriminator.") for name in changed) == 3
    # N(0, g^2 / fan in): the dense layer has unit gain, a 3 x 3 one that of its leaky ReLU.
    full = R3gan().initial_weights(0)
    dense, within = full["generator.0.kernel"], full["generator.2.kernel"]
    assert dense.std() * np.sqrt(dense.shape[0]) == pytest.approx(1, rel=0.01)
    assert within.shape[:2] == (3, 3)
    gain = within.std() * np.sqrt(np.prod(within.shape[:3]))
    assert gain == pytest.approx(np.sqrt(2 / 1.04), rel=0.01)


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.process
def test_real_images_that_a_hinge_ignores_at_first_are_used_later(tmp_path):
    pytest.importorskip("torch")
    from gan_bench_torch.resnet import Resnet as Trainer

    class Ignores(Trainer):
        def update_discriminator(self, images, noise):
            images = images.clone()
            images[-1] = images[0]
            return super().update_discriminator(images, noise)

    images = np.random.default_rng(0).integers(0, 256, (64, 28, 28, 1), dtype=np.uint8)
    recipe = Trainer.recipe_class(batch_size=4, generator_channels=4, discriminator_channels=8)
    labels = np.arange(64) % 10
    found = {}
    for kind in (Trainer, Ignores):
        pool = TrainerPool(kind, recipe, images, labels, "cpu", 0, tmp_path)
        try:
            every_real_batch(pool)
        except CheckFailed as failure:
            found[kind.__name__] = str(failure)
    assert found == {
        "Ignores": "A different last image in real batch 0 of step 3 changes no weight, nor do "
        "different ones in 40 steps."
    }


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.process
def test_spectral_normalisation_does_not_hide_that_logits_have_no_limits(tmp_path):
    pytest.importorskip("torch")
    from gan_bench_torch.sngan import Sngan as Trainer

    class Squashed(Trainer):
        def new_discriminator(self):
            discriminator = super().new_discriminator()
            discriminator.register_forward_hook(lambda layer, given, logits: logits.tanh())
            return discriminator

    images = np.random.default_rng(0).integers(0, 256, (64, 28, 28, 1), dtype=np.uint8)
    recipe = Trainer.recipe_class(batch_size=4).smaller()
    pools = [
        TrainerPool(kind, recipe, images, np.arange(64) % 10, "cpu", 0, tmp_path)
        for kind in (Trainer, Squashed)
    ]
    forward_outputs(pools[0])
    with pytest.raises(CheckFailed, match="has to return logits"):
        forward_outputs(pools[1])
