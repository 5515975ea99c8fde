"""What ``gan-bench score`` does: two sets of images, or kept snapshots again."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.text import Text

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.executor.scoring import Scoring
from gan_bench.external import add_external, check_external, check_name
from gan_bench.folders import open_results
from gan_bench.rescore import Rescored, rescore
from gan_bench.score.cachesize import reference_folder
from gan_bench.score.images import ImageSet
from gan_bench.score.result import Score, Scores
from gan_bench.tables import interval, significant, simple_table

_HOW = "give REAL and FAKE, or --results with a results folder to score its snapshots again"


def check_words(
    images: Sequence[str],
    results: Path | None,
    as_: str | None,
    *,
    of_pairs: bool,
    of_runs: bool,
) -> Literal["pair", "again"]:
    """Say which of the two is asked for.

    Parameters
    ----------
    images, results, as_
        What was named.
    of_pairs, of_runs
        Whether an option was given that only the one or the other has.

    Raises
    ------
    UsageError
        Neither, or a mixture.
    """
    if not images:
        if as_ is not None:
            raise UsageError("--as names the images FAKE: give REAL and FAKE with it.")
        if results is None:
            raise UsageError(f"Say what to score: {_HOW}.")
        if of_pairs:
            raise UsageError("--seed and --no-floor are for REAL and FAKE; a run has its own.")
        return "again"
    if of_runs:
        raise UsageError("--points is for the snapshots of --results, not for REAL and FAKE.")
    if len(images) != 2:
        raise UsageError(f"{len(images)} sets of images were named where two are needed: {_HOW}.")
    if (as_ is None) != (results is None):
        missing, given = ("--results", "--as") if results is None else ("--as", "--results")
        raise UsageError(
            f"{given} with REAL and FAKE wants {missing}, too: a name for FAKE and the folder "
            "whose report is to show it."
        )
    if as_ is not None:
        check_name(as_)
    return "pair"


def again(
    results: Path, scoring: Scoring, points: str, threads: int, command: str
) -> Iterator[Rescored]:
    """Score the snapshots of a results folder."""
    folder = open_results(results, create=False)
    yield from rescore(folder, scoring, points=points, threads=threads, command=command)


def pairs(
    real: str,
    fake: str,
    scoring: Scoring,
    *,
    seed: int,
    threads: int,
    floor: bool,
    say: Callable[[str], None],
    place: tuple[Path, str] | None,
    command: str,
) -> list[Scores]:
    """Score FAKE against REAL with each of the features; with a place, keep it there.

    Raises
    ------
    UsageError
        A side or the features cannot be used, or the place belongs to other images.
    """
    from gan_bench.score.grid import SIDE, grid_png
    from gan_bench.score.pair import open_pair, score_pair, scorer_for
    from gan_bench.score.scorer import Options

    # What cannot be used is found out before the long work, and written after it.
    sides = open_pair(real, fake)
    if place is not None and place[0].exists():
        results = open_results(place[0], create=False)
        check_external(results, check_name(place[1]), sides[1].sha256, sides[1].count)
    found = []
    with contextlib.ExitStack() as stack:
        scorers = []
        for features in scoring.features:
            options = Options(
                features=features.model,
                weights=scoring.weights if features.model == "inception" else None,
                threads=threads,
                cache=reference_folder() if scoring.cache else None,
                seed=seed,
                say=say,
            )
            metrics = scoring.metrics_of(features)
            count = features.images
            pair = sides if count is None else (sides[0].head(count), sides[1].head(count))
            scorer = stack.enter_context(scorer_for(*pair, metrics, options))
            scorers.append((scorer, pair, metrics))
        for scorer, pair, metrics in scorers:
            scores = score_pair(scorer, (real, fake), pair, metrics, with_floor=floor)
            found.append(_of_whole(scores, sides))
            for sentence in scorer.notices():
                say(sentence)
    if place is not None:
        grid = grid_png(sides[1].first(SIDE * SIDE))
        results = open_results(place[0], create=True)
        try:
            for scores in found:
                add_external(results, check_name(place[1]), scores, grid, command=command)
        except OSError as error:
            raise GanBenchError(
                f"The results folder {results.path} cannot be written ({error.strerror})."
            ) from error
    return found


def _of_whole(scores: Scores, sides: tuple[ImageSet, ImageSet]) -> Scores:
    """Return scores whose sides are named by all of their images, of which some may be scored."""
    counted = {
        name: source.model_copy(update={"count": side.count})
        for name, source, side in zip(
            ("real", "fake"), (scores.real, scores.fake), sides, strict=True
        )
        if source is not None
    }
    return scores.model_copy(update=counted)


def as_dict(run: Rescored) -> dict[str, Any]:
    """Return what came of a run as plain values."""
    return {
        "run_id": run.run_id,
        "problem": run.problem,
        "scores": [scores.model_dump(mode="json") for scores in run.scores],
    }


def print_pairs(console: Console, scored: Sequence[Scores]) -> None:
    """Print figures, each with its interval, its counts and the floor, and the protocol."""
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


def print_again(console: Console, runs: Sequence[Rescored]) -> None:
    """Print the figures of each run's last snapshot, and their protocol once."""
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
                f"{row.metric}: {significant(row.bias)} of it is the bias of so few images; the "
                "interval is of the distance without it."
            )
        if row.rank_deficient:
            yield (
                f"{row.metric}: a covariance has less than full rank ({row.rank_real} real, "
                f"{row.rank_fake} fake): few images, or samples that are alike."
            )
    for reason in dict.fromkeys(row.reason for row in scores.scores if row.reason):
        names = ", ".join(row.metric for row in scores.scores if row.reason == reason)
        yield f"{names}: {reason}"
    if scores.floor_reason and scores.floor:
        yield scores.floor_reason
    if scores.weights is not None:
        yield f"Weights: {scores.weights}."
