"""``gan-bench run --until-certain``: what is refused, and what is printed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from gan_bench.analysis.sequential import Design
from gan_bench.errors import UsageError
from gan_bench.launch.until_certain import check_rounds, first_round, run_until_certain
from gan_bench.metrics import fid_name, metric
from gan_bench.schedulers.base import LOCAL
from gan_bench.text import many

if TYPE_CHECKING:
    from gan_bench.launch.run_one import Options, RunResult
    from gan_bench.plan import Plan
    from gan_bench.plan.request import Request

_MOST_SEEDS = 10


@dataclass(frozen=True)
class Rounds:
    """A plan with all seeds, of which a part runs in each round."""

    design: Design

    @staticmethod
    def of(request: "Request", max_seeds: int | None, executor: str, *, asked: bool) -> "Rounds":
        """Return the rounds that the options ask for.

        Raises
        ------
        UsageError
            The options contradict each other.
        """
        if not asked:
            raise UsageError("--max-seeds is for --until-certain: add it, or use --seeds.")
        if request.seeds is not None:
            raise UsageError(
                "--until-certain chooses the seeds itself: leave out --seeds and a plan file's "
                "seeds, and give the most with --max-seeds."
            )
        if executor != LOCAL:
            raise UsageError(
                "--until-certain looks at the scores of each round of runs on this machine: leave "
                "out --executor, or give --seeds."
            )
        return Rounds(Design(max_seeds or _MOST_SEEDS))

    def all_seeds(self, request: "Request") -> "Request":
        """Return the request of all seeds that may run."""
        return request.model_copy(update={"seeds": tuple(range(self.design.most))})

    def check(self, plan: "Plan") -> None:
        """Refuse a plan in which no place could become certain."""
        check_rounds(plan)

    def first(self, plan: "Plan") -> "Plan":
        """Return the part of the plan that runs first."""
        return first_round(plan, self.design)

    def describe(self, plan: "Plan") -> str:
        """Return what a dry run has shown of the plan."""
        first, most = self.design.first, self.design.most
        return (
            f"This is the first round. Each implementation gets {first} to {most} seeds: at most "
            f"{many(len(plan.runs), 'run')}."
        )

    def run(
        self,
        plan: "Plan",
        how: "Options",
        run_here: "Callable[[Plan], Sequence[RunResult]]",
    ) -> "tuple[Plan, int]":
        """Run the plan in rounds, and print what each has shown.

        Returns
        -------
        plan, succeeded
            The part of the plan that ran, and how many of its runs succeeded.
        """
        succeeded = 0

        def train(part: "Plan") -> dict[str, float | None]:
            nonlocal succeeded
            finished = run_here(part)
            succeeded += sum(result.ok for result in finished)
            pairs = zip(part.runs, finished, strict=True)
            return {spec.run_id: result.fid for spec, result in pairs}

        fid = metric(fid_name(how.scoring.features[0].name))
        history = run_until_certain(plan, self.design, fid, train, click.echo)
        for sentence in history.verdict:
            click.echo(sentence)
        return plan.model_copy(update={"runs": tuple(history.runs)}), succeeded
