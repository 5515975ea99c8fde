"""``gan-bench sensitivity`` from the command line, with a trainer that takes no time."""

import csv
import json
import signal
import sys
import time

import pytest

from bench import complaint

pytest.importorskip("optuna", reason="optuna is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

RANGES = """
class recipe_class(recipe_class):
    @classmethod
    def ranges(cls):
        from gan_bench.recipe import Between, OneOf
        return {"learning_rate": Between(1e-3, 1.0), "batch_size": OneOf((8, 16))}
"""
OF_FAKE = "from gan_bench.testing.fake import FakeRecipe as recipe_class\n" + RANGES
SHORT = ("--budget", "256", "--samples", "150", "--dataset", "mnist-5k", "--seed", "3")


@pytest.fixture
def studied(bench, plugin):
    """Study a trainer with the body; return the finished command, its JSON and its trials."""

    def study(body="", trials=2, *options):
        target = plugin("gan", OF_FAKE + body)
        done = bench.here("sensitivity", target, "--trials", str(trials), *SHORT, *options)
        path = bench.folder / "reports/sensitivity/trials.csv"
        rows = list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []
        return done, rows

    return study


@pytest.mark.slow
def test_a_study_trains_its_trials_writes_its_page_and_repeats_without_training(bench, studied):
    done, rows = studied()
    assert done.code == 0, done.err
    assert done.out.startswith("gan: of 2 trials, the best FID is ")
    assert done.out.splitlines()[-3:] == [
        f"reports/sensitivity/{name}"
        for name in ("sensitivity.md", "sensitivity.png", "trials.csv")
    ]
    assert [row["outcome"] for row in rows] == ["ok", "ok"]
    folders = bench.run_folders("results/sensitivity")
    assert sorted(row["run_id"] for row in rows) == [folder.name for folder in folders]
    spec = json.loads((folders[0] / "spec.json").read_text())
    assert spec["seed"] == 3 and spec["recipe_values"]["batch_size"] in (8, 16)
    again, same = studied("", 2, "--json")
    assert same == rows and "trial 1 of 2" not in again.err
    (study,) = json.loads(again.out)["studies"]
    assert study["n_trials"] == study["n_counted"] == 2 and study["importance"] is None
    records = bench.records("results/sensitivity")
    assert {record["attempts"] for record in records.values()} == {1}
    assert bench("doctor", "--results", "results/sensitivity").code == 0


@pytest.mark.slow
def test_a_study_of_runs_that_diverge_and_fail_says_so(studied):
    done, rows = studied(
        "def train(self, batches, draws):\n"
        "    if self.recipe.batch_size == 8:\n"
        "        raise RuntimeError('no such batch')\n"
        "    return {n: np.nan * v for n, v in super().train(batches, draws).items()}\n",
    )
    assert done.code == 1
    assert [row["outcome"] for row in rows] == ["diverged", "error"]  # batches of 16 and 8
    assert "no such batch" in done.out
    assert done.out.startswith("gan: none of ")


@pytest.mark.long
def test_a_study_that_is_interrupted_continues_with_the_same_command(bench, plugin):
    target = plugin("gan", OF_FAKE + bench.slow(2.0))
    command = ("sensitivity", target, "--trials", "3", *SHORT)
    process = bench.start(*command)
    runs = bench.folder / "results/sensitivity/runs"
    while not any('"ready"' in path.read_text() for path in runs.glob("*/events.jsonl")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the same command continues the study" in said
    bench.hurry()
    done = bench(*command)
    assert done.code == 0, done.err
    folders = bench.run_folders("results/sensitivity")
    attempts = [json.loads((f / "record.json").read_text())["attempts"] for f in folders]
    assert len(folders) == 3 and sorted(attempts) == [1, 1, 2]


@pytest.mark.parametrize(
    ("body", "arguments", "said"),
    [
        (
            "pass",
            (),
            "The recipe of gan states no ranges to draw from; give its class of hyperparameters a "
            "class method `ranges`, see docs/sensitivity.md.",
        ),
        (
            OF_FAKE.replace("(8, 16)", "(8, 5000)"),
            (),
            "gan draws batch sizes up to 5,000, more than the 4,000 training images of mnist-5k; "
            "fix it, as with --set batch_size=16.",
        ),
        (
            OF_FAKE.replace("learning_rate", "learning_rat"),
            (),
            "The ranges of gan are not valid: recipe_class.ranges names the unknown field "
            "'learning_rat'; did you mean learning_rate?",
        ),
        (
            OF_FAKE.replace("1e-3, 1.0", "1.0, 1e-3"),
            (),
            "The ranges of gan are not valid: low has to be below high, and both finite: 1 to "
            "0.001, log-uniform.",
        ),
        (OF_FAKE, ("--trials", "0"), "Invalid value for '--trials': 0 is not in the range"),
        (OF_FAKE, ("--budget", "0"), "images: input should be greater than or equal to 1 (got 0)"),
        (OF_FAKE, ("--features", "lenet,inception"), "A study is of one FID, of all samples"),
        (OF_FAKE, ("--dataset", "mnist5k"), "There is no data set 'mnist5k'"),
    ],
)
@pytest.mark.process
def test_a_study_that_cannot_be_is_one_sentence(cli, plugin, body, arguments, said):
    done = cli("sensitivity", plugin("gan", body), *SHORT, *arguments)
    assert said in complaint(done)
    assert not (cli.folder / "results").exists()


def test_an_unknown_target_is_one_sentence(cli):
    assert "did you mean torch-dcgan?" in complaint(cli("sensitivity", "torch-dcgam"))


def test_a_missing_package_is_one_sentence(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert complaint(cli("sensitivity", "torch-dcgan")) == (
        "`gan-bench sensitivity` needs sklearn, which is not installed: "
        '`pip install "gan-bench[sensitivity]"`.'
    )
