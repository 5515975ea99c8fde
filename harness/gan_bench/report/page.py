"""The content of a report, before it becomes HTML or Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from gan_bench.analysis.identity import WORDS
from gan_bench.analysis.summary import Group, Row, Summary
from gan_bench.analysis.time_to_quality import (
    default_target,
    equal_time,
    equal_updates,
    fid_points,
    times_to,
)
from gan_bench.report.charts import Curves, Dots
from gan_bench.report.charts.fid import FidCharts, fid_charts, final_charts
from gan_bench.report.charts.loss_curves import Losses, loss_charts, loss_curves, not_plotted
from gan_bench.report.charts.png import fid_picture, loss_picture
from gan_bench.report.claims import ClaimRow, by_claim, by_document, claims
from gan_bench.report.claims import in_short as claims_in_short
from gan_bench.report.claims.changed import changed_values
from gan_bench.report.pictures import Look, Names, Picture, looks
from gan_bench.report.samples import Leader, SampleRow, Samples, leaders, sample_pages
from gan_bench.report.samples.nearest import shares_table
from gan_bench.report.sections.all_scores import elsewhere, published, quality, scores_in_short
from gan_bench.report.sections.answer import Verdict, answer, caveats, in_short
from gan_bench.report.sections.choices import Choice, choices, more_seeds, no_choice
from gan_bench.report.sections.effects import EffectTables, effect_tables
from gan_bench.report.sections.machines import setting_in_words
from gan_bench.report.sections.method import Method, method
from gan_bench.report.sections.ranking import GLOSSARY, ranking, reading
from gan_bench.report.sections.ranking_rows import Ranking, Target
from gan_bench.report.sections.recipe_vs_framework import Crossed, crossed
from gan_bench.report.sections.side_by_side import Pairs, chosen_pairs, pairs
from gan_bench.report.sections.standings import standings
from gan_bench.results.layout import ResultsFolder
from gan_bench.results.load import Results
from gan_bench.text import Table, listed, many
from gan_bench.version import __version__

MOST_ANIMATIONS = 12
"""Of a data set, in the Markdown report."""


@dataclass(frozen=True)
class GroupPage:
    """The content on one group of comparable runs."""

    title: str
    footnote: bool
    """Whether it is shown as a footnote: one implementation beside a group before it."""
    in_short: str
    """Of a footnote, its figures in one sentence."""
    too_short: str
    """Why no quality is shown as if it were ranked; empty if the budget is long enough."""
    setting: str
    choices: list[Choice]
    """What to use for each purpose."""
    no_choice: str
    """Why there is none; empty if there is."""
    more_seeds: str
    """What to run before one decides; empty if the seeds are enough."""
    first: list[Dots]
    """The charts that the page shows first."""
    leaders: list[Leader]
    verdicts: list[Verdict]
    ranking: Ranking
    quality: list[Table]
    """All scores of the final snapshot, one table for each protocol."""
    effects: EffectTables | None
    crossed: Crossed | None
    fid: FidCharts
    fid_pictures: list[Picture]
    losses: list[Curves]
    run_ids: Mapping[str, frozenset[str]]
    """Run ids by label."""
    pairs: Pairs
    chosen_pairs: list[Table]
    """Comparisons for the Markdown report."""
    claims: list[list[ClaimRow]]
    """The rows of each claim together, the verdict first."""
    claims_by_document: list[str]
    """The values that the runs changed, if any; and a sentence on the claims of each document."""
    scores_in_short: str
    """What the tables of `quality` hold, in one line."""

    @property
    def curves_first(self) -> bool:
        """Whether its FID curves are what the page shows first: there is one implementation."""
        return bool(self.leaders) and not self.first and not self.footnote


@dataclass(frozen=True)
class SamplesPage:
    """The content on one data set's samples."""

    samples: Samples
    """Rows whose quality is ranked, or could be, come first."""
    unranked: frozenset[str]
    """Ids of the runs whose budget was too short to rank quality."""
    shares: Table | None
    """Share of each class among the final samples, mean over the seeds."""


@dataclass(frozen=True)
class Page:
    """The content for both templates."""

    title: str
    byline: str
    apart: str
    """Why there are several groups; empty if there is one."""
    looks: Mapping[str, Look]
    """Look of each implementation by label."""
    groups: list[GroupPage]
    caveats: list[str]
    reading: list[str]
    """Explanations of the ranking's first columns."""
    glossary: tuple[str, ...]
    """Explanations of its other columns, and of words."""
    claims_in_short: str
    """How many claims hold, in one line; empty without claims."""
    loss_pictures: list[Picture]
    losses_note: str
    """A sentence on implementations that are not plotted; empty if all are."""
    samples: list[SamplesPage]
    elsewhere: Table | None
    """External samples that are comparable with no run."""
    published: Table | None
    """Published scores."""
    method: Method
    left_out: list[str]
    version: str

    @property
    def leader(self) -> SampleRow | None:
        """The samples of the best implementation, None if quality is not ranked."""
        if not self.groups:
            return None
        quality, group = self.groups[0].verdicts[0], self.groups[0]
        runs = {run for label in quality.leaders[:1] for run in group.run_ids[label]}
        rows = [row for page in self.samples for row in page.samples.rows]
        return next((row for row in rows if row.run_id in runs), None)

    @property
    def leader_pictures(self) -> list[Picture]:
        """Real images, and the samples of the leader at the end and during training."""
        leader = self.leader
        if leader is None:
            return []
        real = [page.samples.real for page in self.samples if leader in page.samples.rows]
        return [one for one in (*real, leader.final, leader.animation) if one]

    def animations(self, samples: Samples) -> list[Picture]:
        """Return the animations of a data set in the Markdown report, at most `MOST_ANIMATIONS`.

        They are those of each group's leaders, or all if no implementation leads.
        """
        leading = {one.run_id for group in self.groups for one in group.leaders}
        leading |= {self.leader.run_id} if self.leader else set()
        rows = [row for row in samples.rows if row.animation]
        shown = [row for row in rows if row.run_id in leading] or rows
        return [row.animation for row in shown[:MOST_ANIMATIONS] if row.animation]

    @property
    def pictures(self) -> list[Picture]:
        """All images of the Markdown report, in its order."""
        found = [picture for group in self.groups for picture in group.fid_pictures]
        found += self.loss_pictures
        for page in self.samples:
            found += page.samples.pictures()
            found += self.animations(page.samples)
        return found


def build_page(
    path: Path, results: Results, summary: Summary, title: str | None, target_fid: float | None
) -> Page:
    """Return the content of a report.

    By default the title is made from the runs, and the target FID is that of the data set.
    """
    by_label = looks([(label, row.recipe, row.framework) for label, row in summary.rows.items()])
    names = Names()
    rows = _rows_once(summary)
    losses = loss_curves(rows, results.losses)
    samples = [_samples_page(one, summary) for one in sample_pages(rows, names)]
    groups = [
        _group_page(number, summary, results, by_label, losses, samples, target_fid, names)
        for number in range(len(summary.groups))
    ]
    damaged = [sentence for page in samples for sentence in page.samples.damaged]
    return Page(
        title=title or _title(summary),
        byline=_byline(summary),
        apart=_apart(summary),
        looks=by_label,
        groups=groups,
        caveats=caveats(summary),
        reading=reading(group.ranking for group in groups),
        glossary=GLOSSARY,
        claims_in_short=claims_in_short(
            [row for group in groups for rows in group.claims for row in rows]
        ),
        losses_note=not_plotted(rows, losses),
        loss_pictures=[loss_picture(one, by_label[one.label], names) for one in losses],
        samples=samples,
        elsewhere=elsewhere(summary.externals, beside_runs=bool(summary.runs)),
        published=published(results.published),
        method=method(summary, results),
        left_out=[*map(ResultsFolder(path).relative, results.left_out), *damaged],
        version=__version__,
    )


def _group_page(
    number: int,
    summary: Summary,
    results: Results,
    by_label: Mapping[str, Look],
    losses: Sequence[Losses],
    samples: Sequence[SamplesPage],
    target_fid: float | None,
    names: Names,
) -> GroupPage:
    group = summary.groups[number]
    points = fid_points(group)
    equal, updates = equal_time(group, points), equal_updates(group, points)
    ranks = standings(group, equal, updates)
    verdicts, chosen = answer(group, ranks, equal, updates), choices(group, ranks, equal)
    table = ranking(group, ranks, _target(group, points, target_fid), by_label)
    ours = _losses_of(group, losses)
    # Runs that were scored under two protocols are in two groups; their losses are drawn once.
    drawn = {one.runs for other in summary.groups[:number] for one in _losses_of(other, losses)}
    found = pairs(group, table, ranks, ours)
    claimed = claims(group, results.losses)
    tables = quality(group)
    fid = fid_charts(group, points, number)
    return GroupPage(
        title=group.title,
        footnote=number > 0 and len(group.rows) == 1,
        in_short=in_short(group) if len(group.rows) == 1 else "",
        too_short=group.too_short or "",
        setting=setting_in_words(group),
        choices=chosen,
        no_choice="" if chosen else no_choice(group, ranks),
        more_seeds=more_seeds(chosen),
        first=final_charts(group, ranks.quality, ranks.speed, number),
        leaders=leaders(group, ranks.quality, [page.samples for page in samples]),
        verdicts=verdicts,
        ranking=table,
        quality=tables,
        effects=effect_tables(group),
        crossed=crossed(group),
        fid=fid,
        fid_pictures=[fid_picture(curves, by_label, names) for curves in fid.charts],
        losses=loss_charts([one for one in ours if one.runs not in drawn], number),
        run_ids={row.label: frozenset(run.run_id for run in row.runs) for row in group.rows},
        pairs=found,
        chosen_pairs=chosen_pairs(group, found),
        claims=by_claim(claimed),
        claims_by_document=[*filter(None, [changed_values(group)]), *by_document(claimed)],
        scores_in_short=scores_in_short(group, tables),
    )


def _target(group: Group, points: pd.DataFrame, asked: float | None) -> Target | None:
    fid = asked or default_target(group)
    if fid is None or points.empty:
        return None
    return Target(fid, times_to(fid, group, points))


def _losses_of(group: Group, losses: Sequence[Losses]) -> list[Losses]:
    ids = {run.run_id for run in group.runs}
    return [one for one in losses if one.runs & ids]


def _samples_page(samples: Samples, summary: Summary) -> SamplesPage:
    unranked = frozenset(
        run.run_id for group in summary.groups if group.too_short for run in group.runs
    )
    if all(row.run_id in unranked for row in samples.rows):
        # Copies and classes of images after so little training say nothing.
        rows = tuple(replace(row, nearest=None) for row in samples.rows)
        return SamplesPage(replace(samples, rows=rows), unranked, None)
    rows = tuple(sorted(samples.rows, key=lambda row: row.run_id in unranked))
    shares = shares_table([(row.caption, row.shares) for row in rows], samples.real_shares)
    return SamplesPage(replace(samples, rows=rows), unranked, shares)


def _title(summary: Summary) -> str:
    if not summary.runs:
        return "External samples"
    datasets = sorted({group.setting.dataset for group in summary.groups})
    implementations = {run.spec.implementation.name for run in summary.runs}
    if len(implementations) == 1:
        return f"{implementations.pop()} on {listed(datasets, 3)}"
    return f"{many(len(implementations), 'GAN implementation')} on {listed(datasets, 3)}"


def _byline(summary: Summary) -> str:
    if not summary.runs:
        names = listed(list(dict.fromkeys(name for name, _ in summary.externals)), 6)
        return f"There is no run in this results folder, only external samples: {names}"
    ok = sum(run.outcome == "ok" for run in summary.runs)
    sources = list(dict.fromkeys(run.source for run in summary.runs if run.source))
    origin = f", from {listed(sources, 6)}" if sources else ""
    return f"{ok:,} of {many(len(summary.runs), 'planned run')} ok{origin}"


def _apart(summary: Summary) -> str:
    if len(summary.groups) < 2:
        return ""
    words = listed([WORDS[name] for name in summary.differing])
    return (
        f"The runs fall into {len(summary.groups)} groups that are not ranked together, as they "
        f"differ in {words}."
    )


def _rows_once(summary: Summary) -> list[tuple[str, Row]]:
    """Return each row once, with its caption; scored under two protocols, it is in two groups."""
    found: dict[tuple[str, ...], tuple[str, Row]] = {}
    for group in summary.groups:
        for row in group.rows:
            caption = f"{row.label} ({group.title})" if group.title else row.label
            found.setdefault(tuple(run.run_id for run in row.runs), (caption, row))
    return list(found.values())
