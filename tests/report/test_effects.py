"""The tables of a field's effect: known figures in every form of the report, and no table."""

import statistics

import pytest
from scipy import stats

from gan_bench.plan import Budget
from report_folder import add_run, quick_spec, run_spec, scores_of
from written_report import rows_of, text_of

NAME = "torch-dcgan-3g"
TITLE = f"Effect of generator_steps on {NAME}"
HEADING = "Effects of recipe values"


@pytest.fixture
def sweep(results):
    """Add a run for each final FID, from seed 0 on; the default of generator_steps is 3.

    An FID of None is of a seed that diverged.
    """

    def add(k, fids, speed=1_000.0, make=run_spec, name=NAME, defaults=None, **changes):
        values = {"batch_size": 100, "discriminator_steps": 1, "generator_steps": k}
        changed = ({} if k == 3 else {"generator_steps": 3}) | (defaults or {})
        values |= changes.pop("values", {})
        for seed, fid in enumerate(fids):
            spec = make(name, seed, recipe_values=values, recipe_defaults=changed, **changes)
            own = {"low": 0.0, "high": 1_000.0}  # by the jackknife, which says nothing of seeds
            scores = [] if fid is None else [scores_of({0: 150.0, spec.steps: fid}, **own)]
            failed = {"status": "diverged", "reason": "a loss was NaN"} if fid is None else {}
            add_run(results, spec, scores=scores, images_per_s=speed, **failed)

    return add


def tables_of(found):
    """Return the tables of effects by title in HTML, which the Markdown has too."""
    shown = [one for one in found.section("effects").iter("div") if one.get("class") == "scroll"]
    tables = {one.get("aria-label"): rows_of(one.find("table")) for one in shown}
    for tree in (found.rendered, found.rendered_short):
        markdown = [rows_of(table) for table in tree.iter("table")]
        assert all(table in markdown for table in list(tables.values())[:3])
        titles = [text_of(heading) for heading in tree.iter("h3")]
        assert set(list(tables)[:3]) <= set(titles)
    return tables


def test_the_table_holds_the_known_figures_in_every_form(sweep, report):
    sweep(1, (10.0, 40.0, 160.0), speed=600.0)
    sweep(3, (10.0, 20.0, 40.0), speed=300.0)
    found = report()
    interval = stats.t.interval(0.95, 2, 70, statistics.stdev((10.0, 40.0, 160.0)) / 3**0.5)
    assert interval[0] < 0  # an FID is not below 0
    assert tables_of(found) == {
        TITLE: {
            "1": {
                "Seeds": "3",
                "Final FID (lenet)": f"70.0 (0 to {interval[1]:.0f})",
                # Ratios 1, 2 and 4: 2 ** (1 -+ 4.3027 / sqrt 3), by hand.
                "FID / that of 3": "2.0 (0.36 to 11)",
                "Images/s": "600",
                "Speed / that of 3": "2.0 (2.0 to 2.0)",
                "Updates D": "600",
                "Updates G": "600",
            },
            "3 (default)": {
                "Seeds": "3",
                "Final FID (lenet)": "23.3 (0 to 61.3)",  # 23.33 + 4.3027 * 15.275 / sqrt 3
                "FID / that of 3": "1",
                "Images/s": "300",
                "Speed / that of 3": "1",
                "Updates D": "600",
                "Updates G": "1,800",
            },
        }
    }
    links = [a.get("href") for a in found.page.find(".//nav").iter("a")]
    assert links[:2] == ["#ranking", "#effects"]
    order = [section.get("id") for section in found.page.iter("section")]
    assert order.index("effects") == order.index("ranking") + 1
    for tree in (found.rendered, found.rendered_short):
        heads = [text_of(head) for head in tree.iter("h2")]
        assert heads[:2] == ["Ranking", HEADING]
    for text in found.both():
        assert text.count("The rows of a table differ in one field") == 1
        assert "ratios are to" not in text


def test_missing_seeds_are_said_in_the_cells(sweep, report):
    sweep(1, (None, 10.0, 15.0))
    sweep(2, (None, None, None))
    sweep(3, (10.0, 20.0, 30.0, 40.0))
    sweep(4, (None, None, None, 40.0, 50.0))
    sweep(5, (None, None, None, None, 40.0))
    rows = tables_of(report())[TITLE]
    seeds, fid, ratio = "Seeds", "Final FID (lenet)", "FID / that of 3"
    assert {name: (row[seeds], row[ratio]) for name, row in rows.items()} == {
        "1": ("2 of 3, 1 diverged", "0.50 (0.50 to 0.50; 2 seeds)"),
        "2": ("0 of 3, 3 diverged", "—"),
        "3 (default)": ("4", "1"),
        "4": ("2 of 5, 3 diverged", "1.00 (one common seed)"),
        "5": ("1 of 5, 4 diverged", "no common seed"),
    }
    assert rows["2"][fid] == rows["2"]["Images/s"] == "—"
    assert rows["5"][fid] == "40.0 (one seed)"


def test_one_seed_has_no_interval(sweep, report):
    sweep(1, (20.0,))
    sweep(3, (10.0,))
    rows = tables_of(report())[TITLE]
    assert rows["1"]["Final FID (lenet)"] == "20.0 (one seed)"
    assert rows["1"]["FID / that of 3"] == "2.0 (one seed)"


def test_without_the_default_the_lowest_value_is_the_base_and_it_says_so(sweep, report):
    sweep(2, (20.0,))
    sweep(10, (10.0,))
    found = report()
    rows = tables_of(found)[TITLE]
    assert [row["FID / that of 2"] for row in rows.values()] == ["1", "0.50 (one seed)"]
    said = "The default, 3, was not run, so ratios are to 2, the lowest value."
    for text in (*found.both(), text_of(found.rendered_short)):
        assert said in text


def test_a_default_that_diverged_is_said_not_to_be_the_base(sweep, report):
    sweep(3, (None,))
    sweep(4, (10.0,))
    sweep(5, (20.0,))
    found = report()
    assert list(tables_of(found)[TITLE]) == ["3 (default)", "4", "5"]
    said = "The default, 3, has no result, so ratios are to 4, the lowest value with a result."
    for text in found.both():
        assert said in text


def test_runs_that_trained_on_the_reference_are_no_measure_of_quality(sweep, report):
    for k in (1, 3):
        sweep(k, (10.0, 11.0), train_splits=("train", "test"))
    found = report()
    said = "These runs trained on the reference images, so their FIDs are no measure of quality."
    for text in (*found.both(), text_of(found.rendered_short)):
        assert said in text


def test_earlier_plans_record_no_default(results, report):
    for kind in ("hinge", "bce"):
        spec = run_spec(NAME, recipe_values={"loss": kind})
        add_run(results, spec, scores=[scores_of({600: 20.0})])
    found = report()
    [table] = tables_of(found).values()
    assert list(table) == ["bce", "hinge"]
    # Without the fields of the updates, the steps are what is known.
    assert table["bce"]["Steps"] == "600"
    for text in found.both():
        assert "The runs record no default, so ratios are to bce, the first value." in text


def test_where_nothing_was_swept_there_is_no_section_and_no_link(sweep, report):
    sweep(3, (10.0, 20.0))
    sweep(1, (10.0, 20.0), name="keras-dcgan-3g")
    found = report()
    assert found.section("effects") is None
    for text in (found.html, found.markdown, found.short):
        assert "#effects" not in text
        assert HEADING not in text


def test_other_budgets_have_tables_of_their_own(sweep, report):
    longer = {"budget": Budget(unit="images", amount=120_000), "steps": 1_200}
    for steps, fid in ((1, 20.0), (3, 10.0)):
        sweep(steps, (fid,))
    sweep(2, (5.0,), **longer)
    found = report()
    assert list(tables_of(found)[TITLE]) == ["1", "3 (default)"]
    sweep(4, (4.0,), **longer)
    found = report()
    shown = [list(rows_of(table)) for table in found.section("effects").iter("table")]
    assert sorted(shown) == [["1", "3 (default)"], ["2", "4"]]
    assert found.titles("effects") == found.titles("ranking")
    assert "2 groups that are not ranked together, as they differ in budget" in found.short


@pytest.mark.slow
def test_a_grid_has_a_readable_number_of_tables(sweep, report):
    for steps in (1, 3):
        for beta in range(4):
            for rate in (0, 1):
                changed = {"beta1": 3} if beta != 3 else {}
                changed |= {"rate": 1} if rate != 1 else {}
                sweep(steps, (10.0 + beta,), values={"beta1": beta, "rate": rate}, defaults=changed)
    found = report()
    tables = tables_of(found)
    assert len(tables) == 12
    # Those at the defaults of the other two fields come first, and stand unfolded.
    at_defaults = [
        f"Effect of generator_steps on {NAME} (beta1=3, rate=1)",
        f"Effect of beta1 on {NAME} (generator_steps=3, rate=1)",
        f"Effect of rate on {NAME} (generator_steps=3, beta1=3)",
    ]
    assert set(list(tables)[:3]) == set(at_defaults)
    folded = found.section("effects").find("details")
    assert len(folded.findall(".//table")) == 9
    for text in found.both():
        assert "12 of 20 tables are shown" in text
    assert "report-full.md has 9 further tables" in text_of(found.rendered_short)


def test_a_budget_too_short_says_nothing_of_fids(sweep, report):
    for steps, fid in ((1, 20.0), (3, 10.0)):
        sweep(steps, (fid,), make=quick_spec)
    found = report()
    assert "are too few to rank quality: the FIDs only show" in text_of(found.section("effects"))


def test_runs_without_scores_have_speeds_alone(results, report):
    for steps in (1, 3):
        spec = run_spec(NAME, recipe_values={"generator_steps": steps})
        add_run(results, spec, images_per_s=300.0 * steps)
    [table] = tables_of(report()).values()
    assert list(next(iter(table.values()))) == [
        *("Seeds", "Images/s", "Speed / that of 1", "Updates G"),
    ]
