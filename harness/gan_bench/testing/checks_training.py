"""Checks of ``train``, of its inputs, and of checkpoints."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gan_bench.contract import check_samples, loss_table
from gan_bench.errors import ContractError
from gan_bench.plugins.frameworks import frameworks
from gan_bench.recipe import OPTIONAL_LOSSES, Draw
from gan_bench.streams import Stream, generator
from gan_bench.testing.check_result import CheckFailed, CheckSkipped, expect
from gan_bench.testing.trainer_pool import (
    FIRST,
    HALF,
    SAMPLES,
    SECOND,
    STEPS,
    Observed,
    TrainerPool,
    copies,
    difference,
    empty_folder,
    part,
    weights_of,
)
from gan_bench.text import listed
from gan_bench.trainer import declared_losses, is_trained


def first_steps(pool: TrainerPool) -> None:
    """A trainer can be built and trained, and generates images of the data set's shape."""
    loss_table(pool.first_run.losses, STEPS, pool.recipe)
    # Nothing may use the trainer before its state is recorded.
    check_samples(pool.reference["samples"], (SAMPLES, *pool.images.shape[1:]))


FIRST_CHECKS = (first_steps,)
"""What every run does first: if it fails, the checks after it cannot say more."""


def losses(pool: TrainerPool) -> None:
    """``train`` returns the declared losses by name, finite, one for each step."""
    try:
        returned = declared_losses(pool.first_run.losses, pool.recipe, "`train`")
    except ContractError as error:
        raise CheckFailed(f"{error}.") from error
    for name, values in returned.items():
        if not isinstance(values, np.ndarray):
            raise CheckFailed(f"{name} is {type(values).__name__}, not a numpy array.")
        dtype = pool.recipe.dtype
        expect(values.dtype == dtype, f"{name} is {values.dtype}, not {dtype}.")
        expect(
            values.shape == (STEPS,),
            f"{name} has shape {values.shape} after {STEPS} steps, not {(STEPS,)}.",
        )
        expect(np.isfinite(values).all(), f"{name} is not finite: {values}.")
        if name in OPTIONAL_LOSSES:
            inside = (values >= 0).all() and (values <= 1).all()
            expect(inside, f"{name} has to be a mean of probabilities, but is {values}.")


def losses_are_copies(pool: TrainerPool) -> None:
    """A later call of ``train`` does not change losses that it returned before."""
    trainer = pool.used()
    batches, draws = pool.batches(), pool.draws()
    first = trainer.train(batches[FIRST], part(draws, FIRST))
    kept = copies(pool.joined_losses(first))
    trainer.train(batches[SECOND], part(draws, SECOND))
    gap = difference(kept, pool.joined_losses(first))
    expect(gap is None, f"A later call of `train` changes losses that it returned before: {gap}.")


def everything_learns(pool: TrainerPool) -> None:
    """Training changes every tensor that an optimiser updates, and every moving statistic."""
    unchanged = _unchanged(pool)
    always = [name for name in unchanged if name.endswith(("kernel", "moving_mean", _VARIANCE))]
    expect(not always, f"{STEPS} steps of training do not change {listed(always, 5)}.")
    # The others may stay as they are where that is right: a bias before a normalisation has no
    # effect, the last bias of a critic only shifts the losses, and an average may move by less than
    # float32 shows.
    unsure = {name for name in unchanged if is_trained(name)}
    if unsure:
        pool = pool.double
        unsure &= {*_unchanged(pool)}
    others = _should_change(pool, sorted(unsure))
    expect(not others, f"{STEPS} steps of training do not change {listed(others, 5)}.")


_PLAIN = "generator"
_VARIANCE = "moving_variance"
_FAR = 100.0
"""An effect is this many times as large as what rounding makes of one."""


def _unchanged(pool: TrainerPool) -> list[str]:
    before, after = weights_of(pool.with_weights()), pool.reference
    return [name for name, tensor in before.items() if np.array_equal(tensor, after[name])]


def _should_change(pool: TrainerPool, names: list[str]) -> list[str]:
    """Return the tensors that have an effect on training, or average one that changes."""
    averages = [name for name in names if name.partition(".")[0] == pool.recipe.sampler != _PLAIN]
    should = [name for name in averages if _average_should_change(pool, name)]
    others = [name for name in names if name not in averages]
    return sorted([*should, *_with_an_effect(pool, others)])


def _average_should_change(pool: TrainerPool, name: str) -> bool:
    averaged = f"{_PLAIN}.{name.partition('.')[2]}"
    changes = averaged in pool.reference and averaged not in _unchanged(pool)
    return changes and pool.recipe.dtype == "float64"


def _with_an_effect(pool: TrainerPool, names: list[str]) -> list[str]:
    """Return the tensors whose first values matter more to the losses than rounding does."""
    if not names:
        return []
    start = weights_of(pool.with_weights())
    nearest = {
        key: np.nextafter(tensor, tensor.dtype.type(np.inf)) for key, tensor in start.items()
    }
    course = _course(pool, start)
    least = _FAR * max(_gap(course, _course(pool, nearest)), _eps(pool))

    def effect(name: str) -> float:
        noise = generator(pool.seed, Stream.CONFORMANCE, 2).standard_normal(start[name].shape)
        other = np.asarray(start[name] + 0.1 * noise, start[name].dtype)
        return _gap(course, _course(pool, start | {name: other}))

    return [name for name in names if effect(name) > least]


def _course(pool: TrainerPool, weights: Observed) -> NDArray[Any]:
    """Return how far each loss that is minimised moves from its first value."""
    trainer = pool.fresh()
    trainer.set_weights(copies(weights))
    losses = trainer.train(pool.batches(), pool.draws())
    return np.array([losses[name] - losses[name][0] for name in _minimised(pool)])


def _minimised(pool: TrainerPool) -> list[str]:
    return [name for name in pool.recipe.losses if name not in OPTIONAL_LOSSES]


def _eps(pool: TrainerPool) -> float:
    return float(np.finfo(pool.recipe.dtype).eps)


def _gap(first: NDArray[Any], second: NDArray[Any]) -> float:
    return float((np.abs(first - second) / np.maximum(1, np.abs(first))).max())


def same_seed(pool: TrainerPool) -> None:
    """Two trainers built with the same arguments are bit-identical after training."""
    finding = "Two trainers built with the same arguments differ after training"
    pool.expect_same(pool.reference, pool.repeat.reference, finding)


def train_in_pieces(pool: TrainerPool) -> None:
    """Calls of 1, 2 and 1 steps give bit for bit the same result as one call of 4 steps."""
    trainer = pool.fresh()
    batches, draws = pool.batches(), pool.draws()
    parts = [
        trainer.train(batches[start:end], part(draws, slice(start, end)))
        for start, end in ((0, 1), (1, 3), (3, STEPS))
    ]
    finding = f"Calls of 1, 2 and 1 steps give a different result than one call of {STEPS} steps"
    pool.expect_same(pool.reference, pool.observe(trainer, *parts), finding)


def train_waits(pool: TrainerPool) -> None:
    """``train`` returns only when training has finished: nothing changes afterwards."""
    first = {name: array for name, array in pool.reference.items() if "losses" not in name}
    later = pool.observe(pool.first_run.trainer)
    pool.expect_same(first, later, "The trainer changes after `train` has returned")


def arguments_untouched(pool: TrainerPool) -> None:
    """The trainer does not write to the arrays that it gets."""
    expected: Observed = {
        "images": pool.images,
        "labels": pool.labels,
        "batches": pool.batches(),
    }
    gap = difference(expected, pool.first_run.given)
    gap = gap or difference(pool.draws(), pool.first_run.draws)
    expect(gap is None, f"The trainer writes to an array that it got: {gap}.")


def arguments_copied(pool: TrainerPool) -> None:
    """``train`` keeps no reference to batches and draws."""
    trainer, first = pool.halfway()
    parts = [first]
    for start in range(HALF, STEPS):
        batches = pool.batches()[start : start + 1].copy()
        draws = copies(part(pool.draws(), slice(start, start + 1)))
        parts.append(trainer.train(batches, draws))
        for array in (batches, *draws.values()):
            array[...] = 0
    finding = "Changing batches and draws after `train` has returned changes the trainer"
    pool.expect_same(pool.reference, pool.observe(trainer, *parts), finding)


CHECKS = (
    losses,
    losses_are_copies,
    everything_learns,
    same_seed,
    train_in_pieces,
    train_waits,
    arguments_untouched,
    arguments_copied,
)


def save_and_load(pool: TrainerPool) -> None:
    """A new trainer that loads a checkpoint from any folder continues bit for bit."""
    finding = (
        "A new trainer that loaded a checkpoint continues differently from an uninterrupted one"
    )
    framework = frameworks().get(pool.trainer_class.framework)
    if framework and framework.resume_hint:
        finding += f" ({framework.resume_hint})"
    pool.expect_same(pool.reference, pool.continued(pool.build()), finding)


def load_into_a_used_trainer(pool: TrainerPool) -> None:
    """``load`` replaces the whole state of a trainer that has trained on other data."""
    finding = (
        "A used trainer that loaded a checkpoint continues differently from an uninterrupted one"
    )
    pool.expect_same(pool.reference, pool.reloaded, finding)


def save_leaves_no_trace(pool: TrainerPool) -> None:
    """Saving does not change the training that follows."""
    finding = "Saving changes the training that follows"
    pool.expect_same(pool.reference, pool.interrupted.observed, finding)


def save_stays_in_its_folder(pool: TrainerPool) -> None:
    """``save`` writes to the given folder only."""
    with empty_folder() as folder:
        pool.with_weights().save(folder)
        strays = [path.name for path in folder.parent.iterdir() if path != folder]
        expect(not strays, f"`save` writes outside the given folder: {listed(strays, 5)}.")
        expect(any(folder.iterdir()), "`save` writes nothing to the given folder.")


CHECKPOINT_CHECKS = (
    save_and_load,
    load_into_a_used_trainer,
    save_leaves_no_trace,
    save_stays_in_its_folder,
)


def every_draw(pool: TrainerPool) -> None:
    """Training uses every draw that the recipe declares, including the last row of each batch."""
    for name, declared in pool.recipe.draws().items():
        if declared.distribution == "classes" and pool.inputs.classes < 2:
            continue  # there is no other class
        for batch in range(declared.count):
            draws = pool.draws()
            draws[name][-1, batch, -1] = _other(pool, name, declared, draws[name][-1, batch, -1])
            _expect_effect(
                pool,
                pool.batches(),
                draws,
                f"Other {name} in the last row of batch {batch} of step {STEPS - 1} change no "
                "weight.",
            )


def _other(pool: TrainerPool, name: str, declared: Draw, values: NDArray[Any]) -> NDArray[Any]:
    """Return other values for a row of a draw."""
    if declared.distribution == "classes":
        return (values + 1) % pool.inputs.classes
    other = replace(pool.inputs, seed=pool.seed + 1)
    return np.asarray(other.draws(0, 1)[name][0, 0, 0])


def every_real_batch(pool: TrainerPool) -> None:
    """Training uses every real batch of a step, including the last image."""
    for batch in range(pool.recipe.real_batches_per_step):
        batches = pool.batches()
        batches[-1, batch, -1] = _different_image(pool, int(batches[-1, batch, -1]))
        after = pool.weights_after(batches, pool.draws())
        reference = {name: pool.reference[name] for name in after}
        finding = (
            f"A different last image in real batch {batch} of step {STEPS - 1} changes no weight"
        )
        if difference(reference, after) is None:
            # Hinge losses have no gradient of an image that is judged real by a margin, as all may
            # be in the first steps.
            batches, draws = pool.batches(_LONGER), pool.draws(_LONGER)
            reference = _trained(pool, batches, draws)
            for row in batches[:, batch]:
                row[-1] = _different_image(pool, int(row[-1]))
            after = _trained(pool, batches, draws)
            finding += f", nor do different ones in {_LONGER} steps"
        pool.expect_other(reference, after, f"{finding}.")


_LONGER: Final = 40
"""Steps in which a discriminator stops to judge all images by a margin."""


def _trained(pool: TrainerPool, batches: NDArray[np.int64], draws: Observed) -> Observed:
    trainer = pool.fresh()
    trainer.train(batches, draws)
    return weights_of(trainer)


def every_real_label(pool: TrainerPool) -> None:
    """If the recipe is conditional, training uses the label of every real image."""
    if not pool.recipe.conditional:
        return
    if pool.inputs.classes < 2:
        raise CheckSkipped("All images have the same label.")
    batches = pool.batches()
    # Images that are in no other batch, and without which there would be as many classes.
    last = [index for index in range(len(pool.images)) if index != pool.labels.argmax()]
    of_batches = last[-pool.recipe.real_batches_per_step :]
    for batch, index in enumerate(of_batches):
        batches[-1, batch, -1] = index
    reference = _weights_with(pool, batches, pool.labels)
    for batch, index in enumerate(of_batches):
        labels = pool.labels.copy()
        labels[index] = (labels[index] + 1) % pool.inputs.classes
        after = _weights_with(pool, batches, labels)
        finding = (
            f"Another label of the last image in real batch {batch} of step {STEPS - 1} changes no "
            "weight"
        )
        expected = reference
        if difference(expected, after) is None:  # as of real images, see above
            longer = pool.batches(_LONGER)
            longer[:, batch, -1] = index
            expected = _weights_with(pool, longer, pool.labels)
            after = _weights_with(pool, longer, labels)
            finding += f", nor if that image is in each of {_LONGER} steps"
        pool.expect_other(expected, after, f"{finding}.")


def real_labels_in_order(pool: TrainerPool) -> None:
    """If the recipe is conditional, each real image is trained on with its own label."""
    if not pool.recipe.conditional:
        return
    if pool.inputs.classes < 2 or pool.recipe.batch_size < 3:
        raise CheckSkipped("It needs two classes and batches of three images.")
    pool = pool.without_dropout
    # With its label, an image may be anywhere in the batch.
    alike = pool.labels.copy()
    alike[: len(alike) // 2] = 0
    alike[-1] = pool.inputs.classes - 1
    rounding = max(_moved(replace(pool, labels=alike)), _eps(pool))
    if rounding > _MOST_ROUNDING:
        raise CheckSkipped(
            "Training depends on the order of a batch, whatever the labels, for example by dropout "
            "that the recipe's `without_dropout` does not turn off."
        )
    expect(
        _moved(pool) <= _FAR * rounding,
        "Training depends on the order of a batch, though not if its labels are alike: real images "
        "get the labels of others.",
    )


_MOST_ROUNDING = 1e-4


def _moved(pool: TrainerPool) -> float:
    """Return how far losses are from those with all rows of each batch in another order."""
    size = pool.recipe.batch_size
    losses = []
    for order in (np.arange(size), generator(pool.seed, Stream.CONFORMANCE, 3).permutation(size)):
        draws = {name: draw[:, :, order] for name, draw in pool.draws().items()}
        trained = pool.fresh().train(pool.batches()[..., order], draws)
        losses.append(np.array([trained[name] for name in _minimised(pool) if name in trained]))
    return _gap(*losses)


def _weights_with(
    pool: TrainerPool, batches: NDArray[np.int64], labels: NDArray[np.int64]
) -> Observed:
    trainer = pool.fresh(labels=labels.copy())
    trainer.train(batches.copy(), pool.draws(len(batches)))
    return weights_of(trainer)


def unused_images(pool: TrainerPool) -> None:
    """Training uses only the images in the batches, and their labels."""
    unused = len(pool.images) // 2
    if unused == 0:
        raise CheckSkipped("There are too few images to leave one out.")
    images, labels = pool.images.copy(), pool.labels.copy()
    images[unused:] = 255 - images[unused:]
    labels[unused:] = np.roll(labels[unused:], 1)  # as many classes
    other = replace(pool, images=images, labels=labels)
    finding = "Images that are in no batch, or their labels, change the result of training"
    pool.expect_same(pool.reference, other.reference, finding)


def _expect_effect(
    pool: TrainerPool, batches: NDArray[np.int64], draws: Observed, finding: str
) -> None:
    after = pool.weights_after(batches, draws)
    reference = {name: pool.reference[name] for name in after}
    pool.expect_other(reference, after, finding)


def _different_image(pool: TrainerPool, index: int) -> int:
    """Return the index of the image that differs most from the one at ``index``."""
    images = pool.images.astype(np.int16)
    distances = np.abs(images - images[index]).sum(axis=(1, 2, 3), dtype=np.int64)
    if not distances.any():
        raise CheckSkipped("All images are equal.")
    return int(distances.argmax())


INPUT_CHECKS = (every_draw, every_real_batch, every_real_label, real_labels_in_order, unused_images)
