"""From what the user asks for to the plan: preset, plan file and options, expanded into runs."""

from collections.abc import Sequence
from datetime import UTC, datetime

from gan_bench import data
from gan_bench.errors import UsageError
from gan_bench.plan.request import BUDGETS, PRESETS, Preset, Request
from gan_bench.plan.schedule import chunk_steps, evaluation_steps
from gan_bench.plan.spec import Budget, Place, Plan, RunSpec
from gan_bench.plugins import frameworks
from gan_bench.plugins.describe import Description, describe
from gan_bench.plugins.registry import find, is_path, path_name, registered
from gan_bench.system.devices import check_device, default_threads
from gan_bench.text import did_you_mean


def _budget(asked: Request, preset: Preset) -> Budget:
    for unit in BUDGETS:
        amount = getattr(asked, unit)
        if amount is not None:
            return Budget(unit=unit, amount=amount)
    return preset.budget


def _check_fits(description: Description, dataset: data.Dataset) -> None:
    name = description.implementation.name
    train_images = dataset.images_in(description.train_splits)
    if description.batch_size > train_images:
        raise UsageError(
            f"{name}.batch_size is {description.batch_size:,}, more than the {train_images:,} "
            f"training images of {data.label(dataset.name)}; set a smaller one."
        )


def _check_pythons(asked: Request) -> None:
    known = {implementation.framework for implementation in registered().values()}
    known |= frameworks.FRAMEWORKS.keys()
    for framework in asked.python:
        if framework not in known:
            hint = did_you_mean(framework, sorted(known))
            raise UsageError(f"[python] names the unknown framework {framework!r}; {hint}")


def _describe_all(
    targets: Sequence[str], asked: Request, preset: Preset, shape: tuple[int, int, int]
) -> tuple[list[Description], list[str]]:
    """Describe every target; one that --all brought and that cannot be described is left out."""
    descriptions, left_out = [], []
    for target in targets:
        # A path's name is known once its file has been described, its values are needed before.
        name = path_name(target) if is_path(target) else target
        values = {**asked.set.get(target, {}), **asked.set.get(name, {})}
        usual = {"batch_size": preset.batch_size} if preset.batch_size else {}
        try:
            descriptions.append(describe(target, usual | values, shape, asked.python))
        except UsageError as error:
            if target in asked.targets or values:
                raise
            left_out.append(f"{target}: {error}")
    if not descriptions:
        raise UsageError(" ".join(left_out))
    return descriptions, left_out


def expand(asked: Request, command: str, place: Place | None = None) -> Plan:
    """Return every run that was asked for, seed by seed, the frameworks interleaved within each.

    Parameters
    ----------
    asked
        What to run.
    command
        As it was typed.
    place
        Where the runs will be, where that is not this machine.

    Raises
    ------
    UsageError
        Anything unknown or out of range, in one sentence.
    """
    device = place.device if place else check_device(asked.device)
    threads = place.threads if place else asked.threads or default_threads()
    preset_name = asked.preset or ("quick" if device == "cpu" else "standard")
    preset = PRESETS[preset_name]
    targets = list(registered()) if asked.all else []
    targets = find([*targets, *asked.targets])
    if not targets:
        raise UsageError("Say what to run: --all, or names from `gan-bench list`.")
    dataset = data.load(asked.dataset or preset.dataset)
    _, height, width, channels = dataset.train.images.shape
    _check_pythons(asked)
    descriptions, left_out = _describe_all(targets, asked, preset, (height, width, channels))
    for description in descriptions:
        _check_fits(description, dataset)
    names = [description.implementation.name for description in descriptions]
    for name in {name for name in names if names.count(name) > 1}:
        raise UsageError(f"Two of the targets are called {name}; rename one file.")
    for name in asked.set:
        if name not in names and name not in targets:
            raise UsageError(
                f"{name!r} has values to set but is not among the implementations to run: "
                f"{', '.join(names)}."
            )
    budget = _budget(asked, preset)
    evaluations = asked.evaluations or preset.evaluations
    runs = []
    for seed in asked.seeds or preset.seeds:
        for description in descriptions:
            python = asked.python.get(description.implementation.framework)
            train_images = dataset.images_in(description.train_splits)
            steps = budget.steps(
                images_per_step=description.images_per_step,
                train_images=train_images,
                recipe_epochs=description.epochs,
            )
            runs.append(
                RunSpec(
                    implementation=description.implementation,
                    source_sha256=description.source_sha256,
                    recipe_values=description.recipe_values,
                    conventions=description.conventions,
                    dataset=dataset.name,
                    data_sha256=dataset.sha256,
                    train_splits=description.train_splits,
                    train_images=train_images,
                    image_shape=(height, width, channels),
                    preset=preset_name,
                    budget=budget,
                    steps=steps,
                    images_per_step=description.images_per_step,
                    parameters=description.parameters,
                    multiply_adds_per_step=description.multiply_adds_per_step,
                    cannot_make=description.cannot_make,
                    seed=seed,
                    chunk_steps=chunk_steps(steps, evaluations),
                    evaluation_steps=evaluation_steps(steps, evaluations),
                    samples=asked.samples or preset.samples,
                    device=device,
                    threads=threads,
                    deterministic=asked.deterministic,
                    on_divergence=asked.on_divergence,
                    python=python,
                    versions=frameworks.identifying_versions(
                        description.implementation.framework, frameworks.versions_of(python)
                    ),
                )
            )
    created_at = datetime.now(UTC).isoformat(timespec="seconds")
    return Plan(command=command, created_at=created_at, runs=tuple(runs), left_out=tuple(left_out))
