"""``gate --run``: trains the candidate runs that the gate needs, and no more."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gan_bench.devices import machine
from gan_bench.errors import UsageError
from gan_bench.executor.scoring import parse_features
from gan_bench.gate.baseline import Entry
from gan_bench.gate.bound import SPEED
from gan_bench.gate.comparable import incomparable
from gan_bench.gate.freeze import entries, preferred
from gan_bench.gate.verdict import Row, decide, equal_bits, judge
from gan_bench.plan import expand, request
from gan_bench.registry import is_path, path_name
from gan_bench.report.numbers import listed
from gan_bench.schedule import evaluation_steps
from gan_bench.spec import Plan

Execute = Callable[[Plan], object]
"""Runs a plan and writes its records; raises where it is interrupted."""


@dataclass
class Candidates:
    """Trains the runs of implementations that a baseline has, seed after seed.

    Nothing that a results folder held before counts, unless it is the very run that is needed.
    """

    results: Path
    chosen: Sequence[Entry]
    """Of the baseline."""
    targets: Mapping[str, str]
    """By implementation what is to be run: its name, or the path of a plugin's file."""
    seeds: int
    """How many each implementation trains before it is judged."""
    command: str
    execute: Execute
    metric: str
    margin: float
    _ids: set[str] = field(default_factory=set)
    _left: list[str] = field(default_factory=list)

    def rows(self) -> list[Row]:
        """Train, judge, and train fresh seeds of what tripped: only what trips twice fails.

        First the baseline's own seeds where the same bits may come out, since then nothing has
        changed; then seeds that the baseline has not.
        """
        settled = self._refused()
        if self.metric != SPEED:
            settled |= self._unchanged([e for e in self.chosen if e.implementation not in settled])
        others = [entry for entry in self.chosen if entry.implementation not in settled]
        start = max(one.seed for entry in self.chosen for one in entry.seeds) + 1
        fresh = range(start, start + self.seeds)
        self._train(others, fresh)
        judged = decide([self._judged(entry, fresh) for entry in others])
        tripped = [row.baseline for row in judged if row.tripped]
        again = range(fresh.stop, fresh.stop + self.seeds)
        self._train(tripped, again)
        reruns = decide([self._judged(entry, again) for entry in tripped])
        by_name = {row.label: row for row in judged} | settled
        for rerun in reruns:
            by_name[rerun.label] = _confirmed(by_name[rerun.label], rerun)
        return [by_name[entry.implementation] for entry in self.chosen]

    @property
    def left_out(self) -> tuple[str, ...]:
        """A sentence for each file of the results folder that could not be read."""
        return tuple(dict.fromkeys(self._left))

    def _refused(self) -> dict[str, Row]:
        """Return the rows of implementations whose runs would compare with nothing."""
        refused = {}
        for entry in self.chosen:
            spec = self._plan([entry], [entry.seeds[0].seed]).runs[0]
            names = ("data_sha256", "train_splits", "steps", "recipe_values")
            planned = {name: getattr(spec, name) for name in names}
            planned |= {"recipe": spec.implementation.recipe, "dataset": spec.dataset_label}
            planned |= {"framework": spec.implementation.framework}
            planned |= {"device": spec.device, "threads": spec.threads}
            apart = incomparable(entry, entry.model_copy(update=planned), self.metric)
            if apart:
                why = f"{listed(apart)}; nothing was trained"
                refused[entry.implementation] = Row(entry, "incomparable", why)
        return refused

    def _unchanged(self, wanted: Sequence[Entry]) -> dict[str, Row]:
        """Return the rows of implementations that repeat the baseline's own runs to the bit."""
        hopeful = [entry for entry in wanted if self._may_repeat(entry)]
        counts = (1, self.seeds)  # the first own seed tells whether the others are worth it
        for count in counts:
            by_seeds: dict[tuple[int, ...], list[Entry]] = {}
            for entry in hopeful:
                own = tuple(one.seed for one in entry.ok[:count])
                by_seeds.setdefault(own, []).append(entry)
            for own, members in by_seeds.items():
                self._train(members, own)
            found = self._found(hopeful)
            hopeful = [
                entry
                for entry in hopeful
                if (one := found.get(entry.implementation))
                and len(equal_bits(entry, one, self.metric)) >= count
            ]
        found = self._found(hopeful)
        return {
            entry.implementation: judge(
                entry, found[entry.implementation], self.metric, self.margin
            )
            for entry in hopeful
        }

    def _may_repeat(self, entry: Entry) -> bool:
        """Tell whether the same versions and the same kind of machine are at hand."""
        spec = self._plan([entry], [entry.seeds[0].seed]).runs[0]
        names = {one.machine for one in entry.seeds if one.machine}
        return (
            spec.versions == entry.versions
            and spec.threads == entry.threads
            and spec.device == entry.device
            and all(machine().cpu in name for name in names)
        )

    def _judged(self, entry: Entry, seeds: Collection[int]) -> Row:
        candidate = self._found([entry]).get(entry.implementation)
        return judge(entry, candidate, self.metric, self.margin, seeds=seeds)

    def _found(self, wanted: Iterable[Entry]) -> dict[str, Entry]:
        found = entries(self.results, prefer=preferred(wanted), only=self._ids)
        self._left += found.left_out
        return {entry.implementation: entry for entry in found.entries}

    def _train(self, wanted: Sequence[Entry], seeds: Collection[int]) -> None:
        """Train seeds of some implementations, those of one data set and budget in one plan."""
        groups: dict[str, list[Entry]] = {}
        for entry in wanted:
            groups.setdefault(repr(_asked(entry)), []).append(entry)
        for members in groups.values():
            plan = self._plan(members, seeds)
            self._ids |= {spec.run_id for spec in plan.runs}
            self.execute(plan)

    def _plan(self, members: Sequence[Entry], seeds: Collection[int]) -> Plan:
        targets = tuple(self.targets[entry.implementation] for entry in members)
        asked = {**_asked(members[0]), "targets": targets, "seeds": tuple(seeds)}
        return expand(request(asked), self.command)


def chosen_targets(targets: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Return by implementation what was named of it; all of the baseline where nothing was.

    Raises
    ------
    UsageError
        One is not in the baseline, or named twice.
    """
    found: dict[str, str] = {}
    for target in targets:
        name = path_name(target) if is_path(target) else target
        if name not in known:
            raise UsageError(f"{name!r} is not in the baseline, which has {listed(known)}.")
        if name in found:
            raise UsageError(f"{name} was named twice; give it once.")
        found[name] = target
    return found or {name: name for name in known}


def features_of(metric: str, chosen: Sequence[Entry]) -> tuple[str, ...]:
    """Return the feature models that the candidates are to be scored with."""
    names = {p.features for entry in chosen if (p := entry.protocol(metric))}
    return parse_features(",".join(sorted(names))) if names else ("lenet",)


def _asked(entry: Entry) -> dict[str, object]:
    """Return what makes a run of the baseline's data, budget and evaluation."""
    return {
        "preset": entry.preset,
        "dataset": entry.dataset,
        "images": entry.budget_images,
        "samples": entry.samples,
        "evaluations": _evaluations(entry),
        "deterministic": entry.deterministic,
        "on_divergence": entry.on_divergence,
    }


def _evaluations(entry: Entry) -> int:
    """Return the number that gives an entry's evaluation points, which a short run has fewer of."""
    fewest = len(entry.evaluation_steps)
    exact = (
        number
        for number in range(fewest, entry.steps + 2)
        if evaluation_steps(entry.steps, number) == entry.evaluation_steps
    )
    return next(exact, fewest)


def _confirmed(first: Row, rerun: Row) -> Row:
    """Return the verdict of the rerun, which alone counts, with what tripped before."""
    words = f"seeds {listed([str(s) for s in first.seeds], 6)} tripped ({first.why})"
    if rerun.tripped:
        why = f"{words}, and so did the fresh seeds: {rerun.why}"
    else:
        why = f"{words}, the fresh seeds alone did not: {rerun.why}"
    return Row(
        **{name: getattr(rerun, name) for name in rerun.__dataclass_fields__}
        | {"why": why, "first": first}
    )
