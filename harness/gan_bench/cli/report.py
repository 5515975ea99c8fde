"""``gan-bench report``, ``export``, ``pack`` and ``compare``, which read finished results."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from gan_bench.cli import DEFAULT_RESULTS, examples
from gan_bench.cli.options import (
    DEFAULT_REPORTS,
    DEFAULT_TABLES,
    POSITIVE,
    json_option,
    out_option,
    path_option,
    results_option,
)
from gan_bench.cli.sinks import SINKS, sinks_of, uri_option
from gan_bench.cli.terminal import console, print_json, say

if TYPE_CHECKING:
    from gan_bench.results.export import Format


@click.command(
    epilog=examples(
        "gan-bench report --open",
        "gan-bench report --results results/mine --out reports/mine --target-fid 30",
        "gan-bench report mine.zip theirs.zip --out reports/both",
    ),
)
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path))
@results_option
@out_option(DEFAULT_REPORTS, "report.html, report.md and report-full.md")
@click.option("--title", help="Title of the report.")
@click.option(
    "--target-fid",
    type=POSITIVE,
    help="Show the time that each implementation takes to reach this FID.",
)
@click.option("--open", "open_", is_flag=True, help="Open report.html in a browser.")
@click.pass_context
def report(
    ctx: click.Context,
    sources: tuple[Path, ...],
    results: Path,
    out: Path,
    title: str | None,
    target_fid: float | None,
    open_: bool,
) -> None:
    """Write the report of results folders as HTML and Markdown.

    SOURCES are results folders and archives of `gan-bench pack`, which become one report. Without
    any, it is the report of --results.
    """
    from gan_bench.report import write_report

    default = ctx.get_parameter_source("results") is click.core.ParameterSource.DEFAULT
    paths = sources if sources and default else (results, *sources)
    files = write_report(paths, out, title=title, target_fid=target_fid)
    click.echo(f"{files.markdown}\n{files.full}\n{files.html}")
    if open_:
        import webbrowser

        if not webbrowser.open(files.html.resolve().as_uri()):
            say(f"No browser was found to open {files.html}; name one in the variable BROWSER.")


@click.command(
    epilog=examples(
        "gan-bench export",
        "gan-bench export --format parquet --out tables",
        "gan-bench export --format tensorboard",
    ),
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["csv", "parquet", "json", *SINKS]),
    default="csv",
    help="Tables as CSV, Parquet (needs pyarrow) or JSON; or runs for TensorBoard or MLflow.",
)
@results_option
@path_option(
    "--out",
    help=f"Folder for the files (default: {DEFAULT_TABLES} for tables, and else "
    f"{DEFAULT_REPORTS}/FORMAT).",
)
@uri_option
def export(file_format: str, results: Path, out: Path | None, mlflow_uri: str | None) -> None:
    """Export tables, or runs for TensorBoard or MLflow."""
    sinks = sinks_of([name for name in SINKS if name == file_format], mlflow_uri, out)
    left_out: tuple[str, ...]
    if sinks:
        from gan_bench.sinks import check, write
        from gan_bench.text import many

        ((name, one),) = sinks.items()
        check(name, one)
        filled = write(name, one, results)
        click.echo(f"{many(len(filled.runs), 'run')} written to {filled.where}")
        left_out = filled.left_out
    else:
        from gan_bench.results.export import export as write_tables

        written = write_tables(results, out or DEFAULT_TABLES, cast("Format", file_format))
        for path in written.files:
            click.echo(path)
        left_out = written.left_out
    for sentence in left_out:
        say(sentence)


@click.command(
    epilog=examples(
        "gan-bench pack results/local --out mine.zip",
        "gan-bench pack results/local --out mine.zip --name 'Group A' --samples",
    ),
)
@click.argument("results", type=click.Path(path_type=Path), default=DEFAULT_RESULTS)
@path_option("--out", required=True, help="The archive to write, such as mine.zip.")
@click.option("--name", metavar="LABEL", help="What reports call it (default: its file's name).")
@click.option(
    "--with-host",
    is_flag=True,
    help="Keep paths, command lines, and names of the machine and its user.",
)
@click.option("--samples", is_flag=True, help="Include the snapshots that are left.")
@json_option
def pack(
    results: Path, out: Path, name: str | None, with_host: bool, samples: bool, as_json: bool
) -> None:
    """Pack a results folder as an archive to share.

    It has everything that a report shows: records, plans, scores, losses, grids, certificates and
    external samples. It has no checkpoints and no logs.
    """
    from gan_bench.results.pack import pack as write_archive
    from gan_bench.text import listed, many

    packed = write_archive(results, out, name=name, host=with_host, samples=samples)
    if as_json:
        print_json(packed)
    else:
        sets = [f"{many(packed.externals, 'set')} of external samples"] * bool(packed.externals)
        content = listed([many(packed.runs, "run"), *sets])
        click.echo(f"{out}: {content}, {packed.size_bytes / 1e6:,.1f} MB")
    for sentence in packed.left_out:
        say(sentence)


@click.command(
    epilog=examples(
        "gan-bench compare results/before results/after",
        "gan-bench compare r1 r2 --metric images_per_s --out pages",
    ),
)
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option(
    "--metric",
    metavar="NAME",
    help="A recorded metric, such as kid_lenet, or images_per_s (default: the FID that both "
    "folders have).",
)
@path_option(
    "--out", help="Folder in which to write compare.md, a page of all this (default: none)."
)
@json_option
def compare(a: Path, b: Path, metric: str | None, out: Path | None, as_json: bool) -> None:
    """Compare two results folders and say whether B is better than A."""
    from gan_bench.cli.views.results import print_comparison
    from gan_bench.compare import compare as compare_folders
    from gan_bench.compare.output import as_dict, write_markdown

    comparison = compare_folders(a, b, metric)
    path = write_markdown(comparison, out) if out is not None else None
    if as_json:
        print_json(as_dict(comparison))
    else:
        print_comparison(console(), comparison)
    if path is not None:
        click.echo(path, err=as_json)
    for sentence in comparison.left_out:
        say(sentence)
