"""The losses of the papers, framework-free: equations, conventions, draws and cost.

A recipe names one as its ``loss``. The functions are in NumPy what those of the same names are in a
framework's ``losses.py``, the reference of their tests.

Conventions
-----------
- D(x) is a logit (batch,), never a probability.
- E is the mean over the batch. What a discriminator minimises is the sum of its term for real
  images and its term for fakes, not their mean.
- ``real`` says which of the two the logits should look like: the discriminator's terms are
  f(D(x), True) and f(D(G(z)), False), the generator's is f(D(G(z)), True).
- Penalties are the discriminator's, of the gradient of D(x) with respect to x in [-1, 1], a row for
  each image; norms are Euclidean, over all pixels and channels. The fakes are constants. The
  recipe's weight multiplies the value that the functions return and is not part of the loss that
  is reported under the penalty's name; it is part of ``discriminator``.
- A discriminator with a penalty treats every image alone: no batch normalisation.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gan_bench.recipe import LOSSES, Draw
from gan_bench_recipes.layers import Network

Array = NDArray[np.float64]


def cross_entropy(logits: Array, real: bool) -> np.float64:
    """Return the binary cross-entropy of sigmoid(logits) with the target 1 or 0.

    -E[log sigmoid(D)] if real, else -E[log(1 - sigmoid(D))] = -E[log sigmoid(-D)].
    """
    return np.logaddexp(0, -logits if real else logits).mean()


def least_squares(logits: Array, real: bool) -> np.float64:
    """Return half the squared distance from 1, 1/2 E[(D - 1)^2], if real, else from 0."""
    return np.square(logits - float(real)).mean() / 2


def hinge(logits: Array, real: bool) -> np.float64:
    """Return the discriminator's hinge: E[max(0, 1 - D)] if real, else E[max(0, 1 + D)]."""
    return np.maximum(1 - logits if real else 1 + logits, 0).mean()


def wasserstein(logits: Array, real: bool) -> np.float64:
    """Return -E[D] if real, else E[D]."""
    return -logits.mean() if real else logits.mean()


def relativistic(logits: Array, others: Array) -> np.float64:
    """Return -E[log sigmoid(D_i - D'_i)]: each logit should be above the other of its pair."""
    return cross_entropy(logits - others, True)


def gradient_penalty(gradients: Array) -> np.float64:
    """Return E[(|grad D| - 1)^2]."""
    return np.square(np.linalg.norm(gradients.reshape(len(gradients), -1), axis=1) - 1).mean()


def zero_centred_penalty(gradients: Array) -> np.float64:
    """Return 1/2 E[|grad D|^2]."""
    return np.square(gradients).sum() / len(gradients) / 2


class Loss:
    """What a recipe has to know of a loss."""

    convention: ClassVar[str]
    """What the recipe's ``conventions`` say of it."""

    losses: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    """What a trainer returns, by name."""

    @classmethod
    def draws(cls, updates: int) -> dict[str, Draw]:
        """Return what is random in a step of ``updates`` of the discriminator, besides latents."""
        return {}

    @classmethod
    def discriminator_update(cls, discriminator: Network) -> int:
        """Return the multiply-adds, for one real image and one fake, of a discriminator update."""
        return 2 * (discriminator.forward() + discriminator.gradients())

    @classmethod
    def generator_update(cls, discriminator: Network) -> int:
        """Return those, for one fake, of its pass through the discriminator and back."""
        return discriminator.forward() + discriminator.gradient_towards_input()


class NonSaturating(Loss):
    """Cross-entropy, the generator maximising log D (Goodfellow et al. 2014, section 3).

    Discriminator: cross_entropy(D(x), True) + cross_entropy(D(G(z)), False).
    Generator: cross_entropy(D(G(z)), True).
    """

    convention = "binary cross-entropy from logits, batch means; generator non-saturating"
    losses = LOSSES


class LeastSquares(Loss):
    """LSGAN (Mao et al. 2017, equation 9): targets 1 for real, 0 for fakes, 1 for the generator.

    Discriminator: least_squares(D(x), True) + least_squares(D(G(z)), False).
    Generator: least_squares(D(G(z)), True). The factor 1/2 is the paper's.
    """

    convention = "half the squared distance from targets 1 and 0, batch means"


class Hinge(Loss):
    """Geometric GAN (Lim and Ye 2017); SNGAN (Miyato et al. 2018, equations 16 and 17).

    Discriminator: hinge(D(x), True) + hinge(D(G(z)), False).
    Generator: wasserstein(D(G(z)), True), without a hinge.
    """

    convention = "hinge of the discriminator's logits, batch means; generator -E[D(G(z))]"


class WassersteinGradientPenalty(Loss):
    """WGAN-GP (Gulrajani et al. 2017, equation 3 and algorithm 1).

    Discriminator: wasserstein(D(x), True) + wasserstein(D(G(z)), False) + lambda gradient_penalty,
    lambda = 10 in the paper, at m x + (1 - m) G(z), m in [0, 1) drawn for each image (``mix``).
    Generator: wasserstein(D(G(z)), True).
    """

    convention = "Wasserstein, batch means; penalty E[(|grad D| - 1)^2] on mixed images"
    losses = ("generator", "discriminator", "gradient_penalty")

    @classmethod
    def draws(cls, updates: int) -> dict[str, Draw]:
        """Return ``mix``, the share of the real image in a mixed one."""
        return {"mix": Draw((), updates, "uniform01")}

    @classmethod
    def discriminator_update(cls, discriminator: Network) -> int:
        """Return the multiply-adds; the mixed image passes the discriminator, too."""
        penalty = discriminator.forward() + _penalty(discriminator)
        return super().discriminator_update(discriminator) + penalty


class RelativisticR1R2(Loss):
    """R3GAN (Huang et al. 2024), of pairs of a real image and a fake.

    Discriminator: relativistic(D(x), D(G(z))) + gamma (r1 + r2).
    Generator: relativistic(D(G(z)), D(x)).
    r1 and r2: zero_centred_penalty at the x and the G(z) of the discriminator's update; with
    gamma, that is gamma/2 E[|grad D|^2] (Mescheder, Geiger and Nowozin 2018, equation 9).

    The pairing is that of RSGAN (Jolicoeur-Martineau 2018).
    """

    convention = "relativistic pairs, batch means; penalties 1/2 E[|grad D|^2] on reals and fakes"
    losses = ("generator", "discriminator", "r1", "r2")

    @classmethod
    def discriminator_update(cls, discriminator: Network) -> int:
        """Return the multiply-adds; the penalties share the passes of the logits."""
        return super().discriminator_update(discriminator) + 2 * _penalty(discriminator)

    @classmethod
    def generator_update(cls, discriminator: Network) -> int:
        """Return the multiply-adds; the fake's real partner passes the discriminator, too."""
        return super().generator_update(discriminator) + discriminator.forward()


def _penalty(discriminator: Network) -> int:
    """Return those of a penalty at one image: its gradient, and the kernels' through it."""
    return discriminator.gradient_towards_input() + discriminator.gradients_through_gradient()
