"""What a user sees while jobs run elsewhere: a live view in a terminal, plain lines elsewhere."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from gan_bench.cli.views.tables import simple_table, state
from gan_bench.launch.status import RunStatus
from gan_bench.results.status import UNFINISHED

_PLAIN_EVERY_S = 30.0
_OTHER_LINES = 6
"""Of the terminal's height that the list of running runs does not get."""


def summary(rows: Sequence[RunStatus]) -> str:
    """Return e.g. ``12 runs: 3 ok, 1 error, 4 running, 4 pending``."""
    counts = Counter(row.status for row in rows)
    finished = sorted((s for s in counts if s not in UNFINISHED), key=lambda s: (s != "ok", s))
    parts = [f"{counts[s]:,} {s}" for s in (*finished, *UNFINISHED) if counts[s]]
    return f"{len(rows):,} runs: {', '.join(parts) or 'none'}"


def show(console: Console, looks: Iterator[list[RunStatus]]) -> list[RunStatus]:
    """Show looks at runs as they come; return the last one."""
    return _live(console, looks) if console.is_terminal else _plain(console, looks)


def _live(console: Console, looks: Iterator[list[RunStatus]]) -> list[RunStatus]:
    rows: list[RunStatus] = []
    told: dict[str, str] = {}
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for rows in looks:
            for row in _news(rows, told):
                console.print(Text.assemble(f"{row.run_id}: ", state(row.status), f" {row.detail}"))
            live.update(_picture(rows, max(3, console.height - _OTHER_LINES)), refresh=True)
    return rows


def _picture(rows: Sequence[RunStatus], most: int) -> RenderableType:
    running = [row for row in rows if row.status == "running"]
    cells = [(row.run_id, f"{row.step:,}/{row.steps:,}", row.detail) for row in running[:most]]
    table = simple_table([("running", "name"), ("step", "number"), ("", "text")], cells)
    more = f"and {len(running) - most:,} more running" if len(running) > most else ""
    parts: list[RenderableType] = [Text(summary(rows), style="bold")]
    return Group(*parts, *([table] if running else []), *([Text(more)] if more else []))


def _plain(console: Console, looks: Iterator[list[RunStatus]]) -> list[RunStatus]:
    rows: list[RunStatus] = []
    told: dict[str, str] = {}
    said, said_at = "", 0.0

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    for rows in looks:
        for row in _news(rows, told):
            say(f"{row.run_id}: {row.status}" + (f", {row.detail}" if row.detail else ""))
        now = summary(rows)
        if now != said and time.monotonic() - said_at > _PLAIN_EVERY_S:
            say(now)
            said, said_at = now, time.monotonic()
    return rows


def _news(rows: Sequence[RunStatus], told: dict[str, str]) -> list[RunStatus]:
    """Return the runs that finished since the last look; at the first look none did."""
    finished = {row.run_id: row for row in rows if row.status not in UNFINISHED}
    first = not told
    new = [row for run_id, row in finished.items() if told.get(run_id) != row.status]
    told.update({run_id: row.status for run_id, row in finished.items()})
    told.setdefault("", "")
    return [] if first else new
