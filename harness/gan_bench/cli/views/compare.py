"""The comparison of two results folders in the terminal."""

from rich.console import Console
from rich.text import Text

from gan_bench.cli.views.tables import WIDE, print_table, state
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
from gan_bench.text import Column, Kind, Table


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print the answer, the verdicts, what they cost, and what else differs."""
    console.print(Text(answer(comparison), style="bold"))
    console.print(Text(f"A: {comparison.a}\nB: {comparison.b}"))
    label: Kind = "name" if max(len(row.label) for row in comparison.rows) <= 24 else "text"
    first = Column("implementation", label)
    verdicts = [
        (
            row.label,
            *(mean_and_spread(side.figure if side else None) for side in (row.a, row.b)),
            *difference_cells(row.difference),
            state(row.kind, row.verdict),
        )
        for row in comparison.rows
    ]
    numbers = (Column(t, "number") for t in ("A", "B", difference_title(comparison)))
    further = (Column(title, "number", WIDE) for title in ("95 % interval", "p"))
    print_table(console, Table((first, *numbers, *further, Column("verdict")), verdicts))
    console.print()
    columns = (
        *(first, Column("images/s A", "number"), Column("B", "number"), Column("B / A", "number")),
        *(Column("95 % interval", "number", WIDE), Column("finish s", "number")),
        *(Column("peak MB", "number", WIDE), Column("runs A"), Column("runs B")),
    )
    rows = [(row.label, *costs(row)) for row in comparison.rows]
    print_table(console, Table(columns, rows))
    for sentence in (*notes(comparison), *method(comparison)):
        console.print(Text(sentence))
