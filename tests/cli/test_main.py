"""What every command does with an output that takes no more, and with a fault of its own."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import gan_bench.gate
from gan_bench.cli.main import CRASH_EXIT_CODE, main
from gan_bench.errors import UsageError
from gate_folder import baseline_of, log_normal, results_of

FULL = Path("/dev/full")


@pytest.fixture(scope="module")
def original_folders(tmp_path_factory):
    path = tmp_path_factory.mktemp("original")
    results_of(path / "before", log_normal(20.0, range(10)))
    baseline_of(path / "before", path / "base.json")
    results_of(path / "after", log_normal(20.0, range(20, 23), sample=1))
    results_of(path / "worse", log_normal(60.0, range(20, 23), sample=1))
    return path


@pytest.fixture
def folders(original_folders, tmp_path):
    """Results folders, and a baseline that one of them passes."""
    return shutil.copytree(original_folders, tmp_path, dirs_exist_ok=True, copy_function=os.link)


GATE = ("gate", "--baseline", "base.json", "--results")
COMMANDS = {
    "help": ("--help",),
    "list": ("list",),
    "list as JSON": ("list", "--json"),
    "show a recipe": ("show", "torch-dcgan"),
    "show a run": ("show", "s20", "--results", "after"),
    "status": ("status", "--results", "after"),
    "report": ("report", "--results", "after"),
    "export": ("export", "--results", "after"),
    "pack": ("pack", "after", "--out", "after.zip"),
    "compare": ("compare", "before", "after"),
    "compare as JSON": ("compare", "before", "after", "--json"),
    "baseline": ("baseline", "--results", "before", "--out", "new.json"),
    "gate": (*GATE, "after"),
    "gate, worse": (*GATE, "worse"),
    "clean": ("clean", "--results", "after"),
    "doctor": ("doctor", "--results", "after"),
    "a dry run": ("run", "torch-dcgan", "--dry-run", "--device", "cpu"),
}


@pytest.fixture
def answer(folders, monkeypatch):
    """Answer a command in this process with other files for its output."""

    def answer(command, stdout, stderr=None):
        monkeypatch.chdir(folders)
        with Path("stderr.txt").open("w", errors="backslashreplace") as file:
            monkeypatch.setattr(sys, "stdout", stdout)
            monkeypatch.setattr(sys, "stderr", stderr or file)
            with pytest.raises(SystemExit) as end:
                main(list(command), prog_name="gan-bench")
        monkeypatch.undo()
        return end.value.code, (folders / "stderr.txt").read_text()

    return answer


@pytest.fixture
def full():
    with FULL.open("w") as file:
        yield file


LOST = "Error: The output cannot be written (No space left on device)."


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_behind_stdout_is_one_sentence(answer, full, name):
    code, err = answer(COMMANDS[name], full)
    assert (code, err.splitlines()[-1], "Traceback" in err) == (2, LOST, False)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_reader_that_left_is_no_fault(answer, name):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        code, err = answer(COMMANDS[name], pipe)
    codes = {"gate": 0, "gate, worse": 1}
    assert code == codes.get(name, 141)
    assert "rror" not in err and "Traceback" not in err


@pytest.mark.parametrize("command", [("show", "nothing"), ("clean", "--results", "nowhere")])
def test_a_full_disk_behind_stderr_keeps_the_exit_code(answer, full, folders, command):
    with Path(os.devnull).open("w") as nowhere:
        assert answer(command, nowhere, full)[0] == 2


def test_a_verdict_that_cannot_be_printed_is_still_written(answer, full, folders):
    assert answer((*GATE, "worse", "--junit", "gate.xml"), full)[0] == 2
    assert 'failures="1"' in (folders / "gate.xml").read_text()


@pytest.mark.process
@pytest.mark.parametrize(
    "redirection, code", [(">/dev/full", 2), (">&- <&-", 0), ("2>/dev/full", 0), ("| true", 0)]
)
def test_as_a_shell_starts_it(tmp_path, redirection, code):
    command = f"{sys.executable} -P -m gan_bench list {redirection}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, f"{LOST}\n" if code else "")


PRINTED = {name: COMMANDS[name] for name in COMMANDS if name not in ("help", "report", "export")}


@pytest.mark.slow_after(6)
@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
@pytest.mark.parametrize("name", PRINTED)
def test_characters_that_the_output_lacks_are_replaced(answer, folders, name, encoding, errors):
    with Path(folders, "out.txt").open("w", encoding=encoding, errors=errors) as file:
        code, err = answer(PRINTED[name], file)
    assert (code, "Traceback" in err) == (int(name in ("gate, worse", "doctor")), False)
    assert (folders / "out.txt").read_text(encoding=encoding).strip()


@pytest.mark.process
def test_files_and_exit_code_are_the_same_in_the_c_locale(folders):
    def files(folder, **environment):
        options = ("--junit", f"{folder}/gate.xml", "--markdown", f"{folder}/gate.md")
        done = subprocess.run(
            [sys.executable, "-P", "-m", "gan_bench", *GATE, "after", *options],
            cwd=folders,
            env={**os.environ, **environment},
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        return [(folders / folder / name).read_bytes() for name in ("gate.xml", "gate.md")]

    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert files("usual") == files("other", **locale)


OUT = {
    "report": ("report", "--results", "after", "--out"),
    "export": ("export", "--results", "after", "--out"),
    "compare": ("compare", "before", "after", "--out"),
    "baseline": ("baseline", "--results", "before", "--out"),
    "junit": (*GATE, "after", "--junit"),
    "markdown": (*GATE, "after", "--markdown"),
}


@pytest.mark.parametrize("name", OUT)
@pytest.mark.parametrize("place", ["base.json/in-a-file", "/proc/nowhere/file"])
def test_a_place_that_cannot_be_written_is_one_sentence(cli, folders, name, place):
    done = cli(*OUT[name], place)
    assert (done.code, len(done.err.splitlines())) == (2, 1), done.err
    assert "cannot be written" in done.err and place in done.err
    assert not list(folders.glob(".*"))


@pytest.mark.parametrize("name", OUT)
def test_a_full_disk_behind_a_file_is_one_sentence(cli, folders, name):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        done = cli(*OUT[name], "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (done.code, len(done.err.splitlines())) == (2, 1), done.err
    assert "cannot be written" in done.err and "new" in done.err
    assert not [path for path in folders.rglob("new/**/*") if path.is_file()]
    assert not list(folders.rglob("*.tmp"))


@pytest.mark.parametrize("name", ["junit", "markdown", "baseline"])
def test_a_pipe_is_written_and_a_link_keeps_its_target(cli, folders, name):
    reading, writing = os.pipe()  # no device: a rename would replace it
    with os.fdopen(reading, "rb") as file:
        done = cli(*OUT[name], f"/dev/fd/{writing}")
        os.close(writing)
        assert (done.code, file.read(1) != b"") == (0, True)
    (folders / "target").write_text("before")
    (folders / "link").symlink_to("target")
    assert cli(*OUT[name], "link").code == 0
    assert (folders / "link").is_symlink() and (folders / "target").read_text() != "before"


def test_a_refused_gate_leaves_no_empty_file(cli, folders):
    assert cli(*GATE, "nowhere", "--junit", "new/gate.xml").code == 2
    assert not (folders / "new/gate.xml").exists()


def test_a_fault_has_an_exit_code_of_its_own(cli, folders, monkeypatch):
    def fault(*arguments):
        raise RuntimeError("a fault")

    monkeypatch.setattr(gan_bench.gate, "compare_stored", fault)
    done = cli(*GATE, "after")
    assert done.code == CRASH_EXIT_CODE == 70
    assert "RuntimeError: a fault" in done.err


@pytest.mark.parametrize(
    "error, code",
    [
        (ValueError("x"), 70),
        (OSError("without a file"), 70),
        (PermissionError(13, "Permission denied", "results/x"), 2),
        (UsageError("Bad."), 2),
        (click.UsageError("Bad."), 2),
    ],
)
def test_exit_codes_of_exceptions(error, code):
    @click.group(cls=type(main))
    def group() -> None:
        pass

    @group.command()
    def command() -> None:
        raise error

    done = CliRunner().invoke(group, ["command"])
    assert (done.exit_code, "Traceback" in done.stderr) == (code, code == 70)


def test_a_run_whose_output_is_lost_blames_no_results_folder_and_continues(bench, plugin):
    command = ("run", plugin("gan"), "--images", "256", "--evaluations", "2", "--samples", "100")
    with FULL.open("w") as full:
        done = subprocess.run(
            bench.command(*command),
            cwd=bench.folder,
            env=bench.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (2, f"{LOST}\n")
    assert bench(*command).code == 0


def commands():
    found = {}
    for name, command in main.commands.items():
        inner = command.commands if isinstance(command, click.Group) else {}
        found |= {f"{name} {inside}": one for inside, one in inner.items()} or {name: command}
    return found


def test_the_help_lists_every_command_once_with_its_whole_summary(cli):
    out = cli("--help", COLUMNS="80").out
    for title in ("Everyday:", "Compare and gate:", "Cluster:", "Maintenance:"):
        assert title in out.splitlines()
    for name, command in main.commands.items():
        (line,) = (line for line in out.splitlines() if line.split()[:1] == [name])
        assert line.endswith(command.help.splitlines()[0])
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("name", commands())
def test_the_help_of_every_command_has_examples_that_fit_the_terminal(cli, name):
    out = cli(*name.split(), "--help", COLUMNS="80").out
    lines = out[out.index("Examples:") :].splitlines()[1:]
    assert lines and all(line.split()[0] == "gan-bench" for line in lines if line)
    assert any(line.split()[1 : 1 + len(name.split())] == name.split() for line in lines)
    assert max(map(len, out.splitlines())) <= 80


def test_the_help_of_run_lists_every_option_once(cli):
    out = cli("run", "--help").out
    for parameter in main.commands["run"].params:
        if isinstance(parameter, click.Option):
            lines = [line for line in out.splitlines() if line.split()[:1] == parameter.opts[:1]]
            assert len(lines) == 1, parameter.name
