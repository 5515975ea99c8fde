"""Optimisers in the arithmetic that the recipes state."""

from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import ExponentialDecay, LearningRateSchedule


class Adam(keras.optimizers.Adam):
    """Adam with its epsilon in either form, each tensor's update in one kernel.

    Keras adds epsilon before bias correction, to the uncorrected root. PyTorch adds it after, which
    is the same as Keras' form with epsilon * sqrt(1 - beta2^t) in update t.
    """

    def __init__(
        self,
        network: keras.Model,
        learning_rate: float | LearningRateSchedule,
        *,
        beta1: float,
        beta2: float,
        epsilon: float,
        epsilon_form: Literal["after", "before"],
    ) -> None:
        super().__init__(
            learning_rate=learning_rate,
            # Keras casts Python floats through float32.
            beta_1=np.float64(beta1),
            beta_2=np.float64(beta2),
            epsilon=epsilon,
        )
        self.after = epsilon_form == "after"
        self.build(network.trainable_variables)

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Update one tensor in Keras' arithmetic."""
        dtype = gradient.dtype
        step = tf.cast(self.iterations.value + 1, dtype)
        beta1, beta2 = tf.constant(self.beta_1, dtype), tf.constant(self.beta_2, dtype)
        beta2_power = beta2**step
        epsilon = tf.constant(self.epsilon, dtype)
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=beta1**step,
            beta2_power=beta2_power,
            lr=tf.cast(learning_rate, dtype),
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon * tf.sqrt(1 - beta2_power) if self.after else epsilon,
            grad=gradient,
        )


def exponential_decay(rate: float, steps: float, factor: float) -> ExponentialDecay:
    """Return the rate before each step (from 0): ``rate * factor ** (step / steps)``."""
    # The rate's dtype is that of the arithmetic, and a Python float's would be float32.
    return ExponentialDecay(np.float64(rate), decay_steps=steps, decay_rate=factor, staircase=False)


class CosineDecay(LearningRateSchedule):
    """The rate before each step (from 0): ``rate / 2 * (1 + cos(pi * step / steps))``."""

    def __init__(self, rate: float, steps: int) -> None:
        self.rate, self.steps = rate, steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Return the rate, in float64: Keras' own schedule computes in float32."""
        return self.rate / 2 * (1 + tf.cos(np.pi * tf.cast(step, tf.float64) / self.steps))


def sgd(
    network: keras.Model, learning_rate: float, momentum: float, nesterov: bool
) -> keras.optimizers.SGD:
    """Return SGD: v = mu v - lr g, w += mu v - lr g; PyTorch's form too at a constant rate."""
    optimiser = keras.optimizers.SGD(
        learning_rate=learning_rate,
        momentum=np.float64(momentum),  # Keras casts a Python float through float32
        nesterov=nesterov,
    )
    optimiser.build(network.trainable_variables)
    return optimiser
