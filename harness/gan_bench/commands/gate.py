"""``gan-bench baseline`` and ``gan-bench gate``."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan_bench.commands.options import console, json_option, print_json, results_option, say, typed

if TYPE_CHECKING:
    from gan_bench.gate import Gate


class Margin(click.ParamType[float]):
    """A share of the baseline's mean: ``5%`` or ``0.05``."""

    name = "share"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the share, or refuse what is none."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            share = -1.0
        if not 0 <= share < 1:
            self.fail(f"{value!r} is no margin; give e.g. 5% or 0.05.", param, ctx)
        return share


@click.command()
@results_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The baseline's JSON file, such as baselines/ci.json.",
)
def baseline(results: Path, out: Path) -> None:
    """Freeze a results folder as what the gate compares with: at least 10 seeds each."""
    from gan_bench.gate.freeze import freeze

    frozen, left_out = freeze(results, typed())
    frozen.write(out)
    for entry in frozen.entries:
        click.echo(f"{entry.label}: {len(entry.ok)} seeds, {', '.join(entry.metrics)}")
    for sentence in left_out:
        say(f"Left out: {sentence}")
    click.echo(out)


@click.command()
@click.argument("targets", nargs=-1)
@click.option(
    "--baseline",
    "baseline_path",
    type=click.Path(path_type=Path),
    required=True,
    help="What `gan-bench baseline` wrote.",
)
@results_option
@click.option("--run", "train", is_flag=True, help="Train first what is needed.")
@click.option(
    "--seeds",
    type=click.IntRange(3, 1000),
    default=3,
    show_default=True,
    help="With --run, how many each implementation trains, and again if it trips.",
)
@click.option(
    "--metric",
    metavar="NAME",
    help="A recorded figure, or images_per_s; by default fid_lenet.",
)
@click.option(
    "--margin",
    type=Margin(),
    default="5%",
    show_default=True,
    help="By how much a mean may be worse before it matters.",
)
@click.option("--wait", is_flag=True, help="With --run, wait for the device if it is in use.")
@click.option("--junit", type=click.Path(path_type=Path), help="JUnit XML for a CI server.")
@click.option("--markdown", type=click.Path(path_type=Path), help="A page for a pull request.")
@json_option
def gate(
    targets: tuple[str, ...],
    baseline_path: Path,
    results: Path,
    train: bool,
    seeds: int,
    metric: str | None,
    margin: float,
    wait: bool,
    junit: Path | None,
    markdown: Path | None,
    as_json: bool,
) -> None:
    """Fail when an implementation is worse than its baseline.

    TARGETS are names of the baseline, or with --run paths of your own ./my_gan.py; all by default.

    Exit code: 0 all pass, 1 a regression, 2 bad input, 3 no baseline or nothing comparable,
    4 too little measured.
    """
    from gan_bench.gate import page
    from gan_bench.gate.baseline import MissingBaseline

    try:
        outcome = _gate(targets, baseline_path, results, train, seeds, metric, margin, wait)
    except MissingBaseline as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(3)
    _write(outcome, junit, markdown)
    if as_json:
        print_json(page.as_dict(outcome))
    else:
        page.print_gate(console(), outcome)
    for sentence in outcome.left_out:
        say(sentence)
    sys.exit(outcome.exit_code)


def _gate(
    targets: tuple[str, ...],
    baseline_path: Path,
    results: Path,
    train: bool,
    seeds: int,
    metric: str | None,
    margin: float,
    wait: bool,
) -> "Gate":
    from gan_bench.errors import UsageError
    from gan_bench.gate import Gate, choose_metric, compare_stored
    from gan_bench.gate.baseline import Baseline
    from gan_bench.gate.candidates import chosen_targets

    frozen = Baseline.read(baseline_path)
    metric = choose_metric(frozen, metric)
    names = list(dict.fromkeys(entry.implementation for entry in frozen.entries))
    chosen = chosen_targets(targets, names)
    if not train and list(chosen.values()) != list(chosen):
        raise UsageError("A path is trained: give it with --run, or name the implementation.")
    entries = [entry for entry in frozen.entries if entry.implementation in chosen]
    if train:
        rows, left_out = _train(entries, chosen, results, seeds, metric, margin, wait)
    else:
        rows, left_out = compare_stored(entries, results, metric, margin)
    return Gate(baseline_path, frozen, results, metric, margin, tuple(rows), tuple(left_out))


def _train(
    entries: list[Any],
    chosen: dict[str, str],
    results: Path,
    seeds: int,
    metric: str,
    margin: float,
    wait: bool,
) -> tuple[list[Any], tuple[str, ...]]:
    from gan_bench.executor.local import Interrupted, execute
    from gan_bench.executor.one_run import Options
    from gan_bench.executor.scoring import Scoring
    from gan_bench.folders import open_results
    from gan_bench.gate.candidates import Candidates, features_of
    from gan_bench.progress import progress_for
    from gan_bench.spec import Plan

    command = typed()
    how = Options(command=command, scoring=Scoring(features_of(metric, entries)))
    folder = open_results(results, create=True)

    def run(plan: Plan) -> None:
        with progress_for(_errors(), len(plan.runs)) as observer:
            execute(folder, plan, how, observer, wait=wait)

    candidates = Candidates(results, entries, chosen, seeds, command, run, metric, margin)
    try:
        return candidates.rows(), candidates.left_out
    except Interrupted as interrupt:
        click.echo(f"Interrupted ({interrupt}); the same command continues.", err=True)
        sys.exit(interrupt.exit_code)


def _errors() -> Any:
    """Return the terminal for progress, beside the gate's own output."""
    from rich.console import Console

    return Console(stderr=True)


def _write(outcome: "Gate", junit: Path | None, markdown: Path | None) -> None:
    """Write the files that were asked for, and what GitHub Actions shows where it runs this."""
    from gan_bench.gate import page
    from gan_bench.gate.annotations import annotations
    from gan_bench.gate.junit import junit as as_junit

    if junit is not None:
        page.write_text(junit, as_junit(outcome).decode())
    if markdown is not None:
        page.write_text(markdown, page.markdown(outcome))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        page.write_text(Path(summary), page.markdown(outcome), append=True)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in annotations(outcome):
            say(line)
