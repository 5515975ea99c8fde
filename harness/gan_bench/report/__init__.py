"""The report: a results folder as markdown with figures beside it, and as one HTML file."""

import re
from dataclasses import dataclass
from pathlib import Path

from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.errors import UsageError
from gan_bench.report.page import build_page
from gan_bench.report.render import render_html, render_markdown
from gan_bench.results.load import load_results
from gan_bench.system.files import write_atomically

__all__ = ["ReportFiles", "write_report"]


@dataclass(frozen=True)
class ReportFiles:
    """What was written."""

    markdown: Path
    """Its figures lie beside it in ``figures/``."""
    html: Path
    """Self-contained: it may be moved, mailed and opened without a network."""


def write_report(
    results_path: Path, out: Path, *, title: str | None = None, target_fid: float | None = None
) -> ReportFiles:
    """Write ``report.md`` with its figures in ``figures/``, and ``report.html``.

    Parameters
    ----------
    results_path
        A results folder; what cannot be read in it is named in the report.
    out
        The folder to write to, made if it is not there; earlier files of these names are replaced.
    title
        The report's heading, made from what was run unless given.
    target_fid
        The FID whose time is shown; without it each data set has its own, if any.

    Raises
    ------
    UsageError
        There is no such results folder, there is no run in it, or ``out`` cannot be written.
    """
    results = load_results(results_path)
    runs = collect_runs(results_path, results)
    if not runs:
        raise results.no_run(results_path, "report")
    summary = summarise(runs, results)
    page = build_page(results_path, results, summary, title, target_fid)
    files = ReportFiles(markdown=out / "report.md", html=out / "report.html")
    markdown, html = render_markdown(page), render_html(page)
    try:
        earlier = _pictures_of(files.markdown)
        (out / "figures").mkdir(parents=True, exist_ok=True)
        for picture in page.pictures:
            write_atomically(out / "figures" / picture.name, picture.png)
        # Last, so that neither page is there before its figures.
        write_atomically(files.markdown, markdown)
        write_atomically(files.html, html)
        for name in earlier - {picture.name for picture in page.pictures}:
            (out / "figures" / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"The report cannot be written to {out} ({error.strerror}); name another folder "
            "with --out."
        ) from error
    return files


def _pictures_of(markdown: Path) -> set[str]:
    """Return the names of the figures that an earlier report shows."""
    if not markdown.is_file():
        return set()
    text = markdown.read_text(encoding="utf-8", errors="replace")
    return set(re.findall(r'src="figures/([a-z0-9-]+\.(?:png|gif))"', text))
