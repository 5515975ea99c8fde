"""Tracked loops: a training script of the user's own becomes a run of a results folder."""

import atexit
import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from gan_bench.errors import UsageError
from gan_bench.launch.score import check_counts, check_features
from gan_bench.metrics import DEFAULT
from gan_bench.plan import Budget
from gan_bench.plugins.mistakes import trains_itself
from gan_bench.results.layout import ResultsFolder, RunFolder, open_results
from gan_bench.scoring.features import scoring_of
from gan_bench.system.locks import run_lock
from gan_bench.system.processes import in_notebook
from gan_bench.text import listed, many
from gan_bench.tracking.journal import begin, check
from gan_bench.tracking.planning import planned, source_of, whole
from gan_bench.tracking.recording import Recording
from gan_bench.tracking.run import TrackedAnew, TrackedRun
from gan_bench.trainer import Precision

__all__ = ["TrackedRun", "track"]
DEFAULT_RESULTS = Path("results/local")


def track(
    name: str,
    *,
    dataset: str,
    seed: int,
    budget: str | int | Budget,
    batch_size: int,
    batches_per_step: int = 1,
    values: Mapping[str, Any] | None = None,
    results: str | os.PathLike[str] = DEFAULT_RESULTS,
    resume_from: int = 0,
    force: bool = False,
    framework: str | None = None,
    source: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    threads: int | None = None,
    precision: Precision = "ieee",
    evaluations: int | None = None,
    samples: int | None = None,
    features: str | Sequence[str] = "lenet",
    metrics: str | Sequence[str] = DEFAULT,
    weights: str | os.PathLike[str] | None = None,
    cache: bool = True,
    keep_samples: bool = False,
    say: Callable[[str], None] | None = None,
) -> TrackedRun:
    """Make a training loop of your own a run of a results folder.

    The run is ranked beside those that `gan-bench run` trains with the same data set, budget,
    device and number of threads, marked as an own loop: it is paired with no other run, and its
    clock includes its data pipeline. `track` seeds nothing and sets no threads: your script does.

    Parameters
    ----------
    name
        The loop's name in reports: lower-case letters, digits, ``-`` and ``.``.
    dataset
        A data set as in `gan-bench run`, such as ``mnist-5k``. The loop must train on its training
        images, and on no test images.
    seed
        The seed of your script; it also determines `TrackedRun.batches` and `TrackedRun.latents`.
    budget
        The length of training: ``"60k images"``, ``"2 epochs"``, ``"400 steps"``, or a number of
        images.
    batch_size, batches_per_step
        The real images of a batch, and the batches that one `TrackedRun.step` stands for.
    values
        Values of your GAN to record, such as ``{"learning_rate": 2e-4}``. Other values are another
        run, with a row of its own.
    results
        The results folder.
    resume_from
        The step of the checkpoint from which your script goes on: what was recorded up to it is
        kept. 0 starts over.
    force
        Start over even if the run is finished.
    framework
        Such as ``torch``; None: the registered framework that your script imports, or ``own``.
    source
        The Python file that is hashed, with what it imports, so that a changed script is another
        run; None: the script that was started, or in a notebook the cell that calls `track`.
    device, threads, precision
        Where and how your script computes; they are only recorded. ``device`` is ``cpu``, ``cuda``,
        ``cuda:1`` or ``auto``; losses on a GPU are refused if it is ``cpu``. ``threads`` is by
        default OMP_NUM_THREADS, or the number of processors.
    evaluations, samples
        The number of evaluation points, and of samples at each; by default those of `gan-bench run`
        without a preset: 5 and 1,000 on a CPU.
    features, metrics, weights, cache, keep_samples
        As the arguments of `gan_bench.run`.
    say
        Called with a sentence at the start and at the end of the run; None: they go to stderr, or
        to the cell of a notebook.

    Returns
    -------
    The run in progress. Its record is written, and the run scored, when the samples of its last
    step have been given. An exception that ends the script, and a script that ends too early, leave
    a record, too.

    Raises
    ------
    UsageError
        A name is unknown, a value is out of range, the run is finished, another process trains it,
        less than ``resume_from`` steps of it are recorded, or it had diverged by then.

    Examples
    --------
    >>> bench = gan_bench.track("my-gan", dataset="mnist-5k", seed=0, budget="12800 images",
    ...                         batch_size=32, values={"learning_rate": 2e-4})
    >>> bench.samples(generate)                 # of the untrained generator
    >>> for real, labels in bench.batches():    # or a loader of your own
    ...     generator_loss, discriminator_loss = train_step(real)
    ...     bench.step(generator=generator_loss, discriminator=discriminator_loss)
    ...     bench.samples(generate)             # does nothing unless samples are due
    """
    say = _say if say is None else say
    caller = sys._getframe(1)
    file = caller.f_code.co_filename
    _refuse_harness(file)
    spec, data, data_s = planned(
        name,
        origin := source_of(source, file),
        dataset=dataset,
        seed=seed,
        budget=budget,
        batch_size=batch_size,
        batches_per_step=batches_per_step,
        framework=framework,
        names=caller.f_globals,
        evaluations=evaluations,
        samples=samples,
        device=device,
        threads=threads,
        precision=precision,
        values=values,
    )
    scoring = scoring_of(features, metrics, weights, cache)
    check_counts(scoring, (spec,))
    check_features(scoring, spec, say)
    resume_from = whole("resume_from", resume_from, least=0)
    if resume_from > spec.steps:
        raise UsageError(
            f"resume_from is a whole number up to the {many(spec.steps, 'step')} of the budget, "
            f"not {resume_from!r}."
        )
    if not isinstance(results, str | os.PathLike):
        raise UsageError(f"results= takes the path of a folder, not {results!r}.")
    # Messages name the folder as the user did. The script may change the working directory.
    folder = ResultsFolder(open_results(Path(results), create=True).path.absolute())
    path = folder.run(spec.run_id).path
    check(folder, spec, resume_from, force=force)
    _end_earlier(path, resume_from)
    command = shlex.join([Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]])
    with contextlib.ExitStack() as held:
        held.enter_context(run_lock(folder.locks, spec.run_id, command))
        check(folder, spec, resume_from, force=force)  # another process may have finished it
        spec, dropped = begin(folder, spec, resume_from)
        recording = partial(
            Recording,
            *(folder, spec),
            command=command,
            scoring=scoring,
            keep_samples=keep_samples,
            data_s=data_s,
            first_step=resume_from,
            held=held,
        )
        title = f"{name} seed {seed}"
        report = f"`gan-bench report{_option(Path(results))}` shows it, as {spec.run_id}."
        run = TrackedRun(
            lambda steps_done: recording(steps_done=steps_done),
            data,
            first_step=resume_from,
            say=lambda text: say(f"{title}: {text}"),
            shown_by=report,
        )
        held.callback(_runs.pop, path, None)
        run.hold(held.pop_all())
    _runs[path] = run
    points = listed([f"{step:,}" for step in spec.evaluation_steps], 8)
    if dropped:
        again = f"goes on from step {resume_from:,}" if resume_from else "starts over"
        say(f"{title}: it {again}, and drops what an earlier attempt had up to step {dropped:,}.")
    say(
        f"{title}: {many(spec.steps, 'step')} of {many(spec.images_per_step, 'image')}, "
        f"{spec.samples:,} samples at the steps {points}. Its source is {origin.what}."
    )
    run.finish()
    return run


def _say(sentence: str) -> None:
    print(sentence, file=sys.stdout if in_notebook() else sys.stderr, flush=True)


def _option(results: Path) -> str:
    """Return the option that names a results folder to commands."""
    return f" --results {shlex.quote(str(results))}" if results != DEFAULT_RESULTS else ""


def _refuse_harness(file: str) -> None:
    """Refuse a script that a process of gan-bench imports to find a trainer class in it."""
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    if main is not None and main.name.startswith("gan_bench.") and main.name != _THIS:
        raise trains_itself(Path(file))


_THIS = "gan_bench.__main__"
_runs: dict[Path, TrackedRun] = {}
"""The runs of this process that have not ended, by folder."""


def _end_earlier(path: Path, resume_from: int) -> None:
    """End a run of this process that is tracked anew, as in a notebook."""
    if (earlier := _runs.get(path)) is None:
        return
    if resume_from > earlier.steps_done:
        raise UsageError(
            f"resume_from={resume_from}: the run {earlier.run_id} of this process is at step "
            f"{earlier.steps_done:,}; restore an earlier checkpoint."
        )
    earlier.end(TrackedAnew())


def _end_all(error: BaseException | None = None) -> None:
    for path in list(_runs):
        run = _runs[path]
        try:
            run.end(error)
        except Exception as problem:  # noqa: BLE001 - the process ends, and shows the first exception
            if not RunFolder(path).record.is_file():  # else its own message is what failed
                reason = f"{type(problem).__name__}: {problem}"
                with contextlib.suppress(Exception):  # of a stderr that is closed
                    _say(f"gan-bench: the run {run.run_id} has no record ({reason})")


_shown = sys.excepthook


def _record_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Show an exception that ends the process as before, and record it."""
    try:
        _shown(kind, error, trace)
    finally:
        if not hasattr(sys, "ps1") and not sys.flags.interactive:  # at a prompt, nothing ends
            _end_all(error)


sys.excepthook = _record_exception
atexit.register(_end_all)
