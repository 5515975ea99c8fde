"""Charts' axes: every tick says the number at its place, on a line and on a logarithm."""

import math
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from axis_cases import CASES, curves, number
from gan_bench.report.charts import Dots, loss_curves, png, read_out, web
from gan_bench.report.charts.loss_curves import Losses, range_shown
from gan_bench.report.claims.measures import level
from gan_bench.report.pictures import Names, looks
from report_folder import add_run, quick_spec, scores_of

LOOKS = looks([("torch-dcgan", "dcgan", "torch")])


@pytest.fixture
def plotted(monkeypatch):
    """The figure that the report makes for a chart, in place of its bytes."""

    def plot(picture, content, look):
        kept = []

        def keep(file, plot, size, alt, caption):
            figure = Figure(figsize=size, dpi=192, layout="constrained")
            FigureCanvasAgg(figure)
            plot(figure)
            figure.canvas.draw()
            kept.append(figure)

        monkeypatch.setattr(png, "chart", keep)
        picture(content, look, Names())
        return kept[0]

    return plot


def shown_ticks(axis):
    """Return the texts of an axis in its range, with their values and their boxes."""
    low, high = sorted(axis.get_view_interval())
    found = []
    for tick, value in zip(axis.get_major_ticks(), axis.get_majorticklocs(), strict=False):
        if low <= value <= high and tick.label1.get_visible() and tick.label1.get_text():
            found.append((tick.label1.get_text(), value, tick.label1.get_window_extent()))
    return found


def check(ticks):
    """Assert that each says the number at its place, and that none is printed over the next."""
    for text, value, _ in ticks:
        assert number(text) == pytest.approx(value, rel=1e-9, abs=1e-12)
    for (one, _, box), (other, _, following) in pairwise(ticks):
        assert not box.overlaps(following), (one, other)


@pytest.mark.slow_after(4)
@pytest.mark.parametrize("name", CASES)
def test_a_picture_names_the_numbers_of_its_axes_and_they_do_not_overlap(plotted, name):
    axes = plotted(png.fid_picture, curves(name), LOOKS).axes[0]
    for axis, side in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        ticks = shown_ticks(axis)
        assert 2 <= len(ticks) <= 14, (side, [text for text, *_ in ticks])
        check(ticks)
        assert not any(label.get_text() for label in axis.get_minorticklabels())
        assert axis.get_offset_text().get_text() == ""


@pytest.mark.slow_after(4)
@pytest.mark.parametrize("images", [5_000, 60_000, 999_000, 2_400_000, 90_000_000])
@pytest.mark.parametrize("losses", [(1.386294, 1.386296), (1e-7, 3e-7), (-2e9, 1e9), (7, 7)])
def test_losses_have_no_factor_beside_their_axis(plotted, losses, images):
    points = pd.DataFrame({"x": [1000.0, images], "y": losses, "low": losses, "high": losses})
    frame = points.assign(part="strong", line="mean", label="torch-dcgan", name="torch-dcgan")
    frames = dict.fromkeys(("generator", "discriminator", "d_real", "d_fake"), frame)
    ends = dict.fromkeys(frames, losses[1])
    content = Losses("torch-dcgan", "torch-dcgan", frozenset(), frames, ends, None)
    for axes in plotted(png.loss_picture, content, LOOKS["torch-dcgan"]).axes:
        for axis in (axes.xaxis, axes.yaxis):
            assert axis.get_offset_text().get_text() == ""
            check(shown_ticks(axis))


def test_every_numeric_axis_of_the_page_has_whole_numbers(train, report):
    train("torch-dcgan", (100.0, 20.0))
    charts = report().data["charts"]
    assert len(charts) >= 4
    for name, chart in charts.items():
        for side in ("xaxis", "yaxis"):
            axis = chart["layout"][side]
            if axis["type"] != "category":  # names of implementations
                # Without a format, Plotly writes 2 and 5 for 20 and 50 on a logarithmic axis, and
                # a fixed distance of ticks leaves an enlarged chart without any.
                assert axis["tickformat"] == web.TICK_FORMAT, (name, side)
                assert "dtick" not in axis, (name, side)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([3.0, 3.0], 2.5, 3.5),
        ([0.0, 0.0], -0.5, 0.5),
        ([-900.0, 100.0], -1000, 200),
        ([1e12, 1e12], 1e12 - 2e7, 1e12 + 2e7),
        ([0.6931471, 0.6931472], 0.6931, 0.6932),
    ],
)
def test_an_axis_of_losses_holds_all_of_them_with_a_margin(values, low, high):
    shown = range_shown(pd.DataFrame({"y": np.array(values)}))
    assert low <= shown[0] < min(values)
    assert max(values) < shown[1] <= high


def said(trace, point):
    """Return what Plotly writes at a point: the template with its values, in lines."""
    x, y, custom = trace["x"][point], trace["y"][point], trace["customdata"][point]
    known = {"x": x, "y": y} | {f"customdata[{n}]": value for n, value in enumerate(custom)}

    def fill(match):
        value, form = known[match[1]], match[2]
        return f"{value:,}" if form == ":," else f"{value:g}" if form else str(value)

    text = re.sub(r"%\{([^}:]+)(:[^}]+)?\}", fill, trace["hovertemplate"])
    return text.removesuffix("<extra></extra>").split("<br>")


def test_a_point_names_implementation_value_seeds_range_step_images_and_seconds(train, report):
    train("torch-dcgan", (4.0, 5.0))
    train("torch-dcgan", (9.0,), seed=2, status="killed", reason="why")
    charts = report().data["charts"]
    mean, alone = (t for t in charts["fid-images-0"]["data"] if t["hoverinfo"] != "skip")
    assert said(mean, 2) == [
        "torch-dcgan",
        "FID (lenet) 4.5 (4 to 5)",
        "mean of seeds 0 and 1",
        "step 600, 60,000 images",
        "1 min 02 s of training",
    ]
    assert said(alone, 1)[1:3] == ["FID (lenet) 20", "seed 2, which did not finish"]
    mean, _ = (t for t in charts["fid-seconds-0"]["data"] if t["hoverinfo"] != "skip")
    assert said(mean, 2)[3:] == ["step 600, 60,000 images", "62.5 s of training"]
    [loss] = (t for t in charts["loss-generator-0"]["data"] if "hovertemplate" in t)
    name, value, *rest = said(loss, -1)
    assert name == "torch-dcgan"
    assert re.fullmatch(r"loss [\d.]+ \([\d.]+ to [\d.]+\)", value)
    seeds = "mean of seeds 0 and 1"
    assert rest == [seeds, "step 600, 60,000 images", "1 min 02 s of training"]
    assert said(loss, 0)[2:] == [seeds, "step 1, 100 images", "0.10 s of training"]


def test_the_time_of_a_mean_is_the_mean_over_its_seeds_in_every_chart(train, report):
    train("torch-dcgan", (4.0,), train_s=20.0)
    train("torch-dcgan", (5.0,), seed=1, train_s=60.0)
    charts = report().data["charts"]
    fid = next(t for t in charts["fid-images-0"]["data"] if t["hoverinfo"] != "skip")
    [loss] = (t for t in charts["loss-generator-0"]["data"] if "hovertemplate" in t)
    assert said(loss, -1)[2:] == said(fid, -1)[2:]
    assert said(loss, -1)[2:4] == ["mean of seeds 0 and 1", "step 600, 60,000 images"]


def test_the_loss_at_the_end_is_the_mean_over_the_last_tenth_as_in_claims():
    values = np.arange(20.0)
    assert loss_curves._level(values) == level(values) == 18.5
    values[-1] = np.nan  # claims need every step, a chart shows what there is
    assert loss_curves._level(values) == 18.0


def test_a_name_fills_in_no_value(train, report):
    name = "torch-%{x}<b>"
    train(name, (4.0, 5.0))
    [trace] = (
        t for t in report().data["charts"]["fid-images-0"]["data"] if t["hoverinfo"] != "skip"
    )
    assert trace["hovertemplate"].startswith("torch-% {x}&lt;b&gt;<br>")


@pytest.mark.slow
def test_the_first_charts_have_a_mark_for_each_implementation_and_each_seed(train, report):
    train("torch-dcgan", (4.0, 4.1, 4.2))
    train("keras-dcgan", (7.0, 7.1, 7.5), train_s=20.0)
    train("torch-wgan", (7.0, 8.1, 9.2))
    train("torch-seen", (1.0,), values={"train_splits": ("train", "test")})
    charts = report().data["charts"]
    forest, time = charts["final-fid-0"], charts["quality-time-0"]
    rows = ["torch-dcgan", "keras-dcgan", "torch-wgan"]
    assert forest["layout"]["yaxis"]["ticktext"] == rows
    large = {t["meta"]: t for t in forest["data"] if t["marker"]["size"] > 10}
    small = {t["meta"]: t for t in forest["data"] if t["marker"]["size"] < 10}
    assert [large[name]["x"] for name in rows] == [[4.1], [7.2], [8.1]]
    assert small["keras-dcgan"]["x"] == [7, 7.1, 7.5]
    assert large["keras-dcgan"]["hovertext"] == [
        "keras-dcgan<br>final FID (lenet) 7.20 (7.00 to 7.50)<br>mean of seeds 0, 1 and 2<br>"
        "step 600, 60,000 images<br>22 s of training<br>95 % interval of the mean: 6.54 to 7.86"
    ]
    assert small["keras-dcgan"]["hovertext"][2].startswith(
        "keras-dcgan<br>final FID (lenet) 7.50<br>seed 2<br>step 600"
    )
    # The interval of the mean holds the mean.
    assert large["torch-dcgan"]["error_x"]["array"][0] == pytest.approx(0.2484, rel=1e-3)
    assert large["torch-dcgan"]["error_x"]["arrayminus"][0] == pytest.approx(0.2484, rel=1e-3)
    lines = [shape["y0"] for shape in forest["layout"]["shapes"]]
    assert lines == [0.5]  # keras-dcgan is not clearly better than torch-wgan
    [front, *marks] = time["data"]
    assert (front["x"], front["y"]) == ([22.5, 62.5], [7.2, 4.1])
    assert {t["meta"] for t in marks if "text" in t} == {"torch-dcgan", "keras-dcgan"}
    for axis in (forest["layout"]["xaxis"], time["layout"]["yaxis"]):
        assert axis["rangemode"] == "tozero"


def test_a_bar_to_zero_on_a_logarithmic_axis_says_where_it_begins(train, report):
    train("torch-dcgan", (4.0, 4.1, 4.2))
    train("keras-dcgan", (20.0, 30.0, 100.0))
    found = report()
    assert found.data["charts"]["final-fid-0"]["layout"]["xaxis"]["type"] == "log"
    assert "A bar from the edge begins at 0 or below." in found.html


def test_two_seeds_have_no_interval_and_no_tiers(train, report):
    train("torch-dcgan", (4.0, 4.1))
    train("keras-dcgan", (7.0, 7.9))
    found = report()
    forest = found.data["charts"]["final-fid-0"]
    assert not any("error_x" in trace for trace in forest["data"])
    assert forest["layout"]["shapes"] == []
    assert "The seeds separate no tiers" in found.html


def test_differences_that_are_clear_without_tiers_are_not_called_chance(train, report):
    """Only the first and the last are told apart."""
    train("torch-dcgan", (10.0, 10.5, 11.0))
    train("torch-wgan", (10.9, 11.6, 12.3))
    train("torch-slow", (12.2, 12.9, 13.6))
    found = report()
    ranks = {label: cells["Rank"].text for label, cells in found.ranking().items()}
    assert ranks["torch-dcgan"] == "1 to 2" and ranks["torch-wgan"] == "1 to 3"
    assert found.data["charts"]["final-fid-0"]["layout"]["shapes"] == []
    assert "chance" not in found.html.partition('<section id="ranking">')[0]
    assert (
        "There are no tiers of implementations, but some differences are clear: see the ranks."
        in found.html
    )


def test_what_is_not_ranked_is_not_shown_first(train, report):
    train("torch-dcgan", (92.0, 91.5), make=quick_spec, images_per_s=200.0)
    train("keras-dcgan", (92.7, 92.1), make=quick_spec, images_per_s=100.0)
    found = report()
    charts = found.data["charts"]
    assert not {"final-fid-0", "quality-time-0"} & set(charts)
    first = [t for t in charts["throughput-0"]["data"] if t["marker"]["size"] > 10]
    assert {t["meta"]: t["x"] for t in first} == {"torch-dcgan": [200], "keras-dcgan": [100]}
    assert found.page.findall(".//div[@class='strip']") == []
    folded = [e for details in found.page.iter("details") for e in details.iter()]
    grids = found.page.findall(".//figure[@class='sample']")
    assert len(grids) == 2
    assert all(grid in folded for grid in grids)
    assert found.page.find(".//div[@id='chart-fid-images-0']") in folded


def test_a_fid_that_hardly_falls_looks_like_it(results, report):
    add_run(results, quick_spec(), scores=[scores_of({0: 92.7, 20: 92.0, 40: 91.5})])
    axis = report().data["charts"]["fid-images-0"]["layout"]["yaxis"]
    assert axis["type"] == "linear"
    assert axis["range"] == [0, pytest.approx(98.3, abs=0.1)]


def test_an_alternative_text_names_a_few_series_and_counts_the_rest():
    assert read_out(["a 1"]) == "a 1"
    assert read_out(f"{name} 1" for name in "abcdefgh") == "a 1; b 1; c 1; d 1; e 1; 3 more"


def test_near_marks_on_the_front_share_one_name_and_a_logarithmic_axis_says_so():
    every = [("a", 100.0, 50.0), ("b", 101.0, 49.5), ("c", 2_000.0, 5.0), ("d", 900.0, 60.0)]
    marks = [(label, "mean", x, y, math.nan, math.nan, label) for label, x, y in every]
    frame = pd.DataFrame(marks, columns=["label", "part", "x", "y", "low", "high", "text"])
    dots = Dots("i", "t", frame, "seconds", "alt", "FID", front=("a", "b", "c"), log_x=True)
    every_look = looks([(label, label, "torch") for label in "abcd"])
    chart = web.dot_chart(dots, every_look)
    names = {t["meta"]: t["text"] for t in chart["data"] if "text" in t}
    assert names == {"b": ["a and b"], "c": ["c"]}
    assert chart["layout"]["xaxis"]["title"]["text"] == "seconds, logarithmic"
    assert chart["layout"]["yaxis"]["title"]["text"] == "FID"


def test_twins_share_a_colour_and_have_the_style_of_their_framework():
    """Also beside recipes of one framework, and of more than 24 at all."""
    recipes = ("baseline", "dcgan", "dcgan-3g", "decay", "enhanced", "upsampling-sgd")
    rows = [(f"{f}-{r}", r, f) for f in ("jax", "keras", "torch") for r in recipes]
    alone = ("augment", "conditional", "cosine", "r3gan", "resnet", "sngan", "wgan-gp")
    rows = sorted([*rows, *((f"torch-{r}", r, "torch") for r in alone)])
    found = looks(rows)
    assert list(found) == [label for label, *_ in rows]
    for r in recipes:
        assert len({found[f"{f}-{r}"].colour for f in ("jax", "keras", "torch")}) == 1
    styles = {f: {found[f"{f}-{r}"].line for r in recipes} for f in ("jax", "keras", "torch")}
    assert styles == {"torch": {"-"}, "keras": {"--"}, "jax": {":"}}


def test_a_name_beside_a_mark_is_not_printed_over_another():
    every = [("a", 30.0, 28.0), ("b", 73.0, 27.2), ("c", 86.0, 26.9), ("d", 120.0, 43.0)]
    marks = [(label, "mean", x, y, math.nan, math.nan, label) for label, x, y in every]
    frame = pd.DataFrame(marks, columns=["label", "part", "x", "y", "low", "high", "text"])
    dots = Dots("i", "t", frame, "seconds", "alt", "FID", front=("a", "b", "c"))
    chart = web.dot_chart(dots, looks([(label, label, "torch") for label in "abcd"]))
    names = {t["meta"]: t["text"] for t in chart["data"] if "text" in t}
    # The name of b would be over the mark of c, and that of c over the name of a.
    assert names == {"a": ["a"]}


@pytest.mark.parametrize(("spike", "shown_to"), [(15.0, 15.0), (900.0, 20.0)])
def test_an_axis_of_losses_shows_smoothed_curves_whole_unless_they_flatten_the_rest(
    spike, shown_to
):
    raw = pd.DataFrame({"y": np.linspace(0, 10, 1_001), "part": "faint"})
    strong = pd.DataFrame({"y": [1.0, spike], "part": "strong"})
    low, high = range_shown(pd.concat([raw, strong]))
    assert low < 0.1
    assert high == pytest.approx(1.06 * shown_to, rel=0.02)


def test_the_fid_against_updates_counts_those_of_the_generator(train, report):
    """One implementation makes three of them in a step, so it has three times as many."""
    train("torch-dcgan", [4.0, 4.1, 4.2])
    train("keras-dcgan", [7.0, 7.1, 7.2])
    assert "fid-updates-0" not in report().data["charts"]  # it would look like that of images
    three = {"recipe_values": {"batch_size": 100, "generator_steps": 3}}
    train("torch-dcgan-3g", [5.0, 5.1, 5.2], values=three)
    found = report()
    ends = {trace["meta"]: trace["x"] for trace in found.chart("fid-updates-0") if "name" in trace}
    assert ends == {
        "torch-dcgan": [0, 300, 600],
        "keras-dcgan": [0, 300, 600],
        "torch-dcgan-3g": [0, 900, 1_800],
    }
    point = next(trace for trace in found.chart("fid-updates-0") if "customdata" in trace)
    assert said(point, 2)[-3:] == [
        "step 600, 600 updates of the generator",
        "60,000 images",
        "1 min 02 s of training",
    ]
    [figure] = [
        one
        for one in found.page.iter("figure")
        if one.find("div[@id='chart-fid-updates-0']") is not None
    ]
    assert "hidden" in figure.attrib
    shown = [button.get("data-shows") for button in found.page.iter("button")]
    assert {"chart-fid-images-0", "chart-fid-updates-0"} <= set(shown)
