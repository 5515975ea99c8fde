"""A study of speed as a file: what took turns on one device, every turn, and its disturbances."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import FailFast, Field

from gan_bench.plan import RunSpec
from gan_bench.results.layout import ResultsFolder
from gan_bench.system.devices import Machine
from gan_bench.system.models import Frozen, Stored
from gan_bench.system.nvml import Gpu

SPEED_SCHEMA_VERSION: Final = 1
Ended = Literal["certain", "time", "repeats", "interrupted", "running"]
"""Why a study ended; ``running`` in the file of one that was killed."""


class SpeedTarget(Frozen):
    """One implementation of a study: what it is, and what it took to its first turn.

    Times are in seconds; what was not measured is None.
    """

    spec: RunSpec
    """What a run of it would be. Its budget, seed, data and evaluation points are of no concern."""
    reason: str | None = None
    """Why it has no turns, or no more of them; None if it is complete."""
    import_s: float | None = None
    data_s: float | None = None
    setup_s: float | None = None
    """Building the trainer and setting weights."""
    first_step_s: float | None = None
    """Of the first step, with tracing and compiling."""
    step_s: float | None = None
    """Of one step afterwards, roughly: from it follows the length of a turn."""
    peak_rss_mb: float | None = None
    """The largest resident memory of its process."""
    device_memory_mb: float | None = None
    """Most memory of the GPU that arrays had, as the framework's allocator counts it."""
    machine_gflops: float | None = None
    """The rate of the GPU, measured with its framework; on a CPU each turn has a rate."""


class Turn(Frozen):
    """Some steps of one implementation, timed as one."""

    target: int = Field(ge=0)
    """Its place among the study's targets."""
    started_s: float
    """Since the start of the study."""
    seconds: float = Field(gt=0)
    """Inside ``train``."""
    steps: int = Field(ge=1)
    images: int = Field(ge=1)
    """Training images."""
    other_load: float | None = None
    """Share of the processors that other processes used, 0 to 1."""
    machine_gflops: float | None = None
    """Mean of the machine's rates before and after the turn; None on a GPU."""
    sm_clock_mhz: float | None = None
    """The median clock of the GPU."""
    throttle_reasons: tuple[str, ...] = ()
    """NVML's names of what made the GPU slower."""
    gpu_exclusive: bool | None = None
    """Whether no other process computed on the GPU; None on a CPU or if it is unknown."""
    discarded: str | None = None
    """Why the turn is in no figure; None if it counts."""

    @property
    def images_per_s(self) -> float:
        """Throughput of this turn."""
        return self.images / self.seconds


class Repeat(Frozen):
    """One turn of each implementation, in a random order; fewer if it was interrupted."""

    number: int = Field(ge=1)
    group: int = Field(ge=1)
    """Processes that do not fit into the memory together take turns in groups with common ones."""
    turns: Annotated[tuple[Turn, ...], FailFast()]


class SpeedStudy(Stored):
    """The speed of several implementations on one device of one machine."""

    KIND: ClassVar[str] = "speed study"
    REMEDY: ClassVar[str] = "measure again with `gan-bench speed`"

    schema_version: Literal[1] = SPEED_SCHEMA_VERSION
    command: str
    created_at: str
    """When it began."""
    machine: Machine
    gpu: Gpu | None = None
    within: float = Field(gt=0)
    """Half width of each ratio's 95 % interval, relative to the ratio, at which it ends."""
    minutes: float = Field(gt=0)
    """The time that it had."""
    took_s: float
    ended: Ended
    targets: tuple[SpeedTarget, ...] = Field(min_length=1)
    repeats: Annotated[tuple[Repeat, ...], FailFast()]
    left_out: tuple[str, ...] = ()
    """One sentence for each implementation that could not be planned."""

    @property
    def turns(self) -> list[tuple[int, Turn]]:
        """Every turn with the number of its repeat, in the order of time."""
        return [(repeat.number, turn) for repeat in self.repeats for turn in repeat.turns]

    @property
    def name(self) -> str:
        """The name of its file, without an ending."""
        device = self.targets[0].spec.device if self.targets else "none"
        when = self.created_at.partition("+")[0].replace(":", "-")
        return f"{when}-{device.replace(':', '')}"


def read_speeds(results: ResultsFolder) -> tuple[list[SpeedStudy], list[str]]:
    """Return a folder's studies of speed, the newest first, and a sentence for each unreadable."""
    found, problems = SpeedStudy.read_all(results.speed.glob("*.json"))
    return sorted(found, key=lambda study: study.created_at, reverse=True), problems
