"""The contract between the harness and an implementation of a GAN.

The harness controls what must be equal for all implementations: initial weights, data and batch
order, latents, seeds, the clock, evaluation points, checkpoints. A trainer controls what makes it
fast: the input pipeline on the device, compilation, memory layout.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import UsageError
from gan_bench.recipe import Recipe

T = TypeVar("T")
Weights = Mapping[str, NDArray[np.generic]]
"""Tensors by canonical name, in canonical layouts.

``generator.<i>.<tensor>`` and ``discriminator.<i>.<tensor>``, where ``<i>`` counts the layers that
have tensors, in forward order. A further network, such as an average of the generator's weights,
has a name of its own instead. Tensors: see `TENSORS`, and the trainer's ``own_tensors``. Layouts:
convolution and transposed convolution (height, width, in, out), where ``in`` is the number of input
channels; dense (in, out). Feature maps are flattened and unflattened in NHWC order.
"""

NETWORKS = ("generator", "discriminator")
TENSORS = (
    *("kernel", "bias"),  # convolution, transposed convolution, dense
    *("gamma", "beta", "moving_mean", "moving_variance"),  # normalisation
    *("embeddings", "alpha"),  # embedding; the slopes of a trained leaky ReLU
    *("u", "v"),  # the vectors of spectral normalisation
    *("magnitude", "direction"),  # weight normalisation, of the kernel
)
"""The tensors that have a canonical name."""
_VECTORS = ("u", "v")


def is_trained(name: str) -> bool:
    """Return whether an optimiser updates the tensor of this canonical name."""
    tensor = name.rpartition(".")[2]
    return not tensor.startswith("moving_") and tensor not in _VECTORS


def is_given(name: str) -> bool:
    """Return whether the initial weights of a recipe have the tensor of this canonical name."""
    network, _, tensor = name.partition(".")
    return network in NETWORKS and tensor.rpartition(".")[2] not in _VECTORS


class Unsupported(Exception):
    """Raised by a trainer that cannot do exactly what the run asks for."""


@dataclass(frozen=True)
class Losses:
    """The losses of one call of ``train``; each array has shape (steps,) and the recipe's dtype.

    ``generator`` and ``discriminator`` are the losses that the recipe minimises. If a step updates
    a network several times, they are the mean over these updates. ``d_real`` and ``d_fake`` are the
    batch means of sigmoid(D(x)) and sigmoid(D(G(z))) in the discriminator's update, or None if the
    implementation does not report them.
    """

    generator: NDArray[np.floating]
    discriminator: NDArray[np.floating]
    d_real: NDArray[np.floating] | None = None
    d_fake: NDArray[np.floating] | None = None


@runtime_checkable
class Trainer(Protocol):
    """One implementation: a recipe in a framework.

    The harness finds the class through an entry point in the group ``gan_bench.implementations``
    (named ``<framework>-<recipe>``), or through the path of the file that defines it.
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

        With ``--deterministic`` the environment variable ``GAN_BENCH_DETERMINISTIC`` is 1: the
        trainer then makes its framework use deterministic kernels.

        Parameters
        ----------
        recipe
            An instance of ``recipe_class``.
        images
            uint8 (n, height, width, channels), the whole training split, read-only. A pixel value
            x means x / 127.5 - 1.
        labels
            int64 (n,).
        device
            ``cpu`` or ``cuda:<index>``. A trainer that cannot use it raises `Unsupported`.
        planned_steps
            Number of steps of the whole run, for learning rate schedules.
        seed
            Seed of the trainer's own random draws, such as dropout masks. Batches, latents and
            initial weights come from the harness.
        """
        ...

    def set_weights(self, weights: Weights) -> None:
        """Replace every tensor of both networks; leave the optimisers' state unchanged."""
        ...

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of every tensor of both networks, on the host, in the recipe's dtype."""
        ...

    def train(self, batches: NDArray[np.int64], latents: NDArray[np.float32]) -> Losses:
        """Train one step for each row; return when the device is idle again.

        Do not synchronise with the device inside the loop. Consecutive calls continue each other:
        two calls of five steps give bit-identical results to one call of ten.

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

        The generator runs in inference mode; outputs become grey levels by
        clip(round(127.5 (x + 1)), 0, 255). Each image depends, to the bit, only on the weights and
        its own row of latents, and the call changes no state. Kernels may round differently at
        other batch sizes, so compute in batches of one fixed shape.
        """
        ...

    def forward(
        self, latents: NDArray[np.float32], images: NDArray[np.float32], training: bool
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """Return G(latents) as float NHWC in [-1, 1] and D(images) as logits of shape (n,).

        Used by ``gan-bench parity`` only. ``images`` are float NHWC in [-1, 1]; there may be any
        number of images and of latents. If ``training`` is true, batch normalisation uses the
        batch's statistics; dropout is always off. The call changes no moving statistics, optimiser
        state or random state.
        """
        ...

    # A trainer may also have `own_tensors: ClassVar[Mapping[str, str]]`, the canonical names of
    # tensors that are not in `TENSORS`, by the framework's names: {"strength": "strength"}.
    # It may have `multiply_adds() -> dict[str, int]`: the multiply-adds of one image's
    # forward pass through ``generator`` and ``discriminator``, counted on the networks as built.
    # The conformance suite compares them with the recipe's `forward_multiply_adds`.

    def save(self, path: Path) -> None:
        """Write the complete training state below the existing, empty folder ``path``.

        That is weights, optimisers, the random state of dropout and the step: training that
        continues after ``load`` must be bit-identical to uninterrupted training.
        """
        ...

    def load(self, path: Path) -> None:
        """Restore what ``save`` wrote; the trainer was built with the same arguments."""
        ...


LOSS_COLUMNS = ("generator", "discriminator", "d_real", "d_fake")


def reported_losses(losses: Sequence[T | None], trainer: type) -> dict[str, T]:
    """Return the losses of an update by name, without those that are left out or None.

    Raises
    ------
    UsageError
        There are too many, or the generator's or the discriminator's is missing.
    """
    found = {
        name: loss for name, loss in zip(LOSS_COLUMNS, losses, strict=False) if loss is not None
    }
    if len(losses) > len(LOSS_COLUMNS) or not set(NETWORKS) <= found.keys():
        raise UsageError(
            f"The update of {trainer.__name__} has to return the losses of generator and "
            "discriminator, and after them d_real and d_fake, if it reports these; it returned "
            f"{len(losses)} values."
        )
    return found
