"""Trains one run in chunks; writes its losses, snapshots and checkpoints."""

import contextlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic, perf_counter  # by name: a plugin may replace those of the module
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from gan_bench import data
from gan_bench.contract import check_samples, check_weights, loss_table, weights_sha256
from gan_bench.data import Dataset
from gan_bench.data.draws import Inputs
from gan_bench.errors import GanBenchError
from gan_bench.plan import LONGEST_CHUNK_STEPS, RunSpec, device_kind
from gan_bench.plugins.frameworks import GlobalState, frameworks, seeded
from gan_bench.plugins.loader import load_seeded, source_sha256
from gan_bench.results.events import Event, EventWriter, read_events
from gan_bench.results.layout import RunFolder
from gan_bench.results.losses import read_losses
from gan_bench.results.training_files import (
    CHECKPOINT_EVERY_S,
    checkpoint_random,
    last_checkpoint,
    put_aside,
    write_array,
    write_checkpoint,
    write_images,
)
from gan_bench.system.calibration import GPU_SIZE, gpu_rates
from gan_bench.system.devices import device_in_child
from gan_bench.system.files import is_full, saving
from gan_bench.system.processes import CARD_VARIABLE, peak_rss_mb
from gan_bench.text import listed, many
from gan_bench.trainer import Trainer, check_precision, recipe_of
from gan_bench.worker.failure import Absent, Diverged, failure_reason, is_out_of_memory
from gan_bench.worker.progress import Divergence, divergence, in_float32, write_chunk

_CHUNK_S = 2.0
"""A chunk on a GPU is meant to take no longer: a run stops, and tells its progress, between two."""
T = TypeVar("T")


class Stopped(Exception):
    """Training ended early, after a checkpoint, because a signal asked for it."""


def divergence_by(step: int, events: Sequence[Event]) -> Event | None:
    """Return the first divergence of what led to a step; resumed attempts repeat some steps."""
    found: list[Event] = []
    for event in events:
        if event["event"] == "ready":
            found = [earlier for earlier in found if earlier["step"] <= event["step"]]
        elif event["event"] == "diverged":
            found.append(event)
    return next((event for event in found if event["step"] <= step), None)


def build(
    trainer_class: type, spec: RunSpec, dataset: Dataset, device: str
) -> tuple[Trainer, Inputs, bool]:
    """Return a run's new trainer, its inputs, and whether the recipe gives all initial weights."""
    train = dataset.training(spec.train_splits)
    recipe = recipe_of(trainer_class).model_validate(spec.recipe_values)
    recipe = recipe.for_images(train.image_shape)
    steps, seed = spec.steps, spec.seed
    check_precision(trainer_class)
    with seeded(seed):
        trainer: Trainer = trainer_class(
            recipe, train.images, train.labels, device=device, planned_steps=steps, seed=seed
        )
    initial = recipe.initial_weights(seed)
    if initial is not None:
        trainer.set_weights(initial)
    given = {name.partition(".")[0] for name in initial or ()}
    paired = given >= set(recipe.networks)
    return trainer, Inputs(recipe, seed, train.images, train.labels), paired


def check_source(spec: RunSpec) -> None:
    """Refuse code that is not the planned one: the run's id names the planned source."""
    implementation = spec.implementation
    # Another environment may have other packages that are not identified by a version.
    if spec.python is None and source_sha256(implementation) != spec.source_sha256:
        raise GanBenchError(
            f"the source of {implementation.name} has changed since the run was planned; the "
            "same command plans a new run of it"
        )


def rates_of_gpu(spec: RunSpec) -> tuple[float, float] | None:
    """Return the GFLOP/s of products and the GB/s of copies on a run's GPU; None on a CPU.

    They are measured with the run's framework, and None if it does not say how.
    """
    framework = frameworks().get(spec.implementation.framework)
    if spec.device == "cpu" or framework is None or framework.gpu_work is None:
        return None
    with contextlib.suppress(Exception):  # the run counts without them
        work = framework.gpu_work(size=GPU_SIZE, device=device_in_child(spec.device))
        return gpu_rates(work.multiply, work.copy, GPU_SIZE)
    return None


class Training:
    """One run in progress.

    Attributes
    ----------
    step
        Number of finished steps.
    stop
        Set to True to stop with a checkpoint after the current chunk.
    """

    def __init__(
        self,
        folder: RunFolder,
        events: EventWriter,
        *,
        before_chunk: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder
        self.events = events
        self.spec = RunSpec.read(folder.spec)
        self.step = 0
        self.stop = False
        self.losses = np.full((self.spec.steps, len(self.spec.losses)), np.nan, dtype=np.float32)
        self._last_checkpoint = monotonic()
        self._diverged = False
        self._pid = os.getpid()
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._before_chunk = before_chunk
        # While a GPU works, a processor draws for the next chunk. On a CPU it would slow training.
        self._steps_per_s = 0.0
        on_gpu = device_kind(self.spec.device) == "cuda"
        self._drawer = ThreadPoolExecutor(1) if on_gpu else None
        self._drawn: Future[tuple[NDArray[np.int64], dict[str, NDArray[Any]]]] | None = None

    def run(self) -> None:
        """Train the remaining steps."""
        self.setup()
        self.snapshot_if_due()
        while self.step < self.spec.steps:
            self._before_chunk()
            self.chunk()
            self.snapshot_if_due()
            self.checkpoint_if_due()
        done = {
            "step": self.step,
            "peak_rss_mb": peak_rss_mb(),
            "weights_sha256": weights_sha256(self._weights()),
            **self._gpu_memory(),
        }
        self._measure_gpu()
        self.events.write("done", **done)

    def setup(self) -> None:
        """Import the trainer, load the data, build, and restore the last checkpoint."""
        started = perf_counter()
        trainer_class = load_seeded(self.spec.implementation, self.spec.seed)
        check_source(self.spec)
        imported = perf_counter()
        dataset = self._dataset()
        loaded = perf_counter()
        self.trainer, self.inputs, paired = self._call(
            lambda: build(trainer_class, self.spec, dataset, device_in_child(self.spec.device))
        )
        if self.inputs.recipe.losses != self.spec.losses:  # of another environment's source
            raise GanBenchError(
                f"the recipe declares the losses {listed(self.inputs.recipe.losses)}, and the run "
                f"was planned with {listed(self.spec.losses)}; plan it again"
            )
        self._restore()
        self.first_step = self.step
        self.events.write(
            "ready",
            step=self.step,
            import_s=imported - started,
            data_s=loaded - imported,
            setup_s=perf_counter() - loaded,
            paired=paired,
            **self._gpu_libraries(),
        )

    def _gpu_libraries(self) -> dict[str, Any]:
        """Return the card, and the versions of CUDA and cuDNN that the framework uses."""
        if self.spec.device == "cpu":
            return {}
        framework = frameworks().get(self.spec.implementation.framework)
        libraries: dict[str, str] = {}
        if framework is not None:
            with contextlib.suppress(Exception):  # the run counts without them
                libraries = {str(k): str(v) for k, v in framework.cuda().items() if v is not None}
        return {"card": os.environ.get(CARD_VARIABLE), "libraries": libraries}

    def _gpu_memory(self) -> dict[str, Any]:
        """Return the most memory that the framework's allocator used and held on the GPU."""
        memory: dict[str, int] = {}
        if self.spec.device != "cpu" and hasattr(self.trainer, "device_memory"):
            with contextlib.suppress(Exception):  # the run counts without them
                memory = {str(k): int(v) for k, v in self.trainer.device_memory().items()}
        return {"device_memory": memory} if memory else {}

    def _measure_gpu(self) -> None:
        """Time products and copies on the GPU, for the share of its rate that the run reached."""
        started = perf_counter()
        if (rates := rates_of_gpu(self.spec)) is not None:
            seconds = perf_counter() - started
            self.events.write("rates", gflops=rates[0], gb_per_s=rates[1], seconds=seconds)

    def _dataset(self) -> data.Dataset:
        try:
            return self.spec.load_dataset()
        except GanBenchError as error:
            if data.describe(self.spec.dataset).available:
                raise
            raise Absent(str(error)) from error

    def _restore(self) -> None:
        """Continue from the last checkpoint if it and its losses exist."""
        try:
            checkpoint = last_checkpoint(self.folder.checkpoints)
        except GanBenchError as error:
            self._refuse_checkpoint(str(error).rstrip("."), None)
        if checkpoint is None:
            return
        step, path = checkpoint
        try:
            losses = read_losses(self.folder.losses, self.spec.losses)
        except FileNotFoundError:
            put_aside(self.folder.checkpoints)  # useless without the losses up to it
            return
        except GanBenchError as error:
            self._refuse_checkpoint("the losses up to the last checkpoint are damaged", error)
        if step > (steps := min(self.spec.steps, len(losses))):
            has = many(steps, "step")
            why = f"the last checkpoint is of step {step}, but the run has only {has}"
            self._refuse_checkpoint(why, None)
        try:
            self._call(lambda: self.trainer.load(path))
            random = checkpoint_random(path)
            if random is not None:
                GlobalState(random).restore()
        except Exception as error:
            if is_full(error) or is_out_of_memory(error):
                raise  # the checkpoint is intact and can be read later
            self._refuse_checkpoint(f"the checkpoint of step {step} cannot be restored", error)
        self.losses[:step] = losses[:step]
        self.step = step
        if earlier := divergence_by(step, read_events(self.folder.events)):
            self._diverged = True  # this attempt's journal tells it, too
            self.events.write("diverged", step=earlier["step"], reason=earlier["reason"])

    def _refuse_checkpoint(self, why: str, error: Exception | None) -> NoReturn:
        """Move the checkpoints aside, so that the next attempt starts from step 0, and fail."""
        put_aside(self.folder.checkpoints)
        details = (
            f" ({failure_reason(error, self.spec.implementation)})" if error is not None else ""
        )
        raise GanBenchError(
            f"{why}{details}; the checkpoints were moved aside, and --retry starts over"
        ) from error

    def chunk(self) -> None:
        """Train one chunk; measure its time, without making batches and draws or bookkeeping."""
        rows, draws = self._drawn.result() if self._drawn else self._draw(self.step)
        steps = len(rows)
        if self._drawer is not None and self.step + steps < self.spec.steps:
            self._drawn = self._drawer.submit(self._draw, self.step + steps)
        started = perf_counter()
        losses = self._call(lambda: self.trainer.train(rows, draws))
        seconds = perf_counter() - started
        self._steps_per_s = steps / seconds
        exact = loss_table(losses, steps, self.inputs.recipe)
        table = in_float32(exact)
        self.losses[self.step : self.step + steps] = table
        write_chunk(
            self.events,
            table,
            self.spec.losses,
            first_step=self.step,
            seconds=seconds,
            warmup=self.step == self.first_step,
        )
        if found := divergence(exact, self.spec.losses, self.step):
            self._diverge(found)
        self.step += steps

    def _draw(self, step: int) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        """Return the batches and draws of the chunk that starts at a step."""
        stop = min(due for due in self.spec.evaluation_steps if due > step)
        timely = max(LONGEST_CHUNK_STEPS["cpu"], round(_CHUNK_S * self._steps_per_s))
        steps = min(self.spec.chunk_steps, timely, stop - step)
        return self.inputs.batches(step, steps), self.inputs.draws(step, steps)

    def _call(self, call: Callable[[], T]) -> T:
        """Call the trainer, then restore the umask; exit if this is a fork made by the trainer."""
        result = call()
        if os.getpid() != self._pid:
            os._exit(0)
        os.umask(self._umask)
        return result

    def _aside(self, call: Callable[[], T]) -> T:
        """Call the trainer without a trace in the global generators, from which it may train."""
        kept = GlobalState.now()
        result = self._call(call)
        kept.restore()
        return result

    def _weights(self) -> dict[str, NDArray[Any]]:
        return check_weights(self._aside(self.trainer.weights))

    def _check_weights(self) -> None:
        """Check the weights before a snapshot: finite losses do not imply finite weights."""
        weights = self._weights()
        not_finite = [
            name
            for name, tensor in sorted(weights.items())
            if tensor.dtype.kind == "f" and not np.isfinite(tensor).all()
        ]
        if not_finite:
            reason = f"the weights {not_finite[0]} were not finite at step {self.step}"
            self._diverge(Divergence(self.step, reason))

    def _diverge(self, found: Divergence) -> None:
        if self._diverged:
            return
        self._diverged = True
        if self.spec.on_divergence == "stop":
            self._write_losses()
            raise Diverged(found.reason)
        reason = f"{found.reason}; training continued, as requested"
        self.events.write("diverged", step=found.step, reason=reason)

    def snapshot_if_due(self) -> None:
        """Save the samples of an evaluation point, from the run's own fixed latents."""
        path = self.folder.snapshot(self.step)
        if self.step not in self.spec.evaluation_steps:
            return
        self._check_weights()
        if path.exists():
            return
        latents = self.inputs.evaluation_latents(self.spec.samples)
        labels = self.inputs.evaluation_labels(self.spec.samples)
        started = perf_counter()
        images = self._aside(lambda: self.trainer.sample(latents, *labels))
        seconds = perf_counter() - started
        check_samples(images, (self.spec.samples, *self.inputs.images.shape[1:]))
        self.folder.snapshots.mkdir(exist_ok=True)
        with saving(path):
            write_images(path, images)
        self.events.write("snapshot", step=self.step, seconds=seconds)

    def checkpoint_if_due(self) -> None:
        """Write a checkpoint at evaluation points, once a minute, and before stopping."""
        late = monotonic() - self._last_checkpoint > CHECKPOINT_EVERY_S
        if not (self.stop or late or self.step in self.spec.evaluation_steps):
            return
        started = perf_counter()
        self._write_losses()
        write_checkpoint(
            self.folder.checkpoints,
            self.step,
            lambda path: self._aside(lambda: self.trainer.save(path)),
            random=GlobalState.now().values,
        )
        self._last_checkpoint = monotonic()
        self.events.write("checkpoint", step=self.step, seconds=perf_counter() - started)
        if self.stop and self.step < self.spec.steps:
            raise Stopped

    def _write_losses(self) -> None:
        with saving(self.folder.losses):
            write_array(self.folder.losses, self.losses)
