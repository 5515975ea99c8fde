"""Progress of local runs and of jobs elsewhere: live in a terminal, otherwise plain lines."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.status import Status
from rich.text import Text

from gan_bench.cli.views.tables import state, to_rich
from gan_bench.launch.local import RunProgress
from gan_bench.launch.run_one import SCORED_LATER, RunResult
from gan_bench.launch.status import RunStatus
from gan_bench.plan import Plan, RunSpec
from gan_bench.results.events import Event
from gan_bench.results.status import NOT_SCORED, UNFINISHED
from gan_bench.testing import CheckStarted
from gan_bench.text import Column, Table, duration, figure, many, percent

_LINE_EVERY_S = 10.0
_FIRST_LINE_S = 3.0
"""What takes less needs no line."""


def _outcome(result: RunResult, reused: bool) -> tuple[str, str]:
    """Return a finished run's status and its description."""
    record = result.record
    if record.status != "ok":
        reason = (record.reason or "").rstrip(".")
        return record.status, f"{reason}; its log is {result.log}" if result.log else reason
    if result.scoring_problem not in (None, SCORED_LATER):
        return NOT_SCORED, result.scoring_problem or ""
    parts = ["reused"] if reused else []
    if result.fid is not None:
        parts.append(f"FID {figure(result.fid)}")
    if record.images_per_s is not None:
        parts.append(f"{figure(record.images_per_s)} images/s")
    total = (record.warmup_s or 0.0) + (record.train_s or 0.0)
    parts.append(f"trained in {duration(total)}")
    around = record.circumstances
    if around.device_exclusive is False and around.other_load is not None:
        parts.append(f"other processes used {percent(around.other_load, 0)} of the processors")
    parts += [SCORED_LATER] if result.scoring_problem == SCORED_LATER else []
    return "ok", ", ".join(parts)


def _state_of(spec: RunSpec, known: RunProgress | None) -> RunProgress:
    """Return the progress of a run; runs that are scored later follow one another again."""
    return known if known is not None and known.spec is spec else RunProgress(spec)


class PlainProgress:
    """Plain lines for logs and CI: when a run starts, when it ends, and regularly between."""

    def __init__(self, console: Console, plan: Plan) -> None:
        self.console = console
        self.runs = len(plan.runs)
        self._state: RunProgress | None = None

    def __enter__(self) -> "PlainProgress":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _line(self, index: int, text: str) -> None:
        self.console.print(
            f"[{index + 1}/{self.runs}] {text}", markup=False, highlight=False, soft_wrap=True
        )

    def run_started(self, index: int, spec: RunSpec, reused: bool) -> None:
        """See `gan_bench.launch.local.Observer`."""
        self._state = RunProgress(spec)
        if not reused:
            self._line(index, self._state.first_line)

    def event(self, index: int, spec: RunSpec, event: Event) -> None:
        """See `gan_bench.launch.local.Observer`."""
        self._state = _state_of(spec, self._state)
        line = self._state.line(event, _LINE_EVERY_S)
        if line is not None:
            self._line(index, f"{spec.run_id}: {line}")

    def run_finished(self, index: int, spec: RunSpec, result: RunResult, reused: bool) -> None:
        """See `gan_bench.launch.local.Observer`."""
        status, text = _outcome(result, reused)
        self._line(index, f"{spec.run_id}: {status}" + (f", {text}" if text else ""))

    def gpu_released(self, sentence: str) -> None:
        """See `gan_bench.launch.local.Observer`."""
        self.console.print(sentence, markup=False, highlight=False, soft_wrap=True)


class LiveProgress:
    """A progress bar for the plan and a line for the current run, updated twice a second."""

    def __init__(self, console: Console, plan: Plan) -> None:
        self.console = console
        self._labels = plan.labels
        self._state: RunProgress | None = None
        self._finished: set[int] = set()
        self._plan = Progress(
            TextColumn("runs"), BarColumn(bar_width=None), MofNCompleteColumn(), console=console
        )
        self._plan_task: TaskID = self._plan.add_task("runs", total=len(plan.runs))
        self._live = Live(
            console=console, refresh_per_second=2, get_renderable=self._draw, transient=True
        )

    def __enter__(self) -> "LiveProgress":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def _draw(self) -> RenderableType:
        if self._state is None:
            return self._plan
        spec = self._state.spec
        head = Text(f"{self._labels[spec.run_id]} ", style="bold")
        head.append(f"seed {spec.seed}, {self._state.phase}", style="default")
        return Group(self._plan, head, Text(str(self._state)))

    def run_started(self, index: int, spec: RunSpec, reused: bool) -> None:
        """See `gan_bench.launch.local.Observer`."""
        self._state = RunProgress(spec)

    def event(self, index: int, spec: RunSpec, event: Event) -> None:
        """See `gan_bench.launch.local.Observer`."""
        self._state = _state_of(spec, self._state)
        self._state.update(event)
        if event["event"] != "scoring":  # which may follow the training of all runs
            self._plan.update(self._plan_task, completed=index + self._state.step / spec.steps)

    def run_finished(self, index: int, spec: RunSpec, result: RunResult, reused: bool) -> None:
        """See `gan_bench.launch.local.Observer`."""
        self._finished.add(index)  # twice where runs are scored later
        self._plan.update(self._plan_task, completed=len(self._finished))
        status, text = _outcome(result, reused)
        line = Text(f"{self._labels[spec.run_id]} seed {spec.seed}: ")
        line.append(state(status))
        line.append(f" {text}" if text else "")
        self.console.print(line)

    def gpu_released(self, sentence: str) -> None:
        """See `gan_bench.launch.local.Observer`."""
        self.console.print(sentence, markup=False, highlight=False)


def progress_for(console: Console, plan: Plan) -> PlainProgress | LiveProgress:
    """Return the live view if the output is a terminal, else plain lines."""
    return LiveProgress(console, plan) if console.is_terminal else PlainProgress(console, plan)


class ScoringProgress:
    """How far scoring is: one line that changes in a terminal, else a line now and then."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._status: Status | None = None
        self._next_line = time.monotonic() + _FIRST_LINE_S

    def __enter__(self) -> "ScoringProgress":
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def __call__(self, line: str) -> None:
        """Show a line."""
        if self._console.is_terminal:
            if self._status is None:
                self._status = self._console.status("")
                self._status.start()
            self._status.update(Text(line))
        elif (now := time.monotonic()) >= self._next_line:
            self._next_line = now + _LINE_EVERY_S
            self.say(line)

    def say(self, sentence: str) -> None:
        """Print a sentence that stays."""
        self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    def clear(self) -> None:
        """Remove the line from the terminal, before something else is printed."""
        if self._status is not None:
            self._status.stop()
            self._status = None


class CheckProgress:
    """Which check of the conformance suite runs: live in a terminal, else a line now and then."""

    def __init__(self, console: Console, target: str) -> None:
        self.console = console
        self._target = target
        self._check: CheckStarted | None = None
        self._first = self._since = time.monotonic()
        self._ended = threading.Event()
        self._live = Live(
            console=console,
            refresh_per_second=2,
            get_renderable=lambda: Text(str(self)),
            transient=True,
        )

    def __enter__(self) -> "CheckProgress":
        if self.console.is_terminal:
            self._live.start()
        else:
            threading.Thread(target=self._say, name="progress", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._live.stop()

    def _say(self) -> None:
        while not self._ended.wait(_CHECK_EVERY_S):
            with contextlib.suppress(Exception):  # its reader has left
                self.console.print(str(self), markup=False, highlight=False, soft_wrap=True)

    def started(self, check: CheckStarted) -> None:
        """Show this check."""
        self._since = time.monotonic()
        if self._check is None:
            self._first = self._since
        self._check = check

    def __str__(self) -> str:
        """Return e.g. ``[12/44] save and load, about 20 s left``."""
        check = self._check
        if check is None:
            took_s = time.monotonic() - self._first
            so_far = f", {duration(took_s)} so far" if took_s >= 1 else ""
            return f"importing {self._target} and building a trainer{so_far}"
        text = f"[{check.number}/{check.count}] {check.name}"
        if check.done < _ENOUGH_FOR_AN_ESTIMATE:
            return text
        whole_s = (self._since - self._first) / check.done
        left_s = self._first + whole_s - time.monotonic()
        return f"{text}, about {duration(left_s)} left" if left_s >= 1 else text


_CHECK_EVERY_S = 5.0
_ENOUGH_FOR_AN_ESTIMATE = 0.05
"""The share of the work that must be done before the time of the rest is estimated."""


_PLAIN_EVERY_S = 30.0
_OTHER_LINES = 6
"""Lines of the terminal reserved for everything but the list of running runs."""


def summary(rows: Sequence[RunStatus]) -> str:
    """Return e.g. ``12 runs: 3 ok, 1 error, 4 running, 4 pending``."""
    counts = Counter(row.status for row in rows)
    finished = sorted((s for s in counts if s not in UNFINISHED), key=lambda s: (s != "ok", s))
    parts = [f"{counts[s]:,} {s}" for s in (*finished, *UNFINISHED) if counts[s]]
    return f"{many(len(rows), 'run')}: {', '.join(parts) or 'none'}"


def show(console: Console, updates: Iterator[list[RunStatus]]) -> list[RunStatus]:
    """Show statuses of the runs as they arrive; return the last ones."""
    return _live(console, updates) if console.is_terminal else _plain(console, updates)


def _live(console: Console, updates: Iterator[list[RunStatus]]) -> list[RunStatus]:
    rows: list[RunStatus] = []
    shown: dict[str, str] = {}
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for rows in updates:
            for row in _newly_finished(rows, shown):
                console.print(Text.assemble(f"{row.run_id}: ", state(row.status), f" {row.detail}"))
            live.update(_picture(rows, max(3, console.height - _OTHER_LINES)), refresh=True)
    return rows


def _picture(rows: Sequence[RunStatus], most: int) -> RenderableType:
    running = [row for row in rows if row.status == "running"]
    cells = [(row.run_id, f"{row.step:,}/{row.steps:,}", row.detail) for row in running[:most]]
    columns = (Column("running", "name"), Column("step", "number"), Column(""))
    table = to_rich(Table(columns, cells))
    more = f"and {len(running) - most:,} more running" if len(running) > most else ""
    parts: list[RenderableType] = [Text(summary(rows), style="bold")]
    return Group(*parts, *([table] if running else []), *([Text(more)] if more else []))


def _plain(console: Console, updates: Iterator[list[RunStatus]]) -> list[RunStatus]:
    rows: list[RunStatus] = []
    shown: dict[str, str] = {}
    said, said_at = "", 0.0

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    for rows in updates:
        for row in _newly_finished(rows, shown):
            say(f"{row.run_id}: {row.status}" + (f", {row.detail}" if row.detail else ""))
        now = summary(rows)
        if now != said and time.monotonic() - said_at > _PLAIN_EVERY_S:
            say(now)
            said, said_at = now, time.monotonic()
    return rows


def _newly_finished(rows: Sequence[RunStatus], shown: dict[str, str]) -> list[RunStatus]:
    """Return the runs that finished since the last update; with the first update none did."""
    finished = {row.run_id: row for row in rows if row.status not in UNFINISHED}
    first = not shown
    new = [row for run_id, row in finished.items() if shown.get(run_id) != row.status]
    shown.update({run_id: row.status for run_id, row in finished.items()})
    shown.setdefault("", "")
    return [] if first else new
