"""The page, the table of trials and the JSON: every figure with its N and its definition."""

import csv
import io
import json

import pytest
from PIL import Image

pytest.importorskip("optuna", reason="optuna is not installed")

from gan_bench.sensitivity.files import as_dict, trials_csv, write_page
from gan_bench.sensitivity.output import (
    Measured,
    answer,
    curve_table,
    importance_table,
    notes,
    spread_table,
)
from study_trials import RANGES, UNTRAINED, made

OF_LOG_FID = "of the variance of log FID"
FIDS = [40.0, "diverged", 20.0, ("collapsed", 60.0), 30.0]


def of(*studies):
    return [Measured(study) for study in studies]


def test_the_answer_names_best_median_and_failures():
    study = made(FIDS)
    values = ", ".join(f"{name}={value}" for name, value in study.trials[2].values.items())
    assert answer(Measured(study)) == (
        f"torch-dcgan: of 5 trials, the best FID is 20.0 ({values}) and the median 35.0; "
        "1 diverged, 1 collapsed."
    )
    nothing = answer(Measured(made(["diverged", "error"])))
    assert nothing == "torch-dcgan: none of 1 trial has an FID; 1 diverged, 0 collapsed."


def test_every_table_states_its_n():
    both = of(made(FIDS), made([25.0] * 3, name="jax-dcgan"))
    first, second = spread_table(both).records()
    assert (first["N trials"], first["N with FID"], first["median"]) == ("5", "4", "35.0")
    assert (first["diverged"], first["collapsed"]) == ("1 (20%)", "1 (20%)")
    assert (second["best FID"], second["worst"]) == ("25.0", "25.0")
    first, second = curve_table(both).records()
    assert first["N"] == "5" and list(first)[2:] == ["n = 1", "n = 2", "n = 4", "n = 5"]
    assert first["n = 1"].startswith("48.0 (") and first["n = 5"].startswith("20.0 (20.0 to ")
    assert second["n = 2"] == "25.0 (25.0 to 25.0)" and second["n = 5"] == "—"
    assert {row["N"] for row in importance_table(both).records()} == {"5", "3"}


@pytest.mark.slow
def test_the_answer_names_the_fields_that_explain_more_than_chance():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    one = Measured(made(lambda values: float(values["batch_size"]), count=16))
    rows = importance_table([one]).records()
    share = rows[0]["importance"]
    assert answer(one).endswith(f" batch_size alone explains {share} {OF_LOG_FID}.")
    assert rows[0]["field"] == "batch_size" and int(share.removesuffix("%")) > 90
    assert all(row["by chance"].startswith("up to ") and row["N"] == "16" for row in rows)


def test_what_does_not_count_is_said_with_its_reason():
    sentences = notes(of(made([*FIDS, "error"])))
    assert sentences[0].startswith("torch-dcgan: 1 of 6 trials do not count (1 error: ")
    assert sentences[1] == "torch-dcgan: no importance from 5 trials: it takes 10."
    assert notes(of(made([25.0] * 12))) == [
        "torch-dcgan: no importance from 12 trials: all of their FIDs are equal."
    ]


def test_the_table_of_trials_has_every_value():
    study, other = made(FIDS), made([25.0], ranges={"momentum": RANGES["beta1"]}, name="jax-x")
    rows = list(csv.DictReader(io.StringIO(trials_csv(of(study, other)).decode())))
    assert [row["trial"] for row in rows] == ["1", "2", "3", "4", "5", "1"]
    assert [row["outcome"] for row in rows[:2]] == ["ok", "diverged"]
    assert [row["fid_lenet"] for row in rows[:2]] == ["40.0", ""]
    assert float(rows[1]["untrained_fid_lenet"]) == UNTRAINED
    assert float(rows[0]["value_learning_rate"]) == study.trials[0].values["learning_rate"]
    assert rows[5]["value_learning_rate"] == "" and rows[5]["value_momentum"] != ""


@pytest.mark.slow
def test_the_page_has_chart_tables_and_definitions(tmp_path):
    both = of(made([20.0 + n for n in range(9)]), made(FIDS, name="jax-dcgan"))
    page, chart, trials = write_page(both, tmp_path / "out")
    text = page.read_text()
    assert "12,800 training images" not in text and "4,000 training images of mnist" in text
    assert "torch-dcgan (N = 9)" in text and "jax-dcgan (N = 5)" in text
    for word in ("N is the number", "Collapsed:", "fANOVA", "bootstrap", "without replacement"):
        assert word in text
    assert f"]({chart.name})" in text and f"]({trials.name})" in text
    with Image.open(chart) as picture:
        assert picture.width > 600
    assert json.loads(json.dumps(as_dict(both)))["studies"][1]["n_counted"] == 5


def test_a_page_without_any_fid_has_no_chart(tmp_path):
    paths = write_page(of(made(["error", "diverged"])), tmp_path)
    assert [path.name for path in paths] == ["sensitivity.md", "trials.csv"]


def test_the_page_of_tpe_promises_no_interval(tmp_path):
    text = write_page(of(made([30.0, 20.0], sampler="tpe")), tmp_path)[0].read_text()
    assert "the lowest FID of the first n trials" in text and "bootstrap" not in text
