"""All that a report says and shows, before it takes a form."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import gan_bench
from gan_bench.report.answer import answer, caveats
from gan_bench.report.fid_curves import FidCharts, fid_charts
from gan_bench.report.groups import WORDS
from gan_bench.report.loss_curves import loss_charts
from gan_bench.report.matrix import Matrix
from gan_bench.report.method import Method, method
from gan_bench.report.numbers import listed, many
from gan_bench.report.palette import Look, looks
from gan_bench.report.pictures import Names, Picture
from gan_bench.report.quality import elsewhere, quality
from gan_bench.report.samples import Samples, sample_grids
from gan_bench.report.summary import Group, Row, Summary
from gan_bench.report.table import READING, Table, Trouble, table, troubles
from gan_bench.results import Results


@dataclass(frozen=True)
class GroupPage:
    """What is said and shown of one comparable group."""

    title: str
    setting: str
    answer: list[str]
    table: Table
    quality: Matrix | None
    """All scores of the final snapshot."""
    fid: FidCharts


@dataclass(frozen=True)
class Page:
    """What both templates draw from."""

    title: str
    byline: str
    apart: str
    """Why there are several groups; empty if there is one."""
    groups: list[GroupPage]
    caveats: list[str]
    reading: tuple[str, ...]
    """What the tables' columns mean."""
    troubles: list[Trouble]
    losses: list[Picture]
    samples: list[Samples]
    elsewhere: Matrix | None
    """Samples from elsewhere that compare with no run."""
    method: Method
    left_out: list[str]
    version: str

    @property
    def pictures(self) -> list[Picture]:
        """Every picture, in the order of the page."""
        found = [*self.losses, *(p for group in self.groups for p in group.fid.pictures)]
        for samples in self.samples:
            found += [samples.real] if samples.real else []
            found += samples.finals
            found += [picture for strip in samples.strips for picture in strip.pictures]
        return found


def build_page(path: Path, results: Results, summary: Summary, title: str | None) -> Page:
    """Return the content of a report.

    Parameters
    ----------
    path
        The results folder.
    results
        What was read from it.
    summary
        Its runs in comparable groups.
    title
        The heading, or None for one made from what was run.
    """
    by_label = looks(summary.labels)
    names = Names()
    rows = _rows_once(summary)
    reasons = _score_reasons(results)
    return Page(
        title=title or _title(summary),
        byline=_byline(summary),
        apart=_apart(summary),
        groups=[_group_page(group, results, by_label, names) for group in summary.groups],
        caveats=caveats(summary),
        reading=READING,
        troubles=[_relative(trouble, path) for trouble in troubles(summary.groups, reasons)],
        losses=loss_charts(rows, results.losses, by_label, names),
        samples=_samples(summary, names),
        elsewhere=elsewhere(summary.externals),
        method=method(summary, results.protocols, results.certificates),
        left_out=[sentence.replace(f"{path}/", "") for sentence in results.left_out],
        version=gan_bench.__version__,
    )


def _group_page(
    group: Group, results: Results, by_label: Mapping[str, Look], names: Names
) -> GroupPage:
    return GroupPage(
        title=group.title,
        setting=group.setting.describe(),
        answer=answer(group),
        table=table(group, by_label),
        quality=quality(group),
        fid=fid_charts(group, results.scores, by_label, names),
    )


def _title(summary: Summary) -> str:
    datasets = sorted({group.setting.dataset for group in summary.groups})
    implementations = {run.spec.implementation.name for run in summary.runs}
    if len(implementations) == 1:
        return f"{implementations.pop()} on {listed(datasets, 3)}"
    return f"{many(len(implementations), 'GAN implementation')} on {listed(datasets, 3)}"


def _byline(summary: Summary) -> str:
    ok = sum(run.status == "ok" for run in summary.runs)
    return f"{ok:,} of {many(len(summary.runs), 'planned run')} ok"


def _apart(summary: Summary) -> str:
    if len(summary.groups) < 2:
        return ""
    words = listed([WORDS[name] for name in summary.differing])
    return (
        f"The runs fall into {len(summary.groups)} groups that are not ranked together, as they "
        f"differ in {words}."
    )


def _rows_once(summary: Summary) -> list[tuple[str, Row]]:
    """Return each row with its caption; runs scored under two protocols are trained once."""
    found: dict[tuple[str, ...], tuple[str, Row]] = {}
    for group in summary.groups:
        for row in group.rows:
            caption = f"{row.label} ({group.title})" if group.title else row.label
            found.setdefault(tuple(run.run_id for run in row.runs), (caption, row))
    return list(found.values())


def _samples(summary: Summary, names: Names) -> list[Samples]:
    by_data: dict[tuple[str, str], list[tuple[str, Row]]] = {}
    for caption, row in _rows_once(summary):
        spec = row.runs[0].spec
        by_data.setdefault((spec.dataset, spec.data_sha256), []).append((caption, row))
    return [sample_grids(*key, rows, names) for key, rows in by_data.items()]


def _score_reasons(results: Results) -> dict[str, str]:
    """Return by run id why scoring went wrong."""
    if results.runs.empty:
        return {}
    wrong = results.runs[results.runs["score_status"] == "error"].dropna(subset=["score_reason"])
    return dict(zip(wrong["run_id"], wrong["score_reason"], strict=True))


def _relative(trouble: Trouble, path: Path) -> Trouble:
    """Return it without the place of the results folder, which is nobody's business elsewhere."""

    def without(text: str) -> str:
        return text.replace(f"{path.resolve()}/", "").replace(f"{path}/", "")

    return replace(trouble, reason=without(trouble.reason), log_tail=without(trouble.log_tail))
