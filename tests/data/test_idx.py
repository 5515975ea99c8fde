"""The IDX reader: what it returns, and one sentence for everything that can be wrong."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gan_bench.data import idx
from gan_bench.errors import UsageError

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
LABELS = np.array([2, 0, 9], dtype=np.uint8)


def whole(array):
    return idx.header(array) + array.tobytes()


@pytest.fixture
def write(tmp_path):
    def to(content, name="file"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return to


@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_gzip_is_recognised_by_content_not_by_name(write, packed, name):
    images = idx.read_images(write(packed(whole(IMAGES)), name))
    np.testing.assert_array_equal(images, IMAGES)
    assert images.dtype == np.uint8
    assert not images.flags.writeable


@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_labels_become_int64(write, packed):
    labels = idx.read_labels(write(packed(whole(LABELS))), classes=10)
    np.testing.assert_array_equal(labels, LABELS)
    assert labels.dtype == np.int64


@given(arrays(np.uint8, st.tuples(*[st.integers(1, 6)] * 3)))
def test_any_images_come_back_as_they_were_written(tmp_path_factory, images):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(gzip.compress(whole(images), compresslevel=1))
    np.testing.assert_array_equal(idx.read_images(path), images)


def test_the_header_is_the_one_of_mnist():
    assert idx.header(np.zeros((60_000, 28, 28), np.uint8)).hex() == (
        "00000803" + "0000ea60" + "0000001c" * 2
    )
    assert idx.header(np.zeros(60_000, np.uint8)).hex() == "00000801" + "0000ea60"


def images_header(*shape):
    return struct.pack(">4I", idx.MAGIC_IMAGES, *shape)


def broken_in_the_middle(content):
    return content[:40] + bytes(byte ^ 0xFF for byte in content[40:60]) + content[60:]


def with_wrong_checksum(content):
    return content[:-8] + bytes(byte ^ 0xFF for byte in content[-8:-4]) + content[-4:]


GZIPPED = gzip.compress(whole(np.arange(1200, dtype=np.uint8).reshape(3, 20, 20)))

DAMAGED = {
    "gzip cut in its data": (GZIPPED[:200], "ends too early"),
    "gzip cut in its checksum": (GZIPPED[:-3], "ends too early"),
    "gzip cut in its header": (GZIPPED[:5], "ends too early"),
    "gzip damaged": (broken_in_the_middle(GZIPPED), "damaged gzip file"),
    "gzip with a wrong checksum": (with_wrong_checksum(GZIPPED), "damaged gzip file"),
    "gzip with rubbish after it": (GZIPPED + b"rubbish", "damaged gzip file"),
    "empty": (b"", "ends after 0 bytes, within the header of 16"),
    "gzip of nothing": (gzip.compress(b""), "ends after 0 bytes, within the header of 16"),
    "cut in the header": (whole(IMAGES)[:9], "ends after 9 bytes, within the header of 16"),
    "one byte too few": (whole(IMAGES)[:-1], "announces 60 bytes .* has only 59"),
    "one byte too many": (whole(IMAGES) + b"\0", "announces 60 bytes .* has more"),
    "gzip, one byte too few": (gzip.compress(whole(IMAGES)[:-1]), "has only 59"),
    "gzip, one byte too many": (gzip.compress(whole(IMAGES) + b"\0"), "has more"),
    "labels": (whole(LABELS), "magic number 2049, which is that of labels, not with 2051"),
    "a picture": (b"\x89PNG\r\n\x1a\n" * 4, "magic number 2303741511, not with 2051"),
    "more than 2 GiB": (images_header(2**16, 2**8, 2**8), "announces 4294967296 bytes"),
    "the most a header can say": (images_header(*[2**32 - 1] * 3), "more than the 2147483648"),
    "2 GiB announced, nothing there": (images_header(2**15, 2**8, 2**8), "has only 0"),
    "no images": (images_header(0, 28, 28), r"has no images: .* \(0, 28, 28\)"),
    "images of no width": (images_header(7, 28, 0), "has no images"),
}


@pytest.mark.parametrize(("content", "sentence"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_bad_file_is_refused_with_its_name_and_what_to_do(write, content, sentence):
    path = write(content)
    with pytest.raises(UsageError, match=sentence) as caught:
        idx.read_images(path)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith(".")
    assert ";" in str(caught.value)


def test_a_decompression_bomb_is_not_decompressed(write):
    bomb = gzip.compress(images_header(2, 28, 28) + bytes(200 * 2**20), compresslevel=1)
    path = write(bomb)
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match=r"announces 1568 bytes .* has more"):
            idx.read_images(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 2**20


def test_a_missing_file_and_a_folder_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere cannot be read .No such file"):
        idx.read_images(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"cannot be read .Is a directory"):
        idx.read_images(tmp_path)


def test_images_are_not_read_as_labels(write):
    with pytest.raises(UsageError, match="2051, which is that of images, not with 2049"):
        idx.read_labels(write(whole(IMAGES)), classes=10)


def test_a_label_out_of_range_is_named_with_its_position(write):
    path = write(whole(LABELS))
    assert idx.read_labels(path, classes=10).max() == 9
    with pytest.raises(UsageError, match=r"the label 9 at position 2, outside of 0\.\.8"):
        idx.read_labels(path, classes=9)


def test_images_and_labels_of_different_counts_are_refused(write):
    images, labels = write(whole(IMAGES), "images"), write(whole(LABELS[:2]), "labels")
    with pytest.raises(UsageError, match=r"images has 3 images but .*labels has 2 labels"):
        idx.read_pair(images, labels, classes=10)


def test_a_pair_is_read_together(write):
    images, labels = idx.read_pair(
        write(whole(IMAGES), "images"), write(whole(LABELS), "labels"), classes=10
    )
    assert isinstance(images, np.ndarray)
    assert len(images) == len(labels) == 3
