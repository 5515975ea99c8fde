"""``gan-bench sample RUN --export``: the file gives the run's own images, or there is none."""

import json
import re
import sys
from dataclasses import replace
from importlib import metadata

import numpy as np
import pytest

from bench import PLUGIN, ROOT, Bench, complaint
from gan_bench import data
from gan_bench.contract import weights_sha256
from gan_bench.errors import GanBenchError
from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import registered
from gan_bench.sampling.export_child import EXPORTERS_GROUP, answer
from gan_bench.sampling.load_generator import load_generator
from gan_bench.sampling.requests import ExportRequest, GeneratorRequest
from gan_bench.sampling.sample import prepare
from gan_bench.trainer import recipe_of
from onnx_generator import write_generator

SHORT = ("--images", "256", "--evaluations", "2", "--samples", "150", "--metrics", "fid")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of the quick trainer, in whose folder every test works."""
    bench = Bench(tmp_path_factory.mktemp("trained"), runs_here=True)
    write_plugin(bench, "pass")
    assert bench("run", "./gan.py", *SHORT).code == 0
    return bench


@pytest.fixture
def trainer(trained):
    """Return a function that gives the run's trainer other methods, for one test."""
    yield lambda body: write_plugin(trained, body)
    write_plugin(trained, "pass")


def write_plugin(bench, body):
    source = PLUGIN.format(module="gan_bench.testing", base="FakeTrainer", body=f"    {body}")
    (bench.folder / "gan.py").write_text(source)
    sys.modules.pop("gan", None)  # of an earlier test


def ask(bench, name, **values):
    """Let the child's function write a file, in this process; return its answer."""
    run = prepare(bench.folder / "results/local", "gan-", None, lambda sentence: None)
    spec = run.spec.model_copy(update={"recipe_values": run.spec.recipe_values | values})
    run = replace(run, spec=spec)
    request = ExportRequest(
        **run.request(seed=0, count=150).model_dump(), run_id=run.run_id, file=bench.folder / name
    )
    return answer(request.model_dump_json().encode())


def exported(bench, run, name):
    done = bench("sample", run, "--export", name)
    assert done.code == 0, done.err
    return bench.folder / name, done


def test_safetensors_has_the_sampler_by_canonical_name(trained):
    safetensors = pytest.importorskip("safetensors")
    file, done = exported(trained, "gan-", "folder/g.safetensors")
    (folder,) = trained.run_folders()
    assert f"folder/g.safetensors has the generator of {folder.name} at step " in done.out
    assert "of 150 images, 150 are the run's own to the bit" in done.out
    with safetensors.safe_open(file, "numpy") as content:
        facts = content.metadata()
        tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
    assert sorted(tensors) == [
        *("generator.0.kernel", "generator.1.beta", "generator.1.gamma"),
        *("generator.1.moving_mean", "generator.1.moving_variance"),
        *("generator.2.bias", "generator.2.kernel"),
    ]
    assert facts["sha256"] == weights_sha256(tensors)
    assert (facts["run_id"], facts["recipe"]) == (folder.name, "fake")
    assert json.loads(facts["image_shape"]) == [28, 28, 1]
    assert facts["step"] == str(json.loads((folder / "record.json").read_text())["spec"]["steps"])
    assert [path.name for path in file.parent.iterdir()] == ["g.safetensors"]


@pytest.mark.process
def test_a_trainer_that_exports_other_images_leaves_no_file(trained, trainer):
    other = write_generator(trained.folder / "other.onnx", latent=(8,))
    trainer(f"def export_onnx(self, path): path.write_bytes(Path({str(other)!r}).read_bytes())")
    (trained.folder / "g.onnx").write_text("kept")
    said = complaint(trained("sample", "gan-", "--export", "g.onnx"))
    assert "150 of 150 images of the file differ from the run's own by up to" in said
    assert (trained.folder / "g.onnx").read_text() == "kept"
    assert not list(trained.folder.glob(".gan-bench-*"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("pass", "gan has no export_onnx, and no export to ONNX is known for numpy; use --export"),
        (
            "def export_onnx(self, path): import no_such_package",
            "it needs the package no_such_package, which is missing: pip install",
        ),
        (
            "def export_onnx(self, path): raise RuntimeError('it broke')",
            "RuntimeError: it broke, in export_onnx (gan.py:",
        ),
        ("def export_onnx(self, path): path.write_text('x')", "is not an ONNX model that"),
    ],
)
@pytest.mark.process
def test_an_export_that_fails_is_one_sentence(trained, trainer, body, said):
    trainer(body)
    with pytest.raises(GanBenchError, match=re.escape(said)):
        ask(trained, "failed.onnx")


@pytest.mark.process
@pytest.mark.parametrize(("shape", "layout"), [((28, 28, 1), "NHWC"), ((1, 28, 28), "NCHW")])
def test_an_onnx_file_says_what_it_takes_and_makes(trained, trainer, shape, layout):
    other = write_generator(trained.folder / "other.onnx", latent=(8,), shape=shape, labels=True)
    trainer(f"""class recipe_class(FakeTrainer.recipe_class):
        conditional = True
    def export_onnx(self, path):
        path.write_bytes(Path({str(other)!r}).read_bytes())
    def sample(self, latents, labels):
        levels = np.rint(127.5 * (labels / 10 + 1)).astype(np.uint8)
        return np.tile(levels.reshape(-1, 1, 1, 1), (1, 28, 28, 1))""")
    assert ask(trained, "g.onnx", latent_distribution="uniform")["largest"] <= 1
    facts = opened(trained.folder / "g.onnx").get_modelmeta().custom_metadata_map
    (folder,) = trained.run_folders()
    wanted = {
        "run_id": folder.name,
        "latent_distribution": "uniform",
        "latent_size": "8",
        "classes": "10",
        "image_layout": layout,
        "image_range": "-1 to 1",
        "image_shape": "[28, 28, 1]",
    }
    assert {name: facts[f"gan_bench.{name}"] for name in wanted} == wanted
    request = GeneratorRequest(
        generator=str(trained.folder / "g.onnx"),
        **dict.fromkeys(("latent", "distribution", "classes", "shape")),
        **{"seed": 0, "count": 3, "batch": 3, "device": "cpu", "threads": 1},
        images=trained.folder / "images.npy",
    )
    generator = load_generator(request)
    assert (generator.distribution, generator.classes, generator.latent) == ("uniform", 10, (8,))


@pytest.mark.process
def test_without_safetensors_the_sentence_says_how_to_get_it(trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.delitem(sys.modules, "safetensors.numpy", raising=False)
    said = "it needs the package safetensors, which is missing: pip install 'gan-bench[export]'"
    with pytest.raises(GanBenchError, match=re.escape(said)):
        ask(trained, "failed.safetensors")


@pytest.mark.process
def test_a_network_with_more_than_its_tensors_is_refused(trained, trainer):
    body = """def sample(self, latents, labels=None):
        self.calls = getattr(self, "calls", 0)
        return super().sample(latents) + np.uint8(10 * self.calls)
    def load(self, path):
        super().load(path)
        self.calls = 1"""
    trainer(body)
    with pytest.raises(GanBenchError, match="150 of 150 images of the file differ"):
        ask(trained, "failed.safetensors")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gan-", "--export", "g.pth"), "--export takes a .safetensors or an .onnx file"),
        (("gan-", "--export", "g.onnx", "-n", "5"), "--export writes no images"),
        (("gan-", "--export", "g.onnx", "--seed", "5"), "--export writes no images"),
        (("gan-", "--export", "g.onnx", "--out", "o"), "--export writes no images"),
        (("nothing", "--export", "g.onnx"), "There is no results folder"),
    ],
)
def test_export_refuses(cli, arguments, said):
    assert said in complaint(cli("sample", *arguments))


def opened(file):
    import onnxruntime

    return onnxruntime.InferenceSession(str(file))


def exports(name, folder):
    """Let an implementation with its initial weights write ONNX; compare the images."""
    recipe_class = load_trainer(registered()[name]).recipe_class
    split = data.load("mnist-5k").train
    recipe = recipe_class().for_images(split.image_shape)
    trainer = load_trainer(registered()[name])(
        *(recipe, split.images[:8], split.labels[:8]), device="cpu", planned_steps=1, seed=0
    )
    trainer.set_weights(recipe.initial_weights(0))
    (point,) = metadata.entry_points(group=EXPORTERS_GROUP, name=name.partition("-")[0])
    point.load()(trainer, folder / "g.onnx")
    session = opened(folder / "g.onnx")
    assert [one.name for one in session.get_inputs()] == ["latents"]
    latents = np.random.default_rng(0).standard_normal((37, recipe.latent_size), dtype=np.float32)
    (made,) = session.run(["images"], {"latents": latents})
    last = made if made.shape[3] == 1 else made.transpose(0, 2, 3, 1)
    grey = np.clip(np.rint(127.5 * (last + 1)), 0, 255)
    own = trainer.sample(latents)
    assert len(np.unique(own)) > 5
    assert np.abs(grey - own).max() <= 1


@pytest.mark.torch
@pytest.mark.long_after(1)
@pytest.mark.parametrize("recipe", ["dcgan", "decay", "baseline", "enhanced", "upsampling-sgd"])
def test_every_generator_of_torch_can_be_exported(recipe, tmp_path):
    pytest.importorskip("onnxscript")
    exports(f"torch-{recipe}", tmp_path)


CONDITIONAL = """
from typing import ClassVar
import torch
from pydantic import BaseModel
from torch import nn
from gan_bench_torch.base import TorchTrainer

class Settings(BaseModel):
    conditional: ClassVar[bool] = True
    batch_size: int = 8
    epochs: int = 1
    latent_size: int = 5
    dtype: str = "float64"

class Network(nn.Module):
    def __init__(self, entering, made):
        super().__init__()
        self.embedded = nn.Embedding(10, 7)
        self.dense = nn.Linear(entering + 7, made)
    def forward(self, given, labels):
        made = self.dense(torch.cat([given.flatten(1), self.embedded(labels)], 1))
        return made if made.shape[1] == 1 else made.tanh().unflatten(1, (1, 28, 28))

class Conditional(TorchTrainer):
    hyperparameters = Settings
    def build_networks(self):
        torch.manual_seed(0)
        self.generator, self.discriminator = Network(5, 784), Network(784, 1)
    def build_optimisers(self):
        self.generator_optimiser = torch.optim.SGD(self.generator.parameters(), 1e-3)
        self.discriminator_optimiser = torch.optim.SGD(self.discriminator.parameters(), 1e-3)
    def update(self, real, draws):
        raise NotImplementedError
"""


@pytest.mark.torch
def test_a_conditional_generator_of_torch_in_float64(tmp_path):
    pytest.importorskip("onnxscript")
    from gan_bench_torch.export import export_onnx

    exec(CONDITIONAL, defined := {"__name__": "conditional"})
    split = data.load("mnist-5k").train
    trainer_class = defined["Conditional"]
    recipe = recipe_of(trainer_class)().for_images(split.image_shape)
    trainer = trainer_class(
        *(recipe, split.images[::200], split.labels[::200]),
        **{"device": "cpu", "planned_steps": 1, "seed": 0},
    )
    export_onnx(trainer, tmp_path / "g.onnx")
    latents = np.random.default_rng(0).standard_normal((13, 5), dtype=np.float32)
    labels = np.arange(13) % trainer.classes
    (made,) = opened(tmp_path / "g.onnx").run(["images"], {"latents": latents, "labels": labels})
    assert made.dtype == np.float32
    grey = np.clip(np.rint(127.5 * (made.transpose(0, 2, 3, 1) + 1)), 0, 255)
    own = trainer.sample(latents, labels)
    assert len(np.unique(own)) > 50
    assert np.abs(grey - own).max() <= 1


@pytest.mark.keras
@pytest.mark.long_after(1)
@pytest.mark.parametrize("recipe", ["dcgan", "decay", "baseline", "enhanced", "upsampling-sgd"])
def test_every_generator_of_keras_can_be_exported(recipe, tmp_path):
    pytest.importorskip("tf2onnx")
    exports(f"keras-{recipe}", tmp_path)


@pytest.mark.torch
@pytest.mark.long
def test_a_generator_of_torch_makes_the_runs_own_fid(bench):
    pytest.importorskip("onnxscript")
    small = ("--steps", "3", "--set", "torch-dcgan.batch_size=16", "--samples", "100")
    run = bench("run", "torch-dcgan", *small, "--evaluations", "2", "--metrics", "fid")
    assert run.code == 0, run.err
    file, _ = exported(bench, "torch-dcgan", "g.onnx")
    session = opened(file)
    (latents,), (images,) = session.get_inputs(), session.get_outputs()
    assert (latents.name, latents.type, images.name) == ("latents", "tensor(float)", "images")
    row = ("--results", "results/local", "--as", "exported", "--metrics", "fid", "--json")
    done = bench("score", "mnist-5k:test", "--generator", "g.onnx", *row)
    assert done.code == 0, done.err
    (folder,) = bench.run_folders()
    (path,) = (folder / "scores").glob("*.json")
    own = json.loads(path.read_text())
    made = json.loads(done.out)
    assert made["fingerprint"] == own["fingerprint"]
    fid = next(one["value"] for one in own["scores"] if one["step"] == 3)
    assert made["scores"][0]["value"] == pytest.approx(fid, rel=1e-3)
    assert bench("report").code == 0
    text = (bench.folder / "reports/local/report.md").read_text(encoding="utf-8")
    assert "External: exported" in text


@pytest.mark.keras
@pytest.mark.long
def test_a_conditional_generator_of_keras(bench):
    pytest.importorskip("tf2onnx")
    plugin = str(ROOT / "examples" / "cgan_keras.py")
    run = bench("run", plugin, "--steps", "3", "--samples", "60", "--metrics", "fid")
    assert run.code == 0, run.err
    file, _ = exported(bench, "cgan-keras", "g.onnx")
    session = opened(file)
    assert [one.name for one in session.get_inputs()] == ["latents", "labels"]
    done = bench(
        *("score", "mnist-5k:test", "--generator", "g.onnx", "--count", "60"),
        *("--metrics", "fid", "--no-floor"),
    )
    assert done.code == 0, done.err
    exported(bench, "cgan-keras", "g.safetensors")
