"""Checks that ``save`` and ``load`` carry on as if nothing had happened."""

from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from gan_bench.testing.results import expect, listed
from gan_bench.testing.subject import STEPS, Subject
from gan_bench.trainer import Losses, Trainer

HALF = STEPS // 2


def save_and_load(subject: Subject) -> None:
    """Go on with the same bits in a new trainer that loads what another saved."""
    _expect_continuation(subject, lambda _: subject.build(), "A new trainer that loaded")


def load_into_a_used_trainer(subject: Subject) -> None:
    """Replace everything on ``load`` in a trainer that has trained on something else."""

    def used(_: Trainer) -> Trainer:
        trainer = subject.start()
        trainer.train(subject.batches(3)[::-1].copy(), subject.latents(3)[::-1].copy())
        return trainer

    _expect_continuation(subject, used, "A used trainer that loaded")


def save_leaves_no_trace(subject: Subject) -> None:
    """Train on after saving as if nothing had been saved."""
    _expect_continuation(subject, lambda trainer: trainer, "A trainer that saved")


def save_stays_in_its_folder(subject: Subject) -> None:
    """Write on ``save`` below the given folder, and only there."""
    with _empty_folder() as folder:
        subject.start().save(folder)
        strays = [path.name for path in folder.parent.iterdir() if path != folder]
        expect(not strays, f"`save` writes outside its folder: {listed(strays)}.")
        expect(any(folder.iterdir()), "`save` writes nothing below its folder.")


def _expect_continuation(
    subject: Subject, successor: Callable[[Trainer], Trainer], who: str
) -> None:
    batches, latents = subject.batches(), subject.latents()
    first, trainer = _save_and_hand_over(subject, successor)
    # The folder is gone by now: what was loaded must not depend on it.
    second = trainer.train(batches[HALF:], latents[HALF:])
    observed = subject.observe(trainer, first, second)
    subject.expect_same(subject.reference, observed, f"{who} goes on otherwise than without")


def _save_and_hand_over(
    subject: Subject, successor: Callable[[Trainer], Trainer]
) -> tuple[Losses, Trainer]:
    trainer = subject.start()
    first = trainer.train(subject.batches()[:HALF], subject.latents()[:HALF])
    with _empty_folder() as folder:
        trainer.save(folder)
        heir = successor(trainer)
        if heir is not trainer:
            heir.load(folder)
    return first, heir


@contextmanager
def _empty_folder() -> Iterator[Path]:
    """Yield an empty folder in a temporary one, to which strays and relative paths go too."""
    with TemporaryDirectory() as name, chdir(name):
        folder = Path(name).resolve() / "checkpoint"
        folder.mkdir()
        yield folder


CHECKS = (
    save_and_load,
    load_into_a_used_trainer,
    save_leaves_no_trace,
    save_stays_in_its_folder,
)
