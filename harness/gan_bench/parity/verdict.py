"""The verdict on a pair: two observations compared part by part."""

from collections.abc import Iterable
from itertools import zip_longest

import numpy as np

from gan_bench.errors import GanBenchError
from gan_bench.parity.compare import (
    PairedRunComparison,
    compare_forward,
    compare_held,
    compare_step,
)
from gan_bench.parity.inputs import TEN_STEPS
from gan_bench.parity.messages import Message, Tensors
from gan_bench.results.certificate import LEVELS, Figure, PairedRun, Verdict, worst, worst_of_level
from gan_bench.system.child import ChildDied


class _CannotCheck(GanBenchError):
    """An implementation cannot do what the comparison asks."""


class Comparison:
    """What the observations of two implementations come to, as far as they go."""

    def __init__(self, names: tuple[str, str]) -> None:
        self.names = names
        self.batch_size: int | None = None
        self.problem: str | None = None
        """Why the observations ended early."""
        self.verdict: Verdict = "failed"
        self._figures: list[Figure] = []
        self._initial: Tensors = {}
        self._paired: PairedRunComparison | None = None
        self._steps = 0

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The worst figure of each thing that was compared."""
        return worst(self._figures)

    @property
    def paired_run(self) -> PairedRun | None:
        """How long they stayed together, None where it did not come to it."""
        return self._paired.result() if self._paired else None

    @property
    def problems(self) -> tuple[str, ...]:
        """Why they are no twins: what ended the comparison, and each level's worst figure."""
        worst_figures = [worst_of_level(self._figures, level) for level in LEVELS]
        failed = [str(figure) for figure in worst_figures if figure and not figure.passed]
        return (*failed, self.problem) if self.problem else tuple(failed)

    def held(self, name: str) -> bool | None:
        """Whether an implementation held the initial weights."""
        found = [f.passed for f in self._figures if f.level == "held weights" and f.of == name]
        return found[0] if found else None

    def run(self, reference: Iterable[Message], other: Iterable[Message]) -> None:
        """Compare two observations part by part; never raises for what a trainer does."""
        try:
            # Losses and weights that are no numbers have figures that say so.
            with np.errstate(invalid="ignore", over="ignore"):
                for ours, theirs in zip_longest(reference, other):
                    if ours is None or theirs is None:
                        name = self.names[0 if ours is None else 1]
                        self.problem = f"{name} ended before the comparison was done."
                        return
                    self._compare(ours, theirs)
        except _CannotCheck as reason:
            self.cannot_check(str(reason))
            return
        except ChildDied as death:
            self.problem = str(death)
            return
        if self._steps < TEN_STEPS:
            self.problem = "Both ended before the comparison was done."
        if not self.problems:
            self.verdict = "passed"

    def cannot_check(self, reason: str) -> None:
        """Say why the two cannot be compared, or not to the end."""
        self.problem = f"{reason.rstrip('.')}."
        if all(figure.passed for figure in self._figures):
            self.verdict = "not checked"

    def _compare(self, ours: Message, theirs: Message) -> None:
        for name, part in zip(self.names, (ours, theirs), strict=True):
            if part.stage == "unsupported":
                raise _CannotCheck(f"{name} cannot be checked: {part.reason}")
        match ours.stage:
            case "held":
                facts = ours.of("facts")
                self.batch_size = int(facts["batch_size"])
                initial = ours.of("recipe")
                self._initial = {name: t.astype(np.float64) for name, t in initial.items()}
                self._paired = PairedRunComparison(
                    batch_size=self.batch_size, dropout=bool(facts["dropout"])
                )
                self._figures += compare_held(self.names, ours, theirs)
            case "forward":
                self._figures += compare_forward(ours, theirs)
            case "paired":
                assert self._paired is not None
                self._paired.add(ours, theirs)
            case "step":
                self._figures += compare_step(self._initial, ours, theirs)
                self._steps = ours.step
