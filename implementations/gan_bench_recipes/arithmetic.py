"""Arithmetic that frameworks default differently, pinned: Adam and batch normalisation."""

from typing import Any, Literal

from gan_bench_recipes.base import LayeredRecipe, hyperparameter

_PINNED = "framework default pinned"
_EPSILON = "added to Adam's root; see adam_epsilon_form"
_EPSILON_FORM = "after bias correction as PyTorch adds it, or before as Keras does (epsilon hat)"
_NEW_WEIGHT = "weight of the new batch in the moving statistics (PyTorch's momentum, 1 - Keras')"
_VARIANCE = "which variance of a batch the moving one takes in"
_BATCH_NORM_EPSILON = "added to the variance in batch normalisation"


class _BatchNorm(LayeredRecipe):
    @property
    def batch_norm(self) -> dict[str, Any]:
        """What every layer of batch normalisation takes."""
        return {
            "new_weight": self.batch_norm_new_weight,
            "epsilon": self.batch_norm_epsilon,
            "variance": self.batch_norm_variance,
        }


class TorchBatchNorm(_BatchNorm):
    """A recipe with batch normalisation as PyTorch computes it."""

    batch_norm_new_weight: float = hyperparameter(0.1, _NEW_WEIGHT, _PINNED, gt=0, le=1)
    batch_norm_epsilon: float = hyperparameter(1e-5, _BATCH_NORM_EPSILON, _PINNED, gt=0)
    batch_norm_variance: Literal["biased", "unbiased"] = hyperparameter(
        "unbiased", _VARIANCE, _PINNED
    )


class KerasBatchNorm(_BatchNorm):
    """A recipe with batch normalisation as Keras computes it."""

    batch_norm_new_weight: float = hyperparameter(0.01, _NEW_WEIGHT, _PINNED, gt=0, le=1)
    batch_norm_epsilon: float = hyperparameter(1e-3, _BATCH_NORM_EPSILON, _PINNED, gt=0)
    batch_norm_variance: Literal["biased", "unbiased"] = hyperparameter(
        "biased", _VARIANCE, _PINNED
    )


class _Adam(LayeredRecipe):
    @property
    def adam(self) -> dict[str, Any]:
        """What every Adam takes besides its network and rate."""
        return {
            "beta1": self.beta1,
            "beta2": self.beta2,
            "epsilon": self.adam_epsilon,
            "epsilon_form": self.adam_epsilon_form,
        }


class TorchAdam(_Adam):
    """A recipe with Adam as PyTorch computes it (Kingma and Ba 2015, algorithm 1)."""

    beta2: float = hyperparameter(
        0.999, "Adam's decay of the second moment, per step", _PINNED, ge=0, lt=1, examples=[0.99]
    )
    adam_epsilon: float = hyperparameter(1e-8, _EPSILON, _PINNED, gt=0)
    adam_epsilon_form: Literal["after", "before"] = hyperparameter("after", _EPSILON_FORM, _PINNED)


class KerasAdam(_Adam):
    """A recipe with Adam as Keras computes it (Kingma and Ba 2015, end of section 2)."""

    beta2: float = hyperparameter(
        0.999, "Adam's decay of the second moment, per step", _PINNED, ge=0, lt=1, examples=[0.99]
    )
    adam_epsilon: float = hyperparameter(1e-7, _EPSILON, _PINNED, gt=0)
    adam_epsilon_form: Literal["after", "before"] = hyperparameter("before", _EPSILON_FORM, _PINNED)
