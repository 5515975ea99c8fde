"""Mutated files give a `GanBenchError` or a valid result, nothing else.

`nox -s fuzz` tries 10,000 of each kind.
"""

import contextlib
import copy
import gzip
import json
import math
import os
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import ROOT
from gan_bench.data import idx
from gan_bench.errors import GanBenchError
from gan_bench.gate.baseline import Baseline
from gan_bench.plan.request import read_plan_file, request
from gan_bench.recipe import LOSSES
from gan_bench.results.events import EventTail, EventWriter, parse_event
from gan_bench.results.external import read_published
from gan_bench.results.layout import RunFolder
from gan_bench.results.load import load_results
from gan_bench.results.losses import read_losses
from gan_bench.results.record import Record
from gan_bench.results.scores import Scores
from gan_bench.results.training_files import (
    last_checkpoint,
    write_array,
    write_checkpoint,
    write_images,
)
from gan_bench.schedulers.base import schedulers
from gan_bench.scoring.images import open_images
from report_folder import add_run, run_spec, scores_of

EXAMPLES = int(os.environ.get("GAN_BENCH_EXAMPLES", "60"))
LONGEST_S = 10

fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=LONGEST_S),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)

ODD = st.sampled_from(
    [
        *(None, True, -1, 0, 2**31, 2**63, -(2**70), 1e308, -0.0, "", "x" * 5000, "\x00", "\ud800"),
        *(float("nan"), float("inf"), [], {}, [[]], {"": None}, "../../etc/passwd", "0", "1e999"),
    ]
).map(copy.deepcopy)  # later draws may change earlier ones


@st.composite
def mutated_bytes(draw, content: bytes) -> bytes:
    """Draw mutations: bits flipped; ranges removed, doubled or replaced; the end cut off."""
    value = bytearray(content)
    for _ in range(draw(st.integers(1, 6))):
        if not value:
            break
        kind = draw(st.sampled_from(["flip", "cut", "double", "insert", "end"]))
        at = draw(st.integers(0, len(value) - 1))
        to = min(len(value), at + draw(st.integers(1, 64)))
        if kind == "flip":
            value[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del value[at:to]
        elif kind == "double":
            value[at:at] = value[at:to]
        elif kind == "insert":
            value[at:at] = draw(st.binary(min_size=1, max_size=32))
        else:
            del value[at:]
    return bytes(value)


def places(value, path=()):
    """Yield the path of every place in a JSON value."""
    yield path
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in children:
        yield from places(child, (*path, key))


@st.composite
def mutated_json(draw, content: bytes) -> bytes:
    """Draw mutations of places (replaced, removed, with a new neighbour) or of bytes."""
    if draw(st.booleans()):
        return draw(mutated_bytes(content))
    value = json.loads(content)
    for _ in range(draw(st.integers(1, 3))):
        every = [path for path in places(value) if path]
        if not every:
            break
        path = draw(st.sampled_from(every))
        holder = value
        for key in path[:-1]:
            holder = holder[key]
        kind = draw(st.sampled_from(["odd", "odd", "odd", "remove", "add"]))
        if kind == "odd":
            holder[path[-1]] = draw(ODD)
        elif kind == "remove":
            del holder[path[-1]]
        elif isinstance(holder, dict):
            holder[draw(st.text(max_size=5))] = draw(ODD)
        else:
            holder.append(draw(ODD))
    text = json.dumps(value)
    if draw(st.integers(0, 9)) == 0:
        text = text.replace("null", "[" * 5000 + "]" * 5000, 1)
    return text.encode(errors="surrogatepass")


def finite(value) -> bool:
    """Return whether every number in a JSON value is finite."""
    if isinstance(value, dict):
        return all(finite(child) for child in value.values())
    if isinstance(value, list | tuple):
        return all(finite(child) for child in value)
    return not isinstance(value, float) or math.isfinite(value)


@pytest.fixture
def run(tmp_path) -> RunFolder:
    losses = np.random.default_rng(0).normal(size=(600, 4))
    scores = [scores_of({0: 90.0, 300: 30.0, 600: 20.0})]
    return add_run(tmp_path / "results", run_spec(), scores=scores, losses=losses, grids=(0, 600))


@pytest.fixture
def whole(run, tmp_path) -> Path:
    """A copy of the run's folder without mutations."""
    return shutil.copytree(run.path, tmp_path / "whole")


@fuzzed
@given(data=st.data())
def test_records(run, whole, data):
    run.record.write_bytes(data.draw(mutated_json((whole / "record.json").read_bytes())))
    with contextlib.suppress(GanBenchError):
        assert finite(Record.read(run.record).model_dump(exclude={"spec"}))
    found = load_results(run.path.parents[1])
    assert len(found.runs) + len(found.left_out) >= 1


@fuzzed
@given(data=st.data())
def test_scores(run, whole, data):
    path = next(run.scores.iterdir())
    path.write_bytes(data.draw(mutated_json((whole / "scores" / path.name).read_bytes())))
    with contextlib.suppress(GanBenchError):
        assert finite(Scores.read(path).model_dump(mode="json"))
    load_results(run.path.parents[1])


@fuzzed
@given(data=st.data())
def test_baselines(tmp_path, data):
    path = tmp_path / "baseline.json"
    path.write_bytes(data.draw(mutated_json(BASELINE)))
    with contextlib.suppress(GanBenchError):
        assert finite(Baseline.read(path).model_dump(mode="json"))


BASELINE = (ROOT / "baselines" / "ci.json").read_bytes()
IMAGES = np.random.default_rng(1).integers(0, 256, (20, 8, 8), dtype=np.uint8)
IDX = idx.header(IMAGES) + IMAGES.tobytes()


@fuzzed
@given(data=st.data(), zipped=st.booleans(), inside=st.booleans())
def test_idx_files(tmp_path, data, zipped, inside):
    """Mutate the file before or after it is compressed."""
    content = data.draw(mutated_bytes(IDX)) if inside else IDX
    content = gzip.compress(content, mtime=0) if zipped else content
    content = content if inside else data.draw(mutated_bytes(content))
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(content)
    with contextlib.suppress(GanBenchError):
        found = idx.read_images(path)
        assert found.dtype == np.uint8 and found.ndim == 3 and found.size > 0


@fuzzed
@given(data=st.data(), suffix=st.sampled_from([".npz", ".npy"]))
def test_arrays_of_images(tmp_path, data, suffix):
    source = tmp_path / f"whole{suffix}"
    if not source.exists():
        images = np.repeat(IMAGES[..., None], 3, axis=3)
        write_images(source, images) if suffix == ".npz" else write_array(source, images)
    path = tmp_path / f"images{suffix}"
    path.write_bytes(data.draw(mutated_bytes(source.read_bytes())))
    with contextlib.suppress(GanBenchError):
        found = open_images(str(path))
        assert sum(len(block) for block in found.read(7)) == found.count


@fuzzed
@given(data=st.data())
def test_losses(run, whole, data):
    run.losses.write_bytes(data.draw(mutated_bytes((whole / "losses.npy").read_bytes())))
    with contextlib.suppress(GanBenchError):
        found = read_losses(run.losses, LOSSES)
        assert found.dtype == np.float32 and found.shape[1] == 4
    load_results(run.path.parents[1])


@pytest.fixture
def journal(tmp_path):
    path = tmp_path / "events.jsonl"
    events = EventWriter(path)
    events.write("start", pid=1)
    events.write("ready", step=0, import_s=1.5, data_s=0.1, setup_s=2.0, paired=True)
    means = {"generator": 0.5, "d_real": None}
    events.write("chunk", first_step=0, step=50, seconds=1.0, warmup=True, means=means)
    events.write("snapshot", step=50, seconds=0.5)
    events.write("failed", kind="oom", reason="enough", step=50, peak_rss_mb=None)
    events.write("done", step=50, peak_rss_mb=100.0, weights_sha256="0" * 64)
    return path


@fuzzed
@given(data=st.data())
def test_journals(journal, data):
    line = data.draw(st.sampled_from(WHOLE_LINES))
    event = parse_event(data.draw(mutated_json(line)))
    assert event is None or finite({k: v for k, v in event.items() if k in NUMBERS})
    mutated = journal.with_name("mutated.jsonl")
    mutated.write_bytes(data.draw(mutated_bytes(journal.read_bytes())))
    for event in EventTail(mutated).new():
        assert event["attempt"] >= 0 and event.get("step", 0) >= 0


NUMBERS = ("attempt", "time", "step", "first_step", "seconds", "import_s", "peak_rss_mb", "means")
WHOLE_LINES = [
    json.dumps({"attempt": 1, "time": 1.0, **values}).encode()
    for values in (
        {"event": "heartbeat", "step": 1},
        {"event": "chunk", "first_step": 0, "step": 5, "seconds": 1, "warmup": True, "means": {}},
        {"event": "done", "step": 5, "peak_rss_mb": 1.5, "weights_sha256": "0"},
    )
]

PLAN = b"""
targets = ["torch-dcgan", "./my_gan.py"]
dataset = "mnist"
images = 60_000
seeds = [0, 5]
samples = 1000
[set.torch-dcgan]
batch_size = 64
[python]
keras = "/usr/bin/python"
"""


@fuzzed
@given(data=st.data())
def test_plan_files(tmp_path, data):
    path = tmp_path / "plan.toml"
    content = data.draw(mutated_bytes(PLAN))
    if data.draw(st.integers(0, 9)) == 0:
        content = b"targets = " + b"[" * 5000 + b"]" * 5000
    path.write_bytes(content)
    with contextlib.suppress(GanBenchError):
        request(read_plan_file(path, schedulers()))


@fuzzed
@given(data=st.data())
def test_published_scores(tmp_path, data):
    path = tmp_path / "published.toml"
    path.write_bytes(data.draw(mutated_bytes(PUBLISHED)))
    with contextlib.suppress(GanBenchError):
        read_published(path)


PUBLISHED = (ROOT / "results" / "reference" / "published.toml").read_bytes()


@fuzzed
@given(data=st.data(), name=st.sampled_from(["state.json", "trainer/weights.bin"]))
def test_checkpoints(tmp_path, data, name):
    folder = tmp_path / "checkpoints"
    whole = write_checkpoint(folder, 50, lambda path: write_weights(path))
    file = whole / name
    content = file.read_bytes()
    mutated = data.draw(mutated_json(content) if name.endswith("json") else mutated_bytes(content))
    file.write_bytes(mutated)
    try:
        found = last_checkpoint(folder)
        assert found == (50, whole / "trainer")
        assert (whole / "trainer" / "weights.bin").read_bytes() == WEIGHTS or name == "state.json"
    except GanBenchError:
        pass
    finally:
        file.write_bytes(content)


WEIGHTS = bytes(range(256))


def write_weights(path: Path) -> None:
    (path / "weights.bin").write_bytes(WEIGHTS)
