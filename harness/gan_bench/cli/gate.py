"""``gan-bench baseline`` and ``gan-bench gate``."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan_bench.cli import examples
from gan_bench.cli.options import json_option, path_option, results_option, typed
from gan_bench.cli.terminal import OutputLost, console, print_json, say

if TYPE_CHECKING:
    from gan_bench.gate import Gate
    from gan_bench.gate.baseline import Entry
    from gan_bench.gate.verdict import GateRow


class Margin(click.ParamType[float]):
    """A share of the baseline's mean: ``5%`` or ``0.05``."""

    name = "share"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the share, or fail."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            share = -1.0
        if not 0 <= share < 1:
            self.fail(f"{value!r} is not a margin; use for example 5% or 0.05.", param, ctx)
        return share


@click.command(
    epilog=examples(
        "gan-bench run dcgan --preset ci --seeds 10 --results results/main",
        "gan-bench baseline --results results/main --out baselines/ci.json",
    ),
)
@results_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Baseline file to write (JSON), such as baselines/ci.json.",
)
@click.option("--seeds", help="Seeds to include: a count (30) or a list (0,5). Default: all.")
def baseline(results: Path, out: Path, seeds: str | None) -> None:
    """Freeze a results folder as a baseline for `gan-bench gate`.

    Each implementation needs at least 10 seeds.
    """
    from gan_bench.gate.entries import freeze
    from gan_bench.plan.request import parse_seeds
    from gan_bench.system.files import check_output, write_output

    check_output(out)
    counted = parse_seeds(seeds) if seeds is not None else None
    frozen, left_out = freeze(results, typed(), counted)
    write_output(out, frozen.content())
    for entry in frozen.entries:
        counts = dict.fromkeys(entry.having(metric) for metric in entry.metrics)
        seeds = " or ".join(map(str, sorted(counts))) or str(len(entry.ok))
        click.echo(f"{entry.label}: {seeds} seeds, {', '.join(entry.metrics) or 'only speed'}")
    for sentence in left_out:
        say(f"Left out: {sentence}")
    click.echo(out)


@click.command(
    epilog=examples(
        "gan-bench gate --baseline baselines/ci.json --run",
        "gan-bench gate --baseline baselines/ci.json --results results/local",
    ),
)
@click.argument("targets", nargs=-1)
@path_option(
    "--baseline",
    "baseline_path",
    required=True,
    help="Baseline file written by `gan-bench baseline`.",
)
@results_option
@click.option("--run", "train", is_flag=True, help="Train the missing candidate runs first.")
@click.option(
    "--seeds",
    type=click.IntRange(3, 1000),
    help="With --run: number of seeds per implementation, for the first test and for the rerun "
    "(default: 3).",
)
@click.option(
    "--dataset", help="With --run: path on this machine of the baseline's data set, as folder:PATH."
)
@click.option(
    "--set",
    "set_",
    multiple=True,
    metavar="IMPL.FIELD=VALUE",
    help="With --run: a recipe field that the baseline's runs changed; repeatable.",
)
@click.option("--wait", is_flag=True, help="With --run: wait for the device if it is in use.")
@click.option(
    "--metric",
    metavar="NAME",
    help="A recorded metric, or images_per_s (default: fid_lenet, or else another FID of the "
    "baseline).",
)
@click.option(
    "--margin",
    type=Margin(),
    default="5%",
    help="How much worse the mean may be, in addition to what chance explains.",
)
@path_option("--junit", help="Write JUnit XML for a CI server to this file.")
@path_option("--markdown", help="Write a Markdown page for a pull request to this file.")
@json_option
def gate(
    targets: tuple[str, ...],
    baseline_path: Path,
    results: Path,
    train: bool,
    metric: str | None,
    margin: float,
    junit: Path | None,
    markdown: Path | None,
    as_json: bool,
    **training: Any,
) -> None:
    """Fail when an implementation is worse than its baseline.

    TARGETS are implementations of the baseline (default: all) or, with --run, paths to your own
    files, such as ./my_gan.py.

    Exit code: 0 all pass; 1 a regression, or more runs that diverged or collapsed; 2 bad input;
    3 no baseline or not comparable; 4 not measured: too few seeds, or a run that crashed or
    could not be scored. If several apply, the order of precedence is 2, 1, 3, 4, 0.
    """
    from gan_bench.cli.views.results import print_gate
    from gan_bench.errors import UsageError
    from gan_bench.gate import Gate, choose_metric, chosen_targets, compare_stored, with_labels
    from gan_bench.gate import output as page
    from gan_bench.gate.baseline import Baseline, MissingBaseline
    from gan_bench.system.files import check_output

    given = [name.rstrip("_") for name, value in training.items() if value]
    if given and not train:
        raise UsageError(f"--{given[0]} applies to training: add --run.")
    try:
        frozen = Baseline.read(baseline_path)
    except MissingBaseline as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(3)
    metric = choose_metric(frozen, metric)
    names = list(dict.fromkeys(entry.implementation for entry in frozen.entries))
    chosen = chosen_targets(targets, names, run=train)
    for path in filter(None, (junit, markdown)):
        check_output(path)  # fails before anything runs
    entries = [entry for entry in frozen.entries if entry.implementation in chosen]
    if train:
        rows, left_out = _train(entries, chosen, results, metric, margin, **training)
    else:
        rows, left_out = compare_stored(entries, results, metric, margin)
    outcome = Gate(baseline_path, frozen, results, metric, margin, with_labels(rows), left_out)
    lost: OutputLost | None = None
    try:
        if as_json:
            print_json(page.as_dict(outcome))
        else:
            print_gate(console(), outcome)
        for sentence in (*outcome.left_out, *_annotations(outcome)):
            say(sentence)
        sys.stdout.flush()
    except OutputLost as problem:
        problem.discard()
        lost = problem
    _write(outcome, junit, markdown)
    if lost is not None and not lost.reader_left:
        raise lost
    sys.exit(outcome.exit_code)


def _train(
    entries: "list[Entry]",
    chosen: dict[str, str],
    results: Path,
    metric: str,
    margin: float,
    *,
    seeds: int | None,
    dataset: str | None,
    set_: tuple[str, ...],
    wait: bool,
) -> "tuple[list[GateRow], tuple[str, ...]]":
    from rich.console import Console

    from gan_bench.cli.views.progress import progress_for
    from gan_bench.errors import UsageError
    from gan_bench.gate.train import Request, scoring_of, train_and_compare
    from gan_bench.launch.local import Interrupted, execute
    from gan_bench.launch.run_one import Options
    from gan_bench.launch.score import check_features
    from gan_bench.plan import Plan
    from gan_bench.plan.request import parse_set
    from gan_bench.results.layout import open_results
    from gan_bench.text import listed

    command, scoring = typed(), scoring_of(metric, entries)
    check_features(scoring, None, say)
    folder = open_results(results, create=True)

    def run(plan: Plan, start_over: bool) -> None:
        how = Options(command=command, scoring=scoring, force=start_over)
        with progress_for(Console(stderr=True), plan) as observer:
            execute(folder, plan, how, observer, wait=wait)

    values = parse_set(set_)
    names = dict.fromkeys(entry.implementation for entry in entries)
    for name in values:
        if name not in names:
            raise UsageError(
                "--set takes IMPLEMENTATION.FIELD=VALUE of an implementation in the baseline: "
                f"{listed(list(names))}."
            )
    options: dict[str, Any] = {"set": values} | ({"dataset": dataset} if dataset else {})
    request = Request(results, chosen, seeds or 3, command, metric, margin, options)
    try:
        return train_and_compare(entries, request, run)
    except Interrupted as interrupt:
        click.echo(f"Interrupted ({interrupt}); the same command resumes.", err=True)
        sys.exit(interrupt.exit_code)


def _write(outcome: "Gate", junit: Path | None, markdown: Path | None) -> None:
    """Write the requested files, and the summary of a GitHub Actions job."""
    from gan_bench.gate import output as page
    from gan_bench.system.files import write_output

    text = page.markdown(outcome).encode(errors="replace")
    if junit is not None:
        write_output(junit, page.junit(outcome))
    if markdown is not None:
        write_output(markdown, text)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with Path(summary).open("ab") as file:
                file.write(text)
        except OSError as error:  # the verdict does not need it
            say(f"{summary} cannot be written ({error.strerror}).")


def _annotations(outcome: "Gate") -> list[str]:
    from gan_bench.gate import output as page

    return page.annotations(outcome) if os.environ.get("GITHUB_ACTIONS") == "true" else []
