"""The implementations of a speed study: a process for each, which is built once and then waits."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gan_bench.launch.run_one import obstacle_of
from gan_bench.launch.supervisor import environment_of
from gan_bench.plan import RunSpec
from gan_bench.results.speed import SpeedTarget
from gan_bench.system.child import ChildDied, ChildError, Session
from gan_bench.system.devices import available_memory_mb
from gan_bench.system.processes import OomWatch
from gan_bench.text import duration

LINKS: Final = 2
"""Members of a group that stay and connect it to the next one."""
_FORECAST_AFTER = 3
"""Starts from which it is clear how long the others take."""
_LEAST_MEMORY_MB = 1024.0
"""With less memory free, a group ends early: a process that must reload its pages is not timed."""
_FREE_SHARE = 0.35
"""Share of the machine's memory that stays free when a process is started, for other users and for
the pages of libraries, which count as free. At least one and a half times what the largest process
needed stays free, too."""


@dataclass
class Member:
    """An implementation whose process waits for its turns."""

    place: int
    """Of the target in the study."""
    session: Session
    before: int = 0
    """Steps before the clock starts."""
    steps: int = 1
    """Steps of each call."""
    calls: int = 1
    """Calls of a turn."""
    warm: bool = False
    """Whether it has made a turn: the first one is slower, and is not recorded."""


class Members:
    """Those that take turns at present, and what is known of all targets of the study."""

    def __init__(
        self,
        specs: Sequence[RunSpec],
        memory_gb: float,
        limit_s: float,
        tell: Callable[[str], None],
    ) -> None:
        """Start nothing yet.

        Parameters
        ----------
        specs
            The targets.
        memory_gb
            The machine's memory.
        limit_s
            The most seconds until an implementation has made its first steps, and for each turn.
        tell
            Called with a line of progress.
        """
        self.targets = [SpeedTarget(spec=spec) for spec in specs]
        self.waiting: list[Member] = []
        self._memory_mb = 1024 * memory_gb
        self._limit_s = limit_s
        self._tell = tell

    @property
    def places(self) -> set[int]:
        """The places of those whose processes wait."""
        return {member.place for member in self.waiting}

    @property
    def short_of_memory(self) -> bool:
        """Whether the memory is nearly full, and a smaller group would need less."""
        return len(self.waiting) > 2 * LINKS and available_memory_mb() < _LEAST_MEMORY_MB

    def possible(self) -> list[int]:
        """Return the places of the targets that this machine can train; leave out the others."""
        found = []
        for place, target in enumerate(self.targets):
            obstacle = obstacle_of(target.spec)
            if obstacle is None:
                found.append(place)
            else:
                self._leave_out(place, obstacle[1])
        return found

    def fill(self, pending: Sequence[int], forecast: Callable[[float], bool]) -> list[int]:
        """Start processes for as many targets as fit into the memory; return the others.

        ``forecast`` gets the seconds that the remaining starts will take. It is called before each
        of them until it returns True.
        """
        largest, began, told = 0.0, time.monotonic(), False
        for number, place in enumerate(pending):
            if number >= _FORECAST_AFTER and not told:
                each_s = (time.monotonic() - began) / number
                told = forecast(each_s * (len(pending) - number))
            peaks = [self.targets[member.place].peak_rss_mb or 0.0 for member in self.waiting]
            largest = max([largest, *peaks])
            need = max(2 * _LEAST_MEMORY_MB, 1.5 * largest, _FREE_SHARE * self._memory_mb)
            # A group without two new members would not get further.
            if number >= LINKS and available_memory_mb() < need:
                return [*pending[number:]]
            if not self._start(place):
                return [*pending[number:]]
        return []

    def _start(self, place: int) -> bool:
        """Start the process of a target; return False if only the others' memory is in its way."""
        spec, memory = self.targets[place].spec, OomWatch()
        began = time.monotonic()
        session = None
        try:
            session = Session(
                "gan_bench.worker.speed",
                spec,
                environment=environment_of(spec),
                python=spec.python,
                limit_s=self._limit_s,
            )
            ready: Mapping[str, Any] = session.ready
            out_of_memory = bool(ready.get("out_of_memory"))
            reason = ready.get("reason")
        except (ChildError, ChildDied, OSError) as error:
            out_of_memory, reason = memory.happened() is not None, str(error)
        if reason is not None:
            if session is not None:
                session.close()
            if out_of_memory and self.waiting:
                return False
            self._leave_out(place, reason)
            return True
        assert session is not None
        self._learn(place, **ready)
        self.waiting.append(Member(place, session))
        number = sum(t.step_s is not None or t.reason is not None for t in self.targets)
        self._tell(
            f"[{number}/{len(self.targets)}] {spec.implementation.name}: "
            f"ready in {duration(time.monotonic() - began)}, {duration(ready['step_s'])} a step"
        )
        return True

    def _leave_out(self, place: int, reason: str) -> None:
        text = " ".join(reason.split()).rstrip(".")
        self._learn(place, reason=text)
        self._tell(f"{self.targets[place].spec.implementation.name} is left out: {text}.")

    def _learn(self, place: int, **values: Any) -> None:
        self.targets[place] = self.targets[place].model_copy(update=values)

    def turn(self, member: Member) -> Mapping[str, Any] | None:
        """Let a member make the steps of a turn; return None if it fails and is left out.

        What is returned has the seconds (``seconds``) and processor seconds (``cpu_s``) of the
        steps.
        """
        question = {"before": member.before, "steps": member.steps, "calls": member.calls}
        try:
            answer: Mapping[str, Any] = member.session.ask(question)
            reason = answer.get("reason")
        except (ChildError, ChildDied) as error:
            answer, reason = {}, str(error)
        if reason is not None:
            self._leave_out(member.place, reason)
            self.close([member])
            return None
        peaks = (self.targets[member.place].device_memory_mb, answer["device_memory_mb"])
        self._learn(
            member.place,
            peak_rss_mb=answer["peak_rss_mb"],
            device_memory_mb=max((peak for peak in peaks if peak is not None), default=None),
        )
        return answer

    def close(self, members: Iterable[Member]) -> None:
        """End the processes of some members."""
        for member in list(members):
            member.session.close()
            self.waiting.remove(member)
