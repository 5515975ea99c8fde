"""Sets of images to be scored: what a user's word names, read in blocks and never whole.

A word is a folder of images, an ``.npz`` or ``.npy`` file of uint8 NHWC, or
``dataset:split[:count]`` such as ``mnist:test:1000``.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gan_bench import data
from gan_bench.data import Dataset, Split, SplitName
from gan_bench.data.folder import visible_files
from gan_bench.data.image_file import SUFFIXES, read_picture, shown
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.scoring.array_file import ArrayFile, Images, enough, header, shape_of, size_text
from gan_bench.streams import Stream, generator
from gan_bench.system.files import is_folder

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
        shape=shape_of(images.shape[1:]),
        count=enough(count, f"{data.label(dataset.name)}:{split}"),
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
    count = enough(len(files), str(path))
    shape = shape_of(read_picture(files[0], size=None, channels=None).shape)

    def pictures() -> Iterator[Images]:
        for file in files:
            pixels = read_picture(file, size=None, channels=None)
            if pixels.shape != shape:
                raise UsageError(
                    f"{shown(file)} is of {size_text(pixels.shape)} but {shown(files[0])} of "
                    f"{size_text(shape)} (height x width x channels); make all alike."
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
    count, shape = header(path, shown(path), _MAKE_AGAIN)
    return _of_files(path.name, shape, count, lambda size: _read_file(path, size))


def of_snapshot(path: Path) -> ImageSet:
    """Return the samples of an evaluation point, as a worker saved them; without a sha256.

    Raises
    ------
    UsageError
        As `of_file`; while they are read, too.
    """
    count, shape = header(path, _as_snapshot(path), _TRAIN_AGAIN)
    name = f"the snapshot {path.name}"
    return ImageSet(name, shape, count, "", "all", lambda size: read_snapshot(path, size))


def read_snapshot(path: Path, size: int) -> Iterator[Images]:
    """Yield the samples of an evaluation point, so many at a time; see `of_snapshot`."""
    with ArrayFile(path, _as_snapshot(path), _TRAIN_AGAIN) as file:
        yield from file.blocks(size)


def _as_snapshot(path: Path) -> str:
    return f"The snapshot {path.name}"


def _read_file(path: Path, size: int) -> Iterator[Images]:
    with ArrayFile(path, shown(path), _MAKE_AGAIN) as file:
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
