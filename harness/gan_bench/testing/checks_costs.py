"""The check that the recipe's figures are those of what was built."""

from gan_bench.testing.checks_weights import NETWORKS
from gan_bench.testing.results import CheckFailed, CheckSkipped, expect
from gan_bench.testing.subject import Subject

STATISTICS = ("moving_mean", "moving_variance")


def costs(subject: Subject) -> None:
    """Have the parameters that the recipe states, and its multiply-adds where it counts them."""
    trainer = subject.untrained
    parameters = subject.recipe.parameter_counts()
    multiply_adds = subject.recipe.forward_multiply_adds()
    if parameters is None and multiply_adds is None:
        raise CheckSkipped("The recipe states neither its parameters nor its multiply-adds.")
    if parameters is not None:
        actual = dict.fromkeys(NETWORKS, 0)
        for name, tensor in trainer.weights().items():
            if not name.endswith(STATISTICS):
                actual[name.partition(".")[0]] += tensor.size
        expect(
            parameters == actual,
            f"The trainer has {actual} trainable parameters, the recipe says {parameters}.",
        )
    count = getattr(trainer, "multiply_adds", None)
    if multiply_adds is not None and count is not None:
        if not callable(count):
            raise CheckFailed("`multiply_adds` is not a method.")
        counted = count()
        expect(
            multiply_adds == counted,
            f"The trainer counts {counted} multiply-adds of an image's forward pass, the recipe "
            f"says {multiply_adds}.",
        )


CHECKS = (costs,)
