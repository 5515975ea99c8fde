"""What ``gan-bench score`` prints."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from gan_bench.cli.views.tables import interval, significant, simple_table
from gan_bench.launch.rescore import Rescored
from gan_bench.results.scores import Score, Scores


def as_dict(run: Rescored) -> dict[str, Any]:
    """Return the outcome for a run as JSON values."""
    return {
        "run_id": run.run_id,
        "problem": run.problem,
        "scores": [scores.model_dump(mode="json") for scores in run.scores],
    }


def print_pair(console: Console, scored: Sequence[Scores]) -> None:
    """Print scores with intervals, floors and image counts, and their protocols."""
    for scores in scored:
        rows = [
            (
                row.metric,
                significant(row.value),
                interval(row),
                significant(scores.floor.get(row.metric)),
                f"{row.n_real:,} / {row.n_fake:,}",
            )
            for row in scores.scores
        ]
        columns = [
            *(("metric", "name"), ("value", "number"), ("95 % interval", "number")),
            *(("floor", "number"), ("N real / fake", "number")),
        ]
        console.print(simple_table(columns, rows))
        for sentence in _remarks(scores):
            console.print(Text(sentence))
        for warning in scores.warnings:
            console.print(Text(f"Warning: {warning}", style="yellow"))


def print_rescored(console: Console, runs: Sequence[Rescored]) -> None:
    """Print the scores of each run's last snapshot, by protocol."""
    by_protocol: dict[str, tuple[Scores, list[tuple[str, Score]]]] = {}
    for run in runs:
        for scores in run.scores:
            last = max((row.step for row in scores.scores), default=0)
            rows = [(run.run_id, row) for row in scores.scores if row.step == last]
            by_protocol.setdefault(scores.fingerprint, (scores, []))[1].extend(rows)
    columns = [
        *(("run", "name"), ("metric", "name"), ("value", "number")),
        *(("95 % interval", "number"), ("floor", "number"), ("N real / fake", "number")),
    ]
    for scores, rows in by_protocol.values():
        cells = [
            (
                *(run_id, row.metric, significant(row.value), interval(row)),
                significant(scores.floor.get(row.metric)),
                f"{row.n_real:,} / {row.n_fake:,}",
            )
            for run_id, row in rows
        ]
        console.print(simple_table(columns, cells))
        console.print(Text(_protocol(scores)))
        for warning in scores.warnings:
            console.print(Text(f"Warning: {warning}", style="yellow"))


def _protocol(scores: Scores) -> str:
    protocol = scores.protocol
    sha256 = f", sha256 {protocol.features_sha256[:12]}" if protocol.features_sha256 else ""
    where = f":{protocol.split}" if protocol.split else ""
    return (
        f"Protocol {scores.fingerprint}: features {protocol.features}{sha256}, reference "
        f"{protocol.dataset}{where}, {protocol.n_real:,} real and {protocol.n_fake:,} fake "
        f"images, resize {protocol.resize}, channels {protocol.channels}, seed {protocol.seed}."
    )


def _remarks(scores: Scores) -> Iterator[str]:
    yield _protocol(scores)
    for row in scores.scores:
        if row.bias is not None:
            yield (
                f"{row.metric}: the estimated bias is {significant(row.bias)}; the interval is for "
                "the distance without bias."
            )
        if row.rank_deficient:
            yield (
                f"{row.metric}: a covariance does not have full rank ({row.rank_real} real, "
                f"{row.rank_fake} fake): too few images, or samples that are alike."
            )
    for reason in dict.fromkeys(row.reason for row in scores.scores if row.reason):
        names = ", ".join(row.metric for row in scores.scores if row.reason == reason)
        yield f"{names}: {reason}"
    if scores.floor_reason and scores.floor:
        yield scores.floor_reason
    if scores.weights is not None:
        yield f"Weights: {scores.weights}."
