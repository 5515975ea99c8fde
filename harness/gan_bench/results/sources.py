"""Several results folders or archives, read as one folder."""

import re
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pandas as pd

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.results.layout import ResultsFolder, open_results
from gan_bench.results.load import Results, load_results
from gan_bench.results.merge import Merged, Source, merge
from gan_bench.results.unpack import unpack
from gan_bench.system.scratch import scratch_folder

T = TypeVar("T")


@dataclass(frozen=True)
class Opened:
    """A results folder to read, which may stand for several."""

    path: Path
    merged: Merged | None = None
    """What it stands for, if that is several."""
    temporary: str | None = None
    """The temporary folder that it is in, None if it is in none."""

    def load(self, only: Collection[str] | None = None) -> Results:
        """Read the folder, or nothing of it but the runs with the ids ``only``.

        Raises
        ------
        UsageError
            See `load_results`.
        """
        results = load_results(self.path, only)
        if self.merged is not None:
            left_out = (*self.merged.left_out, *results.left_out)
            results = replace(results, sources=self.merged.sources, left_out=left_out)
            for source, path in self.merged.again.items():
                results = _with_runs(results, load_results(path, only), source, ResultsFolder(path))
        # The parts of a merged folder share its certificates, and what is wrong with them.
        return replace(results, left_out=tuple(dict.fromkeys(map(self.shown, results.left_out))))

    def shown(self, text: str) -> str:
        """Return a message without the name of the temporary folder."""
        if self.temporary is None:
            return text
        return re.sub(rf"{re.escape(self.temporary)}/((again/)?\d+/|merged/)?", "", text)


def _with_runs(results: Results, more: Results, source: str, folder: ResultsFolder) -> Results:
    """Add runs whose ids the results have already, under names that have the source."""
    names = {run_id: f"{run_id} ({source})" for run_id in more.records}

    def renamed(of: Mapping[str, T]) -> dict[str, T]:
        return {name: of[run_id] for run_id, name in names.items() if run_id in of}

    def together(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
        other = other[other["run_id"].isin(names)]
        return pd.concat([one, other.assign(run_id=other["run_id"].map(names))], ignore_index=True)

    return replace(
        results,
        runs=together(results.runs, more.runs),
        losses=together(results.losses, more.losses),
        scores=together(results.scores, more.scores),
        specs={**results.specs, **renamed(more.specs)},
        commands={**results.commands, **renamed(more.commands)},
        most_seeds={**results.most_seeds, **renamed(more.most_seeds)},
        records={**results.records, **renamed(more.records)},
        protocols={**more.protocols, **results.protocols},
        left_out=(*results.left_out, *more.left_out),
        score_files={**results.score_files, **renamed(more.score_files)},
        sources={**results.sources, **dict.fromkeys(names.values(), source)},
        folders={
            **results.folders,
            **{name: folder.run(run_id) for run_id, name in names.items()},
        },
    )


@contextmanager
def opened(paths: Sequence[Path]) -> Iterator[Opened]:
    """Give results folders and archives as one results folder, for as long as it is needed.

    An archive is unpacked into a temporary folder. Several are put into one, of links. Of a run
    that several have, the one with most scores is taken. If they contradict each other, each is
    taken that another kind of machine ran; of those of one, the first, and a sentence says so.

    Raises
    ------
    UsageError
        A path is no results folder and no archive, or the archive is refused.
    """
    paths = list(dict.fromkeys(paths))
    if len(paths) == 1 and paths[0].is_dir():
        yield Opened(paths[0])
        return
    with scratch_folder() as temporary:
        alone = Opened(Path(temporary), temporary=temporary)
        try:
            named = [_open(path, Path(temporary) / str(n)) for n, path in enumerate(paths)]
            if len(paths) == 1:
                yield replace(alone, path=named[0].folder.path)
            else:
                merged = merge(_apart(named), Path(temporary))
                yield Opened(merged.path, merged, temporary)
        except GanBenchError as error:
            text = alone.shown(str(error))  # the temporary folder is gone when this is read
            if text == str(error):
                raise
            raise UsageError(text) from error


def _open(path: Path, into: Path) -> Source:
    if path.suffix.lower() == ".zip" and not path.exists():
        raise UsageError(f"There is no archive {path}; `gan-bench pack` writes one.")
    if not path.is_file():
        # A report should not say where a folder is.
        name = path.resolve().name if path.is_absolute() else str(path)
        return Source(name, open_results(path, create=False))
    if path.suffix.lower() != ".zip" and not zipfile.is_zipfile(path):
        raise UsageError(
            f"{path} is a file, and not an archive of `gan-bench pack`; name a results folder or "
            "an archive."
        )
    target = into / path.name
    target.mkdir(parents=True)
    manifest = unpack(path, target)
    return Source(manifest.name or path.name, open_results(target, create=False))


def _apart(sources: Sequence[Source]) -> list[Source]:
    """Return the sources with names that differ."""
    found: list[Source] = []
    used: set[str] = set()
    given = {source.name for source in sources}
    for source in sources:
        name, number = source.name, 1
        while name in used or (number > 1 and name in given):
            number += 1
            name = f"{source.name} ({number})"
        used.add(name)
        found.append(replace(source, name=name))
    return found
