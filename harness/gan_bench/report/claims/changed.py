"""Which values of the recipes the runs changed, as the claims are about the recipes' own."""

from collections.abc import Mapping
from typing import Any

from gan_bench.analysis.summary import Group
from gan_bench.plugins.registry import recipe_entry_point
from gan_bench.recipe import Recipe
from gan_bench.report.claims.sources import sources_claims
from gan_bench.text import listed

_BUDGET = frozenset({"epochs"})
"""Values in whose place the runs have their budget."""


def changed_values(group: Group) -> str:
    """Return the values that the runs of recipes with claims changed, as a sentence.

    E.g. ``The claims are about the recipes' own values. These runs have other ones: batch_size 32
    instead of 256 (baseline and enhanced).`` Empty if there are none.
    """
    claimed = {name for claim in sources_claims() for name in (claim.recipe, claim.than) if name}
    found: dict[str, dict[str, None]] = {}
    for row in group.rows:
        if row.recipe in claimed:
            values, own = row.runs[0].spec.recipe_values, _own_values(row.recipe)
            for field in (own.keys() & values.keys()) - _BUDGET:
                if values[field] != own[field]:
                    change = f"{field} {values[field]} instead of {own[field]}"
                    found.setdefault(change, {})[row.recipe] = None
    if not found:
        return ""
    changes = [f"{change} ({listed(list(recipes))})" for change, recipes in sorted(found.items())]
    return (
        "The claims are about the recipes' own values. These runs have other ones: "
        f"{'; '.join(changes)}."
    )


def _own_values(name: str) -> Mapping[str, Any]:
    """Return the values that a recipe has if nobody changes them; those with claims are ours."""
    point = recipe_entry_point(name)
    if point is None:
        return {}
    recipe: type[Recipe] = point.load()
    return recipe().model_dump(mode="json")
