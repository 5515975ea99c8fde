"""The comparison of two results folders in the terminal."""

from rich.console import Console
from rich.text import Text

from gan_bench.cli.views.tables import simple_table
from gan_bench.compare import Comparison
from gan_bench.compare.output import (
    answer,
    costs,
    difference_cells,
    difference_title,
    mean_and_spread,
    method,
    notes,
)

_WIDE = 110
"""Terminals with fewer columns get a shorter table."""
_WIDE_ONLY = ("95 % interval", "peak MB")
_STYLES = {"better": "green", "worse": "red", "no figure": "red", "cannot be told apart": "default"}


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print the answer, the verdicts, what they cost, and what else differs."""
    console.print(Text(answer(comparison), style="bold"))
    console.print(Text(f"A: {comparison.a}\nB: {comparison.b}"))
    wide = console.width >= _WIDE
    label = "name" if max(len(row.label) for row in comparison.rows) <= 24 else "text"
    columns = [("implementation", label), ("A", "number"), ("B", "number")]
    columns += [(difference_title(comparison), "number")]
    columns += [("95 % interval", "number"), ("p", "number")] if wide else []
    cells: list[list[str | Text]] = []
    for row in comparison.rows:
        known = difference_cells(row.difference)
        cells.append(
            [
                *(
                    row.label,
                    *(mean_and_spread(side.figure if side else None) for side in (row.a, row.b)),
                ),
                *(known if wide else known[:1]),
                Text(row.verdict, style=_STYLES.get(row.kind, "yellow")),
            ]
        )
    console.print(simple_table([*columns, ("verdict", "text")], cells))
    console.print()
    columns = [("implementation", label), ("images/s A", "number"), ("B", "number")]
    columns += [("B / A", "number"), ("95 % interval", "number"), ("finish s", "number")]
    columns += [("peak MB", "number"), ("runs A", "text"), ("runs B", "text")]
    # A narrow terminal has no room for intervals and memory.
    shown = [i for i, (title, _) in enumerate(columns) if wide or title not in _WIDE_ONLY]
    rows = [[[row.label, *costs(row)][i] for i in shown] for row in comparison.rows]
    console.print(simple_table([columns[i] for i in shown], rows))
    for sentence in (*notes(comparison), *method(comparison)):
        console.print(Text(sentence))
