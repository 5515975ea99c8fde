"""Recipes made from the hyperparameters of a trainer that has no recipe class."""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import pydantic
import pytest
from pydantic import BaseModel, Field, ValidationError

from bench import complaint
from gan_bench.errors import UsageError
from gan_bench.recipe import Draw, Recipe
from gan_bench.testing import FakeRecipe, FakeTrainer, check_trainer
from gan_bench.trainer import recipe_of

OPTIONS = """
from dataclasses import dataclass

@dataclass
class Settings:
    real_batches_per_step = 2
    latent_batches_per_step = 3

    batch_size: int = 16
    epochs: int = 2
    latent_size: int = 8
    hidden: int = 16
    learning_rate: float = 0.02
"""
FREE = '''
from gan_bench.testing import FakeRecipe, FakeTrainer
from options import Settings

class Free(FakeTrainer):
    """A trainer with options of its own."""

    hyperparameters = Settings

    def __init__(self, recipe, *given, **options):
        values = recipe.model_dump(include=set(FakeRecipe.model_fields))
        super().__init__(FakeRecipe.model_validate(values), *given, **options)
'''
SHORT = ("--steps", "8", "--samples", "64", "--evaluations", "2", "--metrics", "fid")
PHRASE = "its own: not paired with a twin"


@pytest.fixture
def free(tmp_path):
    """Write a trainer and its options into two files that import each other's names."""
    (tmp_path / "options.py").write_text(OPTIONS)
    (tmp_path / "free.py").write_text(FREE)
    return "./free.py"


def trainer_with(hyperparameters):
    return type("Mine", (FakeTrainer,), {"hyperparameters": hyperparameters, "__doc__": "Mine."})


@dataclass(frozen=True)
class Settings:
    conditional = True
    losses = ("generator", "critic")

    batch_size: int = 4
    epochs: int = 3
    rate: float = field(default=0.1, metadata={"description": "step size"})
    widths: tuple[int, ...] = field(default_factory=lambda: (8, 16))

    def draws(self):
        return {"latents": Draw((self.latent_size,), 2), "labels": Draw((), 1, "classes")}

    @property
    def doubled(self):
        return 2 * self.rate


class Model(BaseModel):
    conditional: ClassVar[bool] = True

    batch_size: int = 4
    epochs: int = 3
    rate: float = Field(0.1, gt=0, description="step size")

    def draws(self):
        return super().draws() | {"labels": Draw((), 1, "classes")}


def test_a_dataclass_beside_a_trainer_is_its_recipe():
    recipe_class = recipe_of(trainer_with(Settings))
    recipe = recipe_class(rate="0.5")
    assert recipe_of(trainer_with(Settings)).__doc__ == "Mine."
    assert (recipe.batch_size, recipe.epochs, recipe.rate, recipe.widths) == (4, 3, 0.5, (8, 16))
    assert recipe.doubled == 1.0
    assert recipe_class.conditional and recipe_class.losses == ("generator", "critic")
    assert list(recipe.draws()) == ["latents", "labels"] and recipe.initial_weights(0) is None
    assert recipe_class.model_fields["rate"].description == "step size"
    assert (recipe.latent_size, recipe.dtype) == (100, "float32")
    assert hash(recipe) == hash(recipe_class(rate=0.5))
    for wrong in ({"dtype": "float64"}, {"latent_size": 7}, {"rat": 1}, {"batch_size": True}):
        with pytest.raises(ValidationError):
            recipe_class.model_validate(wrong)


def test_a_pydantic_model_beside_a_trainer_is_its_recipe():
    recipe_class = recipe_of(trainer_with(Model))
    recipe = recipe_class(rate=0.5)
    assert issubclass(recipe_class, Model) and recipe_class.conditional
    assert (recipe.batch_size, recipe.rate, recipe.latent_size) == (4, 0.5, 100)
    assert list(recipe.draws()) == ["latents", "labels"]
    for wrong in ({"rate": 0}, {"dtype": "float64"}, {"rat": 1}):
        with pytest.raises(ValidationError):
            recipe_class.model_validate(wrong)


def test_a_recipe_may_be_given_as_the_hyperparameters():
    assert recipe_of(trainer_with(FakeRecipe)).name == "fake"


def test_two_trainers_never_share_a_recipe_that_has_no_name():
    names = {recipe_of(type(n, (FakeTrainer,), {"hyperparameters": Settings})).name for n in "AB"}
    assert names == {"test_recipe.A", "test_recipe.B"}


def test_what_the_nearest_class_states_counts():
    class Paired(trainer_with(Settings)):
        recipe_class: ClassVar[type[Recipe]] = FakeRecipe

    class Own(Paired):
        hyperparameters = Model

    assert recipe_of(Paired) is FakeRecipe
    assert issubclass(recipe_of(Own), Model)


def test_the_check_of_a_dataclass_is_kept():
    @dataclass
    class Even:
        batch_size: int = 4
        epochs: int = 3

        def __post_init__(self):
            if self.batch_size % 2:
                raise ValueError("an even number is needed")

    with pytest.raises(ValidationError, match="an even number is needed"):
        recipe_of(trainer_with(Even))(batch_size=3)


@dataclass
class Base:
    conditional = True

    batch_size: int = 4
    epochs: int = 3


@dataclass(slots=True, kw_only=True)
class Narrow(Base):
    rate: Annotated[float, Field(gt=0, description="step size")] = 0.1
    beta: float = Field(default=0.5, ge=0)


@pydantic.dataclasses.dataclass
class Checked(Base):
    rate: float = Field(default=0.1, gt=0, description="step size")
    beta: float = Field(default=0.5, ge=0)


@pytest.mark.parametrize("kind", [Narrow, Checked])
def test_every_kind_of_dataclass_keeps_its_bounds_and_descriptions(kind):
    recipe_class = recipe_of(trainer_with(kind))
    assert recipe_class.model_fields["rate"].description == "step size"
    assert recipe_class().model_dump(include={"batch_size", "rate", "beta"}) == {
        **{"batch_size": 4, "rate": 0.1, "beta": 0.5}
    }
    assert recipe_class.conditional
    for wrong in ({"rate": 0}, {"beta": -1}, {"rate": "fast"}):
        with pytest.raises(ValidationError):
            recipe_class.model_validate(wrong)


def test_a_class_that_states_both_is_refused():
    both = type("Both", (FakeTrainer,), {"hyperparameters": Model, "recipe_class": FakeRecipe})
    with pytest.raises(UsageError, match="Both has a recipe_class and hyperparameters; remove one"):
        recipe_of(both)


def only(*names):
    return dataclasses.make_dataclass("Options", [(name, int, 1) for name in names])


class Unusual:
    pass


WRONG = {
    "a dict": ({"batch_size": 4}, "has to be a dataclass or a pydantic model, and is an instance"),
    "an instance": (Settings(), "and is an instance of Settings"),
    "a plain class": (Unusual, "and is Unusual"),
    "no batch size": (only("epochs"), "Options has no field batch_size; it needs batch_size: int"),
    "no epochs": (only("batch_size"), "Options has no field epochs; it needs batch_size: int and"),
    "a field called losses": (
        only("batch_size", "epochs", "losses"),
        "Options.losses cannot be a field, as each recipe has a losses of its own; rename it",
    ),
    "a type that cannot be validated": (
        dataclasses.make_dataclass(
            "Options", [("batch_size", int, 1), ("epochs", int, 1), ("net", Unusual, None)]
        ),
        "Options cannot be validated: Unable to generate pydantic-core schema for <class",
    ),
    "a type that does not exist": (
        dataclasses.make_dataclass("Options", [("batch_size", "Missing", 1), ("epochs", int, 1)]),
        "Options cannot be validated: name 'Missing' is not defined",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_hyperparameters_that_cannot_be_a_recipe_are_one_sentence(name):
    hyperparameters, said = WRONG[name]
    with pytest.raises(UsageError) as error:
        recipe_of(trainer_with(hyperparameters))
    assert str(error.value).startswith("Mine.hyperparameters")
    assert said in str(error.value) and "\n" not in str(error.value)
    (contract,) = check_trainer(trainer_with(hyperparameters), only=["contract"])
    assert (contract.status, contract.detail) == ("failed", str(error.value))


@pytest.mark.process
def test_a_trainer_without_a_recipe_runs_and_is_not_paired(bench, free, plugin):
    done = bench("verify", free)
    assert done.code == 0, done.out
    change = ("--set", "free.hidden=8")
    assert bench("run", free, plugin("usual"), *change, *SHORT).code == 0
    record = bench.records()["free"]
    assert record["paired"] is False and bench.records()["usual"]["paired"] is True
    assert record["spec"]["implementation"]["recipe"] == "free.Free"
    assert record["spec"]["recipe_values"]["hidden"] == 8
    shown = bench("show", free).out
    assert "A trainer with options of its own." in shown and f"initial weights: {PHRASE}" in shown
    assert PHRASE not in bench("show", "./usual.py").out
    shown = [" ".join(bench("show", name).out.split()) for name in ("free", "usual")]
    assert f"initial weights {PHRASE}" in shown[0] and "initial weights the recipe's" in shown[1]
    assert bench("report").code == 0
    assert PHRASE in (bench.folder / "reports/local/report-full.md").read_text()


@pytest.mark.process
def test_only_the_fields_of_the_hyperparameters_can_be_set(bench, free):
    said = complaint(bench("run", free, "--set", "free.hiden=8", *SHORT))
    assert said == "free has no field 'hiden'; did you mean hidden?"
    said = complaint(bench("run", free, "--set", "free.dtype=float64", *SHORT))
    assert said == "free.dtype: input should be 'float32' (got 'float64')."


@pytest.mark.process
def test_a_change_of_an_imported_file_is_another_run(bench, free):
    assert bench("run", free, *SHORT).code == 0
    (bench.folder / "options.py").write_text(OPTIONS + "\n")
    assert bench("run", free, *SHORT).code == 0
    assert len(bench.run_folders()) == 2
