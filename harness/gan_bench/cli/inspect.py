"""What there is: ``gan-bench list``, ``show``, ``status``, ``cancel``, ``doctor``, ``clean``."""

import sys
from pathlib import Path

import click

from gan_bench.cli import DEFAULT_RESULTS, examples
from gan_bench.cli.options import json_option, path_option, results_option, typed
from gan_bench.cli.terminal import console, print_either, print_json, say
from gan_bench.errors import UsageError


@click.command(
    "list",
    epilog=examples(
        "gan-bench list",
        "gan-bench list --json",
    ),
)
@json_option
def list_(as_json: bool) -> None:
    """List the available implementations."""
    from gan_bench.cli.views.tables import print_implementations
    from gan_bench.plugins.describe import implementation_rows

    print_either(implementation_rows(), print_implementations, as_json)


@click.command(
    epilog=examples(
        "gan-bench show torch-dcgan",
        "gan-bench show torch-dcgan-mnist-5k-s0 --results results/local",
    ),
)
@click.argument("name")
@path_option(
    "--results", default=DEFAULT_RESULTS, help="Results folder, or an archive of `gan-bench pack`."
)
@json_option
def show(name: str, results: Path, as_json: bool) -> None:
    """Show an implementation's recipe, a run, or external samples.

    NAME is an implementation from `gan-bench list`, a run id or a unique part of one, or the name
    of external samples.
    """
    from gan_bench.cli.views.tables import print_description
    from gan_bench.plugins.describe import describe
    from gan_bench.plugins.registry import (
        find,
        is_path,
        named_by,
        registered,
        registration_problems,
    )

    known = registered().keys() | registration_problems().keys()
    if is_path(name) or name in known or named_by(name) or not results.exists():
        (name,) = find([name])
        print_either(describe(name, {}), print_description, as_json)
        return
    from gan_bench.cli.views.results import print_pair, print_record
    from gan_bench.results.external import read_externals
    from gan_bench.results.layout import open_results
    from gan_bench.results.load import find_run
    from gan_bench.results.sources import opened

    with opened([results]) as source:
        found = open_results(source.path, create=False)
        external = next((one for one in read_externals(found)[0] if one.facts.name == name), None)
        if external is not None:
            print_either(external.scores, print_pair, as_json)
            return
        folder, record, files = find_run(found, name)
        if as_json:
            print_json(record)
        else:
            print_record(console(), record, folder, files, source.shown)


@click.command(
    epilog=examples(
        "gan-bench status",
        "gan-bench status --results results/mine --watch",
    ),
)
@results_option
@click.option("--watch", is_flag=True, help="Keep updating until no run is in progress.")
@json_option
def status(results: Path, watch: bool, as_json: bool) -> None:
    """Show the status of all planned runs and their jobs."""
    from gan_bench.cli.views.progress import show, summary
    from gan_bench.cli.views.tables import print_finals, print_statuses
    from gan_bench.launch.status import Scan
    from gan_bench.results.external import external_names, read_externals
    from gan_bench.results.layout import open_results
    from gan_bench.schedulers.jobs import Jobs, follow

    folder = open_results(results, create=False)
    if watch and as_json:
        raise UsageError("--watch and --json exclude each other: use one of them.")
    scan, jobs = Scan(folder), Jobs(folder)
    if watch:
        rows = show(console(), follow(scan, jobs))
    else:
        rows = scan.statuses(jobs.views())
        if rows or as_json:
            print_either(rows, print_statuses, as_json)
    if rows and not as_json:
        click.echo(summary(rows))
    externals, _ = read_externals(folder)
    if not rows:
        only = "; `gan-bench run` creates runs."
        if externals:
            only = f", only {external_names(externals)}, which `gan-bench report` shows."
        say(f"The results folder {results} has no runs{only}")
    if not as_json and any(row.status == "ok" for row in rows):
        print_finals(console(), results)
    for sentence in (*scan.left_out, *jobs.left_out):
        click.echo(sentence, err=True)


@click.command(
    epilog=examples(
        "gan-bench cancel --results results/mine",
    ),
)
@results_option
def cancel(results: Path) -> None:
    """Cancel all running and waiting jobs of a results folder.

    Running jobs write a checkpoint first; the same `gan-bench run` resumes their runs.
    """
    from gan_bench.results.layout import open_results
    from gan_bench.schedulers.jobs import Jobs
    from gan_bench.text import many

    jobs = Jobs(open_results(results, create=False))
    count = jobs.cancel()
    for sentence in jobs.left_out:
        click.echo(f"{sentence} Its jobs were not cancelled.", err=True)
    click.echo(f"{many(count, 'job')} cancelled." if count else "There is no job to cancel.")


@click.command(
    epilog=examples(
        "gan-bench doctor",
        "gan-bench doctor --results results/local --repair",
    ),
)
@path_option(
    "--results",
    help="Check this results folder; with --executor, whether the node can write to it.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="Repair the results folder: rebuild files or move them aside; nothing is deleted.",
)
@click.option(
    "--executor",
    metavar="NAME",
    help="Check a cluster node instead, with one job of this executor.",
)
@click.option("--slurm", metavar="KEY=VALUE,...", help="Resources of that job.")
@path_option(
    "--plan",
    "plan_file",
    help="Plan file: the job checks its data set and interpreters, with its resources.",
)
@json_option
def doctor(
    results: Path | None,
    repair: bool,
    executor: str | None,
    slurm: str | None,
    plan_file: Path | None,
    as_json: bool,
) -> None:
    """Check this machine, a cluster node, or a results folder.

    Exit code with --results or --executor: 0 no problem found, 1 otherwise.
    """
    if executor is not None:
        if repair:
            raise UsageError("--repair repairs a results folder: leave out --executor.")
        _check_node(executor, slurm, plan_file, results or DEFAULT_RESULTS, as_json=as_json)
        return
    if slurm is not None or plan_file is not None:
        raise UsageError("--slurm and --plan are for checking a cluster node: give --executor.")
    if results is not None:
        _check_results(results, repair=repair, as_json=as_json)
        return
    if repair:
        raise UsageError("--repair needs a results folder: give --results DIR with it.")
    from gan_bench.cli.views.tables import print_findings
    from gan_bench.maintenance.machine_check import check_machine

    print_either(check_machine(), print_findings, as_json)


def _check_node(
    executor: str, slurm: str | None, plan_file: Path | None, results: Path, *, as_json: bool
) -> None:
    from gan_bench import data
    from gan_bench.cli import jobs
    from gan_bench.cli.views.tables import print_findings
    from gan_bench.maintenance.machine_check import check_node
    from gan_bench.plan import request
    from gan_bench.results.layout import open_results
    from gan_bench.schedulers.base import schedulers

    plan = request.request(request.read_plan_file(plan_file, schedulers()) if plan_file else {})
    engine = jobs.engine_for(executor, plan, slurm)
    if engine is None:
        raise UsageError("The executor local is this machine: leave out --executor.")
    available = tuple(name for name in data.names() if data.describe(name).available)
    datasets = (plan.dataset,) if plan.dataset else available
    folder = open_results(results, create=True)
    findings = check_node(folder, engine, datasets, plan.python, say=say)
    print_either(findings, print_findings, as_json)
    sys.exit(1 if any(finding.state == "missing" for finding in findings) else 0)


def _check_results(path: Path, *, repair: bool, as_json: bool) -> None:
    from gan_bench.maintenance import results_check
    from gan_bench.text import many

    checked = results_check.check(path)
    problems = checked.problems
    fixed = dict(results_check.repair(path, problems, typed())) if repair else {}
    remaining = [problem for problem in problems if problem not in fixed]
    if as_json:
        rows = [
            {
                "path": str(problem.path),
                "run_id": problem.run_id,
                "what": problem.what,
                "remedy": problem.remedy,
                "consequence": problem.consequence,
                "done": fixed.get(problem),
            }
            for problem in problems
        ]
        print_json({"runs": checked.runs, "busy": checked.busy, "problems": rows})
    else:
        for problem in problems:
            done = f"{fixed[problem]}; " if problem in fixed else ""
            where = problem.path.relative_to(path)
            click.echo(f"{where}: {problem.what}; {done}{problem.consequence}.")
        for run_id in checked.busy:
            click.echo(f"runs/{run_id}: skipped, another process is using it.")
        fixable = sum(problem.remedy != "none" for problem in remaining)
        hint = f"; --repair can fix {fixable:,} of them" if fixable and not repair else ""
        click.echo(f"{many(checked.runs, 'run')} checked, {many(len(remaining), 'problem')}{hint}.")
    sys.exit(1 if remaining else 0)


@click.command(
    epilog=examples(
        "gan-bench clean",
        "gan-bench clean --only checkpoints --yes",
    ),
)
@results_option
@click.option(
    "--only",
    type=click.Choice(["snapshots", "checkpoints"]),
    help="Remove only these (default: both).",
)
@click.option("--yes", is_flag=True, help="Remove without asking.")
@json_option
def clean(results: Path, only: str | None, yes: bool, as_json: bool) -> None:
    """Remove the snapshots and checkpoints of runs that succeeded.

    Shows their size and asks first. Keeps the snapshots of a run until every evaluation point has
    an FID. Reports need neither snapshots nor checkpoints. A run without snapshots cannot be
    rescored; a run without checkpoints cannot generate more images.
    """
    from gan_bench.maintenance.results_check import KINDS, removable, remove
    from gan_bench.results.layout import open_results
    from gan_bench.text import many

    folder = open_results(results, create=False)
    kinds = tuple(kind for kind in KINDS if only in (None, kind))
    items = removable(folder, kinds)
    if as_json:
        print_json(items)
    for kind in kinds if not as_json else ():
        sizes = [item.size_bytes for item in items if item.kind == kind]
        click.echo(f"{kind} of {many(len(sizes), 'run')}: {sum(sizes) / 1e6:,.1f} MB")
    if not items:
        return
    if not yes:
        if as_json or not sys.stdin.isatty():
            click.echo("Nothing was removed; pass --yes to remove them.", err=True)
            return
        if not click.confirm("Remove them?"):
            click.echo("Nothing was removed.")
            return
    remove(folder, items, typed())
    click.echo(f"Removed {sum(item.size_bytes for item in items) / 1e6:,.1f} MB.", err=as_json)
