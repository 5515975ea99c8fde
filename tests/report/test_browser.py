"""The report in a browser: it needs nothing, everything answers, and everybody can use it."""

import re
from itertools import pairwise
from statistics import mean, median

import pytest

from axis_cases import CASES, curves
from gan_bench.report import write_report
from gan_bench.report.charts.web import line_chart
from gan_bench.report.pictures import looks
from gan_bench.results.load import load_results
from gan_bench.text import factor
from report_results import make_results
from written_report import data_of, with_data

pytest_plugins = ("browser",)
pytestmark = [pytest.mark.browser, pytest.mark.process]

LABELS = ["torch-dcgan", "keras-dcgan", "torch-dcgan-3g", "keras-dcgan-3g"]
POINTS = 4
CHARTS = (
    *("chart-fid-images-0", "chart-fid-seconds-0", "chart-loss-generator-0"),
    *("chart-loss-discriminator-0", "chart-d-real-0", "chart-d-fake-0"),
    *("chart-final-fid-0", "chart-quality-time-0"),
)
FID, SPEED = re.compile("final fid", re.IGNORECASE), re.compile("images/s", re.IGNORECASE)
ROWS = "#ranking-0 tbody[data-label]"
WIDTHS = (400, 700, 1280)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Four implementations of three seeds; two runs failed."""
    return make_results(tmp_path_factory.mktemp("results") / "made", 4, 3, POINTS)


@pytest.fixture(scope="module")
def html(results, tmp_path_factory):
    return write_report(results, tmp_path_factory.mktemp("report")).html


@pytest.fixture
def folded(open_shared, html):
    """Return a function that opens the report, once for all tests that ask for the same.

    It is as it was opened: each test leaves what it moved, but parts may stay unfolded.
    """

    def open_folded(width=1280, colour_scheme="light"):
        opened = open_shared(html, width=width, colour_scheme=colour_scheme)
        opened.page.evaluate(FOLD)
        return opened

    return open_folded


FOLD = """() => {
    document.querySelectorAll("details").forEach((one) => { one.open = false; });
    scrollTo(0, 0);
}"""


@pytest.fixture
def page(folded):
    opened = folded()
    yield opened.page
    assert opened.troubles == []


@pytest.fixture
def new_page(open_page, html):
    """A page of the test's own, in which nothing was unfolded yet."""
    opened = open_page(html)
    yield opened.page
    assert opened.troubles == []


def final_figures(results, metric):
    """Return each implementation's figures of the end, by label."""
    loaded = load_results(results)
    found = {label: [] for label in LABELS}
    steps = {run_id: spec.steps for run_id, spec in loaded.specs.items()}
    for row in loaded.scores[loaded.scores["metric"] == metric].itertuples():
        if row.step == steps[row.run_id]:
            found[loaded.specs[row.run_id].implementation.name].append(row.value)
    return found


def settle(page):
    """Wait until what was done is shown."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def labels(page, selector=ROWS):
    """Return the labels of the elements that are shown."""
    return [e.get_attribute("data-label") for e in page.locator(selector).all() if e.is_visible()]


def header(page, text):
    """Return the ranking's header cell that sorts by this."""
    cells = page.locator("#ranking-0 thead th", has=page.locator("button.sort"))
    return cells.filter(has_text=text).first


def visible_traces(page, chart):
    """Return the labels of a chart's traces that are shown, each once."""
    return page.evaluate(
        """id => [...new Set(document.getElementById(id).data
            .filter(trace => trace.visible !== false && trace.visible !== 'legendonly')
            .map(trace => trace.meta).filter(label => label))].sort()""",
        chart,
    )


def move_slider(page, key):
    """Move the samples' slider by the keyboard; return the pictures by label, and what it says."""
    page.locator("#slider-0").press(key)
    settle(page)
    figures = page.locator("figure.sample[data-label]").all()
    pictures = {f.get_attribute("data-label"): f.locator("img").first for f in figures}
    sources = {label: image.get_attribute("src") for label, image in pictures.items()}
    return sources, page.locator("output[for~='slider-0']").inner_text()


def test_a_page_that_opens_needs_nothing_and_complains_of_nothing(folded):
    opened = folded()
    assert opened.page.title()
    assert opened.console_errors == []
    assert opened.page_errors == []
    assert opened.requests == []


def test_the_ranking_has_a_row_for_each_implementation(page):
    assert sorted(labels(page)) == sorted(LABELS)


def unfold(page):
    """Open every part, and wait until the charts in them are drawn."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for chart in CHARTS:
        page.locator(f"#{chart} .main-svg").first.wait_for()


def test_every_chart_shows_every_implementation(page):
    unfold(page)
    for chart in CHARTS:
        assert page.locator(f"div.chart#{chart} .main-svg").count() > 0, chart
        assert visible_traces(page, chart) == sorted(LABELS), chart


def test_the_axis_of_the_fid_can_be_switched(page):
    images, updates = page.locator("#chart-fid-images-0"), page.locator("#chart-fid-updates-0")
    assert (images.is_visible(), updates.is_visible()) == (True, False)
    page.get_by_role("button", name="updates", exact=True).click()
    updates.locator(".main-svg").first.wait_for()
    assert (images.is_visible(), updates.is_visible()) == (False, True)
    assert visible_traces(page, "chart-fid-updates-0") == sorted(LABELS)
    page.get_by_role("button", name="images", exact=True).click()
    assert (images.is_visible(), updates.is_visible()) == (True, False)


def test_the_first_screen_answers_and_shows(page, results):
    """Without scrolling: the advice, both charts, and what the leaders draw."""
    fids = {label: mean(values) for label, values in final_figures(results, "fid_lenet").items()}
    best = min(fids, key=fids.get)
    assert best in page.locator(".answer").first.inner_text()
    rows = page.locator("#chart-final-fid-0 .ytick text").all_text_contents()
    assert rows == sorted(fids, key=fids.get)
    for shown in (page.locator("#chart-quality-time-0"), page.locator(".strip").first):
        assert shown.bounding_box()["y"] + shown.bounding_box()["height"] < 1000
    strip = page.locator(".strip img")
    widths = [image.evaluate("i => i.decode().then(() => i.naturalWidth)") for image in strip.all()]
    assert len(widths) == 3  # real images, and one of each recipe
    assert min(widths) > 0


def test_a_mark_says_what_it_stands_for(page):
    page.locator("#chart-fid-images-0").scroll_into_view_if_needed()
    page.evaluate("Plotly.Fx.hover('chart-fid-images-0', [{ curveNumber: 1, pointNumber: 2 }])")
    lines = page.locator("#chart-fid-images-0 .hoverlayer tspan").all_text_contents()
    text = " ".join(lines)
    assert re.search(r"FID \(lenet\) [\d.]+ \([\d.]+ to [\d.]+\) mean of seeds 0, 1 and 2", text)
    assert re.search(r"step [\d,]+, [\d,]+ images .*s of training", text)
    assert any(label in text for label in LABELS)


def test_the_ranking_sorts_by_fid_and_by_speed_both_ways(page, results):
    fids = final_figures(results, "fid_lenet")
    runs = load_results(results).runs.groupby("implementation")["images_per_s"]
    speeds = {label: list(runs.get_group(label).dropna()) for label in LABELS}
    for text, figures in ((FID, fids), (SPEED, speeds)):
        best_last = sorted(LABELS, key=lambda label: median(figures[label]))
        # The page may show either: the test must not depend on which.
        assert best_last == sorted(LABELS, key=lambda label: mean(figures[label]))
        cell = header(page, text)
        orders = {}
        for _ in range(2):
            cell.locator("button.sort").click()
            settle(page)
            orders[cell.get_attribute("aria-sort")] = labels(page)
        assert orders == {"ascending": best_last, "descending": best_last[::-1]}


def test_one_column_at_a_time_is_sorted_and_the_keyboard_does_it_too(page):
    header(page, FID).locator("button.sort").click()
    speed = header(page, SPEED)
    speed.locator("button.sort").focus()
    page.keyboard.press("Enter")
    settle(page)
    states = [
        cell.get_attribute("aria-sort")
        for cell in page.locator("#ranking-0 thead th", has=page.locator("button.sort")).all()
    ]
    assert speed.get_attribute("aria-sort") in ("ascending", "descending")
    assert states.count("none") == len(states) - 1


def test_the_filter_hides_what_does_not_match_and_says_how_many_are_left(page):
    count = page.locator("#filter-count[aria-live]")
    for text, shown in (
        ("keras", ["keras-dcgan", "keras-dcgan-3g"]),
        ("DCGAN-3g", ["torch-dcgan-3g", "keras-dcgan-3g"]),
        ("no such thing", []),
        ("", LABELS),
    ):
        page.locator("input#filter").fill(text)
        settle(page)
        assert sorted(labels(page)) == sorted(shown)
        assert page.locator(f"{ROWS}[hidden]").count() == len(LABELS) - len(shown)
        assert count.inner_text().strip() == f"{len(shown)} of 4 shown"


def test_the_slider_shows_every_implementation_at_every_point(page):
    assert page.locator("#slider-0").get_attribute("type") == "range"
    seen = [move_slider(page, "Home")]
    seen += [move_slider(page, "ArrowRight") for _ in range(POINTS - 1)]
    assert seen[-1] == move_slider(page, "End")
    assert len({said for _, said in seen}) == POINTS
    assert sorted(seen[0][0]) == sorted(LABELS)
    for label in LABELS:
        assert len({pictures[label] for pictures, _ in seen}) == POINTS
        assert all(pictures[label].startswith("data:image/") for pictures, _ in seen)


def test_the_samples_are_pictures_that_the_browser_can_show(page):
    page.locator("#slider-0").press("End")
    page.locator("figure.sample[data-label]").first.scroll_into_view_if_needed()
    images = page.locator("figure.sample[data-label] img")
    widths = [
        image.evaluate("i => i.decode().then(() => i.naturalWidth)") for image in images.all()
    ]
    assert widths
    assert min(widths) > 0
    assert all(image.get_attribute("alt") for image in images.all())


def test_hiding_an_implementation_hides_its_samples_and_curves_but_not_its_row(page):
    hidden, others = LABELS[0], sorted(LABELS[1:])
    unfold(page)
    box = page.locator(f"#legend input[type=checkbox][data-toggle='{hidden}']")
    assert box.is_checked()
    box.uncheck()
    settle(page)
    assert hidden not in labels(page, "figure[data-label]")
    assert set(labels(page, "figure.sample[data-label]")) == set(others)
    for chart in CHARTS:
        assert visible_traces(page, chart) == others
    assert sorted(labels(page)) == sorted(LABELS)
    box.check()
    settle(page)
    assert set(labels(page, "figure.sample[data-label]")) == set(LABELS)
    for chart in CHARTS:
        assert visible_traces(page, chart) == sorted(LABELS)


def test_a_chart_that_is_unfolded_later_hides_what_is_hidden_by_then(new_page):
    assert new_page.locator("#chart-d-real-0 .main-svg").count() == 0  # folded charts are not drawn
    new_page.locator(f"#legend input[data-toggle='{LABELS[0]}']").uncheck()
    unfold(new_page)
    settle(new_page)
    assert visible_traces(new_page, "chart-d-real-0") == sorted(LABELS[1:])


def test_two_implementations_are_compared_line_by_line(page):
    def compare(one, other):
        page.locator("select#compare-a").select_option(one)
        page.locator("select#compare-b").select_option(other)
        settle(page)
        if not page.locator("#compare-table").is_visible():
            page.locator("#compare-count").click()
        sentence = page.locator("#compare-sentence").inner_text()
        assert one in sentence
        assert other in sentence
        rows = page.locator("#compare-table tr[data-same]").all()
        same = {row.get_attribute("data-same") for row in rows}
        return {row.inner_text(): row.get_attribute("data-same") for row in rows}, same

    twins, states = compare("torch-dcgan", "keras-dcgan")
    assert states == {"true", "false"}  # one recipe in two frameworks
    different, _ = compare("torch-dcgan", "torch-dcgan-3g")
    assert list(different.values()).count("false") > 0
    assert different.keys() != twins.keys()


@pytest.mark.long
@pytest.mark.parametrize("ratio", [0.0996, 0.5, 1.994, 1.996, 9.96, 31.4])
def test_ratios_are_rounded_as_in_the_markdown(open_page, html, tmp_path, ratio):
    text = html.read_text(encoding="utf-8")
    values = data_of(text)
    for label, value in (("torch-dcgan", 1.0), ("keras-dcgan", ratio)):
        fact = next(fact for fact in values["compare"][label] if fact[1] == "Images/s")
        fact[2:] = [str(value), value]
    changed = tmp_path / "report.html"
    changed.write_text(with_data(text, values), encoding="utf-8")
    page = open_page(changed).page
    page.locator("select#compare-a").select_option("torch-dcgan")
    page.locator("select#compare-b").select_option("keras-dcgan")
    settle(page)
    page.locator("#compare-count").click()
    row = page.locator("#compare-table tr[data-same]", has_text="Images/s")
    assert row.locator("td").last.inner_text() == f"\N{MULTIPLICATION SIGN}{factor(ratio)}"


def test_a_logarithmic_axis_names_whole_numbers(page):
    ticks = page.locator("#chart-fid-images-0 .ytick text").all_text_contents()
    assert page.evaluate("document.getElementById('chart-fid-images-0').layout.yaxis.type") == "log"
    values = [float(tick.replace(",", "")) for tick in ticks]
    assert values == sorted(values) and len(values) > 1


TICKS = """([id, side]) => {
    const chart = document.getElementById(id);
    const axis = chart._fullLayout[`${side}axis`];
    const place = (text) => {
        const box = text.getBoundingClientRect();
        return side === "x" ? box.x + box.width / 2 : box.y + box.height / 2;
    };
    const size = (text) => side === "x" ? text.getBoundingClientRect().width : 14;
    return [...chart.querySelectorAll(`.${side}tick text`)].map((text) => {
        const value = Number(text.textContent.replaceAll(",", "").replace("\\u2212", "-"));
        return [text.textContent, axis.d2p(value), place(text), size(text)];
    });
}"""


def check_ticks(page, chart, side):
    """Assert that every tick of an axis names the number at its place; return their texts."""
    # Plotly hides a number that would not fit beside the chart.
    ticks = [tick for tick in page.evaluate(TICKS, [chart, side]) if tick[3]]
    texts = [text for text, *_ in ticks]
    apart = [shown - meant for _, meant, shown, _ in ticks]
    assert len(ticks) >= 2, (chart, side, texts)
    assert max(apart) - min(apart) < 1.5, (chart, side, ticks)
    middle = sorted((shown, size) for *_, shown, size in ticks)
    assert all(b - a > (i + j) / 2 - 3 for (a, i), (b, j) in pairwise(middle)), (side, texts)
    return texts


@pytest.mark.parametrize("width", [400, 1280])
def test_every_axis_of_every_chart_names_the_numbers_at_its_places(folded, width):
    page = folded(width).page
    unfold(page)
    for chart in CHARTS:
        numeric = "x" if chart.startswith("chart-final") else "xy"
        for side in numeric:
            check_ticks(page, chart, side)


@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("FID from 150 to 20", "tiny on a line")
        else pytest.param(name, marks=pytest.mark.long)
        for name in CASES
    ],
)
def test_an_axis_names_the_numbers_at_its_places(open_page, html, tmp_path, name):
    text = html.read_text(encoding="utf-8")
    values = data_of(text)
    values["charts"]["fid-images-0"] = line_chart(curves(name), looks([(LABELS[0], "r", "torch")]))
    changed = tmp_path / "report.html"
    changed.write_text(with_data(text, values), encoding="utf-8")
    page = open_page(changed).page
    shown = {side: check_ticks(page, "chart-fid-images-0", side) for side in "xy"}
    if name == "FID from 150 to 20":
        assert shown["y"] == ["20", "30", "40", "50", "60", "70", "80", "90", "100"]
    _, _, log_x, log_y = CASES[name]
    page.evaluate(
        """async ([x, y]) => Plotly.relayout("chart-fid-images-0", {
            "xaxis.range": x, "yaxis.range": y})""",
        [[1.0, 1.3] if log else [10, 20] for log in (log_x, log_y)],
    )
    settle(page)
    for side in "xy":
        assert len(check_ticks(page, "chart-fid-images-0", side)) >= 2


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (400, "light"),
        (1280, "dark"),
        pytest.param(400, "dark", marks=pytest.mark.long),
        pytest.param(1280, "light", marks=pytest.mark.long),
    ],
)
def test_axe_finds_no_serious_barrier(folded, screenshot, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    opened = folded(width, scheme)
    screenshot(opened.page, f"report-{width}-{scheme}")
    violations = axe.Axe().run(opened.page).response["violations"]
    serious = [
        f"{found['impact']} {found['id']}: {node['target']} {node['failureSummary']}"
        for found in violations
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]
    assert serious == []


@pytest.mark.parametrize(("width", "screens"), [(1280, 8), (400, 14)])
def test_the_page_is_short_before_anything_is_unfolded(open_page, html, width, screens):
    page = open_page(html, width=width).page
    assert page.locator("details[open]").count() == 0
    assert page.evaluate("document.documentElement.scrollHeight / innerHeight") <= screens


def test_eight_columns_are_shown_and_all_if_asked(page):
    def shown():
        return [cell for cell in page.locator("#ranking-0 thead th").all() if cell.is_visible()]

    assert len(shown()) == 8
    wide = page.locator("tr.troubles td").first
    assert wide.get_attribute("colspan") == "8"
    page.locator("#more-columns").check()
    assert len(shown()) == page.locator("#ranking-0 thead th").count() > 8
    assert wide.get_attribute("colspan") == str(len(shown()))
    page.locator("#more-columns").uncheck()


def test_a_link_to_a_folded_section_opens_it(new_page):
    page = new_page
    table = page.locator("#claims table").first
    assert not table.is_visible()
    page.locator("nav a[href='#claims']").click()
    settle(page)
    assert table.is_visible()


def test_one_button_unfolds_everything_and_folds_it_again(page):
    every = page.locator("details").count()
    for name, count in (("Unfold all", every), ("Fold all", 0)):
        page.get_by_role("button", name=name, exact=True).click()
        assert page.locator("details[open]").count() == count


def test_a_chart_in_a_folded_part_is_drawn_when_it_is_opened(new_page):
    folded = new_page.locator("details.fold:has(.chart)").first
    chart = folded.locator(".chart").first
    assert chart.locator(".main-svg").count() == 0
    folded.locator("summary").click()
    chart.locator(".main-svg").first.wait_for()
    box = chart.bounding_box()
    assert box["width"] > 300


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_does_not_scroll_sideways(folded, width):
    page = folded(width).page
    sizes = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    wide = page.evaluate(
        """[...document.querySelectorAll('body *')]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
            .slice(0, 5).map(e => e.tagName + '#' + e.id + '.' + e.className)"""
    )
    assert sizes[0] <= sizes[1], wide


def test_a_browser_that_cannot_unpack_says_so_and_shows_the_rest(browser, html):
    page = browser.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(html.resolve().as_uri())
    assert page.locator("#old-browser").is_visible()
    before = move_slider(page, "Home")[0]
    assert before != move_slider(page, "End")[0]
    page.locator("#filter").fill("keras")
    assert "shown" in page.locator("#filter-count").inner_text()
    assert page.locator(".chart .main-svg").count() == 0
    page.close()


def test_a_browser_that_can_unpack_says_nothing(page):
    assert page.locator("#old-browser").is_hidden()
    assert page.locator(".chart .main-svg").count() > 0
