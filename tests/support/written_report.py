"""A written report as a reader finds it: its tables, texts and pictures, in both forms."""

import base64
import gzip
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from PIL import Image

from gan_bench.report import report_page, write_report
from gan_bench.report.page_data import packed
from gan_bench.report.render import render_full_markdown, render_html, render_markdown
from gan_bench.results.scores import Score, Scores
from report_folder import (
    MACHINE,
    scores_of,
)

KEPT = (0, 300, 600)
CURVE = {0: 150.0, 300: 20.0, 600: 4.0}
OTHER_MACHINE = MACHINE.model_copy(update={"cpu": "Model Y"})
GPU = MACHINE.model_copy(update={"gpus": ("GPU A",)})
REFERENCES = ["Floor: real against real", "Ceiling: untrained generator"]
SECTIONS = ("ranking", "crossed", "curves", "claims", "scores")
"""Those that hold a part for each group, under its title."""
FID, SPEED, FAILED = "Final FID (lenet)", "Images/s", "Failed"
EVERYTHING_READ = "every file of the results folder could be read"
HOSTILE = (
    "<img src=x onerror=alert(1)> </pre></details><h1>out</h1> \x1b[31mred\x1b[0m "
    "</script><script>alert(1)</script> <!-- \"double\" 'single' & &amp; | `a` *b* [c](d) \\ "
    "\N{DUCK} \N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED} "
    "\N{RIGHT-TO-LEFT OVERRIDE}abc\N{POP DIRECTIONAL FORMATTING} line one\nline two n\0ul"
)


class _Elements(HTMLParser):
    """Builds elements; a tag that is not closed, or closed twice, is an error."""

    VOID = frozenset({"meta", "link", "img", "br", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.builder = ET.TreeBuilder()
        self.open = ["page"]
        self.builder.start("page", {})
        self.feed(text)
        self.close()
        assert self.open == ["page"]
        self.builder.end("page")
        self.root = self.builder.close()

    def handle_starttag(self, tag, attrs):
        self.builder.start(tag, {key: value or "" for key, value in attrs})
        if tag in self.VOID:
            self.builder.end(tag)
        else:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag
            self.builder.end(tag)

    def handle_data(self, text):
        self.builder.data(text)


class Cell(NamedTuple):
    """Of a ranking in HTML."""

    text: str
    range: str
    sort: str | None


def texts_of(results: Path, out: Path | None, **options: object) -> tuple[str, str, str]:
    """Return a report's HTML, full and short Markdown, written to ``out`` or without pictures."""
    if out is None:
        page = report_page(results, **options)
        forms = (render_html, render_full_markdown, render_markdown)
        return tuple(render(page).decode() for render in forms)
    files = write_report(results, out, **options)
    paths = (files.html, files.full, files.markdown)
    return tuple(path.read_text(encoding="utf-8") for path in paths)


PACKED = re.compile(r'(?<=id="data">)(.*?)(?=</script>)', re.DOTALL)


def data_of(html: str) -> dict:
    """Return the charts and comparisons that a page unpacks."""
    packed = base64.b64decode(PACKED.search(html)[0])
    return json.loads(gzip.decompress(packed), parse_constant=refuse)


def with_data(html: str, values: dict) -> str:
    """Return a page with other charts and comparisons."""
    content = packed(json.dumps(values))
    return PACKED.sub(lambda _: content, html)


class Report:
    """A report as a reader finds it: written to ``out``, or without its pictures."""

    def __init__(self, results: Path, out: Path | None = None, **options: object) -> None:
        before = contents(results)
        self.html, self.markdown, self.short = texts_of(results, out, **options)
        assert contents(results) == before  # a reader leaves no trace
        self.out = out
        self.page = _Elements(self.html).root
        render = MarkdownIt("commonmark").enable("table").render
        self.rendered = _Elements(render(self.markdown)).root
        self.rendered_short = _Elements(render(self.short)).root
        grids = json.loads(self.page.find(".//script[@id='grids']").text, parse_constant=refuse)
        self.data = data_of(self.html) | grids
        ids = [element.get("id") for element in self.page.iter() if element.get("id")]
        assert len(ids) == len(set(ids))
        for source in re.findall(r'src="([^"]+)"', self.markdown + self.short) if out else ():
            assert source.startswith("figures/")
            with Image.open(out / source) as picture:
                picture.verify()

    def both(self) -> tuple[str, str]:
        """Return what can be read of HTML and of markdown."""
        return text_of(self.page), text_of(self.rendered)

    def section(self, name: str) -> ET.Element | None:
        return self.page.find(f".//section[@id='{name}']")

    def titles(self, name: str) -> list[str]:
        """Return the headings of a section, also those of its folded parts."""
        found = [one for one in self.section(name).iter() if one.tag in ("h3", "summary")]
        heads = [one.find("strong") if one.tag == "summary" else one for one in found]
        return [text_of(head) for head in heads if head is not None]

    def columns(self, group: int = 0) -> list[str]:
        head = self.page.find(f".//table[@id='ranking-{group}']/thead/tr")
        return [text_of(cell) for cell in head][1:]

    def ranking(self, group: int = 0) -> dict[str, dict[str, Cell]]:
        """Return the cells of a group's table by implementation and column."""
        table = self.page.find(f".//table[@id='ranking-{group}']")
        columns = self.columns(group)
        found = {}
        for body in table.iter("tbody"):
            for row in body.findall("tr"):
                name, *cells = row
                if name.tag == "th":
                    cells = map(cell_of, cells)
                    found[text_of(name, skip="range")] = dict(zip(columns, cells, strict=True))
        return found

    def markdown_rankings(self) -> list[dict[str, dict[str, str]]]:
        """Return the same of markdown, a table a group."""
        return _rankings_of(self.rendered)

    def short_rankings(self) -> list[dict[str, dict[str, str]]]:
        """Return the same of the short page, which has the first columns alone."""
        return _rankings_of(self.rendered_short)

    def facts(self, label: str) -> dict[str, tuple[str, float | None]]:
        """Return what the comparison of two knows of an implementation."""
        return {name: (text, number) for _, name, text, number in self.data["compare"][label]}

    def chart(self, name: str) -> list[dict]:
        return self.data["charts"][name]["data"]

    def left_out(self) -> list[str]:
        """Return what is said to be left out, which both forms say alike."""
        said = [
            [text_of(li) for li in below(tree, "Left out")] for tree in (self.page, self.rendered)
        ]
        apart = [text_of(p) for p in self.section("method").findall("p")]
        said[1] = [sentence for sentence in said[1] if sentence not in apart]
        assert said[0] == said[1]
        return said[0]


def _rankings_of(tree: ET.Element) -> list[dict[str, dict[str, str]]]:
    tables = [rows_of(table) for table in tree.iter("table")]
    return [table for table in tables if SPEED in next(iter(table.values()), {})]


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def pieces(element: ET.Element, skip: str) -> list[str]:
    if element.tag in ("script", "style") or element.get("class") == skip:
        return []
    found = [element.text or ""]
    for child in element:
        found += [*pieces(child, skip), child.tail or ""]
    return found


def text_of(element: ET.Element, skip: str = "-") -> str:
    return " ".join(" ".join(pieces(element, skip)).split())


def cell_of(element: ET.Element) -> Cell:
    bounds = element.find("span[@class='range']")
    text = text_of(element, skip="range").replace(" not measured", "")
    return Cell(text, "" if bounds is None else text_of(bounds), element.get("data-sort"))


def rows_of(table: ET.Element) -> dict[str, dict[str, str]]:
    head, *rows = ([text_of(cell) for cell in row] for row in table.iter("tr"))
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def below(tree: ET.Element, heading: str) -> list[ET.Element]:
    """Return the list items between a heading and the next."""
    for parent in tree.iter():
        found, inside = [], False
        for child in parent:
            if re.fullmatch("h[1-6]", child.tag):
                inside = text_of(child) == heading
            elif inside:
                found += child.iter("li")
        if found:
            return found
    return []


def shown(text: str) -> str:
    """Return what is left of a hostile text: nothing that reorders or colours, and no NUL."""
    order = "\N{RIGHT-TO-LEFT OVERRIDE}\N{POP DIRECTIONAL FORMATTING}"
    return re.sub(rf"\x1b\[\d+m|[\0{order}]", "", text)


def visible(text: str) -> str:
    return " ".join(shown(text).split())


def outside(text: str) -> str:
    """Return a factor as the report writes it."""
    return f"{text:,.{2 if text < 2 else 1 if text < 10 else 0}f}"


def figure_of(metric: str, value: float | None, *, step: int = 600, **more: object) -> Score:
    fixed = {"features": "lenet", "n_real": 10_000, "n_fake": 1_000}
    return Score(metric=metric, value=value, step=step, **fixed, **more)


def classes_of(present: float, shares: tuple[float, ...]) -> Score:
    real = [1 / len(shares)] * len(shares)
    details = {"shares": list(shares), "real_shares": real}
    return figure_of("classes_present", present, details=details)


def scores_with(*rows: Score) -> Scores:
    scores = scores_of(CURVE)
    return scores.model_copy(update={"scores": [*scores.scores, *rows]})


def texts(cells: dict[str, Cell]) -> dict[str, str]:
    return {
        column: f"{cell.text} ({cell.range})" if cell.range else cell.text
        for column, cell in cells.items()
    }
