"""Checks of what ``train`` does and returns."""

import numpy as np

from gan_bench.testing.check_result import CheckFailed, expect
from gan_bench.testing.subject import (
    HALF,
    LOSSES,
    STEPS,
    Observed,
    Subject,
    difference,
    empty_folder,
    joined_losses,
    weights_of,
)
from gan_bench.text import listed
from gan_bench.trainer import Losses


def losses(subject: Subject) -> None:
    """Return finite losses in the recipe's dtype, one a step, and probabilities in [0, 1]."""
    returned = subject.first_run.losses
    if not isinstance(returned, Losses):
        raise CheckFailed(f"`train` returns {type(returned).__name__}, not gan_bench's Losses.")
    for name in LOSSES:
        values = getattr(returned, name)
        if values is None and name.startswith("d_"):
            continue
        if not isinstance(values, np.ndarray):
            raise CheckFailed(f"{name} is {type(values).__name__}, not a numpy array.")
        dtype = subject.recipe.dtype
        expect(values.dtype == dtype, f"{name} is {values.dtype}, not {dtype}.")
        expect(values.shape == (STEPS,), f"{name} of {STEPS} steps has shape {values.shape}.")
        expect(np.isfinite(values).all(), f"{name} is not finite: {values}.")
        if name.startswith("d_"):
            inside = (values >= 0).all() and (values <= 1).all()
            expect(inside, f"{name} is a mean of probabilities, but it is {values}.")


def losses_are_copies(subject: Subject) -> None:
    """Leave losses that were returned alone in a later call of ``train``."""
    trainer = subject.used_trainer()
    batches, latents = subject.batches(), subject.latents()
    first = trainer.train(batches[:2], latents[:2])
    kept = {name: values.copy() for name, values in joined_losses(first).items()}
    trainer.train(batches[2:], latents[2:])
    gap = difference(kept, joined_losses(first))
    expect(gap is None, f"A later call of `train` changes losses returned before: {gap}.")


def everything_learns(subject: Subject) -> None:
    """Change every kernel and every moving statistic of both networks by training."""
    before = weights_of(subject.untrained_with())
    after = subject.reference
    still = [
        name
        for name, tensor in before.items()
        if name.endswith(("kernel", "moving_mean", "moving_variance"))
        and np.array_equal(tensor, after[name])
    ]
    expect(not still, f"{STEPS} steps of training do not change {listed(still, 5)}.")


def same_seed(subject: Subject) -> None:
    """End in the same bits in two trainers built with the same arguments."""
    finding = "Two trainers built with the same arguments end in other bits"
    subject.expect_same(subject.reference, subject.twin.reference, finding)


def pieces(subject: Subject) -> None:
    """End in the same bits after calls of one, two and one steps as after one of four."""
    trainer = subject.start()
    batches, latents = subject.batches(), subject.latents()
    parts = [
        trainer.train(batches[start:end], latents[start:end])
        for start, end in ((0, 1), (1, 3), (3, STEPS))
    ]
    finding = f"Calls of 1, 2 and 1 steps end in other bits than one call of {STEPS}"
    subject.expect_same(subject.reference, subject.observe(trainer, *parts), finding)


def waits(subject: Subject) -> None:
    """Return from ``train`` when training is over, so that nothing changes afterwards."""
    first = {name: array for name, array in subject.reference.items() if "losses" not in name}
    later = subject.observe(subject.first_run.trainer)
    subject.expect_same(first, later, "The trainer changes after `train` has returned")


def arguments_untouched(subject: Subject) -> None:
    """Write to no array that the constructor or ``train`` is given."""
    meant: Observed = {
        "images": subject.images,
        "labels": subject.labels,
        "batches": subject.batches(),
        "latents": subject.latents(),
    }
    gap = difference(meant, subject.first_run.given)
    expect(gap is None, f"The trainer writes to an array that it was given: {gap}.")


def arguments_copied(subject: Subject) -> None:
    """Keep no reference to batches and latents after ``train`` has returned."""
    trainer, first = subject.trained_halfway()
    parts = [first]
    for start in range(HALF, STEPS):
        batches = subject.batches()[start : start + 1].copy()
        latents = subject.latents()[start : start + 1].copy()
        parts.append(trainer.train(batches, latents))
        batches[...] = 0
        latents[...] = 0
    finding = "Changing batches and latents after `train` has returned changes the trainer"
    subject.expect_same(subject.reference, subject.observe(trainer, *parts), finding)


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


def save_and_load(subject: Subject) -> None:
    """Go on with the same bits in a new trainer that loads what another saved, from any folder."""
    finding = "A new trainer that loaded goes on otherwise than without"
    subject.expect_same(subject.reference, subject.continued(subject.build()), finding)


def load_into_a_used_trainer(subject: Subject) -> None:
    """Replace everything on ``load`` in a trainer that has trained on something else."""
    finding = "A used trainer that loaded goes on otherwise than without"
    subject.expect_same(subject.reference, subject.rewound, finding)


def save_leaves_no_trace(subject: Subject) -> None:
    """Train on after saving as if nothing had been saved."""
    finding = "A trainer that saved goes on otherwise than without"
    subject.expect_same(subject.reference, subject.halfway.observed, finding)


def save_stays_in_its_folder(subject: Subject) -> None:
    """Write on ``save`` below the given folder, and only there."""
    with empty_folder() as folder:
        subject.untrained_with().save(folder)
        strays = [path.name for path in folder.parent.iterdir() if path != folder]
        expect(not strays, f"`save` writes outside its folder: {listed(strays, 5)}.")
        expect(any(folder.iterdir()), "`save` writes nothing below its folder.")


CHECKPOINT_CHECKS = (
    save_and_load,
    load_into_a_used_trainer,
    save_leaves_no_trace,
    save_stays_in_its_folder,
)
