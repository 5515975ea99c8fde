"""The results folder of tests that add runs to it."""

import pytest

from report_folder import empty_results


@pytest.fixture
def results(tmp_path):
    return empty_results(tmp_path / "results")
