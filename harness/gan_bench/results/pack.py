"""What ``gan-bench pack`` writes: an archive of a results folder, to share."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gan_bench.errors import GanBenchError, UnreadableFile, UsageError
from gan_bench.plan import Plan, RunSpec
from gan_bench.results.certificate import Certificate
from gan_bench.results.external import External, PublishedFigure, check_name
from gan_bench.results.layout import (
    MARKER,
    RESULTS_SCHEMA_VERSION,
    ResultsFolder,
    RunFolder,
    open_results,
)
from gan_bench.results.load import Results, load_results
from gan_bench.results.losses import losses_content
from gan_bench.results.private import private, private_record, private_spec, private_speed
from gan_bench.results.record import Record
from gan_bench.results.scores import Scores
from gan_bench.results.speed import SpeedStudy
from gan_bench.results.unpack import LARGEST_SNAPSHOT_BYTES, MANIFEST, Manifest, member_limit
from gan_bench.system.files import (
    LARGEST_BYTES,
    check_output,
    check_replaceable,
    json_content,
    read_limited,
)
from gan_bench.system.models import Stored
from gan_bench.system.scratch import scratch_folder
from gan_bench.version import __version__

_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The date of every file in an archive, so that the same folder gives the same bytes."""
_MODE: Final = 0o100644
_WITH_HOST: Final = "--with-host packs it"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Packed:
    """The result of `pack`."""

    path: Path
    runs: int
    """Number of finished runs in the archive."""
    externals: int
    size_bytes: int
    left_out: tuple[str, ...]
    """One sentence for each file that should be in the archive and is not."""


def pack(
    results_path: Path,
    out: Path,
    *,
    name: str | None = None,
    host: bool = False,
    samples: bool = False,
) -> Packed:
    """Write the finished runs, plans, external samples, certificates and speeds of a folder.

    The same folder gives the same bytes.

    Parameters
    ----------
    results_path
        A results folder.
    out
        The archive, a ZIP file; an earlier one is replaced, but only by a complete one.
    name
        What reports call its rows; by default the name of the file.
    host
        Keep paths, commands, and names of the machine and its user.
    samples
        Include the snapshots that the folder still has.

    Raises
    ------
    UsageError
        There is no such results folder, it has neither runs nor external samples, or ``out`` cannot
        be written.
    """
    results = load_results(results_path)
    if not results.specs and not results.externals:
        raise results.no_run(results_path, "pack")
    name = None if name is None else check_name(name, "--name")
    check_output(out)
    check_replaceable(out)
    folder = open_results(results_path, create=False)
    left_out = list(results.left_out)
    digests: dict[str, str] = {}
    try:
        with scratch_folder(out.parent) as scratch, Path(scratch, out.name).open("w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for member, content in _members(folder, results, left_out, host, samples):
                    limit = member_limit(member)
                    if limit is None:
                        left_out.append(f"The name of {member} cannot be packed.")
                        continue
                    if len(content) > limit:
                        left_out.append(
                            f"{member} is not packed: it is larger than {limit >> 20} MiB."
                        )
                        continue
                    digests[member] = hashlib.sha256(content).hexdigest()
                    _add(archive, member, content)
                manifest = Manifest(gan_bench=__version__, name=name, files=digests)
                _add(archive, MANIFEST, manifest.content())
            file.flush()
            os.fsync(file.fileno())
            size_bytes = file.seek(0, os.SEEK_END)
            Path(scratch, out.name).replace(out)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{out} cannot be written ({reason}); name another file.") from error
    return Packed(
        path=out,
        runs=sum(member.endswith("/record.json") for member in digests),
        externals=sum(member.endswith("/external.json") for member in digests),
        size_bytes=size_bytes,
        left_out=tuple(left_out),
    )


def _add(archive: zipfile.ZipFile, member: str, content: bytes) -> None:
    info = zipfile.ZipInfo(member, _DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3  # Unix, wherever it is written
    info.external_attr = _MODE << 16
    archive.writestr(info, content)


def _members(
    folder: ResultsFolder, results: Results, left_out: list[str], host: bool, samples: bool
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each file, in an order that depends on the content alone."""
    yield MARKER, json_content({"schema_version": RESULTS_SCHEMA_VERSION})
    say = left_out.append
    for plan in _plans(folder, host, say, results.records.keys()):
        yield f"plans/{plan.plan_id}.json", plan.content()
    for run_id in sorted(results.records):
        try:
            files = packed_run(folder.run(run_id), host=host, samples=samples, say=say)
        except UnreadableFile as error:
            say(str(error))
            continue
        for name, content in files.items():
            yield f"runs/{run_id}/{name}", content
    for external in results.externals:
        for name, content in packed_external(external, host=host, say=say).items():
            yield f"external/{external.folder.name}/{name}", content
    for path in sorted(folder.parity.glob("*.json")):
        with suppress(UnreadableFile):
            yield f"parity/{path.name}", shared_content(Certificate.read(path), host=host)
    for path in sorted(folder.speed.glob("*.json")):
        with suppress(UnreadableFile):
            yield f"speed/{path.name}", shared_speed(SpeedStudy.read(path), host=host)
    if results.published:
        yield folder.published.name, published_content(results.published)


def _plans(folder: ResultsFolder, host: bool, say: Say, known: Set[str]) -> list[Plan]:
    """Return the plans that have runs; ``say`` why one is left out, unless it is ``known``."""
    found: dict[str, Plan] = {}
    pathed: set[str] = set()
    for path in sorted(folder.plans.glob("*.json")):
        with suppress(UnreadableFile):  # `load_results` says so
            plan = Plan.read(path)
            if not host:
                shared = _private_plan(plan)
                lost = {one.run_id for one in plan.runs} - {one.run_id for one in shared.runs}
                pathed |= lost - known
                plan = shared
            # Without such a run, two plans may be one.
            earlier = found.get(plan.plan_id)
            if plan.runs and (earlier is None or earlier.created_at < plan.created_at):
                found[plan.plan_id] = plan
    for run_id in sorted(pathed):
        say(str(_has_path(run_id)))
    return list(found.values())


def _private_plan(plan: Plan) -> Plan:
    """Return a plan without paths, and without runs whose ids would change."""
    runs = []
    for spec in plan.runs:
        changed = RunSpec.model_validate(private(private_spec(spec).model_dump(mode="json")))
        runs += [changed] if changed.run_id == spec.run_id else []
    return plan.model_copy(
        update={
            "runs": tuple(runs),
            "command": private(plan.command, "command"),
            "left_out": tuple(private(plan.left_out, "left_out")),
        }
    )


def packed_run(
    folder: RunFolder,
    *,
    host: bool = False,
    samples: bool = False,
    say: Say = lambda sentence: None,
) -> dict[str, bytes]:
    """Return the files of a finished run as an archive has them, by path.

    ``say`` is called with a sentence for each file that is there and left out, unless
    `gan_bench.results.load.load_results` has one.

    Raises
    ------
    UnreadableFile
        The record cannot be read, or a value that makes the run what it is has a path in it.
    """
    record = Record.read(folder.record)
    if not host:
        record = private_record(record)
        if record.spec.run_id != record.run_id:
            raise _has_path(record.run_id)
    files = {"spec.json": record.spec.content(), "record.json": record.content()}
    files |= _packed_scores(
        Scores.read_all(folder.scores.glob("*.json"))[0], folder.scores, host, say
    )
    with suppress(FileNotFoundError, GanBenchError):
        files["losses.npy"] = losses_content(folder.losses, record.spec.losses)
    for point in record.evaluation_points:
        files |= _packed_file(folder.path, folder.grid(point.step), say)
        if samples:
            snapshot = folder.snapshot(point.step)
            files |= _packed_file(folder.path, snapshot, say, LARGEST_SNAPSHOT_BYTES)
    return files


def packed_external(
    external: External, *, host: bool = False, say: Say = lambda sentence: None
) -> dict[str, bytes]:
    """Return the files of external samples as an archive has them, by path; see `packed_run`."""
    folder = external.folder
    return {
        # Somebody gave the name for others to read, and it is the row's identity.
        "external.json": shared_content(external.facts, host=host, kept=("name",)),
        **_packed_scores(external.scores, folder / "scores", host, say),
        **_packed_file(folder, folder / "grid.png", say),
    }


def _packed_scores(
    scores: Sequence[Scores], folder: Path, host: bool, say: Say
) -> dict[str, bytes]:
    files = {}
    for file in scores:
        name = f"{file.fingerprint}.json"
        try:
            files[f"scores/{name}"] = shared_content(file, host=host)
        except ValueError:
            say(f"{folder / name} has a path in its protocol, so it is not packed; {_WITH_HOST}.")
    return files


def _packed_file(
    folder: Path, path: Path, say: Say, limit: int = LARGEST_BYTES
) -> dict[str, bytes]:
    try:
        return {str(path.relative_to(folder)): read_limited(path, limit)}
    except FileNotFoundError:  # not every point of every run has one
        return {}
    except OSError as error:
        say(f"{path} is not packed ({error.strerror or error}).")
        return {}


def _has_path(run_id: str) -> UnreadableFile:
    problem = f"The run {run_id} has a path in its recipe or its data set's name"
    return UnreadableFile(f"{problem}, so it is not packed", _WITH_HOST)


def shared_content(model: Stored, *, host: bool = False, kept: Sequence[str] = ()) -> bytes:
    """Return the content of a file, without paths and the names of host and user.

    The fields ``kept`` stay as they are.

    Raises
    ------
    ValueError
        It would become another file: a value that identifies it has a path in it.
    """
    if host:
        return model.content()
    values = model.model_dump(mode="json")
    values = private(values) | {name: values[name] for name in kept}
    changed = type(model).model_validate(values).content()
    type(model).parse(changed)
    return changed


def shared_speed(study: SpeedStudy, *, host: bool = False) -> bytes:
    """Return the content of a study of speed as an archive has it; see `shared_content`."""
    return shared_content(study if host else private_speed(study), host=host)


def published_content(figures: Sequence[PublishedFigure]) -> bytes:
    """Return ``published.toml`` with these figures."""
    return "\n".join(
        "[[figure]]\n"
        # A JSON string is a TOML string, but for one character.
        + "".join(
            f"{name} = {json.dumps(value, ensure_ascii=False)}\n".replace("\x7f", "\\u007f")
            for name, value in figure.model_dump().items()
        )
        for figure in figures
    ).encode()
