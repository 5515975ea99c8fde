"""Several values of a field are several combinations, unless the field itself takes a list."""

from typing import ClassVar, Literal

import pytest
from pydantic import Field, model_validator

from gan_bench.errors import UsageError
from gan_bench.plugins.values import MOST_COMBINATIONS, combinations
from gan_bench.testing.fake import FakeRecipe


class Recipe(FakeRecipe):
    name: ClassVar[str] = "r"
    rate: float = Field(default=1.0, gt=0)
    depth: int | None = 3
    title: str = "plain"
    kind: Literal["small", "large"] = "small"
    on: bool = False
    betas: tuple[float, float] = (0.5, 0.999)
    sizes: tuple[int, ...] = (1, 2)
    names: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _small_is_shallow(self):
        if self.kind == "small" and self.depth is not None and self.depth > 9:
            raise ValueError("a small one has at most 9 layers")
        return self


def of(**values):
    """Return each combination, as the recipe has it."""
    found = combinations("gan", Recipe, values)
    made = [Recipe.model_validate(one).model_dump() for one in found]
    return [tuple(one[name] for name in values) for one in made]


@pytest.mark.parametrize(
    ("field", "given", "values"),
    [
        ("rate", "1e-4,2e-4", [1e-4, 2e-4]),
        ("rate", " 1e-4 , 2e-4, ", [1e-4, 2e-4]),
        ("rate", [1e-4, 2e-4], [1e-4, 2e-4]),
        ("rate", ["1e-4", "2e-4"], [1e-4, 2e-4]),
        ("rate", [3], [3.0]),
        ("rate", "3", [3.0]),
        ("depth", "2,none", [2, None]),
        ("kind", "small,large", ["small", "large"]),
        ("on", "true,false", [True, False]),
        ("title", "a,b", ["a,b"]),
        ("title", ["a", "b"], ["a", "b"]),
        ("names", "a,b", [["a", "b"]]),
        ("names", [["a", "b"], ["c"]], [["a", "b"], ["c"]]),
        ("betas", "0.5,0.9", [(0.5, 0.9)]),
        ("betas", "(0.5,0.9),(0,0.99)", [(0.5, 0.9), (0.0, 0.99)]),
        ("betas", [[0.5, 0.9], [0, 0.99]], [(0.5, 0.9), (0.0, 0.99)]),
        ("sizes", "64,32", [(64, 32)]),
        ("sizes", [64, 32], [(64, 32)]),
        ("sizes", "(64,32),[16],(8,)", [(64, 32), (16,), (8,)]),
    ],
)
def test_a_list_is_several_values_unless_the_field_takes_a_list(field, given, values):
    assert of(**{field: given}) == [(value,) for value in values]


def test_several_fields_make_every_combination_the_last_one_fastest():
    found = of(rate="1,2", betas="0.5,0.9", depth="4,5")
    assert [(rate, depth) for rate, _, depth in found] == [(1, 4), (1, 5), (2, 4), (2, 5)]
    assert {betas for _, betas, _ in found} == {(0.5, 0.9)}
    assert of() == [()]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rate": "1e-3,0.001"}, "gan.rate has the value 0.001 twice; give each once."),
        ({"betas": "(0,1),(0.0,1)"}, "gan.betas has the value (0.0, 1) twice; give each once."),
        (
            {"rate": list(range(1, 52)), "depth": list(range(1, 22))},
            "gan has 1,071 combinations of values of rate, depth, more than 1,000; give fewer",
        ),
    ],
)
def test_what_cannot_be_planned_is_refused(values, said):
    with pytest.raises(UsageError) as refused:
        combinations("gan", Recipe, values)
    assert said in str(refused.value)
    assert MOST_COMBINATIONS == 1_000


def test_one_value_that_does_not_fit_stays_for_the_error():
    assert combinations("gan", Recipe, {"rate": "1,-1"}) == [{"rate": 1}, {"rate": -1}]
    assert combinations("gan", Recipe, {"rate": "a,b"}) == [{"rate": "a,b"}]
    assert combinations("gan", Recipe, {"unknown": "1,2"}) == [{"unknown": "1,2"}]
    assert combinations("gan", Recipe, {"rate": []}) == [{"rate": []}]


def test_a_check_of_several_fields_is_of_each_combination():
    found = combinations("gan", Recipe, {"kind": "small,large", "depth": "9,10"})
    assert len(found) == 4
    with pytest.raises(ValueError, match="a small one has at most 9 layers"):
        Recipe.model_validate(found[1])
    assert Recipe.model_validate(found[3]).depth == 10
