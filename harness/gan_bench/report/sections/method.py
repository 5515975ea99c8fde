"""How it was measured: protocol, data, machine, versions, commands and recipe values."""

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gan_bench.analysis.parity import parity_facts
from gan_bench.analysis.summary import Row, Summary
from gan_bench.plan import RunSpec
from gan_bench.recipe import NOT_PAIRED
from gan_bench.results.load import Results
from gan_bench.results.record import Record
from gan_bench.results.scores import Protocol, Scores, differences
from gan_bench.text import MISSING, Column, Table, figure, interval, listed, many, percent

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Folded:
    """Tables that a page shows on request."""

    summary: str
    """What is in them, in a line."""
    tables: tuple[Table, ...]
    """The first one has the title of all; those after it stand in it, folded again."""


@dataclass(frozen=True)
class Method:
    """The last section of a report: how to judge and repeat it."""

    circumstances: str
    """The facts that matter most, in one line."""
    facts: tuple[tuple[str, tuple[str, ...]], ...]
    commands: tuple[str, ...]
    folded: tuple[Folded, ...]


def method(summary: Summary, results: Results) -> Method:
    """Return what a reader needs to judge the results and to repeat them."""
    records = [run.record for run in summary.runs if run.record]
    folded = [_protocols(results.protocols)] if results.protocols else []
    commands = [run.command for run in summary.runs if run.command]
    facts = [*_facts(summary, records)] if summary.runs else []
    facts.append(("From", _sources(summary, results)))
    facts.append(("Parity", parity_facts(summary.groups, results.certificates)))
    return Method(
        circumstances=_circumstances(dict(facts)),
        facts=tuple((term, texts) for term, texts in facts if texts),
        commands=_distinct([*commands, *(e.facts.command for e in results.externals)]),
        folded=(*folded, *((_versions(summary), _recipes(summary)) if summary.runs else ())),
    )


def _sources(summary: Summary, results: Results) -> tuple[str, ...]:
    """Return what each of several folders and archives has."""
    runs = Counter(run.source for run in summary.runs if run.source)
    found = {source: [many(number, "run")] for source, number in runs.items()}
    for external in results.externals:
        if source := results.sources.get(f"external-{external.facts.name}"):
            found.setdefault(source, []).append(f"external samples {external.facts.name}")
    return tuple(f"{source}: {listed(parts)}" for source, parts in found.items())


_FIRST = ("Budget", "Seeds", "Device", "Machine")


def _circumstances(facts: Mapping[str, tuple[str, ...]]) -> str:
    named = [(term, facts.get(term, ())) for term in _FIRST]
    more = [f" and {len(texts) - 1} more" if len(texts) > 1 else "" for _, texts in named]
    return "; ".join(
        f"{term.lower()} {texts[0]}{rest}"
        for (term, texts), rest in zip(named, more, strict=True)
        if texts
    )


def _distinct(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


def _facts(summary: Summary, records: Sequence[Record]) -> Iterable[tuple[str, tuple[str, ...]]]:
    specs = [run.spec for run in summary.runs]
    yield "Budget", _distinct(str(spec.budget) for spec in specs)
    yield "Seeds", (", ".join(map(str, sorted({spec.seed for spec in specs}))), *_looks(summary))
    yield (
        "Data",
        _distinct(
            f"{spec.dataset_label}, {spec.train_images:,} training images, sha256 "
            f"{spec.data_sha256}{_seen(spec)}"
            for spec in specs
        ),
    )
    yield (
        "Evaluation",
        _distinct(
            f"{spec.samples:,} samples at each of {many(len(spec.evaluation_steps), 'point')}"
            for spec in specs
        ),
    )
    yield "Device", _distinct(f"{s.device}, {many(s.threads, 'thread')}" for s in specs)
    yield "Machine", _distinct(_machine(record) for record in records)
    yield "GPU", _distinct(text for record in records for text in _gpu(record))
    yield "GPU during the runs", _gpu_use(records)
    yield "Probe", _probe(records)
    yield "Other load", _load(records)
    yield (
        "Determinism",
        _distinct("requested" if s.deterministic else "not requested" for s in specs),
    )
    yield "Precision", _distinct(s.precision for s in specs)
    yield "Git", _distinct(_git(record) for record in records)
    finished = sorted(record.finished_at for record in records)
    yield "Finished", (" to ".join(_distinct([finished[0], finished[-1]])),) if finished else ()


def _looks(summary: Summary) -> tuple[str, ...]:
    """Return by which rule seeds were added, where the scores decided on that."""
    return _distinct(
        f"added while a place in quality was open, up to {many(group.most_seeds, 'seed')} "
        f"(--until-certain): p values of FIDs are corrected for {many(group.looks, 'look')}, too"
        for group in summary.groups
        if group.most_seeds
    )


def _seen(spec: RunSpec) -> str:
    if "test" not in spec.train_splits:
        return ""
    return f"; the test split is among them, so {spec.implementation.name} saw the reference"


def _machine(record: Record) -> str:
    machine = record.circumstances.machine
    gpus = f", {listed(machine.gpus)}" if machine.gpus else ""
    gpus += f", with an unusable GPU ({problem})" if (problem := machine.gpu_problem) else ""
    return (
        f"{machine.cpu}, {many(machine.cores, 'core')}, {figure(machine.memory_gb)} GiB{gpus}, "
        f"{machine.system}"
    )


def _gpu(record: Record) -> Iterable[str]:
    gpu, use = record.circumstances.gpu, record.circumstances.gpu_use
    if gpu is None:
        return
    limit = None if gpu.power_limit_w is None else f"power limit {gpu.power_limit_w:.0f} W"
    libraries = (use.libraries if use else None) or {}
    facts = (
        *(gpu.card, gpu.driver and f"driver {gpu.driver}", limit),
        *(f"{name} {version}" for name, version in libraries.items()),
    )
    yield ", ".join(fact for fact in facts if fact)


def _gpu_use(records: Sequence[Record]) -> tuple[str, ...]:
    """Return the ranges over all runs of what their cards did."""
    used = [r.circumstances.gpu_use for r in records if r.circumstances.gpu_use]
    ranges = [
        ("SM clock, median", _range(use.sm_clock_mhz for use in used), "MHz"),
        ("SM clock, lowest", _range(use.sm_clock_least_mhz for use in used), "MHz"),
        ("temperature, highest", _range(use.temperature_c for use in used), "°C"),
        ("energy", _range(use.j_per_1000_images for use in used), "J per 1,000 images"),
        ("memory in use on the card", _range(use.memory_mb for use in used), "MB"),
        ("memory allocated by the framework", _range(use.allocated_mb for use in used), "MB"),
    ]
    texts = [f"{what}: {shown} {unit}" for what, shown, unit in ranges if shown]
    reasons = sorted({reason for use in used for reason in use.throttle_reasons or ()})
    if reasons:
        texts.append(f"the clock was lowered for {listed(reasons)}")
    elif any(use.throttle_reasons is not None for use in used):
        texts.append("the clock was not lowered for any reason")
    return tuple(texts)


def _range(values: Iterable[float | None]) -> str | None:
    kept = [value for value in values if value is not None]
    if not kept:
        return None
    same = figure(min(kept)) == figure(max(kept))
    return figure(kept[0]) if same else interval(min(kept), max(kept))


def _probe(records: Sequence[Record]) -> tuple[str, ...]:
    texts = []
    before = _range(record.circumstances.probe_gflops_before for record in records)
    for on_gpu in (False, True):
        around = [r.circumstances for r in records if (r.circumstances.gpu is not None) == on_gpu]
        after = _range(circumstances.probe_gflops_after for circumstances in around)
        if on_gpu and after:
            copied = _range(circumstances.gpu_gb_per_s for circumstances in around)
            texts.append(
                "after training on a GPU, a matrix product in the precision and framework of the "
                f"run reached {after} GFLOP/s, and a copy read and wrote {copied or MISSING} GB/s"
            )
        elif not on_gpu and (before or after):
            texts.append(
                f"on a CPU, a float32 matrix product reached {before or MISSING} GFLOP/s before "
                f"the runs and {after or MISSING} after them"
            )
    return tuple(texts) or ("not measured: no run got that far",) * bool(records)


def _load(records: Sequence[Record]) -> tuple[str, ...]:
    loads = [r.circumstances.other_load for r in records if r.circumstances.other_load is not None]
    alone = [record.circumstances.device_exclusive for record in records]
    texts = []
    if loads:
        least, most = percent(min(loads), 0), percent(max(loads), 0)
        texts.append(
            f"other processes used {least} to {most} of the processors that the run could use"
        )
    if True in alone or False in alone:
        share = f"{alone.count(True)} of {many(len(alone), 'run')}"
        texts.append(f"the device was exclusive in {share}: {_ALONE}")
    if None in alone:
        texts.append(f"unknown for {many(alone.count(None), 'run')}")
    return tuple(texts)


_ALONE = (
    "gan-bench started no other run on the same processors or GPU, and other processes used less "
    "than 5 % of these processors, or did not compute on that GPU"
)


def _git(record: Record) -> str:
    state = record.circumstances
    if state.git_commit is None:
        return "not in a git repository"
    return f"{state.git_commit}{', with uncommitted changes' if state.git_dirty else ''}"


def _protocols(protocols: Mapping[str, Scores]) -> Folded:
    files = list(protocols.values())
    rows = [
        (name.replace("_", " "), *(value_text(getattr(f.protocol, name)) for f in files))
        for name in Protocol.model_fields
    ]
    rows.append(("scored with", *(_pairs(file.versions) for file in files)))
    apart = sorted({n for file in files for n in differences(files[0].protocol, file.protocol)})
    words = listed([name.replace("_", " ") for name in apart])
    table = Table(
        [Column(title) for title in ("Fingerprint", *protocols)],
        rows,
        title="Protocol",
        note=f"They differ in {words}, so their scores are not ranked together." if apart else "",
    )
    several = [
        f"{p.features}, {many(p.n_fake, 'sample')} against {many(p.n_real, 'image')}"
        for p in (file.protocol for file in files)
    ]
    return Folded("; ".join(several), (table,))


def _versions(summary: Summary) -> Folded:
    by_framework = {
        (run.spec.implementation.framework, _pairs(run.spec.versions)): None for run in summary.runs
    }
    table = Table([Column("Framework"), Column("Versions")], list(by_framework), title="Versions")
    return Folded(listed(list(_distinct(name for name, _ in by_framework))), (table,))


def _recipes(summary: Summary) -> Folded:
    """Return the values of the recipes, a column for each: what differs, and what does not."""
    columns = _by_recipe(summary)
    fields = _distinct(field for column in columns.values() for field in column)
    rows = [(field, *(c.get(field, "") for c in columns.values())) for field in fields]
    same = [row for row in rows if len(set(row[1:])) == 1] if len(columns) > 1 else []
    several = [row for row in rows if row not in same]
    titles = [Column(title) for title in ("Value", *columns)]
    note = ""
    if "epochs" in fields and any(run.spec.budget.unit != "recipe" for run in summary.runs):
        note = "epochs: the recipe's own number, in whose place these runs have their budget."
    tables = [Table(titles, several, title="Recipe values", note=note)]
    words = many(len(columns), "recipe")
    if same:
        equal = [row[:2] for row in same]
        title = "Values that are equal in all recipes"
        tables.append(Table([Column("Value"), Column("In all recipes")], equal, title=title))
        differ = sum(not row[0].startswith(_FROM) for row in several)
        every = sum(not row[0].startswith(_FROM) for row in rows)
        words += f", which differ in {differ} of {many(every, 'value')}"
    return Folded(words, tuple(tables))


_FROM = "implementation "
"""Beginning of the facts that say where an implementation comes from."""


def _by_recipe(summary: Summary) -> dict[str, dict[str, str]]:
    """Return each recipe's values by its name.

    A recipe with other values is another recipe, named by its implementations. A value that differs
    between the implementations of a recipe names the framework, or else the implementation.
    """
    members: dict[tuple[str, str], list[tuple[str, Row]]] = {}
    for group in summary.groups:
        for row in group.rows:
            values = json.dumps(row.runs[0].spec.recipe_values, sort_keys=True, default=str)
            label = f"{row.label}, {group.title}" if group.title else row.label
            members.setdefault((row.recipe, values), []).append((label, row))
    versions = Counter(recipe for recipe, _ in members)
    columns = {}
    for (recipe, _), rows in members.items():
        name = recipe
        if versions[recipe] > 1:
            name = listed(list(_distinct(row.label for _, row in rows)), 3)
        columns[name] = _values_of(rows)
    return columns


def _values_of(rows: Sequence[tuple[str, Row]]) -> dict[str, str]:
    facts = []
    for label, row in rows:
        known = recipe_facts(row)
        origin = {name: text for name, text in known.origin.items() if name != "recipe"}
        facts.append((row.framework, label, known.values | origin))
    found = {}
    for field in _distinct(field for *_, values in facts for field in values):
        found[field] = _together([(f, label, values.get(field, "")) for f, label, values in facts])
    return found


def _together(values: Sequence[tuple[str, str, str]]) -> str:
    """Return one text for values that are given with framework and label."""
    if len({text for *_, text in values}) == 1:
        return values[0][2]
    by_framework = {(framework, text) for framework, _, text in values}
    alike = len(by_framework) == len({framework for framework, _ in by_framework})
    # Sorted, so that recipes with the same differences have the same text.
    named = sorted({(f if alike else label, text) for f, label, text in values})
    return "; ".join(f"{who}: {text or MISSING}" for who, text in named)


@dataclass(frozen=True)
class RecipeFacts:
    """What is known of an implementation before it runs, by name."""

    origin: dict[str, str]
    """Name of the recipe, and where the implementation comes from."""
    values: dict[str, str]
    """Its schedule, recipe values and conventions."""


def recipe_facts(row: Row) -> RecipeFacts:
    """Return the recipe of a row."""
    spec = row.runs[0].spec
    paired = next((run.record.paired for run in row.runs if run.record), None)
    origin = {
        "recipe": spec.implementation.recipe,
        "implementation source sha256": spec.source_sha256[:12],
        "implementation from": spec.implementation.distribution
        or ("a file" if spec.implementation.path else "an entry point"),
    }
    values = {
        "steps": f"{spec.steps:,}",
        "real images per step": f"{spec.images_per_step:,}",
    }
    if paired is not None:
        values["initial weights"] = "the recipe's" if paired else NOT_PAIRED
    values |= {key: value_text(value) for key, value in spec.recipe_values.items()}
    return RecipeFacts(origin, values | spec.conventions)


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in values.items())


def value_text(value: object) -> str:
    """Return a value of a recipe or a protocol as a reader sees it."""
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return json.dumps(value)
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)
