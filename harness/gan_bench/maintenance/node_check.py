"""Looks at a machine of a scheduler before runs go there: ``gan-bench doctor --executor slurm``.

``python -P -m gan_bench.maintenance.node_check FOLDER`` is what runs there: it reads
``order.json`` and writes ``findings.json`` beside it.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from gan_bench import data
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.launch.status import JobState
from gan_bench.maintenance.machine_check import Finding
from gan_bench.plugins.frameworks import FRAMEWORKS, import_framework
from gan_bench.results.layout import ResultsFolder
from gan_bench.schedulers.base import Engine, Task
from gan_bench.schedulers.submissions import new_id
from gan_bench.system.child import ChildDied
from gan_bench.system.devices import gpus, machine, usable_processors
from gan_bench.system.disk import writing
from gan_bench.system.files import read_limited, write_atomically
from gan_bench.system.models import Frozen
from gan_bench.version import __version__

_POLL_S = 1.0
_LATE_S = 60.0
"""A shared file system may show the findings a little after the job has gone."""
_FINDINGS = TypeAdapter(list[Finding])


class Order(Frozen):
    """What is to be looked at."""

    results: str
    datasets: tuple[str, ...]
    pythons: dict[str, str]
    """The interpreter of each framework."""
    gpu: bool
    """Whether runs are to use one."""


def preflight(
    results: ResultsFolder,
    engine: Engine,
    datasets: tuple[str, ...],
    pythons: dict[str, str],
    *,
    say: Callable[[str], None],
) -> list[Finding]:
    """Have one job look at its machine, and wait for what it finds.

    Parameters
    ----------
    results
        Where runs' results would go.
    engine
        Told what to ask for.
    datasets
        That runs would read.
    pythons
        Interpreters by framework, where a plan names them.
    say
        Is told which job it is, and what it waits for.

    Raises
    ------
    UsageError
        The scheduler would not take the job, or the job ended without findings.
    """
    engine.check(["preflight"], results.path)
    interpreters = {name: sys.executable for name in FRAMEWORKS if name != "numpy"} | pythons
    order = Order(
        results=str(results.path.absolute()),
        datasets=datasets,
        pythons=interpreters,
        gpu=engine.place().device != "cpu",
    )
    folder = (results.jobs / f"preflight-{new_id()}").absolute()
    with writing(results.path):
        folder.mkdir(parents=True)
        write_atomically(folder / "order.json", order.model_dump_json().encode())
    argv = (sys.executable, "-P", "-m", "gan_bench.maintenance.node_check", str(folder))
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
    engine: Engine, jobs: list[str], folder: Path, say: Callable[[str], None]
) -> list[Finding]:
    gone: float | None = None
    said: JobState | None = None
    while True:
        try:
            return _FINDINGS.validate_json(read_limited(folder / "findings.json"))
        except FileNotFoundError:
            pass
        except (OSError, ValidationError) as error:
            raise UsageError(f"The job's findings in {folder} are not readable.") from error
        states = engine.states(jobs)
        for job, standing in (states or {}).items():
            if standing != said:
                why = f" ({standing.why})" if standing.why else ""
                say(f"job {job} {'runs' if standing.state == 'running' else 'waits'}{why}")
                said = standing
        if states == {}:
            gone = gone or time.monotonic()
            if time.monotonic() - gone > _LATE_S:
                raise UsageError(
                    f"Job {jobs[0]} ended without looking at its machine; its log below {folder} "
                    "may say why. Can that machine see this folder and this interpreter, "
                    f"{sys.executable}?"
                )
        time.sleep(_POLL_S)


def look(order: Order) -> list[Finding]:
    """Look at the machine that this process runs on."""
    here = machine()
    mine = len(usable_processors())
    found = [
        Finding("gan-bench", "info", f"{__version__} on Python {sys.version.split()[0]}"),
        Finding(
            "machine",
            "info",
            f"{os.uname().nodename}: {here.cpu}, {mine} of {here.cores} cores for this job, "
            f"{here.memory_gb:g} GB",
        ),
    ]
    found += [Finding(f"device cuda:{i}", "ok", gpu.name) for i, gpu in enumerate(gpus())]
    if not gpus():
        found.append(Finding("device cuda", "info", "nvidia-smi shows no GPU"))
    found.append(_folder(Path(order.results)))
    found += [_framework(name, python, order.gpu) for name, python in order.pythons.items()]
    found += [_dataset(name) for name in order.datasets]
    return found


def _folder(results: Path) -> Finding:
    try:
        ResultsFolder(results).jobs.joinpath(".preflight").write_text(os.uname().nodename)
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
    took = time.monotonic() - started
    return Finding(
        f"framework {name}",
        "missing" if gpu and framework.gpus == 0 else "ok",
        f"{framework.module} {framework.version} imports in {took:.0f} s, "
        f"sees {framework.gpus} GPUs ({python})",
    )


def _dataset(name: str) -> Finding:
    try:
        loaded = data.load(name)
    except GanBenchError as error:
        return Finding(f"data {data.label(name)}", "missing", str(error))
    count = len(loaded.train.images)
    return Finding(f"data {data.label(name)}", "ok", f"{count:,} training images can be read")


def main(folder: Path) -> None:
    """Do what the order says."""
    order = Order.model_validate_json(read_limited(folder / "order.json"))
    write_atomically(folder / "findings.json", _FINDINGS.dump_json(look(order)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
