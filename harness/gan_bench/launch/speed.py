"""Measures the speed of implementations that take turns on one device: ``gan-bench speed``.

Each implementation has a process, which is built once and then stays. In a repeat every process has
one turn of a few seconds, in a random order, while the others wait for theirs. If not all processes
fit into the memory, they form groups; two of each stay and connect it to the next.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from gan_bench.analysis.speed import figures, judged
from gan_bench.launch.local import Interrupted, interruptible
from gan_bench.launch.speed_members import LINKS, Member, Members
from gan_bench.plan import LONGEST_CHUNK_STEPS, Plan, device_kind
from gan_bench.results.layout import ResultsFolder
from gan_bench.results.speed import Ended, Repeat, SpeedStudy, Turn
from gan_bench.system.calibration import LoadMeter
from gan_bench.system.child import ChildDied, Session
from gan_bench.system.devices import gpu_of, machine
from gan_bench.system.files import writing
from gan_bench.system.locks import device_lock
from gan_bench.system.nvml import GpuWatch
from gan_bench.system.processes import process_environment
from gan_bench.text import duration, many, percent, timestamp

FEWEST_REPEATS: Final = 3
"""Repeats that are made even if the time is up: fewer give no interval."""
FEWEST_FOR_CERTAINTY: Final = 5
"""Repeats before a study may end early: with fewer, intervals are narrow by chance too often."""
MOST_REPEATS: Final = 200
_WANTED_REPEATS = 8
"""The length of turns is such that the time is enough for these, if it is between the limits."""
_SHORTEST_TURN_S, _LONGEST_TURN_S = 1.0, 4.0
_BESIDE_S = 0.35
"""What a turn takes beside its steps: mostly the probe of the machine's rate."""


@dataclass(frozen=True)
class SpeedOptions:
    """How long a study takes, and how certain it is to become."""

    command: str
    minutes: float
    within: float
    """Half width of each ratio's interval at which the study ends, relative to the ratio."""
    limit_s: float = 600.0
    """The most seconds until an implementation has made its first steps, and for each turn."""


@dataclass(frozen=True)
class Measured:
    """What `measure` returns."""

    study: SpeedStudy
    path: Path
    interrupt: Interrupted | None
    """The signal that ended it early."""


def measure(
    results: ResultsFolder,
    plan: Plan,
    options: SpeedOptions,
    tell: Callable[[str], None] = lambda line: None,
    *,
    wait: bool = False,
) -> Measured:
    """Measure the implementations of a plan, and write the study after each repeat.

    Parameters
    ----------
    results
        The folder for the study.
    plan
        One run of each implementation, which says what it is.
    options
        When to end.
    tell
        Called with a line of progress.
    wait
        Whether to wait for the device.

    Raises
    ------
    UsageError
        The device is in use and ``wait`` is false.
    GanBenchError
        The results folder cannot be written.
    """
    interrupt = None
    with (
        interruptible(),
        writing(results.path),
        device_lock(plan.runs[0].device, options.command, wait=wait),
    ):
        measurement = _Measurement(results, plan, options, tell)
        try:
            with measurement:
                measurement.run()
        except Interrupted as error:
            interrupt = error
            measurement.ended = "interrupted"
        study = measurement.write()
    return Measured(study, measurement.path, interrupt)


@dataclass
class _Measurement:
    results: ResultsFolder
    plan: Plan
    options: SpeedOptions
    tell: Callable[[str], None]
    ended: Ended = "running"
    repeats: list[Repeat] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    """Of the repeat that has begun."""
    group: int = 0

    def __post_init__(self) -> None:
        self.created_at, self.started = timestamp(), time.monotonic()
        self.device = self.plan.runs[0].device
        self.machine, self.gpu = machine(), gpu_of(self.device)
        memory_gb, limit_s = self.machine.memory_gb, self.options.limit_s
        self.members = Members(self.plan.runs, memory_gb, limit_s, self.tell)
        self.watch = GpuWatch(self.gpu) if self.gpu else None
        self.deadline = self.started + 60 * self.options.minutes
        self.random = np.random.default_rng(0)
        self.held = contextlib.ExitStack()
        self.rate: Session | None = None
        self.path = self.results.speed / f"{self.study().name}.json"

    def __enter__(self) -> "_Measurement":
        if self.watch is not None:
            self.watch.start()
            self.held.callback(self.watch.stop)
        else:
            threads = self.plan.runs[0].threads
            environment = process_environment(device=self.device, threads=threads)
            limit_s = self.options.limit_s
            self.rate = self.held.enter_context(
                Session("gan_bench.system.rate_child", {}, environment=environment, limit_s=limit_s)
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.members.close(self.members.waiting)
        self.held.close()

    def run(self) -> None:
        """Measure group after group."""
        pending, ends = self.members.possible(), set[Ended]()
        while pending:
            links = len(self.members.waiting)
            began = time.monotonic()
            pending = self.members.fill(pending, self._forecast)
            waiting = self.members.waiting
            new = len(waiting) - links
            if not new and pending:
                self.members.close(waiting[-1:])  # the links leave no room for another
                continue
            # The next groups need as long for their start, and as long for their turns.
            each_s = (time.monotonic() - began) / max(1, new)
            left_s = self.deadline - time.monotonic() - each_s * len(pending)
            share_s = left_s * len(waiting) / (len(waiting) + len(pending))
            ends.add(self._take_turns(share_s))
            pending = [*self._unfinished(), *pending]
            if pending:
                self._keep_links()
        self.ended = next((end for end in ("time", "repeats") if end in ends), "certain")

    def _forecast(self, left_s: float) -> bool:
        """Say so, and return True, if the starts will take the time that the study has."""
        if time.monotonic() + left_s < self.deadline:
            return False
        self.tell(
            f"Starting the others takes about {duration(left_s)}, and {FEWEST_REPEATS} repeats "
            f"follow, so the study takes longer than {self.options.minutes:g} min."
        )
        return True

    def _take_turns(self, share_s: float) -> Ended:
        """Let the group's members take turns until they are certain, or its time is up."""
        began = time.monotonic()
        waiting = self.members.waiting
        self.group += bool(waiting)
        self._plan_turns(share_s)
        self._warm_up()
        rate = self._machine_rate()
        for done in range(MOST_REPEATS if waiting else 0):
            order = self.random.permutation(len(waiting))
            for member in [waiting[index] for index in order]:
                if time.monotonic() - began > share_s and done >= FEWEST_REPEATS:
                    self._end_repeat()
                    return "time"
                if self.members.short_of_memory:
                    self.tell("The memory is nearly full, so the group ends early.")
                    self._end_repeat()
                    return "time"
                rate = self._turn(member, rate)
            self._end_repeat()
            if not waiting or (done + 1 >= FEWEST_FOR_CERTAINTY and self._is_certain()):
                return "certain"
        return "repeats" if waiting else "certain"

    def _unfinished(self) -> list[int]:
        """Return the places of members that have too few turns, as their group ended early."""
        turns = Counter(turn.target for repeat in self.repeats for turn in repeat.turns)
        waiting = self.members.waiting
        return [one.place for one in waiting if turns[one.place] < FEWEST_REPEATS]

    def _plan_turns(self, share_s: float) -> None:
        """Choose the steps of each member's turns by the time of one step."""
        waiting = self.members.waiting
        turns = _WANTED_REPEATS * len(waiting) + sum(not one.warm for one in waiting)
        each_s = share_s / max(1, turns) - _BESIDE_S
        turn_s = min(_LONGEST_TURN_S, max(_SHORTEST_TURN_S, each_s))
        longest = LONGEST_CHUNK_STEPS[device_kind(self.device)]
        for member in waiting:
            step_s = self.members.targets[member.place].step_s or turn_s
            steps = max(1, round(turn_s / step_s))
            member.calls = -(-steps // longest)
            member.steps = -(-steps // member.calls)
            # A step without a clock brings code and data back into the caches.
            member.before = 1 if step_s < turn_s / 4 else 0

    def _warm_up(self) -> None:
        """Let each new member make a turn that does not count."""
        for member in [one for one in self.members.waiting if not one.warm]:
            member.warm = self.members.turn(member) is not None

    def _machine_rate(self) -> float | None:
        if self.rate is None:
            return None
        with contextlib.suppress(ChildDied):
            return float(self.rate.ask({}))
        return None

    def _turn(self, member: Member, rate_before: float | None) -> float | None:
        """Let a member make its steps; return the machine's rate afterwards."""
        spec = self.members.targets[member.place].spec
        began, meter = time.time(), LoadMeter()
        started_s = time.monotonic() - self.started
        answer = self.members.turn(member)
        if answer is None:
            return self._machine_rate()
        load = meter.stop(answer["cpu_s"])
        rate = self._machine_rate()
        steps = member.steps * member.calls
        known = [one for one in (rate_before, rate) if one is not None]
        self.turns.append(
            Turn(
                target=member.place,
                started_s=started_s,
                seconds=answer["seconds"],
                steps=steps,
                images=steps * spec.images_per_step,
                other_load=load,
                machine_gflops=sum(known) / len(known) if known else None,
                **self._gpu_during(began, answer["seconds"]),
            )
        )
        return rate

    def _gpu_during(self, began: float, seconds: float) -> dict[str, Any]:
        """Return what the card did during a turn; nothing on a CPU."""
        if self.watch is None:
            return {}
        now = time.time()
        chunk = {"event": "chunk", "attempt": 1, "time": now, "seconds": min(seconds, now - began)}
        use = self.watch.use([{**chunk, "warmup": True, "step": 1, "first_step": 0}], 1)
        return {
            "gpu_exclusive": self.watch.exclusive_during(began, now),
            "sm_clock_mhz": use and use.sm_clock_mhz,
            "throttle_reasons": (use and use.throttle_reasons) or (),
        }

    def _end_repeat(self) -> None:
        """Add the repeat's turns, write the study, and tell how far it is."""
        if not self.turns:
            return
        number = len(self.repeats) + 1
        repeat = Repeat(number=number, group=self.group, turns=tuple(self.turns))
        # In one step, so that an interrupt loses none.
        self.repeats, self.turns = judged([*self.repeats, repeat], self.device), []
        found = figures(self.write())
        discarded = sum(turn.discarded is not None for turn in self.repeats[-1].turns)
        parts = [many(len(repeat.turns), "turn")]
        parts += [f"{discarded} discarded"] if discarded else []
        within = found.within_of(self.members.places)
        parts += [f"ratios within {percent(within, 1)}"] if within is not None else []
        self.tell(f"Repeat {number}: {', '.join(parts)}.")

    def _is_certain(self) -> bool:
        found = figures(self.study())
        within = found.within_of(self.members.places)
        return not found.disturbed and within is not None and within < self.options.within

    def _keep_links(self) -> None:
        """End the processes of the group, but of those with most turns that count.

        Speed does not matter: of nearly equal ones, the fastest is so by chance, and its advantage
        would be that of the group.
        """
        waiting, again = self.members.waiting, self._unfinished()
        self.members.close(member for member in waiting if member.place in again)
        counts = Counter(turn.target for _, turn in self.study().turns if turn.discarded is None)
        self.members.close(sorted(waiting, key=lambda member: -counts[member.place])[LINKS:])

    def study(self) -> SpeedStudy:
        """Return the study as it is now."""
        repeats = self.repeats
        if self.turns:
            last = Repeat(number=len(repeats) + 1, group=self.group, turns=tuple(self.turns))
            repeats = judged([*repeats, last], self.device)
        return SpeedStudy(
            command=self.options.command,
            created_at=self.created_at,
            machine=self.machine,
            gpu=self.gpu,
            within=self.options.within,
            minutes=self.options.minutes,
            took_s=time.monotonic() - self.started,
            ended=self.ended,
            targets=tuple(self.members.targets),
            repeats=tuple(repeats),
            left_out=self.plan.left_out,
        )

    def write(self) -> SpeedStudy:
        """Write the study as it is now, if there is a turn in it, and return it."""
        study = self.study()
        if study.repeats:
            study.write(self.path)
        return study
