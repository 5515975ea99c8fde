"""CIFAR-10's binary version: where it is found, what is read of it, and what is refused."""

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from gan_bench import data
from gan_bench.data.cifar10 import ARCHIVE, FOLDER, TEST, TRAIN, Cifar10
from gan_bench.data.registry import CIFAR10
from gan_bench.errors import UsageError
from mirror import serving

IMAGES = 20
"""In each of the made-up files."""
NAMES = (*TRAIN, *TEST)


def made_up():
    """Return files of the published layout by name, and their images and labels."""
    random = np.random.default_rng(0)
    files, images, labels = {}, {}, {}
    for name in NAMES:
        labels[name] = random.permutation(np.arange(IMAGES) % 10)
        images[name] = random.integers(0, 256, (IMAGES, 32, 32, 3), dtype=np.uint8)
        records = (
            bytes([label]) + image.transpose(2, 0, 1).tobytes()
            for label, image in zip(labels[name], images[name], strict=True)
        )
        files[name] = b"".join(records)
    return files, images, labels


FILES, PICTURES, LABELS = made_up()


def packed(members):
    """Return a gzipped archive of names and contents; a TarInfo may stand for a name."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, member in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(member)
            archive.addfile(info, io.BytesIO(member))
    return gzip.compress(content.getvalue(), mtime=0)


def published(files=FILES):
    folder = tarfile.TarInfo(FOLDER)
    folder.type = tarfile.DIRTYPE
    others = [(f"{FOLDER}/batches.meta.txt", b"airplane\n"), (f"{FOLDER}/readme.html", b"<html>")]
    members = [(f"{FOLDER}/{name}", content) for name, content in files.items()]
    return packed([(folder, b""), others[0], *members, others[1]])


PUBLISHED = published()


def small(archive=PUBLISHED, *mirrors):
    return Cifar10(hashlib.sha256(archive).hexdigest(), mirrors, images=IMAGES)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_BENCH_DATA", str(tmp_path))
    (tmp_path / "cifar10").mkdir()
    return tmp_path / "cifar10"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("GAN_BENCH_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache" / "cifar10"


def write(folder, files):
    folder.mkdir(exist_ok=True, parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def refused(dataset, **options):
    with pytest.raises(UsageError) as caught:
        dataset.load(**options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def assert_is_whole(dataset):
    assert (dataset.name, dataset.classes) == ("cifar10", 10)
    for split, names in ((dataset.train, TRAIN), (dataset.test, TEST)):
        expected = np.concatenate([PICTURES[name] for name in names])
        np.testing.assert_array_equal(split.images, expected)
        np.testing.assert_array_equal(split.labels, np.concatenate([LABELS[n] for n in names]))


@pytest.mark.parametrize("inside", ["", FOLDER], ids=["files", "folder of the archive"])
def test_the_six_files_are_read_from_the_users_folder(root, inside):
    write(root / inside, FILES)
    assert_is_whole(small().load())
    assert small().status() == data.DatasetStatus(True, str(root / inside), "")


def test_the_archive_is_read_from_the_users_folder_before_its_files(root):
    write(root, dict.fromkeys(NAMES, b"not looked at") | {ARCHIVE: PUBLISHED})
    assert_is_whole(small().load())
    assert small().status().where == str(root / ARCHIVE)
    assert not (root / FOLDER).exists()


def test_it_is_downloaded_once(cache, tmp_path):
    write(tmp_path / "server", {ARCHIVE: PUBLISHED})
    with serving(tmp_path / "server") as (mirror, asked):
        dataset = small(PUBLISHED, mirror)
        status = dataset.status(cache=cache)
        assert (status.available, status.downloads, asked) == (False, True, [])
        assert mirror in status.how_to_get and str(cache) in status.where
        assert_is_whole(dataset.load(cache=cache))
        assert_is_whole(dataset.load(cache=cache))
    assert asked == [f"/{ARCHIVE}"]
    assert [path.name for path in cache.iterdir()] == [ARCHIVE]
    assert dataset.status(cache=cache).where == str(cache)


def test_without_a_network_one_sentence_says_what_to_do(cache, tmp_path):
    (tmp_path / "server").mkdir()
    with serving(tmp_path / "server") as (mirror, _):
        said = refused(small(PUBLISHED, mirror), cache=cache)
    for part in (
        "The data set cifar10 is not on this machine: GAN_BENCH_DATA is not set",
        f"{cache} lacks {ARCHIVE}",
        "HTTP status 404",
        f"put {ARCHIVE}, or the six files in it whose names end in .bin, into a folder cifar10/",
        "or use --dataset mnist-5k",
    ):
        assert part in said


def test_a_download_of_other_content_leaves_nothing(cache, tmp_path):
    write(tmp_path / "server", {ARCHIVE: b"a login page"})
    with serving(tmp_path / "server") as (mirror, _):
        assert "the checksum is wrong" in refused(small(PUBLISHED, mirror), cache=cache)
    assert list(cache.iterdir()) == []


def test_some_of_the_six_files_are_not_enough(root):
    write(root, {name: FILES[name] for name in NAMES[:4]})
    said = f"only some of the six files of cifar10: {NAMES[4]} and {NAMES[5]} are missing"
    assert said in refused(small())
    status = small().status()
    assert not status.available and said in status.how_to_get


def test_a_variable_that_names_no_folder_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_BENCH_DATA", str(tmp_path / "missing"))
    assert f"GAN_BENCH_DATA names {tmp_path / 'missing'}, which is not a folder" in refused(small())


@pytest.mark.parametrize(
    ("content", "size"),
    [(FILES[NAMES[2]][:-1], "61,459"), (FILES[NAMES[2]] + b"\0", "more"), (b"", "0")],
    ids=["short", "long", "empty"],
)
def test_a_file_of_another_size_is_refused(root, content, size):
    write(root, FILES | {NAMES[2]: content})
    said = f"{root / NAMES[2]} is not the published {NAMES[2]}: it has {size} bytes, not 61,460;"
    assert refused(small()).startswith(said)


def test_a_label_above_nine_is_refused_with_its_place(root):
    content = bytearray(FILES[NAMES[1]])
    content[3 * 3073] = 10
    write(root, FILES | {NAMES[1]: bytes(content)})
    said = f"{root} has in {NAMES[1]} the label 10 at position 3, outside of 0..9"
    assert refused(small()).startswith(said)


@pytest.mark.parametrize("name", [NAMES[0], NAMES[5]])
def test_classes_of_other_sizes_are_refused(root, name):
    content = bytearray(FILES[name])
    content[0] = (content[0] + 1) % 10
    write(root, FILES | {name: bytes(content)})
    each = "10" if name == NAMES[0] else "2"
    assert f"do not have {each} images of each class" in refused(small())


def test_an_archive_of_another_sha256_is_not_unpacked(root):
    write(root, {ARCHIVE: PUBLISHED + b"\0"})
    said = f"{root / ARCHIVE} is not the published {ARCHIVE}: its sha256 is "
    assert refused(small()).startswith(said)


def of_type(kind, name, target=""):
    info = tarfile.TarInfo(f"{FOLDER}/{name}")
    info.type, info.linkname = kind, target
    return info


def members(**changed):
    replaced = {name.replace("_bin", ".bin"): value for name, value in changed.items()}
    return [(f"{FOLDER}/{name}", content) for name, content in (FILES | replaced).items()]


PLAIN = members()
HOSTILE = {
    "outside": (
        packed([(f"{FOLDER}/../{FOLDER}/{name}", FILES[name]) for name in NAMES]),
        f"it has no {NAMES[0]}, {NAMES[1]}",
    ),
    "absolute": (
        packed([*PLAIN[:5], (f"/{FOLDER}/{NAMES[5]}", FILES[NAMES[5]])]),
        f"it has no {NAMES[5]}",
    ),
    "short": (packed(members(test_batch_bin=b"short")), f"its {NAMES[5]} has 5 bytes, not 61,460"),
    "long": (
        packed(members(test_batch_bin=bytes(61_461))),
        f"its {NAMES[5]} has 61,461 bytes, not 61,460",
    ),
    "twice": (packed([*PLAIN, PLAIN[0]]), f"it has {NAMES[0]} twice"),
    "link": (
        packed([*PLAIN[:5], (of_type(tarfile.SYMTYPE, NAMES[5], "/etc/passwd"), b"")]),
        f"its {NAMES[5]} is not a plain file",
    ),
    "pipe": (
        packed([*PLAIN[:5], (of_type(tarfile.FIFOTYPE, NAMES[5]), b"")]),
        f"its {NAMES[5]} is not a plain file",
    ),
    "bomb": (packed([("zeros", bytes(2**21)), *PLAIN]), "it unpacks to more bytes than"),
    "no archive": (gzip.compress(b"no archive" * 1000), "is a damaged archive"),
    "not gzipped": (gzip.decompress(PUBLISHED), "is a damaged archive"),
    "cut short": (PUBLISHED[: len(PUBLISHED) // 2], "is a damaged archive"),
    "damaged": (PUBLISHED[:20_000] + bytes(50) + PUBLISHED[20_050:], "is a damaged archive"),
    "empty": (packed([]), f"it has no {NAMES[0]}"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_archive_of_the_right_sha256_is_still_read_with_care(root, tmp_path, case):
    archive, said = HOSTILE[case]
    write(root, {ARCHIVE: archive})
    before = sorted(tmp_path.rglob("*"))
    sentence = refused(small(archive))
    assert sentence.startswith(str(root / ARCHIVE)) and said in sentence
    assert sorted(tmp_path.rglob("*")) == before


def test_the_published_archive_holds_balanced_classes():
    folder = Path(os.environ.get("GAN_BENCH_DATA", "")) / "cifar10"
    if not os.environ.get("GAN_BENCH_DATA") or not folder.is_dir():
        pytest.skip("needs CIFAR-10 in $GAN_BENCH_DATA/cifar10")
    pictures = data.load("cifar10")
    assert pictures.train.images.shape == (50_000, 32, 32, 3)
    assert pictures.test.images.shape == (10_000, 32, 32, 3)
    assert pictures.train.labels[:5].tolist() == [6, 9, 9, 4, 1]


def test_the_registered_one_has_the_published_layout():
    assert CIFAR10.images == 10_000
    assert len(bytes.fromhex(CIFAR10.sha256)) == 32
    assert all(mirror.endswith("/") for mirror in CIFAR10.mirrors)
