"""What a tracked loop leaves on the disk: plan, journal, losses, samples, record and scores."""

import contextlib
import os
import traceback
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gan_bench.launch.circumstances import Watch
from gan_bench.launch.local import write_plan
from gan_bench.launch.outcome import Outcome, make_record
from gan_bench.launch.score import final_fid, score_missing
from gan_bench.plan import Plan, RunSpec
from gan_bench.results.events import EventWriter
from gan_bench.results.layout import ResultsFolder
from gan_bench.results.status import Status
from gan_bench.results.training_files import write_array, write_images
from gan_bench.scoring.features import Scoring
from gan_bench.system.files import saving
from gan_bench.system.processes import PeakMemory
from gan_bench.text import figure, timestamp
from gan_bench.worker.progress import children_s, heartbeat, write_chunk


class Recording:
    """The files of one run, from its first event to its scores.

    Attributes
    ----------
    spec
        The run's specification; its losses are known from the first step on.
    folder
        The run's folder.
    held
        What the run holds until its end, such as its lock.
    """

    def __init__(
        self,
        results: ResultsFolder,
        spec: RunSpec,
        *,
        command: str,
        scoring: Scoring,
        keep_samples: bool,
        data_s: float,
        first_step: int,
        held: contextlib.ExitStack,
        steps_done: Callable[[], int],
    ) -> None:
        """Begin the journal, with heartbeats that tell ``steps_done``, and watch the machine.

        All that goes on until the end is entered into ``held``, which ends it if the run cannot
        begin.
        """
        self.spec, self.folder, self.held = spec, results.run(spec.run_id), held
        self._results, self._command = results, command
        self._scoring, self._keep_samples = scoring, keep_samples
        self._write_plan()
        self._watch = Watch(spec)
        held.callback(self._watch.stop, 0.0, measure=False)
        self._children_s = children_s()
        self._events = EventWriter(self.folder.events)
        held.callback(self._events.close)
        self._memory = PeakMemory()
        held.callback(self._memory.end)
        self._events.write("start", pid=os.getpid())
        began = {"step": first_step, "import_s": None, "data_s": data_s, "setup_s": None}
        self._events.write("ready", paired=False, **began)
        self._alive = held.enter_context(contextlib.ExitStack())
        self._log = self._alive.enter_context(self.folder.log.open("a", encoding="utf-8"))
        self._alive.enter_context(heartbeat(self._events, steps_done, self._log))

    def name_losses(self, names: tuple[str, ...]) -> None:
        """Write the names of the losses: without them, nobody can read their file."""
        if self.spec.losses != names:
            self.spec = self.spec.model_copy(update={"losses": names})
            self.spec.write(self.folder.spec)
            self._write_plan()

    def chunk(
        self,
        table: NDArray[np.float32],
        names: tuple[str, ...],
        *,
        first_step: int,
        seconds: float,
        warmup: bool,
    ) -> None:
        """Note a chunk with its losses, float32 (steps, losses)."""
        write_chunk(
            self._events, table, names, first_step=first_step, seconds=seconds, warmup=warmup
        )

    def losses(self, table: NDArray[np.float32]) -> None:
        """Write the losses of all steps, float32 (steps, losses)."""
        if table.shape[1]:
            with saving(self.folder.losses):
                write_array(self.folder.losses, table)

    def snapshot(self, step: int, images: NDArray[np.uint8], seconds: float) -> None:
        """Write the samples of an evaluation point, uint8 (n, height, width, channels)."""
        path = self.folder.snapshot(step)
        path.parent.mkdir(exist_ok=True)
        with saving(path):
            write_images(path, images)
        self._events.write("snapshot", step=step, seconds=seconds)

    def trace(self, error: BaseException) -> None:
        """Write an exception into the log."""
        with contextlib.suppress(OSError):
            traceback.print_exception(error, file=self._log)

    def close(self, status: Status, reason: str | None, step: int) -> str:
        """End the journal, write the record, and score a run that is ok; return how it ended.

        An interrupt skips the measurement of the machine and the scores, not the record.
        """
        interrupt: KeyboardInterrupt | None = None
        with self.held:
            try:
                self._alive.close()
            except KeyboardInterrupt as error:
                interrupt = error
            end = {"step": step, "peak_rss_mb": self._memory.end()}
            with contextlib.suppress(OSError):  # of a full disk
                if status == "ok":
                    self._events.write("done", weights_sha256=None, **end)
                else:
                    self._events.write("failed", kind=status, reason=reason, **end)
            self._events.close()
            measure = status == "ok" and interrupt is None
            try:
                self._watch.stop(max(0.0, children_s() - self._children_s), measure=measure)
            except KeyboardInterrupt as error:  # all but the record can wait
                interrupt = error
            around = self._watch.provenance(self.folder, self._command)
            outcome = Outcome(status=status, reason=reason)
            record = make_record(self.folder, self.spec, outcome, around)
            record.write(self.folder.record)
            if interrupt is not None:
                raise interrupt
            if status != "ok":
                return f"{status} after step {step:,} of {self.spec.steps:,}, {reason}"
            problem = score_missing(
                *(self.folder, self.spec, self._scoring), keep_samples=self._keep_samples
            )
        speed = f", {figure(record.images_per_s)} images/s" if record.images_per_s else ""
        if problem:
            return f"ok, not scored ({problem}){speed}"
        fid = final_fid(self.folder, self.spec, self._scoring)
        features = self._scoring.features[0].name
        return f"ok, {'scored' if fid is None else f'FID {figure(fid)} ({features})'}{speed}"

    def _write_plan(self) -> None:
        """Write the plan of this one run, by which `status` and the report know it."""
        plan = Plan(command=self._command, created_at=timestamp(), runs=(self.spec,))
        write_plan(self._results, plan)
