"""The child process that trains one run; the owner of the clock.

``python -P -m gan_bench.worker RUN_DIR`` reads ``spec.json`` there, continues from the last
checkpoint if there is one, and tells what happens in ``events.jsonl``.
"""

import contextlib
import faulthandler
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType

import numpy as np
from numpy.typing import NDArray

from gan_bench import data
from gan_bench.arrays import write_array, write_images
from gan_bench.checkpoints import last_checkpoint, put_aside, write_checkpoint
from gan_bench.contract import LOSS_COLUMNS, check_samples, loss_table, weights_sha256
from gan_bench.data.batches import batches
from gan_bench.data.latents import evaluation_latents, training_latents
from gan_bench.errors import GanBenchError
from gan_bench.events import EventWriter
from gan_bench.failure import Diverged, failure_kind, failure_reason
from gan_bench.folders import RunFolder
from gan_bench.loading import load_trainer
from gan_bench.parent import end_with_parent
from gan_bench.recipe import Recipe
from gan_bench.spec import RunSpec
from gan_bench.trainer import Trainer
from gan_bench.vitals import heartbeat, peak_rss_mb

CHECKPOINT_EVERY_S = 60.0
STOPPED_EXIT_CODE = 75
"""The worker ended because it was asked to, after a checkpoint (EX_TEMPFAIL)."""


class Stopped(Exception):
    """SIGTERM came; raised after the checkpoint."""


class Worker:
    """Trains one run from its last checkpoint to its end."""

    def __init__(self, folder: RunFolder, events: EventWriter) -> None:
        self.folder = folder
        self.events = events
        self.spec = RunSpec.model_validate_json(folder.spec.read_bytes())
        self.step = 0
        self.stop = False
        self.losses = np.full((self.spec.steps, len(LOSS_COLUMNS)), np.nan, dtype=np.float32)
        self._last_checkpoint = time.monotonic()
        self._diverged = False

    def run(self) -> None:
        """Do the whole run; see the module."""
        self.setup()
        self.snapshot_if_due()
        while self.step < self.spec.steps:
            self.chunk()
            self.snapshot_if_due()
            self.checkpoint_if_due()
        self.events.write(
            "done",
            step=self.step,
            peak_rss_mb=peak_rss_mb(),
            weights_sha256=weights_sha256(self.trainer.weights()),
        )

    def setup(self) -> None:
        """Import the trainer, load the data, build, and restore the last checkpoint."""
        started = time.perf_counter()
        trainer_class = load_trainer(self.spec.implementation)
        imported = time.perf_counter()
        dataset = data.load(self.spec.dataset)
        if dataset.sha256 != self.spec.data_sha256:
            raise GanBenchError(
                f"the data set {self.spec.dataset_label} has changed since the run was planned "
                f"(sha256 {dataset.sha256[:12]}, planned {self.spec.data_sha256[:12]})"
            )
        loaded = time.perf_counter()
        recipe_class: type[Recipe] = trainer_class.recipe_class  # type: ignore[attr-defined]
        self.recipe = recipe_class.model_validate(self.spec.recipe_values)
        train = dataset.training(self.spec.train_splits)
        self.images = train.images
        self.trainer: Trainer = trainer_class(
            self.recipe,
            train.images,
            train.labels,
            # The environment shows the process one GPU only.
            device="cpu" if self.spec.device == "cpu" else "cuda:0",
            planned_steps=self.spec.steps,
            seed=self.spec.seed,
        )
        initial = self.recipe.initial_weights(self.spec.seed)
        if initial is not None:
            self.trainer.set_weights(initial)
        self._restore()
        self.first_step = self.step
        self.events.write(
            "ready",
            step=self.step,
            import_s=imported - started,
            data_s=loaded - imported,
            setup_s=time.perf_counter() - loaded,
            paired=initial is not None,
        )

    def _restore(self) -> None:
        """Continue from the last checkpoint, if there is one and its losses are there too."""
        found = last_checkpoint(self.folder.checkpoints)
        if found is None or not self.folder.losses.exists():
            return
        step, path = found
        try:
            self.trainer.load(path)
            self.losses[:step] = np.load(self.folder.losses, allow_pickle=False)[:step]
        except Exception as error:
            put_aside(self.folder.checkpoints)
            raise GanBenchError(
                f"the checkpoint of step {step} cannot be restored ({type(error).__name__}: "
                f"{error}); it was put aside, and --retry starts over"
            ) from error
        self.step = step
        broken = ~np.isfinite(self.losses[:step, :2]).all(axis=1)
        if broken.any():
            self._diverged = True
            self._tell_of_divergence(int(np.argmax(broken)) + 1)

    def chunk(self) -> None:
        """Train one chunk and time it; the draws and all bookkeeping stay outside the clock."""
        steps = min(self.spec.chunk_steps, self.spec.steps - self.step)
        rows = batches(
            seed=self.spec.seed,
            first_step=self.step,
            steps=steps,
            real_batches_per_step=self.recipe.real_batches_per_step,
            batch_size=self.recipe.batch_size,
            images=len(self.images),
        )
        latents = training_latents(
            seed=self.spec.seed,
            first_step=self.step,
            steps=steps,
            draws=self.recipe.draws_per_step,
            batch_size=self.recipe.batch_size,
            latent_size=self.recipe.latent_size,
            distribution=self.recipe.latent_distribution,
        )
        started = time.perf_counter()
        losses = self.trainer.train(rows, latents)
        seconds = time.perf_counter() - started
        table = loss_table(losses, steps, self.recipe.dtype)
        self.losses[self.step : self.step + steps] = table
        with np.errstate(invalid="ignore"):
            means = table.mean(axis=0, dtype=np.float64)
        self.events.write(
            "chunk",
            first_step=self.step,
            step=self.step + steps,
            seconds=seconds,
            warmup=self.step == self.first_step,
            means={
                name: float(mean) if np.isfinite(mean) else None
                for name, mean in zip(LOSS_COLUMNS, means, strict=True)
            },
        )
        self._check_finite(table)
        self.step += steps

    def _check_finite(self, table: NDArray[np.float32]) -> None:
        broken = ~np.isfinite(table[:, :2]).all(axis=1)
        if not broken.any() or self._diverged:
            return
        step = self.step + int(np.argmax(broken)) + 1
        self._diverged = True
        if self.spec.on_divergence == "stop":
            self._write_losses()
            raise Diverged(f"a loss was not finite at step {step}")
        self._tell_of_divergence(step)

    def _tell_of_divergence(self, step: int) -> None:
        reason = f"a loss was not finite at step {step}; training went on as asked"
        self.events.write("diverged", step=step, reason=reason)

    def snapshot_if_due(self) -> None:
        """Save the samples of an evaluation point, from the run's own fixed latents."""
        path = self.folder.snapshot(self.step)
        if self.step not in self.spec.evaluation_steps or path.exists():
            return
        latents = evaluation_latents(
            seed=self.spec.seed,
            count=self.spec.samples,
            latent_size=self.recipe.latent_size,
            distribution=self.recipe.latent_distribution,
        )
        started = time.perf_counter()
        images = self.trainer.sample(latents)
        seconds = time.perf_counter() - started
        check_samples(images, (self.spec.samples, *self.images.shape[1:]))
        self.folder.snapshots.mkdir(exist_ok=True)
        write_images(path, images)
        self.events.write("snapshot", step=self.step, seconds=seconds)

    def checkpoint_if_due(self) -> None:
        """Write a checkpoint at evaluation points, once a minute, and when asked to stop."""
        late = time.monotonic() - self._last_checkpoint > CHECKPOINT_EVERY_S
        if not (self.stop or late or self.step in self.spec.evaluation_steps):
            return
        started = time.perf_counter()
        self._write_losses()
        write_checkpoint(self.folder.checkpoints, self.step, self.trainer.save)
        self._last_checkpoint = time.monotonic()
        self.events.write("checkpoint", step=self.step, seconds=time.perf_counter() - started)
        if self.stop and self.step < self.spec.steps:
            raise Stopped

    def _write_losses(self) -> None:
        write_array(self.folder.losses, self.losses)


def main(run_dir: Path) -> int:
    """Train the run of a folder; return the process's exit code."""
    faulthandler.enable()
    end_with_parent()
    # A trainer may change the working directory.
    folder = RunFolder(run_dir.resolve())
    events = EventWriter(folder.events)
    events.write("start", pid=os.getpid())
    worker: Worker | None = None
    asked_to_stop = False

    def ask_to_stop(signum: int, frame: FrameType | None) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True
        if worker is not None:
            worker.stop = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        worker = running = Worker(folder, events)
        worker.stop = asked_to_stop
        with heartbeat(events, lambda: running.step):
            worker.run()
    except Stopped:
        assert worker is not None
        events.write("stopped", step=worker.step, peak_rss_mb=peak_rss_mb())
        return STOPPED_EXIT_CODE
    except BaseException as error:  # noqa: BLE001 - whatever a plugin raises becomes a status
        traceback.print_exc()
        with contextlib.suppress(OSError):
            events.write(
                "failed",
                kind=failure_kind(error),
                reason=failure_reason(error),
                step=worker.step if worker else 0,
                peak_rss_mb=peak_rss_mb(),
            )
        return 1
    return 0


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    # Without running a framework's or plugin's exit handlers, which may hang or crash.
    os._exit(code)
