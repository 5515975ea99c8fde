"""What ``gan-bench export`` writes: the three frames of a results folder as files."""

import importlib.util
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from gan_bench.errors import UsageError
from gan_bench.results.sources import opened
from gan_bench.system.files import write_atomically, writing_to

Format = Literal["csv", "parquet", "json"]
_TEXT = frozenset({"reason", "log_tail", "score_reason", "parity"})
"""Columns of text, even if all values are missing: every export has the same types."""


@dataclass(frozen=True)
class Exported:
    """The result of an export."""

    files: tuple[Path, ...]
    left_out: tuple[str, ...]
    """One sentence for each file of the results folder that could not be read."""


def export(results_path: Path, out: Path, file_format: Format) -> Exported:
    """Write ``runs``, ``losses`` and ``scores`` of `gan_bench.load_results` as files.

    A missing value is empty in CSV and null in JSON and Parquet; NaN is missing, too. JSON is a
    list with one object per row.

    ``out`` is created if needed; earlier files of these names are replaced.

    Raises
    ------
    UsageError
        The results folder does not exist or is empty, ``out`` cannot be written, or the format is
        Parquet and pyarrow is not installed.
    """
    if file_format == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UsageError(
            'Parquet needs pyarrow, which is not installed: `pip install "gan-bench[parquet]"`, or '
            "use --format csv or json."
        )
    with opened([results_path]) as folder:
        results = folder.load()
    frames = {"runs": results.runs, "losses": results.losses, "scores": results.scores}
    if all(frame.empty for frame in frames.values()):
        raise results.no_run(results_path, "export")
    contents = {
        out / f"{name}.{file_format}": _content(_typed(frame), file_format)
        for name, frame in frames.items()
    }
    with writing_to(out, "tables"):
        for path, content in contents.items():
            write_atomically(path, content)
    return Exported(files=tuple(contents), left_out=results.left_out)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Give a type to each column of dtype object."""
    columns = {
        name: column.astype(_dtype(str(name), column))
        if column.dtype == object or name in _TEXT
        else column
        for name, column in frame.items()
    }
    return pd.DataFrame(columns, columns=frame.columns)


def _dtype(name: str, column: "pd.Series[Any]") -> Any:
    kinds = {type(value) for value in column[column.notna()]}
    if name in _TEXT or not kinds <= {bool, int, float}:
        return "string"
    if kinds == {bool}:
        return "boolean"
    return "Int64" if kinds == {int} else "Float64"


def _content(frame: pd.DataFrame, file_format: Format) -> bytes:
    if file_format == "csv":
        return frame.to_csv(index=False, lineterminator="\n").encode()
    if file_format == "json":
        return _json(frame)
    buffer = io.BytesIO()
    frame.to_parquet(buffer, engine="pyarrow", index=False)
    return buffer.getvalue()


def _json(frame: pd.DataFrame) -> bytes:
    """Return one object per line; pandas' own writer would round to 15 digits."""
    names = list(map(str, frame.columns))
    columns = [_plain(frame[name]) for name in names]
    rows = (
        json.dumps(dict(zip(names, row, strict=True)), allow_nan=False, ensure_ascii=False)
        for row in zip(*columns, strict=True)
    )
    return ("[\n" + ",\n".join(rows) + "\n]\n").encode()


def _plain(column: "pd.Series[Any]") -> list[object]:
    """Return Python values, with None for missing and infinite ones: JSON has neither."""
    return [
        None if missing or value in (math.inf, -math.inf) else value
        for value, missing in zip(column.tolist(), column.isna(), strict=True)
    ]
