"""A plan tells what its run would refuse or not score, and writes and downloads nothing."""

import hashlib
import os
import socket

import pytest

from bench import complaint
from gan_bench.scoring.features.by_name import MODELS
from image_folder import write_images
from report_folder import add_run, empty_results, run_spec, scores_of

SHORT = ("--steps", "4", "--evaluations", "2", "--samples", "64")


@pytest.fixture
def sealed(monkeypatch):
    """A process in which every connection is an error of the test."""

    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def dry(cli, tmp_path, monkeypatch):
    """Print a plan, which must write nothing, here or in the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def files():
        return {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
            for path in tmp_path.rglob("*")
        }

    def run(*arguments, **environment):
        before = files()
        done = cli("run", *arguments, *SHORT, "--dry-run", **environment)
        assert files() == before
        return done

    return run


@pytest.mark.process
def test_a_plan_writes_nothing_not_even_beside_the_plugin(dry, plugin, cli):
    (cli.folder / "helper.py").write_text("x = 1\n")
    done = dry(plugin("gan", "sys.path.insert(0, '.'); import helper"))
    assert done.code == 0, done.err
    assert "1 run on cpu" in done.out


def test_a_plan_downloads_no_data(dry, sealed, tmp_path):
    said = complaint(dry("torch-dcgan", "--dataset", "mnist", GAN_BENCH_DATA=str(tmp_path)))
    assert "The data set mnist is not on this machine, and a dry run downloads nothing" in said
    assert "it is downloaded when first used" in said


def test_a_plan_downloads_and_exports_no_feature_model(dry, sealed, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))
    done = dry("torch-dcgan", "--features", "lenet,inception")
    if done.code == 0:
        assert "is exported to the cache" in done.err
    else:
        assert "which must be installed first" in complaint(done)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--features", "resnet"], "There are no features 'resnet': give one of lenet"),
        (["--features", "none.onnx"], "The feature model none.onnx cannot be read"),
        (["--features", "bad.onnx"], "bad.onnx is not an ONNX model"),
        (["--features", "lenet:5000"], "lenet:5000 takes 5,000 images"),
        (["--features", "inception", "--weights", "none.pth"], "The weights none.pth cannot be"),
        (["--results", "file/results"], "file/results cannot be written"),
        (["--results", "file"], "file is a file"),
        (["--metrics", "quality"], "quality"),
    ],
)
def test_what_a_run_would_refuse_its_plan_refuses(dry, cli, options, said):
    (cli.folder / "bad.onnx").write_bytes(b"no model")
    (cli.folder / "file").touch()
    assert said in complaint(dry("torch-dcgan", *options))
    assert said in complaint(cli("run", "torch-dcgan", *SHORT, *options))


@pytest.mark.process
def test_images_without_a_classifier_are_refused_with_a_remedy(dry, plugin, tmp_path):
    write_images(tmp_path / "plain", 40, (28, 28))
    target = plugin("gan")
    said = complaint(dry(target, "--dataset", "folder:plain"))
    assert said.startswith("There is no lenet for folder:plain")
    assert "score with --features inception or a model of your own" in said
    (tmp_path / "own.onnx").write_bytes((MODELS / "lenet.onnx").read_bytes())
    assert dry(target, "--dataset", "folder:plain", "--features", "own.onnx").code == 0
    write_images(tmp_path / "small", 40, (12, 10, 3))
    said = complaint(dry(target, "--dataset", "folder:small", "--features", "own.onnx"))
    assert said.startswith("The feature model own needs images of 28 x 28")
    for number in range(60):
        write_images(tmp_path / "classes" / str(number % 2), 1, (28, 28), start=number)
    said = complaint(dry(target, "--dataset", "folder:classes"))
    assert "run `gan-bench features train folder:classes` once" in said
    said = complaint(dry(target, "--dataset", "mnist-5k,pad=32"))
    assert said.startswith(
        "There is no lenet for mnist-5k,pad=32 (the built-in one is for mnist, mnist-5k, "
        "stacked-mnist and stacked-mnist-5k): run `gan-bench features train mnist-5k,pad=32` once"
    )


@pytest.mark.torch  # without it, the plan says that
def test_images_that_a_recipe_cannot_make_are_told_in_the_plan(dry):
    done = dry("torch-dcgan", "--dataset", "mnist-5k,pad=30")
    assert (
        "dcgan makes square images with 1 or 3 channels whose side is a multiple of 4"
        in " ".join(done.out.split())
    )


@pytest.mark.process
def test_what_cannot_run_and_too_many_threads_are_told_in_the_plan(dry, plugin):
    own = len(os.sched_getaffinity(0))
    done = dry(plugin("gan"), "--threads", str(own + 62))
    assert f"{own + 62} threads wait for each other on {own} usable processor" in done.out
    assert "threads wait" not in dry(plugin("gan"), "--threads", str(own)).out
    recipe = """
    from gan_bench.testing import FakeRecipe
    class Recipe(FakeRecipe):
        def cannot_make(self, height, width, channels): return "only 64 x 64"
    recipe_class = Recipe
    """
    done = dry(plugin("other", recipe))
    assert "unsupported" in done.out
    assert "other will be unsupported: only 64 x 64." in done.out


@pytest.mark.torch
def test_a_plan_has_a_row_for_each_implementation_with_seeds_and_features(dry):
    done = dry("dcgan", "--seeds", "3", "--metrics", "fid")
    assert done.code == 0, done.err
    rows = {line.split()[0]: line.split() for line in done.out.splitlines()}
    assert rows["torch-dcgan"] == ["torch-dcgan", "0", "to", "2", "4", "128", "32", "run"]
    assert {"jax-dcgan", "keras-dcgan"} <= rows.keys()
    assert "9 runs on cpu" in done.out and "scored by lenet" in done.out
    assert "data set mnist-5k (sha256 " in done.out
    assert "Time and disk space cannot be estimated: results/local has no finished" in done.out


def test_a_plan_has_a_row_for_each_value(dry):
    values = ("--set", "learning_rate=1e-4,2e-4", "--set", "torch-dcgan.beta1=0.5,0.9")
    done = dry("dcgan", *values, "--seeds", "2")
    assert done.code == 0, done.err
    rows = [line for line in done.out.splitlines() if "(learning_rate=" in line]
    assert len(rows) == 8 and "16 runs on cpu" in done.out
    assert rows[-1].startswith("torch-dcgan (learning_rate=0.0002, beta1=0.9)   0, 1")
    said = complaint(dry("torch-dcgan", "--set", "learning_rate=1e-4,-1"))
    assert said == "torch-dcgan.learning_rate: input should be greater than 0 (got -1)."


@pytest.mark.torch
def test_a_plan_estimates_time_and_disk_from_earlier_runs(dry, cli):
    like = {"images_per_step": 32, "threads": 1, "samples": 64, "evaluation_steps": (0, 4)}
    facts = {"import_s": 1.0, "data_s": 0.0, "setup_s": 1.0, "warmup_s": 2.0, "sample_s": 2.0}
    path = empty_results(cli.folder / "results/local")
    spec = run_spec("torch-dcgan", **like)
    files = [scores_of({0: 90.0, 4: 80.0})]
    add_run(path, spec, scores=files, images_per_s=32.0, **facts)
    done = dry("torch-dcgan", "torch-decay", "--seeds", "2", "--threads", "1")
    # Import, set-up and warm-up 4 s, 4 steps 4 s, sampling 2 s and scoring 4 s, for two seeds.
    assert "Estimate of 2 of 4 runs from earlier runs: 28 s, and " in done.out
    assert "Time and disk space of torch-decay cannot be estimated" in done.out
    done = dry("torch-dcgan", "--threads", "1", "--features", "lenet,inception:50")
    if done.code == 0:
        assert "from earlier runs: 14 s without scoring by inception, and" in done.out


@pytest.mark.parametrize(
    ("typed", "amount"),
    [("60k", 60_000), ("2.4M", 2_400_000), ("60,000", 60_000), ("60_000", 60_000), ("512", 512)],
)
@pytest.mark.torch
def test_a_budget_may_be_written_as_people_write_it(cli, typed, amount):
    done = cli("run", "torch-dcgan", "--images", typed, "--dry-run")
    assert done.code == 0, done.err
    (row,) = (line.split() for line in done.out.splitlines() if line.startswith("torch-dcgan"))
    assert int(row[2].replace(",", "")) == -(-amount // 32)


CERTAIN = ("torch-dcgan", "torch-decay", "--until-certain")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([*CERTAIN[:2], "--max-seeds", "5"], "--max-seeds is for --until-certain"),
        ([*CERTAIN, "--seeds", "3"], "chooses the seeds itself: leave out --seeds"),
        ([*CERTAIN, "--seeds", "0,7"], "chooses the seeds itself: leave out --seeds"),
        ([*CERTAIN, "--plan", "plan.toml"], "leave out --seeds and a plan file's seeds"),
        ([*CERTAIN, "--executor", "slurm"], "leave out --executor, or give --seeds"),
        ([*CERTAIN[1:], "--images", "600k"], "the plan has only torch-decay"),
        ([*CERTAIN, "--images", "2000"], "2,000 images (preset quick) are too few to rank quality"),
    ],
)
def test_seeds_until_certain_are_refused_where_they_make_no_sense(cli, options, said):
    (cli.folder / "plan.toml").write_text("seeds = 3\n")
    assert said in complaint(cli("run", *options, "--dataset", "mnist-5k", "--device", "cpu"))
    assert not (cli.folder / "results").exists()


def test_a_plan_of_seeds_until_certain_is_its_first_round(cli):
    done = cli(
        *("run", *CERTAIN, "--max-seeds", "7", "--images", "60k"),
        *("--dataset", "mnist-5k", "--device", "cpu", "--dry-run"),
    )
    assert done.code == 0, done.err
    assert "6 runs on cpu" in done.out
    assert "Each implementation gets 3 to 7 seeds: at most 14 runs." in done.out
    assert not (cli.folder / "results").exists()
