"""Stacked MNIST: three random digits as the red, green and blue of one image.

With ten digits, an image has one of 1,000 *modes* (Srivastava et al. 2017, "VEEGAN: Reducing mode
collapse in GANs using implicit variational learning"; Lin et al. 2018, "PacGAN: The power of two
samples in generative adversarial networks"). The label of digits a, b and c is 100 a + 10 b + c.
"""

from dataclasses import dataclass

import numpy as np

from gan_bench.data.dataset import Dataset, DatasetSource, DatasetStatus, Split
from gan_bench.streams import Stream, generator

CHANNELS = 3
"""Digits in an image."""


@dataclass(frozen=True)
class StackedDataset:
    """Images of three random digits of another data set.

    The digits of an image are drawn independently, with replacement, from the same split of the
    other data set. They are the same on every machine, and made anew whenever they are loaded.
    """

    name: str
    source: DatasetSource
    """The data set of the digits, grey."""

    train: int = 60_000
    test: int = 10_000
    """Numbers of images."""

    def load(self) -> Dataset:
        """Load the digits and stack them.

        Raises
        ------
        UsageError
            The digits cannot be loaded.
        """
        digits = self.source.load()
        return Dataset(
            name=self.name,
            train=_stacked(digits.train, digits.classes, self.train, 0),
            test=_stacked(digits.test, digits.classes, self.test, 1),
            classes=digits.classes**CHANNELS,
        )

    def status(self) -> DatasetStatus:
        """Say whether the digits are on this machine."""
        return self.source.status()


def _stacked(digits: Split, classes: int, count: int, index: int) -> Split:
    # NumPy keeps the raw numbers of a bit generator in every version, but not those of `integers`.
    # Of so few digits, the remainder of 64 bits is uniform but for 1e-14.
    raw = generator(0, Stream.STACKING, index).bit_generator.random_raw(count * CHANNELS)
    chosen = (raw % np.uint64(len(digits.images))).astype(np.int64).reshape(count, CHANNELS)
    height, width, _ = digits.image_shape
    images = np.empty((count, height, width, CHANNELS), dtype=np.uint8)
    labels = np.zeros(count, dtype=np.int64)
    for channel, rows in enumerate(chosen.T):
        images[..., channel] = digits.images[rows, ..., 0]
        labels = classes * labels + digits.labels[rows]
    return Split.from_arrays(images, labels)
