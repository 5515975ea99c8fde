"""Studies of speed in the terminal and as JSON."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from gan_bench.analysis.speed import Figures, SpeedRow, disturbances, hardware_of
from gan_bench.cli.views.tables import print_table, state
from gan_bench.results.speed import SpeedStudy
from gan_bench.text import (
    MISSING,
    WIDE,
    WIDEST,
    Column,
    Table,
    duration,
    factor,
    figure,
    many,
    percent,
)


def print_speed(console: Console, found: Figures) -> None:
    """Print a study's table, and sentences on what it is of."""
    print_table(console, speed_table(found))
    console.print()
    for sentence in sentences(found):
        console.print(Text(sentence))


def speed_table(found: Figures) -> Table:
    """Return one row for each implementation, the fastest first."""
    on_gpu = found.study.gpu is not None
    columns = (
        Column("implementation", "name"),
        Column("images/s", "number"),
        Column("of fastest", "number"),
        Column("95 % interval", "name"),
        Column("first step", "number"),
        Column("turns", "number", WIDE),
        Column("peak MB", "number", WIDE),
        Column("compiling", "number", WIDE),
        Column("machine rate", "number", WIDEST),
        *([Column("")] if any(row.target.reason for row in found.rows) else ()),
    )
    rows = []
    for row in found.rows:
        last = row.target.reason
        cells = _cells(row, on_gpu)
        reason = state("error", last) if last else ""
        rows.append([*cells, *([reason] if len(columns) > len(cells) else ())])
    return Table(columns, rows)


def _cells(row: SpeedRow, on_gpu: bool) -> list[str]:
    target, share = row.target, row.share
    memory = target.device_memory_mb if on_gpu else target.peak_rss_mb
    interval = MISSING
    if share is not None and share.low < share.high:
        interval = f"{percent(share.low, 1)} to {percent(share.high, 1)}"
    elif share is not None:
        interval = "the fastest"
    counted = f"{row.turns}" if not row.discarded else f"{row.turns} of {row.turns + row.discarded}"
    return [
        row.label,
        figure(row.images_per_s),
        MISSING if share is None else percent(share.estimate, 1),
        interval,
        duration(row.start_s),
        counted,
        MISSING if memory is None else f"{memory:,.0f}",
        duration(row.compile_s),
        MISSING if row.machine_fraction is None else percent(row.machine_fraction, 0),
    ]


def sentences(found: Figures) -> list[str]:
    """Return what the figures are of, why the study ended, and what disturbed it."""
    study = found.study
    spec = study.targets[0].spec
    turns = len(study.turns)
    precision = "" if spec.precision == "ieee" else f", precision {spec.precision}"
    said = [
        f"{many(len(study.repeats), 'repeat')} with {many(turns, 'turn')} in "
        f"{duration(study.took_s)} on {hardware_of(study)}, "
        f"{many(spec.threads, 'thread')}{precision}."
    ]
    if (within := found.within) is not None:
        what, which = ("The throughput", "") if found.alone else ("Each ratio", "widest ")
        if within < study.within and not found.disturbed:
            said.append(f"{what} is certain within {percent(within, 1)}, as was asked for.")
        else:
            wide = percent(within, 1) if within < 1 else f"a factor of {factor(1 + within)}"
            said.append(
                f"The {which}95 % interval is within {wide}; {percent(study.within)} was asked for."
            )
    if study.ended == "repeats":
        said.append("It ended before its time because it had made the most repeats.")
    said += disturbances(found)
    said.append(
        "First step: seconds from importing the framework to the end of it; compiling is a part. "
        f"Peak MB: {'of the GPU, of arrays' if study.gpu else 'of the process'}. Machine rate: "
        "share of it that the recipe's arithmetic reached."
    )
    groups = _groups(study)
    if len(groups) > 1:
        linked = all(before & after for before, after in pairwise(groups))
        said.append(
            "The processes did not fit into the memory together: they were measured in "
            f"{len(groups)} groups"
            + (", and up to two of each also in the next." if linked else ".")
        )
    return said


def _groups(study: SpeedStudy) -> list[set[int]]:
    """Return the targets of each group."""
    found: dict[int, set[int]] = {}
    for repeat in study.repeats:
        found.setdefault(repeat.group, set()).update(turn.target for turn in repeat.turns)
    return list(found.values())


def as_dict(found: Figures, path: Path) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    study = found.study
    return {
        "study": str(path) if study.repeats else None,
        "ended": study.ended,
        "took_s": study.took_s,
        "machine": study.machine.model_dump(mode="json"),
        "gpu": study.gpu.card if study.gpu else None,
        "repeats": len(study.repeats),
        "within": found.within,
        "disturbed": found.disturbed,
        "remarks": sentences(found) if study.repeats else [],
        "implementations": [_row_as_dict(row) for row in found.rows],
        "left_out": list(study.left_out),
    }


def _row_as_dict(row: SpeedRow) -> dict[str, Any]:
    target, share = row.target, row.share
    times = ("import_s", "data_s", "setup_s", "first_step_s", "step_s")
    return {
        "implementation": row.label,
        "images_per_s": row.images_per_s,
        "ratio": share and share.estimate,
        "ratio_low": share and share.low,
        "ratio_high": share and share.high,
        "turns": row.turns,
        "discarded": row.discarded,
        "machine_fraction": row.machine_fraction,
        **{name: getattr(target, name) for name in times},
        "compile_s": row.compile_s,
        "peak_rss_mb": target.peak_rss_mb,
        "device_memory_mb": target.device_memory_mb,
        "threads": target.spec.threads,
        "device": target.spec.device,
        "recipe_values": target.spec.recipe_values,
        "reason": target.reason,
    }
