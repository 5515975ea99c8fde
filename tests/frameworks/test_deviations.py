"""Deviations planted in PyTorch's trainers fail a comparison at the levels that should see them."""

import importlib
from functools import cache
from types import SimpleNamespace

import pytest

from gan_bench import data
from gan_bench.parity.child import Observation
from gan_bench.parity.verdict import Comparison

FORWARD = {"forward", "losses", "updates"}
STEPS = {"losses", "updates"}

DEVIATIONS = [
    ("BatchNormEpsilonOfTorch", FORWARD),
    ("BatchNormMomentumSwapped", {"updates"}),
    ("AdamEpsilonAfterCorrection", STEPS),
    ("AnotherSlope", FORWARD),
    ("SamePaddingShifted", FORWARD),
    ("UnbiasedRunningVariance", {"updates"}),
    ("InitialScaleDoubled", {"held weights", *FORWARD}),
    ("BetaIgnored", FORWARD),
    ("BiasNeverTrained", STEPS),
    ("RealImagesOnly", STEPS),
    ("GradientPassesBy", STEPS),
    ("CutBeforeMoved", STEPS),
    ("SameForAll", STEPS),
    ("EmbeddingShared", FORWARD),
    ("EmbeddingNotUsed", FORWARD),
    ("EmbeddingNotNormalised", FORWARD),
    ("LabelsOfTheFakes", STEPS),
    ("NoPowerIteration", STEPS),
    ("NormalisedAfterTheUpdate", STEPS),
    ("ResnetWithoutAShortcut", FORWARD),
    ("R3ganWithoutAShortcut", FORWARD),
    ("WithoutR2", STEPS),
    ("PairedWithNothing", STEPS),
    ("AverageThatStays", {"updates"}),
    ("PenaltyOfOne", STEPS),
    ("MixTurnedAround", STEPS),
    ("RateThatStays", STEPS),
]
ONLY = {
    "BatchNormMomentumSwapped": "moving_",
    "UnbiasedRunningVariance": "moving_variance",
    "AverageThatStays": "average",
}
"""What a deviation changes in every tensor of these names, and in no other."""


def observation(trainer_class):
    # Narrow, as a deviation shows in any channel. The embeddings of both networks have one size.
    recipe = trainer_class.recipe_class(generator_channels=8, discriminator_channels=8)
    request = SimpleNamespace(seed=0, batch_size=4, paired_steps=1, device="cpu")
    split = data.load("mnist-5k").train
    return list(Observation(trainer_class, recipe, split, request).messages())


of_original = cache(observation)


@pytest.fixture
def one_thread():
    """Threads of networks as narrow as these would only wait for each other."""
    torch = importlib.import_module("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.torch
@pytest.mark.process
@pytest.mark.parametrize(("name", "levels"), DEVIATIONS)
def test_a_deviation_fails_at_the_levels_that_should_see_it(name, levels):
    deviant = getattr(importlib.import_module("deviants"), name)
    original = next(one for one in deviant.__mro__ if one.__module__.startswith("gan_bench_torch."))
    comparison = Comparison((original.__name__, name))
    comparison.run(of_original(original), observation(deviant))
    assert {figure.level for figure in comparison.figures if not figure.passed} == levels
    assert comparison.verdict == "failed", comparison.problems
    assert len(comparison.problems) == len(levels)
    if name in ONLY:
        for figure in comparison.figures:
            assert figure.passed is (ONLY[name] not in figure.of), figure
