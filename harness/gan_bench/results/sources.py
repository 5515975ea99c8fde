"""Several results folders or archives, read as one folder."""

import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from gan_bench.errors import GanBenchError, UnreadableFile, UsageError
from gan_bench.results.certificate import Certificate
from gan_bench.results.external import External, PublishedFigure, read_externals, read_published
from gan_bench.results.layout import ResultsFolder, RunFolder, open_results, write_marker
from gan_bench.results.load import Results, load_results
from gan_bench.results.pack import packed_external, packed_run, published_content, shared_content
from gan_bench.results.record import read_plans
from gan_bench.results.unpack import unpack
from gan_bench.text import listed, many


@dataclass(frozen=True)
class Opened:
    """A results folder to read, which may stand for several."""

    path: Path
    sources: Mapping[str, str] = field(default_factory=dict)
    """Of several: what each run and external sample is from, by run id and ``external-<name>``."""
    left_out: tuple[str, ...] = ()
    """One sentence for each part of a folder that another folder contradicts."""
    temporary: str | None = None

    def load(self) -> Results:
        """Read the folder.

        Raises
        ------
        UsageError
            See `load_results`.
        """
        results = load_results(self.path)
        left_out = (*self.left_out, *results.left_out)
        return replace(results, sources=self.sources, left_out=tuple(map(self.shown, left_out)))

    def shown(self, text: str) -> str:
        """Return a message without the name of the temporary folder."""
        if self.temporary is None:
            return text
        return re.sub(rf"{re.escape(self.temporary)}/(\d+/|merged/)?", "", text)


@dataclass(frozen=True)
class _Source:
    name: str
    folder: ResultsFolder


@contextmanager
def opened(paths: Sequence[Path]) -> Iterator[Opened]:
    """Give results folders and archives as one results folder, for as long as it is needed.

    An archive is unpacked into a temporary folder. Several are put into one, of links. Of a run
    that several have, that of the first is taken; if they contradict it, a sentence says so.

    Raises
    ------
    UsageError
        A path is no results folder and no archive, or the archive is refused.
    """
    paths = list(dict.fromkeys(paths))
    if len(paths) == 1 and not paths[0].is_file():
        yield Opened(paths[0])
        return
    with tempfile.TemporaryDirectory(prefix="gan-bench-") as temporary:
        alone = Opened(Path(temporary), temporary=temporary)
        try:
            named = [_open(path, Path(temporary) / str(n)) for n, path in enumerate(paths)]
            if len(paths) == 1:
                yield replace(alone, path=named[0].folder.path)
            else:
                yield replace(_merged(_apart(named), Path(temporary)), temporary=temporary)
        except GanBenchError as error:
            text = alone.shown(str(error))  # the temporary folder is gone when this is read
            if text == str(error):
                raise
            raise UsageError(text) from error


def _open(path: Path, into: Path) -> _Source:
    if not path.is_file():
        # A report should not say where a folder is.
        name = path.resolve().name if path.is_absolute() else str(path)
        return _Source(name, open_results(path, create=False))
    if path.suffix.lower() != ".zip" and not zipfile.is_zipfile(path):
        raise UsageError(
            f"{path} is a file, and not an archive of `gan-bench pack`; name a results folder or "
            "an archive."
        )
    target = into / path.name
    target.mkdir(parents=True)
    manifest = unpack(path, target)
    return _Source(manifest.name or path.name, open_results(target, create=False))


def _apart(sources: Sequence[_Source]) -> list[_Source]:
    """Return the sources with names that differ."""
    counts: Counter[str] = Counter()
    found = []
    for source in sources:
        counts[source.name] += 1
        number = counts[source.name]
        found.append(replace(source, name=f"{source.name} ({number})") if number > 1 else source)
    return found


def _merged(sources: Sequence[_Source], temporary: Path) -> Opened:
    merged = ResultsFolder(temporary / "merged")
    for path in (merged.plans, merged.runs, merged.external, merged.parity):
        path.mkdir(parents=True)
    write_marker(merged.path)
    left_out: list[str] = []
    of: dict[str, str] = {}
    runs = _runs(sources, left_out)
    for run_id, (source, folder) in runs.items():
        (merged.runs / run_id).symlink_to(folder.path.resolve())
        of[run_id] = source.name
    for source in sources:
        for path in sorted(source.folder.plans.glob("*.json")):
            _unused(merged.plans / path.name).symlink_to(path.resolve())
        for run_id in read_plans(source.folder)[0]:
            of.setdefault(run_id, source.name)
    for name, (source, external) in _externals(sources, left_out).items():
        (merged.external / name).symlink_to(external.folder.resolve())
        of[f"external-{external.facts.name}"] = source.name
    _link_certificates(sources, merged)
    _write_published(sources, merged, left_out)
    return Opened(merged.path, of, tuple(left_out))


def _unused(path: Path) -> Path:
    number, found = 1, path
    while found.is_symlink():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


def _runs(sources: Sequence[_Source], left_out: list[str]) -> dict[str, tuple[_Source, RunFolder]]:
    """Return the folder of each run that has begun, by run id."""
    chosen: dict[str, tuple[_Source, RunFolder]] = {}
    apart: dict[tuple[str, str], list[str]] = {}
    for source in sources:
        for path in sorted({file.parent for file in source.folder.runs.glob("*/*.json")}):
            folder = RunFolder(path)
            if path.name not in chosen:
                chosen[path.name] = source, folder
                continue
            first, other = chosen[path.name]
            files, others = _packed(folder), _packed(other)
            if files is None:
                continue  # it has not ended, or is not readable, and the other one is shown
            if others is None or others.items() < files.items():
                chosen[path.name] = source, folder
            elif not files.items() <= others.items():
                apart.setdefault((first.name, source.name), []).append(path.name)
    left_out += [_contradiction(*names, ids) for names, ids in apart.items()]
    return chosen


def _packed(folder: RunFolder) -> dict[str, bytes] | None:
    """Return what an archive would have of a run, so that a packed run is equal to its original."""
    try:
        return packed_run(folder)
    except UnreadableFile:
        return None


def _contradiction(first: str, other: str, ids: Sequence[str]) -> str:
    return (
        f"{first} and {other} both have {listed(ids, 3)}, with other results: "
        f"{many(len(ids), 'run')} of {other} {'is' if len(ids) == 1 else 'are'} not shown; "
        "`gan-bench compare` shows both."
    )


def _externals(
    sources: Sequence[_Source], left_out: list[str]
) -> dict[str, tuple[_Source, External]]:
    chosen: dict[str, tuple[_Source, External]] = {}
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


def _link_certificates(sources: Sequence[_Source], merged: ResultsFolder) -> None:
    known: set[bytes] = set()
    for source in sources:
        for path in sorted(source.folder.parity.glob("*.json")):
            try:
                content = shared_content(Certificate.read(path))
            except UnreadableFile:  # `load_results` says so
                content = str(path).encode()
            if content not in known:
                _unused(merged.parity / path.name).symlink_to(path.resolve())
                known.add(content)


def _write_published(
    sources: Sequence[_Source], merged: ResultsFolder, left_out: list[str]
) -> None:
    figures: list[PublishedFigure] = []
    for source in sources:
        try:
            figures += read_published(source.folder.published)
        except UnreadableFile as error:
            left_out.append(str(error))
    if figures:
        merged.published.write_bytes(published_content(list(dict.fromkeys(figures))))
