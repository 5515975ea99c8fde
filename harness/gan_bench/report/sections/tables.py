"""What a ranking consists of."""

from collections.abc import Mapping
from dataclasses import dataclass

from gan_bench.analysis.time_to_quality import Reached
from gan_bench.text import listed


@dataclass(frozen=True)
class Cell:
    """A figure, and its range where it is of several seeds."""

    text: str
    range: str = ""
    sort: float | str | None = None
    """What the row is sorted by; None stands last."""


@dataclass(frozen=True)
class Column:
    """A column of figures or of words."""

    title: str
    kind: str = "number"
    """``number`` or ``text``."""


@dataclass(frozen=True)
class Trouble:
    """Runs of one implementation that are not in the figures, for the same reason."""

    label: str
    seeds: tuple[int, ...]
    status: str
    reason: str
    log_tail: str
    """Its last lines; empty where there is none, or enough are shown already."""

    @property
    def which(self) -> str:
        """E.g. ``1`` or ``1, 2 and 5``."""
        return listed([str(seed) for seed in self.seeds])


@dataclass(frozen=True)
class RankedRow:
    """One implementation."""

    label: str
    look: str
    """The class of its swatch."""
    words: str
    """What the filter looks for: names, parity and status, ``failed`` where a run did."""
    cells: tuple[Cell, ...]
    troubles: tuple[Trouble, ...]
    """Its runs that are not in the figures."""


@dataclass(frozen=True)
class Reference:
    """The floor, the ceiling or samples from elsewhere: figures that are no implementation's."""

    label: str
    cells: tuple[Cell, ...]
    explanation: str


@dataclass(frozen=True)
class Ranking:
    """All of a group."""

    title: str
    columns: tuple[Column, ...]
    """Without the first, which names the row."""
    rows: tuple[RankedRow, ...]
    references: tuple[Reference, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """The FID whose time is shown."""

    fid: float
    reached: Mapping[str, Reached]
    """By label."""


@dataclass(frozen=True)
class Matrix:
    """Its first column names the rows."""

    title: str
    corner: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    note: str = ""
    numeric: bool = False
    """Whether the cells are figures, which stand to the right."""
