"""Runs of several machines in one report: scores of all of them, times of one."""

import pytest

from report_folder import add_trained, empty_results
from written_report import FID, GPU, OTHER_MACHINE, SPEED, Report, text_of


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Two implementations on one CPU; seeds of one on another CPU, a third on a GPU alone."""
    results = empty_results(tmp_path_factory.mktemp("machines") / "results")
    for name, fid, speed in (("torch-dcgan", 4.0, 100.0), ("keras-dcgan", 7.0, 200.0)):
        add_trained(results, name, [fid, fid + 0.01, fid + 0.02], images_per_s=speed)
    other = {"circumstances": {"machine": OTHER_MACHINE}, "images_per_s": 999.0, "peak_rss_mb": 9.0}
    # Seed 2 is a repetition, and seed 3 is new.
    one_thread = {"threads": 1}
    add_trained(results, "torch-dcgan", [4.03, 4.04], seed=2, values=one_thread, **other)
    gpu = {"circumstances": {"machine": GPU}, "images_per_s": 5_000.0}
    on_gpu = {"device": "cuda:0"}
    add_trained(results, "torch-enhanced", [2.0, 2.01, 2.02], values=on_gpu, **gpu)
    return Report(results)


def test_scores_of_all_machines_are_one_ranking(found):
    assert found.titles("ranking") == []
    cells = found.ranking()
    assert [cells[name][FID].text for name in ("torch-enhanced", "torch-dcgan", "keras-dcgan")] == [
        "2.01",
        "4.02",
        "7.01",
    ]
    assert [cells[name]["Rank"].text for name in cells if name in found.data["compare"]] == [
        *("1", "2", "3")
    ]
    for text in found.both():
        assert "groups that are not ranked together" not in text


def test_times_are_of_one_machine_and_those_of_others_are_missing_or_apart(found):
    cells = found.ranking()
    speeds = {name: cells[name][SPEED].text for name in ("torch-dcgan", "keras-dcgan")}
    assert speeds == {"torch-dcgan": "100", "keras-dcgan": "200"}
    assert (
        cells["torch-enhanced"][SPEED].text
        == cells["torch-enhanced"]["Time to finish (s)"].text
        == "\N{EM DASH}"
    )
    for text in (*found.both(), text_of(found.rendered_short)):
        assert "Times are from Model X, 2 cores (CPU, 2 threads) alone" in text
        assert "Without times here, after runs elsewhere only: torch-enhanced." in text
        assert "Model Y, 2 cores (CPU, 1 thread)" in text
        assert "1 seed ran several times on 2 machines and count" in text
    [table] = [
        table
        for table in found.page.iter("table")
        if "Machine" in [text_of(head) for head in table.iter("th")]
    ]
    rows = [[text_of(cell) for cell in row] for row in table.find("tbody")]
    assert [(row[0].partition(",")[0], *row[1:4]) for row in rows] == [
        ("Model X", "torch-dcgan", "3", "100 (100 to 100)"),
        ("Model X", "keras-dcgan", "3", "200 (200 to 200)"),
        ("GPU A with Model X", "torch-enhanced", "3", "5,000 (5,000 to 5,000)"),
        ("Model Y", "torch-dcgan", "2", "999 (999 to 999)"),
    ]


def test_verdicts_on_times_compare_one_machine(found):
    verdicts = {
        text_of(one.find("h2")): text_of(one)
        for one in found.page.findall(".//div[@class='answer']//h2/..")
    }
    assert "recipe enhanced has the lowest" in verdicts["Quality at equal images"]
    assert "keras-dcgan trains fastest: 200 images/s" in verdicts["Speed"]
    assert verdicts["Speed"].endswith(
        "Not compared, without a run on Model X, 2 cores (CPU, 2 threads): torch-enhanced."
    )
    for text in found.both():
        assert "fastest of 2 on one machine, 200 images/s" in text


def test_curves_against_time_are_of_one_machine(found):
    def names(chart):
        return {trace["meta"] for trace in found.chart(chart)}

    everything = {"torch-dcgan", "keras-dcgan", "torch-enhanced"}
    assert names("fid-images-0") == everything
    assert names("fid-seconds-0") == everything - {"torch-enhanced"}
    for text in found.both():
        assert "that were not on the machine of the times: torch-enhanced and torch-dcgan." in text


def test_pairs_compare_quality_over_machines(found):
    sentence = found.data["sentences"]["torch-enhanced\ntorch-dcgan"]
    assert "torch-enhanced has a final FID that is lower" in sentence
    assert "speed" not in sentence
