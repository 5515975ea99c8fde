"""What recipes share whose networks are lists of layers."""

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gan_bench.recipe import Recipe
from gan_bench.streams import Stream, generator
from gan_bench_recipes.layers import Network


def knob(default: Any, description: str, origin: str, **constraints: Any) -> Any:
    """Return the field of a hyperparameter.

    Parameters
    ----------
    default
        The recipe's value.
    description
        What it is, with its unit.
    origin
        Where the value comes from: ``source`` (the recipe's source states it), ``chosen`` (the
        source is silent), or ``framework default pinned``.
    constraints
        pydantic's ``ge``, ``gt``, ``le``, ``lt``, ``examples``.
    """
    return Field(
        default=default,
        description=description,
        json_schema_extra={"origin": origin},
        **constraints,
    )


class LayeredRecipe(Recipe):
    """A recipe that states its networks once, as layers, for 28 x 28 grey images."""

    @abstractmethod
    def generator(self) -> Network:
        """Return the generator's layers."""

    @abstractmethod
    def discriminator(self) -> Network:
        """Return the discriminator's layers."""

    def initial_weights(self, seed: int) -> dict[str, NDArray[np.float32]]:
        """Return every tensor of both networks at the start, each from a stream of its own."""
        tensors = [
            (f"{name}.{key}", tensor)
            for name, network in self._networks().items()
            for key, tensor in network.tensors()
        ]
        return {
            key: tensor.initial.draw(
                generator(seed, Stream.INITIAL_WEIGHTS, index), tensor.shape
            ).astype(np.float32)
            for index, (key, tensor) in enumerate(tensors)
        }

    def parameter_counts(self) -> dict[str, int]:
        """Return the trainable parameters of ``generator`` and ``discriminator``."""
        return {name: network.parameter_count() for name, network in self._networks().items()}

    def cannot_make(self, height: int, width: int, channels: int) -> str | None:
        """Return why the recipe cannot make such images, or None if it can."""
        if (height, width, channels) == (28, 28, 1):
            return None
        return (
            f"{self.name} makes 28 x 28 images with 1 channel, its layers fit no other size; "
            f"these are {height} x {width} with {channels}"
        )

    def _networks(self) -> dict[str, Network]:
        return {"generator": self.generator(), "discriminator": self.discriminator()}
