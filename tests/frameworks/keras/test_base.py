"""What plugins build on `KerasTrainer`: every variable has a name, further networks, few losses."""

import json
import re
from typing import ClassVar

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra: keras)")

import keras  # noqa: E402
from keras import layers  # noqa: E402

from base_cases import (  # noqa: E402
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
    own,
)
from gan_bench.errors import ContractError, UsageError  # noqa: E402
from gan_bench.plugins.frameworks import GlobalState, seeded  # noqa: E402
from gan_bench.testing import check_trainer  # noqa: E402
from gan_bench.testing.conformance import CHECKS  # noqa: E402
from gan_bench_keras.base import KerasTrainer, descend, differentiate  # noqa: E402
from gan_bench_keras.losses import cross_entropy  # noqa: E402

pytestmark = pytest.mark.keras


class Small(KerasTrainer):
    recipe_class = Recipe

    def build_networks(self):
        self.generator = keras.Sequential(
            [
                keras.Input((self.recipe.latent_size,)),
                layers.Dense(784, "tanh"),
                layers.Reshape((28, 28, 1)),
            ]
        )
        self.discriminator = keras.Sequential(
            [keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(1), layers.Reshape(())]
        )

    def build_optimisers(self):
        for name in ("generator", "discriminator"):
            optimiser = keras.optimizers.SGD(0.05)
            optimiser.build(getattr(self, name).trainable_variables)
            setattr(self, f"{name}_optimiser", optimiser)

    def update(self, real, draws):
        (images,) = real
        with tf.GradientTape() as made, tf.GradientTape() as judged:
            fakes = self.generator(draws["latents"][0], training=True)
            on_real = self.discriminator(images, training=True)
            on_fake = self.discriminator(fakes, training=True)
            loss = cross_entropy(on_real, True) + cross_entropy(on_fake, False)
            generator_loss = cross_entropy(on_fake, True)
        descend(judged, loss, self.discriminator, self.discriminator_optimiser)
        self.generator_optimiser.apply(
            differentiate(made, generator_loss, self.generator),
            self.generator.trainable_variables,
        )
        return {
            "generator": generator_loss,
            "discriminator": loss,
            "d_real": tf.reduce_mean(tf.sigmoid(on_real)),
            "d_fake": tf.reduce_mean(tf.sigmoid(on_fake)),
        }


def built(trainer=Small, **options):
    with seeded(0):
        return build(trainer, **options)


def generator_with(*more):
    return lambda: keras.Sequential(
        [
            keras.Input((100,)),
            layers.Dense(784),
            layers.Reshape((28, 28, 1)),
            *(make() for make in more),
            layers.Activation("tanh"),
        ]
    )


class Block(layers.Layer):
    """Layers in a layer, in every kind of attribute, and a weight of its own."""

    def __init__(self, name="scale"):
        super().__init__()
        self.first = layers.Conv2D(1, 3, padding="same")
        self.more = [layers.PReLU(shared_axes=[1, 2])]
        self.last = {"up": (layers.Conv2DTranspose(1, 5, padding="same"),)}
        self.scale = self.add_weight(shape=(), initializer="ones", name=name)

    def call(self, images):
        return self.last["up"][0](self.more[0](self.first(images))) * self.scale


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            layers.BatchNormalization,
            dict.fromkeys(("1.gamma", "1.beta", "1.moving_mean", "1.moving_variance"), (1,)),
        ),
        (layers.LayerNormalization, {"1.gamma": (1,), "1.beta": (1,)}),
        (lambda: layers.PReLU(shared_axes=[1, 2]), {"1.alpha": (1, 1, 1)}),
        (
            lambda: layers.Conv2DTranspose(1, (5, 3), padding="same"),
            {"1.kernel": (5, 3, 1, 1), "1.bias": (1,)},
        ),
        (
            lambda: keras.Sequential([layers.Dense(3), keras.Sequential([layers.Dense(1)])]),
            {"1.kernel": (1, 3), "1.bias": (3,), "2.kernel": (3, 1), "2.bias": (1,)},
        ),
        (
            lambda: layers.SpectralNormalization(layers.Conv2D(1, 3, padding="same")),
            {"1.u": (1, 1), "1.kernel": (3, 3, 1, 1), "1.bias": (1,)},
        ),
        (lambda: layers.Dropout(0.5), {}),  # the state of its seed is no weight
    ],
)
def test_layers_of_keras_have_canonical_names_and_layouts(make, expected):
    assert own(built(generator=generator_with(make))) == expected


def test_a_variable_without_a_name_is_an_error_that_names_it():
    with pytest.raises(
        UsageError, match=r"The variable scale of generator's layer block\S* in Bui"
    ):
        built(generator=generator_with(Block))
    with pytest.raises(UsageError, match=r"The variable variable\S* of generator's layer block"):
        built(generator=generator_with(lambda: Block(None)), own_tensors={"scale": "scale"})


def test_the_author_names_variables_of_his_own_and_layers_in_layers_are_found():
    tested = built(generator=generator_with(Block), own_tensors={"scale": "scale"})
    assert own(tested) == {
        "1.scale": (),
        **{"2.kernel": (3, 3, 1, 1), "2.bias": (1,), "3.alpha": (1, 1, 1)},
        **{"4.kernel": (5, 5, 1, 1), "4.bias": (1,)},
    }
    other = {name: tensor + 0.5 for name, tensor in tested.weights().items()}
    tested.set_weights(other)
    for name, tensor in tested.weights().items():
        np.testing.assert_array_equal(tensor, other[name], err_msg=name)


def test_two_variables_of_one_name_are_an_error():
    class Twice(layers.Layer):
        def __init__(self):
            super().__init__()
            self.a = self.add_weight(shape=(), name="alpha")
            self.b = self.add_weight(shape=(), name="alpha")

        def call(self, images):
            return images * self.a

    with pytest.raises(UsageError, match="The variable alpha of generator's layer twice"):
        built(generator=generator_with(Twice))


def test_a_variable_that_keras_does_not_know_is_an_error():
    class Raw(layers.Layer):
        def __init__(self):
            super().__init__()
            self.raw = tf.Variable(1.0)

        def call(self, images):
            return images * self.raw

    with pytest.raises(UsageError, match=r"raw of the layer raw\S* in Built has variables that K"):
        built(generator=generator_with(Raw))


class Averaged(Small):
    """Keeps an average of the generator, a second critic, a count and draws of its own."""

    def build_networks(self):
        super().build_networks()
        self.average = keras.models.clone_model(self.generator)
        self.critics = [
            keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(1)])
        ]
        self.both = keras.Sequential([self.generator, self.discriminator])
        self.count = tf.Variable(0.0, trainable=False)
        self.seeds = keras.random.SeedGenerator(3)

    def build_optimisers(self):
        super().build_optimisers()
        self.critic_optimiser = keras.optimizers.Adam(0.01)
        self.critic_optimiser.build(self.critics[0].trainable_variables)

    def update(self, real, draws):
        losses = super().update(real, draws)
        self.count.assign_add(1.0)
        noise = keras.random.normal((), seed=self.seeds) + keras.random.normal(())
        weight = noise / (10.0 * self.count)
        for mean, new in zip(self.average.variables, self.generator.variables, strict=True):
            mean.assign(mean * (1 - weight) + new * weight)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.critics[0](real[0])))
        descend(tape, loss, self.critics[0], self.critic_optimiser)
        return losses


def test_further_networks_are_weights_and_part_of_checkpoints(tmp_path):
    def at_save():
        return GlobalState(GlobalState.now().values).restore

    check_further_networks(built(Averaged), lambda: built(Averaged), tmp_path, at_save)


class Critic(Small):
    """Reports no probabilities, and two updates of the critic in a step."""

    recipe_class = OwnStart
    own_tensors: ClassVar[dict[str, str]] = {"scale": "scale"}

    def build_networks(self):
        super().build_networks()
        self.generator = generator_with(layers.BatchNormalization, Block)()
        self.discriminator = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.SpectralNormalization(layers.Conv2D(1, 5, 2)),
                layers.LayerNormalization(axis=[1, 2, 3]),
                layers.Flatten(),
                layers.SpectralNormalization(layers.Dense(1)),
                layers.Reshape(()),
            ]
        )

    def update(self, real, draws):
        noisy = [images + 0.01 * keras.random.normal(images.shape) for images in real]
        return twice(super().update(noisy, draws))


def test_a_critic_reports_two_losses_the_mean_of_a_steps_updates():
    def doubled(self, *given):
        return twice(Small.update(self, *given))

    check_two_losses(lambda: built(update=doubled), built)


def twice(losses):
    loss = losses["discriminator"]
    return {"generator": losses["generator"], "discriminator": tf.stack([loss, loss * 3])}


def test_one_of_the_probabilities_may_be_none():
    check_one_probability(built, Small)


@pytest.mark.parametrize(("losses", "said"), WRONG)
def test_too_few_and_too_many_losses_are_one_sentence(losses, said):
    with pytest.raises(ContractError, match=f"^the update of Built {said}"):
        built(update=lambda self, real, draws: losses)


@pytest.mark.long
def test_a_plugin_with_any_layers_keeps_the_contract():
    results = check_trainer(Critic, only=set(CHECKS))
    assert [result for result in results if result.status == "failed"] == []


def test_a_checkpoint_holds_no_state_of_a_device(tmp_path):
    # What a GPU writes has other dtypes at most.
    tested = built(generator=generator_with(lambda: layers.Dropout(0.5)))
    tested.train(*inputs())
    tested.save(tmp_path)
    with np.load(tmp_path / "state.npz") as file:
        state = {
            name: array.astype(np.uint32) if array.dtype.kind in "iu" else array
            for name, array in file.items()
        }
    np.savez(tmp_path / "state.npz", **state)
    other = built(generator=generator_with(lambda: layers.Dropout(0.5)))
    other.load(tmp_path)
    latents = inputs()[1]["latents"][0, 0]
    np.testing.assert_array_equal(other.sample(latents), tested.sample(latents))


@pytest.mark.parametrize("seed", [0, 7, 2**32, 2**64 - 1])
def test_a_seed_determines_all_numbers_and_a_state_goes_on(seed, generators_kept):
    def sums():
        layer = keras.layers.Dense(2)  # a default initialiser
        layer.build((None, 3))
        return [
            tf.random.normal((3,)).numpy().tolist(),
            tf.random.get_global_generator().normal((3,)).numpy().tolist(),
            keras.random.normal((3,)).numpy().tolist(),
            layer.kernel.numpy().tolist(),
            keras.layers.Dropout(0.5)(np.ones((1, 20)), training=True).numpy().tolist(),
        ]

    def both():
        return sums(), sums()

    tf.constant(0)  # TensorFlow is initialised, as in a trainer that is built
    with seeded(seed):
        pass
    first = both()
    state = GlobalState.now()
    second = both()
    with seeded(seed):
        pass
    assert both() == first
    assert all(one != other for one, other in zip(first[0], first[1], strict=True))
    for restored in (state, GlobalState(json.loads(json.dumps(state.values)))):
        restored.restore()
        assert both() == second


def test_a_traced_function_goes_on_with_kerass_generator_that_it_was_traced_with(generators_kept):
    def traced():
        return tf.function(lambda: keras.random.normal((3,))).get_concrete_function()

    with seeded(1):
        one = traced()
    first = GlobalState.now()
    expected = [one().numpy().tolist() for _ in range(3)]
    with seeded(1):
        other = traced()  # has a generator of its own
    assert [other().numpy().tolist() for _ in range(3)] == expected
    first.restore()
    assert [one().numpy().tolist() for _ in range(3)] == expected


class Labelled(KerasTrainer):
    recipe_class = LabelledRecipe

    def build_networks(self):
        size = (self.recipe.latent_size,)
        for name in ("generator", "average"):
            made = layers.Dense(784, "tanh"), layers.Reshape((28, 28, 1))
            setattr(self, name, self.with_labels(size, *made))
        judging = layers.Dense(8, "tanh"), layers.Dense(1), layers.Reshape(())
        self.discriminator = self.with_labels((28, 28, 1), *judging)

    def with_labels(self, entering, *more):
        given, label = keras.Input(entering), keras.Input((), dtype="int64")
        both = [layers.Flatten()(given), layers.Embedding(self.classes, 4)(label)]
        leaving = layers.Concatenate()(both)
        for layer in more:
            leaving = layer(leaving)
        return keras.Model([given, label], leaving)

    build_optimisers = Small.build_optimisers

    def update(self, real, draws):
        (images,), labels = real, draws["labels"][0]
        real_labels, mix = draws["real_labels"][0], draws["mix"][0][:, None, None, None]
        with tf.GradientTape() as made, tf.GradientTape() as judged:
            fakes = self.generator([draws["latents"][0], labels], training=True)
            between = mix * images + (1 - mix) * tf.stop_gradient(fakes)
            with tf.GradientTape() as sloping:
                sloping.watch(between)
                score = self.discriminator([between, real_labels], training=True)
            slope = sloping.gradient(score, between)
            length = tf.sqrt(tf.reduce_sum(tf.square(slope), [1, 2, 3]) + 1e-12)
            on_fake = tf.reduce_mean(self.discriminator([fakes, labels], training=True))
            on_real = tf.reduce_mean(self.discriminator([images, real_labels], training=True))
            loss = on_fake - on_real + 10 * tf.reduce_mean(tf.square(length - 1))
            generator_loss = -on_fake
        descend(judged, loss, self.discriminator, self.discriminator_optimiser)
        self.generator_optimiser.apply(
            differentiate(made, generator_loss, self.generator),
            self.generator.trainable_variables,
        )
        for mean, new in zip(self.average.variables, self.generator.variables, strict=True):
            mean.assign((mean + new) / 2)
        return {"critic": loss, "generator": generator_loss}


@pytest.mark.long
@pytest.mark.slow
def test_a_conditional_critic_with_draws_of_its_own_keeps_the_contract():
    results = check_trainer(Labelled, only=set(CHECKS))
    assert {result.name: result.detail for result in results if result.status == "failed"} == {}


def test_labels_that_no_training_image_has_are_one_sentence():
    check_unknown_labels(Labelled)


class Average:
    """A helper that is no layer."""

    def __init__(self, network):
        self.shadow = keras.models.clone_model(network)


class Count:
    def __init__(self):
        self.steps = tf.Variable(0.0, trainable=False)


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda t: keras.Variable(1.0), "more"),
        (lambda t: {"beta": tf.Variable(2.0)}, "more_beta"),
        (lambda t: Average(t.generator), "more.shadow"),
        (lambda t: Count(), "more.steps"),
    ],
)
def test_variables_that_no_network_has_are_refused(make, path):
    class Holds(Small):
        def build_networks(self):
            super().build_networks()
            self.more = make(self)

    with pytest.raises(UsageError, match=rf"^{re.escape(path)} of \w+ has variables that no"):
        built(Holds)


class Usual(Small):
    """Has Keras' own dropout and noise, logits of one column, and optimisers as scripts have."""

    recipe_class = OwnStart

    def build_networks(self):
        super().build_networks()
        inner = layers.Dense(8), layers.Dropout(0.5), layers.GaussianNoise(0.5), layers.Dense(1)
        self.discriminator = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), *inner])

    def build_optimisers(self):
        self.generator_optimiser = keras.optimizers.Adam(1e-3)
        self.discriminator_optimiser = keras.optimizers.Adam(1e-3)


def test_kerass_own_dropout_and_logits_of_one_column_keep_the_contract():
    results = check_trainer(Usual, only=USUAL)
    assert {result.name: result.detail for result in results if result.status != "passed"} == {}


def test_a_draw_that_is_not_declared_is_one_sentence():
    class Labels(Small):
        def update(self, real, draws):
            return super().update(real, {"latents": draws["mix"]})

    with pytest.raises(
        ContractError, match=r"^the recipe declares no draw mix: its draws are latents$"
    ):
        built(Labels)
