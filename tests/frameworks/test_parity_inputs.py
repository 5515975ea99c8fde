"""Deviations in what the networks see, augmented images and labels, fail the certificate."""

from functools import cache

import pytest

from bench import ROOT
from gan_bench.parity.certify import Setup, observed, observer
from gan_bench.parity.verdict import Comparison
from gan_bench.plugins.describe import describe

DEVIANTS = ROOT / "tests" / "support" / "deviant_inputs.py"
# Of the same layers, only narrower. The embeddings of both networks then have one size.
NARROW = {"generator_channels": 8, "discriminator_channels": 8}
SETUP = Setup(batch_size=8, paired_steps=1)

pytestmark = [pytest.mark.slow, pytest.mark.process, pytest.mark.torch]


@cache
def reference(original):
    description = describe(original, NARROW, (28, 28, 1))
    with observer(description, SETUP) as child:
        return description, list(observed(child, original))


def compared(original, deviant):
    """Return the comparison of a deviant with the original."""
    described, expected = reference(original)
    changes = {"name": deviant, "attribute": deviant, "module": None, "path": str(DEVIANTS)}
    implementation = described.implementation.model_copy(update=changes)
    comparison = Comparison((original, deviant))
    with observer(described.model_copy(update={"implementation": implementation}), SETUP) as child:
        comparison.run(expected, observed(child, deviant))
    return comparison


@pytest.mark.long_after(4)
@pytest.mark.parametrize(
    ("original", "deviant", "levels"),
    [
        ("torch-augment", "RealImagesOnly", {"losses", "updates"}),
        ("torch-augment", "SoundAugment", set()),
        ("torch-conditional", "EmbeddingShared", {"forward", "losses", "updates"}),
        ("torch-conditional", "SoundConditional", set()),
        ("torch-augment", "GradientPassesBy", {"losses", "updates"}),
        ("torch-augment", "CutBeforeMoved", {"losses", "updates"}),
        ("torch-augment", "SameForAll", {"losses", "updates"}),
        ("torch-conditional", "EmbeddingNotUsed", {"forward", "losses", "updates"}),
        ("torch-conditional", "EmbeddingNotNormalised", {"forward", "losses", "updates"}),
        ("torch-conditional", "LabelsOfTheFakes", {"losses", "updates"}),
    ],
)
def test_a_deviation_fails_at_the_levels_that_should_see_it(original, deviant, levels):
    comparison = compared(original, deviant)
    assert {figure.level for figure in comparison.figures if not figure.passed} == levels
    assert comparison.verdict == ("failed" if levels else "passed"), comparison.problems
