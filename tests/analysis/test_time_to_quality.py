"""Quality against time: the FID at equal time, the time to a target FID, the Pareto front."""

import pytest

from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.analysis.time_to_quality import (
    default_target,
    equal_time,
    fid_points,
    pareto_front,
    times_to,
)
from gan_bench.results.load import load_results
from report_folder import add_run, empty_results, run_spec, scores_of

POINTS = (0, 150, 300, 450, 600)


@pytest.fixture
def curve(results):
    """Add a run with these FIDs at the five points; its training ends after ``seconds``."""

    def add(name, fids, seconds=100.0, seed=0, **changes):
        spec = run_spec(name, seed, evaluation_steps=POINTS)
        points = [{"step": s, "images": 100 * s, "train_s": seconds * s / 600} for s in POINTS]
        values = dict(zip(POINTS, fids, strict=True))
        times = {"warmup_s": 10.0, "train_s": seconds - 10.0}
        add_run(
            results,
            spec,
            scores=[scores_of(values)],
            evaluation_points=points,
            **(times | changes),
        )

    return add


@pytest.fixture
def read(results):
    def of():
        frames = load_results(results)
        [group] = summarise(collect_runs(results, frames), frames).groups
        return group, fid_points(group)

    return of


def test_the_slower_is_judged_where_the_faster_has_finished(curve, read):
    curve("torch-dcgan", (80, 40, 30, 25, 20), seconds=100)
    curve("keras-dcgan", (80, 30, 20, 15, 10), seconds=400)
    equal = equal_time(*read())
    assert (equal.seconds, equal.fastest) == (100.0, "torch-dcgan")
    assert equal.fids["torch-dcgan"].values == (20.0,)
    assert equal.fids["keras-dcgan"].values == (30.0,)


def test_between_two_points_the_curve_is_straight(curve, read):
    curve("torch-dcgan", (80, 40, 30, 25, 20), seconds=100)
    curve("keras-dcgan", (80, 40, 20, 15, 10), seconds=266.6666666666667)
    equal = equal_time(*read())  # 100 s are halfway between steps 150 and 300
    assert equal.fids["keras-dcgan"].mean == pytest.approx(30.0)


def test_two_points_are_no_curve(results, read):
    for name in ("torch-dcgan", "keras-dcgan"):
        add_run(results, run_spec(name), scores=[scores_of({0: 80.0, 600: 20.0})])
    assert equal_time(*read()) is None


def test_the_target_is_reached_where_the_line_crosses_it(curve, read):
    curve("torch-dcgan", (80, 40, 30, 25, 20), seconds=100, seed=0)
    curve("torch-dcgan", (80, 60, 50, 45, 41), seconds=100, seed=1)
    curve("torch-dcgan", (80, 35, 50, 45, 41), seconds=100, seed=2)  # once below is reached
    found = times_to(38.0, *read())["torch-dcgan"]
    assert found.reached == 2
    assert found.seeds == 3
    assert found.seconds.by_seed == pytest.approx({0: 25 + 25 * 0.2, 2: 25 * 42 / 45})


def test_a_target_above_the_untrained_generator_takes_no_time(curve, read):
    curve("torch-dcgan", (80, 40, 30, 25, 20))
    assert times_to(90.0, *read())["torch-dcgan"].seconds.values == (0.0,)


def test_a_target_that_none_reaches_is_counted(curve, read):
    curve("torch-dcgan", (80, 40, 30, 25, 20))
    found = times_to(1.0, *read())["torch-dcgan"]
    assert (found.reached, found.seeds, found.seconds) == (0, 1, None)


def test_a_seed_that_failed_has_not_reached_it(curve, results, read):
    curve("torch-dcgan", (80, 40, 30, 25, 20))
    add_run(results, run_spec(seed=1, evaluation_steps=POINTS), status="diverged", reason="nan")
    found = times_to(38.0, *read())["torch-dcgan"]
    assert (found.reached, found.seeds) == (1, 2)


def test_a_resumed_run_has_no_time(curve, results, read):
    curve("torch-dcgan", (80, 40, 30, 25, 20))
    spec = run_spec("torch-dcgan", 1, evaluation_steps=POINTS)
    points = [{"step": s, "images": 100 * s, "train_s": None if s else 0.0} for s in POINTS]
    scores = [scores_of(dict.fromkeys(POINTS, 20.0))]
    add_run(results, spec, scores=scores, evaluation_points=points, untimed_steps=600)
    assert times_to(50.0, *read())["torch-dcgan"].seeds == 1


def test_each_data_set_has_a_target_or_none(curve, results, read):
    curve("torch-dcgan", (80, 40, 30, 25, 20))
    group, _ = read()
    assert default_target(group) == 30.0
    other = empty_results(results.parent / "other")
    add_run(other, run_spec(dataset="unknown"), scores=[scores_of({600: 20.0})])
    frames = load_results(other)
    [unknown] = summarise(collect_runs(other, frames), frames).groups
    assert default_target(unknown) is None


@pytest.mark.parametrize(
    ("at", "front"),
    [
        ({"a": (1, 3), "b": (2, 2), "c": (3, 1)}, ["a", "b", "c"]),
        ({"a": (1, 1), "b": (2, 2), "c": (3, 3)}, ["a"]),
        ({"a": (1, 3), "b": (1, 2), "c": (3, 2)}, ["b"]),
        ({"a": (1, 1), "b": (1, 1)}, ["a", "b"]),
        ({"a": (5, 1), "b": (1, 5), "c": (4, 4), "d": (3, 4)}, ["b", "d", "a"]),
    ],
)
def test_the_front_has_those_that_no_other_beats_in_both(at, front):
    assert pareto_front(at) == front
