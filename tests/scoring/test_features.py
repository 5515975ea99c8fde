"""Feature models: the one that is shipped, the user's own, and what does not fit."""

import ast
import hashlib
import os
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest

from bench import ROOT
from gan_bench import data
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.scoring.features.by_name import MODELS, load_features
from gan_bench.scoring.features.onnx_model import FeatureModel
from onnx_features import write_means

LENET = MODELS / "lenet.onnx"


@pytest.fixture(scope="module")
def lenet():
    return load_features("lenet")


@pytest.fixture(scope="module")
def mnist_5k():
    return data.load("mnist-5k")


def accuracy(model, split):
    logits = model.features(split.images, output="logits")
    return (logits.argmax(axis=1) == split.labels).mean()


@pytest.mark.slow
def test_lenet_recognises_digits_that_it_was_not_trained_on(lenet, mnist_5k):
    assert accuracy(lenet, mnist_5k.test) >= 0.99
    assert accuracy(lenet, mnist_5k.train) >= 0.99


def test_lenet_recognises_the_whole_test_split_of_mnist(lenet):
    status = data.describe("mnist")
    if not status.available:
        pytest.skip(f"mnist is not on this machine: {status.how_to_get}")
    assert accuracy(lenet, data.load("mnist").test) >= 0.992


def test_lenet_is_small_and_needs_no_operator_beyond_plain_ones(lenet):
    content = (MODELS / "lenet.onnx").read_bytes()
    model = onnx.load_model_from_string(content)
    plain = {"Cast", "Div", "Transpose", "Conv", "Relu", "MaxPool", "Flatten", "Gemm"}
    assert {node.op_type for node in model.graph.node} <= plain
    assert len(content) < 1_000_000
    assert lenet.sha256 == hashlib.sha256(content).hexdigest()


def test_lenets_features_are_dense_and_of_full_rank_in_a_thousand_digits(lenet, mnist_5k):
    features = lenet.features(mnist_5k.test.images)
    assert features.shape == (1000, lenet.dimensions)
    assert features.dtype == np.float32
    assert np.linalg.matrix_rank(np.cov(features.astype(np.float64), rowvar=False)) == 64
    assert (features > 0).mean(axis=0).min() > 0.1


def test_features_do_not_depend_on_the_size_of_the_batches_or_the_threads(lenet, mnist_5k):
    images = mnist_5k.test.images[:300]
    whole = lenet.features(images, batch_size=300)
    for size in (1, 7, 256):
        np.testing.assert_allclose(lenet.features(images, batch_size=size), whole, atol=1e-5)
    two = load_features("lenet", threads=2).features(images, batch_size=7)
    np.testing.assert_array_equal(two, lenet.features(images, batch_size=7))


def test_the_same_images_have_the_same_features_to_the_bit(lenet, mnist_5k):
    images = mnist_5k.test.images[:300]
    again = load_features("lenet")
    np.testing.assert_array_equal(again.features(images), lenet.features(images))


def test_batches_come_one_at_a_time_and_in_order(lenet, mnist_5k):
    images = mnist_5k.test.images[:10]
    batches = list(lenet.batches(images[start : start + 4] for start in (0, 4, 8)))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    np.testing.assert_allclose(np.concatenate(batches), lenet.features(images), atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 32, 32, 1), (3, 28, 28, 3), (3, 28, 30, 1)])
def test_images_of_another_size_are_an_error_that_names_both(lenet, shape):
    given = " x ".join(str(size) for size in shape[1:])
    with pytest.raises(GanBenchError, match=f"28 x 28 x 1 .*these are {given}"):
        lenet.features(np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize(
    "images", [np.zeros((3, 28, 28, 1), dtype=np.float32), np.zeros((3, 28, 28), dtype=np.uint8)]
)
def test_images_that_are_not_uint8_nhwc_are_an_error(lenet, images):
    with pytest.raises(GanBenchError, match="must be uint8"):
        lenet.features(images)


def test_a_users_model_takes_float_pixels_of_0_to_255_and_images_of_any_size(tmp_path):
    model = load_features(write_means(tmp_path / "means.onnx", image=("n", "h", "w", 2)))
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 2), dtype=np.uint8)
    assert (model.name, model.dimensions) == ("means", 2)
    np.testing.assert_allclose(model.features(images), images.mean(axis=(1, 2)), rtol=1e-6)


def test_an_unknown_name_is_an_error_that_says_which_there_are():
    with pytest.raises(UsageError, match="'lenett': give one of lenet, inception or the path"):
        load_features("lenett")


def test_a_missing_or_damaged_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(UsageError, match=r"absent\.onnx cannot be read"):
        load_features(str(tmp_path / "absent.onnx"))
    (tmp_path / "damaged.onnx").write_bytes((MODELS / "lenet.onnx").read_bytes()[:1000])
    with pytest.raises(UsageError, match=r"damaged\.onnx is not an ONNX model"):
        load_features(str(tmp_path / "damaged.onnx"))


def test_a_model_of_another_kind_is_an_error_that_says_what_is_wanted(tmp_path):
    with pytest.raises(UsageError, match=r"an output 'features' .* its outputs are logits"):
        load_features(write_means(tmp_path / "classifier.onnx", output="logits"))
    free = write_means(tmp_path / "free.onnx", image=("n", "h", "w", "c"))
    with pytest.raises(UsageError, match="a fixed d"):
        load_features(free)


def test_a_users_model_cannot_take_the_name_of_a_shipped_one(tmp_path):
    with pytest.raises(UsageError, match="rename the file"):
        load_features(write_means(tmp_path / "lenet.onnx"))


def test_no_threads_are_an_error():
    with pytest.raises(UsageError, match="at least one thread"):
        FeatureModel(MODELS / "lenet.onnx", threads=0)


def importers():
    """The modules that import ONNX Runtime, and the ones that a user imports before it."""
    found = [pytest.param("gan_bench, onnxruntime", id="gan_bench")]
    for folder in ("harness", "implementations"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if re.search(r"^\s*(import|from) onnxruntime", path.read_text(), re.MULTILINE):
                parts = path.relative_to(ROOT / folder).with_suffix("").parts
                marks = [pytest.mark.torch] if "gan_bench_torch" in parts else []
                found.append(pytest.param(".".join(parts), marks=marks, id=parts[-1]))
    assert len(found) >= 6
    return found


@pytest.mark.long_after(1)
@pytest.mark.process
@pytest.mark.parametrize("module", importers())
def test_onnx_runtime_writes_nothing_to_the_users_cache(tmp_path, module):
    """Its telemetry stores a device id and a database of events there, from its import on."""
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    code = f"import {module}, onnxruntime; onnxruntime.InferenceSession({str(LENET)!r})"
    subprocess.run([sys.executable, "-c", code], env={**environment, **home}, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_scripts_and_benchmarks_import_onnx_runtime_after_gan_bench_alone():
    for folder in ("scripts", "benchmarks", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            imported = {
                name.partition(".")[0]
                for node in ast.parse(path.read_bytes()).body
                for name in (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
            }
            assert "onnxruntime" not in imported, path
