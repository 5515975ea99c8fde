"""Published figures beside the measured ones: a table of their own, without any comparison."""

from collections.abc import Sequence

from gan_bench.published import PublishedFigure
from gan_bench.report.matrix import Matrix

_NOTE = (
    "Measured by others under protocols of their own, as far as they state them. A figure of "
    "another protocol says nothing against one of the tables above: neither is ranked with the "
    "other."
)


def published(figures: Sequence[PublishedFigure]) -> Matrix | None:
    """Return the table, None where the results folder names no such figure."""
    if not figures:
        return None
    rows = [
        (one.name, (one.dataset, one.metric, one.value, one.protocol, one.source))
        for one in figures
    ]
    columns = ("data set", "metric", "published", "protocol", "source")
    return Matrix("Published elsewhere", "what", columns, tuple(rows), _NOTE)
