"""From a results folder to what the gate compares: for the baseline and for the candidate alike."""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from gan_bench.errors import UsageError
from gan_bench.gate.baseline import FEWEST_BASELINE, Baseline, Entry
from gan_bench.gate.entries import entries, older, without
from gan_bench.version import __version__


def freeze(
    path: Path, command: str, seeds: Collection[int] | None = None
) -> tuple[Baseline, tuple[str, ...]]:
    """Return the baseline of a results folder, and a sentence for each thing left out of it.

    Of several sources, recipe values or versions of one implementation, those count that were
    planned last.

    Parameters
    ----------
    path
        The results folder.
    command
        What was typed, for the file.
    seeds
        The seeds that count; by default all.

    Raises
    ------
    UsageError
        There is no such folder, or no implementation in it has enough seeds.
    """
    found = entries(path)
    left = list(found.left_out)
    chosen: dict[tuple[str, str, int], Entry] = {}
    for whole in found.entries:
        kept = tuple(one for one in whole.seeds if seeds is None or one.seed in seeds)
        entry = whole.model_copy(update={"seeds": kept})
        if entry.key in chosen:
            left.append(f"{entry.label}: {older(chosen[entry.key], whole)}.")
        else:
            chosen[entry.key] = entry
    enough = []
    for entry in chosen.values():
        if len(entry.ok) < FEWEST_BASELINE:
            left.append(
                f"{entry.label}: {len(entry.ok)} seeds are ok, a baseline takes {FEWEST_BASELINE}."
            )
            continue
        few = [metric for metric in entry.metrics if entry.having(metric) < FEWEST_BASELINE]
        left += [f"{entry.label}: {entry.having(m)} seeds have {m}, too few." for m in few]
        enough.append(without(entry, few))
    if not enough:
        why = " ".join(left) or "It holds no finished run."
        raise UsageError(f"The results folder {path} makes no baseline. {why}")
    enough.sort(key=lambda entry: (entry.implementation, entry.dataset, entry.budget_images))
    baseline = Baseline(
        gan_bench=__version__,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        entries=tuple(enough),
    )
    return baseline, tuple(left)
