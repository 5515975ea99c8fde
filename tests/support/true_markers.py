"""A test that starts a process or imports a framework, and has no marker that says so, fails.

`nox -s unit` leaves tests out by their markers, and stays quick only if these are true.
"""

import sys

import pytest

STARTS = frozenset({"subprocess.Popen", "os.exec", "os.fork", "os.posix_spawn", "os.system"})
FRAMEWORKS = {"torch": "torch", "tensorflow": "keras", "keras": "keras", "jax": "jax"}
"""Marker by module."""
_running: list[pytest.Item] = []
_violations: list[str] = []
"""What the running test did without a marker: it may have caught the error."""


def _check(event, arguments):
    if not _running:
        return
    if event in STARTS:
        marker, deed = "process", f"started a process ({event}, {arguments[:1]})"
    elif event == "import" and arguments[0] in FRAMEWORKS:
        marker, deed = FRAMEWORKS[arguments[0]], f"imported {arguments[0]}"
    else:
        return
    if _running[-1].get_closest_marker(marker) is None:
        _violations.append(f"{deed} without the marker {marker!r}")
        raise RuntimeError(_violations[-1])


sys.addaudithook(_check)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    _violations.clear()
    _running.append(item)
    try:
        return (yield)
    finally:
        _running.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown():
    _running.clear()  # fixtures that earlier tests shared may end here, and start a process for it
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    assert not _violations, _violations
    return result
