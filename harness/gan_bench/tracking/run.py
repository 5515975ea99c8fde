"""One run that a script of the user's own trains: its clock, losses, samples and end."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from gan_bench import data
from gan_bench.data import Dataset
from gan_bench.errors import UsageError
from gan_bench.plan import LONGEST_CHUNK_STEPS
from gan_bench.recipe import Distribution
from gan_bench.results.losses import read_losses
from gan_bench.results.status import Status
from gan_bench.system.files import is_full_for
from gan_bench.system.processes import DISK_FULL
from gan_bench.text import many
from gan_bench.tracking.arrays import NotFinite, samples_of
from gan_bench.tracking.losses import Losses, check_device
from gan_bench.tracking.recording import Recording
from gan_bench.worker.failure import Diverged, failure_kind, failure_reason
from gan_bench.worker.progress import divergence

_MIDDLE, _BRIGHT = 127, 160
"""Grey levels: outputs from 0 to 1 would have none below the first, and some above the second, as
those of an untrained generator, which are near the first, have not."""
_LOSSES_EVERY_S = 2.0
"""Least time between two writes of the losses, beside those at evaluation points."""
_SHARE = 0.002
"""They take no more than this share of the time: those of a million steps have some megabytes."""


class TrackedAnew(KeyboardInterrupt):
    """The process tracks the run anew, which ends it."""


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
        recording: Callable[[Callable[[], int]], Recording],
        dataset: Dataset,
        *,
        first_step: int,
        say: Callable[[str], None],
        shown_by: str,
    ) -> None:
        """Begin; ``recording`` is given a function that returns the number of steps done.

        ``shown_by`` is a sentence on what shows the run when it has ended.
        """
        self.steps_done = self._first_step = first_step
        self._files = recording(lambda: self.steps_done)
        spec = self._files.spec
        self.run_id, self.steps = spec.run_id, spec.steps
        self._spec, self._train, self._say = spec, dataset.train, say
        self._pid, self._shown_by = os.getpid(), shown_by
        self._losses = Losses(spec.steps, spec.losses if first_step else ())
        if first_step:
            known = read_losses(self._files.folder.losses, spec.losses)
            self._losses.table[:first_step] = known[:first_step]
        self._sampled = self._files.folder.snapshot(first_step).exists()
        self._ended: str | None = None
        self._said_bright = False
        self._open = not self.due
        """Whether another step may end without a further look."""
        self._chunk_end = self._next_end()
        self._timed = True
        """False from the moment when a chunk is to end until it has, so that an end that is tried
        again counts no time in which the loop stood still."""
        self._write_after = self._last = self._began = time.perf_counter()

    def hold(self, held: contextlib.ExitStack) -> None:
        """Take what is to be released when the run ends, such as its lock."""
        self._files.held = held

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
        if self.steps_done == self._first_step and not self._losses.waiting:
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
            A loss of the chunk is not finite, or too large for float32; the run has ended.
        """
        if not self._open:
            self._check_open()
        if not self._losses.have(losses):
            self._losses.name(losses)
            self._files.name_losses(self._losses.names)
        if self.steps_done == self._first_step and self._spec.device == "cpu":
            check_device(losses)
        self._losses.add(losses)
        self.steps_done += 1
        self._sampled = False
        self._last = time.perf_counter()
        if self.steps_done >= self._chunk_end:
            self._open = False
            self._end_chunk()

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
        if self._losses.waiting:  # the chunk's losses could not be read, or that was interrupted
            self._end_chunk()
        started = time.perf_counter()
        if callable(images):
            images = images(self._spec.samples)
        try:
            assert self._spec.image_shape is not None
            array = samples_of(images, self._spec.samples, self._spec.image_shape)
        except NotFinite:
            self._diverge(f"the samples were not finite at step {self.steps_done}")
        seconds = time.perf_counter() - started
        if (
            not self._said_bright
            and self.steps_done
            and array.min() >= _MIDDLE
            and array.max() >= _BRIGHT
        ):
            self._said_bright = True
            self._say(
                f"no sample of step {self.steps_done:,} has a pixel below the middle grey: floats "
                "count from -1 to 1, so scale those from 0 to 1."
            )
        self._files.snapshot(self.steps_done, array, seconds)
        self._sampled = self._open = True
        if self.done:
            self._close("ok", None)
        self._began = time.perf_counter()

    def finish(self) -> None:
        """End the run if it has all steps and samples, as an earlier attempt may have left it."""
        if self.done and not self.due and self._ended is None:
            self._close("ok", None)

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
            if self._losses.waiting:
                # A step on a GPU ends after its call, nobody knows when: the script may have done
                # other things since.
                self._end_chunk(self._last, known=self._spec.device == "cpu")
        if self._ended is not None:  # the last chunk had diverged
            return
        if error is not None:
            self._files.trace(error)
        self._close(*self._why(error))

    @property
    def _behind(self) -> int:
        """The number of steps before the present chunk."""
        return self.steps_done - self._losses.waiting

    def _next_end(self) -> int:
        """Return the step at which the next chunk ends; the present one if there is none."""
        later = [step for step in self._spec.evaluation_steps if step > self.steps_done]
        return min(self.steps_done + self._spec.chunk_steps, *later[:1] or [self.steps])

    def _check_open(self) -> None:
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

    def _end_chunk(self, ended: float | None = None, *, known: bool | None = None) -> None:
        """Read the losses of the chunk, which waits for the device, and note its time.

        ``ended`` is when its last step did (None: when the losses have been read), and ``known``
        whether that is so (None: unless the loop may have stood still).
        """
        timed, self._timed = self._timed if known is None else known, False
        first = self._behind
        exact = self._losses.read(first)
        seconds = (ended or time.perf_counter()) - self._began
        self._files.chunk(
            *(self._losses.table[first : self.steps_done], self._losses.names),
            first_step=first,
            seconds=seconds,
            warmup=first == self._first_step or not timed,
        )
        self._losses.end_chunk()
        self._timed = True
        self._chunk_end = self._next_end()
        self._open = not (self.done or self.due)
        began = time.perf_counter()
        if self.due or began > self._write_after:
            self._files.losses(self._losses.table)
            now = time.perf_counter()
            self._write_after = now + max(_LOSSES_EVERY_S, (now - began) / _SHARE)
        if found := divergence(exact, self._losses.names, first):
            self._diverge(found.reason)
        self._began = time.perf_counter()

    def _diverge(self, reason: str) -> NoReturn:
        self._close("diverged", reason)
        raise Diverged(f"{reason}; the run {self.run_id} has ended")

    def _why(self, error: BaseException | None) -> tuple[Status, str]:
        """Return the status and the reason of a run that ended too early."""
        if isinstance(error, TrackedAnew):
            return "killed", "tracked anew in the same process"
        if isinstance(error, KeyboardInterrupt):
            return "killed", "interrupted by SIGINT"
        if error is None or isinstance(error, SystemExit):
            what = "the samples of its last step" if self.done else "using up its budget"
            return "error", f"the script ended without {what}"
        if is_full_for(self._files.folder.path, error):
            return "killed", DISK_FULL
        reason = failure_reason(error, self._spec.implementation)
        return ("oom" if failure_kind(error) == "oom" else "error"), reason

    def _close(self, status: Status, reason: str | None) -> None:
        with contextlib.suppress(OSError):  # of a full disk, which ends the run
            self._files.losses(self._losses.table)
        self._ended, self._open = status, False
        self._say(f"{self._files.close(status, reason, self.steps_done)}. {self._shown_by}")
