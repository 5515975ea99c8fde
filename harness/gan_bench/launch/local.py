"""Runs a plan on this machine, one run after the other."""

import contextlib
import signal
from collections.abc import Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Protocol

from gan_bench.launch.run_one import Options, RunResult, action, run_one
from gan_bench.launch.supervisor import ENDING_SIGNALS
from gan_bench.plan.spec import Plan, RunSpec
from gan_bench.results.events import Event
from gan_bench.results.layout import ResultsFolder
from gan_bench.system.disk import writing
from gan_bench.system.locks import device_lock


class Observer(Protocol):
    """Is told what happens, to show it."""

    def run_started(self, index: int, spec: RunSpec, reused: bool) -> None:
        """Tell that run ``index`` of the plan begins, or that its record is reused."""

    def event(self, index: int, spec: RunSpec, event: Event) -> None:
        """Tell of an event of the worker."""

    def run_finished(self, index: int, spec: RunSpec, result: RunResult, reused: bool) -> None:
        """Tell that run ``index`` has its record and its scores."""


class Interrupted(Exception):
    """A signal ended the plan; what was finished stands."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
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
    """Write the plan's file, which `status` reads."""
    plan.write(results.plans / f"{plan.plan_id}.json")


def execute(
    results: ResultsFolder,
    plan: Plan,
    options: Options,
    observer: Observer,
    *,
    wait: bool = False,
) -> Sequence[RunResult]:
    """Run what is not finished yet and return every row's result, in the plan's order.

    Raises
    ------
    UsageError
        The device or a run is in use, or a record of another version stands in the way.
    GanBenchError
        The results folder cannot be written (any more); what is finished stands.
    Interrupted
        SIGINT, SIGTERM or SIGHUP came; what was not finished is continued by the same plan.
    """
    done = []
    with (
        interruptible(),
        writing(results.path),
        device_lock(plan.runs[0].device, options.command, wait=wait),
    ):
        # What cannot be continued stops the command before anything has changed.
        for spec in plan.runs:
            action(results.run(spec.run_id), options)
        write_plan(results, plan)
        for index, spec in enumerate(plan.runs):
            reused = action(results.run(spec.run_id), options) == "reuse"
            observer.run_started(index, spec, reused)
            result = run_one(results, spec, options, partial(observer.event, index, spec))
            observer.run_finished(index, spec, result, reused)
            done.append(result)
            if result.interrupt is not None:
                raise Interrupted(result.interrupt)
    return done
