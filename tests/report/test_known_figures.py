"""The report of a folder whose every figure is known."""

import math
import statistics

import numpy as np
import pytest
from scipy import stats

from report_folder import (
    add_run,
    empty_results,
    run_spec,
    scores_of,
)
from written_report import (
    FAILED,
    FID,
    SPEED,
    Report,
    classes_of,
    figure_of,
    outside,
    rows_of,
    text_of,
    texts,
)

# By seed, of a folder whose every figure is known.
FIDS = {"torch-dcgan": (4.0, 4.1, 4.2), "keras-dcgan": (7.0, 7.1, 7.5)}
SPEEDS = {"torch-dcgan": (1_000.0, 1_010.0, 1_500.0), "keras-dcgan": (500.0, 510.0, 520.0)}
OTHERS = {
    "torch-dcgan": {
        "kid_lenet": (0.01, 0.02, 0.06),
        "precision_lenet": (0.6, 0.7, 0.86),
        "recall_lenet": (0.5, 0.5, 0.5),
        "coverage_lenet": (0.4, 0.5, 0.6),
        "density_lenet": (0.9, 1.0, 1.1),
        "classes_present": (10.0, 10.0, 10.0),
    },
    "keras-dcgan": {
        "kid_lenet": (0.04, 0.05, 0.06),
        "precision_lenet": (0.2, 0.3, 0.4),
        "recall_lenet": (0.1, 0.2, 0.36),
        "coverage_lenet": (0.15, 0.25, 0.35),
        "density_lenet": (0.5, 0.5, 0.8),
        "classes_present": (8.0, 10.0, 10.0),
    },
}
FLOORS = {
    "fid_lenet": 0.52,
    "kid_lenet": -0.001,
    "precision_lenet": 0.91,
    "recall_lenet": 0.92,
    "coverage_lenet": 0.93,
    "density_lenet": 1.02,
    "classes_present": 10.0,
}
SHARES = {
    "torch-dcgan": (0.2, 0.05, *[0.1] * 5, 0.05, 0.15, 0.05),
    "keras-dcgan": (0.55, *[0.05] * 9),
}


@pytest.fixture(scope="module")
def known_folder(tmp_path_factory):
    """Two implementations, three seeds each and a fourth that failed, four evaluation points."""
    results = empty_results(tmp_path_factory.mktemp("known") / "results")
    curves = {
        "torch-dcgan": lambda seed: {0: 150.0, 200: 60.0, 400: 20.0},
        "keras-dcgan": lambda seed: {0: 160.0, 200: 80.0 + 2 * seed, 400: 40.0 + 2 * seed},
    }
    times = {
        "torch-dcgan": {"warmup_s": 2.5, "train_s": 60.0},
        "keras-dcgan": {"warmup_s": 5.0, "train_s": 120.0},
    }
    peaks = (800.0, 900.4, 850.0)
    for name, fids in FIDS.items():
        finish = sum(times[name].values())
        for seed, fid in enumerate(fids):
            spec = run_spec(name, seed, evaluation_steps=(0, 200, 400, 600))
            scores = scores_of(
                {**curves[name](seed), 600: fid}, bias=0.1, low=fid - 0.3, high=fid + 0.1
            )
            metrics = {metric: values[seed] for metric, values in OTHERS[name].items()}
            classes = classes_of(metrics.pop("classes_present"), SHARES[name])
            rows = [figure_of(metric, value) for metric, value in metrics.items()]
            update = {"scores": [*scores.scores, *rows, classes], "floor": FLOORS}
            points = [
                {"step": step, "images": 100 * step, "train_s": finish * step / 600}
                for step in spec.evaluation_steps
            ]
            add_run(
                results,
                spec,
                scores=[scores.model_copy(update=update)],
                losses=np.tile([1.5, 0.5, 0.7, 0.3], (600, 1)),
                grids=(0, 200, 400, 600),
                images_per_s=SPEEDS[name][seed],
                peak_rss_mb=peaks[seed],
                multiply_adds_fraction=0.4 + 0.01 * seed,
                evaluation_points=points,
                **times[name],
            )
    broken = run_spec("keras-dcgan", 3, evaluation_steps=(0, 200, 400, 600))
    add_run(results, broken, status="error", reason="it broke")
    return results


@pytest.fixture(scope="module")
def known(known_folder, tmp_path_factory):
    return Report(known_folder, tmp_path_factory.mktemp("report"))


EXPECTED = {  # by hand from the figures above
    "torch-dcgan": {
        "Rank": "1",
        FID: "4.10 (4.00 to 4.20)",
        # From 60 at 20.83 s to 20 at 41.67 s: three quarters of the way.
        "Time to FID 30 (s)": "36.5 (3 of 3)",
        SPEED: "1,170 (1,000 to 1,500)",
        "Time to finish (s)": "62.5",
        "Peak memory (MiB)": "900",
        "Status": "ok",
        "KID": "0.0300 (0.0100 to 0.0600)",
        "Precision": "0.720 (0.600 to 0.860)",
        "Recall": "0.500 (0.500 to 0.500)",
        "Coverage": "0.500 (0.400 to 0.600)",
        "Classes present": "10",
        "Warm-up (s)": "2.50",
        "Parameters G": "1,234,567",
        "Parameters D": "138,817",
        "Multiply-adds per image (M)": "45.6",
        "Share of machine rate (%)": "41.0",
        FAILED: "0 of 3",
        "Parity": "not parity-checked",
    },
    "keras-dcgan": {
        "Rank": "2",
        FID: "7.20 (7.00 to 7.50)",
        # The median seed goes from 42 at 83.33 s to 7.1 at 125 s.
        "Time to FID 30 (s)": "97.7 (3 of 4)",  # a seed that failed has not reached it
        SPEED: "510 (500 to 520)",
        "Time to finish (s)": "125",
        "Peak memory (MiB)": "900",
        "Status": "3 ok, 1 error",
        "KID": "0.0500 (0.0400 to 0.0600)",
        "Precision": "0.300 (0.200 to 0.400)",
        "Recall": "0.220 (0.100 to 0.360)",
        "Coverage": "0.250 (0.150 to 0.350)",
        "Classes present": "9.33 (8 to 10)",
        "Warm-up (s)": "5.00",
        "Parameters G": "1,234,567",
        "Parameters D": "138,817",
        "Multiply-adds per image (M)": "45.6",
        "Share of machine rate (%)": "41.0",
        FAILED: "1 of 4",
        "Parity": "not parity-checked",
    },
    "Floor: real against real": {
        FID: "0.520",
        "KID": "-0.00100",
        "Precision": "0.910",
        "Recall": "0.920",
        "Coverage": "0.930",
        "Classes present": "10",
    },
    "Ceiling: untrained generator": {FID: "155 (150 to 160)"},
}
FIRST = ["Rank", FID, "Time to FID 30 (s)", SPEED, "Time to finish (s)", "Peak memory (MiB)"]
"""Columns that are shown at first, before the status."""


@pytest.mark.slow
def test_the_ranking_holds_the_known_figures_in_both_forms(known):
    html = {name: texts(cells) for name, cells in known.ranking().items()}
    columns = list(EXPECTED["torch-dcgan"])
    whole = {name: dict.fromkeys(columns, "") | cells for name, cells in EXPECTED.items()}
    assert known.columns() == columns
    assert html == whole
    assert known.markdown_rankings() == [whole]
    assert list(html) == list(EXPECTED)  # in this order


def test_eight_columns_are_shown_at_first(known):
    head = known.page.find(".//table[@id='ranking-0']/thead/tr")
    shown = [text_of(cell) for cell in head if "extra" not in (cell.get("class") or "")]
    assert shown == ["Implementation", *FIRST, "Status"]
    [short] = known.short_rankings()
    assert list(short["torch-dcgan"]) == [*FIRST, "Status"]
    for name, cells in short.items():
        assert cells == {title: EXPECTED[name].get(title, "") for title in cells}
    body = known.page.find(".//table[@id='ranking-0']/tbody/tr")
    hidden = [text_of(cell) for cell in body if "extra" in cell.get("class", "")]
    assert len(hidden) == len(EXPECTED["torch-dcgan"]) - 7


def test_cells_sort_by_the_whole_figure(known):
    for name, fids in FIDS.items():
        cells = known.ranking()[name]
        for column, value in (
            (FID, statistics.fmean(fids)),
            (SPEED, statistics.fmean(SPEEDS[name])),
            ("Precision", statistics.fmean(OTHERS[name]["precision_lenet"])),
            ("Share of machine rate (%)", 0.41),
        ):
            assert float(cells[column].sort) == pytest.approx(value), (name, column)
    torch, keras = (known.ranking()[name]["Time to FID 30 (s)"].sort for name in FIDS)
    assert float(torch) == pytest.approx(62.5 * (200 + 200 * 30 / 40) / 600)
    assert keras is None  # not by all seeds: it stands last


def test_the_comparison_of_two_holds_the_known_figures(known):
    for name in FIDS:
        facts = known.facts(name)
        for column, text in EXPECTED[name].items():
            if column not in ("Rank", "Parity", "Status", "Warm-up (s)"):
                assert facts[column][0] == text, (name, column)
        assert "Warm-up (s)" not in facts  # it trains, too
        assert facts[FID][1] == pytest.approx(statistics.fmean(FIDS[name]))
        assert facts["Generator's loss, mean of the last tenth"][0] == "1.50"
        assert facts["D(G(z)), mean of the last tenth"][0] == "0.300"
    [table] = [
        rows_of(one)
        for one in known.rendered.findall(".//table")
        if text_of(one).startswith("What keras-dcgan torch-dcgan torch-dcgan / keras-dcgan")
    ]
    assert table[FID] == {
        "keras-dcgan": "7.20 (7.00 to 7.50)",
        "torch-dcgan": "4.10 (4.00 to 4.20)",
        "torch-dcgan / keras-dcgan": "\N{MULTIPLICATION SIGN}0.57",
    }
    assert table["Precision"]["torch-dcgan / keras-dcgan"] == ""  # it may be nearly zero


def welch_of(greater, less):
    """Return the ratio of two, its interval and p, straight from scipy."""
    found = stats.ttest_ind(np.log(greater), np.log(less), equal_var=False)
    low, high = (outside(math.exp(bound)) for bound in found.confidence_interval(0.95))
    p = "p < 0.001" if found.pvalue < 0.001 else f"p = {found.pvalue:#.2g}"
    ratio = math.exp(np.mean(np.log(greater)) - np.mean(np.log(less)))
    return outside(ratio), f"95 % interval {low} to {high}, uncorrected; corrected {p}"


def test_the_answer_holds_ratios_and_intervals_as_scipy_computes_them(known):
    quality = welch_of(FIDS["keras-dcgan"], FIDS["torch-dcgan"])
    speed = welch_of(SPEEDS["torch-dcgan"], SPEEDS["keras-dcgan"])
    # After 62.5 s keras-dcgan is halfway between the points of 41.67 s and 83.33 s.
    equal = welch_of((60.0, 62.0, 64.0), FIDS["torch-dcgan"])
    assert quality[0] == "1.76"
    assert speed[0] == "2.3"
    assert equal[0] == "15"
    assert "p = 0.0" in speed[1]  # three seeds that spread: clear, and only just
    for text in known.both():
        for sentence in (
            "torch-dcgan has the lowest final FID (lenet features): 4.10 (mean of 3 seeds, 4.00 to "
            "4.20); keras-dcgan (7.20) is clearly higher, "
            f"by a factor of {quality[0]} ({quality[1]}).",
            "torch-dcgan trains fastest: 1,170 images/s (mean of 3 seeds, 1,000 to 1,500); it is "
            f"clearly faster than keras-dcgan (510), by a factor of {speed[0]} ({speed[1]}).",
            "After 1 min 02 s, the median time in which torch-dcgan finishes, torch-dcgan has the "
            "lowest FID: 4.10 (mean of 3 seeds, 4.00 to 4.20); keras-dcgan (62.0) is clearly "
            f"higher, by a factor of {equal[0]} ({equal[1]}).",
            "lowest final FID, 4.10",
            "1 run failed: see the ranking.",
            "6 of 7 planned runs ok",
        ):
            assert sentence in text
    [sentence] = known.data["sentences"].values()
    assert f"lower by a factor of {quality[0]} than that of keras-dcgan ({quality[1]})" in sentence
    assert f"torch-dcgan has {speed[0]} times the speed of keras-dcgan ({speed[1]})" in sentence


def test_the_matrix_pairs_twins_by_seed_as_scipy_does(known):
    for title, values in ((FID, FIDS), (SPEED, SPEEDS)):
        logs = [np.log(values[name]) for name in ("torch-dcgan", "keras-dcgan")]
        interval = stats.ttest_rel(*logs).confidence_interval(0.95)
        ratio = outside(math.exp(np.mean(logs[0] - logs[1])))
        low, high = (outside(math.exp(bound)) for bound in interval)
        means = {name: EXPECTED[name][title].partition(" ")[0] for name in FIDS}
        row = {
            "keras": means["keras-dcgan"],
            "torch": means["torch-dcgan"],
            "torch / keras": f"{ratio} ({low} to {high})",
            "Recipe / all recipes": "—",
        }
        [html] = [
            rows_of(region.find("table"))
            for region in known.section("crossed").iter("div")
            if region.get("aria-label") == title
        ]
        tables = [rows_of(table) for table in known.rendered.iter("table")]
        assert html == {"dcgan \N{DAGGER}": row}
        assert html in tables


def test_all_scores_hold_the_known_means_the_interval_and_the_counts(known):
    expected = {
        "FID (lenet)": "4.10",
        "Estimate": "4.00",
        "95 % interval": "3.75 to 4.25",
        "N real / fake": "10,000 / 1,000",
        "KID": "0.0300",
        "Precision": "0.720",
        "Recall": "0.500",
        "Density": "1.00",
        "Coverage": "0.500",
        "Classes present": "10",
    }
    [html] = [rows_of(table) for table in known.section("scores").iter("table")]
    assert html in [rows_of(table) for table in known.rendered.iter("table")]
    assert html["torch-dcgan"] == expected
    assert html["keras-dcgan"]["95 % interval"] == "6.44 to 7.76"
    assert html["keras-dcgan"]["Density"] == "0.600"
    assert html["keras-dcgan"]["Classes present"] == "9.33"
    assert html["Floor: real against real"] == {
        **{"FID (lenet)": "0.520", "Estimate": "—", "95 % interval": "—", "N real / fake": "—"},
        "KID": "-0.00100",
        **{"Precision": "0.910", "Recall": "0.920", "Density": "1.02", "Coverage": "0.930"},
        "Classes present": "10",
    }


def test_the_class_shares_are_shown_as_they_were_counted(known):
    table = known.page.find(".//table[@class='figures heat']")
    shown = rows_of(table)
    for name, shares in SHARES.items():
        percents = [100 * share for share in shares]
        assert [float(share) for share in shown[name].values()] == pytest.approx(percents)
    assert list(shown["real images"].items()) == [(str(digit), "10.0") for digit in range(10)]
    # The darker a cell, the greater its share.
    classes = {cell.text: cell.get("class").split()[1] for cell in table.iter("td")}
    assert (classes["5.0"], classes["10.0"], classes["20.0"]) == ("heat-0", "heat-1", "heat-2")
    [markdown] = [
        rows for t in known.rendered.iter("table") if "real images" in (rows := rows_of(t))
    ]
    assert markdown == shown


def test_the_curves_go_through_the_known_points(known):
    for name, at, by in (("fid-images-0", 60_000, 20_000), ("fid-seconds-0", 62.5, 125 / 6)):
        lines = {t["meta"]: t for t in known.chart(name) if t["mode"] == "lines+markers"}
        torch, keras = lines["torch-dcgan"], lines["keras-dcgan"]
        assert torch["x"][-1] == at
        assert torch["x"][1] == pytest.approx(by, rel=1e-4)
        assert torch["y"] == pytest.approx([150, 60, 20, 4.1])
        assert keras["y"] == pytest.approx([160, 82, 42, 7.2])


def test_seeds_that_never_reach_a_target_are_counted(known_folder):
    found = Report(known_folder, target_fid=7.05)
    assert found.ranking()["torch-dcgan"]["Time to FID 7.05 (s)"][:2] == ("58.6", "3 of 3")
    assert found.ranking()["keras-dcgan"]["Time to FID 7.05 (s)"][:2] == ("125", "1 of 4")
    [markdown] = found.markdown_rankings()
    assert markdown["keras-dcgan"]["Time to FID 7.05 (s)"] == "125 (1 of 4)"
