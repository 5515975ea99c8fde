"""``gan-bench speed`` from the command line, with trainers that take no time."""

import io
import json
import re
import signal
import tempfile

import pytest
from rich.console import Console

from bench import complaint
from gan_bench.analysis.speed import figures
from gan_bench.cli.views.speed import print_speed
from gan_bench.errors import UsageError
from gan_bench.launch import speed as launched
from gan_bench.launch import speed_members
from gan_bench.results.load import load_results
from gan_bench.results.speed import SpeedStudy
from gan_bench.system.locks import device_lock

SHORT = ("--dataset", "mnist-5k", "--device", "cpu", "--threads", "1", "--minutes", "0.001")
SLEEPS = """
def train(self, batches, draws):
    import time
    time.sleep({seconds} * len(batches))
    return super().train(batches, draws)
"""


@pytest.fixture
def quick(monkeypatch):
    """Let turns take an instant."""
    monkeypatch.setattr(launched, "_SHORTEST_TURN_S", 0.02)


@pytest.fixture
def measured(bench, quick):
    """Measure targets; return the finished command and its JSON."""

    def measure(*arguments):
        done = bench.here("speed", *arguments, *SHORT, "--json")
        return done, json.loads(done.out)

    return measure


def speed_lines(found):
    """Return the lines of the table, by their first word."""
    console = Console(width=300, file=io.StringIO())
    print_speed(console, found)
    lines = console.file.getvalue().splitlines()
    return {line.split()[0]: line for line in lines if line.strip()}


def studies(bench):
    return [
        SpeedStudy.read(path) for path in sorted((bench.folder / "results/local/speed").iterdir())
    ]


@pytest.mark.slow
@pytest.mark.process
def test_a_study_says_which_is_faster_and_keeps_every_turn(bench, plugin, measured):
    slow, fast = (plugin(name, SLEEPS.format(seconds=s)) for name, s in (("a", 0.02), ("b", 0.005)))
    done, shown = measured(slow, fast)
    assert done.code == 0, done.err
    rows = shown["implementations"]
    assert [row["implementation"] for row in rows] == ["b", "a"]
    assert rows[0]["ratio"] == rows[0]["ratio_low"] == 1
    assert rows[1]["ratio_low"] < rows[1]["ratio"] < rows[1]["ratio_high"] < 1
    for row in rows:
        assert row["import_s"] > 0 and row["first_step_s"] >= 0.005 and row["peak_rss_mb"] > 10
    (study,) = studies(bench)
    assert study.ended == "time" and study.targets[0].spec.threads == 1
    assert [repeat.number for repeat in study.repeats] == [1, 2, 3][: len(study.repeats)]
    assert sorted(turn.target for turn in study.repeats[0].turns) == [0, 1]
    turn = study.repeats[0].turns[0]
    spec = study.targets[turn.target].spec
    assert turn.images == turn.steps * spec.images_per_step and turn.machine_gflops > 0
    results = load_results(bench.folder / "results/local")
    assert results.speeds == (study,) and results.left_out == ()
    assert bench("doctor", "--results", "results/local").code == 0
    for name in ("a", "b"):
        assert f"] {name}: ready in " in done.err


@pytest.mark.slow
@pytest.mark.process
def test_what_fails_is_left_out_with_its_reason_and_the_others_are_measured(plugin, measured):
    broken = plugin("broken", "def train(self, batches, draws):\n    raise RuntimeError('no, sir')")
    diverging = plugin(
        "diverging",
        "def train(self, batches, draws):\n"
        "    return {n: np.nan * v for n, v in super().train(batches, draws).items()}\n",
    )
    dies = plugin("dies", "def train(self, batches, draws):\n    os._exit(3)")
    done, shown = measured(broken, plugin("good"), diverging, dies)
    assert done.code == 1
    by_name = {row["implementation"]: row for row in shown["implementations"]}
    assert by_name["good"]["turns"] + by_name["good"]["discarded"] >= 3
    assert by_name["good"]["reason"] is None
    assert "no, sir" in by_name["broken"]["reason"] and by_name["broken"]["turns"] == 0
    assert "not finite at step 1" in by_name["diverging"]["reason"]
    assert by_name["dies"]["reason"].startswith("ended with exit code 3")
    assert "broken is left out: " in done.err


@pytest.mark.slow
@pytest.mark.process
def test_one_that_fails_later_keeps_its_turns(bench, plugin, measured):
    later = plugin(
        "later",
        "def train(self, batches, draws):\n"
        "    self.calls = getattr(self, 'calls', 0) + 1\n"
        "    if self.calls > 11:\n"
        "        raise RuntimeError('enough')\n"
        "    return super().train(batches, draws)\n",
    )
    done, shown = measured(later, plugin("good"))
    assert done.code == 1 and "later is left out: " in done.err
    (study,) = studies(bench)
    assert {turn.target for _, turn in study.turns} == {0, 1}
    by_name = {row["implementation"]: row for row in shown["implementations"]}
    assert by_name["later"]["turns"] + by_name["later"]["discarded"] == 1
    assert "enough" in by_name["later"]["reason"]
    lines = speed_lines(figures(study))
    assert "enough" in lines["later"] and "error" not in lines["good"]
    assert [target.reason is None for target in study.targets] == [False, True]


@pytest.mark.slow
@pytest.mark.process
def test_without_room_for_all_they_take_turns_in_groups_with_common_members(
    bench, plugin, measured, monkeypatch
):
    monkeypatch.setattr(speed_members, "available_memory_mb", lambda: 0.0)
    names = ("a", "b", "c", "d")
    targets = [plugin(n, SLEEPS.format(seconds=0.002 * (1 + k))) for k, n in enumerate(names)]
    done, shown = measured(*targets)
    assert done.code == 0, done.err
    (study,) = studies(bench)
    members = {
        group: {turn.target for r in study.repeats if r.group == group for turn in r.turns}
        for group in {repeat.group for repeat in study.repeats}
    }
    assert members == {1: {0, 1}, 2: {0, 1, 2, 3}}
    assert all(row["ratio"] is not None for row in shown["implementations"])
    assert any("2 groups" in remark for remark in shown["remarks"])


@pytest.mark.slow
@pytest.mark.process
def test_a_group_ends_early_when_the_memory_is_nearly_full_and_loses_nobody(
    bench, plugin, measured, monkeypatch
):
    free = iter([1e9] * 6)  # three of them while five processes start
    monkeypatch.setattr(speed_members, "available_memory_mb", lambda: next(free, 0.0))
    done, shown = measured(*(plugin(name) for name in "abcde"))
    assert done.code == 0, done.err
    assert "The memory is nearly full" in done.err
    (study,) = studies(bench)
    assert len(study.repeats[0].turns) == 3 and study.repeats[-1].group > 1
    for row in shown["implementations"]:
        assert row["turns"] + row["discarded"] >= 3 and row["ratio"] is not None


@pytest.mark.slow
@pytest.mark.process
def test_values_of_one_implementation_are_compared(plugin, measured):
    done, shown = measured(plugin("gan"), "--set", "batch_size=8,16")
    assert done.code == 0, done.err
    names = {row["implementation"] for row in shown["implementations"]}
    assert names == {"gan (batch_size=8)", "gan (batch_size=16)"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("torch-dcgam",), "torch-dcgam"),
        (("torch-dcgan", "--device", "tpu"), "There is no device 'tpu'"),
        (("torch-dcgan", "--preset", "fast"), "There is no preset 'fast'"),
        (("torch-dcgan", "--threads", "0"), "threads"),
        (("torch-dcgan", "--set", "nonsense=1"), "has the field .nonsense."),
    ],
)
def test_bad_input_is_refused_in_a_sentence(cli, arguments, said):
    assert re.search(said, complaint(cli("speed", *arguments)))
    assert not (cli.folder / "results").exists()


@pytest.mark.parametrize("option", [("--within", "0"), ("--minutes", "0"), ("--minutes", "nan")])
def test_limits_out_of_range_are_refused(cli, option):
    done = cli("speed", "torch-dcgan", *option)
    assert done.code == 2 and option[0] in done.err


@pytest.mark.process
def test_a_device_in_use_is_refused(bench, plugin, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(bench.folder))
    with device_lock("cpu", "another command", wait=False):
        done = bench.here("speed", plugin("gan"), *SHORT)
    assert "The device cpu is in use by" in complaint(done)


@pytest.mark.long
@pytest.mark.process
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_study_keeps_its_repeats_and_prints_them(bench, plugin, number, code):
    targets = [plugin(name, SLEEPS.format(seconds=0.01)) for name in ("a", "b")]
    process = bench.start("speed", *targets, *SHORT[:-1], "10", "--within", "0.1")
    for line in process.stderr:
        if line.startswith("Repeat 3"):
            process.send_signal(number)
            break
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "of fastest" in out and "Interrupted" in err
    (study,) = studies(bench)
    assert study.ended == "interrupted" and len(study.repeats) >= 3


def test_a_study_of_another_version_is_named(tmp_path, cli):
    path = tmp_path / "results/local/speed/old.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"schema_version": 9}')
    with pytest.raises(UsageError, match=r"speed study .*another version"):
        SpeedStudy.read(path)
