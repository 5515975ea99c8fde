"""The ranges that recipes state, from which a study of sensitivity draws."""

import pytest
from pydantic import BaseModel

from bench import ROOT
from documents import blocks
from gan_bench.errors import UsageError
from gan_bench.plugins.describe import Description, describe, describe_recipes
from gan_bench.plugins.registry import Implementation, registered
from gan_bench.recipe import Between, OneOf, recipe_from
from gan_bench.testing.fake import FakeRecipe
from gan_bench_recipes.upsampling_sgd import UpsamplingSgd
from gan_bench_recipes.wgan_gp import WganGp

IMPLEMENTATION = Implementation(name="gan", framework="numpy", recipe="r", attribute="Gan")


def described(stated, of=FakeRecipe):
    recipe = type("R", (of,), {"ranges": classmethod(lambda cls: stated()), "__module__": __name__})
    return describe_recipes(IMPLEMENTATION, recipe, "0" * 64, {}, (28, 28, 1))[0]


@pytest.mark.parametrize("name", [name for name in registered() if name.startswith("torch-")])
def test_every_recipe_states_ranges_around_its_own_values(name):
    description = describe(name, {})
    assert any("learning_rate" in field for field in description.ranges)
    assert "batch_size" in description.ranges
    for field, one in description.ranges.items():
        own = next(of.default for of in description.fields if of.name == field)
        if isinstance(one, OneOf):
            assert own in one.values
        else:
            assert one.low * 10 == pytest.approx(own) == one.high / 10


def test_ranges_follow_from_the_fields_of_the_recipe():
    assert WganGp.ranges() == {
        "batch_size": OneOf((16, 32, 64, 128, 256)),
        "learning_rate": Between(1e-5, 1e-3),
        "beta1": OneOf((0.0, 0.5, 0.9)),
        "beta2": OneOf((0.9, 0.99, 0.999)),
        "penalty_weight": Between(1.0, 100.0),
    }
    assert UpsamplingSgd.ranges()["momentum"] == OneOf((0.5, 0.9, 0.99))


def test_a_description_keeps_its_ranges_on_the_way_from_a_process():
    stated = {
        "learning_rate": Between(1e-3, 1.0),
        "dropout": Between(0.0, 0.5, log=False),
        "batch_size": OneOf((8, 16)),
        "momentum": OneOf((0.0, 0.5)),
        "dtype": OneOf(("float32", "float64")),
    }
    description = described(lambda: stated)
    again = Description.model_validate_json(description.model_dump_json())
    assert again.ranges == stated == description.ranges
    assert [type(value) for value in again.ranges["batch_size"].values] == [int, int]
    assert [type(value) for value in again.ranges["momentum"].values] == [float, float]
    assert str(stated["learning_rate"]) == "0.001 to 1, log-uniform"
    assert str(stated["dropout"]) == "0 to 0.5, uniform"
    assert str(stated["batch_size"]) == "8, 16"


def test_a_recipe_without_ranges_has_none():
    assert describe_recipes(IMPLEMENTATION, FakeRecipe, "0" * 64, {}, None)[0].ranges == {}


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (lambda: {"rate": OneOf((1, 2))}, "R.ranges names the unknown field 'rate'"),
        (lambda: {"momentum": (0.1, 0.5)}, "R.ranges has to return gan_bench.recipe.Between or"),
        (lambda: [Between(1, 2)], "R.ranges has to return gan_bench.recipe.Between or OneOf by"),
        (lambda: {"momentum": OneOf((0.5, 1.0))}, "0.5, 1.0 for momentum, which does not take 1.0"),
        (lambda: {"momentum": Between(0.1, 1.0)}, "for momentum, which does not take 1.0."),
        (lambda: {"batch_size": Between(8, 16)}, "for batch_size, which does not take 10.9"),
        (lambda: {"momentum": OneOf((0.5,))}, "at least two values are needed, each once"),
        (lambda: {"momentum": OneOf((0.5, 0.5))}, "at least two values are needed, each once"),
        (lambda: {"momentum": OneOf([[1], [2]])}, "the values have to be numbers or texts"),
        (lambda: {"momentum": Between(0.0, 0.5)}, "a range with log=True has to begin above 0"),
        (lambda: {"momentum": Between(0.5, float("inf"))}, "low has to be below high, and both"),
        (lambda: 1 / 0, "R.ranges raised ZeroDivisionError: division by zero."),
    ],
)
def test_ranges_that_are_not_valid_are_one_sentence(stated, said):
    with pytest.raises(UsageError, match=r"^The ranges of gan are not valid: ") as refused:
        described(stated)
    assert said in str(refused.value)


def test_the_dataclass_of_the_documents_has_its_ranges():
    (text,) = blocks(ROOT / "docs/sensitivity.md", "python")
    exec(text, defined := {"__name__": __name__})
    recipe = recipe_from(defined["Settings"], type("Gan", (), {}))
    assert recipe.ranges()["dropout"] == Between(0.0, 0.5, log=False)
    found = describe_recipes(IMPLEMENTATION, recipe, "0" * 64, {}, (28, 28, 1))[0]
    assert list(found.ranges) == ["learning_rate", "dropout", "batch_size"]


def test_a_model_that_is_no_recipe_may_state_ranges():
    class Settings(BaseModel):
        batch_size: int = 8
        epochs: int = 1

        @classmethod
        def ranges(cls):
            return {"batch_size": OneOf((4, 8))}

    assert recipe_from(Settings, type("Gan", (), {})).ranges() == {"batch_size": OneOf((4, 8))}
