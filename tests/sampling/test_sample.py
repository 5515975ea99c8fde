"""``gan-bench sample``: images from a run's last checkpoint."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from bench import PLUGIN, Bench, complaint
from image_folder import any_size, write_images

SOURCE = PLUGIN.format(module="gan_bench.testing", base="FakeTrainer", body="    {}")
SHORT = ("--images", "256", "--evaluations", "2", "--samples", "150", "--metrics", "fid")


def sampled(bench, *arguments):
    """Run the command; return its images and the path of their picture."""
    done = bench("sample", *arguments)
    assert done.code == 0, done.err
    images, grid = (bench.folder / line for line in done.out.splitlines())
    assert images.with_suffix("") == grid.with_suffix("")
    return np.load(images)["images"], grid


def final_snapshot(bench):
    (folder,) = bench.run_folders()
    return np.load(sorted((folder / "snapshots").glob("*.npz"))[-1])["images"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of the quick trainer, made once."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "gan.py").write_text(SOURCE.format("pass"))
    assert Bench(folder, runs_here=True)("run", "./gan.py", *SHORT).code == 0
    return folder


@pytest.fixture
def run(bench, trained):
    """A copy of the finished run, by the name that its file gives it."""
    shutil.copytree(trained, bench.folder, dirs_exist_ok=True)
    return "gan-"


@pytest.fixture
def source(trained):
    """The file of the run's trainer, which a test may change: a run names it by its full path."""
    yield trained / "gan.py"
    (trained / "gan.py").write_text(SOURCE.format("pass"))


@pytest.fixture(scope="module")
def trained_in_colour(tmp_path_factory):
    """A finished run on a folder of pictures, made once."""
    folder = tmp_path_factory.mktemp("colour")
    (folder / "gan.py").write_text(SOURCE.format("pass"))
    write_images(folder / "pictures", 40, (8, 6, 3))
    dataset = ("--dataset", "folder:pictures,test=16", "--set", "batch_size=8")
    short = ("--steps", "2", "--evaluations", "2", "--metrics", "fid", *any_size(folder))
    assert Bench(folder, runs_here=True)("run", "./gan.py", *dataset, *short).code == 0
    return folder


@pytest.fixture
def run_in_colour(bench, trained_in_colour):
    """A copy of that run, which names the folder of pictures by its full path."""
    shutil.copytree(trained_in_colour, bench.folder, dirs_exist_ok=True)
    return "gan-"


@pytest.fixture
def pictures(trained_in_colour):
    """The pictures of that run, which a test may change."""
    folder = trained_in_colour / "pictures"
    kept = shutil.copytree(folder, trained_in_colour / "kept")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
    kept.rename(folder)


@pytest.mark.long
@pytest.mark.torch
def test_the_first_images_of_a_torch_run_are_its_final_snapshot_to_the_bit(bench):
    small = ("--steps", "3", "--set", "torch-dcgan.batch_size=16", "--samples", "70")
    assert bench("run", "torch-dcgan", *small, "--evaluations", "2", "--metrics", "fid").code == 0
    fewer, _ = sampled(bench, "torch-dcgan", "-n", "5")
    more, grid = sampled(bench, "torch-dcgan", "-n", "100")
    snapshot = final_snapshot(bench)
    assert fewer.dtype == np.uint8 and fewer.shape == (5, 28, 28, 1)
    np.testing.assert_array_equal(fewer, snapshot[:5])
    np.testing.assert_array_equal(more[:70], snapshot)
    (folder,) = bench.run_folders()
    assert grid.name == f"{folder.name}-step3.png"


def test_the_picture_shows_the_images_in_an_almost_square_grid(bench, run):
    images, grid = sampled(bench, run, "-n", "7")
    np.testing.assert_array_equal(images, final_snapshot(bench)[:7])
    with Image.open(grid) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (3 * 30 - 2, 3 * 30 - 2)
    for index, image in enumerate(images):
        top, left = index // 3 * 30, index % 3 * 30
        np.testing.assert_array_equal(pixels[top : top + 28, left : left + 28], image[:, :, 0])
    assert (pixels[60:, 30:] == 128).all()


def test_more_than_a_batch_are_one_set_and_the_picture_has_the_first_of_them(bench, run):
    images, grid = sampled(bench, run, "-n", "1100")
    assert images.shape == (1100, 28, 28, 1)
    np.testing.assert_array_equal(images[:150], final_snapshot(bench))
    with Image.open(grid) as picture:
        assert picture.size == (32 * 30 - 2, 32 * 30 - 2)


def test_a_single_image_can_be_sampled(bench, run):
    images, grid = sampled(bench, run, "-n", "1")
    with Image.open(grid) as picture:
        np.testing.assert_array_equal(np.asarray(picture), images[0, :, :, 0])


@pytest.mark.long
def test_another_seed_takes_other_latents_and_another_name(bench, run):
    own, _ = sampled(bench, run)
    other, grid = sampled(bench, run, "--seed", "1", "--out", "other")
    same, _ = sampled(bench, run, "--seed", "0", "--out", "other")
    assert len(own) == 64
    assert grid.name.endswith("-seed1.png") and grid.parent.name == "other"
    assert not np.array_equal(own, other)
    np.testing.assert_array_equal(own, same)


def test_images_in_colour_have_a_picture_in_colour(bench, run_in_colour):
    images, grid = sampled(bench, run_in_colour, "-n", "4")
    assert images.shape == (4, 8, 6, 3)
    with Image.open(grid) as picture:
        assert picture.mode == "RGB" and picture.size == (14, 18)


def test_a_changed_source_is_used_with_a_warning(bench, run, source):
    source.write_text(SOURCE.format("marker = 1"))
    done = bench("sample", run, "-n", "4")
    assert done.code == 0
    assert "The source of gan has changed since the run (sha256 " in done.err


@pytest.mark.long
def test_a_diverged_run_can_be_sampled(bench, plugin):
    body = """
    def train(self, batches, draws):
        losses = super().train(batches, draws)
        self.chunks = getattr(self, "chunks", 0) + 1
        if self.chunks == 2:
            losses["generator"][-1] = np.nan
        return losses
    """
    target = plugin("gan", body)
    done = bench("run", target, *SHORT, "--on-divergence", "continue")
    assert done.code == 1
    images, _ = sampled(bench, "gan-", "-n", "3")
    assert images.shape == (3, 28, 28, 1)


def broken(method):
    return f"def {method}(self, *_, **__): raise RuntimeError('it broke in {method}')"


def test_a_trainer_that_fails_is_reported_with_its_last_line(bench, run, source):
    source.write_text(SOURCE.format(broken("sample")))
    said = complaint(bench("sample", run))
    assert (
        "could not be sampled: its process ended with exit code 1: RuntimeError: it broke in sample"
        in said
    )
    assert not list((bench.folder / "reports/local/samples").iterdir())


@pytest.mark.long
def test_a_trainer_that_fails_after_the_first_images_leaves_no_file(bench, run, source):
    body = """
    def sample(self, latents, labels=None):
        self.calls = getattr(self, "calls", 0) + 1
        if self.calls == 2:
            os._exit(3)
        return super().sample(latents, labels)
    """
    source.write_text(SOURCE.format(body))
    assert "exit code 3" in complaint(bench("sample", run, "-n", "2000"))
    assert not list((bench.folder / "reports/local/samples").iterdir())


def test_samples_that_break_the_contract_are_refused(bench, run, source):
    source.write_text(SOURCE.format("def sample(self, latents, labels=None): return latents"))
    assert "cannot be sampled: sample returned (64, " in complaint(bench("sample", run))


@pytest.mark.long
def test_a_checkpoint_that_cannot_be_restored(bench, run):
    (folder,) = bench.run_folders()
    for path in (folder / "checkpoints").glob("*/trainer/*"):
        path.write_bytes(b"nothing")
    assert "is damaged: its checksums do not match" in complaint(bench("sample", run))
    state = next((folder / "checkpoints").glob("*/state.json"))
    step = json.loads(state.read_text())["step"]
    state.write_text(json.dumps({"schema_version": 1, "step": step}))  # which had no checksums
    assert "cannot be sampled: the checkpoint of step" in complaint(bench("sample", run))
    state.write_text("{")
    assert "state.json is not readable" in complaint(bench("sample", run))
    shutil.rmtree(folder / "checkpoints")
    assert "has no checkpoint in" in complaint(bench("sample", run))


def test_a_trainer_whose_file_is_missing(bench, run, source):
    source.unlink()
    said = complaint(bench("sample", run))
    assert "its trainer's file" in said and "gan.py is missing; restore it" in said


def test_a_framework_that_is_not_installed(bench, run):
    (folder,) = bench.run_folders()
    record = json.loads((folder / "record.json").read_text())
    record["spec"]["python"] = "/no/such/python"
    (folder / "record.json").write_text(json.dumps(record))
    assert "The interpreter /no/such/python" in complaint(bench("sample", run))


def test_data_that_is_missing_or_has_changed(bench, run_in_colour, pictures):
    write_images(pictures, 2, (8, 6, 3), start=50)
    said = complaint(bench("sample", run_in_colour))
    assert "has changed since the run was planned" in said
    shutil.rmtree(pictures)
    assert "pictures is not a folder" in complaint(bench("sample", run_in_colour))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "'nothing': there is no implementation or run"),
        (("gan-", "-n", "0"), "0 is not in the range 1<=x<=100000"),
        (("gan-", "-n", "100001"), "100001 is not in the range 1<=x<=100000"),
        (("gan-", "-n", "many"), "'many' is not a valid integer"),
        (("gan-", "--seed", "-1"), "-1 is not in the range"),
        (("gan-", "--device", "gpu0"), "There is no device 'gpu0'"),
        (("gan-", "--device", "cuda:63"), "There is no device cuda:63; nvidia-smi shows"),
        (("gan-", "--out", "gan.py"), "The samples cannot be written to gan.py"),
        (("gan-", "--results", "nowhere"), "There is no results folder nowhere"),
    ],
)
def test_sample_refuses(bench, run, arguments, said):
    assert said in complaint(bench("sample", *arguments))


IN_CLASSES = """
class Asked(FakeTrainer.recipe_class):
    conditional = True
recipe_class = Asked

def sample(self, latents, labels):
    return super().sample((latents + labels[:, None]).astype(latents.dtype))

def forward(self, latents, images, training, labels):
    return super().forward(latents, images, training)
"""


def test_a_class_can_be_asked_for(bench, plugin):
    assert bench("run", plugin("gan", IN_CLASSES), *SHORT).code == 0
    in_turn, grid = sampled(bench, "gan-", "-n", "30")
    sevens, of_class = sampled(bench, "gan-", "-n", "30", "--class", "7")
    assert of_class.name == f"{grid.stem}-class7.png"
    np.testing.assert_array_equal(sevens[7::10], in_turn[7::10])
    others = [index for index in range(30) if index % 10 != 7]
    assert all((sevens[index] != in_turn[index]).any() for index in others)
    said = complaint(bench("sample", "gan-", "--class", "10"))
    assert "cannot be sampled: it has the classes 0 to 9, and not 10; correct --class." in said


def test_a_class_of_an_unconditional_run_is_refused(bench, run):
    said = complaint(bench("sample", run, "--class", "3"))
    assert "is not conditional, so its samples have no class; leave out --class." in said
