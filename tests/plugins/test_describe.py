"""A recipe's values as users type them: each is read as the type of its field."""

from enum import Enum
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import BaseModel, Field

from gan_bench.errors import UsageError
from gan_bench.plugins.describe import describe_recipes
from gan_bench.plugins.registry import Implementation
from gan_bench.testing.fake import FakeRecipe

IMPLEMENTATION = Implementation(name="gan", framework="numpy", recipe="r", attribute="Gan")


class Optimiser(Enum):
    ADAM = "adam"
    SGD = "sgd"


class Schedule(BaseModel):
    start: float = 1.0
    steps: int | None = None


class Recipe(FakeRecipe):
    name: ClassVar[str] = "r"
    norm: str | None = "batch"
    title: str = "plain"
    depth: int | None = 3
    limited: Annotated[int, Field(ge=1)] | None = None
    rate: float = 1.0
    clip: float | Literal["off"] = "off"
    on: bool = False
    on_or_none: bool | None = None
    betas: tuple[float, float] = (0.5, 0.999)
    sizes: tuple[int, ...] = (1, 2)
    names: list[str] = Field(default_factory=list)
    grid: tuple[tuple[int, int], ...] = ((1, 2),)
    gaps: tuple[float | None, ...] = ()
    mode: Literal["None", "batch"] = "batch"
    level: Literal[1, 2] = 1
    optimiser: Optimiser = Optimiser.ADAM
    schedule: Schedule = Schedule()
    weights: dict[str, float] = Field(default_factory=dict)


def all_described(**values):
    return describe_recipes(IMPLEMENTATION, Recipe, "0" * 64, values, (28, 28, 1))


def described(**values):
    return all_described(**values)[0]


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("norm", "None", None),
        ("norm", "null", None),
        ("norm", "none", None),
        ("norm", "'None'", "None"),
        ("norm", '"None"', "None"),
        ("norm", "layer", "layer"),
        ("norm", "5", "5"),
        ("norm", "a,b", "a,b"),
        ("title", "None", "None"),
        ("title", "true", "true"),
        ("title", "1e-3", "1e-3"),
        ("title", "'quoted, with a comma'", "quoted, with a comma"),
        ("depth", "None", None),
        ("depth", "-4", -4),
        ("depth", "4e0", 4),
        ("rate", "-1.5e-4", -1.5e-4),
        ("rate", "1E3", 1000.0),
        ("rate", " 2 ", 2.0),
        ("rate", ".5", 0.5),
        ("clip", "off", "off"),
        ("clip", "0.1", 0.1),
        ("on", "true", True),
        ("on", "False", False),
        ("on", "yes", True),
        ("on", "0", False),
        ("on_or_none", "null", None),
        ("on_or_none", "false", False),
        ("betas", "(0.5,0.999)", [0.5, 0.999]),
        ("betas", "[0.5, 1e-1]", [0.5, 0.1]),
        ("betas", "0.5,0.9", [0.5, 0.9]),
        ("betas", "0.5, 0.9,", [0.5, 0.9]),
        ("sizes", "64", [64]),
        ("sizes", "()", []),
        ("sizes", "(64,)", [64]),
        ("names", "a,b", ["a", "b"]),
        ("names", "(a, b)", ["a", "b"]),
        ("names", "1,2", ["1", "2"]),
        ("names", "a", ["a"]),
        ("names", '["a, b", "c"]', ["a, b", "c"]),
        ("grid", "((1,2),(3,4))", [[1, 2], [3, 4]]),
        ("gaps", "0.5,None", [0.5, None]),
        ("gaps", "[0.5, null]", [0.5, None]),
        ("gaps", ["0.5", "none"], [0.5, None]),
        ("names", "(none)", ["none"]),
        ("names", "a,none", ["a", "none"]),
        ("mode", "None", "None"),
        ("level", "2", 2),
        ("optimiser", "sgd", "sgd"),
        ("schedule", '{"start": 2, "steps": null}', {"start": 2.0, "steps": None}),
        ("weights", "{'a': 1.5}", {"a": 1.5}),
        ("norm", None, None),
        ("betas", [0.1, 0.2], [0.1, 0.2]),
        ("title", "x" * 10_000, "x" * 10_000),
        ("title", "(" * 500, "(" * 500),
        ("title", "9" * 9_999, "9" * 9_999),
    ],
)
def test_a_value_is_read_as_the_type_of_its_field(field, text, value):
    read = described(**{field: text}).recipe_values[field]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("rate", "fast", "gan.rate: input should be a valid number"),
        ("rate", "None", "(got 'None')."),
        ("rate", "inf", "gan.rate: input should be a finite number"),
        ("rate", True, "a number is needed here, not a truth value (got True)"),
        (
            "depth",
            "true",
            "a number is needed here, not a truth value (got True); it takes a whole",
        ),
        ("depth", "x", "(got 'x'); it takes a whole number or None."),
        ("depth", "1.5", "(got 1.5); it takes a whole number or None."),
        ("limited", "-3", "greater than or equal to 1 (got -3); it takes a whole number or None."),
        ("clip", "on", "it takes a number or off."),
        ("level", "3", "gan.level: input should be 1 or 2 (got 3)."),
        ("mode", "null", "input should be 'None' or 'batch'"),
        ("optimiser", "adagrad", "it takes adam or sgd."),
        ("betas", "(1,2,3)", "it takes 2 values with commas between them (a number, a number)."),
        ("betas", "a,b", "it takes 2 values with commas between them"),
        ("sizes", "1.5,2", "it takes values with commas between them, each a whole number."),
        ("schedule", "fast", "it takes a table of start, steps, such as"),
        ("names", "none", "(got 'none'); it takes values with commas between them, each text."),
        ("names", "null", "(got 'null'); it takes values with commas between them"),
        ("sizes", "None", "(got 'None'); it takes values with commas between them"),
        ("weights", "1", "it takes a table, such as"),
    ],
)
def test_a_value_that_does_not_fit_is_one_sentence_with_what_fits(field, text, said):
    with pytest.raises(UsageError) as refused:
        described(**{field: text})
    sentence = str(refused.value)
    assert sentence.startswith(f"gan.{field}: ")
    assert said in sentence
    assert sentence.count(". ") == 0


OPTIONAL = """
from gan_bench.testing import FakeRecipe

class Optional(FakeRecipe):
    norm: str | None = "batch"
    betas: tuple[float, float] = (0.5, 0.999)

recipe_class = Optional
"""


@pytest.mark.process
def test_the_command_line_and_a_plan_file_say_the_same(cli, plugin):
    target = plugin("gan", OPTIONAL)
    short = ("--steps", "4", "--evaluations", "2", "--samples", "64", "--dry-run")
    (cli.folder / "plan.toml").write_text('[set.gan]\nnorm = "None"\nbetas = [0.1, 0.2]\n')
    for options in (
        ("--set", "gan.norm=None", "--set", "gan.betas=(0.1,0.2)"),
        ("--plan", "plan.toml"),
    ):
        done = cli("run", target, *short, *options)
        assert done.code == 0, done.err
    refused = cli("run", target, *short, "--set", "gan.betas=1,2,3")
    assert refused.code == 2
    assert "it takes 2 values with commas between them" in refused.err
