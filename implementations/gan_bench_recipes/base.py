"""What recipes share whose networks are lists of layers."""

from abc import abstractmethod
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gan_bench.recipe import Between, Draw, ImageShape, OneOf, Range, Recipe
from gan_bench.streams import Stream, generator
from gan_bench_recipes.layers import Network
from gan_bench_recipes.losses import Loss, NonSaturating


def hyperparameter(default: Any, description: str, origin: str, **constraints: Any) -> Any:
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


_NARROW = 8
"""Channels and units of the recipe on which the conformance suite tries each field."""

_SMALLEST_SIDE = 16
"""Pixels; the smallest maps, a quarter of it, still have more than one place for a kernel."""

_FACTOR = 10
"""Rates and weights of a penalty are drawn from a tenth to ten times the recipe's own."""
_DECAYS = {"beta1": (0.0, 0.5, 0.9), "beta2": (0.9, 0.99, 0.999), "momentum": (0.5, 0.9, 0.99)}
"""Decays of the optimisers that papers on GANs use; a recipe's own is drawn beside them."""

_COMPILATION = {
    "torch": "none on a CPU; on a GPU a step in float32 is one CUDA graph",
    "keras": "a step is one TensorFlow graph, on a GPU compiled by XLA",
    "jax": "the steps of a chunk are one loop, compiled by XLA",
}


class LayeredRecipe(Recipe):
    """A recipe that states its networks once, as layers that follow from the images' shape."""

    example_shape: ClassVar[ImageShape] = (28, 28, 1)

    loss: ClassVar[type[Loss]] = NonSaturating
    """The loss, from which cost and further draws follow; its ``losses`` are the recipe's."""

    latent_size: int = hyperparameter(100, "dimensions of a latent vector", "source", ge=1)
    latent_distribution: Literal["normal", "uniform"] = hyperparameter(
        "normal", "N(0, I), or uniform in [-1, 1)", "chosen"
    )

    def draws(self) -> dict[str, Draw]:
        """Return what is random in a step, by name: the latents, and what the loss needs."""
        return super().draws() | self.loss.draws(self.real_batches_per_step)

    @property
    def side(self) -> int:
        """Height and width of the images, in pixels."""
        return self.image_shape[0]

    @property
    def image_channels(self) -> int:
        """Channels of the images."""
        return self.image_shape[2]

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

    def forward_multiply_adds(self) -> dict[str, int]:
        """Return those of a forward pass of one image, ``generator`` and ``discriminator``."""
        return {name: network.forward() for name, network in self._networks().items()}

    @classmethod
    def ranges(cls) -> dict[str, Range]:
        """Return those of learning rates, penalties, the batch size and the optimiser's decays.

        Rates and penalties from a tenth to ten times the recipe's own value, the batch size from a
        quarter to four times by factors of two.
        """
        found: dict[str, Range] = {}
        for name, field in cls.model_fields.items():
            own = field.default
            if field.is_required():
                continue
            if name == "batch_size":
                sizes = (own // 4, own // 2, own, 2 * own, 4 * own)
                found[name] = OneOf(tuple(size for size in sizes if size > 1))
            elif name.endswith(("learning_rate", "penalty_weight")):
                if own > 0:
                    found[name] = Between(_rounded(own / _FACTOR), _rounded(own * _FACTOR))
            elif name in _DECAYS:
                found[name] = OneOf(tuple(sorted({*_DECAYS[name], own})))
        return found

    def without_dropout(self) -> Self:
        """Return the recipe with its dropout, if it has any, at rate 0."""
        return self.model_copy(
            update={"dropout": 0.0} if "dropout" in type(self).model_fields else {}
        )

    def smaller(self) -> Self:
        """Return the recipe with narrow layers."""
        widths = [n for n in type(self).model_fields if n.endswith(("_channels", "_units"))]
        return self.model_copy(update={name: min(getattr(self, name), _NARROW) for name in widths})

    @classmethod
    def conventions(cls, framework: str) -> dict[str, str]:
        """Return what is pinned and no field: the arithmetic's forms, by what they concern."""
        return {
            "images": "x / 127.5 - 1, and back by clip(round(127.5 (x + 1)), 0, 255)",
            "losses": cls.loss.convention,
            "flatten": "NHWC order in every framework",
            "initial weights": "drawn by the recipe, not by a framework",
            "compilation": _COMPILATION.get(framework, "as the implementation chooses"),
        }

    def cannot_make(self, height: int, width: int, channels: int) -> str | None:
        """Return why the recipe cannot make such images, or None if it can."""
        is_square = height == width and height >= _SMALLEST_SIDE and height % 4 == 0
        if is_square and channels in (1, 3):
            return None
        return (
            f"{self.name} makes square images with 1 or 3 channels whose side is a multiple of 4 "
            f"from {_SMALLEST_SIDE} on, because its layers halve the side twice; these are "
            f"{height} x {width} with {channels}"
        )

    def discriminator_update(self) -> int:
        """Return the multiply-adds, for one real image and one fake, of a discriminator update."""
        return self.loss.discriminator_update(self.discriminator())

    def generator_update(self) -> int:
        """Return those, for one fake, of a generator update through the discriminator.

        Without the pass through the generator, which may serve several updates.
        """
        return self.loss.generator_update(self.discriminator()) + self.generator().gradients()

    def _networks(self) -> dict[str, Network]:
        return {"generator": self.generator(), "discriminator": self.discriminator()}


def _rounded(value: float) -> float:
    """Return a number without the digits that arithmetic adds: 2e-4 / 10 is 2e-05."""
    return float(f"{value:.6g}")
