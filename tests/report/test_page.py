"""What a page shows at once and what it folds, and the short page in Markdown."""

import re

import pytest

from gan_bench.plan import Budget
from report_folder import add_run, protocol, quick_spec, run_spec, scores_of
from written_report import CURVE, KEPT, classes_of, figure_of, rows_of, scores_with, text_of

FOLDED = {
    "claims": [""],
    "scores": [""],
    "method": ["Circumstances", "Protocol", "Versions", "Recipe values"],
}
"""Folded parts by section, by their titles."""


def folds(section):
    """Return the summary of each folded part by title, and its element."""
    found = {}
    for details in section.iter("details"):
        if details.get("class") == "fold":
            summary = details.find("summary")
            title = summary.find("strong")
            name = "" if title is None else text_of(title)
            found[name] = text_of(summary).removeprefix(name).removeprefix(" : "), details
    return found


def outside(section, tag):
    """Return the elements of a section that are not folded."""
    inside = {id(one) for details in section.iter("details") for one in details.iter(tag)}
    return [one for one in section.iter(tag) if id(one) not in inside]


def test_long_parts_are_folded_under_a_line_that_says_what_is_in_them(train, report):
    train("torch-dcgan", [4.0, 4.1, 4.2])
    train("torch-baseline", [7.0, 7.1, 7.2])
    found = report()
    for name, titles in FOLDED.items():
        section = found.section(name)
        assert list(folds(section)) == titles
        assert outside(section, "table") == [] and outside(section, "dl") == []
    said = {title: said for title, (said, _) in folds(found.section("method")).items()}
    assert said["Circumstances"] == (
        "budget 60,000 images; seeds 0, 1, 2; device cpu, 2 threads; machine Model X, 2 cores, "
        "8.00 GiB, Linux 6.1 x86_64"
    )
    assert said["Protocol"] == "lenet, 1,000 samples against 10,000 images"
    assert folds(found.section("claims"))[""][0] == (
        "1 claim: 1 holds; of 1 claim only a part is tested"
    )
    assert folds(found.section("scores"))[""][0] == (
        "FID (lenet) with the 95 % interval of its estimate, of 2 implementations and real images"
    )
    # A reader sees at once how to repeat it.
    assert [text_of(pre) for pre in outside(found.section("method"), "pre")] == [
        "gan-bench run --all --preset standard"
    ]


def test_nearest_images_and_classes_are_folded_under_their_extremes(results, report):
    near = {"nearest_index": [3, 4], "distance": [2.5, 1.5], "held_out": 4.0}
    rows = (
        figure_of("nearest_train", 2.0, details=near),
        classes_of(2.0, (0.25, 0.75)),
    )
    add_run(results, run_spec(), scores=[scores_with(*rows)], grids=KEPT)
    add_run(results, run_spec("keras-dcgan"), scores=[scores_with(classes_of(1.0, (0.5, 0.5)))])
    found = report()
    [page] = found.data["samples"]
    assert len(page["rows"]) == 1
    said, _ = folds(found.section("samples"))["Class shares"]
    assert said == (
        "the most frequent class has 75% of an implementation's samples, mean over its seeds; of "
        "real images 50%"
    )


@pytest.mark.parametrize(("classes", "shown"), [(30, True), (31, False)])
def test_the_shares_of_very_many_classes_are_no_table(results, report, classes, shown):
    shares = classes_of(float(classes), (1 / classes,) * classes)
    add_run(results, run_spec(), scores=[scores_with(shares)], grids=KEPT)
    found = report()
    assert ("Class shares" in folds(found.section("samples"))) == shown


def test_recipes_have_one_column_each_and_what_differs_comes_first(results, report):
    same = {"batch_size": 100, "epochs": 25}
    for name, rate, compilation in (
        ("torch-dcgan", 0.1, "none"),
        ("keras-dcgan", 0.1, "one graph"),
        ("torch-decay", 0.2, "none"),
        ("keras-decay", 0.2, "one graph"),
    ):
        values = {**same, "learning_rate": rate}
        conventions = {"compilation": compilation, "padding": "none"}
        spec = run_spec(name, recipe_values=values, conventions=conventions)
        add_run(results, spec, scores=[scores_of(CURVE)])
    found = report()
    said, details = folds(found.section("method"))["Recipe values"]
    differing, same = (rows_of(table) for table in details.iter("table"))
    assert differing == {"learning_rate": {"dcgan": "0.1", "decay": "0.2"}}
    assert said.startswith("2 recipes, which differ in 1 of ")
    assert same["batch_size"] == {"In all recipes": "100"}
    assert same["padding"] == {"In all recipes": "none"}
    # What differs between the frameworks, and not between the recipes.
    assert same["compilation"] == {"In all recipes": "keras: one graph; torch: none"}


def test_a_recipe_with_other_values_has_a_column_of_its_implementation(results, report):
    for rate in (0.1, 0.2):
        spec = run_spec(recipe_values={"learning_rate": rate, "epochs": 25})
        add_run(results, spec, scores=[scores_of(CURVE)])
    _, details = folds(report().section("method"))["Recipe values"]
    [differing, _] = (rows_of(table) for table in details.iter("table"))
    assert set(differing["learning_rate"].values()) == {"0.1", "0.2"}
    assert all(title.startswith("torch-dcgan (") for title in differing["learning_rate"])


def test_recipes_with_equal_values_are_not_called_equal(train, report):
    train("torch-dcgan", [4.0, 4.1, 4.2])
    train("torch-other", [7.0, 7.1, 7.2])
    [sentence] = report().data["sentences"].values()
    assert sentence.startswith(
        "Two recipes with equal values, which differ in their networks or updates."
    )


def test_one_implementation_beside_a_group_is_one_line_that_unfolds(train, report):
    train("torch-dcgan", [4.0, 4.1, 4.2])
    train("keras-dcgan", [7.0, 7.1, 7.2])
    longer = {"budget": Budget(unit="images", amount=120_000), "steps": 1_200}
    train("torch-dcgan", [3.0], values={**longer, "evaluation_steps": (0, 600, 1_200)})
    found = report()
    [(said, details)] = [
        fold
        for title, fold in folds(found.section("ranking")).items()
        if title == "Not ranked with the others"
    ]
    assert said == (
        "torch-dcgan (120,000 images), FID 3.00 (lenet), 1,000 images/s on Model X, 2 cores, "
        "finished in 1 min 02 s, 1 seed."
    )
    assert [table.get("id") for table in details.iter("table")] == ["ranking-1"]
    assert [table.get("id") for table in outside(found.section("ranking"), "table")] == [
        "ranking-0"
    ]
    assert f"Not ranked with the others: {said}" in text_of(found.section("answer"))
    assert len(found.short_rankings()) == 1 and said in found.short
    assert len(found.markdown_rankings()) == 2


@pytest.mark.slow
def test_the_short_page_answers_and_shows(train, written_report):
    train("torch-dcgan", [4.0, 4.1, 4.2])
    train("keras-dcgan", [7.0, 7.1, 7.2])
    found = written_report(title="A title")
    assert found.short.startswith("# A title\n")
    assert "- **For quality**: torch-dcgan (lowest final FID" in found.short
    assert "[report-full.md](report-full.md)" in found.short
    assert "[report.md](report.md)" in found.markdown
    assert re.findall(r'src="figures/([^"]+)"', found.short) == [
        *("fid-images-0.png", "fid-seconds-0.png"),
        *("samples-torch-dcgan.png", "training-torch-dcgan.gif"),
    ]
    [ranking] = found.short_rankings()
    assert list(ranking)[:2] == ["torch-dcgan", "keras-dcgan"]
    assert len(ranking["torch-dcgan"]) == 7  # and the name
    assert len(found.short) < 6_000 < len(found.markdown)


@pytest.mark.slow
def test_a_second_feature_model_gives_way_to_what_every_report_shows_first(results, report):
    other = protocol(features="inception", features_sha256="9" * 64)
    for name in ("torch-dcgan", "keras-dcgan"):
        scores = [scores_of(CURVE), scores_of({600: 50.0}, under=other)]
        add_run(results, run_spec(name), scores=scores)
    shown = list(report().short_rankings()[0]["torch-dcgan"])
    assert shown == [
        *("Rank", "Final FID (lenet)", "Images/s", "Time to finish (s)", "Peak memory (MiB)"),
        *("Status", "Final FID (inception)"),
    ]
    points = {"evaluation_steps": (0, 150, 300, 600)}
    curve = scores_of({0: 150.0, 150: 40.0, 300: 20.0, 600: 4.0})
    add_run(results, run_spec("torch-decay", **points), scores=[curve])
    add_run(results, run_spec("keras-decay"), status="error", reason="it broke")
    shown = list(report().short_rankings()[0]["torch-dcgan"])
    assert shown == [
        *("Rank", "Final FID (lenet)", "Time to FID 30 (s)", "Images/s"),
        *("Time to finish (s)", "Peak memory (MiB)", "Status"),
    ]


@pytest.mark.parametrize("make", [quick_spec, run_spec])
def test_what_is_not_ranked_shows_no_copies_no_classes_and_no_leader(results, report, make):
    spec = make()
    last = spec.evaluation_steps[-1]
    details = {"shares": [0.5, 0.5], "real_shares": [0.5, 0.5]}
    classes = figure_of("classes_present", 2.0, step=last, details=details)
    scores = scores_of({0: 150.0, last: 20.0})
    scores = scores.model_copy(update={"scores": [*scores.scores, classes]})
    add_run(results, spec, scores=[scores], grids=spec.evaluation_steps)
    found = report()
    ranked = make is run_spec
    assert ("Class shares" in folds(found.section("samples"))) == ranked
    assert ("## Samples of torch-dcgan" in found.short) == ranked
    assert ("figures/fid-images-0.png" in found.short) == ranked
    # Columns that the ranking does not have are not explained.
    for text in (found.short, text_of(found.section("ranking"))):
        assert "Final FID: distance" in text
        assert "Time to FID: seconds" not in text and "Rank: by final FID" not in text


def test_small_shares_are_not_written_with_an_exponent(results, report):
    rows = [figure_of("coverage_lenet", 0.00025), figure_of("precision_lenet", 0.37)]
    add_run(results, run_spec(), scores=[scores_with(*rows)])
    cells = report().ranking()["torch-dcgan"]
    assert (cells["Coverage"].text, cells["Precision"].text) == ("<0.001", "0.370")
    assert float(cells["Coverage"].sort) == 0.00025
