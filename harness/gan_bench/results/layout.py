"""The paths of the files in a results folder, and the check that a folder is one."""

import json
from dataclasses import dataclass
from pathlib import Path

from gan_bench.errors import UsageError
from gan_bench.system.files import write_json_atomically

RESULTS_SCHEMA_VERSION = 1
MARKER = "gan-bench.json"


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def spec(self) -> Path:
        """The run's specification."""
        return self.path / "spec.json"

    @property
    def events(self) -> Path:
        """The worker's journal, one JSON object per line."""
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        """What the worker wrote to stdout and stderr."""
        return self.path / "worker.log"

    @property
    def losses(self) -> Path:
        """float32 (steps, 4): generator, discriminator, d_real, d_fake; NaN if missing."""
        return self.path / "losses.npy"

    @property
    def record(self) -> Path:
        """The record of the finished run."""
        return self.path / "record.json"

    @property
    def checkpoints(self) -> Path:
        """The last complete checkpoint, named by its step."""
        return self.path / "checkpoints"

    @property
    def snapshots(self) -> Path:
        """The samples of each evaluation point, until they are scored."""
        return self.path / "snapshots"

    @property
    def grids(self) -> Path:
        """One PNG of 64 samples for each evaluation point."""
        return self.path / "grids"

    @property
    def scores(self) -> Path:
        """One score file for each protocol."""
        return self.path / "scores"

    def grid(self, step: int) -> Path:
        """Return the picture of one evaluation point's samples."""
        return self.grids / f"{step:08d}.png"

    def snapshot(self, step: int) -> Path:
        """Return the file of one evaluation point's samples."""
        return self.snapshots / f"{step:08d}.npz"


@dataclass(frozen=True)
class ResultsFolder:
    """A folder of plans and runs."""

    path: Path

    @property
    def plans(self) -> Path:
        """One file for each plan, with all of its runs."""
        return self.path / "plans"

    @property
    def runs(self) -> Path:
        """One folder for each run."""
        return self.path / "runs"

    @property
    def locks(self) -> Path:
        """One lock file for each run that was ever started."""
        return self.path / "locks"

    @property
    def parity(self) -> Path:
        """One certificate for each compared pair of implementations."""
        return self.path / "parity"

    @property
    def jobs(self) -> Path:
        """One folder for each submission of runs to a scheduler."""
        return self.path / "jobs"

    @property
    def external(self) -> Path:
        """External samples that were scored, one folder each."""
        return self.path / "external"

    @property
    def published(self) -> Path:
        """Figures of publications, written by hand, which the report shows beside the runs."""
        return self.path / "published.toml"

    @property
    def removing(self) -> Path:
        """Runs that are being removed."""
        return self.path / "removing"

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
                folder.mkdir(parents=True, exist_ok=True)
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
