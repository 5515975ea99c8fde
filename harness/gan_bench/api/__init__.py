"""gan-bench in Python: what the commands of the same names do.

The arguments are the options of the commands, with the same defaults. Bad input is a
`gan_bench.errors.UsageError` with the sentence that the command prints.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gan_bench.analysis import frames
from gan_bench.analysis.frames import Results
from gan_bench.api.scoring import ImageScores, score
from gan_bench.api.training import run

if TYPE_CHECKING:
    from gan_bench.compare import Comparison
    from gan_bench.report import ReportFiles

__all__ = ["ImageScores", "Results", "compare", "load_results", "report", "run", "score"]


def report(
    results: str | Path | Results | Sequence[str | Path | Results] = "results/local",
    out: str | Path = "reports/local",
    *,
    title: str | None = None,
    target_fid: float | None = None,
) -> "ReportFiles":
    """Write the report of results folders, as ``gan-bench report`` does.

    Parameters
    ----------
    results
        A results folder, an archive of ``gan-bench pack``, or `Results`, whose whole folder is
        reported; or several of them, which become one report.
    out
        Folder to write to, created if necessary; earlier files of these names are replaced.
    title
        Title of the report (default: made from the runs).
    target_fid
        FID for "time to FID" (default: that of the data set, if it has one).

    Returns
    -------
    ReportFiles
        The paths of ``html``, ``markdown`` and ``full``.

    Raises
    ------
    UsageError
        There is no such folder, it has neither runs nor external samples, an archive is refused,
        or ``out`` cannot be written.

    Examples
    --------
    >>> gan_bench.report(["mine.zip", "theirs.zip"], out="reports/both")
    >>> gan_bench.report("results/mine", out="reports/mine", target_fid=30).html
    """
    from gan_bench.report import write_report

    sources = [results] if isinstance(results, str | Path | Results) else results
    folders = [_folder(source) for source in sources]
    return write_report(folders, Path(out), title=title, target_fid=target_fid)


def compare(
    a: str | Path | Results, b: str | Path | Results, *, metric: str | None = None
) -> "Comparison":
    """Compare two results folders, as ``gan-bench compare`` does: whether B is better than A.

    Parameters
    ----------
    a, b
        The results before and after a change: each a results folder, an archive of
        ``gan-bench pack``, or `Results`, whose whole folder is compared.
    metric
        A recorded metric such as ``"fid_lenet"``, or ``"images_per_s"`` (default: the FID that both
        have for the most implementations; without any, ``"images_per_s"``).

    Returns
    -------
    Comparison
        ``rows`` has one for each implementation of either side: its ``verdict``, the ``difference``
        if there are enough seeds, and the figures of both sides. ``left_out`` has a sentence for
        each file that could not be read.

    Raises
    ------
    UsageError
        One is no results folder and no archive or has no runs, or neither has the metric.

    Examples
    --------
    >>> for row in gan_bench.compare("results/main", "results/branch").rows:
    ...     print(row.label, row.verdict)
    """
    from gan_bench.compare import compare as compare_folders

    return compare_folders(_folder(a), _folder(b), metric)


def load_results(path: str | Path = "results/local", *, values: bool = False) -> Results:
    """Read a results folder or an archive of one.

    Parameters
    ----------
    path
        The folder, or an archive of ``gan-bench pack``.
    values
        Whether ``runs`` has a column for each recipe value, see `Results.with_values`.

    Returns
    -------
    Results
        Planned runs without a record have the status ``pending``. If a file cannot be read, its
        run, or its part of the run, is missing, and ``left_out`` has a sentence.

    Raises
    ------
    UsageError
        There is no such folder, or it has another schema version.

    Examples
    --------
    >>> gan_bench.load_results("results/local").runs[["implementation", "seed", "status"]]
    """
    found = frames.load_results(path)
    return found.with_values() if values else found


def _folder(results: str | Path | Results) -> Path:
    return results.path if isinstance(results, Results) else Path(results)
