"""The gate's answer in the terminal."""

from rich.console import Console
from rich.text import Text

from gan_bench.cli.views.tables import WIDE, print_table, state
from gan_bench.gate.output import answer, cells
from gan_bench.gate.stored import Gate
from gan_bench.text import Column, Table, listed, percent


def print_gate(console: Console, gate: Gate) -> None:
    """Print the answer, one row an implementation, and why each is what it is."""
    console.print(Text(answer(gate), style="bold"))
    console.print(
        Text(
            f"Baseline {gate.baseline_path}, frozen {gate.baseline.created_at[:10]} with gan-bench "
            f"{gate.baseline.gan_bench}; margin {percent(gate.margin)}."
        )
    )
    columns = (
        *(Column("implementation", "name"), Column("baseline", "number")),
        *(Column("candidate", "number"), Column("spread", "number", WIDE)),
        *(Column("seeds", "number", WIDE), Column("bound", "number"), Column("verdict")),
    )
    rows = []
    for row in gate.rows:
        before, after, spread, seeds, bound = cells(row)
        rows.append((row.label, before, after, spread, seeds, bound, state(row.verdict)))
    print_table(console, Table(columns, rows))
    for row in gate.rows:
        console.print(Text(f"{row.label}: {row.why}."))
        if row.notes:
            console.print(Text(f"  differs, and is compared all the same: {listed(row.notes)}."))
