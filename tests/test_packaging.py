"""What users install and cite: extras, CITATION.cff, the Dockerfile, and the two make commands."""

import re
import shutil
import subprocess
import tomllib

import pytest

from bench import ROOT
from documents import DOCUMENTS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_citation_says_what_the_package_says():
    lines = (ROOT / "CITATION.cff").read_text().splitlines()
    cited = dict(line.split(": ", 1) for line in lines if re.match(r"\w[\w-]*: ", line))
    assert (cited["title"], cited["version"]) == (PROJECT["name"], PROJECT["version"])
    assert (cited["license"], cited["abstract"]) == (PROJECT["license"], PROJECT["description"])
    assert cited["keywords"] == f"[{', '.join(PROJECT['keywords'])}]"
    named = [line.removeprefix("  - name: ") for line in lines if line.startswith("  - name: ")]
    assert named == [author["name"] for author in PROJECT["authors"]]


def test_every_extra_that_is_named_exists():
    texts = [path.read_text() for path in DOCUMENTS] + [DOCKERFILE]
    named = re.findall(r"""(?:gan-bench|['"`]\.)\[([a-z,-]+)\]""", "\n".join(texts))
    extras = {extra for several in named for extra in several.split(",")}
    assert {"all", "torch", "jax-cuda"} <= extras <= set(PROJECT["optional-dependencies"])


def test_the_image_gets_the_files_that_its_build_needs():
    let_in = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = [
        name for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.M) for name in line.split()
    ]
    assert sorted(copied) == sorted(let_in)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert set(re.findall(r"^FROM .+ AS (\w+)$", DOCKERFILE, re.M)) == {"base", "cpu", "cuda"}


@pytest.fixture
def plans(tmp_path):
    """Return a function that says what a make command would install."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()

    def plan(target):
        command = ["make", "--dry-run", target, "EXTRAS=all"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        for stamps in re.findall(r"^touch (.+)$", done.stdout, re.MULTILINE):
            for stamp in stamps.split():
                (tmp_path / stamp).touch()
        return re.findall(r"--editable '\.\[(.+)\]'", done.stdout)

    return plan


@pytest.mark.process
def test_make_bench_installs_no_development_tools_and_make_test_adds_them(plans):
    assert plans("bench") == ["all"]
    assert plans("bench") == []
    assert plans("test") == ["all,dev"]
    assert plans("test") == plans("promises") == plans("bench") == []


@pytest.mark.process
def test_make_bench_after_make_test_installs_nothing(plans):
    assert plans("test") == ["all,dev"]
    assert plans("bench") == []
