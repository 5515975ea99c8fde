"""Sets of images: opened from what a user types, and read in blocks.

A user types a folder of images, an ``.npz`` or ``.npy`` file of uint8 NHWC, or
``dataset:split[:count]`` such as ``mnist:test:1000``. If only some images of a set are used, they
are a random subset: many sets are in an order, say class by class.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gan_bench import data
from gan_bench.data import Dataset, Split, SplitName
from gan_bench.data.folder import visible_files
from gan_bench.data.folder_spec import PREFIX
from gan_bench.data.image_file import SUFFIXES, convert, read_picture, shown
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.scoring.array_file import ArrayFile, Images
from gan_bench.streams import Stream, generator
from gan_bench.system.files import is_folder
from gan_bench.text import many

_MAKE_AGAIN, _TRAIN_AGAIN = "make it again", "run the training again"
_SPLITS: tuple[SplitName, ...] = ("train", "test")


@dataclass(frozen=True)
class Conversion:
    """The size and the channels that every image is converted to; None: they are kept."""

    size: tuple[int, int] | None = None
    """(height, width)."""
    channels: Literal[1, 3] | None = None

    def __str__(self) -> str:
        """Return what a protocol says of it."""
        size = f"{size_text(self.size)} pixels, bicubic, antialiased" if self.size else ""
        channels = {1: "grey, ITU-R 601-2", 3: "RGB, grey repeated to three channels", None: ""}
        return "; ".join(filter(None, (channels[self.channels], size))) or "none"

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Return the shape that images of a shape are converted to."""
        height, width = self.size or shape[:2]
        return height, width, self.channels or shape[2]

    def __call__(self, images: Images) -> Images:
        """Return converted images, uint8 NHWC."""
        if self.shape(images.shape[1:]) == images.shape[1:]:
            return images
        return np.stack([convert(one, size=self.size, channels=self.channels) for one in images])


AS_THEY_ARE = Conversion()


@dataclass(frozen=True)
class ImageSet:
    """Ordered images of one shape; every use reads them again."""

    name: str
    """Name of the data set, file or folder."""
    shape: tuple[int, int, int]
    """(height, width, channels), with 1 or 3 channels."""
    count: int
    sha256: str
    """sha256 of the data set's split, or of the shape and pixels; empty for snapshots."""
    selection: str
    """Which images of the split or file; with the sha256 it identifies the content."""
    read: Callable[[int], Iterator[Images]] = field(repr=False)
    """Yields blocks of at most the given number of images."""
    split: SplitName | None = None
    dataset: Dataset | None = field(default=None, repr=False)
    """The data set that the images come from; None for files and folders."""
    conversion: Conversion = AS_THEY_ARE
    whole: "ImageSet | None" = field(default=None, repr=False)
    """The set of which these images are a subset; None if it is this one."""
    independent: bool = False
    """Whether the images are independent, as samples of a run are, and not in some order."""

    def first(self, count: int) -> Images:
        """Return the first images, at most ``count``."""
        blocks = []
        for block in self.read(count):
            blocks.append(block)
            break
        return np.concatenate(blocks)[:count]

    def subset(self, count: int, *, seed: int) -> "ImageSet":
        """Return a random subset of the images, in their order.

        It depends on the set's content and on the seed: it is the same wherever the set is used,
        subsets of two sets are independent, and a smaller subset is part of a larger one. Of
        independent images, the first ones are taken.

        Raises
        ------
        UsageError
            There are fewer images.
        """
        if count == self.count:
            return self
        if count > self.count:
            raise UsageError(
                f"{self.name} has {self.count:,} images, not {count:,}: ask for fewer."
            )
        whole = self.whole or self
        chosen = np.arange(whole.count) < count
        if not self.independent:
            index = int(whole.sha256[:15], 16)
            order = generator(seed, Stream.SCORING, index).permutation(whole.count)
            chosen[order] = chosen.copy()

        def read(size: int) -> Iterator[Images]:
            return _in_blocks(_chosen(whole.read(size), chosen), size)

        how = f"first {count}" if self.independent else f"drawn {count} seed {seed}"
        selection = f"{whole.selection}, {how}"
        count = _at_least_two(count, self.name)
        return replace(whole, count=count, selection=selection, read=read, whole=whole)

    def converted(self, conversion: Conversion) -> "ImageSet":
        """Return the set with every image converted."""
        if conversion == AS_THEY_ARE:
            return self
        read = self.read
        return replace(
            self,
            shape=conversion.shape(self.shape),
            selection=f"{self.selection}, {conversion}",
            conversion=conversion,
            read=lambda size: map(conversion, read(size)),
        )

    def all_equal(self) -> bool:
        """Whether all images are equal."""
        first = self.first(1)
        return all(bool((block == first).all()) for block in self.read(256))


def open_images(text: str, conversion: Conversion = AS_THEY_ARE, *, seed: int = 0) -> ImageSet:
    """Open a folder, an array file or a data set's split; files are read once, to check them.

    If the text has a number of images, the seed determines the random subset.

    Raises
    ------
    UsageError
        ``text`` is not a folder, array file or data set, or its images cannot be scored: too few,
        damaged, of different sizes, or not uint8.
    """
    path = Path(text)
    if is_folder(path):
        return of_folder(path, conversion)
    if path.suffix.lower() in (".npz", ".npy"):
        return of_file(path, conversion)
    name, split, count = _parse_split(text)
    if split is None and text.startswith(PREFIX):
        raise UsageError(
            f"The data set {text!r} needs a split, such as {text}:test; for all images of a "
            "folder, give its path alone, and --size or --channels to convert them."
        )
    if split is None:
        raise UsageError(
            f"There are no images {text!r}: give a folder, an .npz or .npy file, or "
            "dataset:split[:count] such as mnist:test:1000."
        )
    whole = of_split(data.load(name), split).converted(conversion)
    return whole if count is None else whole.subset(count, seed=seed)


def _parse_split(text: str) -> tuple[str, SplitName | None, int | None]:
    """Read ``dataset:split[:count]``; the split is None if there is none."""
    head, _, last = text.rpartition(":")
    count = None
    if head and last not in _SPLITS:
        before, _, maybe = head.rpartition(":")
        if maybe in _SPLITS:
            if not (last.isdecimal() and last.isascii() and int(last) > 0):
                raise UsageError(
                    f"The number {last!r} in {text!r} is not a positive integer; write {head}:1000."
                )
            head, last, count = before, maybe, int(last)
    return head, next((split for split in _SPLITS if split == last and head), None), count


def of_split(
    dataset: Dataset, split: SplitName, count: int | None = None, *, seed: int = 0
) -> ImageSet:
    """Return the images of a split: all of them, or a random subset of ``count``.

    Raises
    ------
    UsageError
        There are fewer.
    """
    part: Split = getattr(dataset, split)
    available = len(part.images)
    whole = _of_array(dataset, split, part, slice(None), available, f"first {available}")
    return whole if count is None else whole.subset(count, seed=seed)


def random_subset(dataset: Dataset, split: SplitName, count: int, *, seed: int) -> ImageSet:
    """Return images of a split, chosen at random without replacement and in random order.

    Raises
    ------
    GanBenchError
        There are fewer than ``count``.
    """
    part: Split = getattr(dataset, split)
    available = len(part.images)
    if available < count:
        raise GanBenchError(
            f"There is no floor: it needs {count} real images, but "
            f"{data.label(dataset.name)}:{split} has only {available}; use fewer samples."
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
        count=_at_least_two(count, f"{data.label(dataset.name)}:{split}"),
        sha256=part.sha256,
        selection=selection,
        read=lambda size: (images[start : start + size] for start in range(0, count, size)),
        split=split,
        dataset=dataset,
    )


def of_folder(path: Path, conversion: Conversion = AS_THEY_ARE) -> ImageSet:
    """Return the images of a folder and its subfolders, in the order of their paths.

    Raises
    ------
    UsageError
        A file is no image or a damaged one, sizes or channels differ, or there are too few.
    """
    files = sorted(visible_files(path), key=lambda file: file.relative_to(path).parts)
    for file in files:
        if file.suffix.lower() not in SUFFIXES:
            raise UsageError(
                f"{shown(file)} does not have an image suffix ({' '.join(SUFFIXES)}); move it out "
                "of the folder."
            )
    count = _at_least_two(len(files), str(path))
    read = partial(read_picture, size=conversion.size, channels=conversion.channels)
    shape = _shape(read(files[0]).shape)

    def pictures() -> Iterator[Images]:
        for file in files:
            pixels = read(file)
            if pixels.shape != shape:
                raise UsageError(
                    f"{shown(file)} is {size_text(pixels.shape)} but {shown(files[0])} is "
                    f"{size_text(shape)} (height x width x channels); "
                    f"{how_to_convert(shape, _shape(pixels.shape))}."
                )
            yield pixels[np.newaxis]

    whole = _of_files(path.resolve().name, shape, count, lambda size: _in_blocks(pictures(), size))
    return replace(whole, conversion=conversion)


def of_array(images: Images, name: str) -> ImageSet:
    """Return the images of an array in memory.

    Parameters
    ----------
    images
        uint8, shape (n, height, width, channels), with 1 or 3 channels.
    name
        What it is called in scores and errors.

    Raises
    ------
    UsageError
        It is another array, or has fewer than two images.
    """
    array: NDArray[np.generic] = np.asarray(images)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] not in (1, 3):
        raise UsageError(
            f"The array of {name} images has the dtype {array.dtype} and the shape {array.shape}; "
            "images are uint8, from 0 to 255, with the shape (n, height, width, channels) and 1 or "
            "3 channels."
        )
    count = _at_least_two(len(array), f"The array of {name} images")
    pixels = array.astype(np.uint8, copy=False)

    def read(size: int) -> Iterator[Images]:
        return (pixels[start : start + size] for start in range(0, count, size))

    return _of_files(f"array of {name} images", _shape(array.shape[1:]), count, read)


def how_to_convert(shape: tuple[int, int, int], other: tuple[int, int, int]) -> str:
    """Return how `gan-bench score` takes images of two shapes together."""
    size = "x".join(map(str, shape[:2]))
    words = [f"--size {size}"] * (shape[:2] != other[:2])
    words += ["--channels 1 or --channels 3"] * (shape[2] != other[2])
    return f"give {' and '.join(words)} to convert all images"


def of_file(path: Path, conversion: Conversion = AS_THEY_ARE) -> ImageSet:
    """Return the images of an ``.npy`` or ``.npz`` file.

    Raises
    ------
    UsageError
        The file does not exist, is damaged, or is not uint8 NHWC with 1 or 3 channels.
    """
    count, shape = _count_and_shape(path, shown(path), _MAKE_AGAIN)
    whole = _of_files(
        path.name,
        conversion.shape(shape),
        count,
        lambda size: map(conversion, _read_file(path, size)),
    )
    return replace(whole, conversion=conversion)


def of_snapshot(path: Path) -> ImageSet:
    """Return the samples that a worker saved at an evaluation point, without a sha256.

    Raises
    ------
    UsageError
        See `of_file`; reading the images raises it too, because only the header is checked here.
    """
    count, shape = _count_and_shape(path, _snapshot_label(path), _TRAIN_AGAIN)
    name = f"the snapshot {path.name}"
    read = partial(read_snapshot, path)
    return ImageSet(name, shape, count, "", "all", read, independent=True)


def read_snapshot(path: Path, size: int) -> Iterator[Images]:
    """Yield the samples of an evaluation point in blocks of ``size``; see `of_snapshot`."""
    with ArrayFile(path, _snapshot_label(path), _TRAIN_AGAIN) as file:
        yield from file.blocks(size)


def _snapshot_label(path: Path) -> str:
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


def _chosen(blocks: Iterable[Images], chosen: NDArray[np.bool_]) -> Iterator[Images]:
    start = 0
    for block in blocks:
        yield block[chosen[start : start + len(block)]]
        start += len(block)


def _in_blocks(parts: Iterable[Images], size: int) -> Iterator[Images]:
    """Yield images of parts of any length in blocks of ``size``."""
    block: list[Images] = []
    for part in parts:
        for image in part:
            block.append(image)
            if len(block) == size:
                yield np.stack(block)
                block = []
    if block:
        yield np.stack(block)


def _count_and_shape(path: Path, label: str, remedy: str) -> tuple[int, tuple[int, int, int]]:
    with ArrayFile(path, label, remedy) as file:
        count, *rest = file.shape
    return _at_least_two(count, label), _shape(tuple(rest))


def _at_least_two(count: int, source: str) -> int:
    if count < 2:
        raise UsageError(
            f"{source} has {many(count, 'image') if count else 'no images'}; at least two are "
            "needed for a distance."
        )
    return count


def _shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    height, width, channels = shape
    return int(height), int(width), int(channels)


def size_text(shape: tuple[int, ...]) -> str:
    """Return e.g. ``28 x 28 x 1``."""
    return " x ".join(map(str, shape))
