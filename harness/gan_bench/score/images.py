"""Sets of images to be scored: what a user's word names, read in blocks and never whole.

A word is a folder of images, an ``.npz`` or ``.npy`` file of uint8 NHWC, or
``dataset:split[:count]`` such as ``mnist:test:1000``.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from gan_bench import data
from gan_bench.arrays import read_header
from gan_bench.data import Dataset, Split, SplitName
from gan_bench.data.folder import visible_files
from gan_bench.data.picture import SUFFIXES, read_picture, shown
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.paths import is_folder
from gan_bench.streams import Stream, generator

T = TypeVar("T")
Images = NDArray[np.uint8]
_MAKE_AGAIN, _TRAIN_AGAIN = "make it again", "run the training again"
_SPLITS: tuple[SplitName, ...] = ("train", "test")


@dataclass(frozen=True)
class ImageSet:
    """Images in an order, all of one shape; they are read again whenever they are wanted."""

    name: str
    """For readers and protocols: a data set's name, or that of a file or folder."""
    shape: tuple[int, int, int]
    """(height, width, channels), of 1 or 3 channels."""
    count: int
    sha256: str
    """Of the split that they are of, or of their shape and pixels."""
    selection: str
    """Which of these: with the sha256 it names the content."""
    read: Callable[[int], Iterator[Images]] = field(repr=False)
    """Yields uint8 (at most so many, height, width, channels)."""
    split: SplitName | None = None
    dataset: Dataset | None = field(default=None, repr=False)
    """That they are a part of."""

    def first(self, count: int) -> Images:
        """Return the first images, at most so many."""
        blocks = []
        for block in self.read(count):
            blocks.append(block)
            break
        return np.concatenate(blocks)[:count]

    def head(self, count: int) -> "ImageSet":
        """Return the first images only, or the set itself where it has no more.

        Raises
        ------
        UsageError
            It has fewer.
        """
        if count == self.count:
            return self
        if count > self.count:
            raise UsageError(
                f"{self.name} holds {self.count:,} images, not {count:,}: ask for fewer."
            )
        read = self.read

        def first(size: int) -> Iterator[Images]:
            left = count
            for block in read(size):
                yield block[:left]
                left -= len(block)
                if left <= 0:
                    return

        return replace(self, count=count, selection=f"{self.selection}, first {count}", read=first)

    def all_equal(self) -> bool:
        """Whether all are one and the same image."""
        one = self.first(1)
        return all(bool((block == one).all()) for block in self.read(256))


def open_images(word: str) -> ImageSet:
    """Return the images that a word names; files are read once to the end, so that all is well.

    Raises
    ------
    UsageError
        The word names nothing, or what it names cannot be scored: too few images, damaged, of
        different sizes, not uint8.
    """
    path = Path(word)
    if is_folder(path):
        return of_folder(path)
    if path.suffix.lower() in (".npz", ".npy"):
        return of_file(path)
    name, split, count = _parts(word)
    if split is None:
        raise UsageError(
            f"There are no images {word!r}: give a folder, an .npz or .npy file, or "
            "dataset:split[:count] such as mnist:test:1000."
        )
    return of_split(data.load(name), split, count)


def _parts(word: str) -> tuple[str, SplitName | None, int | None]:
    head, _, last = word.rpartition(":")
    count = None
    if head and last not in _SPLITS:
        before, _, maybe = head.rpartition(":")
        if maybe in _SPLITS:
            if not (last.isdecimal() and last.isascii() and int(last) > 0):
                raise UsageError(
                    f"{word!r}: the count {last!r} is no whole number above 0; such as {head}:1000."
                )
            head, last, count = before, maybe, int(last)
    return head, next((split for split in _SPLITS if split == last and head), None), count


def of_split(dataset: Dataset, split: SplitName, count: int | None = None) -> ImageSet:
    """Return a split's first images, all of them without a count.

    Raises
    ------
    UsageError
        There are fewer.
    """
    part: Split = getattr(dataset, split)
    there = len(part.images)
    if count is not None and count > there:
        raise UsageError(
            f"{data.label(dataset.name)}:{split} has {there:,} images, not {count:,}; ask for "
            "fewer."
        )
    count = there if count is None else count
    return _of_array(dataset, split, part, slice(0, count), count, f"first {count}")


def drawn(dataset: Dataset, split: SplitName, count: int, *, seed: int) -> ImageSet:
    """Return so many images of a split, drawn without replacement.

    Raises
    ------
    GanBenchError
        There are fewer: drawing some twice would not be the same count.
    """
    part: Split = getattr(dataset, split)
    available = len(part.images)
    if available < count:
        raise GanBenchError(
            f"There is no floor of {count} real images: only {available} are there to draw from; "
            "take fewer samples."
        )
    chosen = generator(seed, Stream.SCORING).choice(available, count, replace=False)
    return _of_array(dataset, split, part, chosen, count, f"drawn {count} seed {seed}")


def _of_array(
    dataset: Dataset,
    split: SplitName,
    part: Split,
    chosen: slice | NDArray[np.int64],
    count: int,
    selection: str,
) -> ImageSet:
    images = part.images[chosen]
    return ImageSet(
        name=data.label(dataset.name),
        shape=_shape(images.shape[1:]),
        count=_enough(count, f"{data.label(dataset.name)}:{split}"),
        sha256=part.sha256,
        selection=selection,
        read=lambda size: (images[start : start + size] for start in range(0, count, size)),
        split=split,
        dataset=dataset,
    )


def of_folder(path: Path) -> ImageSet:
    """Return the images of a folder, at any depth, in the order of their paths.

    Raises
    ------
    UsageError
        A file is no image or a damaged one, sizes or channels differ, or there are too few.
    """
    files = sorted(visible_files(path), key=lambda file: file.relative_to(path).parts)
    for file in files:
        if file.suffix.lower() not in SUFFIXES:
            raise UsageError(
                f"{shown(file)} is no image by its name ({' '.join(SUFFIXES)}); move it out of the "
                "folder."
            )
    count = _enough(len(files), str(path))
    shape = _shape(read_picture(files[0], size=None, channels=None).shape)

    def pictures() -> Iterator[Images]:
        for file in files:
            pixels = read_picture(file, size=None, channels=None)
            if pixels.shape != shape:
                raise UsageError(
                    f"{shown(file)} is of {_size(pixels.shape)} but {shown(files[0])} of "
                    f"{_size(shape)} (height x width x channels); make all alike."
                )
            yield pixels[np.newaxis]

    return _of_files(path.resolve().name, shape, count, lambda size: _gathered(pictures(), size))


def of_file(path: Path) -> ImageSet:
    """Return the images of an ``.npy`` file, or of an ``.npz``'s array ``images`` or only array.

    Raises
    ------
    UsageError
        The file is not there, damaged, or holds something else than uint8 NHWC of 1 or 3 channels.
    """
    count, shape = _header(path, shown(path), _MAKE_AGAIN)
    return _of_files(path.name, shape, count, lambda size: _read_file(path, size))


def of_snapshot(path: Path) -> ImageSet:
    """Return the samples of an evaluation point, as a worker saved them; without a sha256.

    Raises
    ------
    UsageError
        As `of_file`; while they are read, too.
    """
    count, shape = _header(path, _as_snapshot(path), _TRAIN_AGAIN)
    name = f"the snapshot {path.name}"
    return ImageSet(name, shape, count, "", "all", lambda size: read_snapshot(path, size))


def read_snapshot(path: Path, size: int) -> Iterator[Images]:
    """Yield the samples of an evaluation point, so many at a time; see `of_snapshot`."""
    with _ArrayFile(path, _as_snapshot(path), _TRAIN_AGAIN) as file:
        yield from file.blocks(size)


def _as_snapshot(path: Path) -> str:
    return f"The snapshot {path.name}"


def _header(path: Path, label: str, remedy: str) -> tuple[int, tuple[int, int, int]]:
    with _ArrayFile(path, label, remedy) as file:
        count, *rest = file.shape
    return _enough(count, label), _shape(tuple(rest))


def _read_file(path: Path, size: int) -> Iterator[Images]:
    with _ArrayFile(path, shown(path), _MAKE_AGAIN) as file:
        yield from file.blocks(size)


def _of_files(
    name: str,
    shape: tuple[int, int, int],
    count: int,
    read: Callable[[int], Iterator[Images]],
) -> ImageSet:
    digest = hashlib.sha256(f"images uint8 {(count, *shape)}\n".encode())
    for block in read(256):
        digest.update(np.ascontiguousarray(block).data)
    return ImageSet(name, shape, count, digest.hexdigest(), "all", read)


def _gathered(images: Iterable[Images], size: int) -> Iterator[Images]:
    held: list[Images] = []
    for image in images:
        held.append(image)
        if len(held) == size:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


def _enough(count: int, where: str) -> int:
    if count < 2:
        raise UsageError(
            f"{where} holds {count or 'no'} image{'' if count == 1 else 's'}; at least two are "
            "needed for a distance."
        )
    return count


def _shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    height, width, channels = shape
    return int(height), int(width), int(channels)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


class _ArrayFile:
    """A uint8 NHWC array on the disk, read from its beginning to its end."""

    def __init__(self, path: Path, label: str, remedy: str) -> None:
        self.path = path
        self._label = label
        self._remedy = remedy
        self._archive: zipfile.ZipFile | None = None

    def __enter__(self) -> "_ArrayFile":
        self._file = self._sound(self._open)
        try:
            self.shape = self._sound(self._read_shape)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._archive is not None:
            self._archive.close()

    def blocks(self, size: int) -> Iterator[Images]:
        count, *rest = self.shape
        each = int(np.prod(rest))
        for start in range(0, count, size):
            number = min(size, count - start)
            content = self._sound(lambda: self._file.read(number * each))  # noqa: B023
            if len(content) < number * each:
                raise UsageError(f"{self._label} is cut short: {self._remedy}.")
            yield np.frombuffer(content, dtype=np.uint8).reshape(number, *rest)

    def _open(self) -> BinaryIO:
        if self.path.suffix.lower() == ".npy":
            return self.path.open("rb")
        self._archive = zipfile.ZipFile(self.path)
        names = [n.removesuffix(".npy") for n in self._archive.namelist() if n.endswith(".npy")]
        name = "images" if "images" in names else names[0] if len(names) == 1 else None
        if name is None:
            held = ", ".join(names) or "none"
            self._archive.close()
            raise UsageError(
                f"{self._label} must hold one array, or one called 'images'; it holds {held}."
            )
        return self._archive.open(f"{name}.npy")  # type: ignore[return-value]

    def _read_shape(self) -> tuple[int, ...]:
        shape, fortran, dtype = read_header(self._file)
        flat = len(shape) == 4 and 0 in shape[1:3]
        if dtype != np.uint8 or len(shape) != 4 or shape[3] not in (1, 3) or fortran or flat:
            order = " in Fortran's order" if fortran and len(shape) > 1 else ""
            raise UsageError(
                f"{self._label} holds {dtype} {shape}{order} instead of uint8 (n, height, width, "
                f"channels) of 0 to 255 in 1 or 3 channels: {self._remedy}."
            )
        return shape

    def _sound(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except UsageError:
            raise
        except FileNotFoundError as error:
            raise UsageError(f"{self._label} is not there: correct its name.") from error
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise UsageError(f"{self._label} is damaged ({said}): {self._remedy}.") from error
