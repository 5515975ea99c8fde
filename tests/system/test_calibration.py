"""What a record says of the machine during a run."""

import os
from typing import NamedTuple

import psutil
import pytest

from gan_bench.system.calibration import LoadMeter, gpu_rates


class Times(NamedTuple):
    """What psutil tells of one processor, on a system that tells no more."""

    user: float
    system: float
    idle: float


BEFORE = [Times(user=100.0, system=0.0, idle=900.0)] * 4
USED_S = (0.0, 5.0, 10.0, 0.0)
AFTER = [
    t._replace(user=t.user + s, idle=t.idle + 10 - s) for t, s in zip(BEFORE, USED_S, strict=True)
]


@pytest.mark.parametrize(
    ("processors", "load"),
    [({0}, 0.0), ({1}, 0.5), ({0, 1}, 0.25), ({2}, 1.0), ({0, 1, 2, 3}, 0.375)],
)
def test_the_load_of_others_is_that_on_the_processors_of_the_run(monkeypatch, processors, load):
    """Of ten seconds, others used 0, 5, 10 and 0 on the four processors, and the run none."""
    now = [0.0]
    tables = [BEFORE]
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: processors)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: tables[-1])
    monkeypatch.setattr("gan_bench.system.calibration.time.monotonic", lambda: now[0])
    monkeypatch.setattr("gan_bench.system.calibration.time.process_time", lambda: 0.0)
    meter = LoadMeter()
    now[0] = 10.0
    tables.append(AFTER)
    assert meter.stop(0.0) == pytest.approx(load)
    # What the run itself used is no load of others.
    assert meter.stop(2.0) == pytest.approx(max(0.0, load - 2.0 / (10 * len(processors))))


def test_the_rates_of_a_gpu_are_those_of_work_that_lasts_long_enough(monkeypatch):
    """A product takes 2 ms and a copy 1 ms, and every call 3 ms more."""
    now = [0.0]
    monkeypatch.setattr("gan_bench.system.calibration.time.perf_counter", lambda: now[0])

    def work(seconds, calls):
        def repeat(times):
            calls.append(times)
            now[0] += times * seconds + 0.003

        return repeat

    products, copies = [], []
    gflops, gb_per_s = gpu_rates(work(0.002, products), work(0.001, copies), 1000)
    assert products == [1, 1, 2, 4, 8, 16, 32, 32, 32]  # until they take 50 ms, and twice more
    assert copies == [1, 1, 2, 4, 8, 16, 32, 64, 64, 64]
    assert gflops == pytest.approx(2 * 1000**3 / (0.002 + 0.003 / 32) / 1e9)
    assert gb_per_s == pytest.approx(2 * 4 * 1000**2 / (0.001 + 0.003 / 64) / 1e9)


def test_work_that_ignores_how_often_it_is_repeated_does_not_hang():
    calls = []
    gpu_rates(calls.append, calls.append, 1000)
    assert max(calls) == 1 << 16
