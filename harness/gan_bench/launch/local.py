"""Runs a plan on this machine, one run after the other."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Protocol

from gan_bench.errors import UnreadableFile
from gan_bench.launch.run_one import SCORED_LATER, Options, RunResult, action, run_one, score_one
from gan_bench.launch.supervisor import ENDING_SIGNALS
from gan_bench.plan import Plan, RunSpec, device_kind
from gan_bench.recipe import OPTIONAL_LOSSES
from gan_bench.results.events import Event
from gan_bench.results.layout import ResultsFolder
from gan_bench.system.files import writing
from gan_bench.system.locks import device_lock
from gan_bench.text import duration, figure, many

_SHORT = {"generator": "G", "discriminator": "D"}


class RunProgress:
    """The progress of one run, from the events of its worker.

    Attributes
    ----------
    step
        Number of steps done.
    phase
        ``starting``, ``warming up``, ``training`` or ``scoring``.
    """

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.step = 0
        self.phase = "starting"
        self._steady_s = 0.0
        self._steady_steps = 0
        self._losses: dict[str, float | None] = {}
        self._scoring = ""
        self._last_line = time.monotonic()

    @property
    def first_line(self) -> str:
        """The line to print when the run starts."""
        return f"{self.spec.run_id}: {many(self.spec.steps, 'step')} on {self.spec.device}"

    def update(self, event: Event) -> None:
        """Add an event."""
        kind = event["event"]
        if kind == "ready":
            self.step = event["step"]
            self.phase = "warming up"
        elif kind == "chunk":
            self.step = event["step"]
            self.phase = "training"
            self._losses = event["means"]
            if not event["warmup"]:
                self._steady_s += event["seconds"]
                self._steady_steps += event["step"] - event["first_step"]
        elif kind == "done":
            self.phase = "scoring"
        elif kind == "scoring":
            self.phase = "scoring"
            self._scoring = str(event["line"])

    def line(self, event: Event, every_s: float) -> str | None:
        """Add an event; return a line to print, at most one in ``every_s``."""
        self.update(event)
        now = time.monotonic()
        if event["event"] not in ("chunk", "scoring") or now - self._last_line <= every_s:
            return None
        self._last_line = now
        return str(self)

    def __str__(self) -> str:
        """Return e.g. ``step 50 of 100, G 0.693, D 1.386, 1,234 images/s, 3 s left``."""
        if self._scoring:
            return f"scoring, {self._scoring}"
        parts = [f"step {self.step:,} of {self.spec.steps:,}"]
        for name, loss in self._losses.items():
            if loss is not None and name not in OPTIONAL_LOSSES:
                parts.append(f"{_SHORT.get(name, name)} {loss:.3f}")
        if self._steady_s:
            steps_per_s = self._steady_steps / self._steady_s
            parts.append(f"{figure(steps_per_s * self.spec.images_per_step)} images/s")
            if self.phase == "training":
                parts.append(f"{duration((self.spec.steps - self.step) / steps_per_s)} left")
        return ", ".join(parts)


class Observer(Protocol):
    """Shows the progress of a plan."""

    def run_started(self, index: int, spec: RunSpec, reused: bool) -> None:
        """Show that run ``index`` starts, or that its record is reused."""

    def event(self, index: int, spec: RunSpec, event: Event) -> None:
        """Show an event of the worker of run ``index``."""

    def run_finished(self, index: int, spec: RunSpec, result: RunResult, reused: bool) -> None:
        """Show that run ``index`` has its record and its scores."""

    def gpu_released(self, sentence: str) -> None:
        """Show for how long the GPU was held, and for what."""


class Interrupted(KeyboardInterrupt):
    """A signal ended the plan; finished runs are kept.

    Not an `Exception`: code that goes on after any of these must not go on after a signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum
        self.exit_code = 128 + signum


@contextlib.contextmanager
def interruptible(signals: Sequence[signal.Signals] = ENDING_SIGNALS) -> Iterator[None]:
    """Turn the ending signals, wherever they arrive, into `Interrupted`."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise Interrupted(signum)

    previous = {s: signal.signal(s, interrupt) for s in signals}
    try:
        yield
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)


def write_plan(results: ResultsFolder, plan: Plan) -> None:
    """Write the plan's file, which `status` reads.

    The same runs may have been planned before as the first of more seeds, see `Plan.most_seeds`:
    that stays, as their scores were looked at.
    """
    path = results.plans / f"{plan.plan_id}.json"
    with contextlib.suppress(UnreadableFile, OSError):
        looked = (plan.most_seeds, Plan.read(path).most_seeds)
        plan = plan.model_copy(update={"most_seeds": max(filter(None, looked), default=None)})
    plan.write(path)


class _Held:
    """For how long a GPU is held, and for what."""

    def __init__(self, device: str, observer: Observer) -> None:
        self.device, self.observer = device, observer
        self.since = time.monotonic()
        self.spent: dict[str, float] = {}

    def event(self, index: int, spec: RunSpec, event: Event) -> None:
        """Add an event, and show it."""
        if event["event"] == "ready":
            self.add("imports and set-up", sum(event[name] for name in _SET_UP))
        elif (what := _ACTIVITIES.get(event["event"])) is not None:
            self.add(what, event["seconds"])
        self.observer.event(index, spec, event)

    def add(self, what: str, seconds: float) -> None:
        self.spent[what] = self.spent.get(what, 0.0) + seconds

    def tell(self) -> None:
        """Show what was held, if it was used at all."""
        if device_kind(self.device) == "cpu" or not self.spent:
            return
        held_s = time.monotonic() - self.since
        spent = self.spent | {"other": held_s - sum(self.spent.values())}
        parts = [f"{what} {duration(max(0.0, round(s, 1)))}" for what, s in spent.items()]
        self.observer.gpu_released(
            f"{self.device} was held for {duration(held_s)}: {', '.join(parts)}."
        )


_SET_UP = ("import_s", "data_s", "setup_s")
_ACTIVITIES = {"chunk": "training", "snapshot": "sampling", "checkpoint": "checkpoints"}
"""By the event that ends them."""


def execute(
    results: ResultsFolder,
    plan: Plan,
    options: Options,
    observer: Observer,
    *,
    wait: bool = False,
    ended: Callable[[RunSpec], None] = lambda spec: None,
) -> Sequence[RunResult]:
    """Run all unfinished runs; return the result of every run in the plan's order.

    With ``options.score`` as "later", a GPU is free for others while the runs are scored.
    ``ended`` is called with each run that has its record and its scores, or cannot have them.

    Raises
    ------
    UsageError
        The device or a run is in use, or a record is from another version.
    GanBenchError
        The results folder cannot be written; finished runs are kept.
    Interrupted
        SIGINT, SIGTERM or SIGHUP arrived; the same plan continues the unfinished runs.
    """
    done: list[RunResult] = []
    reuses: list[bool] = []
    device = plan.runs[0].device
    with interruptible(), writing(results.path), contextlib.ExitStack() as held:
        held.enter_context(device_lock(device, options.command, wait=wait))
        use = _Held(device, observer)
        held.callback(use.tell)
        # Fails for an unreadable record before anything has changed.
        for spec in plan.runs:
            action(results.run(spec.run_id), options)
        write_plan(results, plan)
        for index, spec in enumerate(plan.runs):
            reused = action(results.run(spec.run_id), options) == "reuse"
            observer.run_started(index, spec, reused)
            result = run_one(results, spec, options, partial(use.event, index, spec))
            if not reused:
                use.add("scoring", result.score_s)
            observer.run_finished(index, spec, result, reused)
            done.append(result)
            reuses.append(reused)
            if result.interrupt is not None:
                raise Interrupted(result.interrupt)
            if result.scoring_problem != SCORED_LATER:
                ended(spec)
        if options.score == "later":
            if device_kind(device) != "cpu":  # which scoring uses, too
                held.close()
            for index, spec in enumerate(plan.runs):
                if done[index].scoring_problem is not None:
                    tell = partial(observer.event, index, spec)
                    done[index] = score_one(results, spec, options, tell)
                    observer.run_finished(index, spec, done[index], reuses[index])
                    ended(spec)
    return done
