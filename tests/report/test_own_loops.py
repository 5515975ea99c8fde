"""Own loops are ranked with the others, carry a mark, and are nobody's twins."""

import pytest

from gan_bench.analysis.parity import row_parity
from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.plugins.registry import Implementation
from gan_bench.report import write_report
from gan_bench.report.sections.answer import answer
from gan_bench.report.sections.recipe_vs_framework import crossed
from gan_bench.report.sections.side_by_side import are_twins
from gan_bench.report.sections.standings import standings
from gan_bench.results.load import load_results
from report_folder import add_run, empty_results, run_spec, scores_of

MARK = "own loop, not paired"
FIDS = {"torch-dcgan": 10.0, "keras-dcgan": 12.0, "dcgan": 11.0}


def own_loop(name, framework, seed):
    loop = Implementation(name=name, framework=framework, recipe=name, attribute="")
    return run_spec(name, seed, implementation=loop, own_loop=True, preset=None)


@pytest.fixture
def results(tmp_path):
    """Twins in two frameworks, and an own loop that has the name of their recipe."""
    path = empty_results(tmp_path / "results")
    for name, fid in FIDS.items():
        for seed in range(3):
            spec = own_loop(name, "torch", seed) if name == "dcgan" else run_spec(name, seed)
            scores = [scores_of({0: 150.0, 600: fid + seed / 10})]
            add_run(path, spec, scores=scores, paired=not spec.own_loop)
    return path


@pytest.fixture
def group(results):
    frames = load_results(results)
    (found,) = summarise(collect_runs(results, frames), frames).groups
    return found


def test_an_own_loop_is_ranked_and_is_no_twin(group):
    assert [row.label for row in group.rows] == ["torch-dcgan", "dcgan", "keras-dcgan"]
    torch, own, keras = group.rows
    assert own.own_loop and not torch.own_loop
    assert set(row_parity(group.rows)) == {"torch-dcgan", "keras-dcgan"}
    assert are_twins(torch, keras) and not are_twins(own, keras)
    fid, _ = crossed(group).tables
    assert [row[0].split()[0] for row in fid.rows] == ["dcgan"]
    assert "0.83 (0.8" in fid.rows[0][3]  # torch / keras, without the own loop's 11


def test_a_recipe_has_its_own_seeds_beside_an_own_loop_of_its_name(tmp_path):
    path = empty_results(tmp_path / "results")
    twins = {"torch-dcgan": 10.0, "keras-dcgan": 10.1, "torch-decay": 40.0, "keras-decay": 40.4}
    for name, fid in (twins | {"dcgan": 80.0}).items():
        for seed in range(5 if name == "dcgan" else 3):
            spec = own_loop(name, "torch", seed) if name == "dcgan" else run_spec(name, seed)
            add_run(path, spec, scores=[scores_of({0: 150.0, 600: fid + seed / 10})])
    frames = load_results(path)
    (group,) = summarise(collect_runs(path, frames), frames).groups
    verdict, *_ = answer(group, standings(group, None), None)
    assert verdict.sentence.startswith("The recipe dcgan has the lowest final FID")
    assert "mean of 3 seeds, " in verdict.sentence


def test_two_own_loops_of_one_name_are_no_twins(results):
    for framework in ("torch", "jax"):
        add_run(results, own_loop("my-gan", framework, 0), scores=[scores_of({600: 9.0})])
    frames = load_results(results)
    (group,) = summarise(collect_runs(results, frames), frames).groups
    loops = [row for row in group.rows if row.label.startswith("my-gan")]
    assert len(loops) == 2 and not are_twins(*loops)
    assert set(row_parity(group.rows)) == {"torch-dcgan", "keras-dcgan"}
    assert "jax" not in [column.title for column in crossed(group).tables[0].columns]


@pytest.mark.slow
def test_the_report_says_which_rows_are_own_loops(results, tmp_path):
    files = write_report(results, tmp_path / "report")
    short, full = files.markdown.read_text(), files.full.read_text()
    for text in (short, full):
        (row,) = [line for line in text.splitlines() if line.startswith("| dcgan (")]
        assert row.startswith(f"| dcgan ({MARK}) |")
        assert f"Own loop{MARK[8:]}: a script of its own trained dcgan" in text
        assert "dcgan: an own loop; its clock includes its own data pipeline." in text
    assert "trains fastest" in short and f"torch-dcgan ({MARK}" not in short
    page = files.html.read_text()
    assert page.count(f'<span class="range">{MARK}</span>') == 1
    assert "dcgan (own loop)" in full  # the column of its values
