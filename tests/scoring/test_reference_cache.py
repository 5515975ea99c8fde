"""The cache of reference features: found again, never believed when damaged, shared safely."""

import json
import subprocess
import sys

import numpy as np
import pytest

from gan_bench import data
from gan_bench.scoring.features.by_name import load_features
from gan_bench.scoring.features.model_cache import cache_sizes, reference_folder
from gan_bench.scoring.features.onnx_model import FeatureModel
from gan_bench.scoring.images import of_split
from gan_bench.scoring.metrics import ndb
from gan_bench.scoring.reference_cache import ReferenceCache


@pytest.fixture(scope="module")
def lenet():
    return load_features("lenet")


@pytest.fixture(scope="module")
def images():
    return of_split(data.load("mnist-5k"), "test", 300)


class Counted:
    """Counts what the model is asked for; the model itself is the real one."""

    def __init__(self, monkeypatch):
        self.batches = 0
        original = FeatureModel._run

        def run(model, batch, output):
            self.batches += 1
            return original(model, batch, output)

        monkeypatch.setattr(FeatureModel, "_run", run)


def entry(folder):
    (found,) = (path for path in folder.iterdir() if not path.name.startswith("."))
    return found


def read(folder, lenet, images):
    with ReferenceCache(folder) as cache:
        features, statistics = cache.features(lenet, images, keep=True)
        return features.rows(0, 300), statistics.mean, statistics.covariance, cache.notices


def test_the_second_process_computes_nothing_and_has_the_same_bits(
    tmp_path, lenet, images, monkeypatch
):
    counted = Counted(monkeypatch)
    first = read(tmp_path, lenet, images)
    assert counted.batches > 0
    counted.batches = 0
    second = read(tmp_path, lenet, images)
    assert counted.batches == 0
    for ours, theirs in zip(first[:3], second[:3], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (first[3], second[3]) == ([], [])


def test_other_images_counts_and_models_have_entries_of_their_own(tmp_path, lenet, images):
    dataset = data.load("mnist-5k")
    with ReferenceCache(tmp_path) as cache:
        cache.features(lenet, images, keep=True)
        cache.features(lenet, of_split(dataset, "test", 299), keep=True)
        cache.features(lenet, of_split(dataset, "train", 300), keep=True)
        cache.features(lenet, images, keep=False)
    assert len(list(tmp_path.iterdir())) == 3


def cut_features(folder):
    path = folder / "features.f32"
    path.write_bytes(path.read_bytes()[:-1])


def change_features(folder):
    content = bytearray((folder / "features.f32").read_bytes())
    content[77] ^= 1
    (folder / "features.f32").write_bytes(content)


def remove_statistics(folder):
    (folder / "statistics.npz").unlink()


def empty_facts(folder):
    (folder / "entry.json").write_text("")


def other_facts(folder):
    facts = json.loads((folder / "entry.json").read_text())
    (folder / "entry.json").write_text(json.dumps({**facts, "key": "another"}))


def no_dictionary(folder):
    (folder / "entry.json").write_text("[1]")


@pytest.mark.parametrize(
    "damage",
    [
        cut_features,
        change_features,
        remove_statistics,
        empty_facts,
        other_facts,
        no_dictionary,
    ],
)
def test_a_damaged_entry_is_computed_again_with_a_notice(tmp_path, lenet, images, damage):
    first = read(tmp_path, lenet, images)
    damage(entry(tmp_path))
    second = read(tmp_path, lenet, images)
    (notice,) = second[3]
    assert "was damaged; it is computed again" in notice
    for ours, theirs in zip(first[:3], second[:3], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert read(tmp_path, lenet, images)[3] == []
    assert [path.name for path in tmp_path.iterdir()] == [entry(tmp_path).name]


@pytest.mark.long
@pytest.mark.process
def test_many_processes_at_once_agree_and_leave_one_entry(tmp_path):
    program = (
        "import sys, hashlib\n"
        "from pathlib import Path\n"
        "from gan_bench import data\n"
        "from gan_bench.scoring.reference_cache import ReferenceCache\n"
        "from gan_bench.scoring.features.by_name import load_features\n"
        "from gan_bench.scoring.images import of_split\n"
        "with ReferenceCache(Path(sys.argv[1])) as cache:\n"
        "    for _ in range(3):\n"
        "        f, _ = cache.features(load_features('lenet'), "
        "of_split(data.load('mnist-5k'), 'test', 300), keep=True)\n"
        "    print(hashlib.sha256(f.rows(0, 300).tobytes()).hexdigest(), cache.notices)\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", program, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    done = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0] * 6, done
    assert len({out for out, _ in done}) == 1
    assert done[0][0].endswith("[]\n")
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_folder_nothing_is_kept(tmp_path, lenet, images, monkeypatch):
    counted = Counted(monkeypatch)
    for _ in range(2):
        counted.batches = 0
        with ReferenceCache(None) as cache:
            cache.features(lenet, images, keep=True)
            assert cache.values({"a": "b"}) is None
            cache.keep_values({"a": "b"}, {"x": 1.0})
        assert counted.batches > 0


def test_a_cache_that_cannot_be_written_is_one_sentence_and_no_score_less(tmp_path, lenet, images):
    # A file in the way of the folder: a mode would not stop root.
    (tmp_path / "file").write_text("in the way")
    whole = read(tmp_path / "good", lenet, images)
    with ReferenceCache(tmp_path / "file" / "cache") as cache:
        features, statistics = cache.features(lenet, images, keep=True)
        cache.keep_values({"a": "1"}, {"fid_lenet": 1.5})
        assert cache.values({"a": "1"}) is None
        np.testing.assert_array_equal(features.rows(0, 300), whole[0])
        np.testing.assert_array_equal(statistics.mean, whole[1])
        (notice,) = cache.notices
    assert "file/cache cannot be used (" in notice and "file is not a folder)" in notice


def test_figures_are_kept_by_all_of_their_key(tmp_path):
    with ReferenceCache(tmp_path) as cache:
        cache.keep_values({"a": "1"}, {"fid_lenet": 1.5, "kid_lenet": None})
        assert cache.values({"a": "1"}) == {"fid_lenet": 1.5, "kid_lenet": None}
        assert cache.values({"a": "2"}) is None
    assert [path.name[0] != "." for path in tmp_path.iterdir()] == [True]


def test_bins_are_made_once_for_the_same_images_and_seed(tmp_path, images, monkeypatch):
    made = []

    def make_bins(real, *, seed):
        made.append(seed)
        return ndb.Bins(*(np.array([[seed]], dtype) for dtype in (np.float32, np.int64)))

    def bins(folder, seed):
        with ReferenceCache(folder) as cache:
            found = ndb.PixelBins(cache, seed=seed)._bins_of(images)
            return found.centres.tolist(), found.centres.dtype, found.counts.dtype

    monkeypatch.setattr(ndb, "make_bins", make_bins)
    (tmp_path / "file").write_text("in the way")
    for seed in (0, 0, 1, 0):
        assert bins(tmp_path / "cache", seed) == ([[seed]], np.float32, np.int64)
    assert made == [0, 1]
    for folder in (None, tmp_path / "file" / "cache"):
        assert bins(folder, 2) == ([[2]], np.float32, np.int64)
    assert made == [0, 1, 2, 2]


@pytest.mark.long
def test_doctor_knows_its_place_and_size(bench, tmp_path):
    done = bench("score", "mnist-5k:test:50", "mnist-5k:train:50", XDG_CACHE_HOME=str(tmp_path))
    assert done.code == 0, done.err
    said = bench("doctor", "--json", XDG_CACHE_HOME=str(tmp_path)).out

    def cached(said):
        (line,) = (f for f in json.loads(said) if f["what"] == "cache reference features")
        return line

    line = cached(said)
    assert line["detail"].startswith("5 entries, ")
    assert line["detail"].endswith(f"MB in {tmp_path}/gan-bench/reference")
    again = bench(
        *("score", "mnist-5k:test:60", "mnist-5k:train:60", "--no-cache"),
        XDG_CACHE_HOME=str(tmp_path),
    )
    assert again.code == 0
    assert cached(bench("doctor", "--json", XDG_CACHE_HOME=str(tmp_path)).out) == line


def test_sizes_of_empty_caches(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert reference_folder() == tmp_path / "gan-bench" / "reference"
    assert [(size.entries, size.bytes) for size in cache_sizes()] == [(0, 0), (0, 0)]
