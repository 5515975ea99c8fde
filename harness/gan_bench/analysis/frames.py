"""Results for Python and notebooks: frames with facts, dates and categories, and a summary."""

import html
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.summary import Group, Row, Summary, summarise
from gan_bench.plan import RunSpec
from gan_bench.results import load
from gan_bench.results.sources import opened
from gan_bench.text import figure, listed, many

_CATEGORIES = frozenset(
    {
        *("implementation", "recipe", "framework", "dataset", "metric", "features", "protocol"),
        *("status", "score_status", "preset", "budget", "device", "precision", "train_splits"),
        *("cpu", "gpu"),
    }
)
_FACTS = ("implementation", "recipe", "framework", "dataset", "seed")
"""Columns of ``runs`` that ``scores`` has, too."""
_OF_SEEDS = ("fid", "images_per_s", "finish_s")
"""Figures of a summary that have a least and a greatest value."""
_SETTING = ("device", "hardware", "threads", "precision", "protocol")
_SUMMARY = (
    *("implementation", "recipe", "framework", "dataset", "images", "status", "seeds"),
    *("succeeded", "metric"),
    *(f"{name}{end}" for name in _OF_SEEDS for end in ("", "_min", "_max")),
    *("peak_mb", *_SETTING),
)
_SHOWN = (
    *("implementation", "dataset", "images", "seeds", "status", "metric"),
    *("fid", "fid_min", "fid_max", "images_per_s", "finish_s"),
)
"""Columns of a summary that a notebook shows."""
_MOST_SHOWN = 60


@dataclass(frozen=True, repr=False, eq=False)
class Results(load.Results):
    """The content of a results folder, as `gan_bench.load_results` and `gan_bench.run` return it.

    ``runs`` has one row for each run, ``losses`` one for each training step, with a column for each
    loss of any run, and ``scores`` one for each run, evaluation point, metric and protocol.

    Column names end in the unit; missing values are null. ``finished_at`` is a date in UTC; names,
    such as ``implementation``, ``status`` and ``metric``, are categories. ``scores`` has each run's
    implementation, recipe, framework, data set and seed, which are null for external samples.

    Examples
    --------
    >>> results = gan_bench.load_results("results/reference")
    >>> results.summary()[["implementation", "seeds", "fid", "images_per_s"]]
    >>> results.scores.query("metric == 'fid_lenet' and framework == 'torch'")
    """

    path: Path = Path()
    """The results folder or the archive."""

    def summary(self) -> pd.DataFrame:
        """Return one row for each implementation in each group of comparable runs.

        The figures are those of the report: of the last snapshots, over the seeds that succeeded.
        Groups have the order of the report, and so do rows. An implementation with several recipe
        values or versions has several rows, and what differs is part of its name. External samples
        that were scored like a group's runs are rows of it, without seeds.

        Returns
        -------
        pandas.DataFrame
            ``seeds`` is the number of runs and ``succeeded`` that of those that did. ``metric`` is
            the FID in ``fid``, ``fid_min`` and ``fid_max``: the mean, the least and the greatest
            value over the seeds. ``images_per_s`` is the throughput, ``finish_s`` the seconds of
            warm-up and training, and ``peak_mb`` the highest memory of a run. These three are of
            the group's machine, which ``device``, ``hardware`` and ``threads`` name: from runs
            there, and null without one. If a study of speed on this machine matches, the first two
            are from it, also for implementations that only ran elsewhere. FIDs are from all
            machines. ``images`` is the budget. After `with_values`, there are columns of the
            values, too.
        """
        added = [str(name) for name in self.runs if str(name).startswith(_ADDED)]
        values = self.runs.set_index("run_id")[added].to_dict("index")
        rows: list[dict[str, Any]] = []
        for group in self._analysis.groups:
            for row in group.rows:
                own = values[row.runs[0].run_id]
                rows.append(_summary_row(group, row) | {name: own[name] for name in added})
            rows += _external_rows(group)
        frame = pd.DataFrame(rows, columns=[*_SUMMARY, *added])
        return typed(frame)

    def with_values(self, *, versions: bool = False) -> "Results":
        """Return the results with a column in ``runs`` for each recipe value.

        Parameters
        ----------
        versions
            Whether to add a column for each package's version, too, such as ``version_torch``.

        Returns
        -------
        Results
            The columns are ``value_<field>``, such as ``value_learning_rate``, for every field that
            a recipe of these runs has; in runs without the field they are null.

        Examples
        --------
        >>> results = gan_bench.run("torch-dcgan", set={"learning_rate": [1e-4, 2e-4]})
        >>> results.with_values().summary().plot.scatter("value_learning_rate", "fid")
        """
        rows = [_columns("value", spec.recipe_values) for spec in self._in_order()]
        if versions:
            named = (_columns("version", spec.versions) for spec in self._in_order())
            rows = [row | more for row, more in zip(rows, named, strict=True)]
        added = pd.DataFrame(rows, index=self.runs.index)
        kept = [name for name in self.runs if name not in added]
        return replace(self, runs=pd.concat([self.runs[kept], added], axis=1))

    def _in_order(self) -> Iterator[RunSpec]:
        return (self.specs[run_id] for run_id in self.runs["run_id"])

    @cached_property
    def _analysis(self) -> Summary:
        return summarise(collect_runs(self.path, self), self)

    def __repr__(self) -> str:
        """Return one line: folder, runs, their statuses, and the lowest FID."""
        counts = Counter(run.outcome for run in self._analysis.runs)
        statuses = [f"{number:,} {status}" for status, number in counts.most_common()]
        known = f" ({listed(statuses)})" if statuses else ""
        parts = [f"{self.path}: {many(len(self.runs), 'run')}{known}"]
        parts += [many(len(self.externals), "set") + " of external samples"] * bool(self.externals)
        return f"<gan_bench.Results {', '.join([*parts, *self._lowest()])}>"

    def _lowest(self) -> Iterable[str]:
        """Yield the lowest mean FID of the first group."""
        for group in self._analysis.groups[:1]:
            known = [row for row in group.rows if row.fid and not row.saw_reference]
            for row in sorted(known, key=lambda row: row.fid.mean if row.fid else 0.0)[:1]:
                assert row.fid is not None
                yield f"lowest {group.metric} {figure(row.fid.mean)} ({row.label})"

    def _repr_html_(self) -> str:
        """Return the line and the summary as a table."""
        shown = worded(self.summary()[list(_SHOWN)])
        return f"<p>{html.escape(repr(self)[1:-1])}</p>\n" + shown.to_html(
            index=False, max_rows=_MOST_SHOWN, border=0, na_rep=""
        )


_ADDED = ("value_", "version_")


def load_results(path: Path | str, only: Collection[str] | None = None) -> Results:
    """Read a results folder or an archive, or its runs with the ids ``only``.

    See `gan_bench.load_results`.
    """
    with opened([Path(path)]) as folder:
        found = folder.load(only)
    known = {field.name: getattr(found, field.name) for field in fields(found)}
    scores = found.scores.assign(
        **{
            name: pd.Series([facts.get(name) for facts in _facts(found)], dtype=object)
            for name in _FACTS
        }
    )
    columns = ["run_id", *_FACTS, *(name for name in found.scores if name != "run_id")]
    frames = {"runs": typed(found.runs), "scores": typed(scores[columns])}
    return Results(**{**known, **frames, "path": Path(path)})


def _facts(found: load.Results) -> Iterator[Mapping[Hashable, Any]]:
    """Yield the facts of each score's run; none of external samples."""
    runs = found.runs.reindex(columns=["run_id", *_FACTS]).set_index("run_id")
    of_run = runs.to_dict("index")
    return (of_run.get(run_id, {}) for run_id in found.scores["run_id"])


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose dates are dates and whose names are categories."""
    columns: dict[str, Any] = {}
    for name, column in frame.items():
        if name == "finished_at":
            column = pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce")
        elif name == "seed":
            column = column.astype("Int64")
        elif name in _CATEGORIES:
            column = column.astype("category")
        columns[str(name)] = column
    return pd.DataFrame(columns, index=frame.index)


def _columns(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by the name of their column; lists as tuples, which can be grouped."""
    return {f"{kind}_{name}": _hashable(value) for name, value in values.items()}


def _hashable(value: Any) -> Any:
    return tuple(_hashable(part) for part in value) if isinstance(value, list) else value


def _summary_row(group: Group, row: Row) -> dict[str, Any]:
    return {
        "implementation": row.label,
        "recipe": row.recipe,
        "framework": row.framework,
        **_of_group(group),
        "status": row.status,
        "seeds": len(row.runs),
        "succeeded": sum(run.outcome == "ok" for run in row.runs),
        **_spread("fid", row.fid),
        **_spread("images_per_s", row.images_per_s),
        **_spread("finish_s", row.finish_s),
        "peak_mb": row.peak_mb.high if row.peak_mb else None,
    }


def _external_rows(group: Group) -> list[dict[str, Any]]:
    rows = []
    for name, scores in group.scored.externals if group.scored else ():
        score = scores.rows.get((0, group.scored.metric if group.scored else ""))
        value = None if score is None else score.value
        known = {} if value is None else _spread("fid", SeedValues((value,)))
        counts = {"status": "external", "seeds": 0, "succeeded": 0}
        rows.append({"implementation": name, **_of_group(group), **counts, **known})
    return rows


def _of_group(group: Group) -> dict[str, Any]:
    setting = group.setting
    return {
        "dataset": setting.dataset,
        "images": setting.budget_images,
        "metric": group.metric,
        **{name: getattr(setting, name) for name in _SETTING},
    }


def _spread(name: str, values: SeedValues | None) -> dict[str, float]:
    if values is None:
        return {}
    return {name: values.mean, f"{name}_min": values.low, f"{name}_max": values.high}


def worded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with numbers as people read them."""
    figures = [name for name in frame if pd.api.types.is_float_dtype(frame[name])]
    return frame.assign(**{str(name): frame[name].map(figure) for name in figures})
