"""Recipes that also train on the test split get both splits, and the report says so."""

import hashlib
import json
from typing import ClassVar, Literal

import numpy as np
import pytest

import gan_bench
from bench import complaint
from gan_bench import data
from gan_bench.data import Dataset, Split
from gan_bench.recipe import Recipe
from gan_bench.report import write_report
from gan_bench.testing import FakeRecipe, FakeTrainer, check_trainer
from report_folder import add_run, empty_results, run_spec, scores_of

SHORT = ("--evaluations", "2", "--samples", "150")

SPLITS = """
import hashlib, json
from pathlib import Path
from typing import Literal
from gan_bench.testing import FakeRecipe, FakeTrainer

class Splits(FakeRecipe):
    train_split: Literal["train", "train+test"] = "train"

    @property
    def train_splits(self):
        return tuple(self.train_split.split("+"))

class Tells(FakeTrainer):
    recipe_class = Splits

    def __init__(self, recipe, images, labels, **options):
        super().__init__(recipe, images, labels, **options)
        self.seen = {"labels": labels.tolist(), "sha256": hashlib.sha256(images).hexdigest()}
        self.indices = set()

    def train(self, batches, draws):
        self.indices |= set(batches.ravel().tolist())
        Path("seen.json").write_text(json.dumps({**self.seen, "indices": sorted(self.indices)}))
        return super().train(batches, draws)
"""


@pytest.fixture
def gan(bench):
    """Write a trainer that records its data; return its path as a target."""

    def write(splits=None):
        text = SPLITS.replace('tuple(self.train_split.split("+"))', splits) if splits else SPLITS
        (bench.folder / "gan.py").write_text(text)
        return "./gan.py"

    return write


def some_split(count, start):
    images = np.arange(start, start + count, dtype=np.uint8).repeat(6).reshape(count, 2, 3, 1)
    return Split.from_arrays(images, np.arange(start, start + count))


class TestDataset:
    dataset = Dataset("some", some_split(5, 0), some_split(3, 100), classes=200)

    def test_one_split_is_itself(self):
        assert self.dataset.training(["train"]) is self.dataset.train
        assert self.dataset.images_in(["train"]) == 5

    def test_two_come_one_after_the_other(self):
        both = self.dataset.training(["train", "test"])
        assert both.labels.tolist() == [0, 1, 2, 3, 4, 100, 101, 102]
        assert both.images[:, 0, 0, 0].tolist() == both.labels.tolist()
        assert not both.images.flags.writeable
        assert self.dataset.images_in(["train", "test"]) == len(both.images) == 8


@pytest.mark.long
def test_a_run_trains_on_both_splits_and_counts_epochs_in_both(bench, gan):
    command = ("run", gan(), *SHORT, "--set", "gan.batch_size=50", "--epochs", "1")
    command += ("--set", "gan.discriminator_steps=1")
    digits = data.load("mnist-5k")
    for value, splits in (("train", ["train"]), ("train+test", ["train", "test"])):
        assert bench(*command, "--set", f"gan.train_split={value}").code == 0
        expected = digits.training(splits)
        assert json.loads((bench.folder / "seen.json").read_text()) == {
            "labels": expected.labels.tolist(),
            "sha256": hashlib.sha256(expected.images).hexdigest(),
            "indices": list(range(len(expected.images))),
        }
    runs = gan_bench.load_results(bench.folder / "results/local").runs.set_index("train_splits")
    assert runs.loc["train", "steps"] == 80
    assert runs.loc["train+test", "steps"] == 100
    assert runs["run_id"].nunique() == 2
    assert set(runs["score_status"]) == {"ok"}


def test_a_batch_may_be_as_large_as_both(bench, gan):
    large = ("run", gan(), "--dry-run", "--set", "gan.batch_size=4500")
    assert "more than the 4,000 training images of mnist-5k" in complaint(bench(*large))
    assert bench(*large, "--set", "gan.train_split=train+test").code == 0


@pytest.mark.parametrize("splits", ["()", "('test',)", "('train', 'valid')", "'train'"])
def test_unknown_splits_are_refused(bench, gan, splits):
    said = complaint(bench("run", gan(splits), "--dry-run"))
    assert "the train_splits" in said and "they must be ('train',) or ('train', 'test')" in said


def test_upsampling_sgd_has_the_field(bench):
    done = bench(
        *("run", "keras-upsampling-sgd", "--epochs", "1", "--dry-run", *SHORT),
        *("--set", "keras-upsampling-sgd.train_split=train+test"),
        *("--set", "keras-upsampling-sgd.batch_size=100"),
    )
    assert done.code == 0
    (row,) = [line.split() for line in done.out.splitlines() if "keras-upsampling-sgd" in line]
    assert row[:4] == ["keras-upsampling-sgd", "0", "50", "5,000"]


def test_an_old_specification_trains_on_the_training_split():
    old = run_spec().model_dump(mode="json")
    del old["train_splits"]
    assert type(run_spec()).model_validate(old) == run_spec()
    assert run_spec(train_splits=("train", "test")).run_id == run_spec().run_id


@pytest.mark.slow
def test_the_report_names_runs_that_trained_on_the_reference(tmp_path):
    results = empty_results(tmp_path / "results")
    both = {"recipe_values": {"epochs": 15, "train_split": "train+test"}}
    both |= {"train_splits": ("train", "test"), "train_images": 70_000}
    for name, changes in (("keras-upsampling-sgd", both), ("torch-dcgan", {})):
        add_run(
            results, run_spec(name, **changes), scores=[scores_of({0: 150.0, 300: 9.0, 600: 5.0})]
        )
    files = write_report(results, tmp_path / "out")
    # The page has it twice: as the status, and as the key by which the column is sorted.
    for path, times in ((files.full, 1), (files.html, 2)):
        text = path.read_text(encoding="utf-8").replace("\\", "")
        assert (
            "keras-upsampling-sgd: it trained on the test split too, so the reference of its "
            "scores was seen in training and its FID is not ranked." in text
        )
        assert "Trained on the reference images: keras-upsampling-sgd. Such an FID" in text
        assert "; the test split is among them, so keras-upsampling-sgd saw the reference" in text
        assert text.count("ok, saw the reference") == times
        assert text.count("torch-dcgan saw") == 0


@pytest.mark.slow
def test_a_report_without_such_runs_does_not_mention_it(tmp_path):
    results = empty_results(tmp_path / "results")
    add_run(results, run_spec(), scores=[scores_of({0: 150.0, 300: 9.0, 600: 5.0})])
    text = write_report(results, tmp_path / "out").markdown.read_text(encoding="utf-8")
    assert not any(words in text for words in ("saw the reference", "seen in training"))
    assert "Trained on the reference" not in text


class TestWiring:
    class Split(FakeRecipe):
        train_split: Literal["train", "train+test"] = "train"

    class WiredSplit(Split):
        @property
        def train_splits(self):
            return ("train", "test") if self.train_split == "train+test" else ("train",)

    @pytest.mark.parametrize(("recipe", "status"), [(Split, "failed"), (WiredSplit, "passed")])
    def test_a_field_that_chooses_the_splits_is_wired(self, recipe, status):
        class Trainer(FakeTrainer):
            recipe_class: ClassVar[type[Recipe]] = recipe

        (result,) = check_trainer(Trainer, only=["field train_split"])
        assert result.status == status, result.detail
