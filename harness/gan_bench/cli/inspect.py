"""``gan-bench list``, ``show``, ``status`` and ``cancel``."""

from pathlib import Path

import click

from gan_bench.cli.options import (
    console,
    json_option,
    print_either,
    print_json,
    results_option,
    say,
)


@click.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the available implementations."""
    from gan_bench.cli.views.tables import print_implementations
    from gan_bench.plugins.describe import implementation_rows

    print_either(implementation_rows(), print_implementations, as_json)


@click.command()
@click.argument("name")
@results_option
@json_option
def show(name: str, results: Path, as_json: bool) -> None:
    """Show an implementation's recipe, a run, or external samples.

    NAME is an implementation from `gan-bench list`, a run id or a unique part of one, or the name
    of external samples.
    """
    from gan_bench.cli.views.tables import print_description
    from gan_bench.plugins.describe import describe
    from gan_bench.plugins.registry import find, is_path, registered, registration_problems

    known = registered().keys() | registration_problems().keys()
    if is_path(name) or name in known or not results.exists():
        (name,) = find([name])
        print_either(describe(name, {}), print_description, as_json)
        return
    from gan_bench.cli.views.results import print_pair, print_record
    from gan_bench.results.external import read_externals
    from gan_bench.results.layout import open_results
    from gan_bench.results.load import find_run

    opened = open_results(results, create=False)
    external = next((one for one in read_externals(opened)[0] if one.facts.name == name), None)
    if external is not None:
        print_either(external.scores, print_pair, as_json)
        return
    folder, record, scores = find_run(opened, name)
    if as_json:
        print_json(record)
    else:
        print_record(console(), record, folder, scores)


@click.command()
@results_option
@click.option("--watch", is_flag=True, help="Keep updating until no run is in progress.")
@json_option
def status(results: Path, watch: bool, as_json: bool) -> None:
    """Show the status of all planned runs and their jobs."""
    from gan_bench.cli.views.progress import show, summary
    from gan_bench.cli.views.tables import print_statuses
    from gan_bench.errors import UsageError
    from gan_bench.launch.status import Scan
    from gan_bench.results.external import external_names, read_externals
    from gan_bench.results.layout import open_results
    from gan_bench.schedulers.jobs import Jobs, follow

    folder = open_results(results, create=False)
    if watch and as_json:
        raise UsageError("--watch and --json exclude each other: use one of them.")
    scan, jobs = Scan(folder), Jobs(folder)
    if watch:
        click.echo(summary(show(console(), follow(scan, jobs))))
    else:
        rows = scan.statuses(jobs.views())
        print_either(rows, print_statuses, as_json)
        externals, _ = read_externals(folder)
        if externals and not rows:
            say(
                f"The results folder {results} has no runs, only {external_names(externals)}, "
                "which `gan-bench report` shows."
            )
    for sentence in (*scan.left_out, *jobs.left_out):
        click.echo(sentence, err=True)


@click.command()
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
