"""The recipes' twins are twins, and every kind of deviation between frameworks is seen."""

import json

import pytest

from bench import ROOT
from gan_bench.parity.certify import Setup, choose, observed, observer
from gan_bench.parity.verdict import Comparison
from gan_bench.plugins.describe import describe
from recipes import FRAMEWORKS, ORIGINS, RECIPES

DEVIANTS = ROOT / "tests" / "support" / "deviant_twins.py"
# Of the same layers, only narrower: a deviation shows in any channel.
NARROW = {"generator_channels": 8, "discriminator_channels": 8}
SETUP = Setup(batch_size=8, paired_steps=1)

PAIRS = [
    pytest.param(
        *(f"{ORIGINS[recipe]}-{recipe}", f"{framework}-{recipe}"),
        marks=[
            *(getattr(pytest.mark, name) for name in (ORIGINS[recipe], framework)),
            *([] if (recipe, framework) == ("dcgan", "keras") else [pytest.mark.long]),
        ],
    )
    for recipe in RECIPES
    for framework in FRAMEWORKS
    if framework != ORIGINS[recipe]
]

pytestmark = [pytest.mark.slow]


@pytest.mark.parametrize(("original", "twin"), PAIRS)
def test_a_twin_computes_what_its_original_does(bench, original, twin):
    done = bench("parity", original, twin, "--batch-size", "8", "--paired-steps", "2", "--json")
    (certificate,) = json.loads(done.out)
    assert certificate["problems"] == []
    assert certificate["verdict"] == "passed"
    assert done.code == 0
    assert [certificate[party]["name"] for party in ("reference", "other")] == [original, twin]
    assert (bench.folder / "results/local/parity" / f"{original}--{twin}.json").is_file()


@pytest.mark.process
@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.jax
def test_every_twin_is_compared_with_its_original():
    found = choose((), (28, 28, 1))
    assert (found.left_out, found.not_installed) == ([], "")
    names = [(pair.reference, pair.other) for pair in found.pairs]
    assert {tuple(d.implementation.name for d in pair) for pair in names} == {
        pair.values for pair in PAIRS
    }
    assert len(found.pairs) == 2 * len(RECIPES)


@pytest.fixture(scope="module")
def original():
    return describe("keras-baseline", NARROW, (28, 28, 1))


@pytest.fixture(scope="module")
def reference(original):
    with observer(original, SETUP) as child:
        return list(observed(child, "keras-baseline"))


@pytest.fixture
def compare(original, reference):
    """Return the comparison of a deviant with the original in Keras."""

    def run(deviant):
        changes = {"name": deviant, "framework": "torch", "attribute": deviant}
        changes |= {"module": None, "path": str(DEVIANTS)}
        implementation = original.implementation.model_copy(update=changes)
        description = original.model_copy(update={"implementation": implementation})
        comparison = Comparison(("keras-baseline", deviant))
        with observer(description, SETUP) as child:
            comparison.run(reference, observed(child, deviant))
        return comparison

    return run


@pytest.mark.long_after(4)
@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.parametrize(
    ("deviant", "levels", "tensor"),
    [
        ("BatchNormEpsilonOfTorch", {"forward", "losses", "updates"}, None),
        pytest.param("BatchNormMomentumSwapped", {"updates"}, "moving_", marks=pytest.mark.long),
        ("AdamEpsilonAfterCorrection", {"losses", "updates"}, None),
        pytest.param(
            "AnotherSlope", {"forward", "losses", "updates"}, None, marks=pytest.mark.long
        ),
        ("SamePaddingShifted", {"forward", "losses", "updates"}, None),
        pytest.param(
            "UnbiasedRunningVariance", {"updates"}, "moving_variance", marks=pytest.mark.long
        ),
        pytest.param(
            "InitialScaleDoubled",
            {"held weights", "forward", "losses", "updates"},
            None,
            marks=pytest.mark.long,
        ),
        pytest.param("BetaIgnored", {"forward", "losses", "updates"}, None, marks=pytest.mark.long),
        ("BiasNeverTrained", {"losses", "updates"}, None),
        ("SoundTwin", set(), None),
    ],
)
def test_a_deviation_fails_at_the_levels_that_should_see_it(compare, deviant, levels, tensor):
    comparison = compare(deviant)
    assert {figure.level for figure in comparison.figures if not figure.passed} == levels
    assert comparison.verdict == ("failed" if levels else "passed"), comparison.problems
    assert len(comparison.problems) == len(levels)
    if tensor is not None:
        wrong = [figure.of for figure in comparison.figures if not figure.passed]
        right = [figure.of for figure in comparison.figures if figure.passed]
        assert all(tensor in name for name in wrong)
        assert not any(tensor in name for name in right)
