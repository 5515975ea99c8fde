"""Recipe against framework: figures that are products of both must fall apart into them."""

import pytest

from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.report.sections.recipe_vs_framework import UNCERTIFIED, crossed
from gan_bench.results.load import load_results
from report_folder import add_run, quick_spec, run_spec, scores_of

SEEDS = (0.98, 1.0, 1.02)


def by_name(table):
    return {name: tuple(cells) for name, *cells in table.rows}


@pytest.fixture
def read(results):
    def of():
        frames = load_results(results)
        [group] = summarise(collect_runs(results, frames), frames).groups
        return crossed(group)

    return of


@pytest.fixture
def product(results):
    """FID = recipe x framework x seed, speed = 1000 / recipe / framework."""

    def add(recipes, frameworks, seeds=SEEDS):
        for recipe, r in recipes.items():
            for framework, f in frameworks.items():
                for seed, s in enumerate(seeds):
                    spec = run_spec(f"{framework}-{recipe}", seed)
                    scores = [scores_of({0: 150.0, 600: r * f * s})]
                    add_run(results, spec, scores=scores, images_per_s=1_000 / r / f)

    return add


def test_a_product_of_recipe_and_framework_falls_apart_into_both(product, read):
    product({"dcgan": 10.0, "decay": 40.0}, {"torch": 1.0, "keras": 1.5})
    fid, speed = read().tables
    titles = [column.title for column in fid.columns]
    assert titles == ["Recipe", "keras", "torch", "torch / keras", "Recipe / all recipes"]
    rows = by_name(fid)
    assert rows[f"dcgan {UNCERTIFIED}"] == (
        "15.0",
        "10.0",
        "0.67 (0.67 to 0.67)",
        "0.50 (0.50 to 0.50)",
    )
    assert rows[f"decay {UNCERTIFIED}"] == (
        "60.0",
        "40.0",
        "0.67 (0.67 to 0.67)",
        "2.0 (2.0 to 2.0)",
    )
    assert rows["All recipes"][2] == "0.67 (0.67 to 0.67)"
    assert by_name(speed)["All recipes"][2] == "1.50 (1.50 to 1.50)"


def test_the_sentences_weigh_recipe_against_framework(product, read):
    product({"dcgan": 10.0, "decay": 40.0}, {"torch": 1.0, "keras": 1.5})
    text = " ".join(read().sentences)
    assert "For the same recipe, the FID of torch is 0.67 times that of keras" in text
    interval = "95 % interval 0.50 to 0.50"
    assert f"The FID of dcgan is 0.50 ({interval}) times the geometric mean of 2 recipes" in text
    assert ", that of decay 2.0 (95 % interval 2.0 to 2.0) times." in text


def test_a_ratio_names_the_recipes_that_it_is_of(product, read):
    """A recipe whose twin has one seed so far is in no mean over seeds."""
    product({"dcgan": 10.0, "decay": 40.0}, {"torch": 1.0, "keras": 1.5})
    product({"cosine": 10.0}, {"torch": 1.0})
    product({"cosine": 10.0}, {"keras": 9.0}, seeds=[1.0])
    text = " ".join(read().sentences)
    assert (
        "the FID of torch is 0.67 times that of keras (geometric mean over 2 recipes, 0.67" in text
    )


def test_frameworks_within_the_seeds_noise_are_not_told_apart(results, read):
    for recipe, sign in (("dcgan", 1), ("decay", -1)):
        for framework, side in (("torch", 1), ("keras", -1)):
            for seed, s in enumerate((0.1, -0.1, 0.05)):
                fid = 20.0 * (1 + sign * side * s)
                add_run(
                    results, run_spec(f"{framework}-{recipe}", seed), scores=[scores_of({600: fid})]
                )
    recipes, frameworks, *_ = read().sentences
    assert recipes == (
        "dcgan has the lowest FID of 2 recipes, but cannot be distinguished from decay."
    )
    assert "the FID of torch is" in frameworks
    assert frameworks.endswith(": they cannot be distinguished.")


def test_one_seed_gives_a_ratio_without_an_interval(product, read):
    product({"dcgan": 10.0, "decay": 40.0}, {"torch": 1.0, "keras": 1.5}, seeds=(1.0,))
    rows = by_name(read().tables[0])
    assert rows["All recipes"][2] == "0.67 (one seed)"
    assert not [text for text in read().sentences if "For the same recipe" in text]


def test_a_recipe_of_one_framework_has_no_effect_of_its_own(product, read):
    product({"dcgan": 10.0, "decay": 40.0}, {"torch": 1.0, "keras": 1.5})
    product({"wgan": 5.0}, {"torch": 1.0})
    rows = by_name(read().tables[0])
    assert rows["wgan"] == ("—", "5.00", "—", "—")


def test_versions_with_other_values_are_no_twins(results, read):
    """Torch with two learning rates, Keras with the worse one: only that pair is compared."""
    for seed in range(3):
        for name, rate, fid in (
            ("torch-dcgan", 0.0002, 20.0),
            ("torch-dcgan", 0.1, 61.0),
            ("keras-dcgan", 0.1, 62.0),
        ):
            spec = run_spec(name, seed, recipe_values={"batch_size": 100, "learning_rate": rate})
            add_run(results, spec, scores=[scores_of({600: fid + 0.1 * seed})])
    rows = list(by_name(read().tables[0]).values())
    assert [row[:2] for row in rows] == [("—", "20.1"), ("62.1", "61.1")]
    assert rows[0][2] == "—"
    assert rows[1][2].startswith("0.98")


def test_a_budget_too_short_says_nothing_of_fids(results, read):
    for framework, fid in (("torch", 20.0), ("keras", 40.0)):
        for seed in range(3):
            spec = quick_spec(f"{framework}-dcgan", seed)
            add_run(results, spec, scores=[scores_of({40: fid + 0.1 * seed})])
    found = read()
    assert "are too few to rank quality: the FIDs only show" in found.sentences[0]
    assert not [text for text in found.sentences[1:] if "FID" in text]


def test_nothing_is_crossed_where_no_recipe_has_a_twin(product, read):
    product({"dcgan": 10.0}, {"torch": 1.0})
    assert read() is None


def test_the_sentence_says_over_which_recipes_and_whose_p_is_corrected(product, read):
    product({"dcgan": 10.0, "decay": 40.0}, {"torch": 1.0, "keras": 1.5})
    found = read()
    assert found.sentences[1].startswith(
        "For the same recipe, the FID of torch is 0.67 times that of keras (geometric mean over 2 "
        "recipes, 0.67 to 0.67; 95 % interval 0.67 to 0.67, uncorrected; corrected p"
    )
    assert "p values have Holm's correction over all pairs of" in found.tables[0].note


def test_the_range_over_recipes_is_that_of_their_ratios(product, read):
    product({"dcgan": 10.0}, {"torch": 1.0, "keras": 1.25})
    product({"decay": 10.0}, {"torch": 1.0, "keras": 0.5})
    assert "over 2 recipes, 0.80 to 2.0;" in read().sentences[1]


def test_the_recipes_are_in_tiers_that_twins_share(product, read):
    recipes = {"dcgan": 10.0, "decay": 40.0, "dcgan-3g": 10.1, "baseline": 80.0}
    product(recipes, {"torch": 1.0, "keras": 1.01})
    best, tiers, *_ = read().sentences
    assert (
        best == "dcgan has the lowest FID of 4 recipes, but cannot be distinguished from dcgan-3g."
    )
    assert tiers == (
        "By FID, the recipes are in tiers, each clearly better than all after it: "
        "dcgan and dcgan-3g; decay; baseline."
    )


def test_recipes_that_were_not_compared_are_not_called_alike(product, read):
    """They share no framework, or are in another order in the one that they share."""
    product({"dcgan": 5.0}, {"torch": 1.0, "keras": 1.01})
    product({"decay": 50.0}, {"jax": 1.0})
    first, second, *_ = read().sentences
    assert first == "dcgan has the lowest FID of 2 recipes."
    assert second == (
        "Nothing is certain of decay: too few seeds, no framework in common with dcgan, or another "
        "order in those in common."
    )


def test_two_seeds_put_no_recipe_first(product, read):
    product({"dcgan": 10.0, "decay": 40.0}, {"torch": 1.0, "keras": 1.5}, seeds=(1.0, 1.02))
    assert not [text for text in read().sentences if "lowest FID" in text]
