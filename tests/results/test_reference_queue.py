"""The queue of the included results: what is missing, and a worker that makes it."""

import json
import os
import shutil
import signal
import threading
import time
from collections import Counter
from contextlib import suppress

import psutil
import pytest
import reference
import reference_queue as queue
from filelock import FileLock

from bench import ROOT
from gan_bench.launch.local import Interrupted
from gan_bench.results.layout import open_results
from gan_bench.results.load import load_results
from gan_bench.results.record import Record


@pytest.fixture
def small(monkeypatch):
    """A queue of one short run."""
    monkeypatch.setattr(queue, "SOURCES", ("dcgan",))
    monkeypatch.setattr(queue, "PAPERS", ())
    monkeypatch.setattr(queue, "OWN_BATCHES", ())
    monkeypatch.setattr(queue, "SEEDS", {"torch": 1})
    monkeypatch.setattr(queue, "IMAGES", 256)
    tiny = ("--dataset", "mnist-5k", "--samples", "64", "--evaluations", "2", "--threads", "1")
    monkeypatch.setattr(queue, "RECALL_DURING_TRAINING", ("dcgan",))
    monkeypatch.setattr(queue, "PROTOCOL", (*tiny, "--metrics", "fid"))
    return queue


def keeper(kept):
    return lambda folder: reference.keep_runs([folder], kept)


def test_the_sources_come_first_and_every_seed_of_all_before_the_next():
    items = queue.planned()
    assert len(items) == len(set(items)) == 119
    sources, own, papers = items[:74], items[74:84], items[84:]
    assert sources == queue.sources()
    assert {item.images for item in own} == {480_000}
    assert {item.implementation for item in own} == {"torch-baseline", "torch-enhanced"}
    for part, recipes in ((sources, queue.SOURCES), (papers, queue.PAPERS)):
        assert {item.implementation.partition("-")[2] for item in part} == set(recipes)
        assert [item.seed for item in part] == sorted(item.seed for item in part)
    assert Counter(item.implementation for item in sources if item.seed > 2) == {
        **dict.fromkeys((f"torch-{recipe}" for recipe in queue.SOURCES), 2),
        **dict.fromkeys((f"{f}-{recipe}" for f in ("keras", "jax") for recipe in queue.WIDE), 2),
    }
    assert {item.implementation for item in items if item.seed == 0} == {
        *(f"{framework}-{recipe}" for framework in queue.SEEDS for recipe in queue.SOURCES),
        *(f"torch-{recipe}" for recipe in queue.PAPERS),
    }


@pytest.mark.torch
@pytest.mark.process
@pytest.mark.slow
def test_a_worker_makes_and_keeps_what_is_missing(small, tmp_path):
    kept, folder = tmp_path / "kept", tmp_path / "work"
    (item,) = small.missing(kept)
    processor = min(os.sched_getaffinity(0))
    small.work(kept, folder, processor, 0.2, keeper(kept))
    assert small.missing(kept) == []
    steps = load_results(kept).scores.groupby("metric")["step"].agg(list)
    assert steps["recall_lenet"] == steps["fid_lenet"] == [0, 8]
    assert small.state(kept) == "Kept: 1 of 1 run. Missing: none."
    (run,) = load_results(kept).runs.itertuples()
    assert (run.implementation, run.seed, run.status) == (item.implementation, 0, "ok")


def test_a_run_that_takes_longer_than_the_time_is_left(small, tmp_path, monkeypatch):
    kept, folder = tmp_path / "kept", tmp_path / "work"
    monkeypatch.setattr(small, "TO_SCORE_S", 3600)
    small.work(kept, folder, 0, 0.2, keeper(kept))
    assert len(small.missing(kept)) == 1


def test_a_run_takes_as_long_as_that_of_its_implementation_else_of_its_recipe(
    tmp_path, monkeypatch
):
    kept = ROOT / "results" / "reference"
    runs = load_results(kept).runs
    needed_s = queue._needed_s(kept, tmp_path)
    own = needed_s(queue.Item("torch-dcgan", 7))
    of_dcgan = runs[(runs["implementation"] == "torch-dcgan") & (runs["images"] == queue.IMAGES)]
    assert 0.5 * of_dcgan["train_s"].min() < own < 2 * of_dcgan["train_s"].max()
    longest = max(needed_s(queue.Item(f"{name}-dcgan", 7)) for name in queue.SEEDS)
    assert needed_s(queue.Item("other-dcgan", 7)) == longest
    monkeypatch.setattr(queue, "RECALL_DURING_TRAINING", ())  # that is time for scores
    every = {needed_s(queue.Item(name, 7)) for name in set(runs["implementation"])}
    assert needed_s(queue.Item("torch-unknown", 0)) == max(every)
    own_batches = needed_s(queue.Item("torch-baseline", 0, own_batches=True))
    as_here = needed_s(queue.Item("torch-baseline", 0))
    times = queue.OWN_BATCHES_IMAGES / queue.IMAGES
    assert own_batches - queue.TO_SCORE_S == pytest.approx(times * (as_here - queue.TO_SCORE_S))


def test_a_workers_finished_runs_say_how_much_slower_its_machine_is(tmp_path, monkeypatch):
    kept, folder = tmp_path / "kept", tmp_path / "work"
    (included,) = (ROOT / "results" / "reference" / "runs").glob("torch-dcgan-mnist-s1-*")
    for results in (kept, folder / "torch-dcgan-s1"):
        shutil.copytree(included, open_results(results, create=True).run(included.name).path)
    record_file = open_results(folder / "torch-dcgan-s1", create=False).run(included.name).record
    record = json.loads(record_file.read_text())
    parts = ("import_s", "warmup_s", "train_s", "sample_s")
    took_s = sum(record[part] for part in parts)
    record_file.write_text(json.dumps(record | {part: 3 * record[part] for part in parts}))
    monkeypatch.setattr(queue, "IMAGES", Record.read(record_file).spec.budget_images)
    needed_s = queue._needed_s(kept, folder)(queue.Item("torch-dcgan", 7))
    assert needed_s == pytest.approx(3 * took_s + queue.TO_SCORE_S)


@pytest.mark.torch
@pytest.mark.process
@pytest.mark.slow
def test_a_worker_that_is_ended_ends_its_run(small, tmp_path, monkeypatch):
    monkeypatch.setattr(small, "IMAGES", 256_000)
    of_other_tests, of_the_run = set(psutil.Process().children()), []

    def end_when_it_trains():
        while not list(tmp_path.glob("work/*/runs/*/events.jsonl")):
            time.sleep(0.1)
        # Descendants alone would not do: the browser of other tests starts processes of its own.
        for child in set(psutil.Process().children()) - of_other_tests:
            with suppress(psutil.NoSuchProcess):
                of_the_run.extend([child, *child.children(recursive=True)])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_when_it_trains, daemon=True).start()
    with pytest.raises(Interrupted):
        small.work(tmp_path / "kept", tmp_path / "work", 0, 0.1, keeper(tmp_path / "kept"))
    _, left = psutil.wait_procs(of_the_run, timeout=30)
    assert of_the_run
    assert left == []


def test_runs_of_frameworks_that_are_not_asked_for_are_left(small, tmp_path):
    kept, folder = tmp_path / "kept", tmp_path / "work"
    small.work(kept, folder, 0, 0.2, keeper(kept), frameworks=("keras", "jax"))
    assert len(small.missing(kept)) == 1


def test_what_another_worker_makes_is_left_to_it(small, tmp_path):
    kept, folder = tmp_path / "kept", tmp_path / "work"
    (item,) = small.missing(kept)
    (folder / "locks").mkdir(parents=True)
    with FileLock(folder / "locks" / f"{item.name}.lock"):
        small.work(kept, folder, 0, 0.2, keeper(kept))
    assert small.missing(kept) == [item]


def test_a_run_of_another_source_is_missing(small, tmp_path, monkeypatch):
    monkeypatch.setattr(small, "IMAGES", 120_000)
    kept = ROOT / "results" / "reference"
    (record,) = [r for r in load_results(kept).records.values() if is_first(r.spec)]
    monkeypatch.setattr(small, "source_sha256", lambda implementation: record.spec.source_sha256)
    assert small.missing(kept) == []
    monkeypatch.setattr(small, "source_sha256", lambda implementation: "other")
    assert len(small.missing(kept)) == 1


def is_first(spec):
    return (spec.implementation.name, spec.seed, spec.budget_images) == ("torch-dcgan", 0, 120_000)
