"""One run in the terminal: status, times, losses, scores, and where its files are."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from gan_bench.cli.views.tables import count, interval, significant, simple_table, state
from gan_bench.errors import GanBenchError
from gan_bench.results.layout import RunFolder
from gan_bench.results.record import Record
from gan_bench.results.scores import Score
from gan_bench.results.training_files import last_checkpoint, read_losses
from gan_bench.text import duration
from gan_bench.trainer import LOSS_COLUMNS

_BLOCKS = "▁▂▃▄▅▆▇█"
_GAP = " "


def sparkline(values: NDArray[np.floating], width: int) -> str:
    """Draw a series from its least to its greatest value.

    Parameters
    ----------
    values
        (n,), in any unit. What is not finite is left out of its column's mean.
    width
        Characters at most; each is the mean of as many neighbours as it takes.

    Returns
    -------
    str
        min(n, width) characters; a gap where no value of a column is finite, and blocks of middle
        height where all columns are equal.
    """
    columns = min(len(values), width)
    if columns < 1:
        return ""
    parts = np.array_split(np.asarray(values, dtype=np.float64), columns)
    finite = [part[np.isfinite(part)] for part in parts]
    means = np.array([part.mean() if len(part) else np.nan for part in finite])
    known = means[np.isfinite(means)]
    if len(known) == 0:
        return _GAP * columns
    low, high = known.min(), known.max()
    if low == high:
        heights = np.where(np.isfinite(means), 0.5, np.nan)
    else:
        heights = (means - low) / (high - low)
    return "".join(
        _BLOCKS[min(int(height * len(_BLOCKS)), len(_BLOCKS) - 1)] if height >= 0 else _GAP
        for height in heights
    )


_LOSS_WORDS = dict(
    zip(LOSS_COLUMNS, ("generator", "discriminator", "D(x)", "D(G(z))"), strict=True)
)
_NUMBERS_FROM = 60
"""Columns of a terminal from which on the range of the losses has its place."""
_BESIDE = {True: 50, False: 26}
"""Columns beside a sparkline, with that range and without it."""
_LONGEST = 120


def print_record(
    console: Console, record: Record, folder: RunFolder, scores: Sequence[Score]
) -> None:
    """Print one run: status, times, where its files are, losses and scores."""
    console.print(Text(record.run_id, style="bold"), state(record.status))
    if record.reason:
        console.print(Text(record.reason))
    points = {point.step: point for point in record.evaluation_points}
    rows = [
        ("steps", f"{record.steps_done:,} of {record.spec.steps:,}"),
        ("images/s", count(record.images_per_s)),
        ("import, set-up", f"{duration(record.import_s)}, {duration(record.setup_s)}"),
        ("warm-up", duration(record.warmup_s)),
        ("training", duration(record.train_s)),
        ("peak memory", f"{count(record.peak_rss_mb)} MB"),
        ("attempts", record.attempts),
        ("device", f"{record.spec.device}, {record.circumstances.machine.cpu}"),
        *_job(record),
        ("parity", record.parity or "no certificate when it was recorded"),
        ("versions", " ".join(f"{k} {v}" for k, v in record.spec.versions.items())),
        *_files(folder),
    ]
    console.print(simple_table([("", "name"), ("", "text")], rows))
    _print_losses(console, folder)
    if scores:
        cells = [
            (
                count(score.step),
                count(points[score.step].images) if score.step in points else "-",
                score.metric,
                significant(score.value),
                interval(score),
            )
            for score in scores
        ]
        columns = [
            *(("step", "number"), ("images", "number"), ("metric", "name"), ("value", "number")),
            ("95 % interval", "number"),
        ]
        console.print(simple_table(columns, cells))
    if record.log_tail:
        console.print(Text(record.log_tail, style="dim"))


def _job(record: Record) -> list[tuple[str, str]]:
    job = record.circumstances.job
    return [] if job is None else [("job", " ".join((job.engine, job.job, *job.parameters)))]


def _print_losses(console: Console, folder: RunFolder) -> None:
    """Print each loss from the first planned step to the last, as the file has it."""
    try:
        table = read_losses(folder.losses)
    except FileNotFoundError:
        return
    except GanBenchError as error:
        console.print(Text(str(error)))
        return
    wide = console.width >= _NUMBERS_FROM
    width = min(_LONGEST, console.width - _BESIDE[wide])
    rows = []
    for column, word in zip(table.T, _LOSS_WORDS.values(), strict=True):
        finite = column[np.isfinite(column)]
        if len(finite):
            numbers = [float(finite.min()), float(finite.max())] if wide else []
            numbers.append(float(finite[-1]))
            rows.append((word, sparkline(column, width), *map(significant, numbers)))
    columns = [("loss", "name"), ("over the steps", "name")]
    columns += [("least", "number"), ("greatest", "number")] if wide else []
    if rows:
        console.print(simple_table([*columns, ("last", "number")], rows))


def _files(folder: RunFolder) -> list[tuple[str, str]]:
    """Return where a run's files are, ``-`` for what it does not have (any more)."""
    rows = [("files", f"{folder.path}/")]
    for what, path in (("record", folder.record), ("log", folder.log), ("losses", folder.losses)):
        rows.append((f"  {what}", path.name if path.exists() else "-"))
    for what, path, pattern in (
        ("grids", folder.grids, "*.png"),
        ("snapshots", folder.snapshots, "*.npz"),
        ("scores", folder.scores, "*.json"),
    ):
        number = len(list(path.glob(pattern)))
        rows.append((f"  {what}", f"{path.name}/{pattern} ({number:,})" if number else "-"))
    return [*rows, ("  last checkpoint", _last_checkpoint(folder))]


def _last_checkpoint(folder: RunFolder) -> str:
    try:
        found = last_checkpoint(folder.checkpoints)
    except (GanBenchError, OSError) as error:
        return str(error)
    return f"{found[1].parent.relative_to(folder.path)}/" if found else "-"
