"""A series as one line of block characters."""

import numpy as np
from numpy.typing import NDArray

_BLOCKS = "▁▂▃▄▅▆▇█"
_GAP = " "


def sparkline(values: NDArray[np.floating], width: int) -> str:
    """Draw a series from its least to its greatest value.

    Parameters
    ----------
    values
        (n,), in any unit. What is not finite is left out of its column's mean.
    width
        Characters at most; each is the mean of as many neighbours as it takes.

    Returns
    -------
    str
        min(n, width) characters; a gap where no value of a column is finite, and blocks of middle
        height where all columns are equal.
    """
    columns = min(len(values), width)
    if columns < 1:
        return ""
    parts = np.array_split(np.asarray(values, dtype=np.float64), columns)
    finite = [part[np.isfinite(part)] for part in parts]
    means = np.array([part.mean() if len(part) else np.nan for part in finite])
    known = means[np.isfinite(means)]
    if len(known) == 0:
        return _GAP * columns
    low, high = known.min(), known.max()
    if low == high:
        heights = np.where(np.isfinite(means), 0.5, np.nan)
    else:
        heights = (means - low) / (high - low)
    return "".join(
        _BLOCKS[min(int(height * len(_BLOCKS)), len(_BLOCKS) - 1)] if height >= 0 else _GAP
        for height in heights
    )
