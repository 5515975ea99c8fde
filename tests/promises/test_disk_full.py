"""A full disk gives an error of one sentence; the last checkpoint stays, and the run can resume."""

import json
import os
import resource
import subprocess
from pathlib import Path

import pytest

from bench import same_bits
from gan_bench.results.events import EventWriter, read_events
from gan_bench.results.training_files import last_checkpoint

MANY = ("--steps", "300", "--evaluations", "3", "--samples", "150", "--keep-samples")
FILLS = """
def fill(self):
    marker, disk = Path({marker!r}), Path({disk!r})
    if marker.exists(): return
    marker.touch()
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True: file.write(b"x" * 4096)
        except OSError: pass

def train(self, batches, draws):
    losses = super().train(batches, draws)
    self.chunks = getattr(self, "chunks", 0) + 1
    if {when!r} == "train" and self.chunks == 5: self.fill()
    return losses

def save(self, path):
    if {when!r} == "save" and self._steps_done > 200: self.fill()
    super().save(path)

def sample(self, latents, labels=None):
    if {when!r} == "sample" and self._steps_done > 200: self.fill()
    return super().sample(latents)
"""


@pytest.fixture
def disk(tmp_path):
    """Mount a separate small file system."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize(
    "when", ["train", *(pytest.param(when, marks=pytest.mark.long) for when in ("save", "sample"))]
)
def test_a_full_disk_ends_the_plan_and_the_same_command_continues(bench, plugin, disk, when):
    marker = bench.folder / "marker"
    target = plugin("fills", FILLS.format(marker=str(marker), disk=str(disk), when=when))
    results = str(disk / "results")
    done = bench("run", target, plugin("other"), *MANY, "--results", results)
    assert done.code == 2
    assert "There is no space left" in done.err and "the same command resumes" in done.err
    (folder,) = bench.run_folders(results)
    found = last_checkpoint(folder / "checkpoints")
    assert found is not None and found[0] == 150
    if (folder / "record.json").exists():
        record = json.loads((folder / "record.json").read_text())
        assert record["status"] == "killed" and "no space left" in record["reason"]
    (disk / "filler").unlink()
    assert bench("run", target, plugin("other"), *MANY, "--results", results).code == 0
    assert bench("run", target, *MANY, "--results", "calm").code == 0
    name = folder.name
    same_bits(Path(results) / "runs" / name, bench.folder / "calm" / "runs" / name)


@pytest.mark.long
def test_scoring_on_a_full_disk_is_reported_and_repeated(bench, plugin, disk):
    results = str(disk / "results")
    target = plugin("gan")
    assert bench("run", target, *MANY, "--results", results).code == 0
    (folder,) = bench.run_folders(results)
    before = {path.name: path.read_bytes() for path in (folder / "snapshots").iterdir()}
    for path in (folder / "scores").iterdir():
        path.unlink()
    fill(disk)
    done = bench("run", target, *MANY, "--results", results)
    assert done.code == 2 and "There is no space left" in done.err
    assert {p.name: p.read_bytes() for p in (folder / "snapshots").iterdir()} == before
    (disk / "filler").unlink()
    assert bench("run", target, *MANY, "--results", results).code == 0


def test_a_report_on_a_full_disk_leaves_the_old_one(bench, plugin, disk):
    assert bench("run", plugin("gan"), *MANY).code == 0
    out = disk / "report"
    assert bench("report", "--out", str(out)).code == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    fill(disk)
    done = bench("report", "--out", str(out), "--title", "Another")
    assert done.code == 2 and "The report cannot be written" in done.err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.long
def test_a_limit_on_file_sizes_is_a_full_disk(bench, plugin):
    target = plugin(
        "limited",
        """
        def train(self, batches, draws):
            import resource
            if not Path("MARKER").exists():
                Path("MARKER").touch()
                resource.setrlimit(resource.RLIMIT_FSIZE, (2048, resource.RLIM_INFINITY))
            return super().train(batches, draws)
        """.replace("MARKER", str(bench.folder / "marker")),
    )
    done = bench("run", target, *MANY)
    assert done.code == 2 and "There is no space left" in done.err
    assert bench.records()["limited"]["status"] == "killed"
    assert bench("run", target, *MANY).code == 0


def test_a_journal_that_cannot_be_written_raises_and_keeps_whole_lines(tmp_path):
    path = tmp_path / "events.jsonl"
    events = EventWriter(path)
    events.write("start", pid=1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            events.write("heartbeat", step=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    events.write("heartbeat", step=2)  # the same writer continues once there is space
    EventWriter(path).write("start", pid=2)
    found = [(event["event"], event.get("step")) for event in read_events(path)]
    assert found == [("start", None), ("heartbeat", 2), ("start", None)]


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
