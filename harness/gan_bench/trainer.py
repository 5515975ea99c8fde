"""The contract between the harness and an implementation of a GAN.

The harness owns what must be equal for all implementations: initial weights, data and batch
order, latents, seeds, the clock, evaluation points, checkpoints. A trainer owns what makes it
fast: the input pipeline on the device, compilation, memory layout.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gan_bench.recipe import Recipe

Weights = Mapping[str, NDArray[np.generic]]
"""Tensors by canonical name, in canonical layouts.

``generator.<i>.<tensor>`` and ``discriminator.<i>.<tensor>``, where ``<i>`` counts the layers that
have tensors, in the order in which data passes them. Tensors: ``kernel`` and ``bias`` (convolution,
transposed convolution, dense), ``gamma``, ``beta``, ``moving_mean``, ``moving_variance`` (batch
normalisation). Layouts: convolution and transposed convolution (height, width, in, out), ``in``
being the channels that enter the layer; dense (in, out). Feature maps are flattened and unflattened
in NHWC order.
"""


class Unsupported(Exception):
    """Raised by a trainer that cannot do what the run asks; it never approximates."""


@dataclass(frozen=True)
class Losses:
    """What one call of ``train`` reports, each of shape (steps,) in the recipe's dtype.

    ``generator`` and ``discriminator`` are the losses as the recipe minimises them (where a step
    updates a network several times, the mean over these updates); ``d_real`` and ``d_fake`` are the
    batch means of sigmoid(D(x)) and sigmoid(D(G(z))) in the discriminator's update, or None where
    an implementation has none.
    """

    generator: NDArray[np.floating]
    discriminator: NDArray[np.floating]
    d_real: NDArray[np.floating] | None = None
    d_fake: NDArray[np.floating] | None = None


@runtime_checkable
class Trainer(Protocol):
    """One implementation: a recipe in a framework.

    The harness finds the class by an entry point in the group ``gan_bench.implementations`` (named
    ``<framework>-<recipe>``) or by the path of the file that defines it.
    """

    framework: ClassVar[str]
    """The framework's short name, such as ``torch``, ``keras`` or ``numpy``."""

    recipe_class: ClassVar[type[Recipe]]
    """The recipe that this class implements."""

    def __init__(
        self,
        recipe: Recipe,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        *,
        device: str,
        planned_steps: int,
        seed: int,
    ) -> None:
        """Build the networks and upload the data to the device.

        Where the run asks for ``--deterministic``, the environment variable
        ``GAN_BENCH_DETERMINISTIC`` is 1: a trainer then makes its framework repeat its bits.

        Parameters
        ----------
        recipe
            An instance of ``recipe_class``.
        images
            uint8 (n, height, width, channels), the whole training split; read-only, not to be
            written to. Pixel x stands for x / 127.5 - 1.
        labels
            int64 (n,).
        device
            ``cpu`` or ``cuda:<index>``. A trainer that cannot use it raises `Unsupported`.
        planned_steps
            The steps of the whole run, on which schedules depend.
        seed
            For random draws of the trainer's own (dropout masks); batches, latents and initial
            weights come from the harness.
        """
        ...

    def set_weights(self, weights: Weights) -> None:
        """Replace every tensor of both networks; optimiser state is left as it is."""
        ...

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of every tensor of both networks, on the host, in the recipe's dtype."""
        ...

    def train(self, batches: NDArray[np.int64], latents: NDArray[np.float32]) -> Losses:
        """Train one step for each row and return when the device is idle again.

        Never synchronises with the device inside the loop. Consecutive calls continue one another:
        two calls of five steps end in the same bits as one call of ten.

        Parameters
        ----------
        batches
            int64 (steps, recipe.real_batches_per_step, batch_size): indices into ``images``.
        latents
            float32 (steps, recipe.draws_per_step, batch_size, latent_size), used in that order.
        """
        ...

    def sample(
        self, latents: NDArray[np.float32], labels: NDArray[np.int64] | None = None
    ) -> NDArray[np.uint8]:
        """Return G(latents) as uint8 (n, height, width, channels) for any n >= 1.

        In inference mode, mapped to grey levels by clip(round(127.5 (x + 1)), 0, 255). An image
        depends, to the bit, on the weights and its own row of latents only, and nothing changes.
        Kernels may round differently for other batch sizes: compute in batches of one fixed shape.
        """
        ...

    def forward(
        self, latents: NDArray[np.float32], images: NDArray[np.float32], training: bool
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """Return G(latents) as float NHWC in [-1, 1] and D(images) as logits of shape (n,).

        For parity only. ``images`` are float NHWC in [-1, 1], any number as of latents.
        ``training`` chooses batch statistics (dropout stays off); moving statistics, optimisers and
        random state are left as they were.
        """
        ...

    # A trainer may also have `multiply_adds() -> dict[str, int]`: of one image's forward pass
    # through ``generator`` and ``discriminator``, counted on the networks as they were built. The
    # conformance suite compares them with the recipe's `forward_multiply_adds`.

    def save(self, path: Path) -> None:
        """Write everything that continuing needs below the existing, empty folder ``path``.

        Weights, optimisers, dropout's random state, the step: ``load`` and on gives the same bits
        as if nothing had happened.
        """
        ...

    def load(self, path: Path) -> None:
        """Restore what ``save`` wrote, into a trainer built with the same arguments."""
        ...


LOSS_COLUMNS = ("generator", "discriminator", "d_real", "d_fake")
