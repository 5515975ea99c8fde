"""A test that starts a process or imports a framework, and has no marker that says so, fails.

`nox -s unit` leaves tests out by their markers, and stays quick only if these are true.
"""

import sys

import pytest

STARTS = frozenset({"subprocess.Popen", "os.exec", "os.fork", "os.posix_spawn", "os.system"})
FRAMEWORKS = {
    "torch": {"torch"},
    "tensorflow": {"keras"},
    "keras": {"keras"},
    "jax": {"jax", "keras"},  # TensorFlow imports it where it is installed
}
"""Markers by module, any of which will do."""
_running: list[pytest.Item] = []
_violations: list[str] = []
"""What the running test did without a marker: it may have caught the error."""


def _check(event, arguments):
    if not _running:
        return
    if event in STARTS and arguments[0] == "fc-list":
        return  # Matplotlib looks for fonts, once: whichever test imports it first
    if event in STARTS:
        # Importing a framework starts processes, such as ldconfig.
        needed, deed = {"process", "torch", "keras", "jax"}, f"a process ({arguments[:1]})"
    elif event == "import" and arguments[0] in FRAMEWORKS:
        needed, deed = FRAMEWORKS[arguments[0]], f"an import of {arguments[0]}"
    else:
        return
    if needed.isdisjoint(marker.name for marker in _running[-1].iter_markers()):
        _violations.append(f"{deed} without the marker {' or '.join(sorted(needed))}")
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
