"""The conformance suite: checks a trainer against the contract."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from gan_bench.errors import UsageError
from gan_bench.plugins.describe import example_shape
from gan_bench.plugins.frameworks import GlobalState
from gan_bench.recipe import Recipe, revalidated
from gan_bench.streams import Stream, generator
from gan_bench.system.scratch import scratch_folder
from gan_bench.testing import checks_class, checks_sampling, checks_training
from gan_bench.testing.check_result import CheckResult, CheckStarted, describe, perform
from gan_bench.testing.checks_fields import changeable, check_field
from gan_bench.testing.trainer_pool import TrainerPool
from gan_bench.text import listed
from gan_bench.trainer import Trainer, recipe_of

BATCH_SIZE = 8
IMAGES = 64
SHAPES = tuple((side, side, channels) for side in (32, 64, 128) for channels in (3, 1))
"""Shapes to try where the recipe cannot make the images of its example."""


def _name(check: Callable[[TrainerPool], None]) -> str:
    return check.__name__.replace("_", " ")


CHECKS: dict[str, Callable[[TrainerPool], None]] = {
    _name(check): check
    for checks in (
        checks_class.RECIPE_CHECKS,
        checks_training.FIRST_CHECKS,
        checks_class.DEVICE_CHECKS,
        checks_class.WEIGHT_CHECKS,
        checks_class.COST_CHECKS,
        checks_training.CHECKS,
        checks_training.INPUT_CHECKS,
        checks_sampling.CHECKS,
        checks_training.CHECKPOINT_CHECKS,
    )
    for check in checks
}
QUICK = frozenset(
    {
        *("contract", "initial weights are pure", "first steps", "weight names", "losses"),
        *("everything learns", "same seed", "sample shape", "sample rows", "save and load"),
    }
)
"""Checks that find the usual mistakes in a few seconds."""


def check_trainer(
    trainer_class: type[Trainer],
    recipe: Recipe | None = None,
    *,
    device: str = "cpu",
    seed: int = 0,
    images: NDArray[np.uint8] | None = None,
    labels: NDArray[np.int64] | None = None,
    on_start: Callable[[CheckStarted], None] | None = None,
    on_result: Callable[[CheckResult], None] | None = None,
    only: Collection[str] | None = None,
) -> list[CheckResult]:
    """Check a trainer class against the contract, on small data and for a few steps.

    An exception inside a check fails that check, and the others run all the same. But if the check
    ``first steps`` fails, which does what every run does first, all later checks are skipped.
    If building the trainer raises `Unsupported`, every check is skipped with that reason. On a
    nondeterministic device, checks that compare bits are skipped if they would fail; configure
    the framework to be deterministic before calling this.

    Parameters
    ----------
    trainer_class
        A class that fulfils `gan_bench.trainer.Trainer`.
    recipe
        Default: the class's recipe with its default values. The suite uses batches of 8 images if
        the recipe allows that.
    device
        ``cpu`` or ``cuda:<index>``.
    seed
        Random seed, 0 <= seed < 2**64 - 1.
    images
        uint8 (n, height, width, channels), n >= 2; default: 64 synthetic ones, in the first shape
        that the recipe can make of its ``example_shape`` (that of the data set that comes with
        gan-bench if it names none), 32x32x3, 32x32x1, 64x64x3, 64x64x1, 128x128x3 and 128x128x1.
    labels
        int64 (n,); default: 0 to 9 in turn.
    on_start
        Called with each check before it starts.
    on_result
        Called with each result as soon as it is known.
    only
        Names of the checks to run; default: all.

    Returns
    -------
    list of CheckResult
        One for each name in ``CHECKS``, then ``field <name>`` for each field of the recipe that has
        more than one valid value.

    Raises
    ------
    UsageError
        ``only`` names an unknown check, or the labels are not valid.
    """
    with scratch_folder() as scratch, _generators_kept():
        pool: TrainerPool | None = None
        checks = dict(CHECKS)
        try:
            chosen = default_recipe(trainer_class) if recipe is None else recipe
        except (AttributeError, TypeError, UsageError, ValidationError) as error:
            obstacle: str | None = (
                f"The class's recipe has no valid default values: {describe(error)}."
            )
        else:
            folder = Path(scratch).resolve()
            pool = _pool(trainer_class, chosen, device, seed, images, labels, folder)
            obstacle = _obstacle(pool)
            for field in changeable(type(chosen)):
                checks[f"field {field}"] = partial(check_field, field)
        results: list[CheckResult] = []
        names = _selected(checks, only)
        costs = [_cost(name) for name in names]
        for index, name in enumerate(names):
            if on_start is not None and obstacle is None:
                done = sum(costs[:index]) / sum(costs)
                on_start(CheckStarted(name, index + 1, len(names), done))
            if pool is None and name == "contract":
                without = partial(_contract_without_recipe, trainer_class)
                result = perform(name, promise(name), without, trainer_class.__module__)
            elif pool is None or obstacle is not None:
                result = CheckResult(name, "skipped", obstacle or "")
            else:
                check = partial(checks[name], pool)
                result = perform(name, promise(name), check, trainer_class.__module__)
            if name == "first steps" and result.status == "failed":
                assert pool is not None
                if images is None and _OF_SHAPES.search(result.detail):
                    result = replace(result, detail=f"{result.detail} {_which_images(pool)}")
                obstacle = "The first steps failed, and every later check needs them."
            results.append(result)
            if on_result is not None:
                on_result(result)
        return results


_OF_SHAPES = re.compile("shape|size|dimension|channel", re.IGNORECASE)


def _which_images(pool: TrainerPool) -> str:
    shape = " x ".join(map(str, pool.images.shape[1:]))
    return (
        f"The images were synthetic, {shape}: the recipe's `example_shape` or `gan-bench verify "
        "--dataset` chooses others."
    )


@contextmanager
def _generators_kept() -> Iterator[None]:
    kept = GlobalState.now()
    try:
        yield
    finally:
        kept.restore()


def _cost(name: str) -> float:
    """Return about how long a check takes, the first steps being 1, for an estimate.

    It depends on how many trainers the check builds and trains, which in some frameworks compiles.
    """
    if name == "first steps" or (name.startswith("field ") and name != "field epochs"):
        return 1.0
    return 0.5 if name in _BUILDING else 0.02


_BUILDING = frozenset(
    {
        *("weights are copies", "set weights keeps the rest", "everything learns", "same seed"),
        *("train in pieces", "unused images", "sample leaves no trace", "save and load"),
        "forward leaves no trace",
    }
)


def promise(name: str) -> str:
    """Return the sentence that is true if a trainer passes a check."""
    if name not in CHECKS:
        return f"Another value of `{name.removeprefix('field ')}` changes the run."
    return (CHECKS[name].__doc__ or name).partition("\n")[0].replace("``", "`")


def _selected(checks: Iterable[str], only: Collection[str] | None) -> list[str]:
    names = list(checks)
    unknown = set(only or ()) - set(names)
    if unknown:
        raise UsageError(
            f"Unknown checks: {listed(sorted(unknown))}; choose from {listed(sorted(names))}."
        )
    return names if only is None else [name for name in names if name in only]


def _contract_without_recipe(trainer_class: type[Trainer]) -> None:
    checks_class.check_class(trainer_class)
    default_recipe(trainer_class)


def default_recipe(trainer_class: type[Trainer]) -> Recipe:
    """Return the class's recipe with its default values."""
    return recipe_of(trainer_class).model_validate({})


def _pool(
    trainer_class: type[Trainer],
    recipe: Recipe,
    device: str,
    seed: int,
    images: NDArray[np.uint8] | None,
    labels: NDArray[np.int64] | None,
    scratch: Path,
) -> TrainerPool:
    # A recipe that does not allow this batch size keeps its own.
    with suppress(ValidationError):
        recipe = revalidated(recipe, batch_size=BATCH_SIZE)
    images = synthetic_images(recipe, seed) if images is None else images
    labels = np.arange(len(images), dtype=np.int64) % 10 if labels is None else labels
    if labels.shape != images.shape[:1] or labels.min() < 0:
        raise UsageError(
            f"The labels must be {len(images)} numbers from 0 on; they have the shape "
            f"{labels.shape}, and the lowest is {labels.min()}."
        )
    _, height, width, channels = images.shape
    recipe = recipe.for_images((height, width, channels))
    return TrainerPool(trainer_class, recipe, images, labels, device, seed, scratch)


def _obstacle(pool: TrainerPool) -> str | None:
    """Return why the trainer cannot be checked on this device, or None."""
    reason = pool.recipe.cannot_make(*pool.images.shape[1:])
    if reason is not None:
        return f"The recipe cannot make these images: {reason}"
    built = perform("build", "", lambda: pool.untrained)
    # Skipped means Unsupported. Each check reports other exceptions itself.
    return built.detail if built.status == "skipped" else None


def synthetic_images(recipe: Recipe, seed: int) -> NDArray[np.uint8]:
    """Return images of blobs of random position and size, in a shape that the recipe can make."""
    shapes = (example_shape(type(recipe)), *SHAPES)
    made = (shape for shape in shapes if recipe.cannot_make(*shape) is None)
    height, width, channels = next(made, shapes[0])
    numbers = generator(seed, Stream.CONFORMANCE, 0)
    rows, columns = np.arange(height)[:, None, None], np.arange(width)[:, None]
    down, right, size = numbers.uniform(0.2, 0.8, (3, IMAGES, 1, 1, channels))
    distances = (rows / height - down) ** 2 + (columns / width - right) ** 2
    blobs = np.exp(-distances / (0.2 * size) ** 2)
    noise = numbers.uniform(0, 0.1, blobs.shape)
    return np.asarray(np.clip(255 * (blobs + noise), 0, 255).astype(np.uint8))
