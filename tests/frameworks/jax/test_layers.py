"""Layers in JAX against PyTorch's, in float64, and a GPU's form of convolutions against a CPU's."""

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed (extra: jax)")
torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")

import jax.numpy as jnp  # noqa: E402
from flax import nnx  # noqa: E402

import gan_bench_jax.base  # noqa: E402, F401 - switches float64 on
from gan_bench.plugins.registry import recipe_entry_point  # noqa: E402
from gan_bench_jax import convolutions, layers  # noqa: E402
from gan_bench_recipes.baseline import Baseline as KerasArithmetic  # noqa: E402
from gan_bench_recipes.dcgan import Dcgan as TorchArithmetic  # noqa: E402
from gan_bench_recipes.layers import Convolution, TransposedConvolution  # noqa: E402
from gan_bench_torch import layers as torchs  # noqa: E402

pytestmark = [pytest.mark.jax, pytest.mark.torch]

SHAPES = [(5, 2, 1), (5, 1, 2), (4, 2, 1), (3, 3, 0), (1, 2, 0)]
LENGTHS = (5, 8)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def with_kernel(layer, kernel):
    layer.kernel.set_value(jnp.asarray(kernel))
    return layer


def nchw(maps):
    return torch.tensor(np.asarray(maps)).permute(0, 3, 1, 2).contiguous().requires_grad_()


def nhwc(maps):
    return maps.detach().permute(0, 2, 3, 1).numpy()


def close(found, expected):
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-10, atol=1e-12)


def compare(layer, twin, axes, maps):
    """Compare outputs and gradients; ``axes`` lead to PyTorch's kernel."""
    kernel = np.asarray(layer.kernel[...])
    given = torch.tensor(np.ascontiguousarray(kernel.transpose(axes)))
    twin.weight = torch.nn.Parameter(given)
    entering = nchw(maps)
    expected = twin(entering)
    weight = drawn(*nhwc(expected).shape, seed=3)
    (expected * nchw(weight)).sum().backward()

    @jax.jit
    def differentiated(layer, maps):
        def weighted(layer, maps):
            outputs = layer(maps)
            return (outputs * weight).sum(), outputs

        return nnx.grad(weighted, argnums=(0, 1), has_aux=True)(layer, maps)

    gradients, outputs = differentiated(layer, jnp.asarray(maps))
    close(outputs, nhwc(expected))
    close(gradients[0].kernel[...], twin.weight.grad.permute(np.argsort(axes).tolist()).numpy())
    close(gradients[1], nhwc(entering.grad))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("size", "stride", "padding"), SHAPES)
def test_convolutions_are_pytorchs(size, stride, padding, length):
    layer = layers.Conv(3, 5, size, stride, padding, bias=False)
    with_kernel(layer, drawn(size, size, 3, 5))
    twin = torch.nn.Conv2d(3, 5, size, stride, padding, bias=False)
    compare(layer, twin, (3, 2, 0, 1), drawn(2, length, length, 3, seed=1))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("size", "stride", "padding"), SHAPES)
def test_transposed_convolutions_are_pytorchs(size, stride, padding, length):
    layer = layers.ConvTranspose(3, 5, size, stride, padding, bias=False)
    with_kernel(layer, drawn(size, size, 3, 5))
    twin = torch.nn.ConvTranspose2d(3, 5, size, stride, padding, bias=False)
    compare(layer, twin, (2, 3, 0, 1), drawn(2, length, length, 3, seed=1))


@pytest.mark.long_after(1)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("size", "stride"), [(5, 2), (5, 1), (4, 2), (4, 1), (3, 1), (3, 2)])
def test_same_padding_is_tensorflows(size, stride, length):
    maps, kernel = drawn(2, length, length, 3, seed=1), drawn(size, size, 3, 5)
    layer = with_kernel(layers.Conv(3, 5, size, stride, "same", bias=False), kernel)
    compare(layer, torchs.SameConv2d(3, 5, size, stride, bias=False), (3, 2, 0, 1), maps)
    layer = with_kernel(layers.ConvTranspose(3, 5, size, stride, "same", bias=False), kernel)
    compare(layer, torchs.SameConvTranspose2d(3, 5, size, stride, bias=False), (2, 3, 0, 1), maps)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("size", "stride", "padding"), SHAPES)
def test_a_gpus_form_of_convolutions_is_a_cpus(size, stride, padding, length):
    around, small = (padding, padding), (length + 2 * padding - size) // stride + 1
    if small < 1:
        pytest.skip("the kernel is larger than the maps")
    maps, kernel = jnp.asarray(drawn(2, small, small, 5)), jnp.asarray(drawn(size, size, 3, 5))
    options = {"stride": stride, "padding": around}
    close(
        convolutions._transposed_by_sums(maps, kernel, length=length, **options),
        convolutions._transposed_of_xla(maps, kernel, length=length, **options),
    )
    large = jnp.asarray(drawn(2, length, length, 3))
    close(
        convolutions._gradient_by_pixel(large, maps, size=size, **options),
        convolutions._gradient_of_xla(large, maps, size=size, **options),
    )


def convolutions_of_recipes():
    """Return layer, channels, size, stride, padding and length of all that the recipes have."""
    found = {}
    kinds = {Convolution: layers.Conv, TransposedConvolution: layers.ConvTranspose}
    for name in ("dcgan", "dcgan-3g", "baseline", "enhanced", "upsampling-sgd", "decay"):
        recipe = recipe_entry_point(name).load()()
        for network in (recipe.generator(), recipe.discriminator()):
            shape = network.entering
            for layer in network.layers:
                if type(layer) in kinds and 1 < shape[0] != layer.size:  # else a matrix product
                    sizes = layer.size, layer.stride, layer.padding
                    found[kinds[type(layer)], shape[2], layer.channels, *sizes, shape[0]] = name
                shape = layer.output_shape(shape)
    return [
        pytest.param(
            *key,
            id=f"{name}-{key[0].__name__}-{key[1:]}",
            marks=[pytest.mark.long] if name in ("baseline", "enhanced", "decay") else [],
        )
        for key, name in found.items()
    ]


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("layer", "entering", "channels", "size", "stride", "padding", "length"),
    convolutions_of_recipes(),
)
def test_convolutions_in_float32_are_those_in_float64(
    layer, entering, channels, size, stride, padding, length
):
    # With all the recipe's channels, by which the form of a convolution is chosen.
    kernel = drawn(size, size, entering, channels)
    maps = drawn(2, length, length, entering, seed=1)

    @jax.jit
    def differentiated(kernel, maps):
        def weighted(kernel, maps):
            made = layer(entering, channels, size, stride, padding, bias=False)
            outputs = with_kernel(made, kernel)(maps)
            return jnp.square(outputs).sum(), outputs

        gradients, outputs = jax.grad(weighted, argnums=(0, 1), has_aux=True)(kernel, maps)
        return outputs, *gradients

    single, double = (
        differentiated(jnp.asarray(kernel, dtype), jnp.asarray(maps, dtype))
        for dtype in ("float32", "float64")
    )
    for found, expected in zip(single, double, strict=True):
        assert found.dtype == np.float32
        # Rounding of sums of thousands of numbers, none of which is larger than the result's.
        scale = float(jnp.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * scale)


def test_a_convolutions_gradient_has_a_gradient():
    # A gradient penalty differentiates the gradient of the discriminator's inputs.
    layer = with_kernel(layers.Conv(2, 3, 4, 2, 1, bias=False), drawn(4, 4, 2, 3))
    maps = jnp.asarray(drawn(2, 6, 6, 2))

    def penalty(layer, maps):
        return jnp.square(jax.grad(lambda maps: jnp.sin(layer(maps)).sum())(maps)).sum()

    found = nnx.grad(penalty)(layer, maps).kernel[...]
    kernel = torch.tensor(drawn(4, 4, 2, 3)).permute(3, 2, 0, 1).contiguous().requires_grad_()
    entering = nchw(maps)
    outputs = torch.nn.functional.conv2d(entering, kernel, stride=2, padding=1)
    (gradient,) = torch.autograd.grad(outputs.sin().sum(), entering, create_graph=True)
    (expected,) = torch.autograd.grad(gradient.square().sum(), kernel)
    close(found, expected.permute(2, 3, 1, 0).numpy())


def test_the_matrix_products_are_convolutions():
    points, maps = drawn(2, 1, 1, 6), drawn(2, 7, 7, 6)
    made = with_kernel(layers.PointToMap(6, 4, 7), drawn(7, 7, 6, 4))
    twin = with_kernel(layers.ConvTranspose(6, 4, 7, 1, 0, bias=False), drawn(7, 7, 6, 4))
    close(made(points[:, 0, 0]), twin(jnp.asarray(points)))
    judged = with_kernel(layers.MapToPoint(6, 1, 7), drawn(7, 7, 6, 1))
    twin = with_kernel(layers.Conv(6, 1, 7, 1, 0, bias=False), drawn(7, 7, 6, 1))
    close(judged(maps), twin(jnp.asarray(maps))[:, 0, 0])


def test_upsampling_and_pooling_are_pytorchs():
    maps = drawn(2, 6, 6, 3)
    twin = torch.nn.UpsamplingNearest2d(scale_factor=2)
    close(layers.UpSampling(2)(jnp.asarray(maps)), nhwc(twin(nchw(maps))))
    close(layers.MaxPooling(2)(jnp.asarray(maps)), nhwc(torch.nn.MaxPool2d(2)(nchw(maps))))


@pytest.mark.long_after(1)
@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("levels", [1, 2])
def test_the_gradient_of_pooling_goes_to_the_first_of_equal_pixels(size, levels):
    maps = np.random.default_rng(0).integers(0, levels, (2, 6, 6, 3)).astype(float)
    entering, weight = nchw(maps), drawn(2, 6 // size, 6 // size, 3)
    (torch.nn.MaxPool2d(size)(entering) * nchw(weight)).sum().backward()
    pool = layers.MaxPooling(size)
    found = jax.grad(lambda maps: (pool(maps) * weight).sum())(jnp.asarray(maps))
    close(found, nhwc(entering.grad))


def test_pooling_keeps_what_is_no_number():
    # A run whose networks diverge is recorded as such.
    for index in range(4):
        maps = np.zeros(4)
        maps[index] = np.nan
        assert np.isnan(layers.MaxPooling(2)(jnp.asarray(maps.reshape(1, 2, 2, 1)))).all()


@pytest.mark.parametrize("recipe", [TorchArithmetic(), KerasArithmetic()], ids=["torch", "keras"])
@pytest.mark.parametrize("shape", [(8, 3), (4, 5, 5, 3)])
def test_batch_norm_is_pytorchs(recipe, shape):
    layer = layers.BatchNorm(3, **recipe.batch_norm)
    twin = torchs.BatchNorm(3, **recipe.batch_norm).double()
    for training in (True, True, False):
        layer.use_running_average = not training
        twin.train(training)
        inputs = 3 * drawn(*shape) + 1
        column = torch.tensor(inputs).reshape(shape[0], -1, 3).permute(0, 2, 1)[..., None]
        outputs = twin(column)[..., 0].permute(0, 2, 1).reshape(shape)
        close(layer(jnp.asarray(inputs)), outputs.detach().numpy())
        close(layer.moving_mean[...], twin.running_mean.numpy())
        close(layer.moving_variance[...], twin.running_var.numpy())


def test_leaky_relus_of_one_slope_are_one_function():
    assert layers.leaky_relu(0.2) is layers.leaky_relu(0.2)
    assert float(layers.leaky_relu(0.2)(jnp.float64(-1.0))) == -float(np.float32(0.2))
    assert float(layers.leaky_relu(0.2)(jnp.float64(3.0))) == 3.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.99])
def test_dropout_scales_what_it_keeps_in_the_dtype_of_its_inputs(dtype, rate):
    layer = layers.Dropout(rate, nnx.Rngs(jax.random.key(0, impl="rbg")))
    ones = jnp.ones((64, 7, 7, 33), dtype)
    found = layer(ones)
    assert found.dtype == dtype
    assert set(np.unique(found)) <= {np.zeros((), dtype)[()], np.asarray(layer.scale, dtype)[()]}
    share = float((found == 0).mean())
    # Six standard deviations of the share, which is within 2^-17 of the rate.
    assert abs(share - rate) <= 2**-17 + 6 * np.sqrt(rate * (1 - rate) / found.size)
    assert not np.array_equal(layer(ones), found) or rate == 0
    layer.deterministic = True
    np.testing.assert_array_equal(layer(ones), ones)


def test_dropout_does_not_repeat_its_mask_within_a_batch():
    # The masks of all quarters of a batch come from the same words, from other bits of them.
    layer = layers.Dropout(0.5, nnx.Rngs(jax.random.key(0, impl="rbg")))
    quarters = np.asarray(layer(jnp.ones((4, 50_000)))) > 0
    agreement = np.corrcoef(quarters) - np.eye(4)
    assert np.abs(agreement).max() < 6 / np.sqrt(quarters.shape[1])


def test_each_dropout_has_masks_of_its_own():
    rngs = nnx.Rngs(jax.random.key(0, impl="rbg"))
    first, second = layers.Dropout(0.5, rngs), layers.Dropout(0.5, rngs)
    assert not np.array_equal(first(jnp.ones(1000)), second(jnp.ones(1000)))
