"""What a page leaves out to stay small, and that what it shows stays true."""

import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from gan_bench.report.page_data import HALVED_FROM, MOST_GRIDS, packed
from gan_bench.scoring.snapshots import GAP, GREYS, SIDE, grid_png, in_few_greys
from report_folder import add_run, run_spec, scores_of
from written_report import CURVE, Report, text_of

POINTS = tuple(range(0, 601, 60))
HEIGHT = 28


def pixels(uri):
    return np.asarray(Image.open(BytesIO(b64decode(uri.partition(",")[2]))).convert("L"))


def add_grids(results, name, images):
    folder = add_run(results, run_spec(name), scores=[scores_of(CURVE)])
    folder.grids.mkdir(exist_ok=True)
    for step, one in images.items():
        (folder.grids / f"{step:08d}.png").write_bytes(grid_png(one))


def noise(seed):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (SIDE * SIDE, HEIGHT, HEIGHT, 1), dtype=np.uint8)


def test_no_grey_moves_by_more_than_half_a_level():
    greys = np.arange(256, dtype=np.uint8).reshape(16, 16)
    shown = Image.open(BytesIO(in_few_greys(Image.fromarray(greys)))).convert("L")
    apart = np.abs(np.asarray(shown).astype(int) - greys)
    assert apart.max() <= 255 / (GREYS - 1) / 2
    assert {0, 255} <= set(np.asarray(shown).flat)
    assert len(set(np.asarray(shown).flat)) == GREYS


def test_few_rows_are_shown_whole_at_every_point(results):
    images = {step: noise(step) for step in POINTS}
    add_grids(results, "torch-dcgan", images)
    found = Report(results)
    [samples] = found.data["samples"]
    [row] = samples["rows"]
    assert samples["fractions"] == [step / 600 for step in POINTS]
    for step, (*_, number) in zip(POINTS[:-1], row, strict=False):
        whole = np.asarray(Image.open(BytesIO(grid_png(images[step]))))
        assert np.abs(pixels(found.data["images"][number]).astype(int) - whole).max() <= 9
    assert row[-1][-1] is None
    assert "report-full.md has them as they are" in text_of(found.section("samples"))


def test_of_many_rows_the_page_has_half_of_the_grids_at_fewer_points_and_says_so(results):
    count = HALVED_FROM
    for index in range(count):
        add_grids(results, f"torch-gan{index:02}", {step: noise(index) for step in POINTS})
    found = Report(results, results.parent / "out")
    [samples] = found.data["samples"]
    assert all(len(row) == len(samples["fractions"]) for row in samples["rows"])
    before = MOST_GRIDS // count
    assert before < len(POINTS) - 1
    assert len(samples["fractions"]) == before + 1
    assert (samples["fractions"][0], samples["fractions"][-1]) == (0, 1)
    first = found.page.find(".//figure[@class='sample']/img")
    half = SIDE // 2 * (HEIGHT + GAP) - GAP
    assert first.get("height") == str(half)
    whole = np.asarray(Image.open(BytesIO(grid_png(noise(0)))))
    shown = pixels(first.get("src")).astype(int)
    assert shown.shape == (half, whole.shape[1])
    assert np.abs(shown - whole[:half]).max() <= 9
    assert first.get("alt").startswith("The first half of 64 images")
    said = text_of(found.section("samples"))
    assert "the first 32 of 64 samples" in said and "report-full.md has them as they are" in said
    # The Markdown has the whole ones.
    name = re.search(r'figures/(samples-[^"]+)"', found.markdown)[1]
    with Image.open(found.out / "figures" / name) as picture:
        np.testing.assert_array_equal(np.asarray(picture), whole)


def test_equal_grids_are_in_the_page_once(results):
    same = {0: noise(0), 300: noise(1), 600: noise(2)}
    for name in ("torch-dcgan", "keras-dcgan"):
        add_grids(results, name, same)
    found = Report(results)
    [samples] = found.data["samples"]
    assert [[point[-1] for point in row] for row in samples["rows"]] == [[0, 1, None]] * 2
    assert len(found.data["images"]) == 2


def test_the_same_results_give_the_same_bytes(results):
    add_grids(results, "torch-dcgan", {step: noise(step) for step in POINTS})
    assert Report(results).html == Report(results).html


@pytest.mark.parametrize("text", ["", "a" * 5_000, "\N{GRINNING FACE} \ud800"])
def test_packed_text_is_plain_base64(text):
    assert re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", packed(text))
