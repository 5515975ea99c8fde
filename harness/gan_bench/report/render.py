"""A page as markdown and as HTML; every text is escaped."""

import base64
import hashlib
import html
import re
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from gan_bench.report.charts.loss_curves import RAW_BINS
from gan_bench.report.claims import NOTE as CLAIMS_NOTE
from gan_bench.report.claims.power import POWER
from gan_bench.report.page import Page
from gan_bench.report.page_data import (
    compared,
    data_uri,
    grids_data,
    halved,
    packed,
    page_data,
    page_grid,
)
from gan_bench.report.pictures import COLOURS
from gan_bench.report.sections.certainty import NAMED
from gan_bench.report.sections.effects import NOTE as EFFECTS_NOTE
from gan_bench.text import many, markdown_text, percent, sanitize


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
    script = (files / "templates" / "report.js").read_text(encoding="utf-8")
    plotly, packed_plotly = _plotly()
    # The page's script unpacks Plotly and appends it, which the policy allows by its hash, too.
    sources = " ".join(f"'sha256-{_digest(one)}'" for one in (script, plotly))
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
            script=Markup(script),
            plotly=packed_plotly,
            data=packed(page_data(page)),
            grids=grids_data(page),
            halved=halved(page),
            compared=compared(page),
        )
    )


@cache
def _plotly() -> tuple[str, str]:
    """Return Plotly's script, and the same packed."""
    file = resources.files("gan_bench.report") / "plotly" / "plotly-basic.min.js"
    text = file.read_text(encoding="utf-8")
    return text, packed(text)


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
        "data_uri": data_uri,
        "page_grid": page_grid,
        "md": markdown_text,
        "md_attribute": _md_attribute,
        "with_options": _with_options,
    }
    notes = {"claims_note": CLAIMS_NOTE, "effects_note": EFFECTS_NOTE, "raw_bins": RAW_BINS}
    environment.globals |= {"many": many, "most_named": NAMED, "power": percent(POWER, 0), **notes}
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


def _encode(text: str) -> bytes:
    return text.encode(errors="replace")
