"""The reference cache: features, statistics, floors and bins of real images.

An entry is a folder named after everything that its content depends on: data, selection, feature
model and ONNX Runtime. A rename makes it appear complete, so several processes may read and write
at once. Its checksums are verified whenever it is read.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from gan_bench.errors import GanBenchError
from gan_bench.scoring.array_file import FeatureFile
from gan_bench.scoring.features import Meter
from gan_bench.scoring.features.onnx_model import FeatureModel
from gan_bench.scoring.images import ImageSet
from gan_bench.scoring.metrics.frechet import GaussianStatistics, gaussian
from gan_bench.system.files import file_sha256, make_folder
from gan_bench.system.scratch import scratch_folder

_LAYOUT = 1
_NEW, _OLD = ".new-", ".old-"
_ABANDONED_S = 24 * 3600
"""Age from which unfinished entries are leftovers of killed processes."""
_ENTRY = "entry.json"
_FEATURES, _STATISTICS, _VALUES = "features.f32", "statistics.npz", "figures.json"
_ARRAYS = "arrays.npz"


class ReferenceCache:
    """Entries in a folder; without a folder nothing outlives the process.

    All files that it returns are in a temporary folder of this process, so that no other process
    can change or delete them.

    Attributes
    ----------
    notices
        Sentences about damaged entries that were computed again, and about a cache that cannot be
        written.
    """

    def __init__(self, folder: Path | None, meter: Meter | None = None) -> None:
        self._folder = folder
        self._meter = meter or Meter("", lambda line: None)
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
        """Return the features of images and their statistics, cached or computed.

        ``keep`` reads and writes the cache, which makes sense for real images.

        Raises
        ------
        GanBenchError
            The images do not fit the model, a feature is NaN or infinite, or a disk is full.
        """
        if not keep or self._folder is None:
            features = self._extract(model, images, self._new_folder())
            return features, gaussian(features)
        # Features have the same bits only with the same provider, runtime and architecture.
        key = {
            "images": f"{images.sha256} {images.selection} {images.shape}",
            "model": model.sha256,
            "runtime": f"{onnxruntime.__version__} {model.provider} {os.uname().machine}",
        }
        entry = self._fetch(key)
        if entry is None:
            entry = self._new_folder()
            features = self._extract(model, images, entry)
            state: dict[str, Any] = gaussian(features).state()
            np.savez(entry / _STATISTICS, **state)
            self._publish(key, entry, {"count": features.count, "dimensions": features.dimensions})
        else:
            self._meter.skip(images.count)
        facts = _read_entry(entry, key)
        assert facts is not None
        features = FeatureFile(entry / _FEATURES, facts["count"], facts["dimensions"])
        if features.count <= features.dimensions:
            return features, gaussian(features)
        with np.load(entry / _STATISTICS, allow_pickle=False) as archive:
            return features, GaussianStatistics.of_state(dict(archive))

    def values(self, key: Mapping[str, str]) -> dict[str, Any] | None:
        """Return the values that `keep_values` cached; None if there are none."""
        entry = None if self._folder is None else self._fetch(key)
        if entry is None:
            return None
        values: dict[str, Any] = json.loads((entry / _VALUES).read_text())
        return values

    def keep_values(self, key: Mapping[str, str], values: dict[str, Any]) -> None:
        """Cache values of real images for other processes."""
        if self._folder is None:
            return
        entry = self._new_folder()
        (entry / _VALUES).write_text(json.dumps(values, allow_nan=False), encoding="utf-8")
        self._publish(key, entry, {})

    def arrays(
        self, key: Mapping[str, str], make: Callable[[], dict[str, NDArray[Any]]]
    ) -> dict[str, NDArray[Any]]:
        """Return arrays that are made from real images, cached or computed."""
        entry = None if self._folder is None else self._fetch(key)
        if entry is None:
            entry = self._new_folder()
            np.savez(entry / _ARRAYS, allow_pickle=False, **make())
            if self._folder is not None:
                self._publish(key, entry, {})
        with np.load(entry / _ARRAYS, allow_pickle=False) as archive:
            return dict(archive)

    def _new_folder(self) -> Path:
        self._number += 1
        folder = Path(self._scratch.name) / str(self._number)
        folder.mkdir()
        return folder

    def _extract(self, model: FeatureModel, images: ImageSet, folder: Path) -> FeatureFile:
        model.check(images.shape)
        batches = self._counted(model.batches(images.read(model.batch_size)))
        try:
            return FeatureFile.write(folder / _FEATURES, batches)
        except OSError as error:
            raise GanBenchError(
                f"The features cannot be written to {folder.parent} ({error.strerror}); free space "
                "there, or name another folder with TMPDIR."
            ) from error

    def _counted(self, batches: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        for batch in batches:
            self._meter.add(len(batch))
            yield batch

    def _path(self, key: Mapping[str, str]) -> Path:
        assert self._folder is not None
        return self._folder / hashlib.sha256(_text(key).encode()).hexdigest()[:24]

    def _fetch(self, key: Mapping[str, str]) -> Path | None:
        """Return a copy of an entry with correct checksums; None if there is none."""
        entry = self._path(key)
        if not entry.exists():
            return None
        copy = self._new_folder()
        # Another process may be replacing the entry: then the copy is incomplete or mixed.
        with contextlib.suppress(OSError):
            for path in entry.iterdir():
                shutil.copyfile(path, copy / path.name)
        if _read_entry(copy, key) is not None:
            return copy
        shutil.rmtree(copy)
        self._remove_damaged(entry, key)
        return None

    def _remove_damaged(self, entry: Path, key: Mapping[str, str]) -> None:
        try:
            aside = Path(tempfile.mkdtemp(dir=entry.parent, prefix=_OLD))
        except OSError:
            return
        try:
            # Check again: another process may have replaced it meanwhile.
            if entry.exists() and _read_entry(entry, key) is None:
                entry.rename(aside / entry.name)
                self.notices.append(f"The cache entry {entry} was damaged; it is computed again.")
        except OSError:
            pass  # another process was faster
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _publish(self, key: Mapping[str, str], entry: Path, facts: dict[str, Any]) -> None:
        """Add checksums to a new entry and copy it into the cache."""
        checksums = {path.name: file_sha256(path) for path in sorted(entry.iterdir())}
        content = {"key": _text(key), "facts": facts, "sha256": checksums}
        content["check"] = _check(content)
        (entry / _ENTRY).write_text(json.dumps(content, indent=1), encoding="utf-8")
        assert self._folder is not None
        try:
            make_folder(self._folder)
            self._sweep()
            new = Path(tempfile.mkdtemp(dir=self._folder, prefix=_NEW))
            try:
                for path in entry.iterdir():
                    shutil.copyfile(path, new / path.name)
                    with (new / path.name).open("rb") as file:
                        os.fsync(file.fileno())
                new.chmod(0o755)
                # Another process may have been faster: then its entry stays.
                with contextlib.suppress(OSError):
                    new.rename(self._path(key))
            finally:
                shutil.rmtree(new, ignore_errors=True)
        except OSError as error:
            self.notices.append(
                f"The cache {self._folder} cannot be used ({error.strerror or error}), so its "
                "features are computed again each time; free space or correct its permissions."
            )
            self._folder = None

    def _sweep(self) -> None:
        """Delete unfinished entries of killed processes."""
        assert self._folder is not None
        for path in self._folder.glob(".*"):
            with contextlib.suppress(OSError):
                old = time.time() - path.stat().st_mtime > _ABANDONED_S
                if old and path.name.startswith((_NEW, _OLD)):
                    shutil.rmtree(path, ignore_errors=True)


def _text(key: Mapping[str, str]) -> str:
    return json.dumps({"layout": _LAYOUT, **key}, sort_keys=True)


def _check(content: Mapping[str, Any]) -> str:
    parts = {name: content[name] for name in ("key", "facts", "sha256")}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _read_entry(folder: Path, key: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the facts of an entry; None if it is damaged or has another key."""
    try:
        content = json.loads((folder / _ENTRY).read_text(encoding="utf-8"))
        is_sound = (
            content["key"] == _text(key)
            and content["check"] == _check(content)
            and all(
                file_sha256(folder / name) == sha256 for name, sha256 in content["sha256"].items()
            )
        )
        facts: dict[str, Any] = content["facts"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return facts if is_sound else None
