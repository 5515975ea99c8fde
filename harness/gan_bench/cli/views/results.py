"""Finished runs and their scores in the terminal."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from gan_bench.cli.views.tables import print_table, state
from gan_bench.compare import Comparison
from gan_bench.compare.output import comparison_answer, cost_table, method, notes, verdict_table
from gan_bench.errors import GanBenchError
from gan_bench.gate import Gate
from gan_bench.gate.output import gate_answer, gate_table
from gan_bench.launch.score import Rescored
from gan_bench.metrics import COUNTS, metric
from gan_bench.recipe import NOT_PAIRED
from gan_bench.results.layout import RunFolder
from gan_bench.results.losses import losses_file, read_losses
from gan_bench.results.record import Record
from gan_bench.results.scores import Score, Scores, ScoresHead, why_not_scored
from gan_bench.results.status import NOT_SCORED
from gan_bench.results.training_files import last_checkpoint
from gan_bench.text import (
    MISSING,
    WIDE,
    WIDEST,
    Column,
    Table,
    count,
    duration,
    figure,
    interval,
    listed,
    percent,
)

_BLOCKS = "▁▂▃▄▅▆▇█"
_GAP = " "
_DIGITS = 4
"""Significant digits of scores and losses."""


def sparkline(values: NDArray[np.floating], width: int) -> str:
    """Return a series as a line of blocks, scaled from its lowest to its highest value.

    Parameters
    ----------
    values
        Shape (n,). Values that are not finite are left out.
    width
        Maximum number of characters; each shows the mean of neighbouring values.

    Returns
    -------
    str
        min(n, width) characters: a space if a character has no finite value, and blocks of middle
        height if all means are equal.
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


_LOSS_WORDS = {"d_real": "D(x)", "d_fake": "D(G(z))"}
_NUMBERS_FROM = 60
"""Width of a terminal from which the range of the losses is shown."""
_BESIDE = {True: 50, False: 26}
"""Width that a sparkline leaves to the other columns, with that range and without it."""
_LONGEST = 120
"""Maximum width of a sparkline."""


def print_record(
    console: Console,
    record: Record,
    folder: RunFolder,
    files: Sequence[Scores],
    shown: Callable[[str], str],
) -> None:
    """Print one run: status, times, where its files are, losses and scores.

    ``shown`` makes of a path what the user knows it by.
    """
    problem = None
    if record.status == "ok":
        problem = why_not_scored(ScoresHead.read_all(folder.scores.glob("*.json"))[0])
    console.print(
        Text(record.run_id, style="bold"), state(NOT_SCORED if problem else record.status)
    )
    if reason := problem or record.reason:
        console.print(Text(reason))
    points = {point.step: point for point in record.evaluation_points}
    whose = "the recipe's" if record.paired else NOT_PAIRED
    rows = [
        ("steps", f"{record.steps_done:,} of {record.spec.steps:,}"),
        ("images/s", figure(record.images_per_s)),
        ("import", duration(record.import_s)),
        ("set-up", duration(record.setup_s)),
        ("warm-up", duration(record.warmup_s)),
        ("training", duration(record.train_s)),
        ("peak memory", figure(record.peak_rss_mb) + (" MiB" if record.peak_rss_mb else "")),
        ("attempts", record.attempts),
        ("device", f"{record.spec.device}, {record.circumstances.machine.cpu}"),
        *_gpu(record),
        *(() if record.paired is None else [("initial weights", whose)]),
        *_own_loop(record),
        *_job(record),
        ("parity", record.parity or "no certificate when it was recorded"),
        ("versions", " ".join(f"{k} {v}" for k, v in record.spec.versions.items())),
        *_files(folder, shown),
    ]
    print_table(console, Table([Column("", "name"), Column("")], rows))
    _print_losses(console, folder, record.spec.losses, shown)
    if any(file.scores for file in files):
        cells = [
            (
                count(score.step),
                count(points[score.step].images) if score.step in points else MISSING,
                *_value(score),
                figure(file.floor.get(score.metric), _DIGITS, whole=score.metric in COUNTS),
                "higher" if metric(score.metric).higher_is_better else "lower",
            )
            for file, score in sorted(
                ((file, score) for file in files for score in file.scores),
                key=lambda pair: pair[1].step,
            )
        ]
        images = Column("images", "number", WIDE)
        ends = (Column("real images", "number"), Column("better", "name"))
        print_table(console, Table([Column("step", "number"), images, *_VALUE, *ends], cells))
    if record.log_tail:
        console.print(Text(record.log_tail, style="dim"))


_VALUE = (*(Column("metric", "name"), Column("value", "number")), Column("95 % interval", "number"))
_FLOOR = (Column("floor", "number"), Column("N real / fake", "number"))


def _value(score: Score) -> tuple[str, str, str]:
    value = figure(score.value, _DIGITS, whole=score.metric in COUNTS)
    return score.metric, value, interval(score.low, score.high, _DIGITS)


def _floor(scores: Scores, score: Score) -> tuple[str, str]:
    floor = figure(scores.floor.get(score.metric), _DIGITS, whole=score.metric in COUNTS)
    return floor, f"{score.n_real:,} / {score.n_fake:,}"


def _own_loop(record: Record) -> list[tuple[str, str]]:
    if not record.spec.own_loop:
        return []
    path = record.spec.implementation.path
    script = "its own script" if path is None else f"its own script, {path}"
    return [("trained by", f"{script}; the times include its own data pipeline")]


def _job(record: Record) -> list[tuple[str, str]]:
    job = record.circumstances.job
    return [] if job is None else [("job", " ".join((job.engine, job.job, *job.parameters)))]


def _gpu(record: Record) -> list[tuple[str, str]]:
    """Return what the record says of the run's GPU, without what the card did not show."""
    around = record.circumstances
    gpu, use = around.gpu, around.gpu_use
    if gpu is None:
        return []
    driver = f"driver {gpu.driver or MISSING}, CUDA up to {gpu.driver_cuda or MISSING}"
    exclusive = {True: "yes", False: "no", None: "unknown"}[around.device_exclusive]
    product, copy = around.probe_gflops_after, around.gpu_gb_per_s
    rows = [
        ("GPU", gpu.card),
        *(("  earlier attempt on", card) for card in around.earlier_cards),
        ("  uuid", gpu.uuid),
        ("  software", f"{driver}, found by {gpu.found_by}"),
        ("  power limit", f"{figure(gpu.power_limit_w)} W"),
        ("  exclusive", exclusive),
    ]
    if product is not None:
        rates = f"{figure(product)} GFLOP/s in products, {figure(copy)} GB/s in copies"
        rows.append(("  rates", rates))
    if use is None:
        return rows
    clocks = f"{figure(use.sm_clock_mhz)} MHz, lowest {figure(use.sm_clock_least_mhz)} MHz"
    reasons = MISSING if use.throttle_reasons is None else ", ".join(use.throttle_reasons)
    memory = f"{figure(use.allocated_mb)} MB allocated, {figure(use.reserved_mb)} MB reserved"
    libraries = " ".join(f"{name} {version}" for name, version in (use.libraries or {}).items())
    energy = f"{figure(use.energy_j)} J, {figure(use.j_per_1000_images)} J per 1,000 images"
    return [
        *rows,
        ("  libraries", libraries or MISSING),
        ("  SM clock", clocks),
        ("  temperature", f"{figure(use.temperature_c)} °C"),
        ("  clock lowered for", reasons or "no reason"),
        ("  energy", energy),
        ("  memory", f"{memory}, {figure(use.memory_mb)} MB in use on the card"),
        ("  other processes", MISSING if use.other_processes is None else str(use.other_processes)),
    ]


def _print_losses(
    console: Console, folder: RunFolder, names: Sequence[str], shown: Callable[[str], str]
) -> None:
    """Print each loss from the first to the last planned step."""
    try:
        table = read_losses(folder.losses, names)
    except FileNotFoundError:
        return
    except GanBenchError as error:
        console.print(Text(shown(str(error))))
        return
    width = min(_LONGEST, console.width - _BESIDE[console.width >= _NUMBERS_FROM])
    rows = []
    for column, name in zip(table.T, names, strict=True):
        finite = column[np.isfinite(column)]
        if len(finite):
            numbers = (finite.min(), finite.max(), finite[-1])
            texts = (figure(float(number), _DIGITS) for number in numbers)
            rows.append((_LOSS_WORDS.get(name, name), sparkline(column, width), *texts))
    columns = [Column("loss", "name"), Column("over the steps", "name")]
    columns += [Column(title, "number", _NUMBERS_FROM) for title in ("lowest", "highest")]
    if rows:
        print_table(console, Table([*columns, Column("last", "number")], rows))


def _files(folder: RunFolder, shown: Callable[[str], str]) -> list[tuple[str, str]]:
    """Return where a run's files are; a dash marks those that it does not have."""
    rows = [("files", shown(f"{folder.path}/"))]
    losses = losses_file(folder.losses) or folder.losses
    for what, path in (("record", folder.record), ("log", folder.log), ("losses", losses)):
        rows.append((f"  {what}", path.name if path.exists() else MISSING))
    for what, path, pattern in (
        ("grids", folder.grids, "*.png"),
        ("snapshots", folder.snapshots, "*.npz"),
        ("scores", folder.scores, "*.json"),
    ):
        number = len(list(path.glob(pattern)))
        rows.append((f"  {what}", f"{path.name}/{pattern} ({number:,})" if number else MISSING))
    return [*rows, ("  last checkpoint", _last_checkpoint(folder))]


def _last_checkpoint(folder: RunFolder) -> str:
    try:
        found = last_checkpoint(folder.checkpoints)
    except (GanBenchError, OSError) as error:
        return str(error)
    return f"{found[1].parent.relative_to(folder.path)}/" if found else MISSING


def print_pair(console: Console, scored: Sequence[Scores]) -> None:
    """Print scores with interval, floor and number of images, and the protocol."""
    for scores in scored:
        known = [score for score in scores.scores if score.value is not None]
        first = 0 if any(value is not None for value in scores.floor.values()) else 1
        rows = [(*_value(score), *_floor(scores, score)[first:]) for score in known]
        print_table(console, Table([*_VALUE, *_FLOOR[first:]], rows))
        for sentence in _remarks(scores):
            console.print(Text(sentence))
        for warning in scores.warnings:
            console.print(Text(f"Warning: {warning}", style="yellow"))


def print_rescored(console: Console, runs: Sequence[Rescored]) -> None:
    """Print the scores of each run's last snapshot, and each protocol once."""
    by_protocol: dict[str, tuple[Scores, list[tuple[str, Score]]]] = {}
    for run in runs:
        for scores in run.scores:
            last = max((row.step for row in scores.scores), default=0)
            rows = [(run.run_id, row) for row in scores.scores if row.step == last]
            by_protocol.setdefault(scores.fingerprint, (scores, []))[1].extend(rows)
    for scores, rows in by_protocol.values():
        cells = [(run_id, *_value(score), *_floor(scores, score)) for run_id, score in rows]
        if console.width >= WIDEST:
            print_table(console, Table([Column("run", "name"), *_VALUE, *_FLOOR], cells))
        for run_id in dict.fromkeys(cell[0] for cell in cells if console.width < WIDEST):
            console.print(Text(run_id, style="bold"))
            own = [cell[1:] for cell in cells if cell[0] == run_id]
            print_table(console, Table([*_VALUE, *_FLOOR], own))
        console.print(Text(_protocol(scores)))
        if scores.weights is not None:
            console.print(Text(f"Weights: {scores.weights}."))
        for warning in scores.warnings:
            console.print(Text(f"Warning: {warning}", style="yellow"))


def _protocol(scores: Scores) -> str:
    protocol = scores.protocol
    sha256 = f", sha256 {protocol.features_sha256[:12]}" if protocol.features_sha256 else ""
    where = f":{protocol.split}" if protocol.split else ""
    real = " randomly chosen" if protocol.selection == "drawn" else ""
    fake = " randomly chosen" if scores.fake and scores.fake.drawn else ""
    return (
        f"Protocol {scores.fingerprint}: features {protocol.features}{sha256}, reference "
        f"{protocol.dataset}{where}, {protocol.n_real:,}{real} real and {protocol.n_fake:,}{fake} "
        f"fake images, conversion {protocol.conversion}, resize {protocol.resize}, channels "
        f"{protocol.channels}, seed {protocol.seed}."
    )


def _remarks(scores: Scores) -> Iterator[str]:
    yield _protocol(scores)
    for row in scores.scores:
        if row.bias is not None and row.value is not None:
            yield (
                f"{row.metric}: the estimated bias is {figure(row.bias, _DIGITS)}, so without it "
                f"the value is {figure(max(0.0, row.value - row.bias), _DIGITS)}. The interval is "
                "for the distance of the two distributions; it includes the value with its bias."
            )
        if row.rank_deficient:
            yield (
                f"{row.metric}: a covariance is rank-deficient (rank {row.rank_real} real, "
                f"{row.rank_fake} fake): there are few images, or samples are alike."
            )
    for reason in dict.fromkeys(row.reason for row in scores.scores if row.reason):
        names = ", ".join(row.metric for row in scores.scores if row.reason == reason)
        yield f"{names}: {reason}"
    if scores.floor_reason and scores.floor:
        yield scores.floor_reason
    if scores.weights is not None:
        yield f"Weights: {scores.weights}."


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print the answer, the verdicts, the costs, and other differences."""
    console.print(Text(comparison_answer(comparison), style="bold"))
    console.print(Text(f"A: {comparison.a}\nB: {comparison.b}"))
    verdicts = verdict_table(comparison)
    coloured = [
        (*cells[:-1], state(row.kind, row.verdict))
        for cells, row in zip(verdicts.rows, comparison.rows, strict=True)
    ]
    print_table(console, replace(verdicts, rows=coloured))
    console.print()
    print_table(console, cost_table(comparison))
    for sentence in (*notes(comparison), *method(comparison)):
        console.print(Text(sentence))


def print_gate(console: Console, gate: Gate) -> None:
    """Print the answer, one row for each implementation, and the reason for each verdict."""
    console.print(Text(gate_answer(gate), style="bold"))
    console.print(
        Text(
            f"Baseline {gate.baseline_path}, frozen {gate.baseline.created_at[:10]} with gan-bench "
            f"{gate.baseline.gan_bench}; margin {percent(gate.margin)}."
        )
    )
    print_table(console, gate_table(gate, lambda row: state(row.verdict)))
    for row in gate.rows:
        console.print(Text(f"{row.label}: {row.why}."))
        if row.notes:
            console.print(Text(f"  Differences that do not count: {listed(row.notes)}."))
