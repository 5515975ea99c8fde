"""The update of the recipes that update the networks in turn, each on fresh latents."""

from abc import abstractmethod

import tensorflow as tf

from gan_bench_keras.base import KerasTrainer


class AlternatingTrainer(KerasTrainer):
    """A trainer of p discriminator updates, then k generator updates."""

    def update(self, real: list[tf.Tensor], draws: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update the discriminator p times, then the generator k times, each on fresh noise."""
        noise, steps = tf.unstack(draws["latents"]), self.recipe.discriminator_steps
        further = {name: tf.unstack(draw) for name, draw in draws.items() if name != "latents"}
        judged = [
            self.update_discriminator(
                images, noise[index], **{name: draw[index] for name, draw in further.items()}
            )
            for index, images in enumerate(real)
        ]
        # What has as many batches as the latents is of all updates, the rest of the discriminator.
        of_all = {name: draw for name, draw in further.items() if len(draw) == len(noise)}
        made = [
            self.update_generator(
                noise[index], real[-1], **{name: draw[index] for name, draw in of_all.items()}
            )
            for index in range(steps, len(noise))
        ]
        return _by_loss(judged) | _by_loss(made)

    @abstractmethod
    def update_discriminator(
        self, images: tf.Tensor, noise: tf.Tensor, **draws: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Make one update on real images NHWC; return the losses that it has, by name."""

    @abstractmethod
    def update_generator(
        self, noise: tf.Tensor, images: tf.Tensor, **draws: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Make one update; return its loss. The real images are those of the last update."""


def leave_graphs_as_traced() -> None:
    """Switch TensorFlow's graph optimiser off, before the first operation of the process.

    TensorFlow 2.21 optimises equal graphs of several updates differently, depending on the numbers
    in their names: equal trainers of sngan and resnet differ by rounding, and with a gradient
    penalty some of the updates are wrong, by up to a quarter of a step in float64.
    """
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def _by_loss(updates: list[dict[str, tf.Tensor]]) -> dict[str, tf.Tensor]:
    """Return the losses of several updates, by name, each (updates,)."""
    return {name: tf.stack([losses[name] for losses in updates]) for name in updates[0]}
