"""The promises that are made about frameworks, on the frameworks."""

import json
import re
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from bench import KILLS_ONCE, same_bits
from gan_bench.data.draws import Inputs
from gan_bench.plan import RunSpec
from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import recipe_entry_point, registered
from gan_bench.trainer import is_trained
from image_folder import any_size, write_images
from recipes import FRAMEWORKS, FURTHER, ORIGINS, RECIPES, SOURCES

# With dropout, whose state a checkpoint keeps. The conformance suite restores SGD's, too.
IMPLEMENTATIONS = [
    pytest.param("torch-baseline", "gan_bench_torch.baseline:Baseline", marks=pytest.mark.torch),
    pytest.param("keras-decay", "gan_bench_keras.decay:Decay", marks=pytest.mark.keras),
    pytest.param("jax-decay", "gan_bench_jax.decay:Decay", marks=pytest.mark.jax),
]
SHORT = ("--steps", "6", "--evaluations", "3", "--samples", "100", "--keep-samples")
SHORT += ("--metrics", "fid")


def test_every_recipe_is_implemented_in_every_framework(bench):
    rows = json.loads(bench("list", "--json").out)
    assert {row["name"] for row in rows} == {
        f"{framework}-{recipe}" for framework in FRAMEWORKS for recipe in RECIPES
    }
    assert all(
        row["kind"] == ("original" if row["framework"] == ORIGINS[row["recipe"]] else "twin")
        for row in rows
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            f"{framework}-{recipe}",
            marks=[
                getattr(pytest.mark, framework),
                *([] if (framework, recipe) == ("torch", "dcgan") else [pytest.mark.long]),
            ],
        )
        for framework in FRAMEWORKS
        # These have every layer and both optimisers; parity and bits are tested of all recipes. JAX
        # compiles a step for each field's check, so a recipe takes one and a half minutes.
        for recipe in ("dcgan", *(() if framework == "jax" else ("enhanced", "upsampling-sgd")))
    ],
)
def test_it_passes_the_conformance_suite(bench, name):
    done = bench("verify", name, "--json")
    checks = json.loads(done.out)
    assert [check for check in checks if check["status"] != "passed"] == []
    assert len(checks) > 40
    assert done.code == 0, done.err


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(("name", "trainer"), IMPLEMENTATIONS)
def test_killed_in_the_middle_it_ends_in_the_bits_of_a_calm_run(bench, plugin, name, trainer):
    # Six chunks, a checkpoint after the third; the fifth is trained, and the worker dies before
    # saying so.
    act = "os.kill(os.getpid(), signal.SIGKILL)"
    body = KILLS_ONCE.format(chunk=5, marker=str(bench.folder / "marker"), act=act)
    target = plugin("killed", body, of=trainer)
    smaller = ("--set", "killed.batch_size=16")
    assert bench("run", target, *SHORT, *smaller, "--results", "disturbed").code == 1
    assert bench.records("disturbed")["killed"]["status"] == "killed"
    assert bench("run", target, *SHORT, *smaller, "--results", "disturbed").code == 0
    assert bench.records("disturbed")["killed"]["attempts"] == 2
    calm = plugin("killed", body, of=trainer)  # the marker is there now: nothing happens
    assert bench("run", calm, *SHORT, *smaller, "--results", "calm").code == 0
    assert bench.records("calm")["killed"]["attempts"] == 1
    same_bits(*bench.run_folders("disturbed"), *bench.run_folders("calm"))


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.process
@pytest.mark.usefixtures("quick_xla")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("torch-dcgan", marks=pytest.mark.torch),
        pytest.param("keras-decay", marks=pytest.mark.keras),
        pytest.param("jax-upsampling-sgd", marks=pytest.mark.jax),
    ],
)
def test_one_trains_on_images_of_other_sizes(bench, name):
    write_images(bench.folder / "pictures", 80, (32, 32, 3))
    small = ("--set", f"{name}.batch_size=16", "--keep-samples")
    images = {"folder:pictures,test=16": (32, 32, 3), "mnist-5k,pad=32": (32, 32, 1)}
    for results, (dataset, shape) in enumerate(images.items()):
        where = ("--results", str(results))
        features = (*any_size(bench.folder, channels=shape[2]), "--metrics", "fid")
        options = ("--steps", "3", "--evaluations", "2", "--samples", "64", *small, *where)
        done = bench("run", name, "--dataset", dataset, *options, *features)
        assert done.code == 0, done.out + done.err
        record = bench.records(str(results))[name]
        assert (record["status"], record["steps_done"]) == ("ok", 3), record["reason"]
        (folder,) = bench.run_folders(str(results))
        spec = RunSpec.read(folder / "spec.json")
        assert spec.image_shape == shape
        recipe = recipe_entry_point(spec.implementation.recipe).load()().for_images(shape)
        assert spec.parameters == recipe.parameter_counts()
        with np.load(max((folder / "snapshots").glob("*.npz"))) as kept:
            (array,) = kept.values()
        assert array.shape[1:] == shape


@pytest.mark.long
@pytest.mark.torch
@pytest.mark.keras
def test_twins_keep_the_contract_and_are_equal_on_images_of_another_size(bench):
    write_images(bench.folder / "pictures", 160, (32, 32, 3))
    images = ("--dataset", "folder:pictures,test=16", "--json")
    checks = json.loads(bench("verify", "torch-baseline", *images).out)
    assert [check for check in checks if check["status"] != "passed"] == []
    assert len(checks) > 40
    small = ("--batch-size", "8", "--paired-steps", "2")
    done = bench("parity", "torch-dcgan", "keras-dcgan", *small, *images)
    assert done.code == 0, done.out
    (certificate,) = json.loads(done.out)
    assert (certificate["verdict"], certificate["image_shape"]) == ("passed", [32, 32, 3])
    assert (bench.folder / "results/local/parity/torch-dcgan--keras-dcgan.32x32x3.json").exists()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        pytest.param(
            f"{framework}-{recipe}",
            shape,
            marks=[
                getattr(pytest.mark, framework),
                *([] if shape == (28, 28, 1) else [pytest.mark.long]),
            ],
            id=f"{framework}-{recipe}-{shape[0]}",
        )
        for framework in FRAMEWORKS
        for recipe in RECIPES
        for shape in ((28, 28, 1), (32, 32, 3))
        # Parity compares the other twins' tensors for 28 x 28 images.
        if framework == "torch" or recipe == "dcgan" or shape == (32, 32, 3)
    ],
)
@pytest.mark.process  # a framework's import may start one
def test_an_implementation_has_its_recipes_tensors_in_their_order(name, shape):
    trainer_class = load_trainer(registered()[name])
    recipe = trainer_class.recipe_class(batch_size=4).smaller().for_images(shape)
    images, labels = np.zeros((4, *shape), np.uint8), np.zeros(4, np.int64)
    trainer = trainer_class(recipe, images, labels, device="cpu", planned_steps=1, seed=0)
    weights = recipe.initial_weights(0)
    trainer.set_weights(weights)
    held = trainer.weights()
    assert list(held) == list(weights)
    assert all(np.array_equal(held[key], tensor) for key, tensor in weights.items())
    assert trainer.multiply_adds() == recipe.forward_multiply_adds()
    counts = {
        network: sum(
            tensor.size
            for key, tensor in weights.items()
            if key.startswith(f"{network}.") and is_trained(key)
        )
        for network in ("generator", "discriminator")
    }
    assert counts == recipe.parameter_counts()
    classes = [np.zeros(3, np.int64)] if recipe.conditional else []
    made = trainer.sample(np.zeros((3, recipe.latent_size), np.float32), *classes)
    assert made.shape == (3, *shape)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("torch-dcgan", marks=pytest.mark.torch),
        pytest.param("jax-dcgan", marks=[pytest.mark.jax, pytest.mark.long]),
    ],
)
def test_one_trains_on_images_like_those_of_cifar10(name):
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(12) % 10
    trainer_class = load_trainer(registered()[name])
    recipe = trainer_class.recipe_class(batch_size=4).smaller().for_images((32, 32, 3))
    inputs = Inputs(recipe, 0, images, labels)
    trainer = trainer_class(recipe, images, labels, device="cpu", planned_steps=3, seed=0)
    trainer.set_weights(recipe.initial_weights(0))
    before = trainer.weights()
    losses = trainer.train(inputs.batches(0, 3), inputs.draws(0, 3))
    assert {len(values) for values in losses.values()} == {3}
    assert all(np.isfinite(values).all() for values in losses.values())
    after = trainer.weights()
    assert not any(np.array_equal(before[key], after[key]) for key in before)
    assert trainer.sample(inputs.evaluation_latents(5)).shape == (5, 32, 32, 3)


BITS = {
    "torch-dcgan": "93e2b500ba371fcd09f3d42aeab6e1289b22620fb5974324f096a17eccc0aff5",
    "torch-dcgan-3g": "12e358ad8e600cfe7f022e6f25b12a69109dc0fb94bee1405fd3b09d1f451c39",
    "torch-baseline": "2778348a88b0b443d08a0c2cb4e1317f1b99b4e42bad41aa01d6b7344a8581ab",
    "torch-enhanced": "9e3393d0fb8cc2c14653643caccc7408195f732e493ff4ca5550e5017f64c06d",
    "torch-upsampling-sgd": "aaf5bd53ddc15c94e98f39ec0bb62366acb5d2585d4aae6c91f2939bb1298b5c",
    "torch-decay": "71274d477fe7bbd7b6289d2fbdb2776402845f305ea1cae677028e5440806cf1",
    "keras-dcgan": "7a7812dba180da04e65040e27d5b352ecdc8ac9e3e96b1efcf5309d534011378",
    "keras-dcgan-3g": "297ed5cf51bac97ca51493b3b8a742a238aa04f9fca8efa373995d6e6e23dde6",
    "keras-baseline": "fa0e3c82b64542673c61097b5ac7825441c9a80cc4b7c3e4a7843c59e2215181",
    "keras-enhanced": "d76d08b47b474dc897e1ca9a84e2d14d580043b136b38086152a13b247300ed1",
    "keras-upsampling-sgd": "8b09db595059aa1cb2f5aa6efb17909e7fcdd1b20a71d5594da3735a978d9ce5",
    "keras-decay": "af5c79e1683668cccb7b87eef046702193dfa04f0bb546a09fe5a408405de60a",
}
"""The weights after three steps, by commit f7f9dd3: the first version of the contract."""
BITS_OF = {"torch": "2.14.1", "keras": "3.15.1", "tensorflow": "2.21.0", "numpy": "2.4.6"}
BITS_CPU = "AMD EPYC, family 26, model 2"


def processor():
    """Return the kind of processor; a hypervisor may give several kinds one name."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="utf-8").splitlines() if known.exists() else []
    facts = dict(re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line)
    name, family, model = (facts.get(key, "?") for key in ("model name", "cpu family", "model"))
    return f"{name}, family {family}, model {model}"


LOSSES = {
    "torch-dcgan": (1.38112, 0.90255),
    "torch-dcgan-3g": (0.69363, 1.66988),
    "torch-baseline": (0.66780, 1.28058),
    "torch-enhanced": (0.70780, 1.31789),
    "torch-upsampling-sgd": (0.70612, 0.69831),
    "torch-decay": (0.65315, 1.37727),
    "keras-dcgan": (1.38112, 0.90255),
    "keras-dcgan-3g": (0.69366, 1.66932),
    "keras-baseline": (0.67651, 1.28047),
    "keras-enhanced": (0.70465, 1.32458),
    "keras-upsampling-sgd": (0.70612, 0.69831),
    "keras-decay": (0.63728, 1.37689),
}
"""Those of generator and discriminator in the last of the same steps. Rounding differs by at most
4e-4 of a loss between twins without dropout."""


@pytest.mark.long
@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.jax
@pytest.mark.usefixtures("quick_xla")
def test_one_plan_trains_every_recipe_as_it_did_and_reports_it(bench):
    # One test of both, as the runs take most of the time. The twins of the further recipes would
    # take a quarter of an hour, which they spend compiling.
    names = [f"{framework}-{recipe}" for framework in FRAMEWORKS for recipe in SOURCES]
    names += [f"torch-{recipe}" for recipe in FURTHER]
    small = [option for name in names for option in ("--set", f"{name}.batch_size=16")]
    options = ("--steps", "3", "--evaluations", "2", "--samples", "64", "--threads", "1")
    done = bench("run", *names, *options, "--dataset", "mnist-5k", "--wait", *small)
    assert done.code == 0, done.out
    records = bench.records()
    assert set(records) == set(names)
    for record in records.values():
        assert record["paired"] is True
        assert record["peak_rss_mb"] > 100
    assert bench("report").code == 0
    page = (bench.folder / "reports/local/report.html").read_text(encoding="utf-8")
    assert all(name in page for name in names)

    losses = {
        record["spec"]["implementation"]["name"]: np.load(folder / "losses.npy")[-1, :2]
        for folder in bench.run_folders()
        for record in [json.loads((folder / "record.json").read_text())]
    }
    assert BITS.keys() == LOSSES.keys() <= losses.keys()
    for name, values in LOSSES.items():
        assert losses[name] == pytest.approx(values, rel=2e-3), name
    # Kernels differ between processors and versions.
    found = {name: metadata.version(name) for name in BITS_OF} | {"processor": processor()}
    if found == BITS_OF | {"processor": BITS_CPU}:
        assert {name: records[name]["weights_sha256"] for name in BITS} == BITS
