"""Which runs are seeds of one thing, and which are comparable in quality and in speed.

Report, compare, gate and summary frames ask here, and nowhere else. A run's specification has three
kinds of fields (`gan_bench.plan`): those that say what was trained (identity), those that say on
what and where (setting), and those that are only noted. The rule:

1. **Quality** compares across machines: a seed is a block. Runs of one implementation and seed are
   the same measurement of quality wherever they ran, rounding apart, if `SAME_FOR_QUALITY` and the
   scoring protocol are equal. ``ieee`` on a CPU and on a GPU is one precision; ``tf32`` is another.
2. **Times** (throughput, time to finish, time to an FID, FID at equal time, memory, share of the
   machine rate) compare only on one machine: where `MACHINE` is equal, too. A ranking shows the
   times of one machine, its `clock`. Its throughputs may be those of a study of speed on that
   machine, of the implementations for which `same_speed` is equal. The study then gives a
   throughput also to implementations whose runs are from another machine.
3. A seed that ran several times is one seed. `one_per_seed` says which run counts, and never
   looks at a value to choose it.

The report groups runs by `blocks`. Compare and gate have two sides, whose runs they group by
`seeds_of_one_thing`: also over machines, but apart by kind of device, card and threads, so that a
side has one clock.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from gan_bench.analysis.final_scores import final_scores
from gan_bench.analysis.runs import Run
from gan_bench.plan import IDENTITY, RunSpec, device_kind
from gan_bench.results.certificate import without_budget
from gan_bench.text import against, many

SAME_FOR_QUALITY = ("data_sha256", "train_splits", "budget_images", "precision")
"""Parts of a `Setting` that must be equal for the scores of two sides to compare."""
MACHINE = ("device", "threads", "hardware")
"""Parts of a `Setting` that say on what runs were timed: the fields of a `Machine`."""
SAME_FOR_SPEED = (*SAME_FOR_QUALITY, *MACHINE)
"""Parts that must be equal for their times to compare."""


@dataclass(frozen=True)
class Machine:
    """What the times of a run are of."""

    device: str
    """``CPU`` or ``GPU``."""
    threads: int
    hardware: str | None
    """See `Run.hardware`; None before the run has run."""

    @staticmethod
    def of(run: Run) -> "Machine":
        """Return the machine that a run ran on, or is planned for."""
        return Machine(run.device, run.spec.threads, run.hardware)

    def __str__(self) -> str:
        """Return e.g. ``Model X, 2 cores (CPU, 1 thread)``."""
        hardware = self.hardware or "machine not known yet"
        return f"{hardware} ({self.device}, {many(self.threads, 'thread')})"


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

    @property
    def machine(self) -> Machine:
        """The parts named in `MACHINE`."""
        return Machine(self.device, self.threads, self.hardware)

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
    """Return the names of the parts in which settings that compare in no quality differ."""
    names = [field.name for field in fields(Setting) if field.name not in MACHINE]
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


def same_block(run: Run) -> str:
    """Return a key that runs have in common whose quality is that of one implementation.

    They may differ in the seed and in the machine. The build of a package for a machine, such as
    ``+cpu`` or ``+cu128`` in a version, is part of the machine.
    """
    facts = identity(run.spec)
    facts["versions"] = _without_builds(run.spec)
    spec = run.spec
    setting = (spec.data_sha256, spec.train_splits, run.budget_images, spec.precision)
    return json.dumps([facts, setting], sort_keys=True)


def _without_builds(spec: RunSpec) -> dict[str, str]:
    return {name: text.partition("+")[0] for name, text in spec.versions.items()}


def same_run(run: Run) -> str:
    """Return a key that runs of one implementation on one kind of machine have in common."""
    spec = run.spec
    kind = [run.device, spec.threads, *([spec.gpu] if spec.gpu else [])]
    return json.dumps([same_block(run), spec.versions, kind], sort_keys=True)


_NO_STEP = frozenset({"steps", "evaluation_steps", "samples", "on_divergence"})
"""Parts of an identity on which the time of a step does not depend."""


def same_speed(spec: RunSpec, *, any_build: bool = False) -> str:
    """Return a key that specifications have in common whose steps are the same work.

    They may differ in seed, budget, evaluation points and data, but not in the shape of images.
    With ``any_build``, the builds of packages may differ, as those of two machines.
    """
    facts = {name: value for name, value in identity(spec).items() if name not in _NO_STEP}
    facts["recipe_values"] = without_budget(facts["recipe_values"])
    if any_build:
        facts["versions"] = _without_builds(spec)
    place = (device_kind(spec.device), spec.threads, spec.precision, spec.image_shape)
    return json.dumps([facts, place], sort_keys=True)


def blocks(runs: Iterable[Run]) -> list[list[Run]]:
    """Return runs in lists that differ in seed and machine alone, in the order of their first runs.

    A seed may be in a list several times: `one_per_seed`.
    """
    return _by(same_block, runs)


def clock(runs: Sequence[Run], studied: Mapping[Machine, int] | None = None) -> Machine:
    """Return the machine whose times runs that compare in quality are compared by.

    It is the one with times of most implementations: of those that ran to their end there, or of
    as many as ``studied`` says. Of several, it is one in ``studied``, then the one on which most
    runs ran to their end, then most ran at all, then the first by name. Of runs that have not run,
    it is what most are planned for.

    ``studied`` has the number of implementations whose throughput a study of speed gives, by
    machine: `gan_bench.analysis.studied_speed.studied_machines`.
    """
    known = [run for run in runs if run.hardware] or runs
    ran = Counter(Machine.of(run) for run in known)
    ended = Counter(Machine.of(run) for run in known if run.status == "ok")
    kinds = {(Machine.of(run), same_block(run)) for run in known if run.status == "ok"}
    implementations = Counter(machine for machine, _ in kinds)
    studied = studied or {}

    def order(machine: Machine) -> tuple[int, bool, int, int, str]:
        timed = studied.get(machine, implementations[machine])
        return -timed, machine not in studied, -ended[machine], -ran[machine], str(machine)

    return min(ran, key=order)


def one_per_seed(
    runs: Iterable[Run], clock: Machine, protocol: str | None
) -> tuple[list[Run], list[Run]]:
    """Return the run of each seed that counts, by seed, and the repetitions, which do not.

    A run that gave a result (it was scored under the protocol, or diverged) counts before one that
    was not scored, then one that failed for another reason, then one that has not ended. Of these,
    one on the machine of the times comes first, then the first by machine, device and name. No
    value decides.
    """

    def order(run: Run) -> tuple[int, bool, str, str, str]:
        scored = run.status == "ok" and (protocol is None or bool(final_scores(run, protocol)))
        judged = scored or run.status == "diverged"
        machine = Machine.of(run)
        lacking = 0 if judged else 1 if run.status == "ok" else 2 if run.record else 3
        return lacking, machine != clock, str(machine), run.spec.device, run.run_id

    chosen: dict[int, Run] = {}
    others = []
    for run in sorted(runs, key=order):
        if chosen.setdefault(run.spec.seed, run) is not run:
            others.append(run)
    return [chosen[seed] for seed in sorted(chosen)], others


def seeds_of_one_thing(runs: Iterable[Run]) -> list[list[Run]]:
    """Return runs in lists that differ in the seed alone, in the order in which they first occur.

    The machine and the GPU's number do not count, nor does the name of the data: seeds may be
    spread over machines and equal GPUs. But a seed that ran twice is no second seed, so runs of
    which one is a repetition are taken apart by device and name of the data.

    Examples
    --------
    Seeds 0 to 2 on ``cuda:0`` and 3 to 5 on ``cuda:1`` are one list; seed 0 on both is two lists.
    """
    return [part for group in _by(same_run, runs) for part in _without_repetition(group)]


def _by(key: Callable[[Run], str], runs: Iterable[Run]) -> list[list[Run]]:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return list(groups.values())


def _without_repetition(runs: list[Run]) -> list[list[Run]]:
    if len({run.spec.seed for run in runs}) == len(runs):
        return [runs]
    parts: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        parts.setdefault((run.spec.device, run.spec.dataset_label), []).append(run)
    return list(parts.values())
