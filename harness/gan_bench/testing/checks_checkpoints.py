"""Checks that ``save`` and ``load`` carry on as if nothing had happened."""

from gan_bench.testing.results import expect, listed
from gan_bench.testing.subject import Subject, empty_folder


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
        expect(not strays, f"`save` writes outside its folder: {listed(strays)}.")
        expect(any(folder.iterdir()), "`save` writes nothing below its folder.")


CHECKS = (
    save_and_load,
    load_into_a_used_trainer,
    save_leaves_no_trace,
    save_stays_in_its_folder,
)
