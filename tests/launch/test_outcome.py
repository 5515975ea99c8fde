"""Clocks from events: each step's time once, whatever kills made the harness repeat."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from bench import STORED_GATE
from gan_bench.launch.circumstances import Watch, with_gpu
from gan_bench.launch.outcome import Outcome, make_record
from gan_bench.plan import Budget, RunSpec
from gan_bench.plugins.registry import Implementation
from gan_bench.results.events import EventWriter
from gan_bench.results.layout import RunFolder
from gan_bench.results.record import RECORD_SCHEMA_VERSION, Provenance, Record
from gan_bench.system.devices import Machine
from gan_bench.system.nvml import Gpu, GpuWatch

SPEC = RunSpec(
    implementation=Implementation(
        name="numpy-fake", framework="numpy", recipe="fake", attribute="Fake", module="fake"
    ),
    source_sha256="0" * 64,
    recipe_values={"batch_size": 10},
    dataset="mnist-5k",
    data_sha256="1" * 64,
    train_images=4000,
    budget=Budget(unit="steps", amount=8),
    steps=8,
    images_per_step=10,
    multiply_adds_per_step=1_000_000,
    seed=0,
    chunk_steps=2,
    evaluation_steps=(0, 4, 8),
    samples=100,
    device="cpu",
    threads=2,
    versions={"python": "3.11"},
)


def attempt(folder, chunks, snapshots=()):
    events = EventWriter(folder.events)
    events.write("start", pid=1)
    events.write("ready", step=chunks[0][0], import_s=1, data_s=1, setup_s=1, paired=True)
    for number, (first, seconds) in enumerate(chunks):
        events.write(
            "chunk",
            first_step=first,
            step=first + 2,
            seconds=seconds,
            warmup=number == 0,
            means={},
        )
        if first + 2 in snapshots:
            events.write("snapshot", step=first + 2, seconds=0.5)


def record(folder, exclusive=True):
    machine = Machine(system="x", cpu="y", cores=2, memory_gb=1, gpus=())
    around = Provenance(
        machine=machine,
        probe_gflops_before=0.01,
        probe_gflops_after=0.03,
        device_exclusive=exclusive,
    )
    outcome = Outcome(status="ok", reason=None)
    return make_record(folder, SPEC, outcome, around)


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


def test_an_undisturbed_run(folder):
    attempt(folder, [(0, 7.0), (2, 1.0), (4, 1.0), (6, 2.0)], snapshots=(4, 8))
    made = record(folder)
    assert (made.warmup_s, made.train_s, made.resume_s) == (7.0, 4.0, None)
    assert made.images_per_s == 6 * 10 / 4.0
    assert made.untimed_steps == 0
    assert [(p.step, p.images, p.train_s) for p in made.evaluation_points] == [
        (4, 40, 8.0),
        (8, 80, 11.0),
    ]
    # 1.5 steps a second of 1e6 multiply-adds are 3 MFLOP/s of the 20 that the probe found.
    assert made.multiply_adds_fraction == pytest.approx(3e6 / 0.02e9)
    assert record(folder, exclusive=False).multiply_adds_fraction is None


def test_a_chunk_that_was_timed_before_the_kill_keeps_its_time(folder):
    attempt(folder, [(0, 7.0), (2, 1.0), (4, 1.5)], snapshots=(4,))
    attempt(folder, [(4, 9.0), (6, 2.0)], snapshots=(8,))
    made = record(folder)
    assert (made.warmup_s, made.train_s, made.resume_s) == (7.0, 4.5, 9.0)
    assert made.untimed_steps == 0
    assert made.evaluation_points[-1].train_s == 11.5
    assert made.attempts == 2


def test_a_chunk_whose_only_time_is_a_warm_up_is_untimed(folder):
    attempt(folder, [(0, 7.0), (2, 1.0)], snapshots=(4,))
    attempt(folder, [(4, 9.0), (6, 2.0)], snapshots=(8,))
    made = record(folder)
    assert (made.warmup_s, made.train_s, made.resume_s) == (7.0, 3.0, 9.0)
    assert made.untimed_steps == 2
    assert [p.train_s for p in made.evaluation_points] == [8.0, None]
    assert made.images_per_s == 4 * 10 / 3.0


def test_a_kill_within_the_first_chunk_leaves_the_second_attempts_warm_up(folder):
    EventWriter(folder.events).write("start", pid=1)
    attempt(folder, [(0, 7.0), (2, 1.0), (4, 1.0), (6, 2.0)], snapshots=(8,))
    made = record(folder)
    assert (made.warmup_s, made.resume_s, made.untimed_steps) == (7.0, None, 0)


def test_a_run_without_events_has_no_figures(folder):
    made = record(folder)
    assert (made.warmup_s, made.train_s, made.images_per_s, made.attempts) == (None, None, None, 0)
    assert made.evaluation_points == ()


def test_the_cards_of_earlier_attempts_are_in_the_record(folder):
    """A scheduler may resume a run on another card."""
    for card in ("GPU A, 80 GiB", "GPU B, 140 GiB", "GPU A, 80 GiB"):
        facts = {"step": 0, "import_s": 1, "data_s": 1, "setup_s": 1, "paired": True}
        EventWriter(folder.events).write("ready", card=card, **facts)
    watch = GpuWatch(Gpu(name="GPU B", uuid="GPU-1", memory_gb=139.8))
    made = with_gpu(record(folder).circumstances, watch, folder, SPEC)
    assert (made.gpu.card, made.earlier_cards) == ("GPU B, 140 GiB", ("GPU A, 80 GiB",))
    assert (made.gpu_use, made.device_exclusive) == (None, None)


def test_a_record_of_the_version_before_is_read():
    path = sorted(STORED_GATE.glob("unchanged/runs/*/record.json"))[0]
    written = json.loads(path.read_text())
    assert written["schema_version"] == 1 and "files" not in written
    read = Record.read(path)
    assert read.schema_version == RECORD_SCHEMA_VERSION == 2
    assert read.files is None
    kept = read.model_dump(mode="json", exclude={"schema_version", "files"})
    # These came later.
    assert kept["spec"].pop("losses") == ["generator", "discriminator", "d_real", "d_fake"]
    assert kept["spec"].pop("precision") == "ieee"
    assert kept["spec"].pop("own_loop") is False
    assert kept["spec"].pop("conditional") is False
    assert kept["spec"].pop("gpu") is None
    assert kept["spec"].pop("recipe_defaults") is None
    assert kept["circumstances"].pop("job") is None
    assert [kept["circumstances"].pop(name) for name in ("gpu", "gpu_use")] == [None, None]
    assert kept["circumstances"].pop("gpu_gb_per_s") is None
    assert kept["circumstances"].pop("earlier_cards") == []
    assert kept["circumstances"]["machine"].pop("gpu_problem") is None
    assert kept == {name: value for name, value in written.items() if name != "schema_version"}


@pytest.mark.parametrize("name", ["../escape", "/root", "a/b", ".hidden", "a\\b", "", "x" * 300])
def test_a_name_is_no_path(name):
    values = SPEC.implementation.model_dump() | {"name": name}
    with pytest.raises(ValidationError):
        Implementation.model_validate(values)


@pytest.mark.parametrize("figure", ["1e999", float("nan"), float("inf")])
def test_a_machine_has_no_figure_that_is_not_finite(figure):
    values = {"system": "Linux", "cpu": "fast", "cores": 2, "gpus": (), "memory_gb": figure}
    with pytest.raises(ValidationError, match="finite"):
        Machine.model_validate(values)
    assert Machine.model_validate(values | {"memory_gb": 8}).memory_gb == 8


@pytest.mark.process
def test_the_first_end_of_a_watch_counts():
    watch = Watch(SPEC)
    watch.stop(1e9, measure=False)
    watch.stop(-1e9, measure=True)
    around = watch.provenance(RunFolder(Path("none")), "command")
    assert (around.other_load, around.probe_gflops_after) == (0.0, None)
