"""The command line: click commands and no logic; everything heavy loads when it is needed."""

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan_bench import __version__
from gan_bench.errors import GanBenchError
from gan_bench.score.names import DEFAULT, METRICS

if TYPE_CHECKING:
    from rich.console import Console

    from gan_bench.executor.scoring import Scoring

DEFAULT_RESULTS = Path("results/local")
DEFAULT_REPORTS = Path("reports/local")


class _Group(click.Group):
    """Turns the project's own errors into one sentence and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GanBenchError as error:
            raise _Sentence(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            sys.exit(130)


class _Sentence(click.ClickException):
    exit_code = 2


def _results_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--results",
        type=click.Path(path_type=Path),
        default=DEFAULT_RESULTS,
        show_default=True,
        help="The results folder.",
    )(command)


_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _scoring_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--no-cache", is_flag=True, help="Neither use nor keep reference features."),
        click.option(
            "--weights",
            type=click.Path(path_type=Path),
            help="Inception's, unless they are to be looked for.",
        ),
        click.option(
            "--metrics",
            default=",".join(DEFAULT),
            show_default=True,
            help=f"Of {', '.join(METRICS)}.",
        ),
        click.option(
            "--features",
            default="lenet",
            show_default=True,
            help="Of lenet, inception and paths of .onnx files, the main ones first.",
        ),
    ):
        command = option(command)
    return command


def _scoring(features: str, metrics: str, weights: Path | None, no_cache: bool) -> "Scoring":
    from gan_bench.errors import UsageError
    from gan_bench.executor.scoring import Scoring, parse_features
    from gan_bench.score.names import parse_metrics

    words = parse_features(features)
    if weights is not None and "inception" not in words:
        raise UsageError("--weights are Inception's: give --features inception with them.")
    return Scoring(words, parse_metrics(metrics), weights, cache=not no_cache)


def _check_features(scoring: "Scoring") -> None:
    """See before anything runs that the features are there, exported if need be."""
    from gan_bench.score.catalogue import load_features

    for features in scoring.features:
        if features != "lenet":  # which depends on the data set, and is null without one
            weights = scoring.weights if features == "inception" else None
            # Without a GPU's memory, which the runs may need.
            load_features(features, weights=weights, cuda=False, say=_say)


def _say(sentence: str) -> None:
    click.echo(sentence, err=True)


_PIPED_COLUMNS = 160
"""Where there is no terminal to be too narrow."""


def _console() -> "Console":
    from rich.console import Console

    asked = os.environ.get("COLUMNS")
    return Console(width=None if asked or sys.stdout.isatty() else _PIPED_COLUMNS)


def _print_json(value: Any) -> None:
    import json

    click.echo(json.dumps(value, indent=1, default=str))


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gan-bench")
def main() -> None:
    """Compare GAN implementations across frameworks on quality and speed."""


@main.command()
@click.argument("targets", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="Every registered implementation.")
@click.option(
    "--preset",
    metavar="NAME",
    help="How much is trained on what: quick (without a GPU), standard (with one) or paper.",
)
@click.option("--plan", "plan_file", type=click.Path(path_type=Path), help="A plan's TOML file.")
@click.option("--dataset", help="One that `gan-bench doctor` lists, or folder:PATH.")
@click.option("--images", type=int, help="Budget in training images, equal for all.")
@click.option("--epochs", type=int, help="Budget in passes over the training images.")
@click.option("--steps", type=int, help="Budget in training steps.")
@click.option("--seeds", help="A count such as 3, or seeds such as 0,5.")
@click.option("--device", help="cpu, cuda, cuda:1 or auto.")
@click.option("--threads", type=int, help="Processor threads of each run.")
@click.option(
    "--set", "set_", multiple=True, metavar="IMPL.FIELD=VALUE", help="Change a recipe's field."
)
@click.option("--evaluations", type=int, help="Evaluation points, first and last included.")
@click.option("--samples", type=int, help="Samples at each evaluation point.")
@_results_option
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds for a run.")
@click.option("--wait", is_flag=True, help="Wait for the device if it is in use.")
@click.option("--retry", is_flag=True, help="Try failed runs again.")
@click.option("--force", is_flag=True, help="Start over, also what is finished.")
@click.option("--deterministic", is_flag=True, help="Ask the frameworks for it, even if slower.")
@click.option(
    "--on-divergence", type=click.Choice(["stop", "continue"]), help="When a loss is not finite."
)
@click.option("--keep-samples", is_flag=True, help="Keep every snapshot after it is scored.")
@_scoring_options
@click.option("--dry-run", is_flag=True, help="Print the plan and run nothing.")
def run(
    targets: tuple[str, ...],
    all_: bool,
    plan_file: Path | None,
    set_: tuple[str, ...],
    seeds: str | None,
    results: Path,
    timeout: float | None,
    wait: bool,
    retry: bool,
    force: bool,
    deterministic: bool,
    keep_samples: bool,
    features: str,
    metrics: str,
    weights: Path | None,
    no_cache: bool,
    dry_run: bool,
    **values: Any,
) -> None:
    """Train and score implementations: TARGETS are names, or paths of your own ./my_gan.py."""
    from gan_bench import plan as planning
    from gan_bench.executor.local import Interrupted, execute
    from gan_bench.executor.one_run import Options, action
    from gan_bench.folders import open_results
    from gan_bench.progress import progress_for
    from gan_bench.tables import print_plan

    command = shlex.join(["gan-bench", *sys.argv[1:]])
    asked = planning.read_plan_file(plan_file) if plan_file else {}
    given = {name: value for name, value in values.items() if value is not None}
    if given.keys() & planning.BUDGETS:
        asked = {name: value for name, value in asked.items() if name not in planning.BUDGETS}
    asked |= given
    asked |= {"targets": targets} if targets else {}
    asked |= {"all": True} if all_ else {}
    asked |= {"deterministic": True} if deterministic else {}
    asked |= {"seeds": planning.parse_seeds(seeds)} if seeds is not None else {}
    for name, fields in planning.parse_set(set_).items():
        asked["set"] = {**asked.get("set", {})}
        asked["set"][name] = {**asked["set"].get(name, {}), **fields}
    scoring = _scoring(features, metrics, weights, no_cache)
    plan = planning.expand(planning.request(asked), command)
    options = Options(
        command=command,
        timeout_s=timeout,
        retry=retry,
        force=force,
        keep_samples=keep_samples,
        scoring=scoring,
    )
    console = _console()
    if dry_run:
        folder = open_results(results, create=False) if results.exists() else None
        actions = [action(folder.run(r.run_id), options) if folder else "run" for r in plan.runs]
        print_plan(console, plan, actions)
        return
    _check_features(scoring)
    folder = open_results(results, create=True)
    try:
        with progress_for(console, len(plan.runs)) as observer:
            done = execute(folder, plan, options, observer, wait=wait)
    except Interrupted as interrupt:
        again = "the same command without --force" if force else "the same command"
        click.echo(f"Interrupted ({interrupt}); {again} continues.", err=True)
        sys.exit(interrupt.exit_code)
    for sentence in plan.left_out:
        click.echo(f"Left out: {sentence}", err=True)
    failed = sum(not result.ok for result in done)
    click.echo(f"{len(done) - failed} of {len(done)} runs are ok; results in {results}.")
    sys.exit(1 if failed or plan.left_out else 0)


@main.command()
@_results_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_REPORTS,
    show_default=True,
    help="The folder for report.md and report.html.",
)
@click.option("--title", help="The report's title.")
def report(results: Path, out: Path, title: str | None) -> None:
    """Write the markdown and HTML comparison of a results folder."""
    from gan_bench.report import write_report

    files = write_report(results, out, title=title)
    click.echo(f"{files.markdown}\n{files.html}")


@main.command()
@click.argument("images", nargs=-1, metavar="[REAL FAKE]")
@_scoring_options
@click.option("--no-floor", is_flag=True, help="Do not score real images of the other split.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Of the scorer's draws, else 0.")
@click.option("--threads", type=click.IntRange(1, 1024), help="All that there are by default.")
@click.option("--results", type=click.Path(path_type=Path), help="A results folder.")
@click.option("--as", "as_", metavar="NAME", help="Make FAKE a row of the results folder's report.")
@click.option(
    "--points",
    type=click.Choice(["final", "all"]),
    help="Which snapshots of the results folder's runs; final unless given.",
)
@_json_option
def score(
    images: tuple[str, ...],
    features: str,
    metrics: str,
    weights: Path | None,
    no_cache: bool,
    no_floor: bool,
    seed: int | None,
    threads: int | None,
    results: Path | None,
    as_: str | None,
    points: str | None,
    as_json: bool,
) -> None:
    """Score two sets of images, or again the snapshots of --results.

    REAL and FAKE are folders of images, .npz or .npy files of uint8 NHWC, or dataset:split[:count]
    such as mnist:test:1000.
    """
    from gan_bench import scoring_commands as commands
    from gan_bench.devices import default_threads

    scoring = _scoring(features, metrics, weights, no_cache)
    command = shlex.join(["gan-bench", *sys.argv[1:]])
    asked = commands.check_words(
        images,
        results,
        as_,
        of_pairs=seed is not None or no_floor,
        of_runs=points is not None,
    )
    threads = threads or default_threads()
    if asked == "again":
        assert results is not None
        _check_features(scoring)
        done = []
        for run in commands.again(results, scoring, points or "final", threads, command):
            done.append(run)
            if not as_json:
                click.echo(f"{run.run_id}: {run.problem or 'scored'}", err=True)
        if as_json:
            _print_json([commands.as_dict(run) for run in done])
        else:
            commands.print_again(_console(), done)
        sys.exit(1 if any(run.problem for run in done) else 0)
    scored = commands.pairs(
        *(images[0], images[1], scoring),
        seed=seed or 0,
        threads=threads,
        floor=not no_floor,
        say=_say,
        place=(results, as_) if results is not None and as_ is not None else None,
        command=command,
    )
    if as_json:
        values = [one.model_dump(mode="json") for one in scored]
        _print_json(values[0] if len(values) == 1 else values)
        return
    commands.print_pairs(_console(), scored)


@main.group()
def features() -> None:
    """Feature models that are made on this machine."""


@features.command("train")
@click.argument("dataset")
@click.option("--epochs", type=click.IntRange(1, 1000), default=8, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1, 1024), default=1, show_default=True)
def features_train(dataset: str, epochs: int, seed: int, threads: int) -> None:
    """Train the lenet of a labelled DATASET, and keep it in the cache."""
    from gan_bench.score.train import train_classifier

    path, facts = train_classifier(dataset, epochs=epochs, seed=seed, threads=threads, say=_say)
    click.echo(f"{path}: accuracy {facts['accuracy']:.2%} on the test split.")


@main.command("list")
@_json_option
def list_(as_json: bool) -> None:
    """List the implementations that can be run."""
    from gan_bench.catalogue import implementation_rows
    from gan_bench.tables import print_implementations

    rows = implementation_rows()
    if as_json:
        _print_json(rows)
    else:
        print_implementations(_console(), rows)


@main.command()
@click.argument("name")
@_results_option
@_json_option
def show(name: str, results: Path, as_json: bool) -> None:
    """Show an implementation's recipe, or a run by its id or a part of it."""
    from gan_bench import tables
    from gan_bench.describe import describe
    from gan_bench.registry import find, is_path, registered

    if is_path(name) or name in registered() or not results.exists():
        (name,) = find([name])
        description = describe(name, {}, (28, 28, 1))
        if as_json:
            _print_json(description.model_dump(mode="json"))
        else:
            tables.print_description(_console(), description)
        return
    from gan_bench.folders import open_results
    from gan_bench.results import find_run

    folder, record, scores = find_run(open_results(results, create=False), name)
    if as_json:
        _print_json(record.model_dump(mode="json"))
    else:
        tables.print_record(_console(), record, folder, scores)


@main.command()
@_results_option
@_json_option
def status(results: Path, as_json: bool) -> None:
    """Show where every planned run stands."""
    from dataclasses import asdict

    from gan_bench.folders import open_results
    from gan_bench.results import load_results
    from gan_bench.status import statuses
    from gan_bench.tables import print_statuses

    frames = load_results(results)
    folder = open_results(results, create=False)
    rows = statuses(frames, {run_id: folder.run(run_id) for run_id in frames.runs["run_id"]})
    if as_json:
        _print_json([asdict(row) for row in rows])
    else:
        print_statuses(_console(), rows)
    for sentence in frames.left_out:
        click.echo(sentence, err=True)


@main.command()
@_json_option
def doctor(as_json: bool) -> None:
    """Show what this machine has for gan-bench, what it lacks, and how to get it."""
    from dataclasses import asdict

    from gan_bench.doctor import findings
    from gan_bench.tables import print_findings

    found = findings()
    if as_json:
        _print_json([asdict(finding) for finding in found])
    else:
        print_findings(_console(), found)


@main.command()
@click.argument("target")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1 or auto.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
@_json_option
def verify(target: str, device: str, seed: int, as_json: bool) -> None:
    """Run the conformance suite on an implementation: a name or the path of a .py file."""
    from dataclasses import asdict

    from gan_bench.devices import check_device, default_threads
    from gan_bench.tables import print_check
    from gan_bench.verify import verify as checks

    console = _console()
    done = []
    for check in checks(target, device=check_device(device), threads=default_threads(), seed=seed):
        done.append(check)
        if not as_json:
            print_check(console, check)
    if as_json:
        _print_json([asdict(check) for check in done])
    failed = sum(check.status == "failed" for check in done)
    skipped = sum(check.status == "skipped" for check in done)
    if not as_json:
        click.echo(
            f"{len(done) - failed - skipped} checks passed, {failed} failed, {skipped} skipped."
        )
    sys.exit(1 if failed else 0)


@main.command()
@click.argument("what", nargs=-1, metavar="[RECIPE | A B]")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1 or auto.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
@click.option(
    "--batch-size",
    type=click.IntRange(2, 65_536),
    default=32,
    show_default=True,
    help="Images in a batch, at most the recipe's.",
)
@click.option(
    "--paired-steps",
    type=click.IntRange(1, 100_000),
    default=20,
    show_default=True,
    help="Length of the paired run.",
)
@_results_option
@click.option("--wait", is_flag=True, help="Wait for the device if it is in use.")
@_json_option
def parity(
    what: tuple[str, ...], device: str, results: Path, wait: bool, as_json: bool, **values: Any
) -> None:
    """Certify that implementations of one recipe compute the same thing.

    A recipe's original against its twins, all recipes' without an argument, or any two
    implementations, by names or the paths of .py files.
    """
    from gan_bench.devices import check_device
    from gan_bench.parity.pairs import pairs
    from gan_bench.parity.run import Setup, certify_all
    from gan_bench.tables import print_certificates

    setup = Setup(device=check_device(device), **values)
    command = shlex.join(["gan-bench", *sys.argv[1:]])
    found, left_out = pairs(what)
    for sentence in left_out:
        click.echo(sentence, err=True)
    certificates = []
    for certificate in certify_all(found, setup, results, command=command, wait=wait):
        certificates.append(certificate)
        if not as_json:
            click.echo(f"{certificate.pair}: {certificate.verdict}", err=True)
    if as_json:
        _print_json([certificate.model_dump(mode="json") for certificate in certificates])
    else:
        print_certificates(_console(), certificates)
    sys.exit(0 if all(one.passed for one in certificates) and not left_out else 1)
