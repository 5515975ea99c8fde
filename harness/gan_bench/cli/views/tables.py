"""Tables in the terminal: their layout, and those of plans, recipes, runs and machines."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from gan_bench.launch.status import RunStatus
from gan_bench.plan import Plan
from gan_bench.plugins.describe import Description
from gan_bench.recipe import NOT_PAIRED
from gan_bench.results.certificate import BOUNDS, LEVELS, Certificate, worst_of_level
from gan_bench.testing import CheckResult
from gan_bench.text import MEDIUM, MISSING, WIDE, WIDEST, Column, Table, count, figure, listed, many

if TYPE_CHECKING:
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


def print_plan(console: Console, plan: Plan, actions: Sequence[str]) -> None:
    """Print every planned row and whether it would run or be reused."""
    rows = [
        (
            run.implementation.name,
            run.seed,
            count(run.steps),
            count(run.steps * run.images_per_step),
            action,
        )
        for run, action in zip(plan.runs, actions, strict=True)
    ]
    numbers = (Column(title, "number") for title in ("seed", "steps", "images"))
    columns = [Column("implementation", "name"), *numbers, Column("action")]
    print_table(console, Table(columns, rows))
    first = plan.runs[0]
    console.print(
        f"{many(len(plan.runs), 'run')} on {first.device} with {many(first.threads, 'thread')}, "
        f"data set {first.dataset}, {len(first.evaluation_steps)} evaluation points of "
        f"{first.samples:,} samples."
    )


def print_parameters(console: Console, by_name: Mapping[str, Sequence[str]]) -> None:
    """Print the scheduler parameters, once for all implementations that have the same ones."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, parameters in by_name.items():
        names.setdefault(tuple(parameters), []).append(name)
    for parameters, implementations in names.items():
        whose = "every job" if len(names) == 1 else f"jobs of {', '.join(implementations)}"
        console.print(f"For {whose}: {' '.join(parameters)}", markup=False, highlight=False)


def print_implementations(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """Print the implementations; a narrow terminal leaves out sizes and source."""
    columns = (
        Column("implementation", "name"),
        Column("recipe", "name", WIDEST),
        Column("framework", "name", WIDEST),
        Column("is", "name"),
        Column("source", from_width=WIDE),
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
                *(row["name"], row["recipe"], row["framework"], row["kind"]),
                row["source"] or MISSING,
                count(row["generator_parameters"]),
                count(row["discriminator_parameters"]),
                figure(per_image / 1e6 if per_image else None),
                state("ok") if missing is None else state("missing", missing),
            )
        )
    print_table(console, Table(columns, cells))


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
    print_table(console, Table((*columns, Column("origin"), Column("meaning")), rows))
    console.print()
    conventions = (Column("fixed, not a field", "name"), Column(""))
    print_table(console, Table(conventions, list(description.conventions.items())))


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
