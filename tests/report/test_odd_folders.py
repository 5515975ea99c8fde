"""The report of odd folders: tiny, huge, failed, mixed, damaged and hostile; and known figures."""

import base64
import io
import json
import math
import re
import shutil
import statistics
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt
from PIL import Image
from scipy import stats

from gan_bench.cli.main import main
from gan_bench.errors import UsageError
from gan_bench.report import write_report
from gan_bench.results.layout import open_results
from gan_bench.results.load import load_results
from gan_bench.results.scores import Score, Scores
from gan_bench.scoring.snapshots import write_grid
from report_folder import (
    MACHINE,
    add_plan,
    add_run,
    empty_results,
    protocol,
    quick_spec,
    run_spec,
    scores_of,
    some_losses,
)
from report_results import make_results

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


class Report:
    """A report that was written, as a reader finds it."""

    def __init__(self, results: Path, out: Path, **options: object) -> None:
        before = contents(results)
        files = write_report(results, out, **options)
        assert contents(results) == before  # a reader leaves no trace
        self.out = out
        self.html = files.html.read_text(encoding="utf-8")
        self.markdown = files.markdown.read_text(encoding="utf-8")
        self.page = _Elements(self.html).root
        rendered = MarkdownIt("commonmark").enable("table").render(self.markdown)
        self.rendered = _Elements(rendered).root
        self.data = json.loads(self.page.find(".//script[@id='data']").text, parse_constant=refuse)
        ids = [element.get("id") for element in self.page.iter() if element.get("id")]
        assert len(ids) == len(set(ids))
        for name in re.findall(r'src="figures/([^"]+)"', self.markdown):
            with Image.open(out / "figures" / name) as picture:
                picture.verify()

    def both(self) -> tuple[str, str]:
        """Return what can be read of HTML and of markdown."""
        return text_of(self.page), text_of(self.rendered)

    def section(self, name: str) -> ET.Element | None:
        return self.page.find(f".//section[@id='{name}']")

    def titles(self, name: str) -> list[str]:
        return [text_of(title) for title in self.section(name).iter("h3")]

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
        tables = [rows_of(table) for table in self.rendered.iter("table")]
        return [table for table in tables if SPEED in next(iter(table.values()), {})]

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
    """Return what is left of a hostile text: nothing that reorders its surroundings, no NUL."""
    return re.sub("[\0\N{RIGHT-TO-LEFT OVERRIDE}\N{POP DIRECTIONAL FORMATTING}]", "", text)


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


@pytest.fixture
def results(tmp_path):
    return empty_results(tmp_path / "results")


@pytest.fixture
def report(results, tmp_path):
    return lambda **options: Report(results, tmp_path / "out", **options)


@pytest.fixture
def train(results):
    """Add a run with scores, losses and grids for each final FID, from seed 0 on."""

    def add(name, fids, make=run_spec, *, under=None, values=None, seed=0, **changes):
        for place, fid in enumerate(fids):
            spec = make(name, seed + place, **(values or {}))
            first, middle, last = spec.evaluation_steps
            scores = scores_of({first: 150.0, middle: 20.0, last: fid}, under=under)
            losses = some_losses(spec.steps, seed + place)
            kept = spec.evaluation_steps
            folder = add_run(results, spec, scores=[scores], losses=losses, grids=kept, **changes)
        return folder

    return add


def test_one_run_is_a_whole_page_that_ranks_nothing(train, report):
    train("torch-dcgan", [4.0])
    found = report()
    assert "Rank" not in found.columns()
    assert found.ranking()["torch-dcgan"][FID] == Cell("4.00", "", "4.0")
    assert found.markdown_rankings()[0]["torch-dcgan"][FID] == "4.00"
    assert found.section("crossed") is None
    for text in found.both():
        assert "Only torch-dcgan has a score: there is nothing to choose from." in text
        assert "is the only one with a final FID (lenet features): 4.00 (one seed)" in text
        assert "95 % interval" not in text.partition("Ranking")[0]
    assert "There is only one implementation." in text_of(found.section("compare"))
    assert set(found.data["compare"]) == {"torch-dcgan"}
    assert {"fid-images-0", "fid-seconds-0", "loss-generator"} <= set(found.data["charts"])
    assert len(found.data["samples"][0]["rows"]) == 1
    assert found.left_out() == []


def test_one_seed_of_each_is_called_too_few_to_tell(train, report):
    train("torch-dcgan", [4.0])
    train("keras-dcgan", [40.0])
    found = report()
    assert [cells["Rank"].text for cells in list(found.ranking().values())[:2]] == ["1 to 2"] * 2
    assert found.ranking()["keras-dcgan"][FID] == Cell("40.0", "", "40.0")
    for text in found.both():
        answer = text.partition("Ranking")[0]
        assert (
            "There are too few seeds for a recommendation. torch-dcgan has the lowest FID so far"
            in text
        )
        assert "too few seeds to say that it is better than keras-dcgan (40.0, one seed)" in answer
        assert "interval" not in answer
    [sentence] = found.data["sentences"].values()
    assert "One seed cannot tell them apart in FID." in sentence


def test_a_folder_of_failed_runs_says_why_each_failed(results, report):
    statuses = (
        "diverged",
        "timeout",
        "oom",
        "killed",
        "error",
        "missing",
        "unsupported",
        "skipped",
    )
    for seed, status in enumerate(statuses):
        tail = f"the last line of {status}" if seed < 5 else None
        add_run(results, run_spec(seed=seed), status=status, reason=f"why {status}", log_tail=tail)
    found = report()
    row = found.ranking()["torch-dcgan"]
    assert (row[FAILED].text, row["Final FID"].text, row[SPEED].text) == ("8 of 8", "—", "—")
    assert found.markdown_rankings()[0]["torch-dcgan"][FAILED] == "8 of 8"
    for text in found.both():
        assert "There is no recommendation: no run succeeded." in text
        assert "0 of 8 planned runs ok" in text
        for status in statuses:
            assert f"why {status}" in text
            assert f"1 {status}" in text
        for status in statuses[:5]:
            assert f"the last line of {status}" in text
    assert found.data["charts"] == {}
    assert found.left_out() == []


def test_without_any_scores_speed_is_ranked_and_each_run_says_that_it_has_none(results, report):
    for seed in range(3):
        add_run(results, run_spec(seed=seed), images_per_s=1_000.0 + seed)
        add_run(results, run_spec("keras-dcgan", seed), images_per_s=400.0 + seed)
    found = report()
    assert found.ranking()["torch-dcgan"]["Final FID"].text == "—"
    assert found.ranking()["torch-dcgan"][SPEED] == Cell("1,001", "1,000 to 1,002", "1001.0")
    assert [*found.ranking()] == ["torch-dcgan", "keras-dcgan"]  # no floor, no ceiling
    for text in found.both():
        assert "No final snapshot has a score, so quality cannot be ranked." in text
        assert re.search("Without scores [^.]*; torch-dcgan trains fastest", text)
        assert text.count("trained, but there are no scores") == 2  # seeds of one reason together
        assert text.count("0, 1 and 2") == 2
        assert "torch-dcgan trains fastest: 1,001 images/s" in text
    for name in ("curves", "scores"):
        assert "Nothing was scored." in text_of(found.section(name))
    assert not [name for name in found.data["charts"] if name.startswith("fid")]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_losses_that_are_not_finite_are_left_out_of_the_curves_and_told(results, report):
    without = np.full((600, 4), np.nan)
    broken, spiked = some_losses(600, 1), some_losses(600, 2)
    broken[299:] = np.nan
    spiked[100, 0], spiked[200, 1] = np.inf, -np.inf
    scores = [scores_of(CURVE)]
    add_run(results, run_spec("torch-dcgan"), losses=without, scores=scores)
    add_run(results, run_spec("keras-dcgan"), losses=spiked, scores=scores)
    add_run(
        results,
        run_spec("torch-wgan"),
        losses=broken,
        status="diverged",
        reason="r",
        steps_done=600,
    )
    found = report()
    assert {trace["meta"] for trace in found.chart("loss-generator")} == {
        "keras-dcgan",
        "torch-wgan",
    }
    for name in ("loss-generator", "loss-discriminator", "d-real", "d-fake"):
        for trace in found.chart(name):
            assert all(y is not None and math.isfinite(y) for y in trace["y"])
    assert max(x for t in found.chart("loss-generator")[-2:] for x in t["x"]) == 29_900
    assert "keras-dcgan; not finite from step 101" in text_of(found.rendered)
    assert "torch-wgan; not finite from step 300" in text_of(found.rendered)
    assert found.ranking()["torch-dcgan"][FID].text == "4.00"
    assert found.left_out() == []


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_metrics_that_are_all_null_are_missing_and_their_reason_is_told(results, report):
    rows = [
        figure_of(metric, None, step=step, reason="the reason of one")
        for step in KEPT
        for metric in ("fid_lenet", "kid_lenet", "precision_lenet", "classes_present")
    ]
    nothing = {row.metric: None for row in rows}
    update = {"scores": rows, "floor": nothing, "floor_reason": "the reason of the floor"}
    scores = scores_of({}, status="error", reason="the reason of all").model_copy(update=update)
    for name in ("torch-dcgan", "keras-dcgan"):
        add_run(results, run_spec(name), scores=[scores], losses=some_losses(600), grids=KEPT)
    found = report()
    for name, cells in found.ranking().items():
        assert cells[FID].text == "—", name
    assert found.ranking()["torch-dcgan"][SPEED].text == "1,000"
    for text in found.both():
        assert "No final snapshot has a score, so quality cannot be ranked." in text
        assert text.count("the reason of all") == 2
        assert "the reason of the floor" in text
        assert "torch-dcgan: no final FID for 1 of 1 finished seeds." in text
    assert not [name for name in found.data["charts"] if name.startswith("fid")]


def assert_that_groups_stand_apart(found, fids):
    """Check groups of torch-dcgan and keras-dcgan with these FIDs by title: no word across."""
    titles = found.titles("ranking")
    assert set(titles) == set(fids)
    for name in SECTIONS:
        assert [title for title in found.titles(name) if title in titles] == titles, name
    markdown = found.markdown_rankings()
    answers = found.page.findall(".//div[@class='answer']")
    assert len(markdown) == len(answers) == len(titles)
    for group, title in enumerate(titles):
        cells, names = found.ranking(group), ["torch-dcgan", "keras-dcgan"]
        assert list(cells) == list(markdown[group]) == [*names, *REFERENCES]
        for table in (markdown[group], {name: texts(cells[name]) for name in names}):
            assert [table[name]["Rank"] for name in names] == ["1", "2"]
            assert [table[name][FID].partition(" ")[0] for name in names] == fids[title]
        assert {trace["meta"] for trace in found.chart(f"fid-images-{group}")} == set(names)
        answer = text_of(answers[group])
        assert title in answer
        for other, figures in fids.items():
            assert all((figure in answer) == (other == title) for figure in figures)
    keys = [f"{name} ({title})" for title in titles for name in ("torch-dcgan", "keras-dcgan")]
    for name in ("compare-a", "compare-b"):
        options = found.page.findall(f".//select[@id='{name}']/option")
        assert [option.get("value") for option in options] == keys
        assert [text_of(option) for option in options] == keys
    assert list(found.data["compare"]) == keys
    for key in keys:
        torch, keras = fids[key.partition(" (")[2].removesuffix(")")]
        assert found.facts(key)[FID][0].startswith(torch if "torch" in key else keras)
    # None of one group with one of the other.
    assert list(found.data["sentences"]) == ["\n".join(keys[:2]), "\n".join(keys[2:])]


def texts(cells: dict[str, Cell]) -> dict[str, str]:
    return {
        column: f"{cell.text} ({cell.range})" if cell.range else cell.text
        for column, cell in cells.items()
    }


@pytest.fixture
def two_machines(results, train):
    for cpu, machine, fids in (("X", MACHINE, (4.0, 7.0)), ("Y", OTHER_MACHINE, (5.0, 8.0))):
        for name, fid in zip(("torch-dcgan", "keras-dcgan"), fids, strict=True):
            spread = [fid, fid + 0.01, fid + 0.02]
            first = 0 if cpu == "X" else 10
            train(name, spread, seed=first, circumstances={"machine": machine})
    return results


def test_two_protocols_are_two_groups(train, report):
    other = protocol(n_fake=500)
    for under, first, fids in ((protocol(), 0, (4.0, 7.0)), (other, 10, (5.0, 8.0))):
        for name, fid in zip(("torch-dcgan", "keras-dcgan"), fids, strict=True):
            train(name, [fid, fid + 0.01, fid + 0.02], under=under, seed=first)
    found = report()
    fids = {
        f"protocol {protocol().fingerprint}": ["4.01", "7.01"],
        f"protocol {other.fingerprint}": ["5.01", "8.01"],
    }
    assert_that_groups_stand_apart(found, fids)
    for text in found.both():
        assert "fall into 2 groups that are not ranked together, as they differ in protocol" in text
        assert "They differ in n fake, so their figures are not ranked together." in text


def test_two_machines_are_two_groups(two_machines, report):
    found = report()
    fids = {"Model X": ["4.01", "7.01"], "Model Y": ["5.01", "8.01"]}
    assert_that_groups_stand_apart(found, fids)
    for text in found.both():
        assert "fall into 2 groups that are not ranked together, as they differ in machine" in text
        assert "Model X, 2 cores" in text
        assert "Model Y, 2 cores" in text


def test_pairs_that_markdown_compares_say_of_which_group_they_are(two_machines, report):
    compared = report().markdown.partition("\n## Compared\n")[2].partition("\n## ")[0]
    titles = re.findall("<summary>(.*?)</summary>", compared)
    assert len(titles) == 2
    for place in ("Model X", "Model Y"):
        assert place in compared


def test_curves_of_one_implementation_on_two_machines_are_two_lines(two_machines, report):
    found = report()
    for name in ("loss-generator", "d-fake"):
        strong = [t for t in found.chart(name) if "name" in t and "opacity" not in t]
        machines, implementations = ("Model X", "Model Y"), ("torch-dcgan", "keras-dcgan")
        names = {f"{name} ({machine})" for name in implementations for machine in machines}
        assert {trace["name"] for trace in strong} == names
        assert len(strong) == len(names)
        for trace in strong:
            assert trace["x"] == sorted(set(trace["x"]))


def test_samples_of_one_implementation_on_two_machines_say_which(two_machines, report):
    found = report()
    figures = found.page.findall(".//figure[@class='sample']")
    captions = [text_of(figure.find("figcaption")) for figure in figures]
    assert len(captions) == 4
    assert len(set(captions)) == 4
    for caption in captions:
        assert ("(Model X)" in caption) != ("(Model Y)" in caption)


def test_class_shares_of_one_implementation_on_two_machines_are_two_bars(results, report):
    for seed, (machine, share) in enumerate(((MACHINE, 0.25), (OTHER_MACHINE, 0.75))):
        scores = scores_with(classes_of(2.0, (share, 1 - share)))
        circumstances = {"machine": machine}
        add_run(
            results, run_spec(seed=seed), scores=[scores], grids=KEPT, circumstances=circumstances
        )
    bars = [trace for trace in report().chart("shares-0") if trace["type"] == "bar"]
    assert [trace["y"] for trace in bars] == [[25.0, 75.0], [75.0, 25.0]]
    assert [trace["x"] for trace in bars] == [["0", "1"]] * 2
    assert len({trace["name"] for trace in bars}) == 2


def test_a_cpu_and_a_gpu_are_two_groups(train, report):
    machine = {"circumstances": {"machine": GPU}}
    gpu = {"device": "cuda:0"}
    for name, fid in (("torch-dcgan", 4.0), ("keras-dcgan", 7.0)):
        train(name, [fid, fid + 0.01, fid + 0.02], **machine)
        on_gpu = {**machine, "multiply_adds_fraction": None}
        train(name, [fid + 1, fid + 1.01, fid + 1.02], values=gpu, **on_gpu)
    found = report()
    fids = {"CPU, Model X": ["4.01", "7.01"], "GPU, GPU A with Model X": ["5.01", "8.01"]}
    assert_that_groups_stand_apart(found, fids)
    rates = {
        title: found.ranking(group)["torch-dcgan"]["Of machine rate (%)"].text
        for group, title in enumerate(found.titles("ranking"))
    }
    assert rates == {"CPU, Model X": "45.6", "GPU, GPU A with Model X": "—"}
    for text in found.both():
        assert "not ranked together, as they differ in device and machine" in text
        assert "there is no framework-neutral probe on a GPU" in text


@pytest.mark.slow
@pytest.mark.long
def test_a_thousand_runs_are_twenty_rows_of_fifty_seeds(tmp_path):
    path = make_results(tmp_path / "made", runs=1_000, pictured_seeds=1)
    loaded = load_results(path)
    assert len(loaded.runs) == 1_000
    failures = loaded.runs[loaded.runs["status"] != "ok"]["implementation"].value_counts()
    last = {run_id: spec.steps for run_id, spec in loaded.specs.items()}
    scores = loaded.scores[loaded.scores["metric"] == "fid_lenet"]
    final = scores[scores["step"] == scores["run_id"].map(last)]
    speeds = loaded.runs[loaded.runs["status"] == "ok"].groupby("implementation")["images_per_s"]
    found = Report(path, tmp_path / "out")
    rows = found.ranking()
    names = set(loaded.runs["implementation"])
    assert len(names) == 20
    assert names <= set(rows)
    for name in names:
        failed = int(failures.get(name, 0))
        ids = {run_id for run_id, s in loaded.specs.items() if s.implementation.name == name}
        fids = final[final["run_id"].isin(ids)]["value"]
        assert (len(ids), len(fids)) == (50, 50 - failed)
        cells = rows[name]
        assert cells[FAILED].text == f"{failed} of 50"
        assert float(cells[FID].sort) == pytest.approx(fids.mean())
        assert cells[FID].range == f"{fids.min():.1f} to {fids.max():.1f}"
        assert float(cells[SPEED].sort) == pytest.approx(speeds.get_group(name).mean())
        assert cells["Time to FID 30 (s)"].range.endswith(" of 50")
        assert found.facts(name)[FID][1] == pytest.approx(fids.mean())
    assert len(found.html.encode()) < 15e6
    assert found.left_out() == []


def test_colour_images_stay_in_colour(results, report):
    shape = {"dataset": "unknown", "image_shape": (16, 16, 3)}
    random = np.random.default_rng(0)
    drawn = {}
    for name in ("torch-dcgan", "keras-dcgan"):
        folder = add_run(results, run_spec(name, **shape), scores=[scores_of(CURVE)])
        for step in KEPT:
            path = folder.grids / f"{step:08d}.png"
            write_grid(path, random.integers(0, 256, (64, 16, 16, 3), dtype=np.uint8))
            with Image.open(path) as image:
                drawn[name, step] = np.asarray(image)
    found = report()
    figures = found.page.findall(".//figure[@class='sample']")
    rows = found.data["samples"][0]["rows"]
    assert len(figures) == len(rows) == 2
    for figure, row in zip(figures, rows, strict=True):
        name = figure.get("data-label")
        np.testing.assert_array_equal(pixels(figure.find("img").get("src")), drawn[name, 600])
        assert [source is None for *_, source in row] == [False, False, True]
        for step, (*_, source) in zip(KEPT[:2], row, strict=False):
            shown = pixels(source)
            assert shown.shape == drawn[name, step].shape
            assert np.abs(shown - drawn[name, step].astype(float)).mean() < 40  # it is compressed
        with Image.open(found.out / "figures" / f"samples-{name}.png") as picture:
            np.testing.assert_array_equal(np.asarray(picture), drawn[name, 600])
        with Image.open(found.out / "figures" / f"training-{name}.gif") as animation:
            frame = np.asarray(animation.convert("RGB")).astype(int)
        assert np.ptp(frame, axis=2).max() > 100


def pixels(uri):
    content = base64.b64decode(uri.partition("base64,")[2])
    with Image.open(io.BytesIO(content)) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def an_empty_folder(path):
    path.mkdir()


def a_folder_without_runs(path):
    empty_results(path)


def a_folder_of_foreign_files(path):
    (path / "runs" / "mine").mkdir(parents=True)
    (path / "runs" / "README").write_text("mine")
    (path / "gan-bench.md").write_text("mine")


def a_later_version(path):
    empty_results(path)
    (path / "gan-bench.json").write_text('{"schema_version": 2}')


def a_damaged_marker(path):
    empty_results(path)
    (path / "gan-bench.json").write_text('{"schema_ver')


def a_file(path):
    path.write_text("no folder")


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (an_empty_folder, "holds no run to report"),
        (a_folder_without_runs, "holds no run to report"),
        (a_folder_of_foreign_files, "holds no run to report"),
        (a_later_version, "has schema version 2, this gan-bench reads 1"),
        (a_damaged_marker, "gan-bench.json is damaged"),
        (a_file, "is a file"),
        (lambda path: None, "There is no results folder"),
    ],
)
def test_nothing_usable_is_one_sentence_and_exit_code_2(tmp_path, make, part):
    path, out = tmp_path / "results", tmp_path / "out"
    make(path)
    with pytest.raises(UsageError, match=re.escape(part)):
        write_report(path, out)
    done = CliRunner().invoke(main, ["report", "--results", str(path), "--out", str(out)])
    assert done.exit_code == 2
    assert part in done.output
    assert done.output.startswith("Error: ")
    assert done.output.strip().endswith(".")
    assert len(done.output.strip().splitlines()) == 1
    assert not out.exists()


def cut(path):
    content = path.read_bytes()
    assert len(content) > 2
    path.write_bytes(content[: len(content) // 2])


def the_score_file(folder):
    [path] = folder.scores.glob("*.json")
    return path


def the_plan(folder):
    [path] = (folder.path.parent.parent / "plans").glob("*.json")
    return path


def a_certificate(folder):
    parity = folder.path.parent.parent / "parity"
    parity.mkdir()
    return parity / "0123456789abcdef.json"


class Damage(NamedTuple):
    """To a run's folder."""

    do: Callable
    sentence: str
    """A part of what is told, with the file's name."""
    fid: str | None = "9.00"
    """What is left to say of the run; None where its row is gone."""


DAMAGES = {
    "record": Damage(lambda f: cut(f.record), r"runs/torch-wgan\S+/record\.json", None),
    "record without content": Damage(
        lambda f: f.record.write_bytes(b""), r"runs/torch-wgan\S+/record\.json", None
    ),
    "losses": Damage(lambda f: cut(f.losses), r"runs/torch-wgan\S+/losses\.npy"),
    "losses without content": Damage(
        lambda f: f.losses.write_bytes(b""), r"runs/torch-wgan\S+/losses\.npy"
    ),
    "losses of a broken archive": Damage(
        lambda f: f.losses.write_bytes(b"PK\3\4 cut"), r"runs/torch-wgan\S+/losses\.npy"
    ),
    "losses of other columns": Damage(
        lambda f: np.save(f.losses, np.zeros((600, 3), np.float32)),
        r"runs/torch-wgan\S+/losses\.npy",
    ),
    "losses of words": Damage(
        lambda f: np.save(f.losses, np.array([["a"] * 4] * 3)), r"runs/torch-wgan\S+/losses\.npy"
    ),
    "scores": Damage(lambda f: cut(the_score_file(f)), r"runs/torch-wgan\S+/scores/\w+\.json", "—"),
    "grid": Damage(lambda f: cut(f.grids / "00000600.png"), r"00000600\.png of torch-wgan"),
    "plan": Damage(lambda f: cut(the_plan(f)), r"The plan plans/\w+\.json is not readable"),
    "certificate": Damage(
        lambda f: a_certificate(f).write_text('{"id": "0'), r"parity/0123456789abcdef\.json"
    ),
}


@pytest.fixture
def damaged(results, train):
    """Three sound runs, a pending one, and the folder of a fourth that is to be damaged."""
    for name, fid in (("torch-dcgan", 4.0), ("keras-dcgan", 7.0), ("jax-dcgan", 8.0)):
        train(name, [fid])
    folder = train("torch-wgan", [9.0])
    specs = [run_spec(name) for name in ("torch-dcgan", "keras-dcgan", "jax-dcgan")]
    add_plan(results, [*specs, run_spec("torch-pending")])
    return folder


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_file_is_named_and_the_rest_is_reported(damaged, report, results, kind):
    damage = DAMAGES[kind]
    damage.do(damaged)
    found = report()
    [sentence] = found.left_out()
    assert re.search(damage.sentence, sentence)
    assert str(results) not in found.html + found.markdown
    rows, [table] = found.ranking(), found.markdown_rankings()
    for name, fid in (("torch-dcgan", "4.00"), ("keras-dcgan", "7.00"), ("jax-dcgan", "8.00")):
        assert rows[name][FID].text == table[name][FID] == fid
        assert name in {trace["meta"] for trace in found.chart("loss-generator")}
    assert ("torch-pending" in rows) == (kind != "plan")
    if damage.fid is None:
        assert "torch-wgan" not in rows
    else:
        assert rows["torch-wgan"][FID].text == table["torch-wgan"][FID] == damage.fid
        assert rows["torch-wgan"][SPEED].text == "1,000"
    for text in found.both():
        assert EVERYTHING_READ not in text


def test_a_record_that_is_damaged_leaves_its_planned_run_pending(damaged, results, report):
    add_plan(results, [run_spec("torch-wgan")], command="another command")
    damaged.record.write_text("{")
    found = report()
    assert found.ranking()["torch-wgan"]["Status"].text == "pending"
    assert "record.json is not readable" in found.left_out()[0]


def test_every_damage_at_once_is_a_report_of_what_is_sound(results, train, report):
    train("torch-dcgan", [4.0])
    plan_folder = train("keras-dcgan", [7.0])
    add_plan(results, [run_spec("torch-dcgan")])
    for number, damage in enumerate(DAMAGES.values()):
        if damage not in (DAMAGES["plan"], DAMAGES["certificate"]):
            damage.do(train(f"torch-wgan-{number}", [9.0]))
    DAMAGES["plan"].do(plan_folder)
    DAMAGES["certificate"].do(plan_folder)
    found = report()
    left = found.left_out()
    for kind, damage in DAMAGES.items():
        assert any(re.search(damage.sentence, sentence) for sentence in left), kind
    assert len(left) == len(set(left)) == len(DAMAGES)
    assert found.ranking()["torch-dcgan"][FID].text == "4.00"
    assert found.ranking()["keras-dcgan"][FID].text == "7.00"


def test_foreign_files_do_no_harm_and_those_that_pass_for_results_are_named(results, train, report):
    folder = train("torch-dcgan", [4.0])
    train("keras-dcgan", [7.0])
    add_plan(results, [run_spec("torch-dcgan")])
    for place in (results, results / "runs", results / "plans", folder.path, folder.grids):
        (place / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        (place / "README").write_text("mine")
    (results / "runs" / "mine").mkdir()
    (results / "runs" / "mine" / "notes.md").write_text("mine")
    (results / "plans" / "foreign.json").write_text('{"name": "mine"}')
    (results / "plans" / "folder.json").mkdir()
    (folder.scores / "foreign.json").write_text("[1, 2]")
    (folder.grids / "notes.txt").write_text("mine")
    (folder.grids / "thumbnails").mkdir()
    found = report()
    left = found.left_out()
    for name in ("plans/foreign.json", "plans/folder.json", "scores/foreign.json"):
        assert sum(name in sentence for sentence in left) == 1, name
    rows = found.ranking()
    assert rows["torch-dcgan"][FID].text == "4.00"
    assert rows["keras-dcgan"][FID].text == "7.00"
    for text in found.both():
        assert f"notes.txt in the grids of {folder.path.name} is no grid" in text


def test_a_link_to_nowhere_among_the_plans_is_named(results, train, report):
    # As an editor leaves it beside an open file.
    train("torch-dcgan", [4.0])
    (results / "plans" / ".#plan.json").symlink_to("me@host.1234:5678")
    found = report()
    assert found.ranking()["torch-dcgan"][FID].text == "4.00"
    assert [".#plan.json" in sentence for sentence in found.left_out()] == [True]


def test_a_copy_of_a_run_is_not_counted_twice_and_named(results, train, report):
    folder = train("torch-dcgan", [4.0])
    train("torch-dcgan", [5.0], seed=1)
    shutil.copytree(folder.path, folder.path.with_name(f"{folder.path.name} copy"))
    found = report()
    assert found.ranking()["torch-dcgan"][FID] == Cell("4.50", "4.00 to 5.00", "4.5")
    assert [f"{folder.path.name} copy" in sentence for sentence in found.left_out()] == [True]


def test_a_finished_run_without_its_specification_is_named_or_shown(results, train, report):
    folder = train("torch-dcgan", [4.0])
    train("keras-dcgan", [7.0])
    folder.spec.unlink()
    found = report()
    named = any(folder.path.name in sentence for sentence in found.left_out())
    assert named or "torch-dcgan" in found.ranking()


def test_a_run_that_another_version_named_otherwise_keeps_its_figures_or_is_named(
    results, train, report
):
    train("torch-dcgan", [4.0])
    folder = train("keras-dcgan", [7.0])
    name = "keras-dcgan-mnist-s0-0123456789"  # the hash of a version with another set of fields
    record = folder.record.read_text().replace(folder.path.name, name)
    folder.record.write_text(record)
    folder.path.rename(folder.path.with_name(name))
    found = report()
    row = found.ranking().get("keras-dcgan")
    named = any(name in sentence for sentence in found.left_out())
    assert named or (row and row[FID].text == "7.00")


def test_files_of_another_schema_version_are_left_out_by_name(results, train, report):
    train("torch-dcgan", [4.0])
    record = train("keras-dcgan", [7.0])
    scores = train("jax-dcgan", [8.0])
    add_plan(results, [run_spec("torch-pending")])
    for path in (record.record, the_score_file(scores), the_plan(record)):
        fields = json.loads(path.read_text())
        path.write_text(json.dumps(fields | {"schema_version": 99}))
    found = report()
    left = " ".join(found.left_out())
    assert len(found.left_out()) == 3
    assert re.search(rf"runs/{record.path.name}/record\.json .*schema_version", left)
    assert re.search(rf"runs/{scores.path.name}/scores/\w+\.json .*another version", left)
    assert re.search(r"The plan plans/\w+\.json is not readable", left)
    assert [*found.ranking()][:2] == ["torch-dcgan", "jax-dcgan"]
    assert found.ranking()["torch-dcgan"][FID].text == "4.00"
    assert found.ranking()["jax-dcgan"][FID].text == "—"


def test_a_folder_that_is_written_meanwhile_is_reported_as_it_stands(results, train, report):
    train("torch-dcgan", [4.0])
    started, waiting = run_spec("torch-dcgan", 1), run_spec("torch-dcgan", 2)
    add_plan(results, [run_spec("torch-dcgan"), started, waiting])
    folder = open_results(results, create=False).run(started.run_id)
    folder.path.mkdir()
    folder.spec.write_text(started.model_dump_json())
    # The last line is on its way.
    folder.events.write_text('{"event": "start", "attempt": 1}\n{"event": "chunk", "fir')
    np.save(folder.losses, some_losses(600).astype(np.float32))
    folder.grids.mkdir()
    (folder.grids / ".00000000.png.x1y2.tmp").write_bytes(b"\x89PNG")
    (folder.path / ".record.json.x1y2.tmp").write_bytes(b"{")
    (results / "plans" / ".0123456789ab.json.x1y2.tmp").write_bytes(b"{")
    found = report()
    assert found.ranking()["torch-dcgan"][FID] == Cell("4.00", "", "4.0")
    assert found.ranking()["torch-dcgan"]["Status"].text == "2 pending, 1 ok"
    for text in found.both():
        assert "started, without a record so far" in text
        assert "planned, not started" in text
        assert "2 runs are not finished yet" in text
    assert found.left_out() == []


def test_hostile_text_is_shown_as_text_everywhere(results, report):
    spec = run_spec(
        "torch-dcgan",
        recipe_values={"epochs": 25, HOSTILE: HOSTILE},
        conventions={f"pinned {HOSTILE}": f"as {HOSTILE}"},
        versions={"python": HOSTILE, "torch": "2.1.0"},
    )
    machine = MACHINE.model_copy(update={"cpu": HOSTILE, "system": HOSTILE})
    where = {"machine": machine, "command": f"command {HOSTILE}", "git_commit": HOSTILE}
    scores = scores_of(CURVE, status="error", reason=f"scoring {HOSTILE}")
    update = {"warnings": (f"warning {HOSTILE}",), "floor_reason": f"floor {HOSTILE}"}
    scores = scores.model_copy(update=update | {"floor": {"fid_lenet": None}})
    add_run(
        results, spec, scores=[scores], losses=some_losses(600), grids=KEPT, circumstances=where
    )
    failed = spec.model_copy(update={"seed": 1})
    told = {"reason": f"reason {HOSTILE}", "log_tail": f"log {HOSTILE}\n</pre></details>\n\n# out"}
    add_run(results, failed, status="error", circumstances=where, **told)
    found = report(title=f"title {HOSTILE}")
    expected = visible(HOSTILE)
    for text in found.both():
        for word in ("title", "reason", "log", "command", "warning", "floor", "scoring", "as"):
            assert f"{word} {expected}" in text, word
        assert f"python {expected}" in text
        assert f"{expected}, 2 cores" in text
    for tree, scripts in ((found.page, 3), (found.rendered, 0)):
        tags = [element.tag for element in tree.iter()]
        assert tags.count("script") == scripts
        assert tags.count("h1") == 1
        assert not {"b", "i", "code", "a"} & set(tags) - ({"a"} if tree is found.page else set())
    assert "\0" not in found.html + found.markdown
    facts = found.facts("torch-dcgan")
    assert {visible(name) for name in facts} >= {expected, f"pinned {expected}"}
    [text] = [text for name, (text, _) in facts.items() if visible(name) == expected]
    assert shown(text) == shown(HOSTILE)


def test_hostile_labels_are_the_same_in_the_page_and_in_its_data(results, report):
    for seed in range(2):
        for note in (HOSTILE, "\r\n\x1b[31mred\x1b[0m"):
            spec = run_spec("torch-dcgan", seed, recipe_values={"epochs": 25, "note": note})
            scores = scores_with(classes_of(2.0, (0.5, 0.5)))
            add_run(results, spec, scores=[scores], losses=some_losses(600), grids=KEPT)
    found = report()
    toggles = {box.get("data-toggle") for box in found.section("curves").iter("input")}
    assert len(toggles) == 2
    assert f"torch-dcgan (note={shown(HOSTILE)})" in toggles
    for name in ("fid-images-0", "loss-generator", "shares-0"):
        labels = {trace.get("meta") for trace in found.chart(name)} - {None}
        assert labels == toggles, name
    options = found.page.findall(".//select[@id='compare-a']/option")
    assert {option.get("value") for option in options} == set(found.data["compare"])
    assert {option.get("data-of") for option in options} == toggles
    a, b = (option.get("value") for option in options)
    assert set(found.data["sentences"]) & {f"{a}\n{b}", f"{b}\n{a}"}
    figures = {figure.get("data-label") for figure in found.page.iter("figure")} - {None}
    assert figures == toggles
    for text in found.both():
        assert visible(f"torch-dcgan (note={HOSTILE})") in text


def test_hostile_names_of_implementations_make_a_page(results, report):
    names = ["torch-<b>\"x\" & 'y' | `z` \N{DUCK}", "keras-\N{HEBREW LETTER SHIN}\nb_$z$ </b>"]
    names = [name.replace("/", "") for name in names]
    for seed in range(3):
        for place, name in enumerate(names):
            scores = [scores_of({0: 150.0, 300: 20.0, 600: 4.0 + place + 0.01 * seed})]
            add_run(
                results, run_spec(name, seed), scores=scores, losses=some_losses(600), grids=KEPT
            )
    found = report()
    [first, second, *_] = found.ranking()
    assert [first, second] == [visible(name) for name in names]
    assert list(found.data["compare"]) == names
    for text in found.both():
        for name in names:
            assert visible(name) in text
    assert "b" not in {element.tag for element in [*found.page.iter(), *found.rendered.iter()]}


# By seed, of a folder whose every figure is known.
FIDS = {"torch-dcgan": (4.0, 4.1, 4.2), "keras-dcgan": (7.0, 7.1, 7.5)}
SPEEDS = {"torch-dcgan": (1_000.0, 1_010.0, 1_500.0), "keras-dcgan": (500.0, 510.0, 520.0)}
OTHERS = {
    "torch-dcgan": {
        "kid_lenet": (0.01, 0.02, 0.06),
        "precision_lenet": (0.6, 0.7, 0.86),
        "recall_lenet": (0.5, 0.5, 0.5),
        "coverage_lenet": (0.4, 0.5, 0.6),
        "density_lenet": (0.9, 1.0, 1.1),
        "classes_present": (10.0, 10.0, 10.0),
    },
    "keras-dcgan": {
        "kid_lenet": (0.04, 0.05, 0.06),
        "precision_lenet": (0.2, 0.3, 0.4),
        "recall_lenet": (0.1, 0.2, 0.36),
        "coverage_lenet": (0.15, 0.25, 0.35),
        "density_lenet": (0.5, 0.5, 0.8),
        "classes_present": (8.0, 10.0, 10.0),
    },
}
FLOORS = {
    "fid_lenet": 0.52,
    "kid_lenet": -0.001,
    "precision_lenet": 0.91,
    "recall_lenet": 0.92,
    "coverage_lenet": 0.93,
    "density_lenet": 1.02,
    "classes_present": 10.0,
}
SHARES = {
    "torch-dcgan": (0.2, 0.05, *[0.1] * 5, 0.05, 0.15, 0.05),
    "keras-dcgan": (0.55, *[0.05] * 9),
}


@pytest.fixture(scope="module")
def known_folder(tmp_path_factory):
    """Two implementations, three seeds each and a fourth that failed, four evaluation points."""
    results = empty_results(tmp_path_factory.mktemp("known") / "results")
    curves = {
        "torch-dcgan": lambda seed: {0: 150.0, 200: 60.0, 400: 20.0},
        "keras-dcgan": lambda seed: {0: 160.0, 200: 80.0 + 2 * seed, 400: 40.0 + 2 * seed},
    }
    times = {
        "torch-dcgan": {"warmup_s": 2.5, "train_s": 60.0},
        "keras-dcgan": {"warmup_s": 5.0, "train_s": 120.0},
    }
    peaks = (800.0, 900.4, 850.0)
    for name, fids in FIDS.items():
        finish = sum(times[name].values())
        for seed, fid in enumerate(fids):
            spec = run_spec(name, seed, evaluation_steps=(0, 200, 400, 600))
            scores = scores_of({**curves[name](seed), 600: fid}, low=fid - 0.3, high=fid + 0.1)
            metrics = {metric: values[seed] for metric, values in OTHERS[name].items()}
            classes = classes_of(metrics.pop("classes_present"), SHARES[name])
            rows = [figure_of(metric, value) for metric, value in metrics.items()]
            update = {"scores": [*scores.scores, *rows, classes], "floor": FLOORS}
            points = [
                {"step": step, "images": 100 * step, "train_s": finish * step / 600}
                for step in spec.evaluation_steps
            ]
            add_run(
                results,
                spec,
                scores=[scores.model_copy(update=update)],
                losses=np.tile([1.5, 0.5, 0.7, 0.3], (600, 1)),
                grids=(0, 200, 400, 600),
                images_per_s=SPEEDS[name][seed],
                peak_rss_mb=peaks[seed],
                multiply_adds_fraction=0.4 + 0.01 * seed,
                evaluation_points=points,
                **times[name],
            )
    broken = run_spec("keras-dcgan", 3, evaluation_steps=(0, 200, 400, 600))
    add_run(results, broken, status="error", reason="it broke")
    return results


@pytest.fixture(scope="module")
def known(known_folder, tmp_path_factory):
    return Report(known_folder, tmp_path_factory.mktemp("report"))


EXPECTED = {  # by hand from the figures above
    "torch-dcgan": {
        "Rank": "1",
        FID: "4.10 (4.00 to 4.20)",
        "KID": "0.0300 (0.0100 to 0.0600)",
        "Precision": "0.720 (0.600 to 0.860)",
        "Recall": "0.500 (0.500 to 0.500)",
        "Coverage": "0.500 (0.400 to 0.600)",
        "Classes present": "10",
        SPEED: "1,170 (1,000 to 1,500)",
        "Warm-up (s)": "2.50",
        "Time to finish (s)": "62.5",
        # From 60 at 20.83 s to 20 at 41.67 s: three quarters of the way.
        "Time to FID 30 (s)": "36.5 (3 of 3)",
        "Peak memory (MB)": "900",
        "Parameters G": "1,234,567",
        "Parameters D": "138,817",
        "Multiply-adds per image (M)": "45.6",
        "Of machine rate (%)": "41.0",
        FAILED: "0 of 3",
        "Parity": "not parity-checked",
        "Status": "ok",
    },
    "keras-dcgan": {
        "Rank": "2",
        FID: "7.20 (7.00 to 7.50)",
        "KID": "0.0500 (0.0400 to 0.0600)",
        "Precision": "0.300 (0.200 to 0.400)",
        "Recall": "0.220 (0.100 to 0.360)",
        "Coverage": "0.250 (0.150 to 0.350)",
        "Classes present": "9.33 (8 to 10)",
        SPEED: "510 (500 to 520)",
        "Warm-up (s)": "5.00",
        "Time to finish (s)": "125",
        # The median seed goes from 42 at 83.33 s to 7.1 at 125 s.
        "Time to FID 30 (s)": "97.7 (3 of 4)",  # a seed that failed has not reached it
        "Peak memory (MB)": "900",
        "Parameters G": "1,234,567",
        "Parameters D": "138,817",
        "Multiply-adds per image (M)": "45.6",
        "Of machine rate (%)": "41.0",
        FAILED: "1 of 4",
        "Parity": "not parity-checked",
        "Status": "3 ok, 1 error",
    },
    "Floor: real against real": {
        FID: "0.520",
        "KID": "-0.00100",
        "Precision": "0.910",
        "Recall": "0.920",
        "Coverage": "0.930",
        "Classes present": "10",
    },
    "Ceiling: untrained generator": {FID: "155 (150 to 160)"},
}


def test_the_ranking_holds_the_known_figures_in_both_forms(known):
    html = {name: texts(cells) for name, cells in known.ranking().items()}
    columns = list(EXPECTED["torch-dcgan"])
    whole = {name: dict.fromkeys(columns, "") | cells for name, cells in EXPECTED.items()}
    assert known.columns() == columns
    assert html == whole
    assert known.markdown_rankings() == [whole]
    assert list(html) == list(EXPECTED)  # in this order


def test_cells_sort_by_the_whole_figure(known):
    for name, fids in FIDS.items():
        cells = known.ranking()[name]
        for column, value in (
            (FID, statistics.fmean(fids)),
            (SPEED, statistics.fmean(SPEEDS[name])),
            ("Precision", statistics.fmean(OTHERS[name]["precision_lenet"])),
            ("Of machine rate (%)", 0.41),
        ):
            assert float(cells[column].sort) == pytest.approx(value), (name, column)
    torch, keras = (known.ranking()[name]["Time to FID 30 (s)"].sort for name in FIDS)
    assert float(torch) == pytest.approx(62.5 * (200 + 200 * 30 / 40) / 600)
    assert keras is None  # not by all seeds: it stands last


def test_the_comparison_of_two_holds_the_known_figures(known):
    for name in FIDS:
        facts = known.facts(name)
        for column, text in EXPECTED[name].items():
            if column not in ("Rank", "Parity", "Status"):
                assert facts[column][0] == text, (name, column)
        assert facts[FID][1] == pytest.approx(statistics.fmean(FIDS[name]))
        assert facts["Generator's loss at the end"][0] == "1.50"
        assert facts["D(G(z)) at the end"][0] == "0.300"
    [table] = [
        rows_of(one)
        for one in known.rendered.findall(".//table")
        if text_of(one).startswith("What keras-dcgan torch-dcgan Ratio")
    ]
    assert table[FID] == {
        "keras-dcgan": "7.20 (7.00 to 7.50)",
        "torch-dcgan": "4.10 (4.00 to 4.20)",
        "Ratio": "\N{MULTIPLICATION SIGN}0.57",
    }
    assert table["Precision"]["Ratio"] == "\N{MULTIPLICATION SIGN}2.4"


def welch_of(greater, less):
    """Return the ratio of two, its interval and p, straight from scipy."""
    found = stats.ttest_ind(np.log(greater), np.log(less), equal_var=False)
    low, high = (outside(math.exp(bound)) for bound in found.confidence_interval(0.95))
    p = "p < 0.001" if found.pvalue < 0.001 else f"p {found.pvalue:.2g}"
    ratio = math.exp(np.mean(np.log(greater)) - np.mean(np.log(less)))
    return outside(ratio), f"95 % interval {low} to {high}, {p}"


def test_the_answer_holds_ratios_and_intervals_as_scipy_computes_them(known):
    quality = welch_of(FIDS["keras-dcgan"], FIDS["torch-dcgan"])
    speed = welch_of(SPEEDS["torch-dcgan"], SPEEDS["keras-dcgan"])
    # After 62.5 s keras-dcgan is halfway between the points of 41.67 s and 83.33 s.
    equal = welch_of((60.0, 62.0, 64.0), FIDS["torch-dcgan"])
    assert quality[0] == "1.76"
    assert speed[0] == "2.3"
    assert equal[0] == "15"
    assert "p 0.0" in speed[1]  # three seeds that spread: clear, and only just
    for text in known.both():
        for sentence in (
            "torch-dcgan has the lowest final FID (lenet features): 4.10 (mean of 3 seeds, 4.00 to "
            f"4.20); keras-dcgan (7.20) is clearly higher, {quality[0]} times ({quality[1]}).",
            "torch-dcgan trains fastest: 1,170 images/s (mean of 3 seeds, 1,000 to 1,500); that is "
            f"clearly faster than keras-dcgan (510), {speed[0]} times ({speed[1]}).",
            "After 62.5 s, when torch-dcgan has finished, torch-dcgan has the lowest FID: 4.10 "
            "(mean of 3 seeds, 4.00 to 4.20); keras-dcgan (62.0) is clearly higher, "
            f"{equal[0]} times ({equal[1]}).",
            "Use torch-dcgan: it has the lowest FID, and the lead is clear.",
            "1 run failed: see the ranking.",
            "6 of 7 planned runs ok",
        ):
            assert sentence in text
    [sentence] = known.data["sentences"].values()
    assert f"lower by a factor of {quality[0]} than that of keras-dcgan ({quality[1]})" in sentence
    assert f"torch-dcgan has {speed[0]} times the speed of keras-dcgan ({speed[1]})" in sentence


def test_the_matrix_pairs_twins_by_seed_as_scipy_does(known):
    for title, values in ((FID, FIDS), (SPEED, SPEEDS)):
        logs = [np.log(values[name]) for name in ("torch-dcgan", "keras-dcgan")]
        interval = stats.ttest_rel(*logs).confidence_interval(0.95)
        ratio = outside(math.exp(np.mean(logs[0] - logs[1])))
        low, high = (outside(math.exp(bound)) for bound in interval)
        means = {name: EXPECTED[name][title].partition(" ")[0] for name in FIDS}
        row = {
            "keras": means["keras-dcgan"],
            "torch": means["torch-dcgan"],
            "torch / keras": f"{ratio} ({low} to {high})",
            "Recipe / all recipes": "—",
        }
        [html] = [
            rows_of(region.find("table"))
            for region in known.section("crossed").iter("div")
            if region.get("aria-label") == title
        ]
        tables = [rows_of(table) for table in known.rendered.iter("table")]
        assert html == {"dcgan \N{DAGGER}": row}
        assert html in tables


def test_all_scores_hold_the_known_means_the_interval_and_the_counts(known):
    expected = {
        "FID (lenet)": "4.10",
        "95 % interval": "3.70 to 4.10",
        "N real / fake": "10,000 / 1,000",
        "KID": "0.0300",
        "Precision": "0.720",
        "Recall": "0.500",
        "Density": "1.00",
        "Coverage": "0.500",
        "Classes present": "10",
    }
    [html] = [rows_of(table) for table in known.section("scores").iter("table")]
    assert html in [rows_of(table) for table in known.rendered.iter("table")]
    assert html["torch-dcgan"] == expected
    assert html["keras-dcgan"]["95 % interval"] == "6.70 to 7.10"
    assert html["keras-dcgan"]["Density"] == "0.600"
    assert html["keras-dcgan"]["Classes present"] == "9.33"
    assert html["Floor: real against real"] == {
        **{"FID (lenet)": "0.520", "95 % interval": "—", "N real / fake": "—", "KID": "-0.00100"},
        **{"Precision": "0.910", "Recall": "0.920", "Density": "1.02", "Coverage": "0.930"},
        "Classes present": "10",
    }


def test_the_class_shares_are_drawn_as_they_were_counted(known):
    drawn = {trace.get("meta"): trace for trace in known.chart("shares-0")}
    for name, shares in SHARES.items():
        assert drawn[name]["x"] == [str(digit) for digit in range(10)]
        assert drawn[name]["y"] == pytest.approx([100 * share for share in shares])
    assert drawn[None]["y"] == pytest.approx([10.0] * 10)
    alts = [image.get("alt") for image in known.rendered.iter("img")]
    [alt] = [alt for alt in alts if alt.startswith("Bar chart of the share of each class")]
    assert "torch-dcgan from 5.0% of class 1 to 20.0% of 0" in alt
    assert "keras-dcgan from 5.0% of class 1 to 55.0% of 0" in alt


def test_the_curves_go_through_the_known_points(known):
    for name, at, by in (("fid-images-0", 60_000, 20_000), ("fid-seconds-0", 62.5, 125 / 6)):
        lines = {t["meta"]: t for t in known.chart(name) if t["mode"] == "lines+markers"}
        torch, keras = lines["torch-dcgan"], lines["keras-dcgan"]
        assert torch["x"][-1] == at
        assert torch["x"][1] == pytest.approx(by, rel=1e-4)
        assert torch["y"] == pytest.approx([150, 60, 20, 4.1])
        assert keras["y"] == pytest.approx([160, 82, 42, 7.2])


def test_seeds_that_never_reach_a_target_are_counted(known_folder, tmp_path):
    found = Report(known_folder, tmp_path, target_fid=7.05)
    assert found.ranking()["torch-dcgan"]["Time to FID 7.05 (s)"][:2] == ("58.6", "3 of 3")
    assert found.ranking()["keras-dcgan"]["Time to FID 7.05 (s)"][:2] == ("125", "1 of 4")
    [markdown] = found.markdown_rankings()
    assert markdown["keras-dcgan"]["Time to FID 7.05 (s)"] == "125 (1 of 4)"


def test_a_quick_report_of_an_odd_folder_ranks_speed_only(train, report):
    train("torch-dcgan", [40.0, 41.0, 42.0], quick_spec)
    train("keras-dcgan", [10.0, 11.0, 12.0], quick_spec, images_per_s=400.0)
    found = report()
    assert "Rank" not in found.columns()
    assert [*found.ranking()][:2] == ["torch-dcgan", "keras-dcgan"]  # the fastest first
    for text in found.both():
        assert "are too few to rank quality, so only speed is ranked." in text
