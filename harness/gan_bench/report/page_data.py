"""What the page's script works on: charts, grids and pairs as JSON."""

import base64
import io
import json
from typing import Any

from markupsafe import Markup
from PIL import Image

from gan_bench.report.charts.web import bar_chart, line_chart
from gan_bench.report.page import GroupPage, Page, SamplesPage
from gan_bench.text import sanitize

_GREYS = 16
"""Of a grid on the way: half as many bytes."""


def page_data(page: Page) -> Markup:
    """Return one JSON object that may stand inside a ``script`` element.

    ``charts`` by id as Plotly takes them; ``samples`` a list: the slider's positions and the grids
    of each implementation; ``compare`` its facts, ``group`` its ranking's number; ``sentences`` of
    each pair.
    """
    data = {
        "charts": _charts(page),
        "group": {
            _key(page, group, label): number
            for number, group in enumerate(page.groups)
            for label in group.pairs.facts
        },
        "samples": [_samples(one) for one in page.samples],
        "compare": {_key(page, g, label): facts for g in page.groups for label, facts in _facts(g)},
        "sentences": {
            f"{_key(page, group, a)}\n{_key(page, group, b)}": sentence
            for group in page.groups
            for (a, b), sentence in group.pairs.sentences.items()
        },
    }
    text = json.dumps(_plain(data), allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    # Nothing may end the element or begin a comment in it.
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _plain(value: Any) -> Any:
    """Return it with the texts that the page has, whose labels and keys have to match."""
    if isinstance(value, str):
        return sanitize(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple) and not all(isinstance(one, float | int) for one in value):
        return [_plain(one) for one in value]
    return value


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
    lines = [curves for group in page.groups for curves in group.fid.charts] + page.losses
    charts = {curves.id: line_chart(curves, page.looks) for curves in lines}
    bars = [one.shares for one in page.samples if one.shares]
    return charts | {shares.id: bar_chart(shares, page.looks) for shares in bars}


def _samples(page: SamplesPage) -> dict[str, Any]:
    return {
        "fractions": page.samples.fractions,
        "rows": [
            [
                # The last grid is in the page itself.
                [
                    point.fraction,
                    point.caption,
                    point.alt,
                    None if point is row.points[-1] else _small(point.png),
                ]
                for point in row.points
            ]
            for row in page.samples.rows
        ],
    }


def _facts(group: GroupPage) -> list[tuple[str, list[list[Any]]]]:
    return [
        (label, [[fact.section, fact.name, fact.text, fact.number] for fact in facts])
        for label, facts in group.pairs.facts.items()
    ]


def _small(png: bytes) -> str:
    """Return a grid on the way to the last one, with less than can be told apart by eye."""
    content = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        if image.mode == "L":
            greys = image.quantize(_GREYS, dither=Image.Dither.NONE)
            greys.save(content, format="PNG", optimize=True)
            kind = "png"
        else:
            image.save(content, format="WEBP", quality=85)
            kind = "webp"
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"
