"""The rows of ``gan-bench list``: every registered implementation, none of them imported."""

from typing import Any

from gan_bench.plugins.describe import describe_own
from gan_bench.plugins.frameworks import framework_problem
from gan_bench.plugins.registry import registered

_MNIST_SHAPE = (28, 28, 1)


def implementation_rows() -> list[dict[str, Any]]:
    """Return one row an implementation; what only an import could tell is None."""
    rows: list[dict[str, Any]] = []
    for implementation in registered().values():
        description = describe_own(implementation.name, {}, _MNIST_SHAPE)
        parameters = (description.parameters if description else None) or {}
        multiply_adds = description.multiply_adds_per_step if description else None
        origin = description.recipe_origin if description else None
        rows.append(
            {
                "name": implementation.name,
                "framework": implementation.framework,
                "recipe": implementation.recipe,
                "kind": (
                    "plugin"
                    if origin is None
                    else "original"
                    if origin == implementation.framework
                    else "twin"
                ),
                "source": description.recipe_source if description else None,
                "generator_parameters": parameters.get("generator"),
                "discriminator_parameters": parameters.get("discriminator"),
                "multiply_adds_per_image": (
                    multiply_adds / description.images_per_step
                    if multiply_adds and description
                    else None
                ),
                "missing": framework_problem(implementation),
                "distribution": implementation.distribution,
            }
        )
    return rows
