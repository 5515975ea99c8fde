"""README, CONTRIBUTING, CHANGELOG and docs/ name files, commands and options that exist."""

import re
import subprocess

import click
import pytest

from bench import ROOT
from documents import DOCUMENTS, NAMES, commands
from gan_bench.cli.main import main

_IN_LINE = re.compile(r"`gan-bench ([^`]+)`")


def options_of(command):
    """Every option of a command, and its own --help."""
    names = [name for option in command.params for name in option.opts]
    return {*names, "-h", "--help"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_links_lead_to_files(document):
    targets = re.findall(r"\]\(([^)\s]+)\)", document.read_text())
    local = [target.split("#")[0] for target in targets if "://" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_paths_of_code_and_tests_exist(document):
    text = document.read_text()
    paths = re.findall(
        r"(?:harness|implementations|benchmarks|scripts|docs)/[\w/.-]*\w\.(?:py|md|onnx|toml)", text
    )
    paths += [f"tests/{path}" for path in re.findall(r"`(?:tests/)?([a-z]+/test_\w+\.py)`", text)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_commands_and_their_options_exist(document):
    in_line = [typed.split() for typed in _IN_LINE.findall(document.read_text())]
    unknown = []
    for name, *words in [*in_line, *filter(None, commands(document))]:
        command = main.commands.get(name)
        if isinstance(command, click.Group):
            command = command.commands.get(words[0]) if words else command
        options = {word.split("=")[0] for word in words if word.startswith("--")}
        if command is None:
            unknown.append(name)
        else:
            unknown += [f"{name} {option}" for option in options - options_of(command)]
    assert [name for name in unknown if name not in ("COMMAND", "--version")] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_targets_of_make_and_sessions_of_nox_exist(document):
    text = document.read_text()
    made = [words[0] for words in commands(document, "make")]
    made += re.findall(r"`(?:\w+=\S+ )*make (\w+)`", text)
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(made) <= set(targets)
    sessions = re.findall(r"@nox.session.*\ndef (\w+)", (ROOT / "noxfile.py").read_text())
    assert set(re.findall(r"nox -s (\w+)", text)) <= set(sessions)


@pytest.mark.process
def test_the_tracked_files_are_small_enough_to_be_sent_to_another_machine():
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone, so what is tracked is unknown")
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    files = [ROOT / name for name in listed.split("\0") if name]
    assert sum(path.stat().st_size for path in files if path.is_file()) < 45e6
