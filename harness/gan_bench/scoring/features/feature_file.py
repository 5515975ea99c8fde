"""Features on disk, read in blocks, so that memory does not grow with the number of images."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import GanBenchError

_BLOCK_BYTES = 8 * 2**20


@dataclass(frozen=True)
class FeatureFile:
    """Feature vectors of images in their order, float32 (count, dimensions), row by row."""

    path: Path
    count: int
    dimensions: int

    @staticmethod
    def write(path: Path, batches: Iterable[NDArray[np.float32]]) -> "FeatureFile":
        """Write batches of float32 (any n, dimensions), at least one.

        Raises
        ------
        GanBenchError
            A feature is NaN or infinite.
        OSError
            The file cannot be written.
        """
        count = dimensions = 0
        with path.open("wb") as file:
            for batch in batches:
                if not np.isfinite(batch).all():
                    raise GanBenchError(
                        "A feature is NaN or infinite, so the images cannot be scored: check the "
                        "feature model."
                    )
                file.write(np.ascontiguousarray(batch, dtype="<f4").data)
                count += len(batch)
                dimensions = batch.shape[1]
        return FeatureFile(path, count, dimensions)

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the features of images ``start`` to ``stop``, float32 (n, dimensions)."""
        stop = min(stop, self.count)
        values = np.fromfile(
            self.path,
            dtype="<f4",
            count=(stop - start) * self.dimensions,
            offset=4 * start * self.dimensions,
        )
        return values.reshape(stop - start, self.dimensions).astype(np.float32, copy=False)

    def blocks(self, size: int | None = None) -> Iterator[NDArray[np.float32]]:
        """Yield all features in order, ``size`` images at a time or about 8 MiB."""
        size = size or max(1, _BLOCK_BYTES // (4 * self.dimensions))
        for start in range(0, self.count, size):
            yield self.rows(start, start + size)

    def chosen(self, mask: NDArray[np.bool_]) -> Iterator[NDArray[np.float32]]:
        """Yield the features of the images in a mask, bool (count,), in blocks."""
        start = 0
        for block in self.blocks():
            yield block[mask[start : start + len(block)]]
            start += len(block)


def pairs_of_blocks(
    first: FeatureFile, second: FeatureFile, size: int
) -> Iterator[tuple[int, int, NDArray[np.float32], NDArray[np.float32]]]:
    """Yield every pair of blocks with the indices of their first images, row by row."""
    starts = itertools.product(range(0, first.count, size), range(0, second.count, size))
    current = -1
    block = np.empty((0, first.dimensions), dtype=np.float32)
    for top, left in starts:
        if top != current:
            current, block = top, first.rows(top, top + size)
        yield top, left, block, second.rows(left, left + size)
