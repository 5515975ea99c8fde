"""What the page's script needs, in little space: charts, comparisons, and grids of samples.

Charts, comparisons and Plotly are compressed by gzip, which browsers of 2023 or later unpack.
Pictures hardly compress any further; the page has fewer grey levels of them, and if there are very
many, fewer images and evaluation points. report-full.md has them as they are.
"""

import base64
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from gan_bench.report.charts.web import dot_chart, line_chart
from gan_bench.report.page import GroupPage, Page
from gan_bench.report.pictures import Picture
from gan_bench.report.samples import Point, SampleRow
from gan_bench.scoring.snapshots import GAP, in_few_greys
from gan_bench.text import sanitize

HALVED_FROM = 25
"""Rows of samples from which on the page has the upper half of each grid, 32 of 64 images."""
MOST_GRIDS = 160
"""Grids before the last ones that a page has of all rows; with more, it has fewer points."""


def data_uri(picture: Picture) -> Markup:
    """Return a picture as the value of an attribute."""
    return _uri(picture.content, picture.kind)


def _uri(content: bytes, kind: str) -> Markup:
    return Markup(f"data:image/{kind};base64,") + base64.b64encode(content).decode()


def packed(text: str) -> str:
    """Return a text compressed by gzip, in base64; the same text gives the same."""
    return base64.b64encode(gzip.compress(text.encode(errors="replace"), 9, mtime=0)).decode()


def page_data(page: Page) -> str:
    """Return one JSON object.

    ``charts`` by id as Plotly takes them; ``compare`` the facts of each implementation, ``group``
    its ranking's number; ``sentences`` of each pair.
    """
    return _json(
        {
            "charts": _charts(page),
            "group": {
                _key(page, group, label): number
                for number, group in enumerate(page.groups)
                for label in group.pairs.facts
            },
            "compare": {
                _key(page, group, label): facts
                for group in page.groups
                for label, facts in _facts(group)
            },
            "sentences": {
                f"{_key(page, group, a)}\n{_key(page, group, b)}": sentence
                for group in page.groups
                for (a, b), sentence in group.pairs.sentences.items()
            },
        }
    )


def grids_data(page: Page) -> Markup:
    """Return one JSON object that may stand inside a ``script`` element.

    ``images``: data URIs, each once; ``samples`` of each data set: the slider's positions as
    ``fractions``, and of each row its points before the last one, which is in the page itself:
    fraction, caption, text for who does not see it, and number of the image. The last point has no
    image.
    """
    half = halved(page)
    images: dict[str, int] = {}
    samples = []
    for one in page.samples:
        most = _points_before_the_last(page)
        rows = [
            [
                [
                    point.fraction,
                    point.caption,
                    point.alt,
                    None
                    if point is row.points[-1]
                    else images.setdefault(_small(point.png, half), len(images)),
                ]
                for point in chosen(row.points, most)
            ]
            for row in one.samples.rows
        ]
        fractions = max(
            ([point[0] for point in row] for row in rows),
            key=lambda found: (found[-1], len(found)),
            default=[],
        )
        samples.append({"fractions": fractions, "rows": rows})
    text = _json({"images": list(images), "samples": samples})
    # Nothing may end the element or begin a comment in it.
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def halved(page: Page) -> bool:
    """Return whether the page shows half of each grid, because it has many rows of samples."""
    return sum(len(one.samples.rows) for one in page.samples) >= HALVED_FROM


def _points_before_the_last(page: Page) -> int:
    rows = sum(len(one.samples.rows) for one in page.samples)
    return max(1, MOST_GRIDS // max(1, rows))


def chosen(points: Sequence[Point], most: int) -> list[Point]:
    """Return the last point and at most ``most`` before it, at even distances from the first."""
    before = len(points) - 1
    if before <= most:
        return list(points)
    at = np.unique(np.linspace(0, before, most + 1).round().astype(int))
    return [points[index] for index in at]


def page_grid(row: SampleRow, page: Page) -> Picture:
    """Return the last grid of a row as the page shows it."""
    half = halved(page)
    height = _half_height(row.height) if half else row.height
    with Image.open(io.BytesIO(row.final.content)) as image:
        grey = image.mode == "L"
    content = _fewer(row.final.content, half) if grey or half else row.final.content
    alt = _first_half(row.final.alt) if half else row.final.alt
    return Picture(
        name=row.final.name,
        make=lambda: content,
        alt=alt,
        width=row.width,
        height=height,
        caption=row.final.caption,
    )


def _half_height(height: int) -> int:
    return (height + GAP) // 2 - GAP


def _first_half(alt: str) -> str:
    return f"The first half of {alt}"


def _fewer(png: bytes, half: bool) -> bytes:
    """Return a grid with few grey levels, and half of it if wanted, as PNG."""
    with Image.open(io.BytesIO(png)) as image:
        part = image.crop((0, 0, image.width, _half_height(image.height))) if half else image
        if part.mode == "L":
            return in_few_greys(part)
        content = io.BytesIO()
        part.save(content, format="PNG", optimize=True)
        return content.getvalue()


def _small(png: bytes, half: bool) -> str:
    """Return a grid before the last one as a data URI."""
    content = _fewer(png, half)
    with Image.open(io.BytesIO(content)) as image:
        if image.mode in ("L", "P"):
            return str(_uri(content, "png"))
        coloured = io.BytesIO()
        image.save(coloured, format="WEBP", quality=85)
    return str(_uri(coloured.getvalue(), "webp"))


def compared(page: Page) -> list[tuple[str, str, str]]:
    """Return what can be chosen for a comparison: its key, its label, and the run that is shown."""
    shown = [row.run_id for one in page.samples for row in one.samples.rows]
    return [
        (
            _key(page, group, label),
            label,
            next((run_id for run_id in shown if run_id in group.run_ids[label]), ""),
        )
        for group in page.groups
        for label in group.pairs.facts
    ]


def _key(page: Page, group: GroupPage, label: str) -> str:
    return f"{label} ({group.title})" if group.title and len(page.groups) > 1 else label


def _charts(page: Page) -> dict[str, Any]:
    dots = [one for group in page.groups for one in group.first]
    lines = [one for group in page.groups for one in (*group.fid.charts, *group.losses)]
    return {one.id: dot_chart(one, page.looks) for one in dots} | {
        one.id: line_chart(one, page.looks) for one in lines
    }


def _facts(group: GroupPage) -> list[tuple[str, list[list[Any]]]]:
    return [
        (label, [[fact.section, fact.name, fact.text, fact.number] for fact in facts])
        for label, facts in group.pairs.facts.items()
    ]


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(_plain(values), allow_nan=False, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Return it with the texts that the page has, whose labels and keys have to match."""
    if isinstance(value, str):
        return sanitize(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple) and not all(isinstance(one, float | int) for one in value):
        return [_plain(one) for one in value]
    return value
