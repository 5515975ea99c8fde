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
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from gan_bench.errors import GanBenchError
from gan_bench.scoring.cache_folders import scratch_folder
from gan_bench.scoring.features.feature_file import FeatureFile
from gan_bench.scoring.features.onnx_model import FeatureModel
from gan_bench.scoring.images import ImageSet
from gan_bench.scoring.metrics.frechet import GaussianStatistics
from gan_bench.scoring.metrics.frechet_interval import gaussian
from gan_bench.system.files import file_sha256

_LAYOUT = 1
_NEW, _OLD = ".new-", ".old-"
_LEFT_BEHIND_S = 24 * 3600
_ENTRY, _FEATURES, _STATISTICS, _FIGURES = (
    *("entry.json", "features.f32", "statistics.npz"),
    "figures.json",
)


class ReferenceCache:
    """Entries in a folder; without one nothing is kept beyond the process.

    Whatever it returns lies in a folder of the process's own, so that no other process can change
    or remove it.

    Attributes
    ----------
    notices
        Sentences on entries that were damaged and have been made again.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._scratch = scratch_folder()
        self._number = 0
        self.notices: list[str] = []

    def __enter__(self) -> "ReferenceCache":
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.cleanup()

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
            The images do not fit the model, a feature is NaN or infinite, or a disk is full.
        """
        if not keep or self._folder is None:
            made = self._extract(model, images, self._new_folder())
            return made, gaussian(made)
        # To the bit the same only on the same provider, runtime and kind of machine.
        key = {
            "images": f"{images.sha256} {images.selection} {images.shape}",
            "model": model.sha256,
            "runtime": f"{onnxruntime.__version__} {model.provider} {os.uname().machine}",
        }
        held = self._fetch(key)
        if held is None:
            held = self._new_folder()
            made = self._extract(model, images, held)
            _save(held / _STATISTICS, gaussian(made))
            self._publish(key, held, {"count": made.count, "dimensions": made.dimensions})
        facts = _read_entry(held, key)
        assert facts is not None
        features = FeatureFile(held / _FEATURES, facts["count"], facts["dimensions"])
        if features.count <= features.dimensions:
            return features, gaussian(features)
        with np.load(held / _STATISTICS, allow_pickle=False) as state:
            return features, GaussianStatistics.of_state(dict(state))

    def figures(self, key: Mapping[str, str]) -> dict[str, Any] | None:
        """Return figures that `keep_figures` kept, None where there are none."""
        held = None if self._folder is None else self._fetch(key)
        if held is None:
            return None
        figures: dict[str, Any] = json.loads((held / _FIGURES).read_text())
        return figures

    def keep_figures(self, key: Mapping[str, str], figures: dict[str, Any]) -> None:
        """Keep figures of real images for other processes."""
        if self._folder is None:
            return
        held = self._new_folder()
        (held / _FIGURES).write_text(json.dumps(figures, allow_nan=False))
        self._publish(key, held, {})

    def _new_folder(self) -> Path:
        self._number += 1
        folder = Path(self._scratch.name) / str(self._number)
        folder.mkdir()
        return folder

    def _extract(self, model: FeatureModel, images: ImageSet, folder: Path) -> FeatureFile:
        model.check(images.shape)
        batches = model.batches(images.read(model.batch_size))
        try:
            return FeatureFile.write(folder / _FEATURES, batches)
        except OSError as error:
            raise GanBenchError(
                f"The features cannot be written to {folder.parent} ({error.strerror}); free space "
                "there, or name another folder with TMPDIR."
            ) from error

    def _place(self, key: Mapping[str, str]) -> Path:
        assert self._folder is not None
        return self._folder / hashlib.sha256(_text(key).encode()).hexdigest()[:24]

    def _fetch(self, key: Mapping[str, str]) -> Path | None:
        """Return a copy of an entry whose sha256s are right, None where there is none."""
        place = self._place(key)
        if not place.exists():
            return None
        held = self._new_folder()
        # Another process may be replacing it: then a file of it is missing, or of the other one.
        with contextlib.suppress(OSError):
            for path in place.iterdir():
                shutil.copyfile(path, held / path.name)
        if _read_entry(held, key) is not None:
            return held
        shutil.rmtree(held)
        self._remove_damaged(place, key)
        return None

    def _remove_damaged(self, place: Path, key: Mapping[str, str]) -> None:
        try:
            aside = Path(tempfile.mkdtemp(dir=place.parent, prefix=_OLD))
        except OSError:
            return
        try:
            # Looked at once more: it may have been repaired meanwhile.
            if place.exists() and _read_entry(place, key) is None:
                place.rename(aside / place.name)
                self.notices.append(f"The cache entry {place} was damaged; it is computed again.")
        except OSError:
            pass  # another process was faster
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _publish(self, key: Mapping[str, str], held: Path, facts: dict[str, Any]) -> None:
        """Complete what was made, and put a copy of it where other processes find it."""
        sums = {path.name: file_sha256(path) for path in sorted(held.iterdir())}
        content = {"key": _text(key), "facts": facts, "sha256": sums}
        content["check"] = _check(content)
        (held / _ENTRY).write_text(json.dumps(content, indent=1), encoding="utf-8")
        assert self._folder is not None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            new = Path(tempfile.mkdtemp(dir=self._folder, prefix=_NEW))
            try:
                for path in held.iterdir():
                    shutil.copyfile(path, new / path.name)
                    with (new / path.name).open("rb") as file:
                        os.fsync(file.fileno())
                new.chmod(0o755)
                # Another process may have been faster: then its entry stays.
                with contextlib.suppress(OSError):
                    new.rename(self._place(key))
            finally:
                shutil.rmtree(new, ignore_errors=True)
        except OSError as error:
            raise GanBenchError(
                f"The cache {self._folder} cannot be used ({error.strerror or error}); free space, "
                "correct its permissions, or bypass it with --no-cache."
            ) from error

    def _sweep(self) -> None:
        """Remove what processes that were killed have left behind."""
        assert self._folder is not None
        for path in self._folder.glob(".*"):
            with contextlib.suppress(OSError):
                old = time.time() - path.stat().st_mtime > _LEFT_BEHIND_S
                if old and path.name.startswith((_NEW, _OLD)):
                    shutil.rmtree(path, ignore_errors=True)


def _text(key: Mapping[str, str]) -> str:
    return json.dumps({"layout": _LAYOUT, **key}, sort_keys=True)


def _check(content: Mapping[str, Any]) -> str:
    parts = {name: content[name] for name in ("key", "facts", "sha256")}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _read_entry(folder: Path, key: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the facts of an entry that is whole and of this key, else None."""
    try:
        content = json.loads((folder / _ENTRY).read_text(encoding="utf-8"))
        whole = (
            content["key"] == _text(key)
            and content["check"] == _check(content)
            and all(file_sha256(folder / name) == sum_ for name, sum_ in content["sha256"].items())
        )
        facts: dict[str, Any] = content["facts"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return facts if whole else None


def _save(path: Path, statistics: GaussianStatistics) -> None:
    arrays: dict[str, Any] = statistics.state()
    np.savez(path, **arrays)
