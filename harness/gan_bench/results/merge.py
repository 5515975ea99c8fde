"""Several results folders as one folder of links."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gan_bench.errors import UnreadableFile
from gan_bench.results.certificate import Certificate
from gan_bench.results.external import External, PublishedFigure, read_externals, read_published
from gan_bench.results.layout import ResultsFolder, RunFolder, write_marker
from gan_bench.results.pack import (
    packed_external,
    packed_run,
    published_content,
    shared_content,
    shared_speed,
)
from gan_bench.results.record import Record, read_plans
from gan_bench.results.speed import SpeedStudy
from gan_bench.text import listed, many


@dataclass(frozen=True)
class Source:
    """A results folder, or an unpacked archive."""

    name: str
    """What reports call it."""
    folder: ResultsFolder


@dataclass(frozen=True)
class Merged:
    """Several results folders in one."""

    path: Path
    sources: Mapping[str, str]
    """What each run and external sample is from, by run id and ``external-<name>``."""
    left_out: tuple[str, ...]
    """One sentence for each part of a folder that another folder contradicts."""
    again: Mapping[str, Path]
    """By source, a folder of its runs that another source has of another machine."""


def merge(sources: Sequence[Source], temporary: Path) -> Merged:
    """Put several results folders into folders of links below an empty one."""
    merged = ResultsFolder(temporary / "merged")
    for path in (merged.plans, merged.runs, merged.external, merged.parity, merged.speed):
        path.mkdir(parents=True)
    write_marker(merged.path)
    left_out: list[str] = []
    of: dict[str, str] = {}
    again: dict[str, Path] = {}
    for run_id, ((first, folder), *others) in _runs(sources, left_out).items():
        (merged.runs / run_id).symlink_to(folder.path.resolve())
        of[run_id] = first.name
        for source, folder in others:
            name = source.name
            path = again.setdefault(name, temporary / "again" / str(len(again)))
            runs = ResultsFolder(path).runs
            if not runs.exists():
                runs.mkdir(parents=True)
                ResultsFolder(path).parity.symlink_to(merged.parity.resolve())
            (runs / run_id).symlink_to(folder.path.resolve())
    for source in sources:
        for path in sorted(source.folder.plans.glob("*.json")):
            _unused(merged.plans / path.name).symlink_to(path.resolve())
        for run_id in read_plans(source.folder)[0]:
            of.setdefault(run_id, source.name)
    for name, (source, external) in _externals(sources, left_out).items():
        (merged.external / name).symlink_to(external.folder.resolve())
        of[f"external-{external.facts.name}"] = source.name
    _link_files(sources, merged, "parity", lambda path: shared_content(Certificate.read(path)))
    _link_files(sources, merged, "speed", lambda path: shared_speed(SpeedStudy.read(path)))
    _write_published(sources, merged, left_out)
    return Merged(merged.path, of, tuple(left_out), again)


def _unused(path: Path) -> Path:
    number, found = 1, path
    while found.is_symlink():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


@dataclass
class _Candidate:
    """A run of one source."""

    source: Source
    folder: RunFolder
    files: dict[str, bytes] | None
    """As an archive has them; None if it has not ended, or is not readable."""

    @property
    def ok(self) -> bool:
        """Whether it trained to its end."""
        return self.files is not None and Record.parse(self.files["record.json"]).status == "ok"

    @cached_property
    def hardware(self) -> tuple[object, ...] | None:
        """What times depend on."""
        if self.files is None:
            return None
        around = Record.parse(self.files["record.json"]).circumstances
        return around.machine.cpu, around.machine.cores, around.gpu and around.gpu.card


def _runs(
    sources: Sequence[Source], left_out: list[str]
) -> dict[str, list[tuple[Source, RunFolder]]]:
    """Return the runs that have begun by run id: one, or one for each kind of machine."""
    found: dict[str, list[tuple[Source, RunFolder]]] = {}
    for source in sources:
        for path in sorted({file.parent for file in source.folder.runs.glob("*/*.json")}):
            found.setdefault(path.name, []).append((source, RunFolder(path)))
    apart: dict[tuple[str, str], list[str]] = {}
    for run_id, places in found.items():
        if len(places) == 1:
            continue
        kept: list[_Candidate] = []
        for place in places:
            one = _Candidate(*place, _packed(place[1]))
            known = _place(one, kept)
            if known is None:
                kept.append(one)
            elif _has_all_of(kept[known], one):
                continue
            elif _has_all_of(one, kept[known]):
                kept[known] = one
            else:
                if one.ok and not kept[known].ok:
                    kept[known], one = one, kept[known]
                names = kept[known].source.name, one.source.name
                apart.setdefault(names, []).append(run_id)
        found[run_id] = [(one.source, one.folder) for one in kept]
    left_out += [_contradiction(*names, ids) for names, ids in apart.items()]
    return found


def _place(one: _Candidate, kept: Sequence[_Candidate]) -> int | None:
    """Return which of the runs of one id it is compared with; None if it is another machine's."""
    for number, other in enumerate(kept):
        if one.files is None or other.files is None or one.hardware == other.hardware:
            return number
    return None


def _has_all_of(one: _Candidate, other: _Candidate) -> bool:
    """Whether a run has everything that the other one has; one that has not ended has nothing."""
    return (other.files or {}).items() <= (one.files or {}).items()


def _packed(folder: RunFolder) -> dict[str, bytes] | None:
    """Return what an archive would have of a run, so that a packed run is equal to its original."""
    for host in (False, True):  # a run with a path in its recipe is not packed without it
        with suppress(UnreadableFile):
            return packed_run(folder, host=host)
    return None


def _contradiction(first: str, other: str, ids: Sequence[str]) -> str:
    return (
        f"{first} and {other} both have {listed(ids, 3)}, with other results: "
        f"{many(len(ids), 'run')} of {other} {'is' if len(ids) == 1 else 'are'} not shown; "
        "`gan-bench compare` shows both."
    )


def _externals(
    sources: Sequence[Source], left_out: list[str]
) -> dict[str, tuple[Source, External]]:
    chosen: dict[str, tuple[Source, External]] = {}
    for source in sources:
        for external in read_externals(source.folder)[0]:
            first, known = chosen.setdefault(external.folder.name, (source, external))
            files, others = _comparable(external), _comparable(known)
            if others.items() < files.items():
                chosen[external.folder.name] = source, external
            elif not files.items() <= others.items():
                left_out.append(
                    f"{first.name} and {source.name} both have external samples "
                    f"{external.facts.name}, with other results: those of {source.name} are not "
                    "shown."
                )
    return chosen


def _comparable(external: External) -> dict[str, object]:
    """Return the files of external samples, without when they were scored."""
    facts = external.facts
    same = {"external.json": (facts.name, facts.sha256, facts.count)}
    return {**packed_external(external), **same}


def _link_files(
    sources: Sequence[Source], merged: ResultsFolder, kind: str, content_of: Callable[[Path], bytes]
) -> None:
    """Link the files of a kind, such as certificates, but not those that an archive repeats."""
    known: set[bytes] = set()
    for source in sources:
        for path in sorted((source.folder.path / kind).glob("*.json")):
            try:
                content = content_of(path)
            except UnreadableFile:  # `load_results` says so
                content = str(path).encode()
            if content not in known:
                _unused(merged.path / kind / path.name).symlink_to(path.resolve())
                known.add(content)


def _write_published(sources: Sequence[Source], merged: ResultsFolder, left_out: list[str]) -> None:
    figures: list[PublishedFigure] = []
    for source in sources:
        try:
            figures += read_published(source.folder.published)
        except UnreadableFile as error:
            left_out.append(str(error))
    if figures:
        merged.published.write_bytes(published_content(list(dict.fromkeys(figures))))
