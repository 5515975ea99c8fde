"""How far the final FIDs of one seed differ over frameworks and machines, and how far seeds do.

Usage: ``python benchmarks/one_seed.py RESULTS ... [--csv FILE]``, where each argument is a results
folder, an archive, a baseline of the gate (``.json``) or what ``--csv`` wrote before (``.csv``).
All of them are read as one. The spreads are standard deviations of the logarithm of the FID, pooled
over the recipes. Of one seed, they are over the implementations of a recipe that have it (twins)
on one machine, over the machines of an implementation that have it, and over both.
"""

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gan_bench.analysis.repetitions import pooled_spread
from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.gate.baseline import Baseline
from gan_bench.results.load import load_results


class Value(NamedTuple):
    """A final FID."""

    comparable: str
    """Data, budget, precision and protocol."""
    recipe: str
    """Its name and values."""
    implementation: str
    machine: str
    seed: int
    fid: float


KINDS = {
    "frameworks": ("comparable", "recipe", "machine", "seed"),
    "machines": ("comparable", "recipe", "implementation", "seed"),
    "both": ("comparable", "recipe", "seed"),
    "seeds": ("comparable", "recipe", "implementation", "machine"),
}
"""What the values of a sample have in common, by what they differ in."""


def of_results(path: Path) -> Iterator[Value]:
    results = load_results(path)
    for group in summarise(collect_runs(path, results), results).groups:
        setting = group.setting
        same = f"{setting.data_sha256} {setting.budget_images} {setting.precision}"
        for row in group.rows:
            values = json.dumps(row.runs[0].spec.recipe_values, sort_keys=True)
            by_id = {run.run_id: run for run in (*row.runs, *row.repetitions)}
            for run in by_id.values():
                for score in run.scores_under(setting.protocol):
                    if score.key == (run.spec.steps, group.metric) and score.value:
                        yield Value(
                            f"{same} {setting.protocol}",
                            f"{row.recipe} {values}",
                            run.spec.implementation.name,
                            run.hardware or "",
                            run.spec.seed,
                            score.value,
                        )


def of_baseline(path: Path) -> Iterator[Value]:
    for entry in Baseline.read(path).entries:
        for metric, protocol in entry.scored_by.items():
            for run in entry.seeds:
                if metric.startswith("fid_") and metric in run.figures:
                    yield Value(
                        f"{entry.data_sha256} {entry.budget_images} {entry.precision} {protocol}",
                        f"{entry.recipe} {json.dumps(entry.recipe_values, sort_keys=True)}",
                        entry.implementation,
                        run.machine or "",
                        run.seed,
                        run.figures[metric],
                    )


def of_csv(path: Path) -> Iterator[Value]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Value(**{**row, "seed": int(row["seed"]), "fid": float(row["fid"])})


def to_csv(values: list[Value], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Value._fields)
        writer.writerows(values)


READERS = {".json": of_baseline, ".csv": of_csv}


def spread(values: list[Value], same: tuple[str, ...]) -> tuple[int, float | None]:
    """Return the number of samples of several values with equal fields, and their spread."""
    samples: dict[tuple[object, ...], list[float]] = defaultdict(list)
    for value in values:
        samples[tuple(getattr(value, name) for name in same)].append(value.fid)
    several = [sample for sample in samples.values() if len(sample) > 1]
    return len(several), pooled_spread(several)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--csv", type=Path, help="write the FIDs to this file, too")
    options = parser.parse_args()
    values = [
        value for path in options.paths for value in READERS.get(path.suffix, of_results)(path)
    ]
    if options.csv:
        to_csv(values, options.csv)
    groups: dict[tuple[str, str], list[Value]] = defaultdict(list)
    for value in values:
        groups[value.comparable, value.recipe].append(value)
    print(f"{'':28}" + "".join(f"{f'over {kind}':>24}" for kind in KINDS))
    for (_, recipe), members in [*groups.items(), (("", "all"), values)]:
        cells = []
        for same in KINDS.values():
            number, found = spread(members, same)
            cells.append("-" if found is None else f"{found:.2%} ({number})")
        print(f"{recipe.partition(' ')[0]:28}" + "".join(f"{cell:>24}" for cell in cells))
    machines = sorted({value.machine for value in values})
    print(f"Machines: {'; '.join(machines)}. In brackets: samples of several values.")


if __name__ == "__main__":
    main()
