"""Fixtures of tests that read a written report: a results folder, runs in it, its report."""

import pytest

from report_folder import (
    add_run,
    empty_results,
    run_spec,
    scores_of,
    some_losses,
)
from written_report import Report


@pytest.fixture
def results(tmp_path):
    return empty_results(tmp_path / "results")


@pytest.fixture
def report(results, tmp_path):
    return lambda **options: Report(results, tmp_path / "out", **options)


@pytest.fixture
def train(results):
    """Add a run with scores, losses and grids for each final FID, from seed 0 on."""

    def add(name, fids, make=run_spec, *, under=None, values=None, seed=0, **changes):
        for place, fid in enumerate(fids):
            spec = make(name, seed + place, **(values or {}))
            first, middle, last = spec.evaluation_steps
            scores = scores_of({first: 150.0, middle: 20.0, last: fid}, under=under)
            losses = some_losses(spec.steps, seed + place)
            kept = spec.evaluation_steps
            folder = add_run(results, spec, scores=[scores], losses=losses, grids=kept, **changes)
        return folder

    return add
