"""Makes the table of the gate's calibration study from the runs that `calibrate.py` made.

The figures of all runs are kept in ``baselines/calibration/runs.csv``, and the table beside it is
made from that file alone: with ``--results`` the file is written anew first.
"""

import argparse
import itertools
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from gan_bench import load_results
from gan_bench.analysis.statistics import holm
from gan_bench.gate.bounds import LEAST_SPREAD, LEVEL, paired_bound
from gan_bench.plan import RunSpec

FOLDER = Path(__file__).resolve().parent.parent / "baselines" / "calibration"
RUNS, TABLE = FOLDER / "runs.csv", FOLDER / "table.md"
MARGIN = 0.05
DRAWS = 20_000
POOLS = 100
UNCHANGED, TWIN = "torch-dcgan", "keras-dcgan"
SIZES = ((10, 3), (20, 3), (30, 3), (10, 5), (20, 5))
"""Seeds of the baseline and of the candidate."""
GATED = 2
"""Implementations of a gate; the planted changes are tested at Holm's first level for as many."""
Floats = np.ndarray


def collect(results: Path) -> pd.DataFrame:
    """Return one row a run and evaluation point, of all folders of the study."""
    frames = []
    for folder in sorted(path for path in results.iterdir() if path.is_dir()):
        found = load_results(folder)
        fids = found.scores[found.scores["metric"] == "fid_lenet"]
        runs = found.runs[found.runs["status"] != "pending"]
        for name, specs in _by_name(found.specs.values()).items():
            sources = {spec.source_sha256 for spec in specs if spec.run_id in found.records}
            if len(sources) > 1:
                raise SystemExit(f"{folder} has runs of {len(sources)} sources of {name}; move it.")
        frame = runs[["run_id", "implementation", "seed", "status"]].merge(
            fids[["run_id", "images", "value"]], on="run_id", how="left"
        )
        frame.insert(0, "change", folder.name)
        frames.append(frame.drop(columns="run_id").rename(columns={"value": "fid_lenet"}))
    whole = pd.concat(frames)
    whole["images"] = whole["images"].astype("Int64")
    return whole.sort_values(["change", "implementation", "seed", "images"])


def _by_name(specs: Iterable[RunSpec]) -> dict[str, list[RunSpec]]:
    found: dict[str, list[RunSpec]] = {}
    for spec in specs:
        found.setdefault(spec.implementation.name, []).append(spec)
    return found


def _images(runs: pd.DataFrame) -> list[int]:
    return sorted(int(count) for count in runs["images"].dropna().unique() if count)


def logs(runs: pd.DataFrame, change: str, implementation: str, images: int) -> dict[int, float]:
    """Return the logarithms of the FIDs after a number of images, by seed."""
    rows = runs[(runs["change"] == change) & (runs["implementation"] == implementation)]
    rows = rows[(rows["images"] == images) & (rows["status"] == "ok")]
    return {int(s): math.log(v) for s, v in zip(rows["seed"], rows["fid_lenet"], strict=True)}


def p_worse(baseline: Floats, candidate: Floats, margin: float = MARGIN, sign: int = 1) -> Floats:
    """Return the gate's p values of many comparisons at once, as `gate.bounds.measure`.

    Parameters
    ----------
    baseline, candidate
        Logarithms (comparisons, seeds).
    margin
        The gate's, as a share.
    sign
        1 for a candidate that is worse, -1 for one that is better.
    """
    n, m = baseline.shape[1], candidate.shape[1]
    spread = np.maximum(baseline.std(axis=1, ddof=1), LEAST_SPREAD)
    apart = sign * (candidate.mean(axis=1) - baseline.mean(axis=1)) - math.log1p(margin)
    return stats.t.sf(apart / (spread * math.sqrt(1 / n + 1 / m)), n - 1)


def alarms(draw: Callable[[int], Floats], n: int, m: int, margin: float) -> tuple[float, float]:
    """Return how often a gate trips, and how often its rerun on fresh seeds trips, too.

    ``draw(count)`` returns rows of ``count`` seeds' logarithms; the rerun has the same baseline.
    """
    x = draw(n + 2 * m)
    first = p_worse(x[:, :n], x[:, n : n + m], margin) <= LEVEL
    again = p_worse(x[:, :n], x[:, n + m : n + 2 * m], margin) <= LEVEL
    return float(first.mean()), float((first & again).mean())


def resampled(
    pool: Floats, n: int, m: int, margin: float, random: np.random.Generator, draws: int
) -> tuple[float, float]:
    """Return `alarms` for baselines and candidates that are resampled from measured seeds."""

    def draw(count: int) -> Floats:
        return random.permuted(np.tile(pool, (draws, 1)), axis=1)[:, :count]

    return alarms(draw, n, m, margin)


def resampled_bound(
    pool: Floats, n: int, m: int, margin: float, random: np.random.Generator
) -> tuple[float, float]:
    """Return 95 % upper bounds of both rates: other seeds might have been measured.

    The 95th percentile over pools of as many seeds, resampled with replacement and smoothed by a
    Gaussian kernel of Silverman's width (Silverman and Young 1987, "The bootstrap: to smooth or
    not to smooth?").
    """
    width = 1.06 * pool.std(ddof=1) * len(pool) ** -0.2
    rates = []
    for _ in range(POOLS):
        other = random.choice(pool, len(pool)) + random.normal(0, width, len(pool))
        # Smoothing widens a sample; this gives it its own variance back.
        other = pool.mean() + (other - pool.mean()) / math.sqrt(1 + (width / pool.std(ddof=1)) ** 2)
        rates.append(resampled(other, n, m, margin, random, 2_000))
    first, both = np.quantile(np.array(rates), 0.95, axis=0)
    return float(first), float(both)


def fitted(
    spread: float, n: int, m: int, margin: float, random: np.random.Generator
) -> tuple[float, float]:
    """Return `alarms` where the logarithms are normal with a spread."""
    return alarms(lambda count: random.normal(0, spread, (5 * DRAWS, count)), n, m, margin)


def upper_spread(pool: Floats) -> float:
    """Return the upper end of the one-sided 95 % interval of a normal distribution's spread."""
    return float(
        pool.std(ddof=1) * math.sqrt((len(pool) - 1) / stats.chi2.ppf(0.05, len(pool) - 1))
    )


def family(spreads: Iterable[float], n: int, m: int, random: np.random.Generator) -> float:
    """Return how often one of several unchanged implementations fails a gate with its rerun."""
    p = []
    for spread in spreads:
        x = random.normal(0, spread, (DRAWS, n + 2 * m))
        pairs = (x[:, n : n + m], x[:, n + m :])
        p.append([p_worse(x[:, :n], candidate) for candidate in pairs])
    first, again = np.array([pair[0] for pair in p]).T, np.array([pair[1] for pair in p]).T
    failed = 0
    for row, rerun in zip(first, again, strict=True):
        if row.min() > LEVEL / len(row):
            continue
        tripped = [i for i, corrected in enumerate(holm(row.tolist())) if corrected <= LEVEL]
        failed += any(p <= LEVEL for p in holm([float(rerun[i]) for i in tripped]))
    return failed / DRAWS


def caught(before: Floats, after: Floats, m: int, sign: int = 1) -> tuple[float, float | None]:
    """Return how often a change is caught, at once and with its rerun, over subsets of its seeds.

    The rerun needs m more seeds; without them the second share is None.
    """
    first, both = [], []
    for chosen in itertools.combinations(range(len(after)), m):
        rest = [i for i in range(len(after)) if i not in chosen][:m]
        tripped, again = (
            p_worse(before[None], after[None, list(some)], sign=sign)[0] <= LEVEL / GATED
            for some in (chosen, rest)
        )
        first.append(tripped)
        if len(rest) == m:
            both.append(tripped and again)
    return float(np.mean(first)), float(np.mean(both)) if both else None


def unlucky(spread: float, n: int, m: int, random: np.random.Generator) -> float:
    """Return the false-alarm rate of the baseline that only one in twenty is worse than.

    A project lives with one baseline: these are rates over candidates and reruns, by baseline.
    """
    baselines = random.normal(0, spread, (500, n))
    means = random.normal(0, spread / math.sqrt(m), (4_000, 2))
    rates = []
    for baseline in baselines:
        reach = max(baseline.std(ddof=1), LEAST_SPREAD) * math.sqrt(1 / n + 1 / m)
        bound = baseline.mean() + math.log1p(MARGIN) + stats.t.isf(LEVEL, n - 1) * reach
        # The rerun is independent of the first candidate, given the baseline.
        rates.append(float((means > bound).mean()) ** 2)
    return float(np.quantile(rates, 0.95))


def power(spread: float, n: int, m: int, times: float, random: np.random.Generator) -> float:
    """Return how often a change that multiplies FID fails a gate, its rerun included."""
    x = random.normal(0, spread, (DRAWS, n + 2 * m))
    x[:, n:] += math.log(times)
    pairs = (x[:, n : n + m], x[:, n + m :])
    tripped = [p_worse(x[:, :n], candidate) <= LEVEL / GATED for candidate in pairs]
    return float((tripped[0] & tripped[1]).mean())


def percent(value: float | None) -> str:
    """Return a share as text."""
    return "" if value is None else f"{100 * value:.1f} %"


def pools(runs: pd.DataFrame) -> dict[str, Floats]:
    """Return the logarithms of the final FIDs of the unchanged implementations."""
    last = _images(runs)[-1]
    return {
        name: np.array(list(logs(runs, "unchanged", name, last).values()))
        for name in (UNCHANGED, TWIN)
    }


def table(runs: pd.DataFrame) -> str:
    """Return the study's page."""
    parts = [
        "# The gate's calibration",
        "",
        "Made by `python benchmarks/calibration.py` from `runs.csv`; docs/ci.md says what it "
        "means.",
        f"Preset ci, {_images(runs)[-1]:,} images of mnist-5k, fid_lenet; level {LEVEL:.0%}, "
        f"margin {MARGIN:.0%}.",
        *("", "## The seeds", "", *seeds(runs)),
        *("", "## False alarms, nothing changed", "", *false_alarms(runs)),
        *("", "## How small a regression is caught", "", *sizes(runs)),
        *("", "## Planted changes", "", *planted(runs)),
        *("", "## Paired seeds", "", *paired(runs)),
    ]
    return "\n".join(parts) + "\n"


def seeds(runs: pd.DataFrame) -> list[str]:
    """Describe the unchanged implementations' seeds."""
    lines = [
        "| implementation | seeds | failed | geometric mean | spread of log FID | 95 % upper | "
        "Shapiro-Wilk p | skewness |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    unchanged = runs[runs["change"] == "unchanged"]
    for name, pool in pools(runs).items():
        tried = unchanged[unchanged["implementation"] == name].drop_duplicates("seed")
        lines.append(
            f"| {name} | {len(pool)} | {(tried['status'] != 'ok').sum()} | "
            f"{math.exp(pool.mean()):.2f} | {pool.std(ddof=1):.4f} | {upper_spread(pool):.4f} | "
            f"{stats.shapiro(pool).pvalue:.2f} | {stats.skew(pool):+.2f} |"
        )
    return lines


def false_alarms(runs: pd.DataFrame) -> list[str]:
    """Say how often a gate trips and fails where nothing has changed."""
    random = np.random.default_rng(0)
    lines = [
        "Shares of comparisons, each with its 95 % upper bound: of the gate's first three or five "
        "seeds, and of gates that fail, whose rerun on as many fresh seeds trips as well.",
        "",
        "| implementation | baseline seeds | candidate seeds | margin | trips, resampled | "
        "fails, resampled | trips, log-normal | fails, log-normal |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, pool in pools(runs).items():
        for (n, m), margin in itertools.product(SIZES, (0.0, MARGIN)):
            shown = ["too few seeds"] * 2
            if n + 2 * m <= len(pool):
                rates = resampled(pool, n, m, margin, random, DRAWS)
                bounds = resampled_bound(pool, n, m, margin, random)
                shown = [_bounded(*pair) for pair in zip(rates, bounds, strict=True)]
            fit = fitted(pool.std(ddof=1), n, m, margin, random)
            high = fitted(upper_spread(pool), n, m, margin, random)
            shown += [_bounded(*pair) for pair in zip(fit, high, strict=True)]
            lines.append(f"| {name} | {n} | {m} | {margin:.0%} | {' | '.join(shown)} |")
    spreads = [upper_spread(pool) for pool in pools(runs).values()]
    lines += [
        "",
        "A gate over both, with 12 seeds of each in the baseline and 3 of each in the candidate, "
        f"Holm and the rerun, fails by chance in {percent(family(spreads, 12, 3, random))} of the "
        "cases, where the spreads are at their upper bounds and the logarithms normal.",
        "",
    ]
    for n in (10, 30):
        rates = [unlucky(pool.std(ddof=1), n, 3, random) for pool in pools(runs).values()]
        lines.append(
            f"Of gates with {n} seeds in the baseline, 3 in the candidate and the margin, one in "
            f"twenty has a baseline with which more than {percent(max(rates))} of unchanged "
            "candidates fail."
        )
    return lines


def sizes(runs: pd.DataFrame) -> list[str]:
    """Say how often changes of some sizes are caught, were the logarithms normal."""
    random = np.random.default_rng(1)
    spread = pools(runs)[UNCHANGED].std(ddof=1)
    times = (1.05, 1.08, 1.10, 1.12, 1.15, 1.20)
    lines = [
        f"A change that multiplies every FID of {UNCHANGED}, in a gate over {GATED} "
        "implementations, fails this often, the rerun on as many fresh seeds included, were the "
        "logarithms normal:",
        "",
        f"| baseline seeds | candidate seeds | {' | '.join(f'x {factor}' for factor in times)} |",
        f"|--:|--:|{'--:|' * len(times)}",
    ]
    for n, m in SIZES:
        shown = [percent(power(spread, n, m, factor, random)) for factor in times]
        lines.append(f"| {n} | {m} | {' | '.join(shown)} |")
    return lines


def _bounded(rate: float, bound: float) -> str:
    return f"{percent(rate)} (≤ {percent(max(rate, bound))})"


def planted(runs: pd.DataFrame) -> list[str]:
    """Say which planted changes are caught, by the images that they are trained on."""
    changes = [name for name in dict.fromkeys(runs["change"]) if name != "unchanged"]
    lines = [
        f"Against the seeds of {UNCHANGED} that are none of the change's, in a gate over "
        f"{GATED} implementations: how often a change is caught by 3 seeds, with the rerun on 3 "
        "others, and by 5 seeds, over all subsets of its seeds; and how often 3 seeds call it an "
        "improvement.",
        "",
        "| change | images | seeds | failed | FID (least to most) | times the unchanged | 3 seeds "
        "| 3 and 3 | 5 seeds | improvement |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for change, count in itertools.product(changes, _images(runs)):
        after = logs(runs, change, UNCHANGED, count)
        before = logs(runs, "unchanged", UNCHANGED, count)
        others = np.array([value for seed, value in before.items() if seed not in after])
        values = np.array(list(after.values()))
        tried = runs[runs["change"] == change].drop_duplicates("seed")
        shown = ["too few seeds"] * 6
        if len(values) >= 5:
            three, rerun = caught(others, values, 3)
            five, _ = caught(others, values, 5)
            better, _ = caught(others, values, 3, -1)
            fids = [math.exp(value) for value in (values.mean(), values.min(), values.max())]
            shown = ["{:.1f} ({:.1f} to {:.1f})".format(*fids)]
            shown += [f"{math.exp(values.mean() - others.mean()):.2f}"]
            shown += [percent(three), percent(rerun), percent(five), percent(better)]
        failed = f"{(tried['status'] != 'ok').sum()} of {len(tried)}"
        lines.append(f"| {change} | {count:,} | {len(values)} | {failed} | {' | '.join(shown)} |")
    return lines


def paired(runs: pd.DataFrame) -> list[str]:
    """Say how alike runs of equal seeds are: of twins, and of the planted changes."""
    changes = [name for name in dict.fromkeys(runs["change"]) if name != "unchanged"]
    lines = [
        f"Runs of equal seeds have start, data and noise in common. {TWIN} differs from "
        f"{UNCHANGED} by rounding alone. Of log FIDs of equal seeds: their correlation, and the "
        "spread of their differences against that of differences of unequal seeds; and how often "
        f"three seeds pass by pairs, being worse by less than {MARGIN:.0%} with a confidence of "
        "95 %, over all subsets.",
        "",
        f"| against {UNCHANGED} | images | pairs | correlation | spread, paired | spread, unpaired "
        "| times | passes by pairs |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    sides = [("unchanged", TWIN), *((change, UNCHANGED) for change in changes)]
    for (change, name), count in itertools.product(sides, _images(runs)):
        one, other = (
            logs(runs, *side, count) for side in (("unchanged", UNCHANGED), (change, name))
        )
        shared = sorted(one.keys() & other.keys())
        x, y = (np.array([side[seed] for seed in shared]) for side in (one, other))
        passes = [
            bound is not None and bound <= MARGIN
            for some in itertools.combinations(range(len(x)), 3)
            if (chosen := list(some))
            for bound in [paired_bound("fid_lenet", np.exp(x[chosen]), np.exp(y[chosen]))]
        ]
        lines.append(
            f"| {name if change == 'unchanged' else change} | {count:,} | {len(shared)} | "
            f"{np.corrcoef(x, y)[0, 1]:+.2f} | {(y - x).std(ddof=1):.4f} | "
            f"{math.sqrt(x.var(ddof=1) + y.var(ddof=1)):.4f} | {math.exp((y - x).mean()):.3f} | "
            f"{percent(float(np.mean(passes)))} |"
        )
    return lines


def main() -> None:
    """Write the table, and with ``--results`` the figures before it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, help="what calibrate.py wrote")
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if asked.results is not None:
        collect(asked.results).to_csv(RUNS, index=False)
    TABLE.write_text(table(pd.read_csv(RUNS)), encoding="utf-8")


if __name__ == "__main__":
    main()
