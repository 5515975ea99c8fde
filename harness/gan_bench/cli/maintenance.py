"""``gan-bench doctor`` and ``clean``."""

import sys
from pathlib import Path

import click

from gan_bench.cli.options import (
    DEFAULT_RESULTS,
    console,
    json_option,
    print_json,
    results_option,
    say,
    typed,
)
from gan_bench.errors import UsageError


@click.command()
@click.option(
    "--results", type=click.Path(path_type=Path), help="Check this results folder instead."
)
@click.option(
    "--repair",
    is_flag=True,
    help="Rebuild what can be rebuilt in it, and move the rest aside; nothing is deleted.",
)
@click.option(
    "--executor",
    metavar="NAME",
    help="Look at a machine of slurm's, or another scheduler's, by one job; results would go to "
    "--results.",
)
@click.option("--slurm", metavar="KEY=VALUE,...", help="What that job is given.")
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    help="The plan whose data set, interpreters and resources that job looks at.",
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
    """Show what this machine has for gan-bench and what it lacks, or check a results folder."""
    if executor is not None:
        if repair:
            raise UsageError("--repair is for a results folder: leave out --executor.")
        _preflight(executor, slurm, plan_file, results or DEFAULT_RESULTS, as_json=as_json)
        return
    if slurm is not None or plan_file is not None:
        raise UsageError("--slurm and --plan are for a scheduler's machine: give --executor.")
    if results is not None:
        _check(results, repair=repair, as_json=as_json)
        return
    if repair:
        raise UsageError("--repair needs the results folder: give --results DIR with it.")
    from dataclasses import asdict

    from gan_bench.cli.views.tables import print_findings
    from gan_bench.maintenance.machine_check import findings

    found = findings()
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        print_findings(console(), found)


def _preflight(
    executor: str, slurm: str | None, plan_file: Path | None, results: Path, *, as_json: bool
) -> None:
    from dataclasses import asdict

    from gan_bench import data
    from gan_bench.cli.options import engine_for
    from gan_bench.cli.views.tables import print_findings
    from gan_bench.maintenance.node_check import preflight
    from gan_bench.plan import request
    from gan_bench.results.layout import open_results
    from gan_bench.schedulers.base import engines

    asked = request.request(request.read_plan_file(plan_file, engines()) if plan_file else {})
    engine = engine_for(executor, asked, slurm)
    if engine is None:
        raise UsageError("The executor local is this machine: leave out --executor.")
    there = [name for name in data.names() if data.describe(name).available]
    datasets = (asked.dataset,) if asked.dataset else tuple(there)
    folder = open_results(results, create=True)
    found = preflight(folder, engine, datasets, asked.python, say=say)
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        print_findings(console(), found)
    sys.exit(1 if any(finding.state == "missing" for finding in found) else 0)


def _check(path: Path, *, repair: bool, as_json: bool) -> None:
    from gan_bench.maintenance import repair as repairs
    from gan_bench.maintenance.results_check import check

    found = check(path)
    done = repairs.repair(path, found.faults, typed()) if repair else []
    did = dict(done)
    left = [fault for fault in found.faults if fault not in did]
    if as_json:
        rows = [
            {
                "path": str(fault.path),
                "run_id": fault.run_id,
                "what": fault.what,
                "remedy": fault.remedy,
                "then": fault.then,
                "done": did.get(fault),
            }
            for fault in found.faults
        ]
        print_json({"runs": found.runs, "busy": found.busy, "faults": rows})
    else:
        for fault in found.faults:
            where = fault.path.relative_to(path)
            did_or_will = f"{did[fault]}; {fault.then}" if fault in did else fault.then
            click.echo(f"{where}: {fault.what}; {did_or_will}.")
        for run_id in found.busy:
            click.echo(f"runs/{run_id}: somebody is at it; it was not looked at.")
        repairable = sum(fault.remedy != "none" for fault in left)
        hint = "" if repair or not repairable else f", {repairable} of which --repair mends"
        click.echo(f"{found.runs:,} runs looked at: {len(left):,} faults{hint}.")
    sys.exit(1 if left else 0)


@click.command()
@results_option
@click.option(
    "--only",
    type=click.Choice(["snapshots", "checkpoints"]),
    help="Of the two, this; both unless given.",
)
@click.option("--yes", is_flag=True, help="Remove without asking.")
@json_option
def clean(results: Path, only: str | None, yes: bool, as_json: bool) -> None:
    """Show the snapshots and checkpoints of finished runs, and remove them once you agree.

    Reports need neither. Without snapshots a run cannot be scored with other features, without
    checkpoints it cannot be sampled.
    """
    from dataclasses import asdict

    from gan_bench.maintenance.clean import KINDS, removable, remove
    from gan_bench.results.layout import open_results

    folder = open_results(results, create=False)
    kinds = tuple(kind for kind in KINDS if only in (None, kind))
    found = removable(folder, kinds)
    if as_json:
        print_json([asdict(one) for one in found])
    for kind in kinds if not as_json else ():
        mine = [one for one in found if one.kind == kind]
        megabytes = sum(one.size_bytes for one in mine) / 1e6
        click.echo(f"{kind} of {len(mine):,} finished runs: {megabytes:,.1f} MB")
    if not found:
        return
    if not yes:
        if as_json or not sys.stdin.isatty():
            click.echo("Nothing was removed; --yes removes them.", err=True)
            return
        if not click.confirm("Remove them?"):
            click.echo("Nothing was removed.")
            return
    remove(folder, found, typed())
    click.echo(f"Removed {sum(one.size_bytes for one in found) / 1e6:,.1f} MB.", err=as_json)
