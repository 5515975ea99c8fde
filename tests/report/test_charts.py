"""Charts' axes: every tick says the number at its place, on a line and on a logarithm."""

import json
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from axis_cases import CASES, curves, number
from gan_bench.report.charts import png, web
from gan_bench.report.charts.loss_curves import Losses, range_shown
from gan_bench.report.pictures import Names, looks

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


@pytest.mark.parametrize("name", CASES)
def test_a_picture_names_the_numbers_of_its_axes_and_they_do_not_overlap(plotted, name):
    axes = plotted(png.fid_picture, curves(name), LOOKS).axes[0]
    for axis, side in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        ticks = shown_ticks(axis)
        assert 2 <= len(ticks) <= 14, (side, [text for text, *_ in ticks])
        check(ticks)
        assert not any(label.get_text() for label in axis.get_minorticklabels())
        assert axis.get_offset_text().get_text() == ""


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
    text = report().html
    charts = json.loads(re.search(r'(?<=id="data">).*?(?=</script>)', text)[0])["charts"]
    assert len(charts) >= 4
    for name, chart in charts.items():
        for side in ("xaxis", "yaxis"):
            axis = chart["layout"][side]
            if axis.get("type") != "category":
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
