"""Which runs are seeds of one thing, and which are comparable in quality and in speed.

Report, compare and gate ask here, and nowhere else. A run's specification has three kinds of
fields (`gan_bench.plan`): those that say what was trained (identity), those that say on what
and where (setting), and those that are only noted.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from gan_bench.analysis.runs import Run
from gan_bench.plan import IDENTITY, RunSpec
from gan_bench.text import against, many

SAME_FOR_QUALITY = ("data_sha256", "train_splits", "budget_images", "precision")
"""Parts of a `Setting` that must be equal for the scores of two sides to compare."""
MACHINE = ("device", "threads", "hardware")
SAME_FOR_SPEED = (*SAME_FOR_QUALITY, *MACHINE)
"""Parts that must be equal for their times to compare."""


@dataclass(frozen=True)
class Setting:
    """On what data, for how long and where runs trained, and how they were scored."""

    dataset: str
    """Name of the data set. It identifies nothing: `data_sha256` does."""
    data_sha256: str
    budget_images: int
    """Training images that were asked for."""
    device: str
    """``CPU`` or ``GPU``."""
    threads: int
    hardware: str | None = None
    """Models of GPU and processor with the number of cores; None if no run has run yet."""
    protocol: str | None = None
    """Fingerprint of the scoring protocol; None if nothing was scored."""
    train_splits: tuple[str, ...] = ()
    precision: str = "ieee"

    def describe(self, names: Sequence[str] | None = None) -> str:
        """Return all parts in words, or those with these names."""
        asked = WORDS if names is None else names
        shown = [name for name in WORDS if name in asked and self._shown(name, names is not None)]
        return ", ".join(self._in_words(name) for name in shown)

    def _shown(self, name: str, asked: bool) -> bool:
        if name == "precision":
            return asked or self.precision != "ieee"
        return name != "train_splits" or bool(self.train_splits)

    def _in_words(self, name: str) -> str:
        return {
            "dataset": self.dataset,
            "data_sha256": f"data {self.data_sha256[:12]}",
            "budget_images": f"{self.budget_images:,} images",
            "device": self.device,
            "hardware": self.hardware or "machine not known yet",
            "threads": many(self.threads, "thread"),
            "protocol": f"protocol {self.protocol}" if self.protocol else "not scored",
            "train_splits": " and ".join(self.train_splits),
            "precision": f"precision {self.precision}",
        }[name]

    def differences(self, other: "Setting", names: Sequence[str]) -> list[str]:
        """Return the parts with these names that differ, each with both values.

        A side that has never run has no machine, which is no difference.
        """
        found = []
        for name in names:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine == theirs or (name == "hardware" and not (mine and theirs)):
                continue
            if name == "data_sha256" and self.dataset != other.dataset:
                found.append(against("data set", self.dataset, other.dataset))
            elif name == "data_sha256":
                found.append(against(f"data set {self.dataset}", mine, theirs))
            elif name in ("budget_images", "train_splits"):
                words = self._in_words(name), other._in_words(name)
                found.append(against(WORDS[name], *words))
            else:
                found.append(against(WORDS[name], mine, theirs))
        return found


WORDS = {
    "dataset": "data set",
    "data_sha256": "data",
    "train_splits": "training splits",
    "budget_images": "budget",
    "device": "device",
    "hardware": "machine",
    "threads": "threads",
    "precision": "precision",
    "protocol": "protocol",
}
"""Parts of a `Setting` in words, in the order in which they are shown."""


def setting_of(runs: Sequence[Run]) -> Setting:
    """Return the setting of runs that are seeds of one thing.

    Seeds from several machines are one thing in quality; their setting then names all machines.
    """
    run, spec = runs[0], runs[0].spec
    return Setting(
        dataset=spec.dataset_label,
        data_sha256=spec.data_sha256,
        budget_images=run.budget_images,
        device=run.device,
        threads=spec.threads,
        hardware=" and ".join(sorted({r.hardware for r in runs if r.hardware})) or None,
        train_splits=spec.train_splits,
        precision=spec.precision,
    )


def differing(settings: Sequence[Setting]) -> list[str]:
    """Return the names of the parts in which settings differ."""
    names = [field.name for field in fields(Setting)]
    return [name for name in names if len({getattr(s, name) for s in settings}) > 1]


def identity(spec: RunSpec) -> dict[str, Any]:
    """Return what was trained and how, by field, as JSON values."""
    values = spec.model_dump(mode="json", include=set(IDENTITY))
    found = {name: values[name] for name in IDENTITY}
    # The path of its code may be private, and the source's hash identifies the code.
    found["implementation"] = {
        name: found["implementation"][name] for name in ("name", "recipe", "framework", "attribute")
    }
    return found


def same_run(run: Run) -> str:
    """Return a key that runs of equal identity and setting have in common, whatever their seed."""
    spec = run.spec
    setting = [
        *(spec.data_sha256, spec.train_splits, run.budget_images),
        *(run.device, spec.threads, spec.precision),
    ]
    return json.dumps([identity(spec), setting], sort_keys=True)


def seeds_of_one_thing(runs: Iterable[Run]) -> list[list[Run]]:
    """Return runs in lists that differ in the seed alone, in the order in which they first occur.

    The machine and the GPU's number do not count, nor does the name of the data: seeds may be
    spread over machines and equal GPUs. But a seed that ran twice is no second seed, so runs of
    which one is a repetition are taken apart by device and name of the data.

    Examples
    --------
    Seeds 0 to 2 on ``cuda:0`` and 3 to 5 on ``cuda:1`` are one list; seed 0 on both is two lists.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(same_run(run), []).append(run)
    return [part for group in groups.values() for part in _without_repetition(group)]


def _without_repetition(runs: list[Run]) -> list[list[Run]]:
    if len({run.spec.seed for run in runs}) == len(runs):
        return [runs]
    parts: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        parts.setdefault((run.spec.device, run.spec.dataset_label), []).append(run)
    return list(parts.values())
