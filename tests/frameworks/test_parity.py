"""The recipes' twins are twins, and a deviation between frameworks is seen."""

import json

import pytest

from bench import ROOT
from gan_bench.parity.certify import choose
from recipes import FRAMEWORKS, ORIGINS, RECIPES

DEVIANTS = ROOT / "tests" / "support" / "deviants.py"
# The same layers, only narrower: a deviation shows in any channel.
NARROW = ("--set", "generator_channels=8", "--set", "discriminator_channels=8")
SMALL = (*NARROW, "--batch-size", "8", "--paired-steps", "2", "--json")

pytestmark = [pytest.mark.slow]


def twins(recipe):
    return [f"{framework}-{recipe}" for framework in FRAMEWORKS if framework != ORIGINS[recipe]]


@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.jax
@pytest.mark.long_after(1)
@pytest.mark.parametrize("recipe", RECIPES)
def test_twins_compute_what_their_original_does(bench, request, recipe):
    dense = ("--set", "dense_units=8") if recipe == "upsampling-sgd" else ()
    # To compile takes JAX most of the time, so most recipes are compiled without optimisation.
    if recipe != "dcgan-3g":
        request.getfixturevalue("quick_xla")
    done = bench("parity", recipe, *SMALL, *dense)
    certificates = json.loads(done.out)
    assert [certificate["problems"] for certificate in certificates] == [[], []]
    assert {certificate["verdict"] for certificate in certificates} == {"passed"}
    assert done.code == 0
    assert {one["reference"]["name"] for one in certificates} == {f"{ORIGINS[recipe]}-{recipe}"}
    assert {one["other"]["name"] for one in certificates} == {*twins(recipe)}


@pytest.mark.process
@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.jax
def test_every_twin_is_compared_with_its_original():
    found = choose((), (28, 28, 1))
    assert (found.left_out, found.not_installed) == ([], "")
    names = [(pair.reference, pair.other) for pair in found.pairs]
    assert {tuple(d.implementation.name for d in pair) for pair in names} == {
        (f"{ORIGINS[recipe]}-{recipe}", twin) for recipe in RECIPES for twin in twins(recipe)
    }
    assert len(found.pairs) == 2 * len(RECIPES)


@pytest.mark.torch
@pytest.mark.keras
def test_a_deviation_from_an_original_in_another_framework_fails(bench):
    done = bench("parity", "keras-baseline", f"{DEVIANTS}:BatchNormMomentumSwapped", *SMALL)
    (certificate,) = json.loads(done.out)
    failed = [figure for figure in certificate["figures"] if not figure["passed"]]
    assert {figure["level"] for figure in failed} == {"updates"}
    assert all("moving_" in figure["of"] for figure in failed)
    assert not any(
        "moving_" in figure["of"] for figure in certificate["figures"] if figure["passed"]
    )
    assert certificate["verdict"] == "failed" and len(certificate["problems"]) == 1
    assert done.code == 1
