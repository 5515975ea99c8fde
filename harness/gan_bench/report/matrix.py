"""A table of texts, as the smaller tables of a report are."""

from dataclasses import dataclass


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
