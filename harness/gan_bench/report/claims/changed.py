"""Which values of the recipes the runs changed, as the claims are about the recipes' own."""

from gan_bench.analysis.summary import Group
from gan_bench.report.claims.sources import sources_claims
from gan_bench.text import listed

_BUDGET = frozenset({"epochs"})
"""Values in whose place the runs have their budget."""


def changed_values(group: Group) -> str:
    """Return the values that runs of recipes with claims changed, as a sentence.

    E.g. ``The claims are about the recipes' own values. These runs have other ones: batch_size 32
    instead of 256 (baseline and enhanced).`` Empty if there are none.
    """
    claimed = {name for claim in sources_claims() for name in (claim.recipe, claim.than) if name}
    rows = [row for row in group.rows if row.recipe in claimed]
    found: dict[str, dict[str, None]] = {}
    own: set[tuple[str, str]] = set()
    for row in rows:
        spec = row.runs[0].spec
        defaults = spec.recipe_defaults or {}
        own |= {(row.recipe, field) for field in spec.recipe_values.keys() - defaults.keys()}
        for field in defaults.keys() - _BUDGET:
            change = f"{field} {spec.recipe_values[field]} instead of {defaults[field]}"
            found.setdefault(change, {})[row.recipe] = None
    if not found:
        return ""
    mixed = any((recipe, change.split()[0]) in own for change, of in found.items() for recipe in of)
    changes = [f"{change} ({listed(list(recipes))})" for change, recipes in sorted(found.items())]
    return (
        f"The claims are about the recipes' own values. {'Some of these' if mixed else 'These'} "
        f"runs have other ones: {'; '.join(changes)}."
    )
