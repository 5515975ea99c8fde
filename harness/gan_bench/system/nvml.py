"""NVIDIA GPUs as NVML shows them: what there is, and what a card does while a run uses it."""

import contextlib
import math
import os
import re
import statistics
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from time import time
from typing import Any, TypeVar

import numpy as np
import psutil

from gan_bench.system.models import Frozen

_LIMIT_S = 30.0
"""How long NVML may take to list the GPUs; a driver that is broken may never answer."""
_EVERY_S = 0.25
"""Time between two samples of a card; from ten minutes on it grows with their number."""
_PER_SECOND = 10_000
"""Number of samples from which this time is a second, so that a run of days keeps few."""
_WAIT_S = 5.0
"""How long a run waits for an answer of NVML before and after it."""
_UNSEEN_MIB = 300.0
"""Memory in use from which on an unseen process must have a context on a card."""
_NOT_THROTTLED = frozenset({"GpuIdle", "None", "All"})
_REASON = "nvmlClocksThrottleReason"
_PROFILE = re.compile(r"\bMIG (\S+)")


class Gpu(Frozen):
    """A GPU, or a MIG instance of one, that this process may use."""

    name: str
    """With the profile, if it is a MIG instance: ``NVIDIA H100 80GB HBM3 MIG 1g.10gb``."""
    uuid: str
    mig: str | None = None
    """The profile of a MIG instance, such as ``1g.10gb``."""
    card_uuid: str | None = None
    """That of the card that a MIG instance is a part of."""
    memory_gb: float | None = None
    """In GiB."""
    driver: str | None = None
    driver_cuda: str | None = None
    """The newest version of CUDA that the driver can run."""
    power_limit_w: float | None = None
    found_by: str = "nvidia-smi"
    """``NVML``, or ``nvidia-smi`` and why it was not NVML."""

    @property
    def card(self) -> str:
        """Name and memory: runs on two cards with equal ones are comparable in speed."""
        return self.name if self.memory_gb is None else f"{self.name}, {self.memory_gb:.0f} GiB"


class GpuUse(Frozen):
    """What a card did during a run; None is what it does not show.

    Clock, temperature and throttle reasons are those of the time between the start of the first
    chunk and the end of the last one. Of a MIG instance they are those of the whole card.
    """

    samples: int
    """How often NVML was asked during that time."""
    sm_clock_mhz: float | None = None
    """The median."""
    sm_clock_least_mhz: float | None = None
    temperature_c: float | None = None
    """The highest."""
    throttle_reasons: tuple[str, ...] | None = None
    """NVML's names of the reasons that were seen for a lower clock, except that it is idle."""
    energy_j: float | None = None
    """Of the card, from the start of the worker to the end of training."""
    j_per_1000_images: float | None = None
    """Of the chunks in the throughput."""
    memory_mb: float | None = None
    """Most memory in use on the card, by any process, in MB."""
    allocated_mb: float | None = None
    """Most memory in use by arrays, as the framework's allocator counts it."""
    reserved_mb: float | None = None
    """Most memory that this allocator held."""
    other_processes: int | None = None
    """Number of other processes that computed on the card before or during the run."""
    libraries: dict[str, str] | None = None
    """Versions of ``cuda`` and ``cudnn`` with which the framework was built or loaded."""


@dataclass(frozen=True)
class Listing:
    """The GPUs that were found, and why they may not be all that there are."""

    found: tuple[Gpu, ...] = ()
    problem: str | None = None
    absent: bool = False
    """Whether there is no NVML: a machine without a driver has none."""
    answered: bool = False
    """Whether NVML listed them."""


T = TypeVar("T")


def _asked(ask: Callable[..., T], *arguments: Any) -> T | None:
    """Return an answer of NVML, None if it refuses."""
    try:
        return ask(*arguments)
    except Exception:  # noqa: BLE001 - each version of NVML lacks other functions
        return None


def listed() -> Listing:
    """Return the GPUs in the order of their PCI addresses, each MIG instance as one of its own."""
    answer: list[Listing] = []
    thread = threading.Thread(target=lambda: answer.append(_listed()), daemon=True)
    thread.start()
    thread.join(_LIMIT_S)
    return answer[0] if answer else Listing(problem=f"did not answer within {_LIMIT_S:g} s")


def _listed() -> Listing:
    try:
        import pynvml

        pynvml.nvmlInit()
        number = pynvml.nvmlDeviceGetCount()
    except Exception as error:  # noqa: BLE001 - a broken driver is no GPU, with a reason
        return Listing(problem=_said(error), absent=_is_absent(error))
    found: list[Gpu] = []
    problems = [] if number else ["lists no GPU"]
    for index in range(number):
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            parent = _described(pynvml, handle)
        except Exception as error:  # noqa: BLE001
            problems.append(f"cannot open GPU {index} ({_said(error)})")
            continue
        if (_asked(pynvml.nvmlDeviceGetMigMode, handle) or [0])[0]:
            instances = _instances(pynvml, handle, parent)
            found += instances
            if not instances:
                problems.append(f"shows no MIG instance of GPU {index} ({parent.name})")
        else:
            found.append(parent)
    return Listing(tuple(found), "; it ".join(problems) or None, answered=True)


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def _is_absent(error: Exception) -> bool:
    return isinstance(error, ImportError) or type(error).__name__.endswith("LibraryNotFound")


def _described(pynvml: Any, handle: Any) -> Gpu:
    memory = _asked(pynvml.nvmlDeviceGetMemoryInfo, handle)
    cuda = _asked(pynvml.nvmlSystemGetCudaDriverVersion)
    power = _asked(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    return Gpu(
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
        memory_gb=None if memory is None else round(memory.total / 2**30, 1),
        driver=_text(_asked(pynvml.nvmlSystemGetDriverVersion)) or None,
        driver_cuda=None if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
        power_limit_w=None if power is None else power / 1e3,
        found_by="NVML",
    )


def _text(value: Any) -> str:
    """Return a text that old versions of the package give as bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def _instances(pynvml: Any, handle: Any, parent: Gpu) -> list[Gpu]:
    """Return the MIG instances of a GPU."""
    found = []
    for index in range(_asked(pynvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
        instance = _asked(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
        uuid = None if instance is None else _asked(pynvml.nvmlDeviceGetUUID, instance)
        if uuid is None:
            continue  # an index without an instance
        memory = _asked(pynvml.nvmlDeviceGetMemoryInfo, instance)
        profile = _profile(pynvml, instance)
        found.append(
            parent.model_copy(
                update={
                    "name": f"{parent.name} MIG {profile}",
                    "uuid": _text(uuid),
                    "mig": profile,
                    "card_uuid": parent.uuid,
                    "memory_gb": None if memory is None else round(memory.total / 2**30, 1),
                }
            )
        )
    return found


def _profile(pynvml: Any, instance: Any) -> str:
    named = _PROFILE.search(_text(_asked(pynvml.nvmlDeviceGetName, instance)))
    if named:
        return named[1]
    parts = _asked(pynvml.nvmlDeviceGetAttributes, instance)
    if parts is None:
        return "of an unknown profile"
    compute, slices = parts.computeInstanceSliceCount, parts.gpuInstanceSliceCount
    share = f"{compute}c." if compute < slices else ""
    return f"{share}{slices}g.{round(parts.memorySizeMB / 2**10)}gb"


@dataclass(frozen=True, slots=True)
class _Sample:
    """What NVML said at one time."""

    time: float
    clock: float | None = None
    temperature: float | None = None
    throttled: int | None = None
    energy_j: float | None = None
    power_w: float | None = None
    memory: float | None = None
    strangers: int | None = None
    """Number of processes that are not this one's."""


@dataclass
class _Processes:
    """The processes that compute on a card: this process and its descendants, and others."""

    before: int | None = None
    """How many there were before the run; None if NVML does not show them."""
    most: int = 0
    """How many there were at most during the run."""
    own_seen: bool = False
    """Whether one was a descendant: NVML may give PIDs of another namespace, or none."""
    missed: bool = False
    """Whether the run has started before NVML answered."""
    too_many: bool = False
    """Whether there were more than this process has descendants."""
    strangers: set[int] = field(default_factory=set)
    own: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)

    def note(self, pids: Sequence[int]) -> None:
        """Add what NVML shows now."""
        for pid in pids:
            if pid not in self.own and pid not in self.strangers:
                self._note_new(pid)
        self.own_seen = self.own_seen or not self.own.isdisjoint(pids)
        if self.before is None:
            self.before = len(pids)
            return
        self.most = max(self.most, len(pids))
        if len(pids) > 1 and not self.own_seen:
            with contextlib.suppress(psutil.Error):
                own = len(psutil.Process().children(recursive=True))
                self.too_many = self.too_many or len(pids) > own

    def _note_new(self, pid: int) -> None:
        this = os.getpid()
        try:
            process = psutil.Process(pid)
            own = pid == this or any(parent.pid == this for parent in process.parents())
        except psutil.Error:
            # It has just ended, or has its PID in another namespace: then it is there next time.
            if pid in self.gone:
                self.strangers.add(pid)
            self.gone.add(pid)
            return
        (self.own if own else self.strangers).add(pid)

    def others(self) -> int | None:
        """Return the number of other processes, None if it cannot be known."""
        if self.before is None or self.missed:
            return None
        if self.own_seen:
            return len(self.strangers)
        if self.before or self.too_many:
            return max(self.before, self.most - 1)
        # The PIDs may be those of another namespace: a single context is the worker's.
        return 0 if self.most == 1 else None


class GpuWatch:
    """Asks NVML for the state of a run's card, in a thread from ``start`` to ``stop``."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu
        self._samples: list[_Sample] = []
        self._processes = _Processes()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="gpu-watch", daemon=True)
        self._first = threading.Event()

    def start(self) -> None:
        """Note the processes on the card, and start the thread; the run starts afterwards."""
        if self.gpu.found_by == "NVML":
            self._thread.start()
            self._processes.missed = not self._first.wait(_WAIT_S)

    def _watch(self) -> None:
        # The run counts without these facts.
        with contextlib.suppress(Exception):
            self.look()
            self._first.set()
            while not self._ended.wait(max(_EVERY_S, len(self._samples) / _PER_SECOND)):
                self.look()
            self.look()
        self._first.set()

    def stop(self) -> None:
        """End the thread; one that waits for a driver that does not answer is left behind."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(_WAIT_S)

    def look(self) -> None:
        """Add a sample; the first one is of the time before the run."""
        import pynvml

        if not self._samples:
            pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(self.gpu.uuid)
        card = handle
        if self.gpu.mig is not None:
            card = _asked(pynvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle, handle)
        running = _asked(pynvml.nvmlDeviceGetComputeRunningProcesses, handle)
        strangers = None
        if running is not None:
            pids = [process.pid for process in running]
            self._processes.note(pids)
            strangers = len(self._processes.strangers & {*pids})
        memory = _asked(
            pynvml.nvmlDeviceGetMemoryInfo, handle, getattr(pynvml, "nvmlMemory_v2", None)
        ) or _asked(pynvml.nvmlDeviceGetMemoryInfo, handle)
        energy = power = None
        if self.gpu.mig is None:  # NVML counts the energy of a whole card, not of an instance
            energy = _asked(pynvml.nvmlDeviceGetTotalEnergyConsumption, card)
            power = _asked(pynvml.nvmlDeviceGetPowerUsage, card)
        self._samples.append(
            _Sample(
                time=time(),
                clock=_asked(pynvml.nvmlDeviceGetClockInfo, card, pynvml.NVML_CLOCK_SM),
                temperature=_asked(
                    pynvml.nvmlDeviceGetTemperature, card, pynvml.NVML_TEMPERATURE_GPU
                ),
                throttled=_asked(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, card),
                energy_j=None if energy is None else energy / 1e3,
                power_w=None if power is None else power / 1e3,
                memory=None if memory is None else memory.used / 1e6,
                strangers=strangers,
            )
        )

    @property
    def exclusive(self) -> bool | None:
        """Whether no other process computed on the card before or during the run."""
        others = self._processes.others()
        if others == 0 and self._samples:
            # Processes of other containers use memory, and NVML may not show them in this one.
            used = self._samples[0].memory
            return None if used is not None and used > _UNSEEN_MIB else True
        return None if others is None else others == 0

    def exclusive_during(self, start: float, end: float) -> bool | None:
        """Return whether no other process computed on the card between two times of the run."""
        if self.exclusive is not False or not self._processes.own_seen:
            return self.exclusive
        # NVML does not say when a process came, so the samples beside the time count, too.
        found = [
            sample.strangers
            for sample in self._samples
            if start - _EVERY_S <= sample.time <= end + _EVERY_S and sample.strangers is not None
        ]
        return bool(found) and not any(found)

    def use(self, events: Sequence[Mapping[str, Any]], images_per_step: int) -> GpuUse | None:
        """Return what the card did, given the events of the attempt; None if nothing was seen.

        Call it after `stop`.
        """
        attempt = max((event["attempt"] for event in events), default=0)
        latest = [event for event in events if event["attempt"] == attempt]
        chunks = [event for event in latest if event["event"] == "chunk"]
        spans = [(event["time"] - event["seconds"], event["time"]) for event in chunks]
        # After training, the worker measures the card itself.
        end = min(
            (e["time"] - e["seconds"] for e in latest if e["event"] == "rates"), default=math.inf
        )
        samples = [s for s in self._samples if s.time <= end]
        inside = [s for s in samples if spans and spans[0][0] <= s.time <= spans[-1][1]]
        clocks = [s.clock for s in inside if s.clock is not None]
        temperatures = [s.temperature for s in inside if s.temperature is not None]
        reasons = [s.throttled for s in inside if s.throttled is not None]
        memory = _event_value(latest, "done", "device_memory")
        libraries = _event_value(latest, "ready", "libraries")
        if not (samples or memory or libraries):
            return None
        steady = [event for event in chunks if not event["warmup"]]
        images = images_per_step * sum(e["step"] - e["first_step"] for e in steady)
        joules = _joules(self._samples)
        energy = per_1000 = None
        if joules is not None:
            times, values = joules
            energy = float(np.interp(end, times, values))
            ends = [span for span, e in zip(spans, chunks, strict=True) if not e["warmup"]]
            spent = np.interp(np.array(ends).ravel(), times, values).reshape(-1, 2)
            if images:
                per_1000 = float((spent[:, 1] - spent[:, 0]).sum()) / images * 1e3
        return GpuUse(
            samples=len(inside),
            sm_clock_mhz=statistics.median(clocks) if clocks else None,
            sm_clock_least_mhz=min(clocks, default=None),
            temperature_c=max(temperatures, default=None),
            throttle_reasons=_reasons(reasons) if reasons else None,
            energy_j=energy,
            j_per_1000_images=per_1000,
            memory_mb=max((s.memory for s in samples if s.memory is not None), default=None),
            allocated_mb=_megabytes(memory.get("allocated")),
            reserved_mb=_megabytes(memory.get("reserved")),
            other_processes=self._processes.others(),
            libraries={str(name): str(version) for name, version in libraries.items()} or None,
        )


def _event_value(events: Sequence[Mapping[str, Any]], kind: str, name: str) -> dict[Any, Any]:
    """Return a mapping that a worker has reported: a trainer may have written anything."""
    value = next((event.get(name) for event in events if event["event"] == kind), None)
    return value if isinstance(value, dict) else {}


def _megabytes(value: object) -> float | None:
    return value / 1e6 if type(value) is int and value >= 0 else None


def _joules(samples: Sequence[_Sample]) -> tuple[list[float], list[float]] | None:
    """Return times and the energy used until then, by the card's counter or from its power."""
    counted = [(s.time, s.energy_j) for s in samples if s.energy_j is not None]
    if len(counted) > 1 and counted[-1][1] > counted[0][1]:
        return [t for t, _ in counted], [joules - counted[0][1] for _, joules in counted]
    powers = [(s.time, s.power_w) for s in samples if s.power_w is not None]
    if len(powers) < 2:
        return None
    total = [0.0]
    for (before, watts), (now, more) in pairwise(powers):
        total.append(total[-1] + (now - before) * (watts + more) / 2)
    return [t for t, _ in powers], total


def _reasons(seen: Sequence[int]) -> tuple[str, ...]:
    """Return NVML's names of all bits in the masks of throttle reasons."""
    import pynvml

    masks = {
        name.removeprefix(_REASON): value
        for name, value in vars(pynvml).items()
        if name.startswith(_REASON)
    }
    names = {value: name for name, value in masks.items() if name not in _NOT_THROTTLED}
    every = 0
    for mask in seen:
        every |= mask
    return tuple(sorted(name for value, name in names.items() if every & value))
