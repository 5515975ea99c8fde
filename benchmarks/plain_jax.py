"""Plain JAX training of every recipe, the baseline of throughput.py.

Each recipe is written as in Flax's tutorials: `nnx.Sequential` of Flax's layers, optax, and one
`nnx.jit` a step. Nothing here imports the harness or its trainers. A class has its recipe's
networks, optimisers and training step.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array

Losses = tuple[float, ...]
"""Generator loss, discriminator loss, mean probability of "real" for real and for fake images."""


def real_batches(images: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Yield shuffled batches without end, NHWC in [-1, 1]."""
    scaled = images.astype(np.float32) / 127.5 - 1
    random = np.random.default_rng(0)
    while True:
        order = random.permutation(len(scaled))
        for start in range(0, len(order) - batch_size + 1, batch_size):
            yield scaled[order[start : start + batch_size]]


def cross_entropy(logits: Array, real: bool) -> Array:
    labels = jnp.full_like(logits, float(real))
    return optax.sigmoid_binary_cross_entropy(logits, labels).mean()


def leaky(slope: float) -> Callable[[Array], Array]:
    return partial(nnx.leaky_relu, negative_slope=slope)


def flat(maps: Array) -> Array:
    return maps.reshape(len(maps), -1)


def as_maps(side: int, channels: int) -> Callable[[Array], Array]:
    return lambda values: values.reshape(-1, side, side, channels)


def pool(maps: Array) -> Array:
    return nnx.max_pool(maps, (2, 2), (2, 2))


def enlarge(maps: Array) -> Array:
    return maps.repeat(2, 1).repeat(2, 2)


class Gan(nnx.Module):
    """What a step changes."""

    def __init__(
        self,
        generator: nnx.Module,
        discriminator: nnx.Module,
        generator_transformation: optax.GradientTransformation,
        discriminator_transformation: optax.GradientTransformation,
        rngs: nnx.Rngs,
    ) -> None:
        self.generator, self.discriminator, self.rngs = generator, discriminator, rngs
        self.generator_optimiser = nnx.Optimizer(generator, generator_transformation, wrt=nnx.Param)
        self.discriminator_optimiser = nnx.Optimizer(
            discriminator, discriminator_transformation, wrt=nnx.Param
        )


class Script:
    """A GAN in training; each recipe below fills in its networks, optimisers and step."""

    batch_size = 128
    latent_size = 100
    kernel_init = staticmethod(nnx.initializers.glorot_uniform())

    def __init__(self, images: np.ndarray, device: str) -> None:
        self.device = jax.devices("cpu" if device == "cpu" else "gpu")[0]
        with jax.enable_x64(False), jax.default_device(self.device):
            self.rngs = nnx.Rngs(0)
            self.gan = Gan(*self.networks(), *self.optimisers(len(images)), self.rngs)
        self.batches = real_batches(images, self.batch_size)
        self.jitted_step = nnx.jit(self.step)

    def networks(self) -> tuple[nnx.Module, nnx.Module]:
        """Return a generator and a discriminator that gives one logit per image."""
        raise NotImplementedError

    def optimisers(self, train_images: int) -> tuple[optax.GradientTransformation, ...]:
        """Return the generator's and the discriminator's."""
        raise NotImplementedError

    def step(self, gan: Gan, real: Array) -> tuple[Array, ...]:
        raise NotImplementedError

    def train(self, steps: int) -> list[Losses]:
        """Train for this many more steps and return their losses."""
        losses = []
        with jax.enable_x64(False):  # as JAX has it; the trainers' module switches it on
            for _ in range(steps):
                real = jax.device_put(next(self.batches), self.device)
                losses.append(tuple(float(value) for value in self.jitted_step(self.gan, real)))
        return losses

    def noise(self, rngs: nnx.Rngs) -> Array:
        return jax.random.normal(rngs(), (self.batch_size, self.latent_size))

    def dense(self, entering: int, units: int, bias: bool = True) -> nnx.Linear:
        return nnx.Linear(
            entering, units, use_bias=bias, kernel_init=self.kernel_init, rngs=self.rngs
        )

    def conv(
        self,
        entering: int,
        channels: int,
        size: int,
        stride: int = 1,
        padding: str = "SAME",
        use_bias: bool = True,
    ) -> nnx.Conv:
        shape, options = (entering, channels, (size, size), stride), (padding, use_bias)
        return nnx.Conv(*shape, **self.of_convolution(*options))

    def conv_transpose(
        self,
        entering: int,
        channels: int,
        size: int,
        stride: int = 1,
        padding: str = "SAME",
        use_bias: bool = False,
    ) -> nnx.ConvTranspose:
        shape, options = (entering, channels, (size, size), (stride, stride)), (padding, use_bias)
        return nnx.ConvTranspose(*shape, **self.of_convolution(*options))

    def of_convolution(self, padding: str, use_bias: bool) -> dict[str, Any]:
        start = {"kernel_init": self.kernel_init, "rngs": self.rngs}
        return start | {"padding": padding, "use_bias": use_bias}

    def norm(self, channels: int) -> nnx.BatchNorm:
        return nnx.BatchNorm(channels, rngs=self.rngs)


class Dcgan(Script):
    """The discriminator learns first, then the generator from the same noise."""

    kernel_init = staticmethod(nnx.initializers.normal(0.02))

    def networks(self) -> tuple[nnx.Module, nnx.Module]:
        generator = nnx.Sequential(
            as_maps(1, 100),
            self.conv_transpose(100, 256, 7, padding="VALID"),
            self.norm(256),
            nnx.relu,
            self.conv_transpose(256, 128, 4, 2),
            self.norm(128),
            nnx.relu,
            self.conv_transpose(128, 1, 4, 2),
            jnp.tanh,
        )
        discriminator = nnx.Sequential(
            self.conv(1, 64, 4, 2, use_bias=False),
            leaky(0.2),
            self.conv(64, 128, 4, 2, use_bias=False),
            self.norm(128),
            leaky(0.2),
            self.conv(128, 1, 7, padding="VALID", use_bias=False),
            flat,
        )
        return generator, discriminator

    def optimisers(self, train_images: int) -> tuple[optax.GradientTransformation, ...]:
        return optax.adam(2e-4, b1=0.5), optax.adam(2e-4, b1=0.5)

    def update_discriminator(self, gan: Gan, real: Array, fake: Array) -> tuple[Array, ...]:
        def loss(discriminator: nnx.Module) -> tuple[Array, tuple[Array, Array]]:
            real_logits, fake_logits = discriminator(real), discriminator(fake)
            both = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
            return both, (real_logits, fake_logits)

        (judged, logits), gradients = nnx.value_and_grad(loss, has_aux=True)(gan.discriminator)
        gan.discriminator_optimiser.update(gan.discriminator, gradients)
        return judged, *(nnx.sigmoid(each).mean() for each in logits)

    def update_generator(self, gan: Gan, noise: Array) -> Array:
        def loss(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            return cross_entropy(discriminator(generator(noise)), True)

        made, gradients = nnx.value_and_grad(loss)(gan.generator, gan.discriminator)
        gan.generator_optimiser.update(gan.generator, gradients)
        return made

    def step(self, gan: Gan, real: Array) -> tuple[Array, ...]:
        noise = self.noise(gan.rngs)
        judged, d_real, d_fake = self.update_discriminator(gan, real, gan.generator(noise))
        made = self.update_generator(gan, noise)
        return made, judged, d_real, d_fake


class Dcgan3g(Dcgan):
    """dcgan with three generator updates a step, each with noise of its own."""

    generator_steps = 3

    def step(self, gan: Gan, real: Array) -> tuple[Array, ...]:
        fake = gan.generator(self.noise(gan.rngs))
        judged, d_real, d_fake = self.update_discriminator(gan, real, fake)
        made = [
            self.update_generator(gan, self.noise(gan.rngs)) for _ in range(self.generator_steps)
        ]
        return jnp.stack(made).mean(), judged, d_real, d_fake


class Baseline(Script):
    """Both networks learn at once, from the same fakes."""

    batch_size = 256

    def networks(self) -> tuple[nnx.Module, nnx.Module]:
        generator = nnx.Sequential(
            self.dense(100, 7 * 7 * 256, bias=False),
            self.norm(7 * 7 * 256),
            leaky(0.3),
            as_maps(7, 256),
            self.conv_transpose(256, 128, 5),
            self.norm(128),
            leaky(0.3),
            self.conv_transpose(128, 64, 5, 2),
            self.norm(64),
            leaky(0.3),
            self.conv_transpose(64, 1, 5, 2),
            jnp.tanh,
        )
        discriminator = nnx.Sequential(
            self.conv(1, 64, 5, 2),
            leaky(0.3),
            nnx.Dropout(0.3, rngs=self.rngs),
            self.conv(64, 128, 5, 2),
            leaky(0.3),
            nnx.Dropout(0.3, rngs=self.rngs),
            flat,
            self.dense(128 * 7 * 7, 1),
        )
        return generator, discriminator

    def optimisers(self, train_images: int) -> tuple[optax.GradientTransformation, ...]:
        return optax.adam(1e-4), optax.adam(1e-4)

    def step(self, gan: Gan, real: Array) -> tuple[Array, ...]:
        noise = self.noise(gan.rngs)

        def losses(
            generator: nnx.Module, discriminator: nnx.Module
        ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
            real_logits, fake_logits = discriminator(real), discriminator(generator(noise))
            judged = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
            return (cross_entropy(fake_logits, True), judged), (real_logits, fake_logits)

        # Both losses share the fakes' pass: each goes back to its own network only.
        (made, judged), pull, logits = nnx.vjp(
            losses, gan.generator, gan.discriminator, has_aux=True, graph=False
        )
        one, zero = jnp.ones(()), jnp.zeros(())
        generator_gradients, _ = pull((one, zero))
        _, discriminator_gradients = pull((zero, one))
        gan.discriminator_optimiser.update(gan.discriminator, discriminator_gradients)
        gan.generator_optimiser.update(gan.generator, generator_gradients)
        return made, judged, *(nnx.sigmoid(each).mean() for each in logits)


class Enhanced(Baseline):
    """baseline with three more convolutions."""

    def networks(self) -> tuple[nnx.Module, nnx.Module]:
        generator = nnx.Sequential(
            self.dense(100, 7 * 7 * 256, bias=False),
            self.norm(7 * 7 * 256),
            leaky(0.3),
            as_maps(7, 256),
            self.conv_transpose(256, 128, 5),
            self.norm(128),
            leaky(0.3),
            self.conv(128, 128, 3, use_bias=False),
            self.norm(128),
            leaky(0.3),
            self.conv_transpose(128, 64, 5, 2),
            self.norm(64),
            leaky(0.3),
            self.conv(64, 64, 3, use_bias=False),
            self.norm(64),
            leaky(0.3),
            self.conv_transpose(64, 1, 5, 2),
            jnp.tanh,
        )
        discriminator = nnx.Sequential(
            self.conv(1, 64, 5, 2),
            leaky(0.3),
            nnx.Dropout(0.3, rngs=self.rngs),
            self.conv(64, 128, 5, 2),
            leaky(0.3),
            nnx.Dropout(0.3, rngs=self.rngs),
            self.conv(128, 256, 3, 2),
            leaky(0.3),
            nnx.Dropout(0.3, rngs=self.rngs),
            flat,
            self.dense(256 * 4 * 4, 1),
        )
        return generator, discriminator


class Decay(Baseline):
    """baseline's step with smaller kernels and learning rates that decay."""

    batch_size = 128
    epochs = 200

    def networks(self) -> tuple[nnx.Module, nnx.Module]:
        generator = nnx.Sequential(
            self.dense(100, 7 * 7 * 256, bias=False),
            as_maps(7, 256),
            self.norm(256),
            leaky(0.2),
            self.conv_transpose(256, 128, 4, 2),
            self.norm(128),
            leaky(0.2),
            self.conv_transpose(128, 64, 4, 2),
            self.norm(64),
            leaky(0.2),
            self.conv_transpose(64, 1, 4, use_bias=True),
            jnp.tanh,
        )
        discriminator = nnx.Sequential(
            self.conv(1, 64, 4, 2),
            leaky(0.2),
            nnx.Dropout(0.3, rngs=self.rngs),
            self.conv(64, 128, 4, 2),
            leaky(0.2),
            nnx.Dropout(0.3, rngs=self.rngs),
            flat,
            self.dense(128 * 7 * 7, 1),
        )
        return generator, discriminator

    def optimisers(self, train_images: int) -> tuple[optax.GradientTransformation, ...]:
        quarter = self.epochs * train_images // self.batch_size // 4
        generator_rate = optax.exponential_decay(2e-4, quarter, 0.5)
        discriminator_rate = optax.exponential_decay(1e-4, quarter, 0.5)
        return optax.adam(generator_rate, b1=0.5), optax.adam(discriminator_rate, b1=0.5)


class UpsamplingSgd(Script):
    """The discriminator sees real and fake images in one batch; both networks learn by SGD."""

    def networks(self) -> tuple[nnx.Module, nnx.Module]:
        generator = nnx.Sequential(
            self.dense(100, 1024),
            jnp.tanh,
            self.dense(1024, 128 * 7 * 7),
            self.norm(128 * 7 * 7),
            jnp.tanh,
            as_maps(7, 128),
            enlarge,
            self.conv(128, 64, 5),
            jnp.tanh,
            enlarge,
            self.conv(64, 1, 5),
            jnp.tanh,
        )
        discriminator = nnx.Sequential(
            self.conv(1, 64, 5),
            jnp.tanh,
            pool,
            self.conv(64, 128, 5, padding="VALID"),
            jnp.tanh,
            pool,
            flat,
            self.dense(128 * 5 * 5, 1024),
            jnp.tanh,
            self.dense(1024, 1),
        )
        return generator, discriminator

    def optimisers(self, train_images: int) -> tuple[optax.GradientTransformation, ...]:
        return tuple(optax.sgd(5e-4, momentum=0.9, nesterov=True) for _ in range(2))

    def noise(self, rngs: nnx.Rngs) -> Array:
        return jax.random.uniform(rngs(), (self.batch_size, self.latent_size), minval=-1)

    def step(self, gan: Gan, real: Array) -> tuple[Array, ...]:
        fake = gan.generator(self.noise(gan.rngs))

        def of_discriminator(discriminator: nnx.Module) -> tuple[Array, Array]:
            logits = discriminator(jnp.concatenate([real, fake]))
            real_logits, fake_logits = jnp.split(logits, 2)
            both = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
            return both / 2, logits

        (judged, logits), gradients = nnx.value_and_grad(of_discriminator, has_aux=True)(
            gan.discriminator
        )
        gan.discriminator_optimiser.update(gan.discriminator, gradients)
        noise = self.noise(gan.rngs)

        def of_generator(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            return cross_entropy(discriminator(generator(noise)), True)

        made, gradients = nnx.value_and_grad(of_generator)(gan.generator, gan.discriminator)
        gan.generator_optimiser.update(gan.generator, gradients)
        probabilities = jnp.split(nnx.sigmoid(logits), 2)
        return made, judged, *(each.mean() for each in probabilities)


class WganGp(Dcgan):
    """dcgan's generator against a critic with a gradient penalty."""

    batch_size = 64
    critic_steps = 5

    def networks(self) -> tuple[nnx.Module, nnx.Module]:
        generator, _ = super().networks()
        critic = nnx.Sequential(
            self.conv(1, 64, 4, 2),
            leaky(0.2),
            self.conv(64, 128, 4, 2),
            leaky(0.2),
            self.conv(128, 1, 7, padding="VALID", use_bias=False),
            flat,
        )
        return generator, critic

    def optimisers(self, train_images: int) -> tuple[optax.GradientTransformation, ...]:
        return optax.adam(1e-4, b1=0.0, b2=0.9), optax.adam(1e-4, b1=0.0, b2=0.9)

    def train(self, steps: int) -> list[Losses]:
        """Train for this many more steps, of several batches each, and return their losses."""
        losses = []
        with jax.enable_x64(False):
            for _ in range(steps):
                batches = [next(self.batches) for _ in range(self.critic_steps)]
                real = jax.device_put(np.stack(batches), self.device)
                losses.append(tuple(float(value) for value in self.jitted_step(self.gan, real)))
        return losses

    def update_critic(self, gan: Gan, real: Array) -> Array:
        fake = gan.generator(self.noise(gan.rngs))
        mix = jax.random.uniform(gan.rngs(), (self.batch_size, 1, 1, 1))
        mixed = mix * real + (1 - mix) * fake

        def loss(critic: nnx.Module) -> Array:
            slopes = nnx.grad(lambda images, critic: critic(images).sum())(mixed, critic)
            norms = jnp.sqrt(jnp.square(slopes).sum((1, 2, 3)) + 1e-12)
            penalty = jnp.square(norms - 1).mean()
            return critic(fake).mean() - critic(real).mean() + 10 * penalty

        judged, gradients = nnx.value_and_grad(loss)(gan.discriminator)
        gan.discriminator_optimiser.update(gan.discriminator, gradients)
        return judged

    def update_generator(self, gan: Gan, noise: Array) -> Array:
        def loss(generator: nnx.Module, critic: nnx.Module) -> Array:
            return -critic(generator(noise)).mean()

        made, gradients = nnx.value_and_grad(loss)(gan.generator, gan.discriminator)
        gan.generator_optimiser.update(gan.generator, gradients)
        return made

    def step(self, gan: Gan, real: Array) -> tuple[Array, ...]:
        judged = [self.update_critic(gan, batch) for batch in real]
        return self.update_generator(gan, self.noise(gan.rngs)), judged[-1]


class Sngan(Script):
    """Spectral normalisation in the discriminator, and the hinge loss."""

    batch_size = 64
    latent_size = 128
    kernel_init = staticmethod(nnx.initializers.normal(0.02))

    def networks(self) -> tuple[nnx.Module, nnx.Module]:
        generator = nnx.Sequential(
            self.dense(128, 7 * 7 * 128, bias=False),
            as_maps(7, 128),
            self.norm(128),
            nnx.relu,
            self.conv_transpose(128, 64, 4, 2),
            self.norm(64),
            nnx.relu,
            self.conv_transpose(64, 32, 4, 2),
            self.norm(32),
            nnx.relu,
            self.conv(32, 1, 3),
            jnp.tanh,
        )
        layers: list[Callable[[Array], Array]] = []
        for entering, channels, size, stride in (
            (1, 32, 3, 1),
            (32, 32, 4, 2),
            (32, 64, 3, 1),
            (64, 64, 4, 2),
            (64, 128, 3, 1),
        ):
            layers += [self.spectral(self.conv(entering, channels, size, stride)), leaky(0.1)]
        last = self.spectral(self.dense(7 * 7 * 128, 1))
        return generator, nnx.Sequential(*layers, flat, last)

    def spectral(self, layer: nnx.Module) -> nnx.Module:
        return nnx.SpectralNorm(layer, rngs=self.rngs)

    def optimisers(self, train_images: int) -> tuple[optax.GradientTransformation, ...]:
        return optax.adam(2e-4, b1=0.0, b2=0.9), optax.adam(2e-4, b1=0.0, b2=0.9)

    def step(self, gan: Gan, real: Array) -> tuple[Array, ...]:
        fake = gan.generator(self.noise(gan.rngs))

        def of_discriminator(discriminator: nnx.Module) -> Array:
            on_real = nnx.relu(1 - discriminator(real)).mean()
            return on_real + nnx.relu(1 + discriminator(fake)).mean()

        judged, gradients = nnx.value_and_grad(of_discriminator)(gan.discriminator)
        gan.discriminator_optimiser.update(gan.discriminator, gradients)
        noise = self.noise(gan.rngs)

        def of_generator(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            return -discriminator(generator(noise)).mean()

        made, gradients = nnx.value_and_grad(of_generator)(gan.generator, gan.discriminator)
        gan.generator_optimiser.update(gan.generator, gradients)
        return made, judged


class Cosine(Dcgan):
    """dcgan with rates that fall along a cosine, and an average of the generator."""

    epochs = 25

    def __init__(self, images: np.ndarray, device: str) -> None:
        super().__init__(images, device)
        self.gan.average = nnx.clone(self.gan.generator)

    def optimisers(self, train_images: int) -> tuple[optax.GradientTransformation, ...]:
        steps = self.epochs * train_images // self.batch_size
        rate = optax.cosine_decay_schedule(2e-4, steps)
        return optax.adam(rate, b1=0.5), optax.adam(rate, b1=0.5)

    def step(self, gan: Gan, real: Array) -> tuple[Array, ...]:
        losses = super().step(gan, real)
        kept, new = nnx.state(gan.average), nnx.state(gan.generator)
        nnx.update(gan.average, jax.tree.map(lambda old, now: 0.99 * old + 0.01 * now, kept, new))
        return losses


class Block(nnx.Module):
    """Maps and what three convolutions make of them."""

    def __init__(self, script: Script, channels: int) -> None:
        self.branch = nnx.Sequential(
            script.conv(channels, channels, 1),
            leaky(0.2),
            script.conv(channels, channels, 3),
            leaky(0.2),
            script.conv(channels, channels, 1, use_bias=False),
        )

    def __call__(self, maps: Array) -> Array:
        return maps + self.branch(maps)


class R3gan(Script):
    """Residual networks; pairs of a real image and a fake, and a penalty of both."""

    batch_size = 32
    latent_size = 64

    def __init__(self, images: np.ndarray, device: str) -> None:
        super().__init__(images, device)
        self.gan.average = nnx.clone(self.gan.generator)

    def networks(self) -> tuple[nnx.Module, nnx.Module]:
        average = partial(nnx.avg_pool, window_shape=(2, 2), strides=(2, 2))
        generator = nnx.Sequential(
            self.dense(64, 7 * 7 * 128, bias=False),
            as_maps(7, 128),
            Block(self, 128),
            self.conv(128, 64, 1, use_bias=False),
            enlarge,
            Block(self, 64),
            self.conv(64, 32, 1, use_bias=False),
            enlarge,
            Block(self, 32),
            self.conv(32, 1, 3),
            jnp.tanh,
        )
        discriminator = nnx.Sequential(
            self.conv(1, 16, 3),
            Block(self, 16),
            average,
            self.conv(16, 32, 1, use_bias=False),
            Block(self, 32),
            average,
            self.conv(32, 64, 1, use_bias=False),
            Block(self, 64),
            flat,
            self.dense(7 * 7 * 64, 1, bias=False),
        )
        return generator, discriminator

    def optimisers(self, train_images: int) -> tuple[optax.GradientTransformation, ...]:
        return optax.adam(5e-4, b1=0.0, b2=0.99), optax.adam(5e-4, b1=0.0, b2=0.99)

    def step(self, gan: Gan, real: Array) -> tuple[Array, ...]:
        fake = gan.generator(self.noise(gan.rngs))

        def of_discriminator(discriminator: nnx.Module) -> Array:
            penalties = 0.0
            for images in (real, fake):
                slopes = nnx.grad(lambda images, judge: judge(images).sum())(images, discriminator)
                penalties += jnp.square(slopes).sum((1, 2, 3)).mean() / 2
            paired = cross_entropy(discriminator(real) - discriminator(fake), True)
            return paired + 10 * penalties

        judged, gradients = nnx.value_and_grad(of_discriminator)(gan.discriminator)
        gan.discriminator_optimiser.update(gan.discriminator, gradients)
        noise = self.noise(gan.rngs)

        def of_generator(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            return cross_entropy(discriminator(generator(noise)) - discriminator(real), True)

        made, gradients = nnx.value_and_grad(of_generator)(gan.generator, gan.discriminator)
        gan.generator_optimiser.update(gan.generator, gradients)
        kept, new = nnx.state(gan.average), nnx.state(gan.generator)
        nnx.update(gan.average, jax.tree.map(lambda old, now: 0.99 * old + 0.01 * now, kept, new))
        return made, judged


def augmented(images: Array, key: Array) -> Array:
    """Move each image, and set a square of it to 0."""
    count, side, _, channels = images.shape
    for_moves, for_cuts = jax.random.split(key)
    moves = jax.random.randint(for_moves, (count, 2), 0, 9)
    starts = jax.random.randint(for_cuts, (count, 2), 0, side + 1) - 7
    padded = jnp.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))

    def moved(image: Array, move: Array) -> Array:
        return jax.lax.dynamic_slice(image, (move[0], move[1], 0), (side, side, channels))

    places = jnp.arange(side)
    inside = (places >= starts[..., None]) & (places < starts[..., None] + 14)
    square = inside[:, 0, :, None, None] & inside[:, 1, None, :, None]
    return jnp.where(square, 0, jax.vmap(moved)(padded, moves))


class Augment(Dcgan):
    """dcgan with differentiable augmentation."""

    def step(self, gan: Gan, real: Array) -> tuple[Array, ...]:
        noise = self.noise(gan.rngs)
        shown = augmented(real, gan.rngs()), augmented(gan.generator(noise), gan.rngs())
        judged, d_real, d_fake = self.update_discriminator(gan, *shown)
        key = gan.rngs()

        def loss(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            return cross_entropy(discriminator(augmented(generator(noise), key)), True)

        made, gradients = nnx.value_and_grad(loss)(gan.generator, gan.discriminator)
        gan.generator_optimiser.update(gan.generator, gradients)
        return made, judged, d_real, d_fake


class LabelledGenerator(nnx.Module):
    def __init__(self, script: Script) -> None:
        self.embedding = nnx.Embed(10, 32, rngs=script.rngs)
        self.layers = nnx.Sequential(
            script.dense(160, 7 * 7 * 128, bias=False),
            as_maps(7, 128),
            script.norm(128),
            nnx.relu,
            script.conv_transpose(128, 64, 4, 2),
            script.norm(64),
            nnx.relu,
            script.conv_transpose(64, 32, 4, 2),
            script.norm(32),
            nnx.relu,
            script.conv(32, 1, 3),
            jnp.tanh,
        )

    def __call__(self, latents: Array, labels: Array) -> Array:
        return self.layers(jnp.concatenate([latents, self.embedding(labels)], 1))


class ProjectionDiscriminator(nnx.Module):
    def __init__(self, script: Script) -> None:
        layers: list[Callable[[Array], Array]] = []
        for entering, channels, size, stride in (
            (1, 32, 3, 1),
            (32, 32, 4, 2),
            (32, 64, 3, 1),
            (64, 64, 4, 2),
            (64, 128, 3, 1),
        ):
            convolution = script.conv(entering, channels, size, stride)
            layers += [nnx.SpectralNorm(convolution, rngs=script.rngs), leaky(0.1)]
        self.layers = nnx.Sequential(*layers)
        self.last = nnx.SpectralNorm(script.dense(128, 1), rngs=script.rngs)
        vectors = nnx.Embed(10, 128, embedding_init=script.kernel_init, rngs=script.rngs)
        self.embedding = nnx.SpectralNorm(vectors, rngs=script.rngs)

    def __call__(self, images: Array, labels: Array) -> Array:
        sums = self.layers(images).sum((1, 2))
        return self.last(sums)[:, 0] + (sums * self.embedding(labels)).sum(1)


class Conditional(Script):
    """Labels in both networks, spectral normalisation in the discriminator, the hinge loss."""

    batch_size = 64
    latent_size = 128
    kernel_init = staticmethod(nnx.initializers.normal(0.02))

    def networks(self) -> tuple[nnx.Module, nnx.Module]:
        return LabelledGenerator(self), ProjectionDiscriminator(self)

    def optimisers(self, train_images: int) -> tuple[optax.GradientTransformation, ...]:
        return optax.adam(2e-4, b1=0.0, b2=0.9), optax.adam(2e-4, b1=0.0, b2=0.9)

    def labels(self, rngs: nnx.Rngs) -> Array:
        return jax.random.randint(rngs(), (self.batch_size,), 0, 10)

    def step(self, gan: Gan, real: Array) -> tuple[Array, ...]:
        # A benchmark has images alone, so that their labels are drawn, too.
        of_real, of_fake = self.labels(gan.rngs), self.labels(gan.rngs)
        fake = gan.generator(self.noise(gan.rngs), of_fake)

        def of_discriminator(discriminator: nnx.Module) -> Array:
            on_real = nnx.relu(1 - discriminator(real, of_real)).mean()
            return on_real + nnx.relu(1 + discriminator(fake, of_fake)).mean()

        judged, gradients = nnx.value_and_grad(of_discriminator)(gan.discriminator)
        gan.discriminator_optimiser.update(gan.discriminator, gradients)
        noise, labels = self.noise(gan.rngs), self.labels(gan.rngs)

        def of_generator(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            return -discriminator(generator(noise, labels), labels).mean()

        made, gradients = nnx.value_and_grad(of_generator)(gan.generator, gan.discriminator)
        gan.generator_optimiser.update(gan.generator, gradients)
        return made, judged


class Sum(nnx.Module):
    """Two paths from the same maps."""

    def __init__(self, branch: list[Any], shortcut: list[Any]) -> None:
        self.branch, self.shortcut = nnx.Sequential(*branch), nnx.Sequential(*shortcut)

    def __call__(self, maps: Array) -> Array:
        return self.branch(maps) + self.shortcut(maps)


class Resnet(Sngan):
    """sngan with residual blocks in both networks."""

    def networks(self) -> tuple[nnx.Module, nnx.Module]:
        average = partial(nnx.avg_pool, window_shape=(2, 2), strides=(2, 2))

        def up() -> nnx.Module:
            kernels = [self.conv(32, 32, size, use_bias=False) for size in (3, 3, 1)]
            norms = [self.norm(32) for _ in range(2)]
            branch = [norms[0], nnx.relu, enlarge, kernels[0], norms[1], nnx.relu, kernels[1]]
            return Sum(branch, [enlarge, kernels[2]])

        def spectral(entering: int, size: int) -> nnx.Module:
            return self.spectral(self.conv(entering, 32, size))

        generator = nnx.Sequential(
            self.dense(128, 7 * 7 * 32),
            as_maps(7, 32),
            up(),
            up(),
            self.norm(32),
            nnx.relu,
            self.conv(32, 1, 3),
            jnp.tanh,
        )
        plain = [[nnx.relu, spectral(32, 3), nnx.relu, spectral(32, 3)] for _ in range(2)]
        discriminator = nnx.Sequential(
            Sum([spectral(1, 3), nnx.relu, spectral(32, 3), average], [average, spectral(1, 1)]),
            Sum([*plain[0], average], [spectral(32, 1), average]),
            Sum(plain[1], []),
            nnx.relu,
            lambda maps: maps.sum((1, 2)),
            self.spectral(self.dense(32, 1)),
        )
        return generator, discriminator


SCRIPTS: dict[str, type[Script]] = {
    "dcgan": Dcgan,
    "dcgan-3g": Dcgan3g,
    "baseline": Baseline,
    "enhanced": Enhanced,
    "decay": Decay,
    "upsampling-sgd": UpsamplingSgd,
    "wgan-gp": WganGp,
    "sngan": Sngan,
    "cosine": Cosine,
    "resnet": Resnet,
    "r3gan": R3gan,
    "augment": Augment,
    "conditional": Conditional,
}
"""By recipe."""
