"""The report of a thousand runs."""

import pytest

from gan_bench.results.load import load_results
from report_results import make_results
from written_report import FAILED, FID, SPEED, Report


@pytest.mark.slow
@pytest.mark.long
def test_a_thousand_runs_are_twenty_rows_of_fifty_seeds(tmp_path):
    path = make_results(tmp_path / "made", runs=1_000, pictured_seeds=1)
    loaded = load_results(path)
    assert len(loaded.runs) == 1_000
    failures = loaded.runs[loaded.runs["status"] != "ok"]["implementation"].value_counts()
    last = {run_id: spec.steps for run_id, spec in loaded.specs.items()}
    scores = loaded.scores[loaded.scores["metric"] == "fid_lenet"]
    final = scores[scores["step"] == scores["run_id"].map(last)]
    speeds = loaded.runs[loaded.runs["status"] == "ok"].groupby("implementation")["images_per_s"]
    found = Report(path, tmp_path / "out")
    rows = found.ranking()
    names = set(loaded.runs["implementation"])
    assert len(names) == 20
    assert names <= set(rows)
    for name in names:
        failed = int(failures.get(name, 0))
        ids = {run_id for run_id, s in loaded.specs.items() if s.implementation.name == name}
        fids = final[final["run_id"].isin(ids)]["value"]
        assert (len(ids), len(fids)) == (50, 50 - failed)
        cells = rows[name]
        assert cells[FAILED].text == f"{failed} of 50"
        assert float(cells[FID].sort) == pytest.approx(fids.mean())
        assert cells[FID].range == f"{fids.min():.1f} to {fids.max():.1f}"
        assert float(cells[SPEED].sort) == pytest.approx(speeds.get_group(name).mean())
        assert cells["Time to FID 30 (s)"].range.endswith(" of 50")
        assert found.facts(name)[FID][1] == pytest.approx(fids.mean())
    assert len(found.html.encode()) < 15e6
    assert found.left_out() == []
