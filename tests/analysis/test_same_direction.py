"""Whatever the seeds scored, report, compare and gate never contradict one another."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.compare import compare
from gan_bench.gate import compare_stored
from gan_bench.gate.entries import entries
from gan_bench.report.sections.standings import standings
from gan_bench.results.load import load_results
from report_folder import add_run, empty_results, run_spec, scores_of

BASELINE, CANDIDATE = range(10), range(20, 23)
VALUES = st.floats(1.0, 400.0)


@pytest.fixture(scope="module")
def folders():
    """Three folders whose FIDs and speeds are set anew for each example: A, B and both together."""
    with TemporaryDirectory() as name:
        a, b, both = (empty_results(Path(name) / part) for part in ("a", "b", "both"))
        for seeds, alone, implementation in (
            (BASELINE, a, "torch-a"),
            (CANDIDATE, b, "torch-b"),
        ):
            for seed in seeds:
                scores = [scores_of({600: 1.0})]
                add_run(alone, run_spec("torch-dcgan", seed), scores=scores)
                add_run(both, run_spec(implementation, seed), scores=scores)
        yield a, b, both


def set_values(folder, fids, speeds):
    for path in folder.glob("runs/*"):
        seed = json.loads((path / "spec.json").read_text())["seed"]
        (file,) = path.glob("scores/*.json")
        value = json.loads(file.read_text())
        value["scores"][0]["value"] = fids[seed]
        file.write_text(json.dumps(value))
        record = json.loads((path / "record.json").read_text())
        record["images_per_s"] = speeds[seed]
        (path / "record.json").write_text(json.dumps(record))


def of_seeds(values):
    return dict(zip((*BASELINE, *CANDIDATE), values, strict=True))


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    fids=st.lists(VALUES, min_size=13, max_size=13),
    speeds=st.lists(VALUES, min_size=13, max_size=13),
    shift=st.sampled_from([0.1, 0.7, 1.0, 1.4, 10.0]),
)
def test_no_tool_calls_better_what_another_calls_worse(folders, fids, speeds, shift):
    moved = [*fids[:10], *(fid * shift for fid in fids[10:])]
    a, b, both = folders
    for folder in folders:
        set_values(folder, of_seeds(moved), of_seeds(speeds))
    results = load_results(both)
    (group,) = summarise(collect_runs(both, results), results).groups
    ranks = standings(group, None)
    baseline = entries(a).entries
    for name, ranked in (("fid_lenet", ranks.quality), ("images_per_s", ranks.speed)):
        (row,) = compare(a, b, name).rows
        (verdict,) = compare_stored(baseline, b, name, 0.0)[0]
        clear = {
            ranked.clearly("torch-b", "torch-a"): "better",
            ranked.clearly("torch-a", "torch-b"): "worse",
        }.get(True)
        assert row.kind == (clear or "indistinguishable")
        ratio = row.difference.estimate
        assert ratio == pytest.approx(verdict.measured.mean[1] / verdict.measured.mean[0])
        better = (ratio > 1) == (name == "images_per_s")
        contradiction = {"regression": True, "improvement": False}.get(verdict.verdict)
        assert contradiction is None or contradiction is not better
        # The order of the means is the order of the table.
        mean_a, mean_b = row.a.figure.mean, row.b.figure.mean
        if mean_a != mean_b:
            first = "torch-b" if (mean_b > mean_a) == (name == "images_per_s") else "torch-a"
            assert ranked.best == first


def test_equal_values_are_equal_everywhere(folders):
    a, b, _ = folders
    same = of_seeds([15.0] * 13)
    for folder in folders:
        set_values(folder, same, same)
    (row,) = compare(a, b).rows
    (verdict,) = compare_stored(entries(a).entries, b, "fid_lenet", 0.05)[0]
    assert (row.kind, verdict.verdict) == ("indistinguishable", "pass")
