"""External samples in a results folder, and figures of publications."""

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal, Self

from pydantic import Field

from gan_bench.errors import MissingFile, UnreadableFile, UsageError
from gan_bench.results.layout import ResultsFolder
from gan_bench.results.scores import Protocol, Scores, ScoresHead, differences
from gan_bench.system.files import make_folder, replacement, write_atomically
from gan_bench.system.models import Frozen, Stored
from gan_bench.text import against, listed, timestamp

EXTERNAL_SCHEMA_VERSION: Final = 1
FACTS = "external.json"
_LONGEST_NAME = 60


class Facts(Stored):
    """Description of external samples."""

    KIND: ClassVar[str] = "description of external samples"
    REMEDY: ClassVar[str] = "score the images again with --replace"

    schema_version: Literal[1] = EXTERNAL_SCHEMA_VERSION
    name: str = Field(min_length=1)
    images: str
    """The images as named on the command line."""
    sha256: str
    count: int
    command: str
    scored_at: str


@dataclass(frozen=True)
class External:
    """Samples that no run of this folder made, with their scores."""

    facts: Facts
    folder: Path
    scores: tuple[Scores, ...]


def check_name(name: str, option: str = "--as") -> str:
    """Return a name that an option gives with its white space normalised.

    Raises
    ------
    UsageError
        It is empty, too long, or has characters that cannot be printed.
    """
    name = " ".join(name.split())
    printable = all(unicodedata.category(character)[0] != "C" for character in name)
    if not name or len(name) > _LONGEST_NAME or not printable:
        raise UsageError(
            f"{option} takes a name of 1 to {_LONGEST_NAME} printable characters, not {name!r}."
        )
    return name


def check_external(
    results: ResultsFolder, name: str, sha256: str | None, count: int, *, replace: bool = False
) -> None:
    """Check that a name in a results folder is free, or belongs to these images.

    With ``replace`` it may belong to others. The sha256 is None for images that are not made yet.

    Raises
    ------
    GanBenchError
        It belongs to other images, or their description is damaged.
    """
    folder = results.external / _slug(name)
    if replace or not (folder / FACTS).exists():
        return
    known = Facts.read(folder / FACTS)
    if (known.name, known.sha256, known.count) != (name, sha256 or known.sha256, count):
        raise UsageError(
            f"{results.path} has other images under the name {known.name!r} ({known.images}); "
            "choose another name with --as, or replace them with --replace."
        )


def add_external(
    results: ResultsFolder,
    name: str,
    scored: Sequence[Scores],
    grid: bytes,
    *,
    command: str,
    replace: bool = False,
) -> Path:
    """Write the scores and grid of samples into a results folder; return their folder.

    Figures under a name that exists are added to the earlier ones. With ``replace``, they take the
    place of those of other images, all at once: these stay if they cannot be written.

    Raises
    ------
    GanBenchError
        The name belongs to other images, or their files are damaged.
    OSError
        It cannot be written.
    """
    images = scored[0].fake
    assert images is not None
    folder = results.external / _slug(name)
    where: AbstractContextManager[Path] = nullcontext(folder)
    try:
        check_external(results, name, images.sha256, images.count)
    except UsageError:
        if not replace:
            raise
        where = replacement(folder, results.removing)
    facts = Facts(
        name=name,
        images=images.images,
        sha256=images.sha256,
        count=images.count,
        command=command,
        scored_at=timestamp(),
    )
    with where as place:
        make_folder(place / "scores")
        write_atomically(place / "grid.png", grid)
        for scores in scored:
            before = place / "scores" / f"{scores.fingerprint}.json"
            earlier = Scores.read(before) if before.exists() else None
            (scores.merged(earlier) if earlier else scores).write_in(place / "scores")
        facts.write(place / FACTS)  # last: a folder without it is no row
    return folder


def read_externals(results: ResultsFolder) -> tuple[list[External], list[str]]:
    """Return all external samples by name, and a sentence for each that cannot be read."""
    externals, left_out = [], []
    for path in sorted(results.external.glob(f"*/{FACTS}")):
        try:
            facts = Facts.read(path)
            scores = tuple(Scores.read(p) for p in sorted((path.parent / "scores").glob("*.json")))
        except UnreadableFile as error:
            left_out.append(str(error))
            continue
        externals.append(External(facts, path.parent, scores))
    return externals, left_out


def place_in_report(results: ResultsFolder, protocol: Protocol) -> str:
    """Return a sentence on where the report shows external samples that were scored this way."""
    heads, _ = ScoresHead.read_all(results.runs.glob("*/scores/*.json"))
    runs = {head.protocol.fingerprint: head.protocol for head in heads}
    if protocol.fingerprint in runs:
        return (
            f"The report shows it in the ranking by {protocol.features}, without a rank, as runs "
            "were scored in the same way."
        )
    alike = [one for one in runs.values() if one.features == protocol.features]
    if not alike:
        return (
            f"The report shows its scores by {protocol.features} in a table of their own, as no "
            "run was scored by it so far."
        )
    nearest = min(alike, key=lambda one: len(differences(one, protocol)))
    apart = [
        against(name.replace("_", " "), getattr(protocol, name), getattr(nearest, name))
        for name in differences(nearest, protocol)
    ]
    return (
        f"The report shows its scores by {protocol.features} in a table of their own, as the runs "
        f"were scored in another way: {listed(apart)}."
    )


def external_names(externals: Sequence[External]) -> str:
    """Return e.g. ``external samples (A and B)``."""
    return f"external samples ({listed([one.facts.name for one in externals], 6)})"


def _slug(name: str) -> str:
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "samples"
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


class PublishedFigure(Frozen):
    """One figure of a publication."""

    name: str = Field(min_length=1)
    """The name of the model, such as a GAN's."""
    source: str = Field(min_length=1)
    """The publication, as it is cited."""
    dataset: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    value: str = Field(min_length=1)
    """The value as the source prints it, including its uncertainty."""
    protocol: str = Field(min_length=1)
    """Everything that the source states about the measurement."""


class _PublishedFigures(Stored):
    KIND: ClassVar[str] = "file of published figures"
    REMEDY: ClassVar[str] = "edit it by hand"

    figure: tuple[PublishedFigure, ...]

    @classmethod
    def parse(cls, content: bytes) -> Self:
        return cls.model_validate(tomllib.loads(content.decode()))


def read_published(path: Path) -> tuple[PublishedFigure, ...]:
    """Return the published figures of ``published.toml`` in their order; none without the file.

    They were measured under other protocols, so they are shown beside the runs and not ranked.

    Raises
    ------
    UnreadableFile
        The file is not TOML, or a figure has missing or unknown keys.
    """
    try:
        return _PublishedFigures.read(path).figure
    except MissingFile:
        return ()
