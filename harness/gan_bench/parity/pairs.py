"""Which implementations are compared with which."""

from collections.abc import Sequence
from dataclasses import dataclass

from gan_bench.errors import UsageError
from gan_bench.plugins.describe import Description, describe
from gan_bench.plugins.frameworks import framework_problem
from gan_bench.plugins.registry import Implementation, find, registered
from gan_bench.results.certificate import without_budget
from gan_bench.text import did_you_mean

MNIST_SHAPE = (28, 28, 1)


@dataclass(frozen=True)
class Pair:
    """Two implementations of one recipe with the same recipe values."""

    name: str
    """The recipe's where it has one twin, else ``<a>--<b>``."""
    reference: Description
    other: Description

    @property
    def recipe(self) -> str:
        """The recipe's name."""
        return self.reference.implementation.recipe


def pairs(words: Sequence[str]) -> tuple[list[Pair], list[str]]:
    """Return what is to be compared, and a sentence for each implementation that cannot be.

    Parameters
    ----------
    words
        Nothing for all recipes with several registered implementations, a recipe's name, or two
        implementations by name or path.

    Raises
    ------
    UsageError
        Something is unknown or there is no pair; or, of two that were named, one cannot be
        imported, its framework is not installed, or they are of different recipes or values.
    """
    if len(words) > 2:
        raise UsageError("Name one recipe, or two implementations to compare, or nothing for all.")
    if len(words) == 2:
        return [_chosen(words[0], words[1])], []
    found: list[Pair] = []
    left_out: list[str] = []
    for name, implementations in _with_twins(*words).items():
        descriptions = []
        for implementation in implementations:
            try:
                descriptions.append(_described(implementation.name))
            except UsageError as error:
                left_out.append(str(error))
        if not descriptions:
            continue
        origins = [d for d in descriptions if d.implementation.framework == d.recipe_origin]
        reference = (origins or descriptions)[0]
        for other in [description for description in descriptions if description is not reference]:
            try:
                found.append(_pair(reference, other, name if len(implementations) == 2 else None))
            except UsageError as error:
                left_out.append(str(error))
    if not found:
        raise UsageError(" ".join(left_out))
    return found, left_out


def _with_twins(recipe: str | None = None) -> dict[str, list[Implementation]]:
    """Return the registered implementations by recipe, of the recipes that have several."""
    by_recipe: dict[str, list[Implementation]] = {}
    for implementation in registered().values():
        by_recipe.setdefault(implementation.recipe, []).append(implementation)
    if recipe is not None:
        if recipe not in by_recipe:
            raise UsageError(_unknown(recipe, by_recipe))
        if len(by_recipe[recipe]) == 1:
            raise UsageError(
                f"The recipe {recipe} has one implementation, {by_recipe[recipe][0].name}; to "
                f"compare yours with it: gan-bench parity {by_recipe[recipe][0].name} ./yours.py"
            )
        by_recipe = {recipe: by_recipe[recipe]}
    several = {name: found for name, found in by_recipe.items() if len(found) > 1}
    if not several:
        raise UsageError(
            "No recipe has several implementations; name two to compare: gan-bench parity A ./b.py"
        )
    return several


def _described(target: str) -> Description:
    description = describe(target, {}, MNIST_SHAPE)
    absent = framework_problem(description.implementation)
    if absent is not None:
        raise UsageError(f"{description.implementation.name} cannot be compared: {absent}.")
    return description


def _chosen(one: str, other: str) -> Pair:
    first, second = find([one, other]) if one != other else (one, other)
    if first == second:
        raise UsageError(f"{one} is always equal to itself; name two implementations.")
    return _pair(_described(first), _described(second), None)


def _pair(reference: Description, other: Description, name: str | None) -> Pair:
    names = reference.implementation.name, other.implementation.name
    recipes = reference.implementation.recipe, other.implementation.recipe
    if names[0] == names[1]:
        raise UsageError(f"Both are called {names[0]}; rename one file.")
    if recipes[0] != recipes[1]:
        raise UsageError(
            f"{names[0]} implements the recipe {recipes[0]} and {names[1]} {recipes[1]}; only two "
            "of one recipe can be compared."
        )
    ours, theirs = (without_budget(found.recipe_values) for found in (reference, other))
    apart = [field for field in ours | theirs if ours.get(field) != theirs.get(field)]
    if apart:
        values = [str(found.get(apart[0], "no such field")) for found in (ours, theirs)]
        raise UsageError(
            f"{names[0]} and {names[1]} have other recipe values ({apart[0]}: {values[0]} and "
            f"{values[1]}); only two with the same can be compared."
        )
    return Pair(name or f"{names[0]}--{names[1]}", reference, other)


def _unknown(recipe: str, known: dict[str, list[Implementation]]) -> str:
    if recipe in registered() or ".py" in recipe:
        return f"To compare {recipe}, name a second implementation beside it."
    return f"There is no recipe named {recipe!r}; {did_you_mean(recipe, known)}"
