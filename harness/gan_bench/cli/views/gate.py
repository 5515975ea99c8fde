"""The gate's answer in the terminal."""

from rich.console import Console
from rich.text import Text

from gan_bench.cli.views.tables import simple_table
from gan_bench.gate.output import answer, cells, percent
from gan_bench.gate.stored import Gate
from gan_bench.text import listed

_WIDE = 110
"""Terminals with fewer columns get a shorter table."""
_STYLES = {"pass": "green", "improvement": "green", "regression": "red", "diverged": "red"}


def print_gate(console: Console, gate: Gate) -> None:
    """Print the answer, one row an implementation, and why each is what it is."""
    console.print(Text(answer(gate), style="bold"))
    console.print(
        Text(
            f"Baseline {gate.baseline_path}, frozen {gate.baseline.created_at[:10]} with gan-bench "
            f"{gate.baseline.gan_bench}; margin {percent(gate.margin)}."
        )
    )
    wide = console.width >= _WIDE
    columns = [("implementation", "name"), ("baseline", "number"), ("candidate", "number")]
    columns += [("spread", "number"), ("seeds", "number")] if wide else []
    columns += [("bound", "number"), ("verdict", "text")]
    rows: list[list[str | Text]] = []
    for row in gate.rows:
        before, after, spread, seeds, bound = cells(row)
        middle = [spread, seeds] if wide else []
        verdict = Text(row.verdict, style=_STYLES.get(row.verdict, "yellow"))
        rows.append([row.label, before, after, *middle, bound, verdict])
    console.print(simple_table(columns, rows))
    for row in gate.rows:
        console.print(Text(f"{row.label}: {row.why}."))
        if row.notes:
            console.print(Text(f"  differs, and is compared all the same: {listed(row.notes)}."))
