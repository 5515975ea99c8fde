"""``gan-bench compare``: two results folders, and whether the second is better than the first."""

from dataclasses import dataclass
from pathlib import Path

from gan_bench.compare.pairing import SPEED, Folder, RunGroup, partners, read_folder
from gan_bench.compare.verdict import Row, decide, judge
from gan_bench.errors import UsageError
from gan_bench.text import listed

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """What the second folder, B, is against the first, A."""

    a: Path
    b: Path
    metric: str
    rows: tuple[Row, ...]
    left_out: tuple[str, ...]
    """A sentence for each file of the two that could not be read."""


def compare(a: Path, b: Path, metric: str | None = None) -> Comparison:
    """Compare two results folders, implementation by implementation.

    Parameters
    ----------
    a, b
        What was before, and what came of a change.
    metric
        The name of a recorded figure such as ``fid_lenet``, or ``images_per_s``; by default the
        FID that both have, of most implementations.

    Raises
    ------
    UsageError
        One is no results folder or holds no run, or neither has the metric.
    """
    folders = read_folder(a), read_folder(b)
    metric = _metric(folders, metric)
    pairs = partners(folders[0].cells, folders[1].cells)
    rows = [judge(_label(pair, pairs), pair, folders, metric) for pair in pairs]
    left = dict.fromkeys((*folders[0].results.left_out, *folders[1].results.left_out))
    return Comparison(a, b, metric, tuple(decide(rows, metric)), tuple(left))


def _metric(folders: tuple[Folder, Folder], asked: str | None) -> str:
    recorded = list(dict.fromkeys((*folders[0].metrics, *folders[1].metrics)))
    if asked is not None:
        if asked not in recorded and asked != SPEED:
            have = f"recorded are {listed(recorded)}" if recorded else "no figure is recorded"
            raise UsageError(
                f"Neither {folders[0].path} nor {folders[1].path} has a metric {asked!r} of a "
                f"finished run; {have}."
            )
        return asked

    def rank(name: str) -> tuple[bool, int]:
        having = [sum(bool(c.protocols(name)) for c in folder.cells) for folder in folders]
        return all(having), sum(having)

    fids = [n for n in recorded if n.startswith("fid_") and not n.startswith("fid_infinity_")]
    return max(fids, key=rank, default=SPEED)


def _label(
    pair: tuple[RunGroup | None, RunGroup | None],
    pairs: list[tuple[RunGroup | None, RunGroup | None]],
) -> str:
    """Return the implementation's name, with what tells its rows apart where it has several."""
    cell = pair[0] or pair[1]
    assert cell is not None
    same = [c for p in pairs if (c := p[0] or p[1]) is not None and c.name == cell.name]
    if len(same) == 1:
        return cell.name
    names = dict.fromkeys(name for other in same for name in other.identity)
    parts = [
        f"{name.removeprefix('recipe ')} {cell.identity.get(name, 'none')}"
        for name in names
        if name != "data" and len({other.identity.get(name) for other in same}) > 1
    ]
    datasets = {other.dataset for other in same}
    return f"{cell.name} ({', '.join([cell.dataset, *parts] if len(datasets) > 1 else parts)})"
