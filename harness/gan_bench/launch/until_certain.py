"""Runs a plan in rounds of seeds, until each place in quality is certain or seeds run out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gan_bench.analysis.sequential import Design, Look, look, progress, verdict
from gan_bench.analysis.summary import too_short_to_rank
from gan_bench.errors import UsageError
from gan_bench.metrics import Metric
from gan_bench.plan import Plan, RunSpec

Train = Callable[[Plan], Mapping[str, float | None]]
"""Runs a plan; returns the final value of each run by run id, None where there is none."""


@dataclass
class History:
    """What was run and what it has shown."""

    design: Design
    metric: Metric
    runs: list[RunSpec] = field(default_factory=list)
    """In the order in which they ran."""
    values: dict[str, dict[int, float]] = field(default_factory=dict)
    """Final values by implementation, with what tells its versions apart, and seed. One without
    values is there, too."""
    looks: list[Look] = field(default_factory=list)

    @property
    def verdict(self) -> list[str]:
        """What it has shown, in sentences."""
        return verdict(self.looks[-1], self.values, self.design, self.metric)


def check_rounds(plan: Plan) -> None:
    """Check that a plan with all seeds can be run in rounds.

    Raises
    ------
    UsageError
        It has a single implementation, which has no place, or its budget does not rank quality.
    """
    labels = plan.labels
    images = {labels[spec.run_id]: spec.budget_images for spec in plan.runs}
    if len(images) < 2:
        raise UsageError(
            "--until-certain compares implementations, and the plan has only "
            f"{next(iter(images))}: name another one, or use --seeds."
        )
    if len(set(images.values())) > 1:
        few, much = (by(images, key=lambda name: images[name]) for by in (min, max))
        raise UsageError(
            f"--until-certain ranks runs of one budget, and {few} trains on {images[few]:,} images "
            f"but {much} on {images[much]:,}: give the budget as --images or --epochs."
        )
    if reason := too_short_to_rank(plan.runs, next(iter(images.values()))):
        raise UsageError(f"{reason}, so no place gets certain: give a longer budget, or --seeds.")


def first_round(plan: Plan, design: Design) -> Plan:
    """Return the part of a plan with all seeds that runs before the first look."""
    runs = tuple(spec for spec in plan.runs if spec.seed < design.first)
    return plan.model_copy(update={"runs": runs, "most_seeds": design.most})


def run_until_certain(
    plan: Plan, design: Design, metric: Metric, train: Train, say: Callable[[str], None]
) -> History:
    """Run a plan with all seeds in rounds; return what ran and what it has shown.

    Each round is a plan of its own, with the runs as a plan with all seeds has them: what has a
    result is reused, so that the same command continues.

    Parameters
    ----------
    plan
        With seeds from 0 to the most of the design.
    design, metric
        When to look, and at what.
    train
        Called with the plan of each round.
    say
        Called with a line for each look.
    """
    labels = plan.labels
    # No FIDs against images that were seen in training.
    ranked = {s.run_id: labels[s.run_id] for s in plan.runs if "test" not in s.train_splits}
    history = History(design, metric, values={label: {} for label in ranked.values()})
    part, found = first_round(plan, design), None
    for seeds in design.looks:
        finals = train(part)
        for spec in part.runs:
            value = finals[spec.run_id]
            if value is not None and value > 0 and spec.run_id in ranked:  # logarithms are compared
                history.values[ranked[spec.run_id]][spec.seed] = value
        history.runs += part.runs
        found = look(history.values, found, seeds, design, metric)
        history.looks.append(found)
        say(progress(found, design))
        if not found.open or seeds == design.most:
            break
        again = set(found.open)
        runs = tuple(s for s in plan.runs if s.seed == seeds and labels[s.run_id] in again)
        part = part.model_copy(update={"runs": runs})
    return history
