"""Studies of sensitivity in the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from gan_bench.cli.views.tables import print_table
from gan_bench.sensitivity.output import (
    Measured,
    answer,
    curve_table,
    importance_table,
    method,
    notes,
    setting,
    spread_table,
)


def print_studies(console: Console, measured: Sequence[Measured]) -> None:
    """Print the answers, a table for each figure, and what the figures mean."""
    for one in measured:
        console.print(Text(answer(one), style="bold"))
    console.print(Text(setting(measured)))
    for table in (spread_table(measured), curve_table(measured), importance_table(measured)):
        console.print()
        console.print(Text(table.title, style="bold"))
        print_table(console, table)
    console.print()
    for sentence in (*notes(measured), *method(measured)):
        console.print(Text(sentence))
