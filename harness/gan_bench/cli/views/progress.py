"""What a user sees while a plan runs: a live view in a terminal, plain lines elsewhere."""

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from gan_bench.launch.local import RunProgress
from gan_bench.launch.run_one import RunResult
from gan_bench.plan.spec import RunSpec
from gan_bench.results.events import Event
from gan_bench.text import duration

_LINE_EVERY_S = 10.0
_STYLES = {"ok": "green", "killed": "yellow", "missing": "yellow", "unsupported": "yellow"}


def _outcome(result: RunResult, reused: bool) -> tuple[str, str]:
    """Return a finished run's status and its description."""
    record = result.record
    if record.status != "ok":
        return record.status, record.reason or ""
    if result.scoring_problem is not None:
        return "not scored", result.scoring_problem
    parts = ["reused"] if reused else []
    if record.images_per_s is not None:
        parts.append(f"{record.images_per_s:,.0f} images/s")
    total = (record.warmup_s or 0.0) + (record.train_s or 0.0)
    return "ok", ", ".join([*parts, f"trained in {duration(total)}"])


class PlainProgress:
    """One line when a run starts, ends, and now and then between: for logs and CI."""

    def __init__(self, console: Console, runs: int) -> None:
        self.console = console
        self.runs = runs
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
        assert self._state is not None
        line = self._state.line(event, _LINE_EVERY_S)
        if line is not None:
            self._line(index, f"{spec.run_id}: {line}")

    def run_finished(self, index: int, spec: RunSpec, result: RunResult, reused: bool) -> None:
        """See `gan_bench.launch.local.Observer`."""
        status, text = _outcome(result, reused)
        self._line(index, f"{spec.run_id}: {status}" + (f", {text}" if text else ""))


class LiveProgress:
    """A bar over the plan and a line on the run under way, redrawn twice a second."""

    def __init__(self, console: Console, runs: int) -> None:
        self.console = console
        self.runs = runs
        self._state: RunProgress | None = None
        self._plan = Progress(
            TextColumn("runs"), BarColumn(bar_width=None), MofNCompleteColumn(), console=console
        )
        self._plan_task: TaskID = self._plan.add_task("runs", total=runs)
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
        head = Text(f"{spec.implementation.name} ", style="bold")
        head.append(f"seed {spec.seed}, {self._state.phase}", style="default")
        return Group(self._plan, head, Text(str(self._state)))

    def run_started(self, index: int, spec: RunSpec, reused: bool) -> None:
        """See `gan_bench.launch.local.Observer`."""
        self._state = RunProgress(spec)

    def event(self, index: int, spec: RunSpec, event: Event) -> None:
        """See `gan_bench.launch.local.Observer`."""
        assert self._state is not None
        self._state.update(event)
        self._plan.update(self._plan_task, completed=index + self._state.step / spec.steps)

    def run_finished(self, index: int, spec: RunSpec, result: RunResult, reused: bool) -> None:
        """See `gan_bench.launch.local.Observer`."""
        self._plan.update(self._plan_task, completed=index + 1)
        status, text = _outcome(result, reused)
        line = Text(f"{spec.implementation.name} seed {spec.seed}: ")
        line.append(status, style=_STYLES.get(status, "red"))
        line.append(f" {text}" if text else "")
        self.console.print(line)


def progress_for(console: Console, runs: int) -> PlainProgress | LiveProgress:
    """Return the live view where the output is a terminal, plain lines elsewhere."""
    return LiveProgress(console, runs) if console.is_terminal else PlainProgress(console, runs)
