"""The IDX file format of MNIST and similar data sets: images and labels, gzipped or not."""

import gzip
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import UsageError

MAGIC_LABELS = 2049
"""uint8 values in one dimension."""
MAGIC_IMAGES = 2051
"""uint8 values in three dimensions: images, rows, columns."""
LARGEST_BYTES = 2**31
"""Files whose headers announce more than this (2 GiB) are refused."""
_KINDS = {MAGIC_LABELS: "labels", MAGIC_IMAGES: "images"}
_DIMENSIONS = {MAGIC_LABELS: 1, MAGIC_IMAGES: 3}
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 2**20


def read_images(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of images.

    It may be gzipped; its name does not matter.

    Returns
    -------
    uint8 (n, height, width), n >= 1, read-only.

    Raises
    ------
    UsageError
        The file cannot be read, is damaged, is not an IDX file of images, or is empty.
    """
    return _read(path, MAGIC_IMAGES)


def read_labels(path: Path, classes: int) -> NDArray[np.int64]:
    """Read an IDX file of labels, all of which must be below ``classes``.

    It may be gzipped; its name does not matter.

    Returns
    -------
    int64 (n,), n >= 1.

    Raises
    ------
    UsageError
        The file cannot be read, is damaged, is not an IDX file of labels, is empty, or has a
        label out of range.
    """
    labels = _read(path, MAGIC_LABELS).astype(np.int64)
    if labels.max() >= classes:
        position = int(np.argmax(labels >= classes))
        raise UsageError(
            f"{path} has the label {labels[position]} at position {position}, outside of "
            f"0..{classes - 1}; use the labels that belong to this data set."
        )
    return labels


def read_pair(
    images_path: Path, labels_path: Path, classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read images and the labels that belong to them.

    Returns
    -------
    uint8 (n, height, width) and int64 (n,), n >= 1.

    Raises
    ------
    UsageError
        As for `read_images` and `read_labels`, or the two counts differ.
    """
    images = read_images(images_path)
    labels = read_labels(labels_path, classes)
    if len(images) != len(labels):
        raise UsageError(
            f"{images_path} has {len(images)} images but {labels_path} has {len(labels)} "
            "labels; use two files that belong together."
        )
    return images, labels


def header(array: NDArray[np.uint8]) -> bytes:
    """Return the IDX header of images (n, height, width) or labels (n,).

    The header followed by the array's bytes in C order is the whole file, uncompressed.
    """
    magic = {1: MAGIC_LABELS, 3: MAGIC_IMAGES}[array.ndim]
    return struct.pack(f">{1 + array.ndim}I", magic, *array.shape)


def is_gzipped(file: BinaryIO) -> bool:
    """Return whether a file's content is gzipped; the file is left at its start."""
    zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    file.seek(0)
    return zipped


def _read(path: Path, magic: int) -> NDArray[np.uint8]:
    try:
        with path.open("rb") as file:
            if not is_gzipped(file):
                return _decode(file, path, magic)
            with gzip.GzipFile(fileobj=file) as stream:
                return _decode(stream, path, magic)
    except EOFError as error:
        raise UsageError(
            f"{path} is a gzip file that ends too early; copy or download it again."
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(
            f"{path} is a damaged gzip file ({error}); copy or download it again."
        ) from error
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror or error}); check its path and permissions."
        ) from error


def _decode(stream: BinaryIO | gzip.GzipFile, path: Path, magic: int) -> NDArray[np.uint8]:
    shape = _shape(stream, path, magic)
    announced = int(np.prod(shape, dtype=object))
    if announced > LARGEST_BYTES:
        raise UsageError(
            f"{path} announces {announced} bytes in its header, more than the {LARGEST_BYTES} that "
            "gan-bench reads; the file is damaged or too large; use another."
        )
    if announced == 0:
        raise UsageError(
            f"{path} has no {_KINDS[magic]}: its header announces the shape {shape}; "
            "use a file that is not empty."
        )
    # Reading one byte more detects longer files, and makes gzip verify its checksum.
    content = _at_most(stream, announced + 1)
    if len(content) != announced:
        amount = "more" if len(content) > announced else f"only {len(content)}"
        raise UsageError(
            f"{path} announces {announced} bytes of {_KINDS[magic]} in its header but has "
            f"{amount}; copy or download it again."
        )
    array = np.frombuffer(content, dtype=np.uint8).reshape(shape)
    array.setflags(write=False)
    return array


def _shape(stream: BinaryIO | gzip.GzipFile, path: Path, magic: int) -> tuple[int, ...]:
    size = 4 * (1 + _DIMENSIONS[magic])
    start = bytes(_at_most(stream, size))
    found = int.from_bytes(start[:4], "big")
    if len(start) >= 4 and found != magic:
        other = f", which is that of {_KINDS[found]}" if found in _KINDS else ""
        raise UsageError(
            f"{path} starts with the magic number {found}{other}, not with {magic}, that of IDX "
            f"{_KINDS[magic]}; use the file with the {_KINDS[magic]}."
        )
    if len(start) < size:
        raise UsageError(
            f"{path} ends after {len(start)} bytes, within the header of {size} bytes that IDX "
            f"{_KINDS[magic]} have; copy or download it again."
        )
    return struct.unpack(f">{_DIMENSIONS[magic]}I", start[4:])


def _at_most(stream: BinaryIO | gzip.GzipFile, size: int) -> bytearray:
    # In chunks, so that a false header costs no more memory than the file's content.
    content = bytearray()
    while len(content) < size:
        chunk = stream.read(min(size - len(content), _CHUNK_BYTES))
        if not chunk:
            break
        content += chunk
    return content
