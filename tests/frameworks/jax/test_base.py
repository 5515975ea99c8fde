"""What plugins build on `JaxTrainer`: every tensor has a name, further networks, few losses."""

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed (extra: jax)")

import jax.numpy as jnp  # noqa: E402
import optax  # noqa: E402
from flax import nnx  # noqa: E402

from base_cases import (  # noqa: E402
    MOVING,
    NORMS,
    USUAL,
    WRONG,
    LabelledRecipe,
    OwnStart,
    Recipe,
    build,
    check_further_networks,
    check_one_probability,
    check_two_losses,
    check_unknown_labels,
    inputs,
    of_channels,
    own,
    shapes,
)
from gan_bench.errors import ContractError, UsageError  # noqa: E402
from gan_bench.testing import check_trainer  # noqa: E402
from gan_bench.testing.conformance import CHECKS  # noqa: E402
from gan_bench_jax.base import JaxTrainer, mean_probability  # noqa: E402
from gan_bench_jax.losses import cross_entropy  # noqa: E402
from gan_bench_jax.names import in_layout  # noqa: E402

pytestmark = pytest.mark.jax


def maps(values):
    return values.reshape(-1, 28, 28, 1)


def to_maps(values):
    return jnp.tanh(maps(values))


def flat(maps):
    return maps.reshape(len(maps), -1)


def logits(values):
    return values[:, 0]


def sgd(network):
    return nnx.Optimizer(network, SGD, wrt=nnx.Param)


SGD = optax.sgd(0.05)


class Small(JaxTrainer):
    recipe_class = Recipe

    def build_networks(self):
        dense = nnx.Linear(self.recipe.latent_size, 784, rngs=self.random)
        self.generator = nnx.Sequential(dense, to_maps)
        self.discriminator = nnx.Sequential(flat, nnx.Linear(784, 1, rngs=self.random), logits)

    def build_optimisers(self):
        self.generator_optimiser = sgd(self.generator)
        self.discriminator_optimiser = sgd(self.discriminator)

    def update(self, real, draws):
        (images,), latents = real, draws["latents"][0]
        fakes = self.generator(latents)

        def of_critic(discriminator):
            on_real, on_fake = discriminator(images), discriminator(fakes)
            loss = cross_entropy(on_real, True) + cross_entropy(on_fake, False)
            return loss, (mean_probability(on_real), mean_probability(on_fake))

        (loss, (d_real, d_fake)), gradient = nnx.value_and_grad(of_critic, has_aux=True)(
            self.discriminator
        )
        self.discriminator_optimiser.update(self.discriminator, gradient)

        def of_generator(generator, discriminator):
            return cross_entropy(discriminator(generator(latents)), True)

        generator_loss, gradient = nnx.value_and_grad(of_generator)(
            self.generator, self.discriminator
        )
        self.generator_optimiser.update(self.generator, gradient)
        return {
            "generator": generator_loss,
            "discriminator": loss,
            "d_real": d_real,
            "d_fake": d_fake,
        }


def built(trainer=Small, **options):
    return build(trainer, make=lambda network, tested: network(tested.random), **options)


def generator_with(*make):
    """Return what builds a generator of a dense layer and what each of ``make`` returns."""
    return lambda rngs: nnx.Sequential(
        nnx.Linear(100, 784, rngs=rngs), maps, *(layer(rngs) for layer in make), jnp.tanh
    )


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (lambda rngs: nnx.BatchNorm(1, rngs=rngs), of_channels(1, *MOVING)),
        (lambda rngs: nnx.GroupNorm(1, num_groups=1, rngs=rngs), of_channels(1, *NORMS)),
        (lambda rngs: nnx.InstanceNorm(1, rngs=rngs), of_channels(1, *NORMS)),
        (lambda rngs: nnx.LayerNorm(1, rngs=rngs), of_channels(1, *NORMS)),
        (lambda rngs: nnx.RMSNorm(1, rngs=rngs), of_channels(1, "1.gamma")),
        (lambda rngs: nnx.PReLU(), {"1.alpha": ()}),
        (
            lambda rngs: nnx.Conv(1, 3, (5, 7), rngs=rngs),
            {"1.kernel": (5, 7, 1, 3), "1.bias": (3,)},
        ),
        (
            lambda rngs: nnx.ConvTranspose(2, 3, (5, 7), rngs=rngs),
            {"1.kernel": (5, 7, 2, 3), "1.bias": (3,)},
        ),
        (
            lambda rngs: nnx.ConvTranspose(2, 3, (5, 7), transpose_kernel=True, rngs=rngs),
            {"1.kernel": (5, 7, 2, 3), "1.bias": (3,)},
        ),
        (lambda rngs: nnx.Embed(5, 3, rngs=rngs), {"1.embeddings": (5, 3)}),
        (lambda rngs: nnx.Dropout(0.5, rngs=rngs), {}),
        (lambda rngs: nnx.Sequential(nnx.Sequential(nnx.PReLU())), {"1.alpha": ()}),
    ],
)
def test_layers_of_flax_have_canonical_names_and_layouts(layer, expected):
    assert own(built(generator=generator_with(layer))) == expected


@pytest.mark.parametrize("transposed", [False, True])
def test_a_canonical_transposed_kernel_spreads_as_in_every_framework(transposed):
    # One pixel spreads the kernel itself, turned around in none of the frameworks.
    layer = nnx.ConvTranspose(
        1, 1, (3, 3), padding="VALID", use_bias=False, transpose_kernel=transposed, rngs=nnx.Rngs(0)
    )
    kernel = np.arange(9.0).reshape(3, 3, 1, 1)
    layer.kernel.set_value(jnp.asarray(in_layout(layer, kernel)))
    np.testing.assert_allclose(layer(jnp.ones((1, 1, 1, 1)))[0, :, :, 0], kernel[:, :, 0, 0])
    np.testing.assert_array_equal(in_layout(layer, np.asarray(layer.kernel[...])), kernel)


def test_spectral_normalisation_keeps_its_kernel_and_vector():
    def discriminator(rngs):
        dense = nnx.SpectralNorm(nnx.Linear(784, 1, rngs=rngs), rngs=rngs)
        return nnx.Sequential(flat, dense, logits)

    tested = built(discriminator=discriminator)
    assert {name: shape for name, shape in shapes(tested).items() if name[0] == "d"} == {
        "discriminator.0.kernel": (784, 1),
        "discriminator.0.bias": (1,),
        "discriminator.0.u": (1, 1),
    }
    tested.set_weights(tested.recipe.initial_weights(0))  # a recipe does not know the vector
    tested.train(*inputs())


class Noisy(nnx.Linear):
    """A layer of Flax with a parameter more."""

    def __init__(self, rngs):
        super().__init__(1, 1, rngs=rngs)
        self.strength = nnx.Param(jnp.ones(1))


class Scaled(nnx.Module):
    """A network that has a parameter itself."""

    def __init__(self, rngs):
        self.inner = generator_with()(rngs)
        self.scale = nnx.Param(jnp.ones(()))

    def __call__(self, latents):
        return self.inner(latents) * self.scale[...]


class Blurring(nnx.Module):
    def __init__(self, blur):
        self.blur = blur

    def __call__(self, images):
        return images


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (generator_with(Noisy), r"generator\.layers\.2\.strength of Built has no name of its own"),
        (Scaled, r"generator\.scale of Built has no name of its own"),
        (
            generator_with(lambda rngs: Blurring(nnx.BatchStat(jnp.ones((3, 3))))),
            r"generator\.layers\.2\.blur of Built has no name of its own",
        ),
    ],
)
def test_a_tensor_without_a_name_is_an_error_that_names_it(network, named):
    with pytest.raises(UsageError, match=named):
        built(generator=network)


def test_the_author_names_tensors_of_his_own():
    tested = built(generator=generator_with(Noisy), own_tensors={"strength": "strength"})
    assert own(tested) == {"1.kernel": (1, 1), "1.bias": (1,), "1.strength": (1,)}
    tested = built(generator=Scaled, own_tensors={"scale": "scale"})
    assert shapes(tested)["generator.0.scale"] == ()
    assert shapes(tested)["generator.1.kernel"] == (100, 784)


def test_two_tensors_of_one_name_are_an_error():
    with pytest.raises(UsageError, match=r"strength of Built has no name of its own"):
        built(generator=generator_with(Noisy), own_tensors={"strength": "kernel"})


@pytest.mark.parametrize("constant", [np.ones((3, 3)), jnp.ones((3, 3))])
def test_constants_are_no_weights(constant):
    assert own(built(generator=generator_with(lambda rngs: Blurring(constant)))) == {}


def test_layers_are_counted_in_the_order_in_which_they_were_made():
    class Network(nnx.Module):
        def __init__(self, rngs):
            self.second = nnx.Linear(100, 784, rngs=rngs)
            self.first = nnx.List([nnx.Linear(784, 784, rngs=rngs) for _ in range(11)])

        def __call__(self, latents):
            made = self.second(latents)
            for layer in self.first:
                made = layer(made)
            return to_maps(made)

    tested = built(generator=Network)
    tested.train(*inputs())
    found = own(tested)
    assert shapes(tested)["generator.0.kernel"] == (100, 784)
    assert [name for name in found if "kernel" in name] == [f"{i}.kernel" for i in range(1, 12)]


def test_a_shared_layer_counts_once_and_stays_shared():
    def shared(rngs):
        dense = nnx.Linear(28 * 28, 28 * 28, rngs=rngs)
        first = nnx.Linear(100, 784, rngs=rngs)
        return nnx.Sequential(first, dense, dense, to_maps)

    tested = built(generator=shared)
    assert own(tested) == {"1.kernel": (784, 784), "1.bias": (784,)}
    tested.train(*inputs())
    layers = tested.generator.layers
    assert layers[1] is layers[2]


class Averaged(Small):
    """Keeps an average of the generator, a second critic with an optimiser, and a count."""

    def build_networks(self):
        super().build_networks()
        self.average = nnx.clone(self.generator)
        self.critics = [nnx.Sequential(flat, nnx.Linear(784, 1, rngs=self.random), logits)]
        self.both = nnx.Sequential(self.generator, self.discriminator)
        self.noise = nnx.Rngs(7)
        self.steps = jnp.zeros((), int)
        self.rate = 0.5

    def build_optimisers(self):
        super().build_optimisers()
        self.critic_optimiser = nnx.Optimizer(self.critics[0], ADAM, wrt=nnx.Param)

    def update(self, real, draws):
        noise = 0.01 * jax.random.normal(self.noise(), real[0].shape, real[0].dtype)
        losses = super().update([real[0] + noise], draws)
        new, mean = (nnx.state(part, nnx.Param) for part in (self.generator, self.average))
        mixed = jax.tree.map(lambda a, b: a + self.rate * (b - a), mean, new)
        nnx.update(self.average, mixed)
        gradient = nnx.grad(lambda critic: jnp.square(critic(real[0])).mean())(self.critics[0])
        self.critic_optimiser.update(self.critics[0], gradient)
        self.steps = self.steps + 1
        return losses


ADAM = optax.adam(1e-3)


@pytest.mark.long
def test_further_networks_are_weights_and_part_of_checkpoints(tmp_path):
    tested = built(Averaged)
    resumed = check_further_networks(tested, lambda: built(Averaged, seed=3), tmp_path)
    assert int(resumed.steps) == int(tested.steps) == 6
    assert tested.both.layers[0] is tested.generator


def test_a_tensor_that_no_network_has_is_an_error():
    class Holds(Small):
        def build_networks(self):
            super().build_networks()
            self.alpha = nnx.Param(jnp.ones(()))

    with pytest.raises(UsageError, match=r"^alpha of Built has tensors that no network has"):
        built(Holds)

    class Beside:
        def __init__(self, part):
            self.part = part

    class InAnObject(Small):
        def build_networks(self):
            super().build_networks()
            self.more = Beside(nnx.Linear(2, 2, rngs=self.random))

    with pytest.raises(UsageError, match=r"^more\.part of Built has tensors that no network has"):
        built(InAnObject)


def test_what_is_traced_once_cannot_change_a_python_number():
    class Counting(Small):
        count = 0

        def build_optimisers(self):
            super().build_optimisers()
            self.count = 0

        def update(self, real, draws):
            self.count += 1
            return super().update(real, draws)

    with pytest.raises(UsageError, match=r"^Built\.count changes in the update, which JAX traces"):
        built(Counting).train(*inputs())


def test_what_an_update_sets_and_no_network_has_is_refused():
    class Remembering(Small):
        count = 0

        def update(self, real, draws):
            self.count += 1
            return super().update(real, draws)

    with pytest.raises(UsageError, match=r"^Built\.count is set in the update, which JAX traces"):
        built(Remembering).train(*inputs())


class Critic(Small):
    """Reports no probabilities, and two updates of the critic in a step."""

    recipe_class = OwnStart

    def build_networks(self):
        super().build_networks()
        self.generator = generator_with(
            lambda rngs: nnx.BatchNorm(1, rngs=rngs), lambda rngs: nnx.Conv(1, 1, (3, 3), rngs=rngs)
        )(self.random)
        self.discriminator = nnx.Sequential(
            nnx.SpectralNorm(nnx.Conv(1, 1, (5, 5), 2, rngs=self.random), rngs=self.random),
            nnx.LayerNorm(1, reduction_axes=(1, 2, 3), rngs=self.random),
            flat,
            nnx.Dropout(0.25, rngs=self.random),
            nnx.Linear(196, 1, rngs=self.random),
            logits,
        )

    def update(self, real, draws):
        losses = super().update(real, draws)
        loss = losses["discriminator"]
        return {"generator": losses["generator"], "discriminator": jnp.stack([loss, loss * 3])}


@pytest.mark.long
def test_a_critic_reports_two_losses_the_mean_of_a_steps_updates():
    check_two_losses(lambda: built(Critic), lambda: built(Critic, update=Small.update))


def test_one_of_the_probabilities_may_be_none():
    check_one_probability(built, Small)


@pytest.mark.parametrize(("losses", "said"), WRONG)
def test_too_few_and_too_many_losses_are_one_sentence(losses, said):
    tested = built(update=lambda self, real, draws: losses)
    with pytest.raises(ContractError, match=f"^the update of Built {said}"):
        tested.train(*inputs())


@pytest.mark.slow
def test_a_plugin_with_any_layers_keeps_the_contract():
    results = check_trainer(Critic, only=set(CHECKS))
    assert {result.name: result.detail for result in results if result.status == "failed"} == {}


class WithLabels(nnx.Module):
    """A network of its input and an embedding of the label."""

    def __init__(self, classes, *layers, rngs):
        self.embedding = nnx.Embed(classes, 4, rngs=rngs)
        self.layers = nnx.Sequential(*layers)

    def __call__(self, given, labels):
        return self.layers(jnp.concatenate([flat(given), self.embedding(labels)], 1))


class Labelled(JaxTrainer):
    recipe_class = LabelledRecipe

    def build_networks(self):
        for name in ("generator", "average"):
            dense = nnx.Linear(self.recipe.latent_size + 4, 784, rngs=self.random)
            setattr(self, name, WithLabels(self.classes, dense, to_maps, rngs=self.random))
        judging = (
            *(nnx.Linear(784 + 4, 8, rngs=self.random), jnp.tanh),
            *(nnx.Linear(8, 1, rngs=self.random), logits),
        )
        self.discriminator = WithLabels(self.classes, *judging, rngs=self.random)

    build_optimisers = Small.build_optimisers

    def update(self, real, draws):
        (images,), (labels,), (real_labels,) = real, draws["labels"], draws["real_labels"]
        latents, mix = draws["latents"][0], draws["mix"][0][:, None, None, None]
        fakes = self.generator(latents, labels)
        between = mix * images + (1 - mix) * fakes

        def of_critic(critic):
            slope = jax.grad(lambda maps: critic(maps, real_labels).sum())(between)
            lengths = jnp.sqrt(jnp.square(flat(slope)).sum(1))
            apart = critic(fakes, labels).mean() - critic(images, real_labels).mean()
            return apart + 10 * jnp.square(lengths - 1).mean()

        loss, gradient = nnx.value_and_grad(of_critic)(self.discriminator)
        self.discriminator_optimiser.update(self.discriminator, gradient)
        generator_loss, gradient = nnx.value_and_grad(
            lambda generator: -self.discriminator(generator(latents, labels), labels).mean()
        )(self.generator)
        self.generator_optimiser.update(self.generator, gradient)
        new, mean = (nnx.state(part, nnx.Param) for part in (self.generator, self.average))
        nnx.update(self.average, jax.tree.map(lambda a, b: (a + b) / 2, mean, new))
        return {"critic": loss, "generator": generator_loss}


@pytest.mark.long
@pytest.mark.slow
def test_a_conditional_critic_with_draws_of_its_own_keeps_the_contract():
    results = check_trainer(Labelled)
    assert {result.name: result.detail for result in results if result.status == "failed"} == {}


def test_labels_that_no_training_image_has_are_one_sentence():
    check_unknown_labels(Labelled)


def test_a_declared_network_that_is_not_built_is_one_sentence():
    with pytest.raises(
        UsageError, match=r"^Built has no average, which is in its recipe's network"
    ):
        built(recipe=LabelledRecipe())


class Usual(Small):
    """Has flax' own dropout, and logits of one column."""

    recipe_class = OwnStart

    def build_networks(self):
        super().build_networks()
        inner = nnx.Linear(784, 8, rngs=self.random), nnx.Dropout(0.5, rngs=self.random)
        self.discriminator = nnx.Sequential(flat, *inner, nnx.Linear(8, 1, rngs=self.random))


def test_flaxs_own_dropout_and_logits_of_one_column_keep_the_contract():
    results = check_trainer(Usual, only=USUAL)
    assert {result.name: result.detail for result in results if result.status != "passed"} == {}


def test_a_draw_that_is_not_declared_is_one_sentence():
    class Labels(Small):
        def update(self, real, draws):
            return super().update(real, {"latents": draws["mix"]})

    with pytest.raises(
        ContractError, match=r"^the recipe declares no draw mix: its draws are latents"
    ):
        built(Labels).train(*inputs())


class AveragedFromTheStart(Averaged):
    """Its average and its generator have the same arrays before the first step."""

    recipe_class = OwnStart


def test_an_average_that_starts_as_the_generator_trains_without_set_weights():
    tested = built(AveragedFromTheStart)
    before = tested.weights()
    np.testing.assert_array_equal(before["average.0.kernel"], before["generator.0.kernel"])
    tested.train(*inputs())
    after = tested.weights()
    assert not np.array_equal(after["average.0.kernel"], after["generator.0.kernel"])
    assert not np.array_equal(after["average.0.kernel"], before["average.0.kernel"])


def test_arrays_of_the_authors_own_are_not_handed_over():
    table = jnp.ones((3, 3), jnp.float32)

    class Keeps(Small):
        def build_networks(self):
            super().build_networks()
            self.table = table

        def update(self, real, draws):
            self.table = self.table * 2
            return super().update(real, draws)

    tested = built(Keeps)
    tested.train(*inputs())
    np.testing.assert_array_equal(table, np.ones((3, 3)))
    np.testing.assert_array_equal(tested.table, np.full((3, 3), 4))


WIDE = np.full((28, 28, 1), 0.5)  # float64, as NumPy's arrays are


class WideImages(Small):
    def update(self, real, draws):
        return super().update([real[0] * WIDE], draws)


class WideNoise(Small):
    def update(self, real, draws):
        return super().update([real[0] + jax.random.normal(jax.random.key(0), (28, 28, 1))], draws)


class WideInside(Small):
    """The float64 values are within a function that is compiled, and of float32 again after it."""

    def update(self, real, draws):
        widened = jax.jit(lambda images: (images * WIDE).astype("float32"))
        return super().update([widened(real[0])], draws)


class WideLoss(Small):
    def update(self, real, draws):
        losses = super().update(real, draws)
        return losses | {"generator": losses["generator"] * jnp.float64(2)}


class WideState(Small):
    def build_networks(self):
        super().build_networks()
        self.mean_image = jnp.zeros((28, 28, 1))


class WideScale(Small):
    """A number of float64 that makes float64 of all images."""

    def update(self, real, draws):
        return super().update([real[0] * jnp.float64(0.5)], draws)


@pytest.mark.parametrize(
    ("trainer", "what"),
    [
        (WideImages, r"computes in float64 in line \d+ of test_base\.py"),
        (WideNoise, r"computes in float64 in line \d+ of test_base\.py"),
        (WideInside, r"computes in float64 in line \d+ of test_base\.py"),
        (WideScale, r"computes in float64 in line \d+ of test_base\.py"),
        (WideLoss, "makes the loss generator float64"),
        (WideState, "leaves mean_image in float64"),
    ],
)
def test_a_step_of_float32_that_computes_in_float64_is_one_sentence(trainer, what):
    with pytest.raises(
        UsageError, match=rf"^The update of Built {what}, where the recipe's dtype is float32; "
    ):
        built(trainer).train(*inputs())
    tested = built(trainer, recipe=Recipe(dtype="float64"))
    assert np.isfinite(tested.train(*inputs())["generator"]).all()


def test_numbers_of_float64_do_no_harm_to_a_step_of_float32():
    class Numbers(Small):
        def build_networks(self):
            super().build_networks()
            self.rate = jnp.zeros(())  # float64, as JAX makes it

        def update(self, real, draws):
            self.rate = self.rate * 0.5 + jnp.mean(real[0])
            scale = jnp.float64(0.5).astype(real[0].dtype)
            return super().update([real[0] * scale], draws)

    assert np.isfinite(built(Numbers).train(*inputs())["generator"]).all()


class Repeated(nnx.Module):
    """Applies a matrix product several times, in the loop that is given."""

    def __init__(self, loop, rngs):
        self.inner = nnx.Linear(784, 784, rngs=rngs)
        self.loop = loop

    def __call__(self, values):
        return self.loop(lambda values: values @ self.inner.kernel[...], values)


def scanned(step, values):
    return jax.lax.scan(lambda values, _: (step(values), None), values, length=3)[0]


def nested(step, values):
    return scanned(lambda values: scanned(step, values), values)


def counted(step, values):
    return jax.lax.fori_loop(0, 3, lambda _, values: step(values), values)


def open_ended(step, values):
    return jax.lax.while_loop(lambda values: values.sum() > 1e9, step, values)


def either(step, values):
    return jax.lax.cond(values.sum() > 0, step, lambda values: step(values) + 1, values)


def uneven(step, values):
    return jax.lax.cond(values.sum() > 0, step, lambda values: step(step(values)), values)


def looped(loop):
    return built(
        generator=lambda rngs: nnx.Sequential(
            nnx.Linear(100, 784, rngs=rngs), Repeated(loop, rngs), to_maps
        ),
        recipe=OwnStart(),
    )


@pytest.mark.parametrize(("loop", "times"), [(scanned, 3), (nested, 9), (counted, 3), (either, 1)])
def test_multiply_adds_in_a_loop_count_as_often_as_it_runs(loop, times):
    assert looped(loop).multiply_adds()["generator"] == 100 * 784 + times * 784 * 784


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        (open_ended, "in a loop whose steps are not known before it runs"),
        (uneven, "in branches of unequal cost"),
    ],
)
def test_multiply_adds_that_depend_on_the_data_are_refused_in_one_sentence(loop, said):
    with pytest.raises(UsageError, match=rf"^Built's generator has matrix products {said}, so "):
        looped(loop).multiply_adds()


def test_a_loop_without_multiplications_costs_nothing():
    def shrinking(step, values):
        return jax.lax.while_loop(lambda v: v.max() > 1, lambda v: v / 2, step(values))

    assert looped(shrinking).multiply_adds()["generator"] == 100 * 784 + 784 * 784
