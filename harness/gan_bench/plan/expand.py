"""Expands a request into a plan: chooses the preset, describes the targets, lists the runs."""

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from itertools import chain, combinations
from typing import Any

from gan_bench import data
from gan_bench.data.draws import check_classes
from gan_bench.data.folder_spec import PREFIX
from gan_bench.errors import UsageError
from gan_bench.plan import Budget, Place, Plan, RunSpec, chunk_steps, evaluation_steps
from gan_bench.plan.request import BUDGETS, EVERY, PRESETS, Preset, Request
from gan_bench.plugins import frameworks
from gan_bench.plugins.describe import Description, describe_all
from gan_bench.plugins.registry import (
    RecipeFacts,
    find_several,
    is_path,
    is_pattern,
    named_by,
    path_name,
    registered,
    registration_problems,
)
from gan_bench.system.devices import check_device, default_threads, gpu_of
from gan_bench.text import did_you_mean, many, timestamp

MOST_RUNS = 100_000
"""In a plan, whose file has some kilobytes for each."""


def expand(
    request: Request, command: str, place: Place | None = None, *, fetch: bool = True
) -> Plan:
    """Return all requested runs, ordered by seed, and for each seed by target and its values.

    ``place`` is where they are to be run (default: this machine). Without ``fetch`` nothing is
    downloaded.

    Raises
    ------
    UsageError
        A name is unknown or a value out of range, or the data set is not there.
    """
    place = place or this_machine(request)
    preset_name = request.preset or ("quick" if place.device == "cpu" else "gpu")
    preset = PRESETS[preset_name]
    targets = find_several([*(registered() if request.all else ()), *request.targets])
    absent: list[str] = []
    if not targets:
        targets, absent = _by_default(preset, request)
    if not (targets or absent):
        raise UsageError(
            "No target given: name a recipe such as dcgan, an implementation such as torch-dcgan, "
            "or pass --all; `gan-bench list` shows them."
        )
    dataset_name = request.dataset or preset.dataset
    if not fetch and not dataset_name.startswith(PREFIX):
        status = data.describe(dataset_name)
        if not status.available:
            raise UsageError(
                f"The data set {dataset_name} is not on this machine, and a dry run downloads "
                f"nothing: {status.how_to_get}."
            )
    dataset = data.load(dataset_name)
    _check_pythons(request)
    descriptions, left_out = _describe_all(targets, request, preset, dataset)
    if not descriptions:
        raise UsageError(" ".join([*absent, *left_out]))
    left_out += _unusable(request)
    _check(descriptions, targets, request, dataset)
    seeds = request.seeds or preset.seeds
    every = list(chain.from_iterable(descriptions))
    if len(every) * len(seeds) > MOST_RUNS:
        raise UsageError(
            f"A plan has at most {MOST_RUNS:,} runs, and this one has {len(every) * len(seeds):,}: "
            f"{many(len(seeds), 'seed')} of {many(len(every), 'combination')} of implementation "
            "and values; give fewer."
        )
    return Plan(
        command=command,
        created_at=timestamp(),
        runs=tuple(
            _run(description, seed, request, preset_name, place, dataset)
            for seed in seeds
            for description in every
        ),
        left_out=(*absent, *left_out),
    )


def this_machine(request: Request) -> Place:
    """Return the device, its card and the threads of this machine that a request asks for.

    Raises
    ------
    UsageError
        This machine does not have the device.
    """
    device = check_device(request.device)
    gpu = gpu_of(device)
    return Place(
        device=device,
        threads=request.threads or default_threads(),
        gpu=None if gpu is None else gpu.card,
    )


def _run(
    description: Description,
    seed: int,
    request: Request,
    preset_name: str,
    place: Place,
    dataset: data.Dataset,
) -> RunSpec:
    preset = PRESETS[preset_name]
    budget = _budget(request, preset)
    train_images = dataset.images_in(description.train_splits)
    steps = budget.steps(
        images_per_step=description.images_per_step,
        train_images=train_images,
        recipe_epochs=description.epochs,
    )
    evaluations = request.evaluations or preset.evaluations
    framework = description.implementation.framework
    python = request.python.get(framework)
    facts = {name: getattr(description, name) for name in RecipeFacts.model_fields}
    if request.precision != "ieee":
        precision = frameworks.PRECISIONS[request.precision]
        facts["conventions"] = {**description.conventions, "matmul precision": precision}
    return RunSpec(
        **facts,
        recipe_values=description.recipe_values,
        recipe_defaults=description.changed_defaults,
        dataset=dataset.name,
        data_sha256=dataset.sha256,
        train_images=train_images,
        image_shape=dataset.train.image_shape,
        preset=preset_name,
        budget=budget,
        steps=steps,
        seed=seed,
        chunk_steps=chunk_steps(steps, evaluations, place.device),
        evaluation_steps=evaluation_steps(steps, evaluations),
        samples=request.samples or preset.samples,
        device=place.device,
        gpu=place.gpu,
        threads=place.threads,
        deterministic=request.deterministic,
        precision=request.precision,
        on_divergence=request.on_divergence,
        python=python,
        versions=frameworks.identifying_versions(framework, frameworks.versions_of(python)),
    )


def _budget(request: Request, preset: Preset) -> Budget:
    for unit in BUDGETS:
        amount = getattr(request, unit)
        if amount is not None:
            return Budget(unit=unit, amount=amount)
    return preset.budget


def _describe_all(
    targets: Sequence[str], request: Request, preset: Preset, dataset: data.Dataset
) -> tuple[list[list[Description]], list[str]]:
    """Describe all targets with each combination of values.

    Also return a sentence for each of --all that cannot be described.
    """
    descriptions, left_out = [], []
    for target in targets:
        # Only the description gives the final name, and it needs the values.
        name = path_name(target) if is_path(target) else target
        values = {**request.set.get(target, {}), **request.set.get(name, {})}
        defaults = {"batch_size": preset.batch_size} if preset.batch_size else {}
        shared = shared_values(target, request)
        try:
            described = describe_all(
                target,
                values,
                dataset.train.image_shape,
                request.python,
                where_known=defaults | shared,
            )
            for description in described:
                _check_labels(description, dataset)
        except UsageError as error:
            if target in request.targets or values or shared:
                raise
            left_out.append(f"{target}: {error}")
        else:
            descriptions.append(described)
    return descriptions, left_out


def shared_values(target: str, request: Request) -> dict[str, Any]:
    """Return the values for several implementations that hold for one, the most specific last."""
    named = [key for key in request.set if key != EVERY and target in named_by(key)]
    values: dict[str, Any] = {}
    for key in (EVERY, *sorted(named, key=lambda key: not is_pattern(key))):
        values |= request.set.get(key, {})
    return values


def _by_default(preset: Preset, request: Request) -> tuple[list[str], list[str]]:
    """Return a preset's targets, and a sentence for each that cannot be run here."""
    targets, absent = [], []
    problems = registration_problems()
    for name in preset.targets:
        if name in problems:
            absent.append(f"{problems[name]}.")
    for name in find_several(name for name in preset.targets if name not in problems):
        framework = registered()[name].framework
        problem = frameworks.missing(
            framework, frameworks.versions_of(request.python.get(framework))
        )
        if problem:
            absent.append(f"{name}: {problem}.")
        else:
            targets.append(name)
    return targets, absent


def _unusable(request: Request) -> list[str]:
    """Return a sentence for each registration that the request means and that cannot be used."""
    asked = ("*",) if request.all else request.targets
    return [
        f"{problem}."
        for name, problem in registration_problems().items()
        if any(fnmatchcase(name, one) or name.partition("-")[2] == one for one in asked)
    ]


def _check_labels(description: Description, dataset: data.Dataset) -> None:
    if not description.needs_labels:
        return
    splits = [getattr(dataset, name) for name in description.train_splits]
    if not any(split.labels.any() for split in splits):
        raise UsageError(
            f"{description.implementation.name} trains on labels, and {data.label(dataset.name)} "
            "has none; choose a data set with two classes or more, such as a folder of images with "
            "a folder for each class."
        )
    check_classes(
        f"{description.implementation.name}.classes",
        description.recipe_values.get("classes"),
        1 + max(int(split.labels.max()) for split in splits),
        data.label(dataset.name),
    )


def _check_pythons(request: Request) -> None:
    known = {implementation.framework for implementation in registered().values()}
    known |= frameworks.frameworks().keys()
    for framework in request.python:
        if framework not in known:
            hint = did_you_mean(framework, sorted(known))
            raise UsageError(f"[python] names the unknown framework {framework!r}; {hint}")


def _check(
    described: Sequence[Sequence[Description]],
    targets: Sequence[str],
    request: Request,
    dataset: data.Dataset,
) -> None:
    descriptions = [of_target[0] for of_target in described]
    names = [description.implementation.name for description in descriptions]
    for description in chain.from_iterable(described):
        train_images = dataset.images_in(description.train_splits)
        if description.batch_size > train_images:
            raise UsageError(
                f"{description.implementation.name}.batch_size is {description.batch_size:,}, "
                f"more than the {train_images:,} training images of "
                f"{data.label(dataset.name)}; set a smaller one."
            )
    for first, second in combinations(descriptions, 2):
        one, other = first.implementation, second.implementation
        if one.name == other.name:
            places = [i.path or "the registered implementation" for i in (one, other)]
            raise UsageError(
                f"{one.name} is the name of both {places[0]} and {places[1]}; rename one file."
            )
        if one.is_same_class(other):
            raise UsageError(
                f"{one.name} and {other.name} are both the class {one.attribute} of {one.path}; "
                "name it once."
            )
    for name, values in request.set.items():
        if name in names or name in targets:
            continue
        several = names if name == EVERY else named_by(name)
        chosen = [d for d in descriptions if d.implementation.name in several]
        if not chosen:
            hint = did_you_mean(name, names, f"these are {', '.join(names)}.")
            raise UsageError(
                f"{name!r} has values to set, but is not one of the implementations to run; {hint}"
            )
        check_shared(values, chosen, "to run" if name == EVERY else f"to run that {name} names")


def check_shared(values: Collection[str], descriptions: Sequence[Description], which: str) -> None:
    """Check that each value for several implementations, such as those to run, fits one of them.

    Raises
    ------
    UsageError
        None of them has the field.
    """
    known = dict.fromkeys(name for d in descriptions for name in d.recipe_values)
    for name in values:
        if name not in known:
            hint = did_you_mean(name, known, f"the fields are {', '.join(known)}.")
            raise UsageError(f"No implementation {which} has the field {name!r}; {hint}")
