"""The documents, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from bench import ROOT

DOCUMENTS = sorted(
    [
        *(*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")),
        ROOT / "results/reference/README.md",
    ]
)
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
_FENCED = re.compile(r"^ *```(.*)\n((?:.*\n)*?) *```$", re.MULTILINE)


def blocks(document: Path, kind: str = "") -> list[str]:
    """Return the blocks of a document of one kind, such as ``python``; without a kind, commands."""
    return [text for found, text in _FENCED.findall(document.read_text()) if found == kind]


def commands(document: Path, program: str = "gan-bench") -> Iterator[list[str]]:
    """Yield the arguments of each command in a document's blocks that starts `program`."""
    for block in blocks(document):
        for line in block.replace("\\\n", " ").splitlines():
            for command in line.removeprefix("$ ").split("&&"):
                words = shlex.split(command, comments=True) if program in command else []
                if program in words:
                    yield words[words.index(program) + 1 :]
