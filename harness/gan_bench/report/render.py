"""A page as markdown and as HTML; every text is escaped."""

import base64
import hashlib
import html
import io
import json
import re
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from PIL import Image

from gan_bench.report.charts.web import dot_chart, line_chart
from gan_bench.report.claims import NOTE as CLAIMS_NOTE
from gan_bench.report.page import GroupPage, Page, SamplesPage
from gan_bench.report.pictures import COLOURS, Picture
from gan_bench.report.sections.effects import NOTE as EFFECTS_NOTE
from gan_bench.text import many, markdown_text, sanitize


def render_markdown(page: Page) -> bytes:
    """Return ``report.md``, a short page that shows its figures from ``figures/``."""
    return _markdown("short.md.jinja", page)


def render_full_markdown(page: Page) -> bytes:
    """Return ``report-full.md``, which has everything, with figures from ``figures/``."""
    return _markdown("full.md.jinja", page)


def _markdown(template: str, page: Page) -> bytes:
    text = _environment().get_template(template).render(page=page)
    return _encode(re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")


def render_html(page: Page) -> bytes:
    """Return ``report.html``, which needs no other file and asks no server for anything."""
    environment = _environment()
    style = environment.get_template("style.css").render(colours=COLOURS)
    files = resources.files("gan_bench.report")
    # Plotly last: all that needs no chart works before it has loaded.
    scripts = [
        (files / "templates" / "report.js").read_text(encoding="utf-8"),
        (files / "plotly" / "plotly-basic.min.js").read_text(encoding="utf-8"),
    ]
    sources = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    # Plotly writes styles of its own; no style can load anything here.
    policy = (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
        f"script-src {sources}; base-uri 'none'; form-action 'none'"
    )
    template = environment.get_template("report.html.jinja")
    return _encode(
        template.render(
            page=page,
            style=Markup(style),
            policy=Markup(policy),
            scripts=[Markup(script) for script in scripts],
            data=page_data(page),
            compared=compared(page),
        )
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gan_bench.report"),
        autoescape=True,
        finalize=_without_control_characters,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "data_uri": _data_uri,
        "md": markdown_text,
        "md_attribute": _md_attribute,
        "with_options": _with_options,
    }
    notes = {"claims_note": CLAIMS_NOTE, "effects_note": EFFECTS_NOTE}
    environment.globals |= {"many": many, **notes}
    return environment


def _without_control_characters(value: object) -> object:
    return sanitize(value) if type(value) is str else value


def _md_attribute(text: str) -> Markup:
    """Return text for an HTML attribute in a markdown table, whose cells a ``|`` would end."""
    line = " ".join(sanitize(text).split())
    return Markup(html.escape(line).replace("|", "&#124;"))


def _with_options(text: str) -> Markup:
    """Return a sentence for HTML, in which no line ends within a command-line option."""
    escaped = str(escape(sanitize(text)))
    return Markup(_OPTION.sub(r"<code>\g<0></code>", escaped))


_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*(?: \d+)?")


def _data_uri(picture: Picture) -> Markup:
    content = base64.b64encode(picture.content).decode()
    return Markup(f"data:image/{picture.kind};base64,") + content


def _encode(text: str) -> bytes:
    return text.encode(errors="replace")


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
    dots = [one for group in page.groups for one in group.first]
    lines = [one for group in page.groups for one in (*group.fid.charts, *group.losses)]
    return {one.id: dot_chart(one, page.looks) for one in dots} | {
        one.id: line_chart(one, page.looks) for one in lines
    }


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
    """Return a grid before the last one with few grey levels, as a data URI."""
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
