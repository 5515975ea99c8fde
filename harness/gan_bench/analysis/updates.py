"""How often a run updated its generator."""

from gan_bench.plan import RunSpec

GENERATOR_STEPS = "generator_steps"
"""The field of a recipe with the number of the generator's updates in a step."""


def generator_updates(spec: RunSpec) -> int | None:
    """Return the updates of the generator in a step.

    A recipe without the field makes one. None for an own loop, whose updates nobody declares.
    """
    if spec.own_loop:
        return None
    value = spec.recipe_values.get(GENERATOR_STEPS, 1)
    return value if type(value) is int else None
