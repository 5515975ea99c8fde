"""The terminal's tables: plan, implementations, recipe, status and machine."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gan_bench.launch.status import RunStatus
from gan_bench.plan.spec import Plan
from gan_bench.plugins.describe import Description
from gan_bench.results.certificate import BOUNDS, LEVELS, Certificate, worst_of_level
from gan_bench.results.scores import MetricValue
from gan_bench.testing import CheckResult

if TYPE_CHECKING:
    from gan_bench.maintenance.machine_check import Finding

_WIDE = 78
"""Columns of a terminal from which on the sizes have their place."""
_WIDER = 110
"""From which on the source's title has."""
_WIDEST = 140
"""From which on what the name says already has."""
STYLES = {
    **dict.fromkeys(("ok", "passed"), "green"),
    **dict.fromkeys(("pending", "info", "skipped", "not checked"), "dim"),
    **dict.fromkeys(("running",), "cyan"),
    **dict.fromkeys(("killed", "missing", "unsupported"), "yellow"),
}
_DETAIL_COLUMNS = 42
"""What a status and its reason need beside the name."""


def state(word: str) -> Text:
    """Return a status in its colour; whatever is not known to be harmless is red."""
    return Text(word, style=STYLES.get(word, "red"))


def simple_table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]]) -> Table:
    """Return a table; a column's kind is ``name`` (kept whole), ``number`` or ``text``."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, kind in columns:
        table.add_column(
            title,
            justify="right" if kind == "number" else "left",
            no_wrap=kind in ("number", "name"),
            overflow="fold" if kind == "text" else "ellipsis",
            min_width=8 if kind == "text" and title else None,
        )
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return table


def significant(value: float | None) -> str:
    """Return a figure with four significant digits, ``-`` for None."""
    return "-" if value is None else f"{value:.4g}"


def interval(figure: MetricValue) -> str:
    """Return a figure's interval, ``-`` where it has none."""
    if figure.low is None or figure.high is None:
        return "-"
    return f"{significant(figure.low)} to {significant(figure.high)}"


def count(value: int | float | None) -> str:
    """Return a whole number with thousands separators, ``-`` for None."""
    return "-" if value is None else f"{value:,.0f}"


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
    columns = [
        *(("implementation", "name"), ("seed", "number"), ("steps", "number")),
        *(("images", "number"), ("action", "text")),
    ]
    console.print(simple_table(columns, rows))
    first = plan.runs[0]
    console.print(
        f"{len(plan.runs)} runs on {first.device} with {first.threads} threads, data set "
        f"{first.dataset}, {len(first.evaluation_steps)} evaluation points of "
        f"{first.samples:,} samples."
    )


def print_parameters(console: Console, by_name: Mapping[str, Sequence[str]]) -> None:
    """Print what a scheduler is asked for; once for all implementations that are given the same."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, parameters in by_name.items():
        names.setdefault(tuple(parameters), []).append(name)
    for asked, those in names.items():
        whose = "every job" if len(names) == 1 else f"jobs of {', '.join(those)}"
        console.print(f"For {whose}: {' '.join(asked)}", markup=False, highlight=False)


def print_implementations(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """Print what can be run; a narrow terminal leaves out what the name says, then the sizes."""
    cells = []
    for row in rows:
        per_image, missing = row["multiply_adds_per_image"], row["missing"]
        cells.append(
            {
                ("implementation", "name"): row["name"],
                ("recipe", "name"): row["recipe"],
                ("framework", "name"): row["framework"],
                ("is", "name"): row["kind"],
                ("source", "text"): row["source"] or "-",
                ("G params", "number"): count(row["generator_parameters"]),
                ("D params", "number"): count(row["discriminator_parameters"]),
                ("MMACs/image", "number"): count(per_image / 1e6 if per_image else None),
                ("installed", "text"): (
                    state("ok") if missing is None else Text(missing, style="yellow")
                ),
            }
        )
    left_out: set[str] = set()
    if console.width < _WIDEST:
        left_out |= {"recipe", "framework"}
    if console.width < _WIDER:
        left_out |= {"source"}
    if console.width < _WIDE:
        left_out |= {"G params", "D params", "MMACs/image"}
    columns = [column for column in cells[0] if column[0] not in left_out]
    console.print(simple_table(columns, [[row[column] for column in columns] for row in cells]))


def print_description(console: Console, description: Description) -> None:
    """Print a recipe's values, each with where it comes from."""
    implementation = description.implementation
    console.print(Text(f"{implementation.name}: {description.summary}", style="bold"))
    for line in (
        f"framework {implementation.framework}, recipe {implementation.recipe}, written for "
        f"{description.recipe_origin or 'no one framework'}",
        f"source: {description.recipe_source or 'not stated'}",
        f"from: {implementation.path or implementation.distribution}",
    ):
        console.print(Text(line))
    rows = [
        (field.name, _value(field.value), field.origin or "-", field.description)
        for field in description.fields
    ]
    columns = [("field", "name"), ("value", "name"), ("origin", "text"), ("meaning", "text")]
    console.print(simple_table(columns, rows))
    console.print()
    pinned = [("pinned, and no field", "name"), ("", "text")]
    console.print(simple_table(pinned, description.conventions.items()))


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def print_statuses(console: Console, rows: Sequence[RunStatus]) -> None:
    """Print where every planned run stands; a narrow terminal has the rest below its name."""
    steps = [f"{row.step:,}/{row.steps:,}" for row in rows]
    widest = max(
        (len(row.run_id) + len(step) for row, step in zip(rows, steps, strict=True)), default=0
    )
    if console.width - widest < _DETAIL_COLUMNS and any(row.detail for row in rows):
        for row, step in zip(rows, steps, strict=True):
            console.print(Text(row.run_id))
            console.print(Text.assemble("  ", state(row.status), f" {step} {row.detail}"))
        return
    cells = [
        (row.run_id, state(row.status), step, row.detail)
        for row, step in zip(rows, steps, strict=True)
    ]
    columns = [("run", "name"), ("status", "text"), ("step", "number"), ("", "text")]
    console.print(simple_table(columns, cells))


def print_findings(console: Console, findings: "Sequence[Finding]") -> None:
    """Print what the machine has and lacks."""
    cells = [(finding.what, state(finding.state), finding.detail) for finding in findings]
    console.print(simple_table([("what", "name"), ("state", "text"), ("", "text")], cells))


def print_check(console: Console, check: CheckResult) -> None:
    """Print one check of the conformance suite."""
    line = state(check.status)
    line.append(f"  {check.name}", style="default")
    if check.status != "passed":
        line.append(f": {check.detail}", style="default")
    console.print(line)


def print_certificates(console: Console, certificates: Sequence[Certificate]) -> None:
    """Print verdicts, each level's worst figure under the bounds, and why a pair did not pass.

    A narrow terminal leaves out how far apart the paired run ended.
    """
    columns = [
        *(("pair", "name"), ("verdict", "name")),
        *((level, "number") for level in ("held", "forward", "losses", "updates")),
        ("paired run", "number"),
    ]
    rows: list[tuple[str | Text, ...]] = []
    for certificate in certificates:
        # Samples are in grey levels, with a bound of their own; the sentences below tell of them.
        of_bounds = [figure for figure in certificate.figures if figure.of != "samples"]
        worst = [worst_of_level(of_bounds, level) for level in LEVELS]
        figures = [_short(figure.value) if figure else "-" for figure in worst]
        paired = "-"
        if certificate.paired_run is not None:
            step, apart = max(certificate.paired_run.weights_apart.items())
            paired = f"{_short(apart)} at {step}"
        rows.append((certificate.pair, state(certificate.verdict), *figures, paired))
    bounds = (BOUNDS.held_weights, BOUNDS.forward, BOUNDS.losses, BOUNDS.updates)
    rows.append(("bound", "", *map(_short, bounds), "none"))
    shown = len(columns) if console.width >= _WIDE else len(columns) - 1
    console.print(simple_table(columns[:shown], [row[:shown] for row in rows]))
    for certificate in certificates:
        names = f"{certificate.reference.name} and {certificate.other.name}"
        for problem in certificate.problems:
            console.print(Text(f"{names}: {problem}"))


def _short(value: float | None) -> str:
    return "?" if value is None else "0" if value == 0 else f"{value:.0e}"
