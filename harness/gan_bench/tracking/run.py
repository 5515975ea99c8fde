"""One run that a script of the user's own trains: its clock, losses, samples and end."""

import contextlib
import os
import resource
import shlex
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np
import psutil
from numpy.typing import NDArray

from gan_bench import data
from gan_bench.data import Dataset
from gan_bench.errors import UsageError
from gan_bench.launch.circumstances import Watch
from gan_bench.launch.local import write_plan
from gan_bench.launch.outcome import Outcome, make_record
from gan_bench.launch.score import score_missing, scores_with
from gan_bench.metrics import fid_name
from gan_bench.plan import LONGEST_CHUNK_STEPS, Plan, RunSpec
from gan_bench.recipe import LOSSES, Distribution
from gan_bench.results.events import EventWriter
from gan_bench.results.layout import ResultsFolder
from gan_bench.results.status import Status
from gan_bench.results.training_files import read_losses, write_array, write_images
from gan_bench.scoring.features import Scoring
from gan_bench.system.files import is_full_for, saving
from gan_bench.system.processes import DISK_FULL, peak_rss_mb
from gan_bench.text import figure, listed, many, timestamp
from gan_bench.tracking.arrays import NotFinite, samples_of, scalar
from gan_bench.trainer import losses_problem
from gan_bench.worker.failure import Diverged, failure_kind, failure_reason
from gan_bench.worker.progress import first_not_finite, heartbeat, write_chunk

DEFAULT_RESULTS = Path("results/local")
_LOSSES_EVERY_S = 2.0
"""Time between two writes of the losses, beside those at evaluation points."""


class TrackedRun:
    """A run in progress, see `gan_bench.track`.

    In a ``with`` statement, it ends with the block, and an exception in it is recorded. In a script
    that is not needed: the end of the process does the same.

    Attributes
    ----------
    run_id
        The run's name.
    steps
        Number of steps of the budget.
    steps_done
        Number of steps done.
    """

    def __init__(
        self,
        results: ResultsFolder,
        spec: RunSpec,
        dataset: Dataset,
        *,
        command: str,
        results_as_given: Path,
        scoring: Scoring,
        keep_samples: bool,
        say: Callable[[str], None],
        data_s: float,
        first_step: int,
    ) -> None:
        self.run_id = spec.run_id
        self.steps = spec.steps
        self.steps_done = first_step
        self._results, self._folder, self._spec = results, results.run(spec.run_id), spec
        self._train, self._command = dataset.train, command
        self._results_as_given = results_as_given
        self._scoring, self._keep_samples, self._say = scoring, keep_samples, say
        self._pid, self._first_step = os.getpid(), first_step
        self.held = contextlib.ExitStack()
        """What the run holds until its end, such as its lock."""
        self._names: tuple[str, ...] = spec.losses if first_step else ()
        self._keys = frozenset(self._names)
        self._pending: list[list[Any]] = []
        self._losses = np.full((spec.steps, len(self._names)), np.nan, dtype=np.float32)
        if first_step:
            self._losses[:first_step] = read_losses(self._folder.losses, self._names)[:first_step]
        self._sampled = self._folder.snapshot(first_step).exists()
        self._ended: str | None = None
        self._open = bool(self._names) and not self.due
        """Whether another step may end, if its losses are those of the step before."""
        self._write_plan()
        self._watch = Watch(spec)
        self._children_before = _children_s()
        self._events = EventWriter(self._folder.events)
        self._events.write("start", pid=os.getpid())
        self._events.write(
            *("ready",), step=first_step, import_s=None, data_s=data_s, setup_s=None, paired=False
        )
        self._alive = contextlib.ExitStack()
        self._log = self._alive.enter_context(self._folder.log.open("a", encoding="utf-8"))
        self._alive.enter_context(heartbeat(self._events, lambda: self.steps_done, self._log))
        self._chunk_end = self._next_end()
        self._written = self._last = self._began = time.perf_counter()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the run, if it has not ended: with the exception, or as stopped too early."""
        self.end(error)

    @property
    def done(self) -> bool:
        """Whether the budget is used up."""
        return self.steps_done >= self.steps

    @property
    def due(self) -> bool:
        """Whether samples are due now: `samples` does nothing at other times."""
        at_point = self.steps_done in self._spec.evaluation_steps
        return at_point and not self._sampled and self._ended is None

    def batches(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Yield batches of real images until the budget is used up.

        Their order depends on the data set, the seed and the batch size only, and is that of every
        implementation that `gan-bench run` trains.

        Yields
        ------
        images, labels
            uint8 (batch_size, height, width, channels) and int64 (batch_size,), new arrays.
        """
        batch = int(self._spec.recipe_values["batch_size"])
        each_step = self._spec.images_per_step // batch
        if self.steps_done == self._first_step and not self._pending:
            self._began = time.perf_counter()
        for first in range(self.steps_done, self.steps, LONGEST_CHUNK_STEPS["cpu"]):
            rows = data.batches(
                seed=self._spec.seed,
                first_step=first,
                steps=min(LONGEST_CHUNK_STEPS["cpu"], self.steps - first),
                real_batches_per_step=each_step,
                batch_size=batch,
                images=len(self._train.images),
            )
            for indices in rows.reshape(-1, batch):
                yield self._train.images[indices], self._train.labels[indices]

    def latents(
        self, count: int, size: int, distribution: Distribution = "normal"
    ) -> NDArray[np.float32]:
        """Return latents that are the same at every evaluation point of the run.

        Parameters
        ----------
        count, size
            The number of latents and their dimensions.
        distribution
            ``normal``, ``uniform`` in [-1, 1), or ``uniform01`` in [0, 1).

        Returns
        -------
        float32 (count, size).
        """
        return data.evaluation_latents(
            seed=self._spec.seed, count=count, latent_size=size, distribution=distribution
        )

    def step(self, **losses: Any) -> None:
        """Note that a step has ended, with its losses.

        They are read at the end of a chunk, so that the device need not be waited for at each step.

        Parameters
        ----------
        losses
            Numbers, arrays or tensors of one element, by name, such as ``generator=``; the same
            names at every step. A loss of several elements counts by its mean. Copy a tensor that
            a later step overwrites.

        Raises
        ------
        UsageError
            The budget is used up, samples are due, the names are others than before, or a loss is
            no number.
        Diverged
            A loss of the chunk is not finite; the run has ended.
        """
        if not self._open or losses.keys() != self._keys:
            self._check_step(losses)
        row = []
        for name in self._names:
            loss = losses[name]
            row.append(loss.detach() if hasattr(loss, "detach") else loss)
        self._pending.append(row)
        self.steps_done += 1
        self._sampled = False
        self._last = time.perf_counter()
        if self.steps_done == self._chunk_end:
            self._end_chunk(None)

    def samples(self, images: Any) -> None:
        """Store samples of the generator, if they are due; else do nothing.

        Parameters
        ----------
        images
            An array or tensor of any framework: uint8, or floats from -1 to 1; NHWC or NCHW. Or a
            function that is called with the number of images, if they are due, and returns them.
            Further images are left out.

        Raises
        ------
        UsageError
            The samples have another size, dtype or range, or are too few; give others.
        Diverged
            A sample is not finite; the run has ended.
        """
        if not self.due:
            return
        path = self._folder.snapshot(self.steps_done)
        started = time.perf_counter()
        if callable(images):
            images = images(self._spec.samples)
        try:
            assert self._spec.image_shape is not None
            array = samples_of(images, self._spec.samples, self._spec.image_shape)
        except NotFinite:
            self._diverge(f"the samples were not finite at step {self.steps_done}")
        seconds = time.perf_counter() - started
        self._folder.snapshots.mkdir(exist_ok=True)
        with saving(path):
            write_images(path, array)
        self._events.write("snapshot", step=self.steps_done, seconds=seconds)
        self._sampled, self._open = True, bool(self._names)
        if self.done:
            self._write_losses()
            self._close("ok", None)
        self._began = time.perf_counter()

    def end(self, error: BaseException | None = None) -> None:
        """End the run before its last samples, with a record that says why.

        Does nothing if it has ended, or in a process that was forked from that of the run.

        Parameters
        ----------
        error
            The exception that ended it, if there was one.
        """
        if self._ended is not None or os.getpid() != self._pid:
            return
        with contextlib.suppress(Exception):  # the losses may be what cannot be read
            if self._pending:
                self._end_chunk(self._last)
        if self._ended is not None:  # the last chunk had diverged
            return
        if error is not None:
            with contextlib.suppress(OSError):
                traceback.print_exception(error, file=self._log)
        self._close(*self._why(error))

    @property
    def _behind(self) -> int:
        """The number of steps before the present chunk."""
        return self.steps_done - len(self._pending)

    def _next_end(self) -> int:
        """Return the step at which the next chunk ends; the present one if there is none."""
        later = [step for step in self._spec.evaluation_steps if step > self.steps_done]
        return min(self.steps_done + self._spec.chunk_steps, *later[:1] or [self.steps])

    def _check_step(self, losses: dict[str, Any]) -> None:
        if self._ended is not None:
            raise UsageError(f"The run {self.run_id} has ended ({self._ended}).")
        if self.done:
            raise UsageError(
                f"The budget of {many(self.steps, 'step')} is used up: end the loop when .done is "
                "true, or with the last of .batches()."
            )
        if self.due and self.steps_done:
            raise UsageError(
                f"The samples of step {self.steps_done} are missing: call .samples(...) after "
                "each .step(...); it does nothing unless they are due."
            )
        if not losses:
            raise UsageError(
                "step() got no loss; give it the losses by name, such as step(generator=..., "
                "discriminator=...)."
            )
        if losses.keys() == self._keys:
            return
        if self._names:
            raise UsageError(
                f"step() got the losses {listed(list(losses))}, and {listed(self._names)} at the "
                "step before; give it the same at every step."
            )
        known = [name for name in LOSSES if name in losses]
        names = (*known, *(name for name in losses if name not in LOSSES))
        if problem := losses_problem(names):
            raise UsageError(f"step(): {problem}.")
        for name in names:
            scalar(name, losses[name])  # else a mistake would show at the end of the chunk
        self._names, self._keys, self._open = names, frozenset(names), True
        self._losses = np.full((self.steps, len(names)), np.nan, dtype=np.float32)

    def _end_chunk(self, ended: float | None) -> None:
        """Read the losses of the chunk, which waits for the device, and note its time."""
        pending, first = self._pending, self._behind
        table = np.array(
            [
                [scalar(name, value) for name, value in zip(self._names, row, strict=True)]
                for row in pending
            ],
            dtype=np.float32,
        )
        seconds = (ended or time.perf_counter()) - self._began
        self._pending = []
        self._losses[first : first + len(table)] = table
        if self._spec.losses != self._names:  # now they are known
            self._spec = self._spec.model_copy(update={"losses": self._names})
            self._spec.write(self._folder.spec)
            self._write_plan()
        write_chunk(
            self._events,
            table,
            self._names,
            first_step=first,
            seconds=seconds,
            warmup=first == self._first_step,
        )
        self._chunk_end = self._next_end()
        self._open = not (self.done or self.due)
        now = time.perf_counter()
        if self.due or ended is not None or now - self._written > _LOSSES_EVERY_S:
            self._write_losses()
            self._written = now
        found = first_not_finite(table, self._names)
        if found is not None:
            row, what = found
            self._diverge(f"{what} not finite at step {first + row + 1}")
        self._began = time.perf_counter()

    def _write_losses(self) -> None:
        with saving(self._folder.losses):
            write_array(self._folder.losses, self._losses)

    def _write_plan(self) -> None:
        """Write the plan of this one run, by which `status` and the report know it."""
        plan = Plan(command=self._command, created_at=timestamp(), runs=(self._spec,))
        write_plan(self._results, plan)

    def _diverge(self, reason: str) -> NoReturn:
        self._write_losses()
        self._close("diverged", reason)
        raise Diverged(f"{reason}; the run {self.run_id} has ended")

    def _why(self, error: BaseException | None) -> tuple[Status, str]:
        """Return the status and the reason of a run that ended too early."""
        if isinstance(error, KeyboardInterrupt):
            return "killed", "interrupted by SIGINT"
        if error is None or isinstance(error, SystemExit):
            missing = ", and its last samples are missing" if self.done else ""
            done = f"step {self.steps_done:,} of {self.steps:,}"
            return "error", f"the script ended after {done} without an exception{missing}"
        if is_full_for(self._folder.path, error):
            return "killed", DISK_FULL
        reason = failure_reason(error, self._spec.implementation)
        return ("oom" if failure_kind(error) == "oom" else "error"), reason

    def _close(self, status: Status, reason: str | None) -> None:
        """End the journal, write the record, score a run that is ok, and say how it ended."""
        self._ended, self._open = status, False
        self._alive.close()
        end = {"step": self.steps_done, "peak_rss_mb": peak_rss_mb()}
        with self.held:
            with contextlib.suppress(OSError):  # of a full disk
                if status == "ok":
                    self._events.write("done", weights_sha256=None, **end)
                else:
                    self._events.write("failed", kind=status, reason=reason, **end)
            children_s = _children_s() - self._children_before
            self._watch.stop(max(0.0, children_s), measure=status == "ok")
            around = self._watch.provenance(self._folder, self._command)
            outcome = Outcome(status=status, reason=reason, cpu_s=time.process_time())
            record = make_record(self._folder, self._spec, outcome, around)
            record.write(self._folder.record)
            problem = None
            if status == "ok":
                problem = score_missing(
                    *(self._folder, self._spec, self._scoring), keep_samples=self._keep_samples
                )
        result = [f"{status} after step {self.steps_done:,} of {self.steps:,}", str(reason)]
        if status == "ok":
            result = ["ok", f"not scored ({problem})" if problem else self._final_fid()]
            result += [f"{figure(record.images_per_s)} images/s"] if record.images_per_s else []
        name = f"{self._spec.implementation.name} seed {self._spec.seed}"
        report = f"gan-bench report{_option(self._results_as_given)}"
        self._say(f"{name}: {', '.join(result)}. `{report}` shows it, as {self.run_id}.")

    def _final_fid(self) -> str:
        features = self._scoring.features[0]
        scores = scores_with(self._folder, self._spec, features, self._scoring)
        rows = scores.rows if scores else {}
        row = rows.get((self.steps, fid_name(features.name)))
        return f"FID {figure(row.value)} ({features.name})" if row else "scored"


def _option(results: Path) -> str:
    """Return the option that names a results folder to commands."""
    return f" --results {shlex.quote(str(results))}" if results != DEFAULT_RESULTS else ""


def _children_s() -> float:
    """Return the processor time of all children, such as those of a data loader."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = ended.ru_utime + ended.ru_stime
    with contextlib.suppress(psutil.Error, OSError):
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error, OSError):
                total += sum(child.cpu_times()[:4])
    return total
