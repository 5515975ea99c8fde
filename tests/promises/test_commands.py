"""Every command in README and docs/ works where a run of the commands before it has ended.

A word in capitals stands for something of the reader's: STANDS_FOR says what it is here. Data sets
that must be downloaded become mnist-5k. `run` only plans, with --dry-run, after a tiny run whose
names the commands must find. What takes minutes, or needs Slurm, is tested ELSEWHERE.
"""

import json
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from bench import ROOT, Bench
from documents import DOCUMENTS, blocks, commands
from gan_bench.data.registry import load
from image_folder import write_image
from onnx_generator import write_generator

STANDS_FOR = {
    "RUN": "torch-dcgan-mnist-5k-s0",
    "FOLDER_A": "results/local",
    "FOLDER_B": "results/main",
    "DATA": "mnist-5k:test",
    "NAME": "mine",
    "lenet,inception:2500": "lenet,inception:64",
}
INCEPTION = {"inception": "lenet", "inception:2500": "lenet:64"}
"""What `score` computes instead: Inception would take minutes."""
DOWNLOADED = re.compile(r"^(mnist|fashion-mnist|kmnist|cifar10|stacked-mnist)(?=:|$)")
ELSEWHERE = (
    ("--executor", "integration/slurm"),
    ("baseline", "gate"),
    ("cancel", "integration/slurm"),
    ("features", "scoring"),
    ("gate --run", "gate"),
    ("parity", "parity"),
    ("sensitivity", "sensitivity"),
    ("speed", "cli/test_speed.py"),
    ("status --watch", "integration/slurm"),
    ("verify", "promises/test_contributing.py"),
)
"""Beginnings of commands, or options, and the tests of them."""
TINY = ("--steps", "2", "--evaluations", "2", "--samples", "64", "--metrics", "fid")
OF_DOCUMENTS = sorted({shlex.join(words) for path in DOCUMENTS for words in commands(path)} - {""})


def is_of(typed, part):
    """Whether a command begins with the part, or has it as an option."""
    return (
        part in shlex.split(typed) if part.startswith("--") else f"{typed} ".startswith(f"{part} ")
    )


TESTED = [typed for typed in OF_DOCUMENTS if not any(is_of(typed, part) for part, _ in ELSEWHERE)]
CODES = {"gate": {0, 1, 3}}
"""3: the tiny run has none of the runs that the baseline has."""


def test_what_is_tested_elsewhere_is_in_the_documents():
    for part, tests in ELSEWHERE:
        assert any(is_of(typed, part) for typed in OF_DOCUMENTS), part
        assert (ROOT / "tests" / tests).exists()


def result_folders():
    """Return the folders that the documents' commands read: their own runs were to write them."""
    words = [word for typed in TESTED for word in shlex.split(typed)] + list(STANDS_FOR.values())
    named = {word for word in words if re.fullmatch(r"results/[\w-]+", word)}
    return sorted(named - {"results/local", "results/reference"})


@pytest.fixture(scope="module")
def prepared():
    """The folder of `prepare`, made once for all processes of the suite."""
    shared = Path(os.environ["XDG_CACHE_HOME"]) / "commands"
    shared.mkdir(exist_ok=True)
    with FileLock(shared / "lock"):
        if not (shared / "complete").exists():
            shutil.rmtree(shared / "prepared", ignore_errors=True)
            prepare(shared / "prepared", shared)
            (shared / "complete").touch()
    return shared / "prepared"


def prepare(folder, images_in):
    """Fill a folder with a tiny run of two implementations, and everything that commands name."""
    folder.mkdir()
    shutil.copytree(ROOT / "baselines", folder / "baselines")
    (folder / "examples").symlink_to(ROOT / "examples")
    (plugin,) = blocks(ROOT / "CONTRIBUTING.md", "python")[:1]
    (folder / "my_gan.py").write_text(plugin)
    images = load("mnist-5k").train.images
    for name, count in {"real": 64, "fake": 64, "samples": 64, "pictures": 1200}.items():
        pictures = images_in / name
        pictures.mkdir(exist_ok=True)
        (folder / name).symlink_to(pictures)
        for number, image in enumerate(images[:count]):
            write_image(pictures / f"{number:04d}.png", image[..., 0])
    for name in ("g.onnx", "generator.onnx"):
        write_generator(folder / name)
    (generator,) = blocks(ROOT / "docs/generators.md", "python")
    (folder / "generator.py").write_text(generator)
    exec(generator, defined := {})
    torch = defined["torch"]
    torch.save(defined["Generator"]().state_dict(), folder / "generator.pth")
    done = Bench(folder, runs_here=True)("run", "torch-dcgan", "torch-baseline", *TINY)
    assert done.code == 0, done.err
    (snapshot,) = (folder / "results/local/runs").glob("torch-dcgan-*/snapshots/*.npz")
    for name in ("samples.npz", "fake.npz"):
        shutil.copy(snapshot, folder / name)
    (folder / "results/reference").symlink_to(ROOT / "results/reference")
    for name in ("mine.zip", "theirs.zip"):
        assert Bench(folder)("pack", "results/local", "--out", name).code == 0
    no_checkpoints = shutil.ignore_patterns("checkpoints")
    for name in result_folders():
        shutil.copytree(folder / "results/local", folder / name, ignore=no_checkpoints)


def in_place(words):
    """Return a command's words with what they stand for here."""
    stands_for = STANDS_FOR | INCEPTION if words[0] == "score" else STANDS_FOR
    words = [DOWNLOADED.sub("mnist-5k", stands_for.get(word, word)) for word in words]
    if words[0] == "run":
        words += ["--dry-run"]
        if not any(word.startswith("folder:") for word in words):
            words += ["--dataset", "mnist-5k"]
    return [*words, "--yes"] if words[0] == "clean" else words


@pytest.mark.long
@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.parametrize("typed", TESTED)
def test_a_command_of_the_documents_works(prepared, tmp_path, typed):
    words = in_place(shlex.split(typed))
    folder = shutil.copytree(prepared, tmp_path / "here", symlinks=True)
    done = Bench(folder, runs_here=True)(*words)
    assert done.code in CODES.get(words[0], {0}), (words, done.out, done.err)
    for shown in printed(typed):
        assert shown in done.out


def printed(typed):
    """Yield the lines that a document says the command prints."""
    for path in DOCUMENTS:
        for block in blocks(path):
            first, _, rest = block.replace("\\\n", " ").partition("\n")
            if first.startswith("$ ") and shlex.split(first)[2:] == shlex.split(typed):
                yield from rest.splitlines()


@pytest.mark.slow
def test_contributing_says_how_a_package_adds_an_implementation(cli, monkeypatch):
    (entry,) = blocks(ROOT / "CONTRIBUTING.md", "toml")
    form = r'\[project\.entry-points\."(gan_bench\.implementations)"\]\n(\S+ = \S+)'
    group, value = re.match(form, entry).groups()
    info = cli.folder / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{value.replace(chr(34), '')}\n")
    (cli.folder / "my_package").mkdir()
    plugin = blocks(ROOT / "CONTRIBUTING.md", "python")[0]
    (cli.folder / "my_package" / "my_gan.py").write_text(plugin)
    monkeypatch.syspath_prepend(cli.folder)
    assert "torch-my-gan" in {row["name"] for row in json.loads(cli("list", "--json").out)}
