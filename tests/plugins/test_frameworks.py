"""Versions of packages in this interpreter and in others, and what importing a framework shows."""

import sys

import numpy as np
import pytest

from gan_bench.errors import UsageError
from gan_bench.plugins.frameworks import import_framework, installed_versions, missing, versions_of
from gan_bench.system.child import ChildDied


@pytest.fixture
def interpreter(tmp_path):
    """Write a shell script that acts as another environment's python."""

    def write(line):
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        return str(path)

    return write


@pytest.mark.process
def test_another_interpreter_gives_its_own_versions(interpreter):
    assert versions_of(interpreter(f'exec {sys.executable} "$@"')) == installed_versions()


@pytest.mark.process
def test_an_interpreter_that_cannot_be_used_is_one_sentence(interpreter):
    with pytest.raises(UsageError, match=r"cannot import gan_bench; install gan-bench \S+ in its"):
        versions_of(interpreter("exit 1"))
    with pytest.raises(UsageError, match=r"The interpreter /no/python .* cannot be run"):
        versions_of("/no/python")


@pytest.mark.process
def test_importing_a_framework_shows_its_version_and_gpus():
    found = import_framework("numpy", sys.executable)
    assert (found.module, found.version, found.gpus) == ("numpy", np.__version__, 0)
    with pytest.raises(ChildDied, match="No module named 'no_such_framework'"):
        import_framework("no_such_framework", sys.executable)


def test_missing_packages_are_named_with_the_command_that_installs_them():
    assert missing("keras", {"tensorflow": "2.20", "keras": "3.10"}) is None
    assert missing("keras", {"keras": "3.10"}) == (
        "tensorflow not installed; get it with pip install 'tensorflow>=2.18' 'keras>=3.6'"
    )
    assert missing("mlx", {}) is None
