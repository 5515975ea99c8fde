"""A page as markdown and as HTML; every text is escaped."""

import base64
import hashlib
import html
import re
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gan_bench.report.page import Page
from gan_bench.report.page_data import compared, page_data
from gan_bench.report.palette import COLOURS
from gan_bench.report.pictures import Picture
from gan_bench.text import markdown_text, sanitize


def render_markdown(page: Page) -> bytes:
    """Return ``report.md``, which shows its figures from ``figures/``."""
    text = _environment().get_template("report.md.jinja").render(page=page)
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
    }
    return environment


def _without_control_characters(value: object) -> object:
    return sanitize(value) if type(value) is str else value


def _md_attribute(text: str) -> Markup:
    """Return text for an HTML attribute in a markdown table, whose cells a ``|`` would end."""
    line = " ".join(sanitize(text).split())
    return Markup(html.escape(line).replace("|", "&#124;"))


def _data_uri(picture: Picture) -> Markup:
    content = base64.b64encode(picture.png).decode()
    return Markup(f"data:image/{picture.kind};base64,") + content


def _encode(text: str) -> bytes:
    return text.encode(errors="replace")
