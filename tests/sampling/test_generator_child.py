"""What a generator makes becomes a file of images, or one sentence; in this process."""

import shutil
import sys

import numpy as np
import onnx
import pytest

from gan_bench.data.draws import evaluation_latents
from gan_bench.errors import UsageError
from gan_bench.sampling.generator_child import answer
from gan_bench.sampling.requests import GeneratorRequest
from onnx_generator import write_generator, write_huge


@pytest.fixture
def generate(tmp_path):
    """Return a function that lets a generator make images; it returns them and sentences."""

    def ask(generator, **changes):
        values = {
            "generator": str(generator),
            "latent": None,
            "distribution": None,
            "seed": 0,
            "count": 20,
            "batch": 8,
            "classes": None,
            "shape": (28, 28, 1),
            "device": "cpu",
            "threads": 1,
            "images": tmp_path / "made" / "images.npy",
        }
        (tmp_path / "made").mkdir(exist_ok=True)
        request = GeneratorRequest(**values | changes)
        sentences = answer(request.model_dump_json().encode(), lambda line: None)
        return np.load(request.images), sentences

    return ask


@pytest.fixture
def factory(tmp_path):
    """Return a function that writes a file whose make() returns what an expression says."""

    def write(expression, before=""):
        path = tmp_path / f"made_by_{len(list(tmp_path.iterdir()))}.py"
        path.write_text(f"import numpy as np\n{before}\ndef make():\n    return {expression}\n")
        return f"{path}:make"

    return write


def constant(array):
    """Return the expression of a generator that returns this for all latents."""
    return f"lambda latents: np.repeat({array}, len(latents), axis=0)"


def test_an_onnx_file_generates_from_the_latents_of_a_run_in_any_layout(generate, tmp_path):
    last, said = generate(write_generator(tmp_path / "last.onnx"))
    assert last.shape == (20, 28, 28, 1) and last.dtype == np.uint8 and not said
    kernel = np.random.default_rng(0).standard_normal((16, 784)).astype(np.float32) * 0.02
    latents = evaluation_latents(seed=0, count=20, latent_size=16, distribution="normal")
    wanted = np.clip(np.rint(127.5 * (np.tanh(latents @ kernel) + 1)), 0, 255)
    assert np.abs(last.reshape(20, 784) - wanted).max() <= 1
    first, _ = generate(write_generator(tmp_path / "first.onnx", shape=(1, 28, 28)))
    np.testing.assert_array_equal(first, last)
    again, _ = generate(tmp_path / "last.onnx", batch=3)
    np.testing.assert_array_equal(again, last)
    other, _ = generate(tmp_path / "last.onnx", seed=1)
    assert not np.array_equal(other, last)
    uniform, _ = generate(tmp_path / "last.onnx", distribution="uniform")
    assert not np.array_equal(uniform, last)


def test_the_file_says_the_shape_of_the_latents_and_the_batch(generate, tmp_path):
    any_batch, _ = generate(write_generator(tmp_path / "any.onnx", latent=(16, 1, 1)))
    fixed, _ = generate(write_generator(tmp_path / "fixed.onnx", latent=(16, 1, 1), batch=7))
    np.testing.assert_array_equal(fixed, any_batch)
    given, _ = generate(tmp_path / "any.onnx", latent=(16, 1, 1))
    np.testing.assert_array_equal(given, any_batch)
    with pytest.raises(UsageError, match="takes latents of 16x1x1, not 16: correct --latent"):
        generate(tmp_path / "any.onnx", latent=(16,))
    write_generator(tmp_path / "unsaid.onnx", latent=("size",))
    with pytest.raises(UsageError, match="does not say the shape of its latents: give --latent"):
        generate(tmp_path / "unsaid.onnx")


def test_a_file_says_the_distribution_and_size_of_its_latents(generate, tmp_path):
    says = {"latent_distribution": "uniform", "latent_size": "16"}
    path = write_generator(tmp_path / "says.onnx", latent=("size",), says=says)
    images, said = generate(path)
    plain = write_generator(tmp_path / "plain.onnx")
    uniform, _ = generate(plain, distribution="uniform")
    np.testing.assert_array_equal(images, uniform)
    assert not said
    assert not generate(path, distribution="uniform")[1]
    normal, said = generate(path, distribution="normal")
    np.testing.assert_array_equal(normal, generate(plain)[0])
    assert said == [
        f"{path} says that it takes uniform latents: it got normal, as --distribution says."
    ]


def test_a_file_says_the_number_of_its_classes(generate, tmp_path):
    path = write_generator(tmp_path / "says.onnx", labels=True, says={"classes": "3"})
    three, said = generate(path)
    plain = write_generator(tmp_path / "plain.onnx", labels=True)
    np.testing.assert_array_equal(three, generate(plain, classes=3)[0])
    assert len(said) == 1  # the values are from 0 to 1
    five, said = generate(path, classes=5)
    np.testing.assert_array_equal(five, generate(plain, classes=5)[0])
    assert said[0] == f"{path} says that it takes 3 classes: it got 5, as --classes says."


@pytest.mark.parametrize(
    "says",
    [
        *({"classes": "ten"}, {"classes": "0"}, {"classes": str(10**9)}, {"latent_size": "-1"}),
        {"latent_distribution": "cauchy"},
    ],
)
def test_a_file_that_says_what_cannot_be_is_one_sentence(generate, tmp_path, says):
    path = write_generator(tmp_path / "says.onnx", says=says)
    (name,) = says
    with pytest.raises(UsageError, match=rf"says .* cannot be \(gan_bench\.{name}: .*export it"):
        generate(path)


def test_labels_are_the_classes_in_turn(generate, tmp_path):
    path = write_generator(tmp_path / "labels.onnx", labels=True)
    images, said = generate(path, classes=3)
    assert ["from 0 to 1, which is grey" in sentence for sentence in said] == [True]
    wanted = np.clip(np.rint(127.5 * (np.arange(20) % 3 / 10 + 1)), 0, 255)
    np.testing.assert_array_equal(images[:, 5, 5, 0], wanted)
    with pytest.raises(UsageError, match=r"its inputs are latents .*Give --classes for labels"):
        generate(path)
    with pytest.raises(UsageError, match=r"must have two inputs, the latents, .* and the labels"):
        generate(write_generator(tmp_path / "one.onnx"), classes=3)


def test_a_factory_returns_floats_or_grey_levels(generate, factory):
    levels = factory(constant("np.full((1, 28, 28, 1), 37, np.uint8)"))
    assert (generate(levels, latent=(5,))[0] == 37).all()
    for dtype in ("float16", "float32", "float64"):
        floats = factory(constant(f"np.full((1, 1, 28, 28), -0.5, np.{dtype})"))
        images, said = generate(floats, latent=(5,))
        assert (images == 64).all() and images.shape == (20, 28, 28, 1) and not said
    colour = factory(constant("np.zeros((1, 3, 9, 7))"))
    assert generate(colour, latent=(5,), shape=None)[0].shape == (20, 9, 7, 3)
    _, said = generate(factory(constant("np.full((1, 28, 28, 1), 0.5)")), latent=(5,))
    assert ["from 0 to 1, which is grey" in sentence for sentence in said] == [True]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        (constant("np.full((1, 28, 28, 1), 1.5)"), "values from 1.5 to 1.5: floats have to be in"),
        (constant("np.full((1, 28, 28, 1), 200.0)"), "grey levels of 0 to 255 have to be uint8"),
        (constant("np.full((1, 28, 28, 1), np.nan)"), "returned NaN or an infinite value"),
        (constant("np.full((1, 28, 28, 1), np.inf)"), "returned NaN or an infinite value"),
        (constant("np.zeros((1, 28, 28, 1), int)"), "returned int64: return floats in"),
        (constant("np.zeros((1, 32, 32, 1))"), "images of 32 x 32 x 1, not 28 x 28 x 1"),
        (constant("np.zeros((1, 784))"), r"returned float32 \(8, 784\) and not images of 28"),
        ("lambda latents: np.zeros((3, 28, 28, 1))", "returned 3 images for 8 latents"),
        ("lambda latents: (latents, latents)", "it returned tuple; return the images alone"),
        ("lambda latents: {}", "it returned dict; return the images alone"),
        ("lambda latents: 1 / 0", r"fails on latents of 8 x 5: ZeroDivisionError: .*\.py:4"),
        ("3", "returned int, which cannot be called with latents"),
        ("[][1]", r"make\(\) failed: IndexError: .*, in make \(.*\.py:4\)\. It is called without"),
        ("__import__('no_such_package')", "no_such_package is not installed.* Get it with pip"),
        ("__import__('sys').exit(1)", r"make\(\) failed: SystemExit"),
    ],
)
def test_what_is_no_generator_of_images_is_one_sentence(generate, factory, expression, said):
    with pytest.raises(UsageError, match=said):
        generate(factory(expression), latent=(5,))


def test_what_cannot_be_imported_is_one_sentence(generate, factory, tmp_path):
    broken = factory("None", before="x = undefined")
    with pytest.raises(UsageError, match=r"cannot be imported: NameError: .*\.py:2"):
        generate(broken, latent=(5,))
    script = factory("None", before="raise SystemExit(0)")
    with pytest.raises(UsageError, match="put what it runs as a script below"):
        generate(script, latent=(5,))
    with pytest.raises(UsageError, match="has no maker: name its function"):
        generate(f"{factory('None')}r", latent=(5,))
    missing = factory("None", before="import no_such_package")
    with pytest.raises(UsageError, match="Get it with pip install no_such_package"):
        generate(missing, latent=(5,))
    with pytest.raises(UsageError, match=r"For a file, write \./no_such_module\.py:make\."):
        generate("no_such_module:make", latent=(5,))
    number = factory("None", before="limit = 3").replace(":make", ":limit")
    with pytest.raises(UsageError, match="limit is int, and not a function"):
        generate(number, latent=(5,))


def test_a_module_is_imported_by_name(generate, tmp_path, monkeypatch):
    (tmp_path / "made_in_module.py").write_text(
        "import numpy as np\nmake = lambda: lambda z: np.zeros((len(z), 28, 28, 1))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert (generate("made_in_module:make", latent=(5,))[0] == 128).all()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no model", "is not an ONNX model that ONNX Runtime"),
        (b"", "is not an ONNX model that ONNX Runtime"),
        (None, "is not an ONNX model that ONNX Runtime"),
    ],
)
def test_a_damaged_onnx_file_is_one_sentence(generate, tmp_path, content, said):
    path = write_generator(tmp_path / "damaged.onnx")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(UsageError, match=said):
        generate(path)


def test_an_onnx_file_reads_no_other_folder_and_runs_no_code(generate, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    model = onnx.load(write_generator(tmp_path / "whole.onnx"))
    (kernel,) = (one for one in model.graph.initializer if one.name == "kernel")
    for place, fine in (("kernel.data", True), ("../kernel.data", False)):
        (folder / place).write_bytes(kernel.raw_data)
        outside = onnx.ModelProto()
        outside.CopyFrom(model)
        (moved,) = (one for one in outside.graph.initializer if one.name == "kernel")
        moved.ClearField("raw_data")
        moved.data_location = onnx.TensorProto.EXTERNAL
        moved.external_data.add(key="location", value=place)
        (folder / "parts.onnx").write_bytes(outside.SerializeToString())
        if fine:
            images, _ = generate(folder / "parts.onnx")
            np.testing.assert_array_equal(images, generate(tmp_path / "whole.onnx")[0])
        else:
            with pytest.raises(UsageError, match="is not an ONNX model that ONNX Runtime"):
                generate(folder / "parts.onnx")
    model.graph.node[2].domain = "of.mine"
    (folder / "own.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(UsageError, match="is not an ONNX model that ONNX Runtime"):
        generate(folder / "own.onnx")


def test_an_onnx_file_that_asks_for_too_much_memory_is_one_sentence(generate, tmp_path):
    with pytest.raises(UsageError, match=r"huge\.onnx fails on latents of 8 x 1"):
        generate(write_huge(tmp_path / "huge.onnx"))


@pytest.mark.parametrize("shape", [{"latent": (2**21,)}, {"batch": 10**6}])
def test_latents_without_end_are_refused(generate, tmp_path, shape):
    with pytest.raises(UsageError, match="which is too many numbers or none: export it again"):
        generate(write_generator(tmp_path / "g.onnx", shape=(1, 1, 1), **shape))


def test_an_input_of_no_dimension_is_refused(generate, tmp_path):
    model = onnx.load(write_huge(tmp_path / "g.onnx"))
    del model.graph.input[0].type.tensor_type.shape.dim[:]
    (tmp_path / "point.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(UsageError, match=r"must have one input, the latents, float32 \(n, ...\)"):
        generate(tmp_path / "point.onnx")


def test_a_full_disk_is_one_sentence(generate, tmp_path, monkeypatch):
    path = write_generator(tmp_path / "g.onnx")
    real = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: real._replace(free=10))
    with pytest.raises(UsageError, match=r"20 images need 0 MB in the temporary folder .* TMPDIR"):
        generate(path)


@pytest.mark.torch
def test_a_module_of_torch_is_put_into_inference_mode(generate, factory):
    before = (
        "import torch\nfrom torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layers = nn.Sequential(nn.Linear(5, 784), nn.BatchNorm1d(784), nn.Tanh())\n"
        "    def forward(self, z):\n"
        "        assert not self.training and not torch.is_grad_enabled()\n"
        "        return self.layers(z.flatten(1)).reshape(-1, 1, 28, 28)\n"
        "torch.manual_seed(0)\n"
        "net = Net()\n"
    )
    made = factory("net", before)
    images, _ = generate(made, latent=(5,))
    assert len(np.unique(images)) > 50
    flat, _ = generate(made, latent=(5, 1, 1), batch=20)
    assert np.abs(flat.astype(int) - images).max() <= 1
    itself, _ = generate(made.replace(":make", ":net"), latent=(5,))
    np.testing.assert_array_equal(itself, images)
    cls, _ = generate(made.replace(":make", ":Net"), latent=(5,))
    assert cls.shape == images.shape
    function = factory("lambda z: net.eval()(torch.from_numpy(z))", before)
    np.testing.assert_array_equal(generate(function, latent=(5,))[0], images)
    double = factory("net.double()", before)
    assert np.abs(generate(double, latent=(5,))[0].astype(int) - images).max() <= 1
    half = factory("net.bfloat16()", before)
    assert np.abs(generate(half, latent=(5,))[0].astype(int) - images).max() <= 9


@pytest.mark.torch
def test_an_exported_program_of_torch(generate, tmp_path):
    import torch
    from torch import nn

    net = nn.Sequential(nn.Flatten(), nn.Linear(5, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28)))
    net.eval()
    given = (torch.zeros(4, 5),)
    dynamic = {"input": {0: torch.export.Dim("n")}}
    torch.export.save(torch.export.export(net, given), tmp_path / "fixed.pt2")
    torch.export.save(torch.export.export(net, given, dynamic_shapes=dynamic), tmp_path / "any.pt2")
    images, _ = generate(tmp_path / "any.pt2")
    assert images.shape == (20, 28, 28, 1) and len(np.unique(images)) > 50
    fixed, _ = generate(tmp_path / "fixed.pt2")
    assert np.abs(fixed.astype(int) - images).max() <= 1
    (tmp_path / "bad.pt2").write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"bad\.pt2 is not a file of torch\.export\.save"):
        generate(tmp_path / "bad.pt2")
    with pytest.raises(UsageError, match="must have two inputs; it has 1"):
        generate(tmp_path / "any.pt2", classes=3)


def test_without_torch_there_is_no_exported_program(generate, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match=r"needs the package torch, which is not .* pip install"):
        generate(tmp_path / "g.pt2")


@pytest.mark.keras
def test_a_model_of_keras(generate, factory):
    before = (
        "import keras\n"
        "layers = [keras.Input((5,)), keras.layers.Dense(784, 'tanh'), keras.layers.Dropout(0.5),\n"
        "    keras.layers.Reshape((28, 28, 1))]\n"
    )
    images, _ = generate(factory("keras.Sequential(layers)", before), latent=(5,))
    assert (images == 128).mean() < 0.1  # no dropout


@pytest.mark.jax
def test_a_module_and_a_function_of_jax(generate, factory):
    before = (
        "import jax, jax.numpy as jnp\nfrom flax import nnx\n"
        "class Net(nnx.Module):\n"
        "    def __init__(self):\n"
        "        self.dense = nnx.Linear(5, 784, rngs=nnx.Rngs(0))\n"
        "        self.dropout = nnx.Dropout(0.5, rngs=nnx.Rngs(0))\n"
        "    def __call__(self, z):\n"
        "        return jnp.tanh(self.dropout(self.dense(z))).reshape(-1, 28, 28, 1)\n"
    )
    images, _ = generate(factory("Net()", before), latent=(5,))
    assert (images == 128).mean() < 0.1  # no dropout
    half = "jax.jit(lambda z: jnp.zeros((len(z), 28, 28, 1), jnp.bfloat16))"
    assert (generate(factory(half, before), latent=(5,))[0] == 128).all()


def test_a_file_stays_where_the_request_says(generate, tmp_path):
    generate(write_generator(tmp_path / "g.onnx"))
    (file,) = (tmp_path / "made").iterdir()
    assert (file.name, file.stat().st_size) == ("images.npy", 128 + 20 * 784)


def test_batches_of_different_sizes_are_refused_also_where_any_size_is_allowed(generate, factory):
    size = "(8, 8) if len(latents) == 8 else (4, 16)"
    changing = f"lambda latents: np.zeros((len(latents), *({size}), 1), np.uint8)"
    with pytest.raises(UsageError, match="makes images of 4 x 16 x 1 after images of 8 x 8 x 1"):
        generate(factory(changing), latent=(4,), shape=None, count=12)
