"""The report of a results folder: one HTML file, and Markdown with images beside it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.report.page import Page, build_page
from gan_bench.report.render import render_full_markdown, render_html, render_markdown
from gan_bench.results.sources import opened
from gan_bench.system.files import write_atomically, writing_to

__all__ = ["ReportFiles", "report_page", "write_report"]


@dataclass(frozen=True)
class ReportFiles:
    """The files of a report."""

    markdown: Path
    """A short page; its images are beside it, in ``figures/``."""
    full: Path
    """Everything in Markdown, with the same images."""
    html: Path
    """One file without external resources."""


def write_report(
    results_path: Path | Sequence[Path],
    out: Path,
    *,
    title: str | None = None,
    target_fid: float | None = None,
) -> ReportFiles:
    """Write ``report.html``, ``report.md`` and ``report-full.md``, with figures in ``figures/``.

    Parameters
    ----------
    results_path
        Results folders and archives, at least one; the report names files that cannot be read.
    out
        Folder to write to, created if necessary; earlier files of these names are replaced.
    title
        Title of the report; by default made from the runs.
    target_fid
        FID for "time to FID"; by default that of the data set, if it has one.

    Raises
    ------
    UsageError
        There is no such results folder, it has neither runs nor external samples, or ``out`` cannot
        be written.
    """
    page = report_page(results_path, title=title, target_fid=target_fid)
    files = ReportFiles(out / "report.md", out / "report-full.md", out / "report.html")
    texts = {
        files.full: render_full_markdown(page),
        files.markdown: render_markdown(page),
        files.html: render_html(page),
    }
    with writing_to(out, "report"):
        earlier = _pictures_of(files.markdown) | _pictures_of(files.full)
        (out / "figures").mkdir(exist_ok=True)
        for picture in page.pictures:
            write_atomically(out / "figures" / picture.name, picture.content)
        # Last, so that no page exists without its images.
        for path, text in texts.items():
            write_atomically(path, text)
        for name in earlier - {picture.name for picture in page.pictures}:
            (out / "figures" / name).unlink(missing_ok=True)
    return files


def report_page(
    results_path: Path | Sequence[Path],
    *,
    title: str | None = None,
    target_fid: float | None = None,
) -> Page:
    """Return what a report says and shows, see `write_report`.

    Raises
    ------
    UsageError
        There is no such results folder, an archive is refused, or there are neither runs nor
        external samples.
    """
    with opened([results_path] if isinstance(results_path, Path) else results_path) as folder:
        results = folder.load()
        runs = collect_runs(folder.path, results)
        if not runs and not results.externals:
            raise results.no_run(folder.path, "report")
        return build_page(folder.path, results, summarise(runs, results), title, target_fid)


def _pictures_of(markdown: Path) -> set[str]:
    """Return the names of the images in an earlier report."""
    if not markdown.is_file():
        return set()
    text = markdown.read_text(encoding="utf-8", errors="replace")
    return set(re.findall(r'src="figures/([a-z0-9-]+\.(?:png|gif))"', text))
