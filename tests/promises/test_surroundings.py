"""Unusual environments: unwritable or missing homes, odd paths, locales, clocks, terminals."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios

import pytest

from gan_bench.results.events import parse_event

SHORT = ("--images", "512", "--evaluations", "2", "--samples", "150", "--metrics", "fid")


def without(bench, *names):
    for name in names:
        bench.environment.pop(name, None)


@pytest.mark.long
def test_an_unwritable_home_is_told_once_and_costs_no_score(bench, plugin):
    (bench.folder / "home").write_text("no folder, so nobody may write below it")
    without(bench, "XDG_CACHE_HOME")
    home = {"HOME": str(bench.folder / "home")}
    target = plugin("gan")
    dry = bench("run", target, *SHORT, "--dry-run", **home)
    assert not list(bench.folder.glob("gan-bench-cache-*"))
    done = bench("run", target, *SHORT, **home)
    assert done.code == 0, done.out
    for each in (dry, done):
        assert each.err.count("home is not a folder") == 1
        assert each.err.count("is used instead") == 1
    (instead,) = bench.folder.glob("gan-bench-cache-*")
    assert list((instead / "reference").iterdir())
    for command in (
        ("score", "mnist-5k:test:50", "mnist-5k:train:50", "--metrics", "fid"),
        ("report",),
    ):
        assert bench(*command, **home).code == 0
    found = json.loads(bench("doctor", "--json", **home).out)
    assert next(f for f in found if f["what"] == "cache")["state"] == "missing"


@pytest.mark.process
@pytest.mark.long
def test_no_cache_does_not_touch_an_unwritable_one(bench, plugin):
    (bench.folder / "nocache").touch()
    cache = {"XDG_CACHE_HOME": str(bench.folder / "nocache")}
    assert bench("run", plugin("gan"), *SHORT, "--no-cache", **cache).code == 0
    assert not list(bench.folder.glob("gan-bench-cache-*"))


def test_no_home_at_all(bench, plugin):
    without(bench, "XDG_CACHE_HOME", "HOME", "USER", "LOGNAME")
    bench.environment["XDG_CACHE_HOME"] = str(bench.folder / "cache")
    assert bench("run", plugin("gan"), *SHORT).code == 0
    assert bench("doctor").code == 0


@pytest.mark.long
@pytest.mark.parametrize("name", ["größer, 更大", "with a space", "-dash", "quote'\"$(x)"])
def test_folders_of_any_name(bench, plugin, name):
    (bench.folder / name).mkdir()
    target = plugin("gan")
    (bench.folder / "gan.py").rename(bench.folder / name / "gan.py")
    for language in ("C.UTF-8", "C"):
        results = f"./{name}/results {language}"
        environment = {"LANG": language, "LC_ALL": language}
        done = bench("run", f"./{name}/gan.py", *SHORT, "--results", results, **environment)
        assert done.code == 0, done.out + done.err
        out = f"./{name}/report"
        assert bench("report", "--results", results, "--out", out, **environment).code == 0
        assert bench("status", "--results", results, **environment).code == 0
    assert target == "./gan.py"


def test_a_clock_that_jumps_does_not_change_measured_times(bench, plugin):
    body = """
    def train(self, batches, draws):
        import gan_bench.results.events as events
        self.jumps = getattr(self, "jumps", 0) + 1
        events.time = lambda: [4e9, 0.0, 1e3][self.jumps % 3]
        return super().train(batches, draws)
    """
    assert bench("run", plugin("jumps", body), *SHORT).code == 0
    record = bench.records()["jumps"]
    assert record["status"] == "ok"
    for name in ("import_s", "setup_s", "warmup_s", "sample_s"):
        assert 0 <= record[name] < 60, name
    assert bench("status").code == 0


def test_events_with_impossible_times_are_skipped():
    line = {"event": "heartbeat", "attempt": 1, "step": 1, "time": 1.0}
    assert parse_event(json.dumps(line).encode()) == line
    for time in (-1.0, None, "1", True):
        assert parse_event(json.dumps(line | {"time": time}).encode()) is None
    assert parse_event(b'{"event": "heartbeat", "attempt": 1, "step": 1, "time": 1e999}') is None


@pytest.mark.parametrize("columns", [20, pytest.param(240, marks=pytest.mark.long)])
def test_a_terminal_of_any_width(bench, plugin, columns):
    target = plugin("gan")
    without(bench, "COLUMNS")
    for arguments in (("run", target, *SHORT), ("status",), ("list",), ("show", "gan")):
        code, text = in_terminal(bench, columns, *arguments)
        assert code == 0, text
        assert "Traceback" not in text


@pytest.mark.long
def test_doctor_in_a_narrow_terminal(bench):
    without(bench, "COLUMNS")
    code, text = in_terminal(bench, 20, "doctor")
    assert code == 0, text
    assert "Traceback" not in text


def in_terminal(bench, columns, *arguments):
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        bench.command(*arguments),
        cwd=bench.folder,
        env=bench.environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            block = os.read(leader, 65_536)
        except OSError:  # the other side is closed
            break
        if not block:
            break
        shown += block
    os.close(leader)
    return process.wait(timeout=120), shown.decode(errors="replace")
