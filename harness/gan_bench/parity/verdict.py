"""Compares the messages of a pair one by one, and decides the verdict."""

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
from gan_bench.parity.messages import TEN_STEPS, Message, Tensors
from gan_bench.results.certificate import LEVELS, Figure, PairedRun, Verdict, worst, worst_of_level
from gan_bench.system.child import ChildDied


class _CannotCheck(GanBenchError):
    """An implementation cannot do what the comparison needs."""


class Comparison:
    """The comparison of two implementations, from the messages of their processes."""

    def __init__(self, names: tuple[str, str]) -> None:
        self.names = names
        self.batch_size: int | None = None
        self.problem: str | None = None
        """Why the comparison ended early."""
        self.verdict: Verdict = "failed"
        self._figures: list[Figure] = []
        self._initial: Tensors = {}
        self._paired: PairedRunComparison | None = None
        self._steps = 0

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The worst figure of each compared quantity."""
        return worst(self._figures)

    @property
    def paired_run(self) -> PairedRun | None:
        """Figures of the paired run, None if the comparison ended before it."""
        return self._paired.result() if self._paired else None

    @property
    def problems(self) -> tuple[str, ...]:
        """Each failed level's worst figure, and why the comparison ended early if it did."""
        worst_figures = [worst_of_level(self._figures, level) for level in LEVELS]
        failed = [str(figure) for figure in worst_figures if figure and not figure.passed]
        return (*failed, self.problem) if self.problem else tuple(failed)

    def held(self, name: str) -> bool | None:
        """Whether an implementation held the initial weights; None if that was not compared."""
        passed = [f.passed for f in self._figures if f.level == "held weights" and f.of == name]
        return passed[0] if passed else None

    def run(self, reference: Iterable[Message], other: Iterable[Message]) -> None:
        """Compare two streams of messages; failures of a trainer are recorded, not raised."""
        try:
            # The figures record NaN in losses and weights.
            with np.errstate(invalid="ignore", over="ignore"):
                for first, second in zip_longest(reference, other):
                    if first is None or second is None:
                        name = self.names[0 if first is None else 1]
                        self.problem = f"{name} ended before the comparison was done."
                        return
                    self._compare(first, second)
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
        """Record why the comparison cannot be done or finished."""
        self.problem = f"{reason.rstrip('.')}."
        if all(figure.passed for figure in self._figures):
            self.verdict = "not checked"

    def _compare(self, reference: Message, other: Message) -> None:
        for name, message in zip(self.names, (reference, other), strict=True):
            if message.stage == "unsupported":
                raise _CannotCheck(f"{name} cannot be checked: {message.reason}")
        match reference.stage:
            case "held":
                facts = reference.group("facts")
                self.batch_size = int(facts["batch_size"])
                initial = reference.group("recipe")
                self._initial = {name: t.astype(np.float64) for name, t in initial.items()}
                self._paired = PairedRunComparison(
                    batch_size=self.batch_size, dropout=bool(facts["dropout"])
                )
                self._figures += compare_held(self.names, reference, other)
            case "forward":
                self._figures += compare_forward(reference, other)
            case "paired":
                assert self._paired is not None
                self._paired.add(reference, other)
            case "step":
                self._figures += compare_step(self._initial, reference, other)
                self._steps = reference.step
