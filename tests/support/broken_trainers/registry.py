"""The table of broken trainers, and the checks that see a fault together."""

from gan_bench.testing import FakeTrainer

BROKEN: dict[str, tuple[type[FakeTrainer], set[str]]] = {}

CONTINUING = {"save and load", "load into a used trainer"}
BITS = {
    "set weights keeps the rest",
    "same seed",
    "train in pieces",
    "arguments copied",
    "unused images",
    "sample leaves no trace",
    "forward leaves no trace",
    "save leaves no trace",
    *CONTINUING,
}
# Checks that sample twice from one state.
SAMPLED = {"train waits", "weights are copies", "set weights copies"}


def fails(*checks: str):
    """Say which checks a trainer's fault fails: these and no others."""

    def register(trainer: type[FakeTrainer]) -> type[FakeTrainer]:
        BROKEN[trainer.__name__] = (trainer, set(checks))
        return trainer

    return register
