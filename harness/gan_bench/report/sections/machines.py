"""Which machine the times of a group are from, what the others took, and what repetitions show."""

from collections.abc import Iterable

from gan_bench.analysis.final_scores import measured
from gan_bench.analysis.identity import Machine
from gan_bench.analysis.repetitions import repetitions
from gan_bench.analysis.runs import Run
from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.summary import Group, Row, only_elsewhere
from gan_bench.report.sections.ranking_rows import maximum, mean, median
from gan_bench.text import Column, Table, listed, many, percent

_NAMED = 6


def setting_in_words(group: Group) -> str:
    """Return the group's setting, the batch size if all have one, and further machines."""
    sizes = {run.spec.recipe_values.get("batch_size") for run in group.runs}
    batches = f", batches of {sizes.pop()}" if len(sizes) == 1 and None not in sizes else ""
    others = dict.fromkeys(Machine.of(run) for row in group.rows for run in row.elsewhere)
    also = f"; scores also from {listed([str(one) for one in others], _NAMED)}" if others else ""
    return f"{group.setting.describe()}{batches}{also}"


def machine_notes(group: Group) -> list[str]:
    """Return which machine the times are from, and how far repeated seeds differ."""
    found = []
    apart = [row for row in group.rows if row.elsewhere]
    if apart:
        others = list(dict.fromkeys(str(Machine.of(run)) for row in apart for run in row.elsewhere))
        why = (
            "the speeds were measured"
            if group.speed
            else "most implementations or, of as many, most runs ended"
        )
        found.append(
            f"Scores are from all machines. Times are from {group.setting.machine} alone, because "
            f"{why} there. The table of times by machine also has those from "
            f"{listed(others, _NAMED)}."
        )
        if missing := only_elsewhere(group):
            found.append(
                f"Without times here, after runs elsewhere only: {listed(missing, _NAMED)}."
            )
        measured = [row.label for row in apart if row.images_per_s and not row.timed_ok]
        if measured:
            found.append(
                f"The study has the speeds of {listed(measured, _NAMED)}, but their warm-up and "
                "memory here are not known: they only ran on other machines."
            )
    if repeated := repetitions(group):
        machines = f" on {many(repeated.machines, 'machine')}" if repeated.machines > 1 else ""
        seeds = "1 seed" if repeated.seeds == 1 else f"{repeated.seeds} seeds"
        over = (
            f", and by {percent(repeated.of_seeds, 1)} over the seeds of one implementation"
            if repeated.of_seeds is not None
            else ""
        )
        found.append(
            f"{seeds} ran several times{machines} and count once. Their final FIDs vary by "
            f"{percent(repeated.of_one_seed, 1)} over the runs of one seed{over} (standard "
            "deviation of the logarithm)."
        )
    return found


def times_by_machine(group: Group) -> Table | None:
    """Return the times of each implementation on each machine, None if all ran on one."""
    if not any(row.elsewhere for row in group.rows):
        return None
    by_machine: dict[Machine, list[tuple[Row, list[Run]]]] = {group.setting.machine: []}
    for row in group.rows:
        every: dict[Machine, list[Run]] = {}
        for run in (*row.timed_ok, *row.elsewhere):
            every.setdefault(Machine.of(run), []).append(run)
        for machine, runs in every.items():
            by_machine.setdefault(machine, []).append((row, runs))
    return Table(
        [
            *(Column(title) for title in ("Machine", "Implementation")),
            *(
                Column(title, "number")
                for title in ("Seeds", "Images/s", "Time to finish (s)", "Peak memory (MiB)")
            ),
        ],
        [
            (str(machine), *_cells(row, runs))
            for machine, members in by_machine.items()
            for row, runs in members
        ],
        title="Times by machine",
        note="Times compare within one machine only. "
        + (
            f"The ranking has those of {group.speed}."
            if group.speed
            else "The ranking has those of the first one."
        ),
    )


def _cells(row: Row, runs: list[Run]) -> Iterable[str]:
    speed = mean(measured(runs, lambda record: record.images_per_s))
    yield row.label
    yield str(len({run.spec.seed for run in runs}))
    yield f"{speed.text} ({speed.range})" if speed.range else speed.text
    yield median(SeedValues.by({run.spec.seed: run.finish_s for run in runs})).text
    yield maximum(measured(runs, lambda record: record.peak_rss_mb)).text
