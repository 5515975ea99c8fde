"""Tables in the terminal: their layout, and those of plans, recipes, runs and machines."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from gan_bench import data
from gan_bench.cli import command_line
from gan_bench.launch.status import RunStatus
from gan_bench.metrics import METRICS, fid_name
from gan_bench.plan.request import PRESETS
from gan_bench.plugins.describe import Description
from gan_bench.recipe import NOT_PAIRED
from gan_bench.results.certificate import BOUNDS, LEVELS, Certificate, worst_of_level
from gan_bench.results.status import NOT_SCORED
from gan_bench.scoring.features.by_name import NAMES
from gan_bench.testing import CheckResult
from gan_bench.text import (
    MEDIUM,
    MISSING,
    WIDE,
    Column,
    Table,
    count,
    duration,
    figure,
    interval,
    listed,
    many,
)

if TYPE_CHECKING:
    from gan_bench.analysis.statistics import SeedValues
    from gan_bench.analysis.summary import Group
    from gan_bench.maintenance.machine_check import Finding

STYLES = {
    **dict.fromkeys(("ok", "passed", "pass", "improvement", "better"), "green"),
    **dict.fromkeys(("pending", "info", "skipped", "not checked"), "dim"),
    **dict.fromkeys(("running",), "cyan"),
    **dict.fromkeys(("killed", "missing", "unsupported"), "yellow"),
    **dict.fromkeys(("not measured", "incomparable", "one seed", "only"), "yellow"),
    "indistinguishable": "default",
}
"""Colours of statuses and verdicts; all others are red."""
_DETAIL_COLUMNS = 42
"""Width that a status and its reason need beside name and step."""
_STATUS_COLUMNS = 20
"""Width that a status alone needs beside them."""


def state(word: str, text: str | None = None) -> Text:
    """Return a status, or a text about it, in the colour of the status."""
    return Text(text or word, style=STYLES.get(word, "red"))


def to_rich(table: Table) -> RichTable:
    """Return a table for the terminal."""
    shown = RichTable(box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        text = column.kind == "text"
        shown.add_column(
            column.title,
            justify="right" if column.kind == "number" else "left",
            no_wrap=not text,
            overflow="fold" if text else "ellipsis",
            min_width=8 if text and column.title else None,
        )
    for row in table.rows:
        shown.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return shown


def print_table(console: Console, table: Table) -> None:
    """Print a table without the columns that need a wider terminal."""
    console.print(to_rich(table.fitting(console.width)))


def print_parameters(console: Console, by_name: Mapping[str, Sequence[str]]) -> None:
    """Print the scheduler parameters, once for all implementations that have the same ones."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, parameters in by_name.items():
        names.setdefault(tuple(parameters), []).append(name)
    for parameters, implementations in names.items():
        whose = "every job" if len(names) == 1 else f"jobs of {', '.join(implementations)}"
        console.print(f"For {whose}: {' '.join(parameters)}", markup=False, highlight=False)


def print_implementations(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """Print the implementations, their recipes, and what else the options of `run` may name.

    A narrow terminal leaves out sizes.
    """
    columns = (
        Column("implementation", "name"),
        Column("is", "name"),
        Column("G params", "number", MEDIUM),
        Column("D params", "number", MEDIUM),
        Column("MMACs/image", "number", MEDIUM),
        Column("installed"),
    )
    cells = []
    for row in rows:
        per_image, missing = row["multiply_adds_per_image"], row["missing"]
        cells.append(
            (
                *(row["name"], row["kind"]),
                count(row["generator_parameters"]),
                count(row["discriminator_parameters"]),
                figure(per_image / 1e6 if per_image else None),
                state("ok") if missing is None else state("missing", missing),
            )
        )
    print_table(console, Table(columns, cells))
    console.print()
    sources = {row["recipe"]: row["source"] or MISSING for row in rows}
    print_table(console, Table((Column("recipe", "name"), Column("source")), [*sources.items()]))
    console.print()
    presets = [
        (
            *(name, preset.dataset, str(preset.budget)),
            *(len(preset.seeds), f"{preset.evaluations} x {preset.samples:,}"),
        )
        for name, preset in PRESETS.items()
    ]
    titles = (Column("preset", "name"), Column("data set", "name"), Column("budget"))
    more = (Column("seeds", "number", MEDIUM), Column("samples", "number", MEDIUM))
    print_table(console, Table((*titles, *more), presets))
    for name, preset in PRESETS.items():
        if preset.targets:
            targets = "all" if preset.targets == ("*",) else listed(preset.targets)
            console.print(f"If nothing is named, {name} runs {targets}.", highlight=False)
    console.print()
    options = (
        ("--dataset", f"{', '.join(data.names())}, folder:PATH"),
        ("--features", f"{', '.join(NAMES)}, PATH.onnx"),
        ("--metrics", ", ".join(METRICS)),
    )
    print_table(console, Table((Column("option", "name"), Column("values")), options))


def print_description(console: Console, description: Description) -> None:
    """Print a recipe's values, each with its origin."""
    implementation = description.implementation
    console.print(Text(f"{implementation.name}: {description.summary}", style="bold"))
    for line in (
        f"framework {implementation.framework}, recipe {implementation.recipe}, written for "
        f"{description.recipe_origin or 'no one framework'}",
        f"source: {description.recipe_source or 'not stated'}",
        f"from: {implementation.path or implementation.distribution}",
        *(() if description.paired else (f"initial weights: {NOT_PAIRED}",)),
    ):
        console.print(Text(line))
    rows = [
        (field.name, _value(field.value), field.origin or MISSING, field.description)
        for field in description.fields
    ]
    columns = (Column("field", "name"), Column("value", "name"))
    meaning = Column("meaning")
    print_table(console, Table((*columns, Column("origin", from_width=WIDE), meaning), rows))
    if console.width < WIDE:
        console.print(
            Text(f"With COLUMNS={WIDE} or --json, each value has its origin.", style="dim")
        )
    console.print()
    conventions = (Column("fixed, not a field", "name"), Column(""))
    print_table(console, Table(conventions, list(description.conventions.items())))
    if description.ranges:
        console.print()
        drawn = (Column("drawn by `gan-bench sensitivity`", "name"), Column("from"))
        print_table(console, Table(drawn, list(description.ranges.items())))


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def print_statuses(console: Console, rows: Sequence[RunStatus]) -> None:
    """Print the status of every planned run; in a narrow terminal below its name."""
    steps = [f"{row.step:,}/{row.steps:,}" for row in rows]
    widest = max(
        (len(row.run_id) + len(step) for row, step in zip(rows, steps, strict=True)), default=0
    )
    needed = _DETAIL_COLUMNS if any(row.detail for row in rows) else _STATUS_COLUMNS
    if console.width - widest < needed:
        for row, step in zip(rows, steps, strict=True):
            console.print(Text(row.run_id))
            console.print(Text.assemble("  ", state(row.status), f" {step} {row.detail}".rstrip()))
        return
    cells = [
        (row.run_id, state(row.status), step, row.detail)
        for row, step in zip(rows, steps, strict=True)
    ]
    columns = (Column("run", "name"), Column("status"), Column("step", "number"), Column(""))
    print_table(console, Table(columns, cells))


def print_findings(console: Console, findings: "Sequence[Finding]") -> None:
    """Print the findings of `gan-bench doctor`."""
    cells = [(finding.what, state(finding.state), finding.detail) for finding in findings]
    print_table(console, Table((Column("what", "name"), Column("state"), Column("")), cells))


class CheckPrinter:
    """Prints results of the conformance suite, and counts those that it does not print."""

    def __init__(self, console: Console, *, verbose: bool) -> None:
        self._console = console
        self._verbose = verbose
        self._results: list[CheckResult] = []
        self._crashes: dict[tuple[str, ...], CheckResult] = {}

    def print(self, check: CheckResult) -> None:
        """Print a check that failed, with the author's lines; with ``verbose``, also another."""
        self._results.append(check)
        if check.status != "failed" and not self._verbose:
            return
        first = self._crashes.setdefault(check.traceback, check) if check.traceback else check
        same = first is not check and first.detail == check.detail
        line = state(check.status)
        text = f"the same exception as in '{first.name}'." if same else check.detail
        line.append(f"  {check.name}: {text}", style="default")
        self._console.print(line)
        for place in () if same else check.traceback:
            self._console.print(Text(f"    {place.removeprefix(f'{Path.cwd()}/')}"))

    def print_summary(self) -> None:
        """Print why checks were skipped, and how many passed, failed and were skipped."""
        skipped: dict[str, list[str]] = {}
        for check in self._results:
            if check.status == "skipped":
                skipped.setdefault(check.detail, []).append(check.name)
        for reason, names in () if self._verbose else skipped.items():
            line = state("skipped")
            line.append(f"  {listed(names, 3)}: {reason}", style="default")
            self._console.print(line)
        counts = Counter(check.status for check in self._results)
        passed = many(counts["passed"], "check")
        self._console.print(
            f"{passed} passed, {counts['failed']} failed, {counts['skipped']} skipped.",
            highlight=False,
        )


def print_certificates(console: Console, certificates: Sequence[Certificate]) -> None:
    """Print verdicts, the worst value of each level with its bound, and why a pair did not pass.

    A narrow terminal leaves out the distance at the end of the paired run.
    """
    columns = (
        *(Column("pair", "name"), Column("verdict", "name")),
        *(Column(level, "number") for level in ("held", "forward", "losses", "updates")),
        Column("paired run", "number", MEDIUM),
    )
    rows: list[tuple[str | Text, ...]] = []
    for certificate in certificates:
        # Samples are in grey levels, with a bound of their own; the sentences below report them.
        of_bounds = [one for one in certificate.figures if one.of != "samples"]
        worst = [worst_of_level(of_bounds, level) for level in LEVELS]
        figures = [figure(one.value, 1) if one else MISSING for one in worst]
        paired = MISSING
        if certificate.paired_run is not None:
            step, apart = max(certificate.paired_run.weights_apart.items())
            paired = f"{figure(apart, 1)} at {step}"
        rows.append((certificate.pair, state(certificate.verdict), *figures, paired))
    bounds = (BOUNDS.held_weights, BOUNDS.forward, BOUNDS.losses, BOUNDS.updates)
    rows.append(("bound", "", *(figure(bound, 1) for bound in bounds), "none"))
    print_table(console, Table(columns, rows))
    for certificate in certificates:
        names = f"{certificate.reference.name} and {certificate.other.name}"
        for problem in certificate.problems:
            console.print(Text(f"{names}: {problem}"))


_MOST_READ = 1_000
"""Runs of a folder whose scores `print_finals` reads; it takes some milliseconds for each."""


def print_finals(console: Console, path: Path, only: Collection[str] | None = None) -> None:
    """Print final FID, throughput and time of each implementation, and what to type next.

    Parameters
    ----------
    console
        The terminal.
    path
        The results folder.
    only
        Ids of the runs; default: all.
    """
    if len(list((path / "runs").glob("*"))) > _MOST_READ:
        click.echo(f"Next: {command_line('report', results=path, last=['--open'])}")
        return
    # They load pandas, which takes as long as all the rest.
    from gan_bench.analysis.final_scores import failed
    from gan_bench.analysis.runs import collect_runs
    from gan_bench.analysis.summary import summarise
    from gan_bench.results.load import load_results

    results = load_results(path)
    runs = [run for run in collect_runs(path, results) if only is None or run.run_id in only]
    summary = summarise(runs, results)
    measured = [group for group in summary.groups if any(row.images_per_s for row in group.rows)]
    for group in measured:
        console.print()
        if group.title:
            console.print(Text(group.title, style="bold"))
        print_table(console, _finals(group, externals=only is None))
        for sentence in _beside(group):
            console.print(Text(sentence, style="dim"))
    for name, scores in summary.externals if only is None else ():
        fid = scores.rows.get((0, fid_name(scores.protocol.features)))
        known = "" if fid is None else f"; FID {figure(fid.value)}"
        features = scores.protocol.features
        console.print(Text(f"External samples {name}: scored by {features} in another way{known}."))
    if measured:
        click.echo(f"Next: {command_line('report', results=path, last=['--open'])}")
    broken = next((run.run_id for run in runs if failed(run) or run.outcome == NOT_SCORED), None)
    if broken is not None:
        click.echo(f"Why a run failed: {command_line('show', broken, results=path)}")


def _finals(group: "Group", *, externals: bool) -> Table:
    several = any(len(row.runs) > 1 for row in group.rows)
    troubled = any(row.status != "ok" for row in group.rows)
    columns = (
        Column("implementation"),  # its label may be long
        *((Column("seeds", "number"),) if several else ()),
        Column(f"FID ({group.features})" if group.scored else "FID", "number"),
        Column("images/s", "number"),
        Column("trained in", "number"),
        *((Column("status"),) if troubled else ()),
    )
    rows: list[tuple[str, ...]] = []
    for row in group.rows:
        spread = interval(row.fid.low, row.fid.high) if row.fid and row.fid.seeds > 1 else ""
        fid = figure(row.fid.mean if row.fid else None)
        seeds = (str(len(row.runs)),) if several else ()
        rows.append(
            (
                row.label,
                *seeds,
                f"{fid} ({spread})" if spread else fid,
                figure(row.images_per_s.mean if row.images_per_s else None),
                duration(row.finish_s.mean if row.finish_s else None),
                *((row.status,) if troubled else ()),
            )
        )
    for name, scores in group.scored.externals if group.scored and externals else ():
        score = scores.rows.get((0, fid_name(group.features)))
        blank = [MISSING] * (len(columns) - 2 - several)
        several_cell = ("",) if several else ()
        rows.append(
            (f"External: {name}", *several_cell, figure(score.value if score else None), *blank)
        )
    return Table(columns, rows)


def _beside(group: "Group") -> Iterator[str]:
    """Yield what a reader of the table must know."""
    if group.scored is not None:
        ends = {"real images": group.floor, "the untrained generator": _mean(group.scored.ceiling)}
        known = [f"{figure(value)} for {what}" for what, value in ends.items() if value is not None]
        yield f"FID: lower is better{'; ' if known else ''}{listed(known)}."
    if any(len(row.runs) > 1 for row in group.rows):
        yield "Means over the seeds, with the lowest and the highest FID in brackets."
    if any(row.elsewhere for row in group.rows):
        yield f"Times are from {group.setting.machine} alone; FIDs also from other machines."
    if group.too_short is not None:
        yield f"{'Sorted by speed: ' if len(group.rows) > 1 else ''}{group.too_short}."


def _mean(values: "SeedValues | None") -> float | None:
    return None if values is None else values.mean
