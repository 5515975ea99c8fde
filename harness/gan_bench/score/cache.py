"""The cache of what scoring computes of real images: features, statistics and floors.

An entry is a folder named by what its content depends on: data, selection, feature model and ONNX
Runtime. It appears whole by a rename, so processes may read and write at once, and its sha256s are
compared whenever it is read.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from gan_bench.errors import GanBenchError
from gan_bench.score.featurefile import FeatureFile
from gan_bench.score.features import FeatureModel
from gan_bench.score.frechet import GaussianStatistics
from gan_bench.score.images import ImageSet
from gan_bench.score.interval import gaussian

_LAYOUT = 1
_ENTRY, _FEATURES, _STATISTICS, _FIGURES = (
    *("entry.json", "features.f32", "statistics.npz"),
    "figures.json",
)


class ReferenceCache:
    """Entries in a folder; without one nothing is kept beyond the process.

    Attributes
    ----------
    notices
        Sentences on entries that were damaged and have been made again.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._scratch = tempfile.TemporaryDirectory(prefix="gan-bench-score-")
        self._number = 0
        self.notices: list[str] = []

    def __enter__(self) -> "ReferenceCache":
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.cleanup()

    def scratch(self) -> Path:
        """Return the path of a new file that goes away with the process."""
        self._number += 1
        return Path(self._scratch.name) / f"{self._number}.f32"

    def features(
        self, model: FeatureModel, images: ImageSet, *, keep: bool
    ) -> tuple[FeatureFile, GaussianStatistics]:
        """Return the features of images and their statistics, from the cache where they are.

        Parameters
        ----------
        model
            Makes the features.
        images
            Of real images.
        keep
            Whether to keep them for other processes.

        Raises
        ------
        GanBenchError
            The images do not fit the model, or a feature is NaN or infinite.
        """
        if not keep or self._folder is None:
            made = _extract(model, images, self.scratch())
            return made, gaussian(made)
        # To the bit the same only on the same provider, runtime and kind of machine.
        key = {
            "images": f"{images.sha256} {images.selection} {images.shape}",
            "model": model.sha256,
            "runtime": f"{onnxruntime.__version__} {model.provider} {os.uname().machine}",
        }
        with self._entry(key) as entry:
            if not entry.whole:
                made = _extract(model, images, entry.folder / _FEATURES)
                _save(entry.folder / _STATISTICS, gaussian(made))
                entry.finish({"count": made.count, "dimensions": made.dimensions})
            file = FeatureFile(
                entry.folder / _FEATURES, entry.facts["count"], entry.facts["dimensions"]
            )
            # Another process may replace a damaged entry: what is used lies where it stays.
            path = self.scratch()
            shutil.copyfile(file.path, path)
            with np.load(entry.folder / _STATISTICS, allow_pickle=False) as state:
                statistics = GaussianStatistics.of_state(dict(state))
        features = FeatureFile(path, file.count, file.dimensions)
        if features.count <= features.dimensions:
            statistics = gaussian(features)
        return features, statistics

    def figures(self, key: Mapping[str, str]) -> dict[str, Any] | None:
        """Return figures that `keep_figures` kept, None where there are none."""
        if self._folder is None:
            return None
        with self._entry(key) as entry:
            if not entry.whole:
                return None
            figures: dict[str, Any] = json.loads((entry.folder / _FIGURES).read_text())
            return figures

    def keep_figures(self, key: Mapping[str, str], figures: dict[str, Any]) -> None:
        """Keep figures of real images for other processes."""
        if self._folder is None:
            return
        with self._entry(key) as entry:
            if not entry.whole:
                (entry.folder / _FIGURES).write_text(json.dumps(figures, allow_nan=False))
                entry.finish({})

    @contextlib.contextmanager
    def _entry(self, key: Mapping[str, str]) -> Iterator["_Entry"]:
        assert self._folder is not None
        text = json.dumps({"layout": _LAYOUT, **key}, sort_keys=True)
        place = self._folder / hashlib.sha256(text.encode()).hexdigest()[:24]
        entry = _Entry(place, text)
        try:
            if place.exists() and not entry.whole:
                self._remove(place)
                self.notices.append(f"The cache entry {place} was damaged; it is computed again.")
            if not entry.whole:
                self._folder.mkdir(parents=True, exist_ok=True)
                entry.folder = Path(tempfile.mkdtemp(dir=self._folder, prefix=".new-"))
            yield entry
        except OSError as error:
            raise GanBenchError(
                f"The cache {self._folder} cannot be used ({error.strerror or error}); free space, "
                "correct its permissions, or bypass it with --no-cache."
            ) from error
        finally:
            if entry.folder != place:
                shutil.rmtree(entry.folder, ignore_errors=True)

    def _remove(self, place: Path) -> None:
        # Renamed first, so that no other process sees a part of it.
        aside = Path(tempfile.mkdtemp(dir=place.parent, prefix=".old-"))
        with contextlib.suppress(FileNotFoundError):
            place.rename(aside / place.name)
        shutil.rmtree(aside, ignore_errors=True)


class _Entry:
    """A folder with files and ``entry.json``, which says their sha256s and other facts."""

    def __init__(self, place: Path, key: str) -> None:
        self.place = self.folder = place
        self._key = key
        self.facts: dict[str, Any] = {}
        self.whole = self._read()

    def _read(self) -> bool:
        try:
            held = json.loads((self.place / _ENTRY).read_text(encoding="utf-8"))
            sound = held["key"] == self._key and all(
                _sha256(self.place / name) == sum_ for name, sum_ in held["sha256"].items()
            )
            self.facts = held["facts"]
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return False
        return bool(sound)

    def finish(self, facts: dict[str, Any]) -> None:
        """Put what was written into the folder into its place."""
        sums = {path.name: _sha256(path) for path in sorted(self.folder.iterdir())}
        text = json.dumps({"key": self._key, "facts": facts, "sha256": sums}, indent=1)
        (self.folder / _ENTRY).write_text(text, encoding="utf-8")
        for path in self.folder.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        self.folder.chmod(0o755)
        self.facts = facts
        # Another process may have been faster: then its entry stays, and this one goes.
        with contextlib.suppress(OSError):
            self.folder.rename(self.place)
            self.folder = self.place


def _extract(model: FeatureModel, images: ImageSet, path: Path) -> FeatureFile:
    model.check(images.shape)
    return FeatureFile.write(path, model.batches(images.read(model.batch_size)))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _save(path: Path, statistics: GaussianStatistics) -> None:
    arrays: dict[str, Any] = statistics.state()
    np.savez(path, **arrays)
