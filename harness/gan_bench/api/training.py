"""``gan_bench.run``."""

import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gan_bench.analysis.frames import Results, load_results
from gan_bench.api.shared import command_of, console_for
from gan_bench.errors import UsageError
from gan_bench.metrics import DEFAULT
from gan_bench.plan.request import plain, read_request
from gan_bench.trainer import Precision

if TYPE_CHECKING:
    from rich.console import Console

    from gan_bench.launch.run_one import Options
    from gan_bench.plan import Plan
    from gan_bench.results.layout import ResultsFolder

_OF_A_PLAN = frozenset(
    {
        *("all", "preset", "dataset", "images", "epochs", "steps", "seeds", "set", "evaluations"),
        *("samples", "device", "threads", "precision", "deterministic", "on_divergence"),
    }
)
"""Arguments of `run` that are keys of a plan file."""


def run(
    *targets: str | Path,
    all: bool = False,
    preset: str | None = None,
    plan: str | Path | None = None,
    dataset: str | None = None,
    images: int | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    seeds: int | Sequence[int] | None = None,
    set: Mapping[str, Any] | None = None,
    evaluations: int | None = None,
    samples: int | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: Precision | None = None,
    deterministic: bool = False,
    on_divergence: Literal["stop", "continue"] | None = None,
    results: str | Path = "results/local",
    retry: bool = False,
    force: bool = False,
    keep_samples: bool = False,
    timeout: float | None = None,
    silence: float | None = None,
    wait: bool = False,
    features: str | Sequence[str] = "lenet",
    metrics: str | Sequence[str] = DEFAULT,
    score: Literal["now", "later"] = "now",
    weights: str | Path | None = None,
    cache: bool = True,
    progress: bool = True,
) -> Results:
    """Train and score implementations on this machine, as ``gan-bench run`` does.

    Runs that succeeded are reused, and interrupted ones resume from their last checkpoint: after
    Ctrl-C, or an interrupted cell of a notebook, the same call continues. Each run is a process of
    its own, which imports the implementation; this process imports no framework.

    Parameters
    ----------
    *targets
        Recipes such as ``"dcgan"``, implementations, patterns such as ``"torch-*"``, or paths of
        your own files. Without any, the preset names what to run.
    all
        Whether to run every registered implementation.
    preset, plan
        A preset, and the path of a plan file, which the other arguments override.
    dataset
        The data set, such as ``"mnist"`` or ``"folder:faces,size=64"``.
    images, epochs, steps
        The budget, in one unit.
    seeds
        Their number, or a list of them.
    set
        Recipe values, by ``"FIELD"`` or ``"IMPLEMENTATION.FIELD"``. A list is one run for each of
        its values, unless the field takes a list; several lists are all combinations.
    evaluations, samples
        Number of evaluation points, and of samples at each.
    device, threads, precision, deterministic, on_divergence
        How to train.
    results
        The results folder.
    retry, force, keep_samples
        Whether to resume failed runs, to start all runs over, and to keep all snapshots.
    timeout, silence
        Seconds after which a run is ended, in all or without progress.
    wait
        Whether to wait for the device if it is in use.
    features, metrics, score, weights, cache
        How to score, see `score`. ``"later"`` scores all runs after the last training.
    progress
        Whether to show the progress: a bar in a terminal, else lines.

    Returns
    -------
    Results
        Exactly the runs that were asked for, whatever else the folder has. A run that fails raises
        nothing: see ``status`` and ``reason`` in ``runs``.

    Raises
    ------
    UsageError
        Bad input, the device or a run is in use, or this is not the main thread of the process,
        which alone can be interrupted.
    GanBenchError
        The results folder cannot be written, such as on a full disk; finished runs are kept.
    KeyboardInterrupt
        Ctrl-C, or a notebook's button.

    Examples
    --------
    >>> results = gan_bench.run("torch-dcgan", "./my_gan.py", images=60_000, seeds=3)
    >>> results.summary()
    >>> gan_bench.run("dcgan", set={"learning_rate": [1e-4, 2e-4], "torch-dcgan.beta1": 0.9})
    """
    command = command_of(run, locals())
    if threading.current_thread() is not threading.main_thread():
        raise UsageError("Call gan_bench.run in the main thread: no other can be interrupted.")
    from gan_bench.launch.prepare import checked_silence, prepare, too_many_threads
    from gan_bench.launch.run_one import Options
    from gan_bench.results.layout import open_results
    from gan_bench.schedulers.base import schedulers
    from gan_bench.scoring.features import scoring_of
    from gan_bench.system.devices import fallback

    how = Options(
        command=command,
        timeout_s=timeout,
        silence_s=checked_silence(silence),
        retry=retry,
        force=force,
        keep_samples=keep_samples,
        scoring=scoring_of(features, metrics, weights, cache),
        score=score,
    )
    options = {name: plain(value) for name, value in locals().items() if name in _OF_A_PLAN}
    options["targets"] = tuple(map(_text, targets))
    request = read_request(Path(plan) if plan else None, schedulers() if plan else (), options)
    console = console_for(progress)
    say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    planned = prepare(request, how, say)
    for sentence in (fallback(request.device), *too_many_threads(planned)):
        if sentence is not None:
            say(sentence)
    folder = open_results(Path(results), create=True)
    _execute(folder, planned, how, console, wait=wait)
    for sentence in planned.left_out:
        say(f"Left out: {sentence}")
    found = load_results(folder.path, {spec.run_id for spec in planned.runs})
    return replace(found, left_out=(*planned.left_out, *found.left_out))


def _execute(
    folder: "ResultsFolder", plan: "Plan", how: "Options", console: "Console", *, wait: bool
) -> None:
    from gan_bench.cli.views.progress import progress_for
    from gan_bench.launch.local import Interrupted, execute

    try:
        with progress_for(console, plan) as observer:
            execute(folder, plan, how, observer, wait=wait)
    except Interrupted as interrupt:
        if interrupt.signum != signal.SIGINT:
            raise SystemExit(interrupt.exit_code) from None
        raise KeyboardInterrupt("Interrupted; the same call resumes.") from None


def _text(target: object) -> str:
    if isinstance(target, str | Path):
        return str(target)
    raise UsageError(
        f"A target is a name or the path of a file, not {target!r}: a run is a process of its own, "
        "which imports the file."
    )
