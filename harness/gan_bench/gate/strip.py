"""A small plot of seeds in plain text, which every CI server's page can show."""

import math
from collections.abc import Sequence

from gan_bench.gate.verdict import Row
from gan_bench.report.numbers import figure

_COLUMNS = 56
_BOUND, _ONE, _SEVERAL = "|", "o", "8"


def strip(row: Row) -> str:
    """Return three lines: the axis, the baseline's seeds and the candidate's, with the bound.

    An ``o`` is a seed, an ``8`` several that fall together, ``|`` the bound that the candidate's
    mean, ``^``, may not cross. The axis is logarithmic where the metric is compared as a ratio.
    """
    measured = row.measured
    if measured is None:
        return ""
    bound = measured.worst(row.level)
    mean = measured.mean[1]
    log = measured.scale == "ratio"
    values = [*measured.baseline, *measured.candidate, bound, mean]
    places = [math.log(value) if log else value for value in values]
    low, high = min(places), max(places)

    def column(value: float) -> int:
        place = math.log(value) if log else value
        return round((place - low) / (high - low) * (_COLUMNS - 1)) if high > low else 0

    left, right = figure(min(values)), figure(max(values))
    width = max(len("candidate"), 9)
    dashes = "-" * max(0, _COLUMNS - len(left) - len(right) - 2)
    lines = [f"{'':{width}} {left} {dashes} {right}"]
    for name, seeds in (("baseline", measured.baseline), ("candidate", measured.candidate)):
        lines.append(f"{name:{width}} {_marks([column(value) for value in seeds], column(bound))}")
    under = [" "] * _COLUMNS
    under[column(mean)] = "^"
    lines.append(f"{'mean':{width}} {''.join(under)}")
    return "\n".join(line.rstrip() for line in lines)


def _marks(columns: Sequence[int], bound: int) -> str:
    marks = [" "] * _COLUMNS
    marks[bound] = _BOUND
    for place in columns:
        marks[place] = _SEVERAL if marks[place] in (_ONE, _SEVERAL) else _ONE
    return "".join(marks)
