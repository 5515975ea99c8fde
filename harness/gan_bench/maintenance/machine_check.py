"""Checks this machine or a cluster node: ``gan-bench doctor``.

``python -P -m gan_bench.maintenance.machine_check FOLDER`` runs in a job on the node: it reads
``order.json`` and writes ``findings.json`` beside it.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from gan_bench import data
from gan_bench.data.image_file import SUFFIXES
from gan_bench.errors import GanBenchError, MissingFile, UsageError
from gan_bench.launch.status import JobState
from gan_bench.plugins.frameworks import frameworks, import_framework, missing, versions_of
from gan_bench.plugins.registry import registered, registration_problems
from gan_bench.results.layout import ResultsFolder
from gan_bench.schedulers.base import Scheduler, Task
from gan_bench.schedulers.submissions import new_id
from gan_bench.scoring.features.by_name import BUILT_IN, inception_status
from gan_bench.scoring.features.model_cache import cache_sizes
from gan_bench.system.child import ChildDied, ChildError
from gan_bench.system.devices import (
    default_threads,
    gpu_problem,
    gpus,
    machine,
    usable_processors,
)
from gan_bench.system.files import cache_problem, writable_cache, writing
from gan_bench.system.models import Stored
from gan_bench.system.nvml import Gpu
from gan_bench.text import listed, many
from gan_bench.version import __version__

_POLL_S = 1.0
_FINDINGS_DELAY_S = 60.0
"""A shared file system may show the findings some time after the job has ended."""


@dataclass(frozen=True)
class Finding:
    """One line of ``gan-bench doctor``."""

    what: str
    state: Literal["ok", "missing", "info"]
    detail: str


class NodeFindings(Stored):
    """The findings of a job on its node."""

    KIND: ClassVar[str] = "file of findings"

    findings: tuple[Finding, ...]


class NodeCheck(Stored):
    """The request to a job that checks its node."""

    KIND: ClassVar[str] = "order of the node check"

    results: str
    datasets: tuple[str, ...]
    pythons: dict[str, str]
    """Python interpreter of each framework."""
    gpu: bool
    """Whether the runs need a GPU."""


def check_machine() -> list[Finding]:
    """Check frameworks, devices, data sets and implementations; download nothing.

    Frameworks are imported only on a machine with GPUs, to ask whether they can use them.
    """
    this_machine = machine()
    memory = f"{this_machine.memory_gb:g} GB"
    findings = [
        _version(),
        Finding(
            "machine", "info", f"{this_machine.cpu}, {many(this_machine.cores, 'core')}, {memory}"
        ),
    ]
    versions = versions_of(None)
    for name, framework in frameworks().items():
        problem = missing(name, versions)
        if problem is not None:
            findings.append(Finding(f"framework {name}", "missing", problem))
        else:
            detail = ", ".join(f"{package} {versions[package]}" for package in framework.packages)
            state: Literal["ok", "missing", "info"] = "ok"
            if gpus() and framework.gpus is not None:
                imported = _framework(name, sys.executable, gpu=True)
                state, detail = imported.state, f"{detail}; {imported.detail}"
            findings.append(Finding(f"framework {name}", state, detail))
    threads = f"{many(default_threads(), 'thread')} for each run, unless --threads says otherwise"
    findings.append(Finding("device cpu", "ok", threads))
    findings += _gpus()
    findings.append(Finding("features lenet", "ok", f"for {listed(BUILT_IN)}"))
    findings.append(Finding("features inception", *inception_status()))
    for name in data.names():
        status = data.describe(name)
        if status.available:
            findings.append(Finding(f"data {name}", "ok", status.where))
        elif status.downloads:
            detail = "downloaded when first used; docs/data.md says how to do without a network"
            findings.append(Finding(f"data {name}", "info", detail))
        else:
            findings.append(Finding(f"data {name}", "missing", status.how_to_get))
    example = f"any folder of images ({' '.join(SUFFIXES)}), such as folder:pictures,size=28"
    findings.append(Finding("data folder:PATH", "info", example))
    problem = cache_problem()
    if problem is not None:
        findings.append(Finding("cache", "missing", problem))
    findings += [Finding(f"cache {cache.what}", "info", str(cache)) for cache in cache_sizes()]
    findings.append(Finding("disk", "info", f"{_free(Path.cwd())} free in this folder"))
    folder = writable_cache()
    findings.append(Finding("disk of the cache", "info", f"{_free(folder)} free in {folder}"))
    number = many(len(registered()), "implementation")
    findings.append(Finding("implementations", "info", f"{number}; `gan-bench list` shows them"))
    findings += [
        Finding(f"implementation {name}", "missing", problem)
        for name, problem in sorted(registration_problems().items())
    ]
    return findings


def _free(folder: Path) -> str:
    around = (folder, *folder.parents)
    free = shutil.disk_usage(next(path for path in around if path.is_dir())).free
    return f"{free / 1e9:,.1f} GB"


def _version() -> Finding:
    return Finding("gan-bench", "info", f"{__version__} on Python {sys.version.split()[0]}")


def _card(gpu: Gpu) -> str:
    driver = "" if gpu.driver is None else f", driver {gpu.driver}"
    cuda = "" if gpu.driver_cuda is None else f", CUDA up to {gpu.driver_cuda}"
    return f"{gpu.card}{driver}{cuda}, found by {gpu.found_by}"


def _gpus() -> list[Finding]:
    found = [Finding(f"device cuda:{i}", "ok", _card(gpu)) for i, gpu in enumerate(gpus())]
    problem = gpu_problem()
    if problem is not None:
        return [*found, Finding("device cuda", "missing", problem)]
    return found or [Finding("device cuda", "info", "nvidia-smi shows no GPU")]


def check_node(
    results: ResultsFolder,
    engine: Scheduler,
    datasets: tuple[str, ...],
    pythons: Mapping[str, str],
    *,
    say: Callable[[str], None],
) -> list[Finding]:
    """Submit one job that checks its node, and wait for its findings.

    ``pythons`` has interpreters by framework (default: this one). ``say`` gets the job's id and
    state whenever the state changes.

    Raises
    ------
    UsageError
        The scheduler rejects the job, or the job ends without findings.
    """
    engine.check(["preflight"], results.path)
    interpreters = {name: sys.executable for name in frameworks() if name != "numpy"}
    order = NodeCheck(
        results=str(results.path.absolute()),
        datasets=datasets,
        pythons={**interpreters, **pythons},
        gpu=engine.place().device != "cpu",
    )
    folder = (results.jobs / f"preflight-{new_id()}").absolute()
    with writing(results.path):
        folder.mkdir(parents=True)
        order.write(folder / "order.json")
    argv = (sys.executable, "-P", "-m", "gan_bench.maintenance.machine_check", str(folder))
    task = Task(index=0, run_id="preflight", implementation="preflight", argv=argv)
    jobs: list[str] = []
    try:
        for part in engine.submit([task], folder, retries=0, max_parallel=None):
            jobs += part.values()
        return _wait(engine, jobs, folder, say)
    except BaseException:
        engine.cancel(jobs)
        raise


def _wait(
    engine: Scheduler, jobs: list[str], folder: Path, say: Callable[[str], None]
) -> list[Finding]:
    ended_at: float | None = None
    last_state: JobState | None = None
    while True:
        try:
            return list(NodeFindings.read(folder / "findings.json").findings)
        except MissingFile:
            pass
        states = engine.states(jobs)
        for job, state in (states or {}).items():
            if state != last_state:
                why = f" ({state.why})" if state.why else ""
                say(f"job {job} {'runs' if state.state == 'running' else 'waits'}{why}")
                last_state = state
        if states == {}:
            ended_at = ended_at or time.monotonic()
            if time.monotonic() - ended_at > _FINDINGS_DELAY_S:
                raise UsageError(
                    f"Job {jobs[0]} ended without findings; see its log below {folder}. Check that "
                    f"its node can read this folder and run {sys.executable}."
                )
        time.sleep(_POLL_S)


def _check_this_node(order: NodeCheck) -> list[Finding]:
    node = machine()
    cores = f"{len(usable_processors())} of {many(node.cores, 'core')} for this job"
    detail = f"{os.uname().nodename}: {node.cpu}, {cores}, {node.memory_gb:g} GB"
    return [
        _version(),
        Finding("machine", "info", detail),
        *_gpus(),
        _results(Path(order.results)),
        *(_framework(name, python, order.gpu) for name, python in order.pythons.items()),
        *(_dataset(name) for name in order.datasets),
    ]


def _results(results: Path) -> Finding:
    try:
        ResultsFolder(results).jobs.joinpath(".preflight").write_text(
            os.uname().nodename, encoding="utf-8"
        )
        ResultsFolder(results).jobs.joinpath(".preflight").unlink()
    except OSError as error:
        return Finding("results", "missing", f"{results} cannot be written ({error.strerror})")
    return Finding("results", "ok", f"{results} can be written")


def _framework(name: str, python: str, gpu: bool) -> Finding:
    started = time.monotonic()
    try:
        framework = import_framework(name, python)
    except OSError as error:
        return Finding(f"framework {name}", "missing", f"{python} cannot be run: {error}")
    except ChildDied as death:
        return Finding(f"framework {name}", "missing", f"its import by {python} {death}")
    except ChildError as error:
        return Finding(f"framework {name}", "missing", f"{error} ({python})")
    import_s = time.monotonic() - started
    blind, remedy = gpu and framework.gpus == 0, frameworks()[name].gpu_install
    return Finding(
        f"framework {name}",
        "missing" if blind else "ok",
        f"{framework.module} {framework.version} imports in {import_s:.0f} s"
        + ("" if framework.gpus is None else f", sees {many(framework.gpus, 'GPU')}")
        + f" ({python})"
        + (f"; what it needs for them: {remedy}" if blind and remedy else ""),
    )


def _dataset(name: str) -> Finding:
    try:
        loaded = data.load(name)
    except GanBenchError as error:
        return Finding(f"data {data.label(name)}", "missing", str(error))
    count = len(loaded.train.images)
    return Finding(f"data {data.label(name)}", "ok", f"{count:,} training images can be read")


def main(folder: Path) -> None:
    """Check this node as ``order.json`` says."""
    order = NodeCheck.read(folder / "order.json")
    NodeFindings(findings=tuple(_check_this_node(order))).write(folder / "findings.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
