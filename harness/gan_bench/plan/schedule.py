"""How a run is cut into chunks and where its evaluation points lie: pure functions of the spec."""

LONGEST_CHUNK_STEPS = 50
"""Bounds what a chunk's latents weigh in memory and how long a progress line is in coming."""
FEWEST_CHUNKS = 4
"""The first chunk is warm-up, so a rate in steady state needs more than one."""


def chunk_steps(steps: int, evaluations: int) -> int:
    """Return the one chunk length of a run of ``steps`` with ``evaluations`` evaluation points."""
    return max(1, min(LONGEST_CHUNK_STEPS, steps // max(FEWEST_CHUNKS, evaluations - 1)))


def evaluation_steps(steps: int, evaluations: int) -> tuple[int, ...]:
    """Return the steps after which a snapshot is taken.

    Evenly spread over the budget, rounded to chunk boundaries, with the untrained generator (0) and
    the end (``steps``) included. Fewer than ``evaluations`` only where the run has too few steps.
    """
    chunk = chunk_steps(steps, evaluations)
    points = {0, steps}
    for i in range(1, evaluations - 1):
        points.add(min(steps, round(i * steps / (evaluations - 1) / chunk) * chunk))
    return tuple(sorted(points))
