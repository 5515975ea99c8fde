"""Checks of ``train``: what it returns, what it learns from, and how checkpoints continue it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gan_bench.testing.check_result import CheckFailed, CheckSkipped, expect
from gan_bench.testing.trainer_pool import (
    HALF,
    LOSSES,
    STEPS,
    Observed,
    TrainerPool,
    difference,
    empty_folder,
    joined_losses,
    weights_of,
)
from gan_bench.text import listed
from gan_bench.trainer import Losses


def losses(pool: TrainerPool) -> None:
    """``train`` returns finite losses for each step, in the recipe's dtype; d_* are in [0, 1]."""
    returned = pool.first_run.losses
    if not isinstance(returned, Losses):
        raise CheckFailed(f"`train` returns {type(returned).__name__}, not gan_bench's Losses.")
    for name in LOSSES:
        values = getattr(returned, name)
        if values is None and name.startswith("d_"):
            continue
        if not isinstance(values, np.ndarray):
            raise CheckFailed(f"{name} is {type(values).__name__}, not a numpy array.")
        dtype = pool.recipe.dtype
        expect(values.dtype == dtype, f"{name} is {values.dtype}, not {dtype}.")
        expect(values.shape == (STEPS,), f"{name} of {STEPS} steps has shape {values.shape}.")
        expect(np.isfinite(values).all(), f"{name} is not finite: {values}.")
        if name.startswith("d_"):
            inside = (values >= 0).all() and (values <= 1).all()
            expect(inside, f"{name} is a mean of probabilities, but it is {values}.")


def losses_are_copies(pool: TrainerPool) -> None:
    """A later call of ``train`` does not change losses returned before."""
    trainer = pool.used()
    batches, latents = pool.batches(), pool.latents()
    first = trainer.train(batches[:2], latents[:2])
    kept = {name: values.copy() for name, values in joined_losses(first).items()}
    trainer.train(batches[2:], latents[2:])
    gap = difference(kept, joined_losses(first))
    expect(gap is None, f"A later call of `train` changes losses returned before: {gap}.")


def everything_learns(pool: TrainerPool) -> None:
    """Training changes every kernel and every moving statistic of both networks."""
    before = weights_of(pool.with_weights())
    after = pool.reference
    still = [
        name
        for name, tensor in before.items()
        if name.endswith(("kernel", "moving_mean", "moving_variance"))
        and np.array_equal(tensor, after[name])
    ]
    expect(not still, f"{STEPS} steps of training do not change {listed(still, 5)}.")


def same_seed(pool: TrainerPool) -> None:
    """Two trainers built with the same arguments end with the same bits."""
    finding = "Two trainers built with the same arguments end in other bits"
    pool.expect_same(pool.reference, pool.repeat.reference, finding)


def pieces(pool: TrainerPool) -> None:
    """Calls of one, two and one steps end with the same bits as one call of four."""
    trainer = pool.fresh()
    batches, latents = pool.batches(), pool.latents()
    parts = [
        trainer.train(batches[start:end], latents[start:end])
        for start, end in ((0, 1), (1, 3), (3, STEPS))
    ]
    finding = f"Calls of 1, 2 and 1 steps end in other bits than one call of {STEPS}"
    pool.expect_same(pool.reference, pool.observe(trainer, *parts), finding)


def waits(pool: TrainerPool) -> None:
    """``train`` returns when training has finished: nothing changes afterwards."""
    first = {name: array for name, array in pool.reference.items() if "losses" not in name}
    later = pool.observe(pool.first_run.trainer)
    pool.expect_same(first, later, "The trainer changes after `train` has returned")


def arguments_untouched(pool: TrainerPool) -> None:
    """The trainer does not write to arrays that it is given."""
    meant: Observed = {
        "images": pool.images,
        "labels": pool.labels,
        "batches": pool.batches(),
        "latents": pool.latents(),
    }
    gap = difference(meant, pool.first_run.given)
    expect(gap is None, f"The trainer writes to an array that it was given: {gap}.")


def arguments_copied(pool: TrainerPool) -> None:
    """``train`` keeps no reference to batches and latents."""
    trainer, first = pool.halfway()
    parts = [first]
    for start in range(HALF, STEPS):
        batches = pool.batches()[start : start + 1].copy()
        latents = pool.latents()[start : start + 1].copy()
        parts.append(trainer.train(batches, latents))
        batches[...] = 0
        latents[...] = 0
    finding = "Changing batches and latents after `train` has returned changes the trainer"
    pool.expect_same(pool.reference, pool.observe(trainer, *parts), finding)


CHECKS = (
    losses,
    losses_are_copies,
    everything_learns,
    same_seed,
    pieces,
    waits,
    arguments_untouched,
    arguments_copied,
)


def save_and_load(pool: TrainerPool) -> None:
    """A new trainer that loads a checkpoint continues with the same bits, from any folder."""
    finding = "A new trainer that loaded goes on otherwise than without"
    pool.expect_same(pool.reference, pool.continued(pool.build()), finding)


def load_into_a_used_trainer(pool: TrainerPool) -> None:
    """``load`` replaces the whole state of a trainer that has trained on other data."""
    finding = "A used trainer that loaded goes on otherwise than without"
    pool.expect_same(pool.reference, pool.reloaded, finding)


def save_leaves_no_trace(pool: TrainerPool) -> None:
    """Saving does not change the training that follows."""
    finding = "A trainer that saved goes on otherwise than without"
    pool.expect_same(pool.reference, pool.interrupted.observed, finding)


def save_stays_in_its_folder(pool: TrainerPool) -> None:
    """``save`` writes to the given folder only."""
    with empty_folder() as folder:
        pool.with_weights().save(folder)
        strays = [path.name for path in folder.parent.iterdir() if path != folder]
        expect(not strays, f"`save` writes outside its folder: {listed(strays, 5)}.")
        expect(any(folder.iterdir()), "`save` writes nothing below its folder.")


CHECKPOINT_CHECKS = (
    save_and_load,
    load_into_a_used_trainer,
    save_leaves_no_trace,
    save_stays_in_its_folder,
)


def every_draw(pool: TrainerPool) -> None:
    """Training uses each of a step's draws of latents, including the last row."""
    for draw in range(pool.recipe.draws_per_step):
        latents = pool.latents()
        latents[-1, draw, -1] = pool.noise(4)
        _expect_effect(
            pool,
            pool.batches(),
            latents,
            f"Other latents in the last row of draw {draw} of step {STEPS - 1} change no weight.",
        )


def every_real_batch(pool: TrainerPool) -> None:
    """Training uses each of a step's real batches, including the last image."""
    for batch in range(pool.recipe.real_batches_per_step):
        batches = pool.batches()
        batches[-1, batch, -1] = _different_image(pool, int(batches[-1, batch, -1]))
        _expect_effect(
            pool,
            batches,
            pool.latents(),
            f"Another last image in real batch {batch} of step {STEPS - 1} changes no weight.",
        )


def unused_images(pool: TrainerPool) -> None:
    """Training uses the images of the batches only."""
    unused = len(pool.images) // 2
    if unused == 0:
        raise CheckSkipped("There is no image to leave out.")
    images = pool.images.copy()
    images[unused:] = 255 - images[unused:]
    other = replace(pool, images=images)
    finding = "Other images, in no batch that was trained on, end in other bits"
    pool.expect_same(pool.reference, other.reference, finding)


def _expect_effect(
    pool: TrainerPool, batches: NDArray[np.int64], latents: NDArray[np.float32], finding: str
) -> None:
    after = pool.weights_after(batches, latents)
    reference = {name: pool.reference[name] for name in after}
    pool.expect_other(reference, after, finding)


def _different_image(pool: TrainerPool, index: int) -> int:
    """Return the index of the image least like the one at ``index``."""
    images = pool.images.astype(np.int16)
    distances = np.abs(images - images[index]).sum(axis=(1, 2, 3), dtype=np.int64)
    if not distances.any():
        raise CheckSkipped("All images are equal.")
    return int(distances.argmax())


INPUT_CHECKS = (every_draw, every_real_batch, unused_images)
