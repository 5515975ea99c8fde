"""Fixtures of tests that read a written report: a results folder, runs in it, its report."""

from functools import partial

import pytest

from report_folder import (
    add_trained,
    empty_results,
)
from written_report import Report


@pytest.fixture
def results(tmp_path):
    return empty_results(tmp_path / "results")


@pytest.fixture
def report(results):
    """Report what is there, without plotting, which takes longer than all else."""
    return lambda **options: Report(results, **options)


@pytest.fixture
def written_report(results, tmp_path):
    return lambda **options: Report(results, tmp_path / "out", **options)


@pytest.fixture
def train(results):
    """Add a run with scores, losses and grids for each final FID, from seed 0 on."""
    return partial(add_trained, results)
