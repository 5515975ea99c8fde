"""The source's sha256: what an implementation imports from beside it counts, and nothing else."""

import sys

import pytest

from gan_bench.plugins.registry import sha256_of_modules


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "gan_bench_sourcetest"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "gan.py").write_text("import os\nfrom gan_bench_sourcetest.base import b\n")
    (folder / "base.py").write_text("from . import deep\nb = 1\n")
    (folder / "deep.py").write_text("raise RuntimeError('imported')\n")
    (folder / "other.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def sha256():
    return sha256_of_modules(["gan_bench_sourcetest.gan"])


def test_nothing_is_imported(package):
    sha256()
    assert not any(name.startswith("gan_bench_sourcetest") for name in sys.modules)


@pytest.mark.parametrize("name", ["gan", "base", "deep", "__init__"])
def test_a_change_in_what_it_imports_changes_it(package, name):
    before = sha256()
    path = package / f"{name}.py"
    path.write_text(path.read_text() + "# changed\n")
    assert sha256() != before


def test_a_change_in_a_sibling_that_it_does_not_import_does_not(package):
    before = sha256()
    (package / "other.py").write_text("x = 2\n")
    assert sha256() == before


@pytest.mark.parametrize("outer", ["deep/__init__.py", "deep/other.py"])
@pytest.mark.parametrize(
    "imports",
    [
        "from gan_bench_sourcetest.deep.inner import rates",
        "from .deep.inner.rates import RATE",
        "import gan_bench_sourcetest.deep.inner.rates",
        "import importlib\nimportlib.import_module('.deep.inner.rates', __package__)",
    ],
)
def test_a_folder_without_init_in_a_package_counts(package, imports, outer):
    (package / "deep/inner").mkdir(parents=True)
    (package / outer).touch()  # the folder above is a package, or has no __init__.py either
    (package / "deep.py").unlink()
    (package / "gan.py").write_text(imports)
    (package / "deep/inner/rates.py").write_text("RATE = 1")
    before = sha256()
    (package / "deep/inner/rates.py").write_text("RATE = 2")
    assert sha256() != before
    assert not any(name.startswith("gan_bench_sourcetest") for name in sys.modules)


@pytest.mark.parametrize(
    "imports",
    [
        "from gan_bench_namespace.rates import RATE",
        "from gan_bench_namespace import rates",
        "from .rates import RATE",
        "from . import rates",
        "def later():\n    import gan_bench_namespace.rates",
        "import importlib\nimportlib.import_module('gan_bench_namespace.rates')",
        "import importlib\nimportlib.import_module(name='.rates', package=__package__)",
        "__import__('gan_bench_namespace.rates')",
        "from .nested import *",
    ],
)
def test_a_package_without_init_counts(tmp_path, monkeypatch, imports):
    folder = tmp_path / "gan_bench_namespace"
    (folder / "nested").mkdir(parents=True)
    (folder / "gan.py").write_text(imports)
    (folder / "nested/__init__.py").write_text("from ..rates import RATE")
    (folder / "rates.py").write_text("RATE = 1")
    monkeypatch.syspath_prepend(tmp_path)
    before = sha256_of_modules(["gan_bench_namespace.gan"])
    (folder / "rates.py").write_text("RATE = 2")
    assert sha256_of_modules(["gan_bench_namespace.gan"]) != before
    assert not any(name.startswith("gan_bench_namespace") for name in sys.modules)
