"""The conformance suite passes a sound trainer, and each of its checks can fail."""

import inspect
from typing import ClassVar

import numpy as np
import pytest

from broken_trainers import BROKEN, Averaging, DropoutIsNotSeeded, RefusesDouble
from gan_bench.errors import UsageError
from gan_bench.recipe import Recipe
from gan_bench.testing import (
    CheckResult,
    CheckStarted,
    FakeRecipe,
    FakeTrainer,
    check_trainer,
)
from gan_bench.testing.conformance import CHECKS, QUICK, synthetic_images
from gan_bench.trainer import Trainer, Unsupported
from labelled import LabelledTrainer

IMAGES = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), dtype=np.uint8)
FIELDS = [f"field {name}" for name in FakeRecipe.model_fields]


def check(trainer, recipe=None, **options) -> list[CheckResult]:
    return check_trainer(trainer, recipe, images=IMAGES, **options)


def named(results: list[CheckResult], status: str) -> set[str]:
    return {result.name for result in results if result.status == status}


def detail(results: list[CheckResult], name: str) -> str:
    return next(result.detail for result in results if result.name == name)


def test_the_fake_trainer_is_a_trainer():
    assert isinstance(
        FakeTrainer(FakeRecipe(), IMAGES, np.zeros(16), device="cpu", planned_steps=1, seed=0),
        Trainer,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_fake_trainer_passes_every_check(dtype):
    results = check_trainer(FakeTrainer, FakeRecipe(dtype=dtype))
    assert [result.name for result in results] == [*CHECKS, *FIELDS]
    assert {result.name: result.detail for result in results if result.status != "passed"} == {}


def test_the_fake_trainer_passes_every_check_on_colour_images_of_an_odd_shape():
    images = np.random.default_rng(1).integers(0, 256, (20, 9, 13, 3), dtype=np.uint8)
    results = check_trainer(FakeTrainer, images=images, seed=3)
    assert named(results, "passed") == {*CHECKS, *FIELDS}


@pytest.mark.slow
def test_a_trainer_with_draws_losses_and_labels_of_its_own_passes_every_check():
    results = check(LabelledTrainer)
    assert named(results, "passed") == {*CHECKS, *FIELDS}


def test_an_average_that_moves_less_than_float32_shows_is_no_fault():
    built = Averaging(
        Averaging.recipe_class(), IMAGES, np.zeros(16, int), device="cpu", planned_steps=1, seed=0
    )
    before = built.weights()
    built.train(np.zeros((4, 2, 16), int), {"latents": np.ones((4, 3, 16, 8), np.float32)})
    assert np.array_equal(before["average.1.gamma"], built.weights()["average.1.gamma"])
    assert named(check(Averaging, only={*CHECKS}), "failed") == set()


class HasABiasBeforeItsNormalisation(FakeTrainer):
    """Never trains a bias that the mean of a batch takes away."""

    BIAS = "generator.3.bias"

    class BiasedRecipe(FakeRecipe):
        def shapes(self):
            return super().shapes() | {HasABiasBeforeItsNormalisation.BIAS: (self.hidden,)}

        def initial_weights(self, seed):
            weights = super().initial_weights(seed)
            weights[HasABiasBeforeItsNormalisation.BIAS] += np.float32(0.5)
            return weights

    recipe_class: ClassVar[type[Recipe]] = BiasedRecipe

    def _pass(self, latents):
        cache = super()._pass(latents)
        share = self._dtype.type(1 - self.recipe.batch_norm_momentum)
        mean = self._tensors["generator.1.moving_mean"]
        self._tensors["generator.1.moving_mean"] = mean + share * self._tensors[self.BIAS]
        return cache

    def _generate(self, latents, training):
        kept = self._tensors
        mean = kept["generator.1.moving_mean"] - kept[self.BIAS]
        self._tensors = kept | {"generator.1.moving_mean": mean}
        try:
            return super()._generate(latents, training)
        finally:
            self._tensors = kept


class OnlyShiftsItsLosses(FakeTrainer):
    """Has losses that a bias shifts, as a critic's last bias shifts the generator's loss."""

    def train(self, batches, draws):
        bias = self._tensors["discriminator.1.bias"].copy()
        self._tensors["discriminator.1.bias"] = 0 * bias
        losses = super().train(batches, draws)
        self._tensors["discriminator.1.bias"] = bias
        shifted = {name: (losses[name] + bias) for name in ("generator", "discriminator")}
        return losses | shifted


@pytest.mark.parametrize("sound", [HasABiasBeforeItsNormalisation, OnlyShiftsItsLosses])
def test_a_tensor_without_an_effect_on_training_does_not_have_to_change(sound):
    class InFloat32(sound, RefusesDouble):
        pass

    for trainer in (sound, InFloat32):
        assert named(check(trainer, only={"everything learns"}), "failed") == set()


@pytest.mark.parametrize("name", ["AGammaIsFrozen", "AnEmbeddingIsFrozen", "RealLabelsAreReversed"])
def test_faults_are_found_in_float32_too(name):
    trainer, expected = BROKEN[name]

    class InFloat32(trainer, RefusesDouble):
        pass

    assert named(check(InFloat32, only=expected), "failed") == expected


def test_what_a_recipe_declares_is_named_where_it_fails():
    said = {
        "ADeclaredDrawIsNeverUsed": (
            "every draw",
            "Other mix in the last row of batch 0 of step 3",
        ),
        "LossesAreNaN": ("losses", "discriminator is not finite: [nan nan nan nan]."),
        "LossesAreColumns": ("losses", "generator has shape (4, 1) after 4 steps, not (4,)."),
        "ADeclaredLossIsNeverReturned": ("losses", "did not return the loss penalty, which the "),
        "AnUndeclaredLossIsReturned": ("losses", "returned the loss penalty, which the recipe doe"),
        "TakesLatentsAsTheFirstVersionDid": ("contract", "has version 1 of the contract, this gan"),
        "SamplesFromNoNetwork": ("contract", "sampler is 'generator_ema', which is none of its n"),
        "ANetworkIsNotDeclared": ("weight names", "The weights have the network critic, which the"),
        "ADeclaredNetworkIsMissing": ("weight names", "The generator_ema has no tensors."),
        "RealLabelsAreIgnored": (
            "every real label",
            "Another label of the last image in r",
        ),
        "AnEmbeddingIsFrozen": (
            "everything learns",
            "training do not change generator.3.em",
        ),
        "SamplesIgnoreTheirLabels": ("labels matter", "Other labels give the same samples; a rec"),
    }
    for name, (failing, words) in said.items():
        results = check(BROKEN[name][0], only=[failing])
        assert words in detail(results, failing), name


def test_a_frameworks_hint_is_said_where_resumed_training_differs():
    class Traced(BROKEN["ForgetsTheStep"][0]):
        framework = "keras"

    found = [check(one, only=["save and load"]) for one in (Traced, BROKEN["ForgetsTheStep"][0])]
    said = [" (in a traced function draw from keras.random: " in f[0].detail for f in found]
    assert said == [True, False]


def test_labels_below_zero_are_refused():
    labels = np.arange(-1, 15)
    with pytest.raises(UsageError, match=r"must be 16 numbers from 0 on; .* the lowest is -1\.$"):
        check(LabelledTrainer, labels=labels)


@pytest.mark.slow_after(20)
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_trainer_fails_the_checks_that_see_its_fault_and_no_others(name):
    trainer, expected = BROKEN[name]
    recipe = FakeRecipe() if name == "HasNoRecipeClass" else None
    # The fields' checks take as long as all others.
    only = {*CHECKS} if expected <= {*CHECKS} else None
    results = check(trainer, recipe, only=only)
    assert named(results, "failed") == expected
    assert all(result.detail.endswith(".") for result in results)


def test_every_check_can_fail():
    caught = set().union(*(expected for _, expected in BROKEN.values()))
    assert {*CHECKS, *FIELDS} - caught == set()


def test_an_unsupported_trainer_is_skipped_with_its_reason():
    class NeedsAnotherMachine(FakeTrainer):
        def __init__(self, *args, **kwargs):
            raise Unsupported("it needs eight GPUs.")

    results = check(NeedsAnotherMachine)
    assert {*CHECKS, *FIELDS} == named(results, "skipped")
    assert {result.detail for result in results} == {"Unsupported: it needs eight GPUs."}


@pytest.mark.slow
def test_images_that_the_recipe_cannot_make_skip_everything():
    class LargeRecipe(FakeRecipe):
        def cannot_make(self, height, width, channels):
            return "it makes 64x64 images." if (height, width) != (64, 64) else None

    class Large(FakeTrainer):
        recipe_class: ClassVar[type[Recipe]] = LargeRecipe

    assert "64x64" in detail(check(Large), "same seed")
    assert named(check_trainer(Large), "passed") == {*CHECKS, *FIELDS}


@pytest.mark.parametrize(
    ("example", "makes", "tried"),
    [
        (None, None, (28, 28, 1)),  # those that come with gan-bench
        ((12, 10, 2), None, (12, 10, 2)),
        ((12, 10, 2), (64, 64, 3), (64, 64, 3)),
        (None, (32, 32, 1), (32, 32, 1)),
        ((12, 10, 2), (5, 5, 5), (12, 10, 2)),
    ],
)
def test_synthetic_images_are_those_of_the_recipes_example_if_it_can_make_them(
    example, makes, tried
):
    class Other(FakeRecipe):
        example_shape: ClassVar[tuple[int, int, int] | None] = example

        def cannot_make(self, *shape):
            return None if makes in (None, shape) else "no"

    assert synthetic_images(Other(), 0).shape[1:] == tried


def test_a_recipe_knows_the_images_that_its_trainer_is_checked_on():
    hidden = set()

    class Bound(FakeRecipe):
        def initial_weights(self, seed):
            assert self.image_shape == (9, 8, 2)
            hidden.add(self.hidden)
            return super().initial_weights(seed)

        def smaller(self):
            return type(self)(hidden=4, batch_size=4)

    class OfBound(FakeTrainer):
        recipe_class: ClassVar[type[Recipe]] = Bound

    images = np.random.default_rng(0).integers(0, 256, (64, 9, 8, 2), dtype=np.uint8)
    assert named(check_trainer(OfBound, images=images), "passed") == {*CHECKS, *FIELDS}
    assert hidden >= {4, 16}  # the smaller recipe's and the default


BEFORE_FIRST_STEPS = ["contract", "recipe as json", "unknown fields", "initial weights are pure"]


@pytest.mark.parametrize("crash", [ValueError("no such layer"), SystemExit(1)])
@pytest.mark.parametrize("method", ["__init__", "set_weights", "train", "weights", "sample"])
def test_a_crash_in_the_first_steps_is_one_failure_with_the_authors_line(crash, method):
    def crashes(self, *args, **kwargs):
        raise type(crash)(*crash.args)

    results = check(type("Crashes", (FakeTrainer,), {method: crashes}))
    assert [result.name for result in results] == [*CHECKS, *FIELDS]
    assert list(named(results, "failed")) == ["first steps"]
    assert named(results, "passed") == {*BEFORE_FIRST_STEPS}
    said = "The first steps failed, and every later check needs them."
    assert {result.detail for result in results if result.status == "skipped"} == {said}
    failed = results[len(BEFORE_FIRST_STEPS)]
    assert f"It raised {type(crash).__name__}" in failed.detail
    number = inspect.getsourcelines(crashes)[1] + 1
    assert failed.traceback == (f"{__file__}:{number}, in crashes: raise type(crash)(*crash.args)",)


def test_a_crash_after_the_first_steps_fails_what_sees_it_and_the_suite_goes_on():
    class Crashes(FakeTrainer):
        def save(self, path):
            self.no_such_attribute.copy()

    results = check(Crashes, only={*CHECKS})
    of_save = {name for name in CHECKS if name.startswith(("save", "load"))}
    assert len(of_save) == 4 and named(results, "failed") == of_save
    lines = {result.traceback for result in results if result.status == "failed"}
    assert len(lines) == 1
    assert lines.pop()[0].endswith(", in save: self.no_such_attribute.copy()")


def test_a_field_whose_other_value_crashes_has_the_authors_line():
    (result,) = check(BROKEN["CrashesOnUniformLatents"][0], only={"field latent_distribution"})
    assert result.traceback[-1].endswith(', in __init__: raise KeyError("uniform")')


@pytest.mark.parametrize("name", ["LossesAreColumns", "SamplesAreFloat", "LossesAreLists"])
def test_what_a_run_would_refuse_fails_the_first_steps(name):
    results = check(BROKEN[name][0])
    assert named(results, "failed") == {"first steps"}
    assert ", the contract says " in detail(results, "first steps")
    assert {result.traceback for result in results} == {()}


@pytest.mark.parametrize("images", [None, IMAGES])
def test_first_steps_that_fail_for_the_shape_say_which_images_were_used(images):
    class MakesOthers(FakeTrainer):
        def train(self, batches, draws):
            raise ValueError("expected 3 channels")

    results = check_trainer(MakesOthers, images=images, only={"first steps"})
    said = "The images were synthetic, 28 x 28 x 1: the recipe's `example_shape` or `gan-bench ver"
    assert (said in results[0].detail) is (images is None)


def test_the_quick_checks_are_ten():
    results = check(FakeTrainer, only=QUICK)
    assert len(results) == 10
    assert named(results, "passed") == QUICK


def test_a_recipe_without_defaults_fails_the_contract():
    class BareRecipe(Recipe):
        name: ClassVar[str] = "bare"

    class Bare(FakeTrainer):
        recipe_class: ClassVar[type[Recipe]] = BareRecipe

    results = check(Bare)
    assert [result.name for result in results] == [*CHECKS]
    assert named(results, "failed") == {"contract"}
    assert "batch_size" in detail(results, "contract")
    assert named(results, "skipped") == {*CHECKS} - {"contract"}


def test_another_recipe_than_the_classes_own_fails_the_contract():
    class OtherRecipe(FakeRecipe):
        pass

    class Other(FakeTrainer):
        recipe_class: ClassVar[type[Recipe]] = OtherRecipe

    results = check(Other, FakeRecipe(), only={"contract"})
    assert "OtherRecipe" in detail(results, "contract")
    assert named(results, "failed") == {"contract"}


def test_single_checks_can_be_chosen_and_unknown_ones_are_named():
    results = check(FakeTrainer, only={"field decay", "train in pieces"})
    assert [result.name for result in results] == ["train in pieces", "field decay"]
    with pytest.raises(UsageError, match="Unknown checks: peaces; choose from"):
        check(FakeTrainer, only={"peaces"})


def test_a_trainer_that_initialises_itself_skips_checks_of_initial_weights():
    class FreeRecipe(FakeRecipe):
        initial_weights = Recipe.initial_weights
        parameter_counts = Recipe.parameter_counts
        forward_multiply_adds = Recipe.forward_multiply_adds

    class InitialisesItself(FakeTrainer):
        recipe_class: ClassVar[type[Recipe]] = FreeRecipe

        def set_weights(self, weights):
            own = FakeRecipe.initial_weights(self.recipe, 5)
            super().set_weights(own if weights is None else weights)

    results = check(InitialisesItself)
    assert named(results, "failed") == set()
    assert named(results, "skipped") == {
        "initial weights are pure",
        "weights of the recipe",
        "costs",
    }


def test_labels_in_order_are_not_looked_for_where_order_has_another_effect():
    class WithDropout(LabelledTrainer):
        class Dropping(LabelledTrainer.recipe_class):
            def without_dropout(self):
                return self

        recipe_class: ClassVar[type[Recipe]] = Dropping

    (result,) = check(WithDropout, only={"real labels in order"})
    assert result.status == "skipped"
    assert "Training depends on the order of a batch, whatever the labels" in result.detail


class WithoutForward(FakeTrainer):
    """Initialises itself, and has all that a run needs."""

    class FreeRecipe(FakeRecipe):
        initial_weights = Recipe.initial_weights

    recipe_class: ClassVar[type[Recipe]] = FreeRecipe
    forward = None

    def set_weights(self, weights):
        own = FakeRecipe.initial_weights(self.recipe, 5)
        super().set_weights(own if weights is None else weights)


def test_a_trainer_that_initialises_itself_needs_no_forward():
    results = check(WithoutForward, only={*CHECKS})
    assert named(results, "failed") == set()
    of_forward = {name for name in CHECKS if name.startswith("forward")}
    assert len(of_forward) == 4
    assert named(results, "skipped") == {
        *("initial weights are pure", "weights of the recipe", *of_forward)
    }
    assert detail(results, "forward modes") == (
        "The trainer has no `forward`, which only a recipe with initial weights needs."
    )


def test_a_trainer_with_initial_weights_of_its_recipe_needs_a_forward():
    (failed,) = check(BROKEN["HasNoForward"][0], only={"contract"})
    assert failed.detail == "The method `forward` is missing."


def test_a_refused_dtype_is_skipped_not_failed():
    results = check(RefusesDouble)
    assert named(results, "failed") == set()
    assert named(results, "skipped") == {"field dtype"}
    assert "float32 only" in detail(results, "field dtype")


def test_a_nondeterministic_device_skips_checks_that_compare_bits():
    class Accelerated(DropoutIsNotSeeded):
        def __init__(self, *args, device, **kwargs):
            if device != "cuda:0":
                raise Unsupported("cuda:0 only.")
            super().__init__(*args, device="cpu", **kwargs)

    results = check(Accelerated, device="cuda:0")
    assert named(results, "failed") == set()
    assert {"same seed", "train in pieces", "every draw"} <= named(results, "skipped")


def test_checks_and_their_results_are_reported_as_they_come():
    seen: list[CheckStarted | CheckResult] = []
    results = check(FakeTrainer, on_start=seen.append, on_result=seen.append)
    starts, ends = seen[::2], seen[1::2]
    assert ends == results
    assert [start.name for start in starts] == [*CHECKS, *FIELDS]
    assert [start.number for start in starts] == list(range(1, len(results) + 1))
    assert {start.count for start in starts} == {len(results)}
    done = [start.done for start in starts]
    assert done[0] == 0 and sorted(set(done)) == done and done[-1] < 1


def test_fields_of_every_kind_are_tried():
    class KindsRecipe(FakeRecipe):
        rates: tuple[float, float] = (0.5, 0.25)
        flag: bool = False
        kind: str = "a"

    class Kinds(FakeTrainer):
        recipe_class: ClassVar[type[Recipe]] = KindsRecipe

    results = check(Kinds)
    assert named(results, "failed") == {"field rates", "field flag", "field kind"}
    assert "`rates[0]` has no effect" in detail(results, "field rates")
    assert "training with True gives the same result as with False" in detail(results, "field flag")
    assert "examples=[...]" in detail(results, "field kind")
