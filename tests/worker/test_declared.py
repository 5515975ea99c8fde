"""Runs of recipes that declare losses, draws and labels of their own, from plan to report."""

import shutil

import numpy as np
import pandas as pd
import pytest

import labelled
from bench import complaint
from gan_bench.contract import named
from gan_bench.data.draws import Inputs
from gan_bench.errors import UsageError
from gan_bench.plan import RunSpec
from gan_bench.results.layout import RunFolder
from gan_bench.results.load import load_results
from gan_bench.results.scores import Scores
from gan_bench.testing import FakeRecipe
from image_folder import write_images

pytestmark = pytest.mark.process

SHORT = ("--steps", "12", "--samples", "64", "--evaluations", "3", "--metrics", "fid")


@pytest.fixture
def own(bench):
    """Put the trainer of `labelled` into the folder; return it as a target."""

    def copy(name="labelled"):
        shutil.copy(labelled.__file__, bench.folder / f"{name}.py")
        return f"./{name}.py"

    return copy


def test_every_reader_takes_the_losses_that_a_recipe_declares(bench, plugin, own):
    assert bench("run", own(), plugin("usual"), *SHORT, "--keep-samples").code == 0
    folders = [RunFolder(path) for path in bench.run_folders()]
    (mine,) = [folder for folder in folders if "labelled" in folder.path.name]
    spec = RunSpec.read(mine.spec)
    assert spec.losses == ("generator", "critic", "penalty", "d_fake")
    table = np.load(mine.losses)
    assert table.shape == (12, 4)
    assert np.isfinite(table[:, :3]).all() and np.isnan(table[:, 3]).all()
    found = load_results(bench.folder / "results/local").losses
    assert list(found.columns) == [
        *("run_id", "step", "generator", "critic", "penalty", "d_fake", "discriminator", "d_real")
    ]
    ours = found[found["run_id"] == spec.run_id]
    np.testing.assert_array_equal(ours["critic"].to_numpy(np.float32), table[:, 1])
    assert ours["discriminator"].isna().all()
    assert found[found["run_id"] != spec.run_id]["critic"].isna().all()

    shown = bench("show", "labelled").out
    assert all(word in shown for word in ("generator", "critic", "penalty"))
    assert "D(x)" not in shown and "discriminator" not in shown
    assert bench("export").code == 0
    exported = pd.read_csv(bench.folder / "reports/local/tables/losses.csv")
    assert {"critic", "penalty", "discriminator"} <= set(exported.columns)
    assert bench("doctor", "--results", "results/local").code == 0
    assert bench("report").code == 0
    page = (bench.folder / "reports/local/report.html").read_text(encoding="utf-8")
    assert "Loss critic" in page and "Loss penalty" in page

    assert bench("sample", "labelled", "--count", "64", "--out", "made").code == 0
    made = next(path for path in (bench.folder / "made").rglob("*.npz"))
    last = np.load(mine.snapshot(12))["images"]
    np.testing.assert_array_equal(np.load(made)["images"], last)


def test_a_run_samples_every_class_in_turn(bench, plugin, own):
    own()
    body = """
    def sample(self, latents, labels):
        assert labels.dtype == np.int64 and list(labels) == [n % 10 for n in range(len(latents))]
        return super().sample(latents, labels)
    """
    target = plugin("mine", body, "labelled:LabelledTrainer")
    metrics = (*SHORT[:-1], "modes", "--samples", "100")
    done = bench("run", target, plugin("usual"), *metrics)
    assert done.code == 0, bench.records()["mine"]["reason"]
    of_classes = {"class_accuracy", "intra_fid_lenet"}
    for folder in map(RunFolder, bench.run_folders()):
        (path,) = folder.scores.glob("*.json")
        measured = {row.metric for row in Scores.read(path).scores if row.value is not None}
        assert of_classes & measured == (of_classes if "mine" in folder.path.name else set())
    shown = bench("show", "mine").out
    assert "class_accuracy" in shown and "intra_fid_lenet" in shown
    assert bench("report").code == 0
    page = (bench.folder / "reports/local/report-full.md").read_text(encoding="utf-8")
    assert "Class accuracy" in page and "Intra FID" in page
    assert "mine, seed 0: a row for each class" in page
    page = (bench.folder / "reports/local/report.html").read_text(encoding="utf-8")
    assert page.count("Samples by the class that was asked for") == 1
    assert "mine, seed 0: a row for each class" in page


def test_twins_with_labels_pass_parity(bench, own):
    done = bench("parity", own("one"), own("two"), "--paired-steps", "3")
    assert done.code == 0, done.out + done.err


def test_a_loss_that_is_not_finite_is_named(bench, plugin, own):
    own()
    body = """
    def train(self, batches, draws):
        losses = super().train(batches, draws)
        losses["penalty"][2] = np.inf
        losses["d_fake"] = np.full_like(losses["penalty"], np.nan)
        return losses
    """
    assert bench("run", plugin("mine", body, "labelled:LabelledTrainer"), *SHORT).code == 1
    record = bench.records()["mine"]
    assert record["status"] == "diverged"
    assert record["reason"] == "the loss penalty was not finite at step 3"


def test_a_recipe_with_labels_needs_a_data_set_with_labels(bench, own):
    write_images(bench.folder / "plain", 40)
    said = complaint(bench("run", own(), *SHORT, "--dataset", "folder:plain", "--dry-run"))
    assert said.startswith("labelled trains on labels, and folder:plain has none; choose a data s")


class AtMost(labelled.LabelledRecipe):
    """For data sets of few classes."""

    classes: int = 3


def test_a_data_set_with_more_classes_than_the_recipe_is_for_is_refused(bench, own, plugin):
    own()
    body = """
    class AtMost(LabelledTrainer.recipe_class):
        classes: int = 3
    recipe_class = AtMost
    """
    target = plugin("few", body, "labelled:LabelledTrainer")
    said = complaint(bench("run", target, *SHORT, "--dry-run"))
    assert said.startswith("few.classes is 3, and mnist-5k has 10 classes; set it to 10.")
    assert bench("run", target, *SHORT, "--dry-run", "--set", "few.classes=10").code == 0


def test_inputs_have_no_more_classes_than_the_recipe_is_for():
    images = np.zeros((8, 8, 8, 1), np.uint8)
    with pytest.raises(UsageError, match=r"labelled\.classes is 3, and the data set has 4 classes"):
        Inputs(AtMost(), 0, images, np.arange(8) % 4)
    assert Inputs(AtMost(), 0, images, np.arange(8) % 3).classes == 3


FIRST_VERSION = """
def train(self, batches, latents):
    return super().train(batches, {"latents": latents})
"""
SAYS_SO = """
contract_version = 1
"""
NO_SAMPLER = """
class Averaged(FakeTrainer.recipe_class):
    sampler = "average"
recipe_class = Averaged
"""
TWICE = NO_SAMPLER.replace('sampler = "average"', 'losses = ("generator", "generator")')
NO_SHAPE = """
class Averaged(FakeTrainer.recipe_class):
    def draws(self):
        from gan_bench.recipe import Draw
        return {"mix": Draw((0,))}
recipe_class = Averaged
"""
DRAWS = """
class Drawing(FakeTrainer.recipe_class):
    def draws(self):
        from gan_bench.recipe import Draw
        return {}
recipe_class = Drawing
"""
NO_GENERATOR = NO_SAMPLER.replace('sampler = "average"', 'networks = ("discriminator",)')
TAKEN = NO_SHAPE.replace('{"mix": Draw((0,))}', '{"real_labels": Draw()}')
REFUSED = {
    "nets": (NO_GENERATOR, "nets: Averaged.networks has no generator, which `forward` and the co"),
    "taken": (TAKEN, "The draws of taken have real_labels, the name of the labels of the real im"),
    "first": (FIRST_VERSION, "first.py: Plugin has version 1 of the contract, this gan-bench uses"),
    "says": (SAYS_SO, 'gets draws["latents"] and returns the losses by name, such as {"generator"'),
    "sampler": (
        NO_SAMPLER,
        "sampler: Averaged.sampler is 'average', which is none of its networks",
    ),
    "twice": (TWICE, "twice: Averaged.losses: it has a name twice: generator and generator."),
    "shape": (NO_SHAPE, "The draws of shape are not valid: count and shape have to be whole numb"),
    "number": (
        DRAWS.replace("{}", "{'latents': Draw(64)}"),
        "The draws of number are not valid: the shape has to be a tuple, such as (64,): Draw(sh",
    ),
    "raises": (
        DRAWS.replace("{}", "super().draws() | {'mix': self.no_such}"),
        "The draws of raises are not valid: Drawing.draws raised AttributeError: 'Drawing' obje",
    ),
    "division": (
        DRAWS.replace("{}", "1 / 0"),
        "The draws of division are not valid: Drawing.draws raised ZeroDivisionError: division ",
    ),
    "listed": (
        DRAWS.replace("{}", "[Draw()]"),
        "The draws of listed are not valid: Drawing.draws returned list; return gan_bench.recipe"
        '.Draw by name, such as {"latents": Draw((self.latent_size,))}.',
    ),
    "nothing": (
        DRAWS.replace("{}", "None"),
        "The draws of nothing are not valid: Drawing.draws returned NoneType; return gan_bench.r",
    ),
    "no-latents": (
        DRAWS.replace("{}", "{'mix': Draw()}"),
        "The draws of no-latents are not valid: Drawing.draws has no latents; add them: super()."
        "draws() | {...}.",
    ),
    "no-draw": (
        DRAWS.replace("{}", "super().draws() | {'mix': 3}"),
        "The draws of no-draw have 'mix': 3; ",
    ),
    "names": (
        DRAWS.replace("{}", "super().draws() | {'a-b': Draw()}"),
        "The draws of names have 'a-b': Dr",
    ),
    "key": (
        DRAWS.replace("{}", "super().draws() | {3: Draw()}"),
        "The draws of key have 3: Draw(shape=(), ",
    ),
    "kind": (
        DRAWS.replace("{}", "super().draws() | {'mix': Draw((), 1, 'gamma')}"),
        "The draws of kind are not valid: the distribution has to be one of normal, uniform, ",
    ),
}


@pytest.mark.long_after(6)
@pytest.mark.parametrize("name", REFUSED)
def test_a_class_that_cannot_be_run_is_one_sentence(bench, plugin, name):
    body, said = REFUSED[name]
    assert said in complaint(bench("run", plugin(name, body), *SHORT, "--dry-run"))


def test_draws_of_hyperparameters_are_refused_by_the_name_of_their_class(bench, plugin):
    body = """
    from dataclasses import dataclass
    @dataclass
    class Settings:
        batch_size: int = 8
        epochs: int = 1
        draws = {"latents": 3}
    hyperparameters = Settings
    """
    said = complaint(bench("verify", plugin("mine", body)))
    assert said == (
        "The draws of mine are not valid: Settings.draws raised TypeError: 'dict' object is not "
        "callable."
    )


def test_two_parts_of_one_name_are_refused():
    with pytest.raises(UsageError, match="Two parts of a trainer are called critics_0; rename"):
        dict(named({"critics": [np.ones(1), np.ones(1)], "critics_0": np.ones(1)}))
    # No checkpoint has these, and one object by two names is one part.
    both = np.ones(1)
    assert len(list(named({"sizes": [1], "sizes_0": 2, "critics": [both], "critics_0": both}))) == 4


@pytest.mark.long
def test_a_network_without_initial_weights_of_the_recipe_is_not_paired(bench, plugin):
    body = """
    class Averaged(FakeTrainer.recipe_class):
        networks = ("generator", "discriminator", "average")
    recipe_class = Averaged
    """
    assert bench("run", plugin("averaged", body), plugin("usual"), *SHORT).code == 0
    records = bench.records()
    assert [records[name]["paired"] for name in ("averaged", "usual")] == [False, True]


def test_a_draw_changes_no_number_of_another():
    images, labels = np.zeros((40, 8, 8, 1), np.uint8), np.arange(40) % 4
    usual = Inputs(FakeRecipe(), 3, images, labels).draws(5, 4)
    more = Inputs(labelled.LabelledRecipe(), 3, images, labels).draws(5, 4)
    np.testing.assert_array_equal(usual["latents"], more["latents"])
    assert more["mix"].shape == more["labels"].shape == (4, 3, 16)
    assert (more["mix"].dtype, more["labels"].dtype) == (np.float32, np.int64)
    assert more["mix"].min() >= 0 and more["mix"].max() < 1
    assert set(more["labels"].ravel()) == {0, 1, 2, 3}


def test_the_name_of_the_latents_before_is_refused(bench):
    (bench.folder / "old.py").write_text(
        "from gan_bench.testing import FakeTrainer\n"
        "from gan_bench.testing.fake import FakeRecipe\n"
        "class Old(FakeRecipe):\n"
        "    @property\n"
        "    def draws_per_step(self):\n"
        "        return 2\n"
        "class Gan(FakeTrainer):\n"
        "    recipe_class = Old\n"
    )
    done = bench("run", "./old.py", "--dry-run")
    assert (
        "Old.draws_per_step is now called latent_batches_per_step; rename it" in done.out + done.err
    )
