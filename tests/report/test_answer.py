"""The verdicts and what to use: what leads, and how sure that is."""

import pytest

from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.analysis.time_to_quality import equal_time, equal_updates, fid_points
from gan_bench.report.sections.answer import answer
from gan_bench.report.sections.choices import choices, more_seeds, no_choice
from gan_bench.report.sections.standings import standings
from gan_bench.results.load import load_results
from report_folder import MACHINE, add_run, quick_spec, run_spec, scores_of

BOTH = ("train", "test")
QUALITY = "Quality at equal images"
HALVES = (0.0, 0.5, 1.0)


class Answer:
    def __init__(self, results):
        frames = load_results(results)
        [self.group] = summarise(collect_runs(results, frames), frames).groups
        points = fid_points(self.group)
        equal, updates = equal_time(self.group, points), equal_updates(self.group, points)
        ranks = standings(self.group, equal, updates)
        verdicts = answer(self.group, ranks, equal, updates)
        self.verdicts = {verdict.topic: verdict for verdict in verdicts}
        self.ranks = ranks
        chosen = choices(self.group, ranks, equal)
        self.choices = {one.purpose: one for one in chosen}
        self.no_choice = no_choice(self.group, ranks)
        self.more_seeds = more_seeds(chosen)

    @property
    def words(self):
        """What to use for each purpose, in words."""
        return {purpose: one.in_words for purpose, one in self.choices.items()}


@pytest.fixture
def train(results):
    """Add a run for each final FID given, from seed 0 on."""

    def add(name, fids, speed=100.0, make=run_spec, **changes):
        for seed, fid in enumerate(fids):
            spec = make(name, seed)
            points = spec.evaluation_steps
            values = dict.fromkeys(points, 20.0) | {points[0]: 150.0, points[-1]: fid}
            rate = speed * (1 + 0.001 * seed)
            add_run(results, spec, scores=[scores_of(values)], images_per_s=rate, **changes)

    return add


def test_a_clear_lead_is_told_with_its_uncertainty(results, train):
    train("torch-dcgan", [4.0, 4.1, 4.2])
    train("keras-dcgan", [7.0, 7.1, 7.2])
    found = Answer(results).verdicts[QUALITY]
    assert (found.leaders, found.certainty, found.figure) == (("torch-dcgan",), "clear", "FID 4.10")
    assert found.sentence == (
        "torch-dcgan has the lowest final FID (lenet features): 4.10 (mean of 3 seeds, 4.00 to "
        "4.20); keras-dcgan (7.10) is clearly higher, by a factor of 1.73 (95 % interval 1.65 to "
        "1.82, uncorrected; corrected p < 0.001)."
    )


def test_beside_other_work_a_tie_makes_nothing_else_clear(results, train):
    busy = {"circumstances": {"other_load": 0.4, "device_exclusive": False}}
    train("torch-a", [4.0, 4.1, 4.2], speed=300.0, **busy)
    train("torch-b", [5.0, 5.1, 5.2], speed=300.0, **busy)
    train("torch-c", [6.0, 6.1, 6.2], speed=100.0, **busy)
    found = Answer(results)
    speed = found.verdicts["Speed"]
    assert speed.badge == "not certain: other load" and "clearly" not in speed.sentence
    assert found.words["both"] == "not certain yet (not certain: other load)"


def test_speed_beside_other_work_is_not_certain_and_quality_is(results, train):
    busy = {"circumstances": {"other_load": 0.4, "device_exclusive": False}}
    train("torch-dcgan", [4.0, 4.1, 4.2], speed=300.0, **busy)
    train("keras-dcgan", [7.0, 7.1, 7.2])
    found = Answer(results)
    assert found.verdicts[QUALITY].certainty == "clear"
    speed = found.verdicts["Speed"]
    assert (speed.certainty, speed.badge) == ("uncertain", "not certain: other load")
    assert speed.sentence.startswith("torch-dcgan trains fastest: 300 images/s")
    assert "clearly" not in speed.sentence
    assert speed.sentence.endswith(
        "Other processes used up to 40% of the processors during 3 of 6 finished runs, so times "
        "are less reliable."
    )
    assert found.words == {
        "quality": "torch-dcgan (lowest final FID, 4.10; clear lead)",
        "speed": "torch-dcgan (fastest, 300 images/s; not certain: other load)",
        "both": "not certain yet (not certain: other load)",
    }


def test_ranges_that_do_not_overlap_are_not_enough(results, train):
    """The seeds are 4 to 6 and 6.2 to 10.5: apart, but not certainly."""
    train("torch-dcgan", [4.0, 5.0, 6.0])
    train("keras-decay", [6.2, 7.5, 10.5])
    train("torch-slow", [50.0, 51.0, 52.0])
    found = Answer(results)
    quality = found.verdicts[QUALITY]
    assert quality.leaders == ("torch-dcgan", "keras-decay")
    assert quality.badge == "no clear lead: 2 not distinguishable"
    assert (
        "cannot be distinguished from keras-decay (8.07); torch-slow (51.0) is" in quality.sentence
    )
    assert [found.ranks.quality.rank(label) for label in found.ranks.quality.labels] == [
        (1, 2),
        (1, 2),
        (3, 3),
    ]


def test_a_rival_with_few_seeds_is_neither_worse_nor_equal(results, train):
    train("torch-dcgan", [4.0, 4.1, 4.2])
    train("keras-dcgan", [70.0])
    found = Answer(results)
    assert found.verdicts[QUALITY].certainty == "uncertain"
    assert found.verdicts[QUALITY].sentence == (
        "torch-dcgan has the lowest final FID (lenet features): 4.10 (mean of 3 seeds, 4.00 to "
        "4.20), before keras-dcgan (70.0, one seed)."
    )
    assert found.words["quality"] == "torch-dcgan (lowest final FID, 4.10; too few seeds)"
    assert found.choices["both"].leaders == ()


def test_a_badge_of_too_few_seeds_stands_over_no_clear_difference(results, train):
    """Two seeds each, of which the last one is clearly slower than the first."""
    train("torch-dcgan", [4.0, 4.1], speed=333.0)
    train("keras-dcgan", [4.3, 4.9], speed=333.4)
    train("torch-slow", [50.0, 51.0], speed=50.0)
    found = Answer(results)
    assert found.ranks.speed.clearly("keras-dcgan", "torch-slow")
    speed = found.verdicts["Speed"]
    assert speed.badge == "too few seeds" and speed.leaders == ("keras-dcgan",)
    assert "clearly" not in speed.sentence and "before torch-dcgan (333, two" in speed.sentence


def test_one_seed_each_recommends_nothing(results, train):
    train("torch-dcgan", [4.0])
    train("keras-dcgan", [7.0])
    found = Answer(results)
    assert found.verdicts[QUALITY].badge == "too few seeds"
    assert "before you decide" in found.more_seeds


def test_each_purpose_has_its_choice(results, train):
    train("torch-dcgan", [4.0, 4.1, 4.2], speed=100.0)
    train("keras-decay", [7.0, 7.1, 7.2], speed=250.0)
    train("torch-slow", [8.0, 8.1, 8.2], speed=50.0)
    found = Answer(results)
    assert found.words == {
        "quality": "torch-dcgan (lowest final FID, 4.10; clear lead)",
        "speed": "keras-decay (fastest, 250 images/s; clear lead)",
        "both": "torch-dcgan or keras-decay (no other is clearly better in final FID or speed and "
        "as good in the other; a choice of 2)",
    }
    assert found.choices["both"].certainty == "tied"


def test_of_equals_in_quality_the_clearly_fastest_is_for_both(results, train):
    train("torch-dcgan", [4.0, 5.0, 6.0], speed=100.0)
    train("keras-dcgan", [4.5, 5.5, 6.5], speed=250.0)
    found = Answer(results).choices
    assert found["quality"].leaders == ("torch-dcgan", "keras-dcgan")
    assert found["quality"].badge == "no clear lead: 2 not distinguishable"
    assert (found["both"].leaders, found["both"].certainty) == (("keras-dcgan",), "clear")


def test_of_equals_in_both_none_is_preferred(results, train):
    train("torch-dcgan", [4.0, 5.0, 6.0], speed=100.0)
    train("keras-dcgan", [4.5, 5.5, 6.5], speed=100.05)
    found = Answer(results).choices
    assert found["both"].leaders == ("torch-dcgan", "keras-dcgan")
    assert found["both"].certainty == "tied"


def test_what_has_too_few_seeds_to_be_ruled_out_is_not_recommended(results, train):
    """Two seeds, far worse in both and far apart."""
    train("torch-dcgan", [4.0, 4.1, 4.2], speed=300.0)
    train("keras-decay", [7.0, 7.1, 7.2], speed=200.0)
    train("torch-slow", [50.0], speed=100.0)
    train("torch-slow", [80.0], speed=130.0, make=lambda name, seed: run_spec(name, seed + 1))
    found = Answer(results)
    assert found.ranks.quality.unknown == found.ranks.speed.unknown == ["torch-slow"]
    both = found.choices["both"]
    assert (both.leaders, both.certainty) == (("torch-dcgan",), "uncertain")
    assert both.badge == "clear lead, except over 1 with too few seeds"


@pytest.fixture
def curves(results):
    """Add three seeds with these FIDs at five points, of 600 steps that end after ``seconds``."""

    def add(name, fids, seconds, offsets=(0.0, 0.01, 0.02), **changes):
        for seed, offset in enumerate(offsets):
            steps = (0, 150, 300, 450, 600)
            spec = run_spec(name, seed, evaluation_steps=steps, **changes)
            end = seconds + seed / 100
            points = [
                {"step": s, "images": s * spec.images_per_step, "train_s": end * s / 600}
                for s in steps
            ]
            own = {step: fid + offset for step, fid in zip(steps, fids, strict=True)}
            add_run(
                results,
                spec,
                scores=[scores_of(own)],
                evaluation_points=points,
                images_per_s=60_000 / end,
                warmup_s=1.0,
                train_s=end - 1.0,
            )

    return add


def three_updates():
    return {"recipe_values": {"batch_size": 100, "generator_steps": 3}}


def test_the_lowest_fid_is_told_at_equal_images_updates_and_time(results, curves):
    curves("torch-dcgan", (80, 50, 30, 20, 10), 100.0)
    curves("torch-dcgan-3g", (80, 30, 15, 10, 5), 400.0, **three_updates())
    found = Answer(results)
    leaders = {topic: verdict.leaders for topic, verdict in found.verdicts.items()}
    assert leaders == {
        QUALITY: ("torch-dcgan-3g",),
        # After 600 updates, three in a step, it made a third of its steps.
        "Quality at equal updates": ("torch-dcgan",),
        # In 100 s, it made a quarter of its steps.
        "Quality at equal time": ("torch-dcgan",),
        "Speed": ("torch-dcgan",),
    }
    updates = found.verdicts["Quality at equal updates"]
    assert (updates.figure, updates.certainty) == ("FID 10.0", "clear")
    assert updates.sentence.startswith(
        "After 600 updates of the generator (torch-dcgan made no more), which took 20,000 "
        "(torch-dcgan-3g) to 60,000 (torch-dcgan) training images, torch-dcgan has the lowest FID: "
        "10.0 (mean of 3 seeds, 10.0 to 10.0); torch-dcgan-3g (25.0) is clearly higher"
    )
    both = found.choices["both"]
    assert (both.leaders, both.certainty) == (("torch-dcgan",), "clear")
    assert both.how == "lowest FID after 1 min 40 s, 10.0"


def test_a_curve_without_a_point_before_as_many_updates_is_left_out(results, curves):
    """A line from the untrained generator to the first point would be far above the curve."""
    many = {"recipe_values": {"batch_size": 100, "generator_steps": 9}}
    curves("torch-dcgan", (80, 50, 30, 20, 10), 100.0)
    curves("torch-dcgan-3g", (80, 30, 15, 10, 5), 400.0, **three_updates())
    curves("torch-many", (80, 8, 7, 6, 5), 400.0, **many)
    updates = Answer(results).verdicts["Quality at equal updates"]
    assert "torch-dcgan has the lowest FID" in updates.sentence
    assert updates.sentence.endswith("Not compared, as nothing was measured before: torch-many.")


def test_for_speed_and_for_both_the_recipe_is_named_whose_twins_are_alike(results, curves):
    """Of its twins, those that are slower or worse then are not: here that in JAX."""
    for recipe, fids, seconds in (
        ("a", (80, 50, 30, 20, 10), 100.0),
        ("b", (80, 60, 40, 30, 8), 300.0),
        ("c", (90, 80, 70, 60, 50), 200.0),
    ):
        curves(f"torch-{recipe}", fids, seconds)
        curves(f"keras-{recipe}", fids, seconds)
        curves(f"jax-{recipe}", fids, 1.4 * seconds)
    found = Answer(results)
    assert found.words["quality"].startswith(
        "recipe b (lowest final FID of 3 recipes, mean over 3 frameworks 8.0"
    )
    assert found.words["speed"] == (
        "recipe a (fastest of 3 recipes, mean over 2 frameworks 600 images/s; clear lead), as "
        "keras-a (600) or torch-a (600)"
    )
    assert found.words["both"].startswith("recipe a (lowest FID of 3 recipes after 1 min 40 s, ")
    assert found.words["both"].endswith("; clear lead), as keras-a (10.0) or torch-a (10.0)")
    verdict = found.verdicts["Speed"]
    assert (verdict.recipes, verdict.figure) == (("a",), "600 images/s")
    assert verdict.sentence.startswith(
        "The recipe a trains fastest of 3 recipes: 600 images/s (geometric mean over keras and "
        "torch; mean of 3 seeds, 600 to 600); it is clearly faster than c (300), by a factor of "
        "2.0 (95 % interval "
    )
    verdict = found.verdicts["Quality at equal time"]
    assert verdict.recipes == ("a",)
    assert ", the recipe a has the lowest FID of 3 recipes: " in verdict.sentence


def test_of_recipes_alike_at_equal_time_only_those_that_nothing_beats_are_named(results, curves):
    """After 100 s `a` and `b` are alike, as are their final FIDs, but `b` is slower."""
    for framework, later in (("torch", 0.0), ("keras", 0.01)):
        curves(f"{framework}-a", (80, 50, 30, 20, 10), 100.0 + later)
        curves(f"{framework}-b", (80, 10, 10, 10, 10), 400.0 + later)
        curves(f"{framework}-c", (80, 70, 60, 50, 40), 300.0 + later)
    both = Answer(results).choices["both"]
    assert (both.recipes, both.leaders) == (("a",), ("torch-a", "keras-a"))
    assert both.figures == ("10.0", "10.0")
    assert both.badge == "no clear lead: 2 not distinguishable"
    assert both.how.endswith(
        "; keras-b and torch-b left out, as another is clearly better in final FID or speed and "
        "not clearly worse in the other"
    )


FIDS = [4.0, 4.1, 4.2]


def test_of_recipes_alike_in_speed_no_slower_implementation_is_named(results, train):
    """As means over frameworks the two recipes are alike; torch-a is the fastest of all."""
    for name, speed in (("torch-a", 600), ("jax-a", 300), ("torch-b", 400), ("jax-b", 450)):
        train(name, FIDS, speed=speed)
    found = Answer(results)
    assert (found.choices["speed"].recipes, found.choices["speed"].leaders) == ((), ("torch-a",))
    assert found.verdicts["Speed"].sentence.startswith("torch-a trains fastest: 601 images/s")


def test_a_mean_over_other_frameworks_leads_no_recipe_that_is_slower_in_the_common_one(
    results, train
):
    for name, speed in (("torch-a", 300), ("jax-a", 900), ("torch-b", 500)):
        train(name, FIDS, speed=speed)
    found = Answer(results)
    assert (found.choices["speed"].recipes, found.choices["speed"].leaders) == ((), ("jax-a",))


def test_recipes_without_a_common_framework_are_not_called_alike(results, train):
    for name, fid in (("torch-a", 4.0), ("keras-a", 4.0), ("jax-b", 4.0)):
        train(name, [fid, fid + 0.1, fid + 0.2])
    assert Answer(results).choices["quality"].recipes == ()


def test_a_new_twin_that_leads_with_two_seeds_leaves_the_recipe_to_nobody(results, train):
    for name, speed in (("torch-a", 400), ("keras-a", 400), ("torch-b", 100), ("keras-b", 100)):
        train(name, FIDS, speed=speed)
    before = Answer(results).choices["speed"]
    train("jax-a", FIDS[:2], speed=600)
    after = Answer(results)
    assert before.recipes == ("a",) and set(before.leaders) == {"torch-a", "keras-a"}
    speed = after.choices["speed"]
    assert (speed.recipes, speed.leaders) == ((), after.verdicts["Speed"].leaders)
    assert speed.leaders[0] == "jax-a"


def test_a_recipe_that_leads_in_a_framework_that_is_not_named_does_not_lead(results, train):
    """`a` and `b` are alike in torch, and `a` is twice as fast in jax, where both are slow."""
    for name, speed in (("torch-a", 600), ("torch-b", 600.01), ("jax-a", 300), ("jax-b", 150)):
        train(name, FIDS, speed=speed)
    for framework in ("torch", "jax"):
        train(f"{framework}-c", FIDS, speed=20)
    found = Answer(results)
    assert found.ranks.in_speed.certain.recipes.clearly("a", "b")
    speed = found.choices["speed"]
    assert (speed.recipes, set(speed.leaders)) == ((), {"torch-a", "torch-b"})
    assert speed.badge == "no clear lead: 2 not distinguishable"


def test_the_mean_is_over_the_frameworks_of_what_is_named(results, train):
    for name, speed in (("torch-a", 600), ("keras-a", 600), ("jax-a", 300)):
        train(name, FIDS, speed=speed)
    for framework in ("torch", "keras", "jax"):
        train(f"{framework}-b", FIDS, speed=100)
    found = Answer(results)
    assert found.words["speed"] == (
        "recipe a (fastest of 2 recipes, mean over 2 frameworks 601 images/s; clear lead), as "
        "keras-a (601) or torch-a (601)"
    )
    assert "(geometric mean over keras and torch; " in found.verdicts["Speed"].sentence


def test_one_that_may_be_the_best_in_another_framework_is_not_passed_over(results, train):
    """`a` leads clearly in torch, its only framework, but keras-b is as good as torch-a."""
    for name, fid in (("torch-a", 10.0), ("torch-b", 40.0), ("keras-b", 10.03), ("torch-c", 60.0)):
        train(name, [fid * x for x in (0.97, 1.0, 1.03)])
    quality = Answer(results).choices["quality"]
    assert (quality.recipes, set(quality.leaders)) == ((), {"torch-a", "keras-b"})


def test_what_another_recipe_clearly_beats_is_not_named(results, train):
    train("torch-a", [1.0, 5.0, 9.0])
    train("keras-a", [10.0, 10.1, 10.2])
    train("keras-b", [9.0, 9.1, 9.2])
    train("torch-b", [400.0, 401.0, 402.0])
    found = Answer(results)
    assert found.ranks.quality.clearly("keras-b", "keras-a")
    assert found.choices["quality"].recipes == ()


def test_at_equal_updates_the_recipe_is_named_whose_twins_are_alike(results, curves):
    for framework in ("torch", "keras"):
        curves(f"{framework}-a", (80, 50, 30, 20, 10), 100.0)
        curves(f"{framework}-b", (80, 30, 15, 10, 5), 400.0, **three_updates())
    verdict = Answer(results).verdicts["Quality at equal updates"]
    assert verdict.recipes == ("a",)
    means = "(geometric mean over keras and torch; mean of 3 seeds, "
    assert f", the recipe a has the lowest FID of 2 recipes: 10.0 {means}" in verdict.sentence


def test_a_recipe_is_the_fastest_of_those_on_one_machine(results, train):
    elsewhere = {"machine": MACHINE.model_copy(update={"cpu": "Model Y"})}
    for framework in ("torch", "keras"):
        train(f"{framework}-a", FIDS, speed=300)
        train(f"{framework}-b", [20.0, 21.0, 22.0], speed=100)
    train("torch-c", [40.0, 41.0, 42.0], circumstances=elsewhere)
    fastest = (
        "recipe a (fastest of 2 recipes on one machine, mean over 2 frameworks 300 images/s; "
        "clear lead)"
    )
    assert Answer(results).words["speed"].startswith(fastest)


def test_a_tie_of_recipes_is_that_in_the_frameworks_to_use(results, train):
    for name, fid in (("torch-a", 10.0), ("torch-b", 10.02), ("jax-b", 100.0), ("jax-c", 99.0)):
        train(name, [fid * x for x in (0.97, 1.0, 1.03)])
    train("torch-c", [90.0, 91.0, 92.0])
    found = Answer(results)
    sentence = found.verdicts[QUALITY].sentence
    assert found.choices["quality"].recipes == ("a", "b")
    assert "cannot be distinguished from b (10.0); c (91.0) is clearly" in sentence


def test_for_both_the_lowest_fid_is_not_said_of_another_recipe(results, curves):
    """At equal time `a` has the lowest mean and torch-b the lowest FID; `a` is slower at last."""
    for framework, a, b in (("torch", 10.0, 9.9), ("keras", 10.0, 10.5)):
        curves(f"{framework}-a", (80, a, a, a, a), 400.0, HALVES)
        curves(f"{framework}-b", (80, 50, 30, 20, b), 100.0, HALVES)
        curves(f"{framework}-c", (80, 70, 60, 50, 40), 300.0, HALVES)
    found = Answer(results)
    verdict, both = found.verdicts["Quality at equal time"], found.choices["both"]
    assert verdict.recipes == ("a", "b") and verdict.leaders[0] == "torch-b"
    assert both.recipes == ("b",)
    assert both.how.startswith("not distinguishable from the lowest FID of 3 recipes after ")


def test_for_both_a_recipe_stays_that_is_clearly_better_at_last_by_all_its_twins(results, curves):
    """`a` is slower; by single implementations, nobody knows that it ends with a lower FID."""
    for place, framework in enumerate(("torch", "keras", "jax")):
        noise = [0.8 * ((seed + place) % 3) for seed in range(3)]
        curves(f"{framework}-a", (80, 11.5, 10, 10, 10), 400.0, noise)
        curves(f"{framework}-b", (80, 50, 30, 20, 11.5), 100.0, noise)
        curves(f"{framework}-c", (80, 70, 60, 50, 40), 300.0, noise)
    found = Answer(results)
    assert found.choices["quality"].recipes == ("a",)
    assert found.choices["quality"].certainty == "clear"
    assert not found.ranks.quality.clearly("torch-a", "torch-b")
    assert found.verdicts["Quality at equal time"].recipes == found.choices["both"].recipes
    assert set(found.choices["both"].recipes) == {"a", "b"}
    assert "none is clearly better than jax-a, keras-a, torch-a or 3 more." in (
        found.verdicts["Quality at equal time"].sentence
    )


def test_recipes_say_nothing_of_implementations_whose_own_means_contradict_them(results, train):
    """By torch alone `a` is better than `b`; keras-a is worse than jax-b and like torch-b."""
    for label, fid, speed in (
        *(("torch-a", 5.0, 50.0), ("keras-a", 14.0, 200.0)),
        *(("torch-b", 14.2, 50.0), ("jax-b", 12.0, 200.0), ("jax-c", 90.0, 10.0)),
    ):
        train(label, [fid * x for x in (0.97, 1.0, 1.03)], speed=speed)
    quality = Answer(results).ranks.at_equal_images.certain
    assert quality.recipes.clearly("a", "b")
    assert quality.clearly("torch-a", "torch-b")
    assert not quality.clearly("keras-a", "jax-b") and not quality.clearly("keras-a", "torch-b")


def test_twins_in_another_order_than_their_recipes_are_not_ranked_by_these(results, train):
    for label, fid in (("torch-a", 10.0), ("torch-b", 9.5), ("keras-a", 5.0), ("keras-b", 20.0)):
        train(label, [fid * x for x in (0.97, 1.0, 1.03)])
    quality = Answer(results).ranks.at_equal_images.certain
    assert quality.recipes.clearly("a", "b") and quality.clearly("keras-a", "keras-b")
    assert not quality.clearly("torch-a", "torch-b")


def test_for_both_the_lowest_fid_is_not_said_of_another(results, curves):
    """At equal time `b` is lowest and `a` not told apart; `b` is slower and no better at last."""
    curves("torch-a", (80, 50, 30, 20, 10), 100.0)
    curves("torch-b", (80, 9.99, 9.99, 10, 10.01), 400.0)
    curves("torch-c", (80, 70, 60, 50, 40), 300.0)
    both = Answer(results).choices["both"]
    assert both.leaders == ("torch-a",)
    assert both.how.startswith("not distinguishable from the lowest FID after 1 min 40 s, ")


def test_beside_other_work_no_recipe_is_called_fastest(results, train):
    busy = {"circumstances": {"other_load": 0.4, "device_exclusive": False}}
    for framework in ("torch", "keras"):
        train(f"{framework}-a", [4.0, 4.1, 4.2], speed=300.0, **busy)
        train(f"{framework}-b", [5.0, 5.1, 5.2], speed=200.0, **busy)
    found = Answer(results)
    assert found.choices["quality"].recipes == ("a",)
    assert found.choices["speed"].recipes == found.verdicts["Speed"].recipes == ()
    assert found.choices["speed"].badge == "not certain: other load"


def test_of_those_alike_at_equal_time_only_what_nothing_beats_is_named(results, curves):
    """After 100 s all are alike, as are their final FIDs. The third is slower."""
    curves("torch-a", (80, 50, 30, 20, 10), 100.0)
    curves("torch-b", (80, 50, 30, 20, 10.01), 100.01)
    curves("torch-c", (80, 10, 10, 10, 10), 400.0)
    found = Answer(results)
    both = found.choices["both"]
    assert found.ranks.at_equal_time.implementations.equals
    assert "torch-c" not in both.leaders
    assert both.certainty == "tied" and both.badge == "no clear lead: 3 not distinguishable"
    assert set(both.leaders) == {"torch-a", "torch-b"}
    assert both.how.endswith(
        "; torch-c left out, as another is clearly better in final FID or speed and not clearly "
        "worse in the other"
    )


def test_equal_numbers_of_updates_have_no_card_of_their_own(results, curves):
    curves("torch-dcgan", (80, 50, 30, 20, 10), 100.0)
    curves("keras-dcgan", (80, 50, 30, 20, 15), 100.0)
    found = Answer(results)
    assert "Quality at equal updates" not in found.verdicts
    assert found.verdicts[QUALITY].sentence.endswith(
        "All made 600 updates of the generator: it is the order at equal updates, too."
    )


def test_the_card_says_what_nothing_rules_out(results, curves):
    curves("torch-dcgan", (80, 50, 30, 20, 10), 100.0)
    curves("torch-dcgan-3g", (80, 30, 15, 10, 5), 400.0)
    curves("torch-slow", (80, 70, 60, 50, 40), 500.0)
    sentence = Answer(results).verdicts["Quality at equal time"].sentence
    assert sentence.endswith(
        "In final FID and speed together, none is clearly better than torch-dcgan-3g or "
        "torch-dcgan."
    )


def test_from_three_seeds_on_nothing_is_said_of_too_few(results, curves):
    curves("torch-dcgan", (80, 50, 30, 20, 10), 100.0)
    curves("keras-dcgan", (80, 50, 30, 20, 10), 100.0)
    found = Answer(results)
    texts = [found.more_seeds, *found.words.values()]
    texts += [text for one in found.verdicts.values() for text in (one.badge, one.sentence)]
    assert not any("seeds to" in text or "too few" in text for text in texts)


def test_a_mean_against_the_order_of_the_logarithms_is_not_called_clear(results, train):
    """B is nearly always lower, and once collapsed: its mean is higher, its logarithms lower."""
    train("torch-a", [10.0 + 0.01 * seed for seed in range(20)])
    train("torch-b", [5.0 + 0.01 * seed for seed in range(19)] + [120.0])
    found = Answer(results)
    assert found.verdicts[QUALITY].certainty == "tied"
    assert found.ranks.quality.rank("torch-a") == (1, 2)


def test_a_fid_of_zero_is_compared_by_differences(results, train):
    train("torch-a", [0.0, 0.0, 1e-9])
    train("torch-b", [50.0, 51.0, 52.0])
    sentence = Answer(results).verdicts[QUALITY].sentence
    assert "torch-b (51.0) is clearly higher, by 51.0" in sentence


def test_runs_that_all_saw_the_reference_are_not_ranked_and_not_called_unscored(results, train):
    train("torch-dcgan", [4.0, 4.1, 4.2], make=lambda *of: run_spec(*of, train_splits=BOTH))
    found = Answer(results)
    assert "trained on the reference images" in found.verdicts[QUALITY].sentence
    assert found.no_choice.startswith(
        "Quality is not ranked, as all trained on the reference images"
    )


def test_a_budget_too_short_advises_on_speed_only(results, train):
    train("torch-dcgan", [40.0, 41.0, 42.0], 1_000.0, quick_spec)
    train("keras-dcgan", [20.0, 21.0, 22.0], 400.0, quick_spec)
    found = Answer(results)
    assert found.verdicts[QUALITY].certainty == "none"
    assert "Quality at equal time" not in found.verdicts
    assert found.no_choice == (
        "This budget is too short to compare quality; torch-dcgan trains fastest (clear lead)."
    )


def test_a_short_budget_has_the_fastest_recipe_of_twins(results, train):
    for framework in ("torch", "keras"):
        train(f"{framework}-dcgan", FIDS, speed=300.0, make=quick_spec)
        train(f"{framework}-decay", FIDS, speed=100.0, make=quick_spec)
    found = Answer(results)
    assert found.verdicts["Speed"].recipes == ("dcgan",)
    assert found.no_choice.endswith("; the recipe dcgan trains fastest (clear lead).")


def test_nothing_finished_advises_nothing(results):
    add_run(results, run_spec(), status="error", reason="why")
    found = Answer(results)
    assert found.no_choice == "There is no recommendation: no run succeeded."


def test_a_reference_that_was_seen_in_training_is_not_ranked(results, train):
    train("torch-dcgan", [4.0, 4.1, 4.2])
    for seed in range(3):
        spec = run_spec("keras-dcgan", seed, train_splits=("train", "test"))
        add_run(results, spec, scores=[scores_of({0: 150.0, 600: 1.0 + 0.01 * seed})])
    found = Answer(results)
    assert found.verdicts[QUALITY].leaders == ("torch-dcgan",)
    assert [row.label for row in found.group.rows] == ["torch-dcgan", "keras-dcgan"]
