"""``gate --run``: trains the candidate runs that the gate needs, and no more."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from gan_bench.errors import GanBenchError
from gan_bench.gate.baseline import Entry
from gan_bench.gate.comparability import incomparable, untimed
from gan_bench.gate.entries import entries, preferred
from gan_bench.gate.paired_seeds import own_seeds
from gan_bench.gate.prediction_bound import SPEED
from gan_bench.gate.verdict import Row, confirmed, decide, judge
from gan_bench.plan.expand import expand
from gan_bench.plan.request import request
from gan_bench.plan.spec import Plan, RunSpec
from gan_bench.plugins.source_hash import sha256_of_harness
from gan_bench.results.layout import open_results
from gan_bench.results.record import Record
from gan_bench.system.files import write_json_atomically
from gan_bench.text import listed

Execute = Callable[[Plan, bool], object]
"""Runs a plan, starting over what is finished where the second argument is true, and writes its
records; raises where it is interrupted."""
_Key = tuple[str, str, int]
_MARKER = "gate.json"


@dataclass
class Candidates:
    """Trains the runs of implementations that a baseline has, seed after seed.

    What lay in the results folder before is trained anew, unless an earlier gate of the very same
    gan-bench trained it there and was interrupted: a run's id does not tell the harness's source.
    """

    results: Path
    chosen: Sequence[Entry]
    """Of the baseline."""
    targets: dict[str, str]
    """By implementation what is to be run: its name, or the path of a plugin's file."""
    seeds: int
    """How many each implementation trains before it is judged."""
    command: str
    execute: Execute
    metric: str
    margin: float
    options: dict[str, Any] = field(default_factory=dict)
    """What the plan takes in place of the baseline's: ``dataset``, ``set``."""
    _ids: set[str] = field(default_factory=set)
    _left: list[str] = field(default_factory=list)
    _since: str = ""
    _planned: dict[_Key, dict[int, RunSpec]] = field(default_factory=dict)
    """By entry and seed, all runs that may be needed: each is described once."""

    def rows(self) -> list[Row]:
        """Train, judge, and train fresh seeds of what tripped: only what trips twice fails.

        First the baseline's own seeds, on which an unchanged implementation gives the same bits, or
        elsewhere nearly the same figures; then seeds that the baseline has not.
        """
        self._since = _began(self.results)
        own = {one.seed for entry in self.chosen for one in entry.seeds}
        fresh = [seed for seed in range(len(own) + 2 * self.seeds) if seed not in own]
        first, again = fresh[: self.seeds], fresh[self.seeds : 2 * self.seeds]
        for entry in self.chosen:
            plan = self._plan(entry, [*self._own(entry), *first, *again])
            self._planned[entry.key] = {spec.seed: spec for spec in plan.runs}
        settled = self._refused()
        if self.metric != SPEED:
            settled |= self._unchanged([one for one in self.chosen if one.key not in settled])
        others = [entry for entry in self.chosen if entry.key not in settled]
        self._train({entry.key: first for entry in others})
        judged = decide(self._judged(others, first))
        tripped = [row.baseline for row in judged if row.tripped]
        self._train({entry.key: again for entry in tripped})
        reruns = decide(self._judged(tripped, again))
        by_key = {row.baseline.key: row for row in judged} | settled
        for rerun in reruns:
            key = rerun.baseline.key
            by_key[key] = confirmed(by_key[key], rerun)
        return [by_key[entry.key] for entry in self.chosen]

    @property
    def left_out(self) -> tuple[str, ...]:
        """A sentence for each file of the results folder that could not be read."""
        return tuple(dict.fromkeys(self._left))

    def _refused(self) -> dict[_Key, Row]:
        """Return the rows of implementations whose runs would compare with nothing."""
        refused = {}
        for entry in self.chosen:
            spec = next(iter(self._planned[entry.key].values()))
            names = ("data_sha256", "train_splits", "steps", "recipe_values")
            planned = {name: getattr(spec, name) for name in names}
            planned |= {"recipe": spec.implementation.recipe, "dataset": spec.dataset_label}
            planned |= {"framework": spec.implementation.framework}
            apart = incomparable(entry, entry.model_copy(update=planned), "")
            if self.metric == SPEED:
                apart += untimed(entry, "baseline")
            if apart:
                why = f"{listed(apart)}; nothing was trained"
                refused[entry.key] = Row(entry, "incomparable", why)
        return refused

    def _unchanged(self, wanted: Sequence[Entry]) -> dict[_Key, Row]:
        """Return the rows of implementations that follow the baseline's own runs, seed by seed."""
        hopeful = list(wanted)
        for count in (1, self.seeds):  # the first own seed tells whether the others are worth it
            self._train({entry.key: self._own(entry)[:count] for entry in hopeful})
            found = self._found(hopeful)
            hopeful = [
                entry
                for entry in hopeful
                if (one := found.get(entry.key))
                and own_seeds(entry, one, self.metric, self.margin).promising
            ]
        found = self._found(hopeful)
        return {e.key: judge(e, found[e.key], self.metric, self.margin) for e in hopeful}

    def _judged(self, wanted: Sequence[Entry], seeds: Collection[int]) -> list[Row]:
        found = self._found(wanted)
        return [
            judge(entry, found.get(entry.key), self.metric, self.margin, seeds=seeds)
            for entry in wanted
        ]

    def _found(self, wanted: Iterable[Entry]) -> dict[_Key, Entry]:
        found = entries(self.results, prefer=preferred(wanted), only=self._ids)
        self._left += found.left_out
        return {entry.key: entry for entry in found.entries}

    def _own(self, entry: Entry) -> list[int]:
        """Return the baseline's own seeds that a candidate may be paired with."""
        return [one.seed for one in entry.ok[: self.seeds]]

    def _train(self, wanted: Mapping[_Key, Sequence[int]]) -> None:
        """Train seeds of some entries, all entries' first before any entry's second."""
        turns = zip_longest(
            *([self._planned[key][seed] for seed in seeds] for key, seeds in wanted.items())
        )
        runs = [spec for turn in turns for spec in turn if spec is not None]
        stale = [spec for spec in runs if self._stale(spec)]
        rest = [spec for spec in runs if spec not in stale]
        self._ids |= {spec.run_id for spec in runs}
        for some, over in ((stale, True), (rest, False)):
            if some:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                self.execute(Plan(command=self.command, created_at=now, runs=tuple(some)), over)

    def _stale(self, spec: RunSpec) -> bool:
        """Tell whether a finished run is to be trained anew."""
        folder = open_results(self.results, create=True).run(spec.run_id)
        if spec.run_id in self._ids or not folder.record.exists():
            return False
        try:
            record = Record.read(folder.record)
        except GanBenchError:
            return True
        repeats = record.status in ("ok", "diverged", "killed")  # killed: goes on where it stopped
        return record.finished_at < self._since or not repeats

    def _plan(self, entry: Entry, seeds: Sequence[int]) -> Plan:
        name = entry.implementation
        asked = {**_asked(entry), **self.options, "targets": (self.targets[name],)}
        values = {n: fields for n, fields in self.options.get("set", {}).items() if n == name}
        return expand(request({**asked, "seeds": tuple(seeds), "set": values}), self.command)


def _began(results: Path) -> str:
    """Return when this gate began, or the one that it continues: the same gan-bench, here."""
    marker = open_results(results, create=True).path / _MARKER
    harness = sha256_of_harness()
    try:
        known = json.loads(marker.read_text(encoding="utf-8"))
        if known["harness_sha256"] == harness:
            return str(known["began_at"])
    except (OSError, ValueError, TypeError, KeyError):
        pass  # there was none that could be continued
    began = datetime.now(UTC).isoformat(timespec="seconds")
    write_json_atomically(marker, {"harness_sha256": harness, "began_at": began})
    return began


def _asked(entry: Entry) -> dict[str, Any]:
    """Return what makes a run of the baseline's data, budget, evaluation and threads."""
    return {
        "preset": entry.preset,
        "dataset": entry.dataset,
        "images": entry.budget_images,
        "samples": entry.samples,
        "evaluations": max(2, len(entry.evaluation_steps)),
        "device": entry.device,
        "threads": entry.threads,
        "deterministic": entry.deterministic,
        "on_divergence": entry.on_divergence,
    }
