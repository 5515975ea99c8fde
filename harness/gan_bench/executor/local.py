"""Runs a plan on this machine, one run after the other."""

import contextlib
import signal
from collections.abc import Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Protocol

from gan_bench.atomic import write_atomically
from gan_bench.device_lock import device_lock
from gan_bench.events import Event
from gan_bench.executor.one_run import Options, action, run_one
from gan_bench.folders import ResultsFolder
from gan_bench.record import Record
from gan_bench.spec import Plan, RunSpec


class Observer(Protocol):
    """Is told what happens, to show it."""

    def run_started(self, index: int, spec: RunSpec, reused: bool) -> None:
        """Tell that run ``index`` of the plan begins, or that its record is reused."""

    def event(self, index: int, spec: RunSpec, event: Event) -> None:
        """Tell of an event of the worker."""

    def run_finished(self, index: int, spec: RunSpec, record: Record, reused: bool) -> None:
        """Tell that run ``index`` has its record."""


class Interrupted(Exception):
    """SIGINT or SIGTERM ended the plan; what was finished stands."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Turn SIGINT and SIGTERM, wherever they arrive, into `Interrupted`."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise Interrupted(signum)

    previous = {s: signal.signal(s, interrupt) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)


def write_plan(results: ResultsFolder, plan: Plan) -> None:
    """Write every planned row before the first run starts."""
    path = results.plans / f"{plan.plan_id}.json"
    write_atomically(path, plan.model_dump_json(indent=1).encode() + b"\n")


def execute(
    results: ResultsFolder,
    plan: Plan,
    options: Options,
    observer: Observer,
    *,
    wait: bool = False,
) -> Sequence[Record]:
    """Run what is not finished yet and return every row's record, in the plan's order.

    Raises
    ------
    UsageError
        The device is in use and ``wait`` is false.
    Interrupted
        SIGINT or SIGTERM came; the run that was under way has a record, later ones stay pending.
    """
    write_plan(results, plan)
    records = []
    with _interruptible(), device_lock(plan.runs[0].device, options.command, wait=wait):
        for index, spec in enumerate(plan.runs):
            reused = action(results.run(spec.run_id), options) == "reuse"
            observer.run_started(index, spec, reused)
            record, interrupt = run_one(
                results,
                spec,
                options,
                partial(observer.event, index, spec),
            )
            observer.run_finished(index, spec, record, reused)
            records.append(record)
            if interrupt is not None:
                raise Interrupted(interrupt)
    return records
