"""Runs that cannot be compared stand in groups of their own, each with its figures."""

import re

import pandas as pd
import pytest

from gan_bench.plan import Budget
from gan_bench.report.charts.loss_curves import Losses, loss_charts
from report_folder import (
    add_run,
    add_trained,
    empty_results,
    protocol,
    run_spec,
)
from written_report import (
    FID,
    KEPT,
    REFERENCES,
    SECTIONS,
    Report,
    classes_of,
    rows_of,
    scores_with,
    text_of,
    texts,
)


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


@pytest.fixture(scope="module")
def two_precisions(tmp_path_factory):
    """The report of two implementations in two precisions each; the tests only read it."""
    folder = tmp_path_factory.mktemp("two_precisions")
    results = empty_results(folder / "results")
    for first, precision, fids in ((0, "ieee", (4.0, 7.0)), (10, "tf32", (5.0, 8.0))):
        for name, fid in zip(("torch-dcgan", "keras-dcgan"), fids, strict=True):
            spread = [fid, fid + 0.01, fid + 0.02]
            add_trained(results, name, spread, seed=first, values={"precision": precision})
    return Report(results)


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
        assert "They differ in n fake, so their scores are not ranked together." in text


def test_two_precisions_are_two_groups(two_precisions):
    found = two_precisions
    fids = {"precision ieee": ["4.01", "7.01"], "precision tf32": ["5.01", "8.01"]}
    assert_that_groups_stand_apart(found, fids)
    for text in found.both():
        assert "fall into 2 groups that are not ranked together, as they differ in prec" in text


def test_pairs_that_markdown_compares_say_of_which_group_they_are(two_precisions):
    compared = two_precisions.markdown.partition("\n## Compared\n")[2].partition("\n## ")[0]
    titles = re.findall("<summary>(.*?)</summary>", compared)
    assert len(titles) == 2
    for place in ("precision ieee", "precision tf32"):
        assert place in compared


def test_curves_of_one_implementation_on_two_precisions_are_in_two_charts(two_precisions):
    found = two_precisions
    for name in ("loss-generator", "d-fake"):
        for group in range(2):
            chart = found.chart(f"{name}-{group}")
            strong = [t for t in chart if "name" in t and "opacity" not in t]
            assert [trace["name"] for trace in strong] == ["torch-dcgan", "keras-dcgan"]
            for trace in strong:
                assert trace["x"] == sorted(set(trace["x"]))


def test_samples_of_one_implementation_on_two_precisions_say_which(two_precisions):
    found = two_precisions
    figures = found.page.findall(".//figure[@class='sample']")
    captions = [text_of(figure.find("figcaption")) for figure in figures]
    assert len(captions) == 4
    assert len(set(captions)) == 4
    for caption in captions:
        assert ("(precision ieee)" in caption) != ("(precision tf32)" in caption)


def test_class_shares_of_one_implementation_on_two_precisions_are_two_rows(results, report):
    for precision, share in (("ieee", 0.25), ("tf32", 0.75)):
        scores = scores_with(classes_of(2.0, (share, 1 - share)))
        add_run(results, run_spec(precision=precision), scores=[scores], grids=KEPT)
    shown = rows_of(report().page.find(".//table[@class='figures heat']"))
    assert list(shown.values())[:2] == [{"0": "75.0", "1": "25.0"}, {"0": "25.0", "1": "75.0"}]


@pytest.mark.parametrize(("longest", "logarithmic"), [(5_000, False), (100_000, True)])
def test_losses_of_recipes_whose_own_budgets_differ_much_have_a_logarithmic_axis(
    longest, logarithmic
):
    def curves(label, images):
        points = {"x": [100, images], "y": [1.0, 2.0], "low": [1.0, 2.0], "high": [1.0, 2.0]}
        names = {"label": label, "name": label, "part": "strong", "line": "mean"}
        frame = pd.DataFrame({**points, **{key: [text] * 2 for key, text in names.items()}})
        return Losses(label, label, frozenset(), {"generator": frame}, {"generator": 2.0}, None)

    [chart] = loss_charts([curves("short", 1_000), curves("long", longest)], 0)
    assert chart.log_x == logarithmic
    assert chart.title == "Generator's loss"


def test_budgets_have_charts_of_their_own_and_a_long_single_run_is_a_footnote(train, report):
    train("torch-dcgan", [4.0, 4.1, 4.2])
    train("keras-dcgan", [7.0, 7.1, 7.2])
    longer = {"budget": Budget(unit="images", amount=2_400_000), "steps": 24_000}
    train("torch-dcgan", [2.0], values={**longer, "evaluation_steps": (0, 12_000, 24_000)})
    found = report()
    for name, ends in (
        ("loss-generator", (60_000, 2_400_000)),
        ("fid-images", (60_000, 2_400_000)),
    ):
        for group, end in enumerate(ends):
            xs = [x for trace in found.chart(f"{name}-{group}") for x in trace["x"]]
            assert max(xs) == end
            layout = found.data["charts"][f"{name}-{group}"]["layout"]
            assert layout["xaxis"]["type"] == "linear"
    answers = found.page.findall(".//div[@class='answer']")
    assert len(answers) == 1
    assert "2,400,000" not in text_of(answers[0])
    [apart] = [p for p in found.section("answer").findall("p") if "Not ranked" in text_of(p)]
    assert text_of(apart).startswith(
        "Not ranked with the others: torch-dcgan (2,400,000 images), FID 2.00 (lenet), 1,"
    )
    folded = {
        element.get("id")
        for details in found.section("curves").iter("details")
        for element in details.iter("div")
    }
    assert {"chart-fid-images-1", "chart-loss-generator-1"} <= folded
    assert "chart-fid-images-0" not in folded
