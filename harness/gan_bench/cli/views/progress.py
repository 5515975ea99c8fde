"""What a user sees while a plan runs: a live view in a terminal, plain lines elsewhere."""

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from gan_bench.launch.run_one import RunResult
from gan_bench.plan.spec import RunSpec
from gan_bench.results.events import Event
from gan_bench.text import duration

_LINE_EVERY_S = 10.0
_STYLES = {"ok": "green", "killed": "yellow", "missing": "yellow", "unsupported": "yellow"}


class _RunState:
    """What the events of the run under way have told so far."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.step = 0
        self.doing = "starting"
        self.steady_s = 0.0
        self.steady_steps = 0
        self.means: dict[str, float | None] = {}

    def take(self, event: Event) -> None:
        kind = event["event"]
        if kind == "ready":
            self.step = event["step"]
            self.doing = "warming up"
        elif kind == "chunk":
            self.step = event["step"]
            self.means = event["means"]
            self.doing = "training"
            if not event["warmup"]:
                self.steady_s += event["seconds"]
                self.steady_steps += event["step"] - event["first_step"]
        elif kind == "done":
            self.doing = "scoring"

    @property
    def images_per_s(self) -> float | None:
        if not self.steady_s:
            return None
        return self.steady_steps * self.spec.images_per_step / self.steady_s

    @property
    def left_s(self) -> float | None:
        rate = self.images_per_s
        return (self.spec.steps - self.step) * self.spec.images_per_step / rate if rate else None

    def figures(self) -> str:
        parts = [f"step {self.step:,} of {self.spec.steps:,}"]
        for name, short in (("generator", "G"), ("discriminator", "D")):
            mean = self.means.get(name)
            if mean is not None:
                parts.append(f"{short} {mean:.3f}")
        if self.images_per_s is not None:
            parts.append(f"{self.images_per_s:,.0f} images/s")
        if self.doing == "training" and self.left_s is not None:
            parts.append(f"{duration(self.left_s)} left")
        return ", ".join(parts)


def _outcome(result: RunResult, reused: bool) -> tuple[str, str]:
    """Return a finished run's status and what there is to say of it."""
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
        self._state: _RunState | None = None
        self._said = 0.0

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
        self._state = _RunState(spec)
        self._said = time.monotonic()
        if not reused:
            self._line(index, f"{spec.run_id}: {spec.steps:,} steps on {spec.device}")

    def event(self, index: int, spec: RunSpec, event: Event) -> None:
        """See `gan_bench.launch.local.Observer`."""
        assert self._state is not None
        self._state.take(event)
        if event["event"] == "chunk" and time.monotonic() - self._said > _LINE_EVERY_S:
            self._said = time.monotonic()
            self._line(index, f"{spec.run_id}: {self._state.figures()}")

    def run_finished(self, index: int, spec: RunSpec, result: RunResult, reused: bool) -> None:
        """See `gan_bench.launch.local.Observer`."""
        status, text = _outcome(result, reused)
        self._line(index, f"{spec.run_id}: {status}" + (f", {text}" if text else ""))


class LiveProgress:
    """A bar over the plan and a line on the run under way, redrawn twice a second."""

    def __init__(self, console: Console, runs: int) -> None:
        self.console = console
        self.runs = runs
        self._state: _RunState | None = None
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
        head.append(f"seed {spec.seed}, {self._state.doing}", style="default")
        return Group(self._plan, head, Text(self._state.figures()))

    def run_started(self, index: int, spec: RunSpec, reused: bool) -> None:
        """See `gan_bench.launch.local.Observer`."""
        self._state = _RunState(spec)

    def event(self, index: int, spec: RunSpec, event: Event) -> None:
        """See `gan_bench.launch.local.Observer`."""
        assert self._state is not None
        self._state.take(event)
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
