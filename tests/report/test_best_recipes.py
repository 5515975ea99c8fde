"""The first card names the best recipe, its implementations, and whether the framework matters."""

import re

import pytest

from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.analysis.time_to_quality import fid_points
from gan_bench.report import report_page
from gan_bench.report.render import render_full_markdown, render_html, render_markdown
from gan_bench.report.sections.answer import answer
from gan_bench.report.sections.choices import choices
from gan_bench.report.sections.recipe_vs_framework import crossed
from gan_bench.report.sections.standings import standings
from gan_bench.results.load import load_results
from report_folder import add_run, run_spec, scores_of

NOISE = (0.97, 1.0, 1.03, 0.99, 1.01)


@pytest.fixture
def train(results):
    """Add an implementation with these FIDs, by its recipe and framework."""

    def add(recipe, framework, fids, **changes):
        for seed, fid in enumerate(fids):
            spec = run_spec(f"{framework}-{recipe}", seed, **changes)
            add_run(results, spec, scores=[scores_of({0: 150.0, 600: fid})])

    return add


@pytest.fixture
def twins(train):
    """Add recipes with these FIDs in frameworks that multiply them; twins differ in noise."""

    def add(recipes, frameworks, seeds=3):
        for r, (recipe, fid) in enumerate(recipes.items()):
            for f, (framework, times) in enumerate(frameworks.items()):
                noise = [NOISE[(seed + 2 * f + r) % 5] for seed in range(seeds)]
                train(recipe, framework, [fid * times * x for x in noise])

    return add


@pytest.fixture
def group(results):
    def read():
        frames = load_results(results)
        [found] = summarise(collect_runs(results, frames), frames).groups
        return found

    return read


@pytest.fixture
def quality(group):
    """Return the choice for quality, and the verdict on it."""

    def read():
        found = group()
        assert not fid_points(found).empty
        ranks = standings(found, None)
        chosen, *_ = choices(found, ranks, None)
        verdict, *_ = answer(found, ranks, None)
        return chosen, verdict

    return read


def test_a_recipe_leads_clearly_though_its_twins_are_not_told_apart(twins, quality):
    twins({"dcgan": 10.0, "decay": 14.0, "slow": 40.0}, {"torch": 1.0, "keras": 1.0, "jax": 1.0})
    chosen, verdict = quality()
    assert (chosen.recipes, chosen.certainty, chosen.badge) == (("dcgan",), "clear", "clear lead")
    assert set(chosen.leaders) == {"torch-dcgan", "keras-dcgan", "jax-dcgan"}
    assert chosen.how.startswith("lowest final FID of 3 recipes, mean over 3 frameworks 10")
    assert chosen.framework.startswith(
        "The framework makes no difference that these seeds show (largest ratio of FIDs, "
    )
    assert (verdict.recipes, verdict.leaders) == (chosen.recipes, chosen.leaders)
    assert verdict.badge == chosen.badge
    assert verdict.sentence.startswith("The recipe dcgan has the lowest final FID (lenet features)")
    assert "geometric mean over jax, keras and torch; mean of 3 seeds" in verdict.sentence


def test_a_ratio_to_a_recipe_of_fewer_frameworks_says_of_which_it_is(twins, quality):
    twins({"dcgan": 10.0}, {"torch": 1.0, "keras": 1.0})
    twins({"r3gan": 14.0, "slow": 40.0}, {"torch": 1.0})
    _, verdict = quality()
    assert (
        "; r3gan (" in verdict.sentence
        and ") is clearly higher, by a factor of " in verdict.sentence
    )
    assert " in torch (95 % interval " in verdict.sentence


def test_a_twin_with_one_seed_is_in_no_mean_and_not_recommended(train, twins, quality):
    twins({"dcgan": 10.0, "slow": 30.0}, {"torch": 1.0}, seeds=5)
    train("dcgan", "keras", [40.0])
    chosen, verdict = quality()
    assert chosen.leaders == verdict.leaders == ("torch-dcgan",)
    assert "geometric mean" not in verdict.sentence and "mean of 5 seeds" in verdict.sentence


def test_recipes_that_are_not_told_apart_are_all_named(twins, quality):
    twins({"dcgan": 10.0, "decay": 10.05, "slow": 40.0}, {"torch": 1.0, "keras": 1.0})
    chosen, _ = quality()
    assert sorted(chosen.recipes) == ["dcgan", "decay"]
    assert chosen.badge == "no clear lead: 2 not distinguishable"
    assert len(chosen.leaders) == 4


def test_a_framework_that_is_clearly_worse_is_said_and_not_named_to_use(twins, quality):
    twins({"dcgan": 10.0, "decay": 20.0, "slow": 40.0}, {"torch": 1.0, "keras": 1.5})
    chosen, _ = quality()
    assert (chosen.recipes, chosen.leaders) == (("dcgan",), ("torch-dcgan",))
    assert chosen.figures == ("10.0",)
    assert chosen.framework.startswith(
        "The framework matters: FIDs with keras are on average 1.49 ("
    )
    assert chosen.framework.endswith("times those with torch.")
    assert "not told apart" not in chosen.framework


def test_of_three_frameworks_the_best_two_may_be_alike(twins, quality):
    twins({"dcgan": 10.0, "decay": 20.0, "slow": 40.0}, {"torch": 1.0, "keras": 1.5, "jax": 1.001})
    sentence = quality()[0].framework
    assert sentence.startswith("The framework matters: FIDs with keras are on average 1.5")
    assert "; torch is not told apart from jax." in sentence or "; jax is not" in sentence


def test_a_difference_that_cancels_over_recipes_is_told_of_its_recipes(train, quality):
    for recipe, fid, times in (("dcgan", 10.0, 1.5), ("decay", 20.0, 1 / 1.5), ("slow", 80.0, 1)):
        train(recipe, "torch", [fid * x for x in NOISE])
        train(recipe, "keras", [fid * times * x for x in NOISE[::-1]])
    sentence = quality()[0].framework
    assert sentence.startswith(
        "On average, the framework makes no difference that these seeds show, but it does for "
    )
    assert "dcgan" in sentence and "decay" in sentence and "slow" not in sentence


def test_a_recipe_with_few_seeds_does_not_silence_the_others_on_the_framework(
    train, twins, quality, group
):
    twins({"dcgan": 10.0, "decay": 14.0}, {"torch": 1.0, "keras": 1.0})
    train("slow", "torch", [40.0, 41.0])
    train("slow", "keras", [40.5, 40.4])
    chosen, _ = quality()
    assert chosen.framework.startswith("The framework makes no difference that these seeds show")
    further_down = crossed(group()).sentences
    assert not any("too few seeds" in sentence for sentence in further_down)


def test_below_three_seeds_implementations_are_named_as_before(twins, quality):
    twins({"dcgan": 10.0, "decay": 20.0, "slow": 40.0}, {"torch": 1.0, "keras": 1.02}, seeds=2)
    chosen, verdict = quality()
    assert (chosen.recipes, chosen.framework, chosen.badge) == ((), "", "too few seeds")
    assert chosen.leaders == verdict.leaders and len(chosen.leaders) == 1
    assert verdict.badge == "too few seeds" and "The recipe" not in verdict.sentence


def test_the_best_implementation_of_another_recipe_is_not_hidden_by_its_twin(train, quality):
    """As means over twins, decay leads; the lowest FID by far is that of torch-dcgan."""
    train("dcgan", "torch", [5.0 * x for x in NOISE])
    train("dcgan", "keras", [80.0 * x for x in NOISE])
    train("decay", "torch", [10.0 * x for x in NOISE])
    train("decay", "keras", [10.0 * x for x in NOISE[::-1]])
    chosen, verdict = quality()
    assert (chosen.recipes, chosen.leaders) == ((), ("torch-dcgan",))
    assert verdict.leaders == ("torch-dcgan",)


def test_without_twins_implementations_are_compared(train, quality):
    train("dcgan", "torch", [10.0 * x for x in NOISE])
    train("decay", "keras", [40.0 * x for x in NOISE])
    chosen, _ = quality()
    assert (chosen.recipes, chosen.leaders, chosen.framework) == ((), ("torch-dcgan",), "")


def test_all_three_documents_name_recipe_implementations_and_framework(results, twins):
    twins({"dcgan": 10.0, "decay": 14.0, "slow": 40.0}, {"torch": 1.0, "keras": 1.0})
    page = report_page(results)
    chosen = page.groups[0].choices[0]
    renders = (render_markdown, render_full_markdown, render_html)
    short, full, html = (render(page).decode() for render in renders)
    for text in (short, full):
        line = next(x for x in text.splitlines() if x.startswith("- **For quality**"))
        assert "recipe dcgan (lowest final FID of 3 recipes" in line
        assert all(f"{label} (" in line for label in chosen.leaders)
        assert line.endswith(chosen.framework)
    card = html[html.index("<h2>For quality</h2>") : html.index("<h2>For speed</h2>")]
    assert ">dcgan<" in card and chosen.framework in card
    assert all(label in card for label in chosen.leaders)


@pytest.mark.parametrize("frameworks", [("torch", "keras"), ("torch", "keras", "jax")])
def test_page_and_text_join_recipes_by_or_and_name_as_many_implementations(
    results, twins, frameworks
):
    """Of four they name all, of six the first three."""
    twins({"dcgan": 10.0, "decay": 10.05, "slow": 40.0}, dict.fromkeys(frameworks, 1.0))
    page = report_page(results)
    chosen = page.groups[0].choices[0]
    html = render_html(page).decode()
    card = html[html.index("<h2>For quality</h2>") : html.index("<h2>For speed</h2>")]
    shown = " ".join(re.sub("<[^>]*>", " ", card).split())
    assert f"Recipe {' or '.join(chosen.recipes)} " in shown
    six = len(frameworks) == 3
    named = [label for label in chosen.leaders if label in shown]
    assert named == list(chosen.leaders[: 3 if six else 4])
    assert ("or 3 more" in shown) == six
    text = chosen.in_words
    assert f"recipe {' or '.join(chosen.recipes)} (" in text and ("or 3 more" in text) == six
    assert [label for label in chosen.leaders if label in text] == named
