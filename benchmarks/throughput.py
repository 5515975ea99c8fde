"""Throughput of the trainers compared with plain scripts of the same recipe and framework.

``python benchmarks/throughput.py [NAME ...] [--rounds 3] [--seconds 6] [--markdown FILE]``

Each implementation is measured in a process of its own, with a run's environment. The trainer and
the script (`plain_torch`, `plain_keras`, `plain_jax`) are warmed up and then take turns (A B, B A,
A B, ...). A turn has as many steps as the slower one does in about ``--seconds``; other load on the
machine affects both. A NumPy matrix product on the same threads probes the machine before each turn
and after the last. The trainer's share of the machine's rate is the recipe's arithmetic, two
operations for each multiply-add, divided by the mean of the probes before and after the turn.

The time from an imported framework to the end of the first step (building, tracing, compiling,
uploading) is measured separately, in a fresh process each.

Report how busy the machine was with the figures: the table only shows how much the rounds differ.
"""

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bare import build, feed
from gan_bench import data
from gan_bench.errors import UsageError
from gan_bench.plugins.frameworks import worker_environment
from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import registered
from gan_bench.system import calibration as probe
from gan_bench.system.devices import check_device, default_threads

_WARM_UP = 5
"""Steps, one at a time: a graph is compiled or recorded in one of the first."""
OWN = ("gan_bench_torch.", "gan_bench_keras.", "gan_bench_jax.")
COLUMNS = (
    f"{'implementation':20}",
    "trainer, images/s",
    "script, images/s",
    "ratio, median (range)",
    "share of the machine rate (range)",
    "trainer: time to first step, s",
    "script: time to first step, s",
)


def with_script() -> list[str]:
    """Return the implementations that have a plain script."""
    return [name for name, it in registered().items() if it.module.startswith(OWN)]


def _by_default(known: list[str], options: argparse.Namespace) -> list[str]:
    # A step of a plain script in JAX takes many seconds on a CPU.
    slow = "jax" if options.device == "cpu" else None
    return [name for name in known if registered()[name].framework != slow]


def script(name: str) -> type:
    """Return the class that trains an implementation's recipe in plain code of its framework."""
    implementation = registered()[name]
    module = importlib.import_module(f"plain_{implementation.framework}")
    return module.SCRIPTS[implementation.recipe]


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def first_step(name: str, kind: str, device: str) -> float:
    """Return the seconds in which the trainer or the script is built and makes its first step."""
    train = data.load("mnist-5k").train
    trainer_class, plain = load_trainer(registered()[name]), script(name)  # imports both
    inputs = feed(trainer_class.recipe_class(), len(train.images), 1)
    if kind == "script":
        return seconds(lambda: plain(train.images, device).train(1))
    return seconds(lambda: build(name, train.images, train.labels, device)[1].train(*inputs))


def turns(name: str, rounds: int, turn_s: float, device: str) -> dict[str, object]:
    """Return the seconds of every turn, and the machine's rate before and after it."""
    train = data.load("mnist-5k").train
    recipe, trainer = build(name, train.images, train.labels, device)
    plain = script(name)(train.images, device)
    steps = 1
    functions: dict[str, Callable[[], object]] = {
        # A script's time includes making its batches and noise, so the trainer's does, too.
        "trainer": lambda: trainer.train(*feed(recipe, len(train.images), steps)),
        "script": lambda: plain.train(steps),
    }
    for _ in range(_WARM_UP):
        slower_s = max(seconds(function) for function in functions.values())
    steps = max(1, round(turn_s / slower_s))
    times: dict[str, list[float]] = {kind: [] for kind in functions}
    shares: list[float] = []
    operations = 2 * recipe.multiply_adds_per_step() * steps
    rates = [machine_rate(device)]
    for turn in range(rounds):
        for kind in functions if turn % 2 == 0 else reversed(functions):
            times[kind].append(seconds(functions[kind]))
            rates.append(machine_rate(device))
            if kind == "trainer" and rates[-1] is not None:
                shares.append(operations / times[kind][-1] / statistics.mean(rates[-2:]) / 1e9)
    return {
        "images": recipe.images_per_step * steps,
        "times": times,
        "shares": shares,
        "rates": [rate for rate in rates if rate is not None],
    }


def machine_rate(device: str) -> float | None:
    """Return the machine's current GFLOP/s; None for a GPU, which a run measures itself."""
    return probe.measure() if device == "cpu" else None


def spread(values: list[float], digits: int) -> str:
    if not values:
        return "-"
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def row(name: str, measured: dict, first_steps: dict[str, float]) -> str:
    times = measured["times"]
    ratios = [slow / fast for fast, slow in zip(times["trainer"], times["script"], strict=True)]
    return line(
        name,
        f"{measured['images'] / statistics.median(times['trainer']):,.0f}",
        f"{measured['images'] / statistics.median(times['script']):,.0f}",
        spread(ratios, 3),
        spread(measured["shares"], 2),
        *(f"{first_steps[kind]:.1f}" for kind in ("trainer", "script")),
    )


def line(first: str, *others: str) -> str:
    """Return a row of the table, as Markdown."""
    widths = [len(column) for column in COLUMNS]
    cells = [first.ljust(widths[0]), *map(str.rjust, others, widths[1:])]
    return f"| {' | '.join(cells)} |"


def environment(framework: str, options: argparse.Namespace) -> dict[str, str]:
    return worker_environment(framework, device=options.device, threads=default_threads())


def child(name: str, part: str, options: argparse.Namespace) -> dict | float:
    """Measure one part of one implementation in a process of its own."""
    done = subprocess.run(
        [
            *(sys.executable, __file__, name, "--part", part, "--device", options.device),
            *("--rounds", str(options.rounds), "--seconds", str(options.seconds)),
        ],
        env=environment(registered()[name].framework, options),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def measure(part: str, options: argparse.Namespace) -> dict | float:
    (name,) = options.names
    device = "cpu" if options.device == "cpu" else "cuda:0"  # the environment shows one GPU only
    if part == "turns":
        return turns(name, options.rounds, options.seconds, device)
    return first_step(name, part, device)


def main() -> None:
    known = with_script()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--rounds", type=int, default=3, help="turns of trainer and script")
    parser.add_argument("--seconds", type=float, default=6.0, help="approximate length of a turn")
    parser.add_argument("--device", default="cpu", help="cpu or cuda:<index>")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the table to FILE"
    )
    parser.add_argument("--part", choices=("turns", "trainer", "script"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.names) - set(known):
        parser.error(f"no plain script of {', '.join(sorted(unknown))}")
    if options.part:
        print(json.dumps(measure(options.part, options)))
        return
    try:
        options.device = check_device(options.device)
    except UsageError as error:
        parser.error(str(error))
    lines, rates, failed = [], [], []

    def show(text: str) -> None:
        lines.append(text)
        print(text, flush=True)

    show(line(*COLUMNS))
    show(f"| --- |{' ---: |' * (len(COLUMNS) - 1)}")
    for name in options.names or _by_default(known, options):
        try:
            measured = child(name, "turns", options)
            first_steps = {kind: child(name, kind, options) for kind in ("trainer", "script")}
        except subprocess.CalledProcessError as error:
            failed.append(f"{error.stderr}\n{name} ended with exit code {error.returncode}")
            continue
        rates += measured["rates"]
        show(row(name, measured, first_steps))
    if rates:
        show(f"\nThe machine rate, GFLOP/s, median (range): {spread(rates, 0)}.")
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
