"""``gan-bench speed``."""

import sys
from pathlib import Path
from typing import Any

import click

from gan_bench.cli import OptionGroups, examples, options
from gan_bench.cli.options import (
    POSITIVE,
    FiniteNumber,
    compute_options,
    json_option,
    path_option,
    results_option,
    typed,
    wait_option,
)
from gan_bench.cli.terminal import console, print_json, say

_MOST_MINUTES = 24 * 60
_GROUPS = {
    "What to measure": ("all", "preset", "plan_file", "dataset", "set"),
    "How it computes": ("device", "threads", "precision", "deterministic"),
    "When it ends": ("minutes", "within", "timeout"),
    "Results": ("results", "as_json", "wait"),
}


@click.command(
    cls=OptionGroups,
    option_groups=_GROUPS,
    epilog=examples(
        "gan-bench speed torch-dcgan jax-dcgan     which is faster, and by how much?",
        "gan-bench speed --all --preset standard   each with its own batch size",
        "gan-bench speed dcgan --set batch_size=64 --minutes 5 --within 1",
    ),
)
@click.argument("targets", nargs=-1)
@click.option("--all", is_flag=True, help="Measure every registered implementation.")
@click.option(
    "--preset",
    metavar="NAME",
    help="Data set and batch size, as for `gan-bench run`: quick (default without a GPU), "
    "standard, gpu (default with one), paper or ci.",
)
@path_option("--plan", "plan_file", help="Plan file (TOML) of a run; options override it.")
@click.option("--dataset", help="Data set, as for `gan-bench run`; its shape matters.")
@click.option(
    "--set",
    multiple=True,
    metavar="[IMPL.]FIELD=VALUE",
    help="Change a field of the recipes, as for `gan-bench run`; several values, with commas, are "
    "compared; repeatable.",
)
@compute_options("implementation")
@click.option(
    "--minutes",
    type=FiniteNumber(0, _MOST_MINUTES, min_open=True),
    default=14.0,
    help="End after this time; at least three repeats are made.",
)
@click.option(
    "--within",
    type=FiniteNumber(0.1, 50),
    default=2.0,
    metavar="PERCENT",
    help="End as soon as the 95 % interval of each ratio to the fastest is within plus "
    "and minus this percentage of the ratio.",
)
@click.option(
    "--timeout",
    type=POSITIVE,
    default=600.0,
    help="Leave out an implementation that takes longer than these seconds to its first turn, or "
    "for one turn.",
)
@results_option
@wait_option
@json_option
def speed(
    plan_file: Path | None,
    minutes: float,
    within: float,
    timeout: float,
    results: Path,
    wait: bool,
    as_json: bool,
    **plan_options: Any,
) -> None:
    """Measure how fast implementations train, in turns.

    TARGETS are as for `gan-bench run`. Each implementation is built once in a process of its own.
    Then all take turns of a few seconds, in a random order in each repeat, so that a change of the
    machine affects all of them. Turns in which other processes used the device, or the machine was
    slower than usual, are kept in the file and not in the figures. The command prints and writes
    throughputs and their ratios to the fastest with intervals, the time to the first step, memory,
    and the share of the machine's rate. Interrupted, it keeps what it has.

    Exit code: 0 every implementation was measured; 1 at least one was not; 2 bad input; 130
    interrupted by Ctrl-C; 143 by SIGTERM; 129 by a terminal that closed.
    """
    from gan_bench.analysis.speed import figures
    from gan_bench.cli.views.speed import as_dict, print_speed
    from gan_bench.launch.prepare import too_many_threads
    from gan_bench.launch.speed import SpeedOptions, measure
    from gan_bench.plan.expand import expand
    from gan_bench.plan.request import read_request
    from gan_bench.results.layout import open_results
    from gan_bench.schedulers.base import schedulers

    request = read_request(
        plan_file, schedulers() if plan_file else (), {**plan_options, "seeds": "0,"}
    )
    plan = expand(request, typed())
    options.say_fallback(request.device)
    for sentence in (*too_many_threads(plan), *plan.left_out):
        say(sentence)
    folder = open_results(results, create=True)
    how = SpeedOptions(typed(), minutes=minutes, within=within / 100, limit_s=timeout)
    measured = measure(folder, plan, how, say, wait=wait)
    found = figures(measured.study)
    if as_json:
        print_json(as_dict(found, measured.path))
    elif measured.study.repeats:
        print_speed(console(), found)
    if measured.study.repeats:
        say(f"The study is {measured.path}.")
    if measured.interrupt is not None:
        kept = "" if measured.study.repeats else " before the first turn: nothing is kept"
        say(f"Interrupted ({measured.interrupt}){kept}.")
        sys.exit(measured.interrupt.exit_code)
    complete = all(row.target.reason is None for row in found.rows) and not plan.left_out
    sys.exit(0 if complete else 1)
