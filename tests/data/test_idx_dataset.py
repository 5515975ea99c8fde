"""Published data sets: the places looked at, the download from a real server, the checksums."""

import gzip
import hashlib
import os
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gan_bench import data
from gan_bench.data import idx
from gan_bench.data.idx_dataset import DebianPackage, IdxDataset, IdxFile
from gan_bench.data.registry import MNIST
from gan_bench.errors import UsageError
from mirror import Quiet, serving

NAMES = [file.name for file in MNIST.files]


def tiny_arrays():
    random = np.random.default_rng(0)
    for count in (20, 10):
        yield random.integers(0, 256, (count, 6, 5), np.uint8)
        yield random.integers(0, 10, count, np.uint8)


CONTENTS = {
    name: idx.header(array) + array.tobytes()
    for name, array in zip(NAMES, tiny_arrays(), strict=True)
}


def md5(content):
    return hashlib.md5(content).hexdigest()


def zipped(content):
    return gzip.compress(content, mtime=0)


def published(name, content):
    return IdxFile(name, md5(zipped(content)), content_md5=md5(content))


def tiny(*mirrors, package=None, published=published):
    files = [published(name, content) for name, content in CONTENTS.items()]
    return IdxDataset(
        name="tiny",
        classes=10,
        files=tuple(files),
        mirrors=mirrors,
        package=package,
    )


def put(folder, contents=CONTENTS, spelling="{}.gz", pack=zipped):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / spelling.format(name)).write_bytes(pack(content))
    return folder


@pytest.fixture
def closed():
    """An address at which nobody listens; the port stays taken, so that nobody will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


@pytest.fixture(autouse=True)
def no_places_of_the_users(request, monkeypatch):
    if "full_mnist" in request.fixturenames:
        return
    monkeypatch.delenv("GAN_BENCH_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache" / "tiny"


@pytest.fixture
def root(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("GAN_BENCH_DATA", str(folder))
    return folder


def assert_is_tiny(dataset):
    train_images, train_labels, test_images, test_labels = tiny_arrays()
    np.testing.assert_array_equal(dataset.train.images, train_images[..., None])
    np.testing.assert_array_equal(dataset.train.labels, train_labels)
    np.testing.assert_array_equal(dataset.test.images, test_images[..., None])
    np.testing.assert_array_equal(dataset.test.labels, test_labels)


class TestLocalFiles:
    @pytest.mark.parametrize("spelling", ["{}", "{}.gz"])
    @pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
    @pytest.mark.parametrize("dotted", [False, True], ids=["dash", "dot"])
    def test_every_spelling_is_found(self, root, cache, spelling, pack, dotted):
        contents = {
            name.replace("-idx", ".idx") if dotted else name: content
            for name, content in CONTENTS.items()
        }
        put(root / "tiny", contents, spelling, pack)
        assert_is_tiny(tiny().load(cache=cache))
        assert not cache.exists()

    def test_they_come_before_the_cache_and_the_mirrors(self, root, cache, closed):
        put(root / "tiny")
        put(cache, dict.fromkeys(NAMES, b"not looked at"))
        dataset = tiny(closed)
        assert_is_tiny(dataset.load(cache=cache))
        status = dataset.status(cache=cache)
        assert (status.available, status.where) == (True, str(root / "tiny"))
        assert status.how_to_get == ""

    @pytest.mark.parametrize("place", ["root", "cache"])
    @pytest.mark.parametrize("name", NAMES)
    def test_other_content_under_its_name_is_refused_with_both_sums(
        self, request, cache, closed, place, name
    ):
        folder = request.getfixturevalue("root") / "tiny" if place == "root" else cache
        array = np.frombuffer(CONTENTS[name], np.uint8).copy()
        array[-1] = (array[-1] + 1) % 10
        other = array.tobytes()
        put(folder, CONTENTS | {name: other})
        with pytest.raises(UsageError) as caught:
            tiny(closed).load(cache=cache)
        assert str(caught.value).startswith(f"{folder / name}.gz is not the published {name}: ")
        assert f"{md5(other)}, not {md5(CONTENTS[name])};" in str(caught.value)

    def test_a_folder_that_does_not_exist_is_named(self, tmp_path, monkeypatch, cache):
        missing = tmp_path / "missing"
        monkeypatch.setenv("GAN_BENCH_DATA", str(missing))
        sentence = f"GAN_BENCH_DATA names {missing}, which is not a folder"
        with pytest.raises(UsageError, match=sentence):
            tiny().load(cache=cache)
        status = tiny().status(cache=cache)
        assert not status.available
        assert sentence in status.how_to_get

    def test_some_of_the_four_files_are_not_enough(self, root, cache):
        put(root / "tiny", {name: CONTENTS[name] for name in NAMES[:2]})
        with pytest.raises(UsageError) as caught:
            tiny().load(cache=cache)
        assert "has only some of the four files of tiny" in str(caught.value)
        assert f"{NAMES[2]} and {NAMES[3]} are missing" in str(caught.value)
        put(root / "tiny", {NAMES[2]: CONTENTS[NAMES[2]]})
        with pytest.raises(UsageError, match=f": {NAMES[3]} is missing"):
            tiny().load(cache=cache)
        assert not tiny().status(cache=cache).available

    @pytest.mark.parametrize("inside", [True, False], ids=["empty folder", "no folder"])
    def test_a_data_folder_without_this_data_set_is_passed_over(self, root, cache, inside):
        if inside:
            (root / "tiny").mkdir()
        put(cache)
        assert_is_tiny(tiny().load(cache=cache))

    def test_an_empty_variable_is_no_variable(self, monkeypatch, cache):
        monkeypatch.setenv("GAN_BENCH_DATA", "")
        put(cache)
        assert_is_tiny(tiny().load(cache=cache))

    def test_a_tilde_is_the_users_home(self, tmp_path, monkeypatch, cache):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("GAN_BENCH_DATA", "~/data")
        put(tmp_path / "data" / "tiny")
        assert_is_tiny(tiny().load(cache=cache))


class TestGzippedOnly:
    """Where only the sum of the gzipped file is known."""

    @pytest.fixture
    def only(self, root):
        def published(name, content):
            return IdxFile(name, md5(zipped(content)))

        return tiny(published=published)

    def test_the_published_files_are_taken_whatever_lies_beside_them(self, only, root, cache):
        put(root / "tiny")
        put(root / "tiny", dict.fromkeys(NAMES, b"not looked at"), "{}", bytes)
        assert_is_tiny(only.load(cache=cache))

    @pytest.mark.parametrize("spelling", ["{}", "{}.gz"])
    def test_a_file_that_is_not_gzipped_cannot_be_checked(self, only, root, cache, spelling):
        put(root / "tiny", CONTENTS, spelling, bytes)
        path = root / "tiny" / spelling.format(NAMES[0])
        with pytest.raises(UsageError) as caught:
            only.load(cache=cache)
        assert str(caught.value).startswith(f"{path} is not gzipped, but only the md5")
        assert str(caught.value).endswith(f"replace it with the published {NAMES[0]}.gz.")

    def test_other_bytes_are_refused_with_both_sums(self, only, root, cache):
        other = gzip.compress(CONTENTS[NAMES[3]], mtime=1)
        put(root / "tiny")
        (root / "tiny" / f"{NAMES[3]}.gz").write_bytes(other)
        with pytest.raises(UsageError) as caught:
            only.load(cache=cache)
        assert f"is not the published {NAMES[3]}.gz: its md5 is {md5(other)}" in str(caught.value)
        assert f"not {md5(zipped(CONTENTS[NAMES[3]]))};" in str(caught.value)

    def test_it_is_downloaded_like_any_other(self, only, tmp_path, cache):
        with serving(put(tmp_path / "server")) as (mirror, _):
            assert_is_tiny(replace(only, mirrors=(mirror,)).load(cache=cache))


class TestPackage:
    """A package of the system's brings the files."""

    @pytest.fixture
    def package(self, tmp_path):
        return DebianPackage("dataset-tiny", tmp_path / "share" / "tiny")

    def test_it_comes_before_the_cache_and_the_mirrors(self, package, cache, closed):
        put(package.folder)
        put(cache, dict.fromkeys(NAMES, b"not looked at"))
        dataset = tiny(closed, package=package)
        assert_is_tiny(dataset.load(cache=cache))
        assert dataset.status(cache=cache).where == str(package.folder)

    def test_the_users_folder_comes_before_it(self, package, root, cache):
        put(root / "tiny")
        put(package.folder, dict.fromkeys(NAMES, b"not looked at"))
        assert_is_tiny(tiny(package=package).load(cache=cache))

    @pytest.mark.parametrize("variable", [True, False], ids=["empty data folder", "no variable"])
    def test_it_is_found_where_the_users_folder_has_nothing(
        self, request, package, cache, variable
    ):
        if variable:
            request.getfixturevalue("root")
        put(package.folder)
        assert_is_tiny(tiny(package=package).load(cache=cache))

    def test_a_part_of_it_is_passed_over(self, package, cache):
        put(package.folder, {NAMES[0]: b"not looked at"})
        put(cache)
        assert_is_tiny(tiny(package=package).load(cache=cache))

    def test_one_sentence_says_how_to_get_it(self, package, cache, closed):
        dataset = tiny(closed, package=package)
        with pytest.raises(UsageError) as caught:
            dataset.load(cache=cache)
        said = "install Debian's package dataset-tiny or put the four files into a folder tiny/"
        assert said in str(caught.value)
        assert f"{package.folder} lacks 4 of the 4 files" in str(caught.value)
        assert said in dataset.status(cache=cache).how_to_get


class TestDownload:
    def test_it_fills_the_cache_once(self, tmp_path, cache):
        with serving(put(tmp_path / "server")) as (mirror, asked):
            dataset = tiny(mirror)
            assert not dataset.status(cache=cache).available
            assert not asked
            assert_is_tiny(dataset.load(cache=cache))
            assert sorted(asked) == sorted(f"/{name}.gz" for name in NAMES)
            assert dataset.status(cache=cache).where == str(cache)
            assert_is_tiny(dataset.load(cache=cache))
            assert len(asked) == 4
        assert sorted(path.name for path in cache.iterdir()) == sorted(f"{n}.gz" for n in NAMES)

    def test_only_what_the_cache_lacks_is_fetched(self, tmp_path, cache):
        put(cache, {name: CONTENTS[name] for name in NAMES[:3]}, "{}", bytes)
        with serving(put(tmp_path / "server")) as (mirror, asked):
            assert_is_tiny(tiny(mirror).load(cache=cache))
        assert asked == [f"/{NAMES[3]}.gz"]

    def test_the_second_mirror_stands_in_for_the_first(self, tmp_path, cache, closed):
        with serving(put(tmp_path / "server")) as (mirror, asked):
            assert_is_tiny(tiny(closed, mirror).load(cache=cache))
        assert len(asked) == 4

    def test_the_second_mirror_stands_in_for_one_with_wrong_bytes(self, tmp_path, cache):
        wrong = put(tmp_path / "wrong", dict.fromkeys(NAMES, b"a login page"))
        right = put(tmp_path / "right")
        with serving(wrong) as (first, _), serving(right) as (second, _):
            assert_is_tiny(tiny(first, second).load(cache=cache))

    def test_without_a_network_one_sentence_says_where_it_looked(self, root, cache, closed):
        with pytest.raises(UsageError) as caught:
            tiny(closed, closed + "second/").load(cache=cache)
        sentence = str(caught.value)
        assert "\n" not in sentence
        for part in (
            "The data set tiny is not on this machine",
            f"{root / 'tiny'} has no files",
            str(cache),
            f"from {closed} (no connection, ConnectionError)",
            f"from {closed}second/ (no connection, ConnectionError)",
            "--dataset mnist-5k",
            "set GAN_BENCH_DATA to its parent folder",
        ):
            assert part in sentence
        assert list(cache.iterdir()) == []

    def test_without_the_variable_the_sentence_says_so(self, cache, closed):
        with pytest.raises(UsageError, match="GAN_BENCH_DATA is not set"):
            tiny(closed).load(cache=cache)

    def test_wrong_bytes_are_refused_and_leave_nothing(self, tmp_path, cache):
        wrong = put(tmp_path / "server", dict.fromkeys(NAMES, b"a login page"))
        with (
            serving(wrong) as (mirror, _),
            pytest.raises(UsageError, match="the checksum is wrong"),
        ):
            tiny(mirror).load(cache=cache)
        assert list(cache.iterdir()) == []

    def test_a_connection_cut_short_leaves_nothing(self, tmp_path, cache):
        class CutsShort(Quiet):
            def copyfile(self, source, outputfile):
                outputfile.write(source.read()[:50])

        with (
            serving(put(tmp_path / "server"), CutsShort) as (mirror, _),
            pytest.raises(UsageError, match="could not be downloaded"),
        ):
            tiny(mirror).load(cache=cache)
        assert list(cache.iterdir()) == []

    def test_what_came_before_a_failure_is_kept_whole(self, tmp_path, cache):
        folder = put(tmp_path / "server", {name: CONTENTS[name] for name in NAMES[:2]})
        with (
            serving(folder) as (mirror, _),
            pytest.raises(UsageError, match=rf"{NAMES[2]}.gz could not .*HTTP status 404"),
        ):
            tiny(mirror).load(cache=cache)
        assert sorted(path.name for path in cache.iterdir()) == sorted(f"{n}.gz" for n in NAMES[:2])
        with serving(put(tmp_path / "server")) as (mirror, asked):
            assert_is_tiny(tiny(mirror).load(cache=cache))
        assert len(asked) == 2

    def test_a_cache_that_cannot_be_a_folder_is_named(self, tmp_path, cache):
        cache.parent.mkdir()
        cache.write_text("in the way")
        with (
            serving(put(tmp_path / "server")) as (mirror, _),
            pytest.raises(UsageError, match=f"downloaded to {cache} .*Not a directory"),
        ):
            tiny(mirror).load(cache=cache)


class TestStatus:
    def test_it_says_how_to_get_what_is_not_here(self, root, cache, closed):
        status = tiny(closed).status(cache=cache)
        assert not status.available
        assert str(root / "tiny") in status.where
        assert str(cache) in status.where
        assert closed in status.how_to_get
        assert not cache.exists()

    @pytest.mark.parametrize("name", data.names())
    def test_every_data_set_has_one(self, name, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        status = data.describe(name)
        assert status.where
        assert bool(status.how_to_get) is not status.available


def published_mnist():
    value = os.environ.get("GAN_BENCH_DATA")
    return Path(value) / "mnist" if value else None


@pytest.fixture
def full_mnist():
    folder = published_mnist()
    if folder is None or not folder.is_dir():
        pytest.skip("needs the four MNIST files in $GAN_BENCH_DATA/mnist")
    return folder


class TestFullMnist:
    def test_it_is_what_everyone_calls_mnist(self, full_mnist):
        dataset = data.load("mnist")
        assert dataset.train.images.shape == (60_000, 28, 28, 1)
        assert dataset.test.images.shape == (10_000, 28, 28, 1)
        assert np.bincount(dataset.train.labels).tolist() == [
            *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
        ]
        assert dataset.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
        assert dataset.classes == 10

    def test_its_sums_are_pinned(self, full_mnist):
        dataset = data.load("mnist")
        assert (
            dataset.train.sha256
            == "c0b93428c49aa8bce7967b5a70ac6b490428581ffbfff65f63e228e569bfffee"
        )
        assert (
            dataset.test.sha256
            == "d52e10ff1552218e79c9d268f66cc8af81ea2a65cbfc663f19405393c8eda238"
        )
        assert dataset.sha256 == "3f16c09d4b8a203f0524fd311f12a4ccac2890f5006c89d197e489c3281a8b5e"

    def test_the_real_files_come_through_a_real_server(self, full_mnist, cache, monkeypatch):
        # A folder of the user's may hold the same digits compressed anew.
        def as_here(file):
            path = file.find(full_mnist)
            if path is None or path.suffix != ".gz":
                pytest.skip("needs the gzipped files under their names")
            return replace(file, download_md5=md5(path.read_bytes()))

        monkeypatch.delenv("GAN_BENCH_DATA")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with serving(full_mnist) as (mirror, asked):
            dataset = replace(
                MNIST,
                files=tuple(map(as_here, MNIST.files)),
                mirrors=(mirror,),
            ).load(cache=cache)
        assert len(asked) == 4
        assert len(dataset.train.images) == 60_000

    def test_the_embedded_digits_are_of_its_training_set(self, full_mnist):
        full, small = data.load("mnist"), data.load("mnist-5k")
        train = {image.tobytes() for image in full.train.images}
        test = {image.tobytes() for image in full.test.images}
        for split in (small.train, small.test):
            digits = {image.tobytes() for image in split.images}
            assert digits <= train
            assert not digits & test
