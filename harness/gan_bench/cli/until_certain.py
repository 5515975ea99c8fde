"""``gan-bench run --until-certain``: what is refused, and what is printed."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from gan_bench.analysis.sequential import Design
from gan_bench.errors import UsageError
from gan_bench.launch.until_certain import run_until_certain
from gan_bench.metrics import fid_name, metric
from gan_bench.schedulers.base import LOCAL
from gan_bench.text import many

if TYPE_CHECKING:
    from gan_bench.launch.run_one import Options, RunResult
    from gan_bench.plan import Plan
    from gan_bench.plan.request import Request

_MOST_SEEDS = 10


def design_of(
    request: "Request", max_seeds: int | None, executor: str, *, asked: bool
) -> Design | None:
    """Return when to look at the seeds, None without ``--until-certain``.

    Raises
    ------
    UsageError
        The options contradict each other.
    """
    if not asked:
        if max_seeds is not None:
            raise UsageError("--max-seeds is for --until-certain: add it, or use --seeds.")
        return None
    if request.seeds is not None:
        raise UsageError(
            "--until-certain chooses the seeds itself: leave out --seeds and a plan file's seeds, "
            "and give the most with --max-seeds."
        )
    if executor != LOCAL:
        raise UsageError(
            "--until-certain looks at the scores of each round of runs on this machine: leave out "
            "--executor, or give --seeds."
        )
    return Design(max_seeds or _MOST_SEEDS)


def say_first_round(plan: "Plan", design: Design) -> None:
    """Say what a dry run has shown of a plan with all seeds."""
    click.echo(
        f"This is the first round. Each implementation gets {design.first} to {design.most} seeds: "
        f"at most {many(len(plan.runs), 'run')}."
    )


def run_in_rounds(
    plan: "Plan",
    design: Design,
    how: "Options",
    run_here: "Callable[[Plan], Sequence[RunResult]]",
) -> "tuple[Plan, int]":
    """Run a plan with all seeds in rounds, and print what each has shown.

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
        return {spec.run_id: result.fid for spec, result in zip(part.runs, finished, strict=True)}

    fid = metric(fid_name(how.scoring.features[0].name))
    study = run_until_certain(plan, design, fid, train, click.echo)
    for sentence in study.verdict:
        click.echo(sentence)
    return plan.model_copy(update={"runs": tuple(study.runs)}), succeeded
