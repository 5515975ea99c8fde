"""Which runs may be ranked together: the same data, device, budget and protocol."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from gan_bench.analysis.runs import Run


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


def comparable_groups(runs: Sequence[Run], features: Mapping[str, str]) -> dict[Setting, list[Run]]:
    """Return the runs by setting, in the order in which the settings first occur.

    Scores with several feature models stand side by side: the group's protocol is that of the
    model which most of its runs were scored with, and at most points. A run with scores under two
    protocols of that model stands in two groups. A run without scores, or one that has not run
    yet, stands with the runs that it was planned with.

    Parameters
    ----------
    runs
        All of them.
    features
        The feature model's name by the protocol's fingerprint.
    """
    names: dict[str, str] = {}
    bases = {run.run_id: _base(run, names) for run in runs}
    machines: dict[Setting, Counter[str]] = {}
    scored: dict[Setting, list[Run]] = {}
    for run in runs:
        if run.hardware is None:
            continue
        base = bases[run.run_id]
        machines.setdefault(base, Counter())[run.hardware] += 1
        scored.setdefault(replace(base, hardware=run.hardware), []).append(run)
    protocols = {here: _main_protocols(members, features) for here, members in scored.items()}
    groups: dict[Setting, list[Run]] = {}
    for run in runs:
        base = bases[run.run_id]
        known = machines.get(base)
        likely = known.most_common(1)[0][0] if known else None
        here = replace(base, hardware=run.hardware or likely)
        of_run = protocols.get(here, {})
        planned_with = tuple(dict.fromkeys(p for found in of_run.values() for p in found))
        for protocol in of_run.get(run.run_id) or planned_with or (None,):
            groups.setdefault(replace(here, protocol=protocol), []).append(run)
    return groups


def _main_protocols(runs: Sequence[Run], features: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the protocols that rank each run, by run id."""
    runs_of: Counter[str] = Counter()
    places: Counter[str] = Counter()
    for run in runs:
        for place, name in enumerate(dict.fromkeys(features[p] for p in run.protocols)):
            runs_of[name] += 1
            places[name] += place
    main = max(runs_of, key=lambda name: (runs_of[name], -places[name]), default=None)
    return {
        run.run_id: tuple(p for p in run.protocols if features[p] == main) or run.protocols[:1]
        for run in runs
    }


def other_protocols(
    runs: Sequence[Run], main: str | None, features: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the protocols that stand beside a group's own: one for each other feature model."""
    counts = Counter(p for run in runs for p in run.protocols)
    best: dict[str, str] = {}
    for protocol, _ in counts.most_common():
        name = features[protocol]
        if main is None or name != features[main]:
            best.setdefault(name, protocol)
    return tuple(best.values())


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
