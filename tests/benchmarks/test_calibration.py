"""The calibration study's table is what its figures give, and the gate computes as it says."""

import numpy as np
import pandas as pd
import pytest

import calibration
from gan_bench.gate.bounds import measure


@pytest.fixture(scope="module")
def runs():
    return pd.read_csv(calibration.RUNS)


@pytest.fixture(scope="module")
def table():
    return calibration.TABLE.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_committed_table_is_made_of_the_committed_figures(runs, table):
    for section in (calibration.seeds(runs), calibration.planted(runs), calibration.paired(runs)):
        assert "\n".join(section) in table


def test_the_committed_false_alarm_rates_come_out_again(runs, table):
    pool = calibration.pools(runs)["torch-dcgan"]
    random = np.random.default_rng(7)
    for n, m, margin in ((10, 3, 0.0), (10, 3, 0.05), (20, 5, 0.0)):
        (line,) = [
            x
            for x in table.splitlines()
            if x.startswith(f"| torch-dcgan | {n} | {m} | {margin:.0%} ")
        ]
        shown = [float(cell.split(" %")[0]) / 100 for cell in line.split("|")[5:9]]
        again = calibration.resampled(pool, n, m, margin, random, 20_000)
        again += calibration.fitted(pool.std(ddof=1), n, m, margin, random)
        # Four standard errors of the draws, and what rounding takes.
        assert shown == pytest.approx(again, abs=4 * 0.5 / 20_000**0.5 + 0.0005)


@pytest.mark.parametrize("sign, p", [(1, "p_worse"), (-1, "p_better")])
def test_the_studys_p_values_are_the_gates(sign, p):
    random = np.random.default_rng(3)
    for spread in (0.001, 0.1):
        before, after = random.normal(3, spread, (2, 10)), random.normal(3, spread, (2, 3))
        found = calibration.p_worse(before, after, sign=sign)
        for x, y, one in zip(before, after, found, strict=True):
            measured = measure("fid_lenet", np.exp(x).tolist(), np.exp(y).tolist(), 0.05)
            assert getattr(measured, p) == pytest.approx(one)


def test_the_study_has_the_seeds_that_it_was_asked_for(runs):
    seeds = runs.groupby(["change", "implementation"])["seed"].nunique()
    assert seeds[("unchanged", "torch-dcgan")] >= 30
    assert seeds[("unchanged", "keras-dcgan")] >= 12
    planted = seeds.drop("unchanged", level="change")
    assert len(planted) >= 4 and planted.min() >= 6
