"""The child process that trains one implementation in turns, for `gan_bench.launch.speed`.

It is built as a run's worker builds it, makes a few steps, and then waits for its turns.
"""

import contextlib
import ctypes
import gc
from collections.abc import Mapping
from time import perf_counter, process_time
from typing import Any, ClassVar

from gan_bench.contract import loss_table
from gan_bench.errors import GanBenchError
from gan_bench.plan import RunSpec
from gan_bench.plugins.loader import load_seeded
from gan_bench.system.child import serve
from gan_bench.system.devices import device_in_child
from gan_bench.system.processes import peak_rss_mb
from gan_bench.worker.failure import Diverged, failure_reason, is_out_of_memory
from gan_bench.worker.progress import children_s, divergence
from gan_bench.worker.training import build, check_source, rates_of_gpu

_PLANNED_STEPS = 1_000_000
"""No study reaches the end of a schedule of the learning rate."""
_MOST_STEPS_BEFORE = 5
"""Steps before the first turn, one at a time: graphs are compiled or recorded in the first ones."""
_ENOUGH_S = 1.0
"""After this time no further step is made before the first turn."""


class _Turns:
    """A trainer that continues its training with every turn."""

    TIMES: ClassVar[tuple[str, ...]] = ("import_s", "data_s", "setup_s", "first_step_s", "step_s")

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        started = perf_counter()
        trainer_class = load_seeded(spec.implementation, spec.seed)
        check_source(spec)
        imported = perf_counter()
        dataset = spec.load_dataset()
        loaded = perf_counter()
        planned = spec.model_copy(update={"steps": _PLANNED_STEPS})
        self.trainer, self.inputs, _ = build(
            trainer_class, planned, dataset, device_in_child(spec.device)
        )
        self.import_s, self.data_s = imported - started, loaded - imported
        self.setup_s = perf_counter() - loaded
        self.step = 0
        self.first_step_s = self.train(1)
        later = [self.train(1)]
        while len(later) < _MOST_STEPS_BEFORE and sum(later) < _ENOUGH_S:
            later.append(self.train(1))
        self.step_s = min(later)

    def train(self, steps: int) -> float:
        """Return the seconds of some steps, without those of their batches and draws."""
        inputs, first = self.inputs, self.step
        rows, draws = inputs.batches(first, steps), inputs.draws(first, steps)
        started = perf_counter()
        losses = self.trainer.train(rows, draws)
        seconds = perf_counter() - started
        self.step += steps
        table = loss_table(losses, steps, inputs.recipe)
        if found := divergence(table, inputs.recipe.losses, first):
            raise Diverged(found.reason)  # what is not finite may be faster, or slower
        return seconds

    def ready(self) -> dict[str, Any]:
        """Return what the start took, and what a GPU can do."""
        rates = rates_of_gpu(self.spec)
        # What compiling needed goes back to the system: others are to fit beside this process.
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        times = {name: getattr(self, name) for name in self.TIMES}
        return {**times, **self.memory(), "machine_gflops": rates[0] if rates else None}

    def turn(self, asked: Mapping[str, int]) -> dict[str, Any]:
        """Make steps without a clock, then some with one, in calls of equal length."""
        used = process_time() + children_s()
        if asked["before"]:
            self.train(asked["before"])
        seconds = sum(self.train(asked["steps"]) for _ in range(asked["calls"]))
        cpu_s = process_time() + children_s() - used
        return {"seconds": seconds, "cpu_s": cpu_s, **self.memory()}

    def memory(self) -> dict[str, Any]:
        """Return the most memory that was used so far."""
        most = None
        if self.spec.device != "cpu" and hasattr(self.trainer, "device_memory"):
            with contextlib.suppress(Exception):  # the study counts without it
                most = self.trainer.device_memory().get("allocated")
        in_mb = None if most is None else int(most) / 1e6
        return {"peak_rss_mb": peak_rss_mb(), "device_memory_mb": in_mb}


def _answered(spec: RunSpec, ask: Any) -> Any:
    """Return an answer, or what went wrong in the trainer."""
    try:
        return ask()
    except Exception as error:
        if is_out_of_memory(error):
            return {"out_of_memory": True, "reason": failure_reason(error, spec.implementation)}
        raise GanBenchError(failure_reason(error, spec.implementation)) from error


def _start(request: Any) -> tuple[Any, Any]:
    spec = RunSpec.model_validate(request)
    built: list[_Turns] = []

    def first() -> dict[str, Any]:
        built.append(_Turns(spec))
        return built[0].ready()

    return _answered(spec, first), lambda asked: _answered(spec, lambda: built[0].turn(asked))


if __name__ == "__main__":
    serve(_start)
