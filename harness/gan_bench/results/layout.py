"""The paths of the files in a results folder, and the check that a folder is one."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, overload

from gan_bench.errors import UsageError
from gan_bench.system.files import make_folder, write_json_atomically

RESULTS_SCHEMA_VERSION: Final = 1
MARKER = "gan-bench.json"


@dataclass(frozen=True)
class Folder:
    """A folder with files of known names."""

    path: Path


class ChildPath:
    """The path of a file or folder in a `Folder`."""

    def __init__(self, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, folder: None, owner: object) -> Self: ...
    @overload
    def __get__(self, folder: Folder, owner: object) -> Path: ...
    def __get__(self, folder: Folder | None, owner: object) -> Self | Path:
        return self if folder is None else folder.path / self._name


@dataclass(frozen=True)
class RunFolder(Folder):
    """The files of one run."""

    spec = ChildPath("spec.json")
    """The run's specification."""
    events = ChildPath("events.jsonl")
    """The worker's journal, one JSON object per line."""
    log = ChildPath("worker.log")
    """What the worker wrote to stdout and stderr."""
    losses = ChildPath("losses.npy")
    """float32 (steps, 4): generator, discriminator, d_real, d_fake; NaN if missing."""
    record = ChildPath("record.json")
    """The record of the finished run."""
    checkpoints = ChildPath("checkpoints")
    """The last complete checkpoint, named by its step."""
    snapshots = ChildPath("snapshots")
    """The samples of each evaluation point, until they are scored."""
    grids = ChildPath("grids")
    """One PNG of 64 samples for each evaluation point."""
    scores = ChildPath("scores")
    """One score file for each protocol."""

    def grid(self, step: int) -> Path:
        """Return the picture of one evaluation point's samples."""
        return self.grids / f"{step:08d}.png"

    def snapshot(self, step: int) -> Path:
        """Return the file of one evaluation point's samples."""
        return self.snapshots / f"{step:08d}.npz"


@dataclass(frozen=True)
class ResultsFolder(Folder):
    """A folder of plans and runs."""

    plans = ChildPath("plans")
    """One file for each plan, with all of its runs."""
    runs = ChildPath("runs")
    """One folder for each run."""
    locks = ChildPath("locks")
    """One lock file for each run that was ever started."""
    parity = ChildPath("parity")
    """One certificate for each compared pair of implementations."""
    speed = ChildPath("speed")
    """One file for each study of `gan-bench speed`."""
    jobs = ChildPath("jobs")
    """One folder for each submission of runs to a scheduler."""
    sensitivity = ChildPath("sensitivity")
    """One journal of Optuna for each study of `gan-bench sensitivity`."""
    external = ChildPath("external")
    """External samples that were scored, one folder each."""
    published = ChildPath("published.toml")
    """Figures of publications, written by hand, which the report shows beside the runs."""
    removing = ChildPath("removing")
    """Runs that are being removed, and external samples that are being replaced."""

    def relative(self, text: str) -> str:
        """Return a message with the paths of this folder's files relative to it."""
        return text.replace(f"{self.path.resolve()}/", "").replace(f"{self.path}/", "")

    def run(self, run_id: str) -> RunFolder:
        """Return the folder of a run, which need not exist."""
        return RunFolder(self.runs / run_id)

    def run_folders(self) -> list[RunFolder]:
        """Return the folders of all runs that have a specification, sorted by name."""
        return [RunFolder(spec.parent) for spec in sorted(self.runs.glob("*/spec.json"))]


def open_results(path: Path, *, create: bool) -> ResultsFolder:
    """Return a results folder that can be read (and with ``create``, written).

    Raises
    ------
    UsageError
        It is a file, cannot be written, does not exist, or has another schema version.
    """
    if path.exists() and not path.is_dir():
        raise UsageError(f"The results folder {path} is a file; name a folder with --results.")
    if not create and not path.is_dir():
        raise UsageError(f"There is no results folder {path}; `gan-bench run` creates one.")
    marker = path / MARKER
    if marker.exists():
        try:
            version = json.loads(marker.read_text(encoding="utf-8"))["schema_version"]
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise UsageError(
                f"{marker} is damaged; `gan-bench doctor --results {path} --repair` fixes it."
            ) from error
        if version != RESULTS_SCHEMA_VERSION:
            raise UsageError(
                f"The results folder {path} has schema version {version}, but this gan-bench reads "
                f"{RESULTS_SCHEMA_VERSION}; name another folder with --results, or use the "
                "gan-bench that wrote it."
            )
    if create:
        try:
            for folder in (path / "plans", path / "runs"):
                make_folder(folder)
            if not marker.exists():
                write_marker(path)
        except OSError as error:
            raise UsageError(
                f"The results folder {path} cannot be written ({error.strerror}); name "
                "another with --results."
            ) from error
    return ResultsFolder(path)


def write_marker(path: Path) -> None:
    """Mark a folder as a results folder of this schema version."""
    write_json_atomically(path / MARKER, {"schema_version": RESULTS_SCHEMA_VERSION})
