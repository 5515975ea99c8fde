"""Trains the trials of a study that are not there yet."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gan_bench import data
from gan_bench.analysis.final_scores import collapsed, final_scores
from gan_bench.analysis.runs import Run
from gan_bench.errors import MissingFile, UsageError
from gan_bench.metrics import fid_name
from gan_bench.plan import Plan, RunSpec
from gan_bench.plan.expand import expand, shared_values
from gan_bench.plan.request import Request
from gan_bench.plugins.describe import describe
from gan_bench.plugins.frameworks import framework_problem
from gan_bench.plugins.registry import find_several
from gan_bench.recipe import OneOf, Range
from gan_bench.results.layout import ResultsFolder
from gan_bench.results.record import Record
from gan_bench.results.scores import Scores
from gan_bench.scoring.features import FeatureChoice, Scoring
from gan_bench.sensitivity import Sampler, Study, Trial
from gan_bench.sensitivity.draws import Draws
from gan_bench.system.locks import study_lock

Execute = Callable[[Plan], object]
"""Trains and scores the runs of a plan, or resumes them; raises if it is interrupted."""


@dataclass(frozen=True)
class Wanted:
    """The arguments of ``gan-bench sensitivity``."""

    request: Request
    """Targets and setting of the runs, with one seed and the fields that are not drawn."""
    trials: int
    """Number of trials of each implementation."""
    sampler: Sampler
    features: FeatureChoice
    """Whose FID the study is of."""
    command: str

    @property
    def scoring(self) -> Scoring:
        """What each trial is scored with."""
        return Scoring((self.features,), ("fid",))

    @property
    def metric(self) -> str:
        """The FID's name."""
        return fid_name(self.features.name)


@dataclass(frozen=True)
class Subject:
    """An implementation to study."""

    target: str
    fixed: Mapping[str, Any]
    """The fields that ``--set`` fixes."""
    ranges: Mapping[str, Range]
    """What is drawn, by field."""
    spec: RunSpec
    """The run with the recipe's own values in place of drawn ones."""

    def study_id(self, wanted: Wanted) -> str:
        """Return a readable name that differs if runs, ranges, sampler or feature model do."""
        sampler, ranges = wanted.sampler, {name: asdict(one) for name, one in self.ranges.items()}
        identity = json.dumps(
            [self.spec.run_id, self.spec.budget_images, ranges, sampler, str(wanted.features)]
        )
        digest = hashlib.sha256(identity.encode()).hexdigest()[:10]
        dataset = data.slug(self.spec.dataset)
        name = self.spec.implementation.file_name
        return f"{name}-{dataset}-s{self.spec.seed}-{sampler}-{digest}"


def subjects(wanted: Wanted) -> list[Subject]:
    """Return the implementations to study, after checking all that would stop a study.

    Raises
    ------
    UsageError
        The request cannot be run, or there is nothing to draw.
    """
    request = wanted.request
    targets = find_several(request.targets)
    specs = expand(request, wanted.command).runs
    if len(specs) != len(targets):
        raise UsageError(
            "A study takes one value of each field that --set fixes; leave the field out to draw "
            "it from the range of its recipe."
        )
    return [_subject(target, spec, request) for target, spec in zip(targets, specs, strict=True)]


def _subject(target: str, spec: RunSpec, request: Request) -> Subject:
    name = spec.implementation.name
    obstacle = framework_problem(spec.implementation, spec.python) or spec.cannot_make
    if obstacle is not None:
        raise UsageError(f"{name} cannot be studied: {obstacle}.")
    shared = shared_values(target, request)
    fixed = {field: value for field, value in shared.items() if field in spec.recipe_values}
    fixed |= {**request.set.get(target, {}), **request.set.get(name, {})}
    stated = describe(target, fixed, spec.image_shape).ranges
    if not stated:
        raise UsageError(
            f"The recipe of {name} states no ranges to draw from; give its class of "
            "hyperparameters a class method `ranges`, see docs/sensitivity.md."
        )
    ranges = {field: one for field, one in stated.items() if field not in fixed}
    if not ranges:
        raise UsageError(
            f"--set fixes every field of {name} that has a range ({', '.join(stated)}); leave out "
            "one of them."
        )
    sizes = ranges.get("batch_size")
    largest = max(sizes.values, default=0) if isinstance(sizes, OneOf) else 0
    if isinstance(largest, int) and largest > spec.train_images:
        raise UsageError(
            f"{name} draws batch sizes up to {largest:,}, more than the {spec.train_images:,} "
            f"training images of {spec.dataset_label}; fix it, as with --set batch_size=16."
        )
    return Subject(target, fixed, ranges, spec)


def study(
    results: ResultsFolder,
    subject: Subject,
    wanted: Wanted,
    execute: Execute,
    say: Callable[[str], None],
) -> Study:
    """Train the trials that have not ended, and return all of them.

    The results folder decides which have: the journal only says which values they had.

    Raises
    ------
    UsageError
        Another command draws trials of this study, or a run cannot be planned.
    """
    study_id, seed = subject.study_id(wanted), subject.spec.seed
    label, drawn = subject.spec.implementation.name, []
    with study_lock(results.locks, study_id, wanted.command):
        path = results.sensitivity / f"{study_id}.jsonl"
        draws = Draws(path, study_id, subject.ranges, wanted.sampler, seed)
        for number in range(1, wanted.trials + 1):
            known = draws.ended(number)
            if known is not None and _has_ended(_run(results, known.run_id), wanted.metric):
                drawn.append((known.values, known.run_id))
                continue
            values = draws.values(number) if known is None else known.values
            plan = _plan(subject, wanted, values)
            (spec,) = plan.runs
            if not _has_ended(_run(results, spec.run_id), wanted.metric):
                shown = ", ".join(f"{name}={value}" for name, value in values.items())
                say(f"{label}, trial {number} of {wanted.trials}: {shown}")
                execute(plan)
            run = _run(results, spec.run_id)
            if known is None and run is not None and _has_ended(run, wanted.metric):
                fid = _fid(run, _protocol([run], wanted.metric), wanted.metric)
                draws.add(number, values, spec.run_id, fid)
            drawn.append((values, spec.run_id))
    runs = [_run(results, run_id) for _, run_id in drawn]
    protocol = _protocol([run for run in runs if run is not None], wanted.metric)
    trials = [
        _trial(number, values, run_id, run, protocol, wanted.metric)
        for number, ((values, run_id), run) in enumerate(zip(drawn, runs, strict=True), 1)
    ]
    return Study(
        *(study_id, subject.spec, label, subject.ranges, wanted.sampler, wanted.features.name),
        tuple(trials),
    )


def _plan(subject: Subject, wanted: Wanted, values: Mapping[str, Any]) -> Plan:
    request = wanted.request.model_copy(
        update={"targets": (subject.target,), "set": {subject.target: {**subject.fixed, **values}}}
    )
    return expand(request, wanted.command)


def _run(results: ResultsFolder, run_id: str) -> Run | None:
    """Return a run that has its record, or None."""
    folder = results.run(run_id)
    try:
        record = Record.read(folder.record)
    except MissingFile:
        return None
    scores = Scores.read_all(folder.scores.glob("*.json"))[0]
    return Run(record.spec, record, folder, tuple(scores), record.circumstances.command)


def _has_ended(run: Run | None, metric: str) -> bool:
    """Return whether a run has an outcome that its values explain."""
    if run is None:
        return False
    return run.status == "diverged" or _protocol([run], metric) is not None


def _protocol(runs: Sequence[Run], metric: str) -> str | None:
    """Return the protocol under which most runs have a final FID; None if none has one."""
    counts = Counter(
        protocol
        for run in runs
        for protocol in run.protocols
        if _fid(run, protocol, metric) is not None
    )
    return counts.most_common(1)[0][0] if counts else None


def _fid(run: Run, protocol: str | None, metric: str) -> float | None:
    score = final_scores(run, protocol).get(metric)
    return None if score is None else score.value


def _trial(
    number: int,
    values: dict[str, Any],
    run_id: str,
    run: Run | None,
    protocol: str | None,
    metric: str,
) -> Trial:
    if run is None:
        return Trial(number, values, run_id, "pending", None, reason="it has no record")
    fid = _fid(run, protocol, metric)
    scores = run.scores_under(protocol)
    at_start = [score.value for score in scores if (score.step, score.metric) == (0, metric)]
    outcome = run.outcome if run.status != "ok" or fid is not None else "not scored"
    if fid is not None and collapsed(run):
        outcome = "collapsed"
    reason = run.trouble() or None
    return Trial(number, values, run_id, outcome, fid, next(iter(at_start), None), reason)
