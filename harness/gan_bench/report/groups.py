"""Which runs may be ranked together: the same data, device, budget and protocol."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from gan_bench.report.runs import Run


@dataclass(frozen=True)
class Setting:
    """What must be equal for two figures to stand in one ranking."""

    dataset: str
    data_sha256: str
    budget_images: int
    device: str
    threads: int
    hardware: str | None = None
    """None before any run of it has run."""
    protocol: str | None = None
    """A fingerprint; None where nothing was scored."""

    def describe(self, names: Sequence[str] | None = None) -> str:
        """Return all of it, or the parts of these names, for a reader."""
        hardware = self.hardware or "machine not known yet"
        threads = f"{self.threads} thread" if self.threads == 1 else f"{self.threads} threads"
        parts = {
            "dataset": self.dataset,
            "data_sha256": f"data {self.data_sha256[:12]}",
            "budget_images": f"{self.budget_images:,} images",
            "device": self.device,
            "hardware": hardware,
            "threads": threads,
            "protocol": f"protocol {self.protocol}" if self.protocol else "not scored",
        }
        chosen = parts if names is None else [name for name in parts if name in names]
        return ", ".join(parts[name] for name in chosen)


WORDS = {
    "dataset": "data set",
    "data_sha256": "data",
    "budget_images": "budget",
    "device": "device",
    "threads": "threads",
    "hardware": "machine",
    "protocol": "protocol",
}


def differing(settings: Sequence[Setting]) -> list[str]:
    """Return the names of the parts in which settings differ, in the order of the class."""
    names = [field.name for field in fields(Setting)]
    return [name for name in names if len({getattr(s, name) for s in settings}) > 1]


def comparable_groups(runs: Sequence[Run]) -> dict[Setting, list[Run]]:
    """Return the runs by setting, in the order in which the settings first occur.

    A run with scores under two protocols stands in two groups. A run without scores, or one that
    has not run yet, stands with the runs that it was planned with.
    """
    names: dict[str, str] = {}
    bases = {run.run_id: _base(run, names) for run in runs}
    machines: dict[Setting, Counter[str]] = {}
    protocols: dict[Setting, dict[str, None]] = {}
    for run in runs:
        if run.hardware is None:
            continue
        base = bases[run.run_id]
        machines.setdefault(base, Counter())[run.hardware] += 1
        here = replace(base, hardware=run.hardware)
        protocols.setdefault(here, {}).update(dict.fromkeys(run.protocols))
    groups: dict[Setting, list[Run]] = {}
    for run in runs:
        base = bases[run.run_id]
        known = machines.get(base)
        likely = known.most_common(1)[0][0] if known else None
        here = replace(base, hardware=run.hardware or likely)
        for protocol in run.protocols or tuple(protocols.get(here, ())) or (None,):
            groups.setdefault(replace(here, protocol=protocol), []).append(run)
    return groups


def _base(run: Run, names: dict[str, str]) -> Setting:
    spec = run.spec
    return Setting(
        # The same content under two names is the same data.
        dataset=names.setdefault(spec.data_sha256, spec.dataset_label),
        data_sha256=spec.data_sha256,
        budget_images=run.budget_images,
        device=run.device,
        threads=spec.threads,
    )
