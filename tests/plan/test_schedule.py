"""Chunks and evaluation points: pure, on chunk boundaries, spread evenly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_bench.plan.schedule import LONGEST_CHUNK_STEPS, chunk_steps, evaluation_steps


@given(steps=st.integers(1, 30_000), evaluations=st.integers(2, 40))
def test_every_point_but_the_end_lies_on_a_chunk_boundary(steps, evaluations):
    chunk = chunk_steps(steps, evaluations)
    points = evaluation_steps(steps, evaluations)
    assert 1 <= chunk <= LONGEST_CHUNK_STEPS
    assert points[0] == 0 and points[-1] == steps
    assert all(point % chunk == 0 for point in points[:-1])
    assert list(points) == sorted(set(points))


@given(evaluations=st.integers(2, 40), more=st.integers(0, 30_000))
def test_there_are_as_many_points_as_asked_for_where_there_are_steps_enough(evaluations, more):
    steps = evaluations - 1 + more
    assert len(evaluation_steps(steps, evaluations)) == evaluations


@given(steps=st.integers(1_000, 30_000), evaluations=st.integers(3, 20))
def test_points_are_spread_evenly_to_within_a_chunk(steps, evaluations):
    points = evaluation_steps(steps, evaluations)
    chunk = chunk_steps(steps, evaluations)
    for i, point in enumerate(points):
        assert abs(point - i * steps / (evaluations - 1)) <= chunk


@pytest.mark.parametrize(
    ("steps", "evaluations", "expected"),
    [(32, 5, (0, 8, 16, 24, 32)), (1, 5, (0, 1)), (469, 3, (0, 250, 469))],
)
def test_known_schedules(steps, evaluations, expected):
    assert evaluation_steps(steps, evaluations) == expected
