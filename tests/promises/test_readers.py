"""Commands that read results during a run show no traceback and no partial file."""

import json

import pytest

MANY = ("--steps", "600", "--evaluations", "6", "--samples", "150", "--seeds", "2")
SLOW = """
def train(self, batches, draws):
    import time
    time.sleep(0.2)
    return super().train(batches, draws)
"""


@pytest.mark.long
def test_status_show_export_and_report_read_while_a_run_writes(bench, plugin):
    target = plugin("gan", SLOW)
    process = bench.start("run", target, *MANY)
    seen = set()
    while process.poll() is None:
        done = bench("status", "--json")
        if done.code == 2:
            assert "There is no results folder" in done.err
            continue
        rows = json.loads(done.out)
        seen |= {row["status"] for row in rows}
        if any(row["status"] == "ok" for row in rows):
            finished = next(row["run_id"] for row in rows if row["status"] == "ok")
            assert bench("show", finished).code == 0
        if rows:
            assert bench("report").code == 0
            assert bench("export").code == 0
            assert bench("doctor", "--results", "results/local").code == 0
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert seen & {"running", "pending"} and "ok" in seen


@pytest.mark.long
def test_a_second_run_on_the_same_results_waits_or_is_refused(bench, plugin):
    target = plugin("gan", SLOW)
    process = bench.start("run", target, *MANY, "--device", "cpu")
    # Once its plan is written, it holds the lock on the device.
    while process.poll() is None and not list(bench.folder.glob("results/local/plans/*.json")):
        pass
    refused = bench("run", target, *MANY, "--device", "cpu")
    assert refused.code == 2 and f"in use by process {process.pid}" in refused.err
    waits = bench("run", target, *MANY, "--device", "cpu", "--wait")
    process.communicate(timeout=60)
    assert waits.code == 0 and "reused" in waits.out
