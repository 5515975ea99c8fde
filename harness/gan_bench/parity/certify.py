"""Finds pairs of implementations, compares each pair, and certifies the result."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import IO, Any

from gan_bench import data
from gan_bench.errors import UsageError
from gan_bench.parity.messages import Message, ObserveRequest, receive, send
from gan_bench.parity.verdict import Comparison
from gan_bench.plan import device_kind
from gan_bench.plan.expand import check_shared
from gan_bench.plan.request import EVERY, parse_set
from gan_bench.plugins.describe import Description, describe
from gan_bench.plugins.frameworks import (
    framework_problem,
    frameworks,
    identifying_versions,
    versions_of,
    worker_environment,
)
from gan_bench.plugins.registry import Implementation, find, registered
from gan_bench.recipe import ImageShape
from gan_bench.results.certificate import BOUNDS, Certificate, Party, certificate_id, without_budget
from gan_bench.results.layout import open_results
from gan_bench.system.child import Child, ChildDied
from gan_bench.system.devices import default_threads, device_in_child, machine
from gan_bench.system.locks import device_lock
from gan_bench.text import did_you_mean, listed, timestamp


@dataclass(frozen=True)
class Pair:
    """Two implementations of one recipe with the same recipe values."""

    name: str
    """The recipe's name if it has one twin, else ``<a>--<b>``."""
    reference: Description
    other: Description

    @property
    def recipe(self) -> str:
        """The recipe's name."""
        return self.reference.implementation.recipe


@dataclass(frozen=True)
class Choice:
    """What is to be compared, and what is not."""

    pairs: list[Pair]
    left_out: list[str]
    """A sentence for each implementation that cannot be compared, which is a failure."""
    not_installed: str
    """Those whose framework is not installed, with the command that installs it, or nothing."""


def values_of_all(pairs: Sequence[str]) -> dict[str, Any]:
    """Read ``FIELD=VALUE`` options, which hold for both sides of every pair.

    Raises
    ------
    UsageError
        An option has another form, or is for some implementations only.
    """
    values = parse_set(pairs)
    for name in values.keys() - {EVERY}:
        raise UsageError(
            f"Both sides of a pair have the same recipe values: write --set FIELD=VALUE, without "
            f"{name!r}."
        )
    return values.get(EVERY, {})


def choose(
    targets: Sequence[str],
    shape: ImageShape | None = None,
    values: Mapping[str, Any] = MappingProxyType({}),
) -> Choice:
    """Return the pairs to compare, and what cannot be compared.

    The targets are one recipe, or two implementations (names or paths). Without targets, all
    recipes with several registered implementations are compared. ``shape`` is (height, width,
    channels) of the images, None for those of each recipe's example. ``values``, by field, replace
    the defaults of all recipes that have the field.

    Raises
    ------
    UsageError
        A target is unknown, there is no pair, or a value is not valid. Or two implementations were
        named, and one of them cannot be imported or lacks its framework, or their recipes or recipe
        values differ.
    """
    if len(targets) > 2:
        raise UsageError("Name one recipe, or two implementations to compare, or nothing for all.")
    if len(targets) == 2:
        return _checked(Choice([_chosen(targets[0], targets[1], shape, values)], [], ""), values)
    comparable: list[Pair] = []
    left_out: list[str] = []
    absent: dict[str, list[str]] = {}
    for name, implementations in _with_twins(*targets).items():
        descriptions = []
        for implementation in implementations:
            known = frameworks().get(implementation.framework)
            problem = framework_problem(implementation)
            if known and problem and not known.problem:
                absent.setdefault(problem, []).append(implementation.name)
                continue
            try:
                descriptions.append(_described(implementation.name, shape, {}))
            except UsageError as error:
                left_out.append(str(error))
                continue
            if values:  # these are not valid if this fails
                descriptions[-1] = _described(implementation.name, shape, values)
        if not descriptions:
            continue
        origins = [d for d in descriptions if d.implementation.framework == d.recipe_origin]
        reference = (origins or descriptions)[0]
        for other in [description for description in descriptions if description is not reference]:
            try:
                comparable.append(
                    _pair(reference, other, name if len(implementations) == 2 else None)
                )
            except UsageError as error:
                left_out.append(str(error))
    not_installed = "; ".join(f"{listed(names)} ({problem})" for problem, names in absent.items())
    if not comparable:
        nothing = [f"Nothing can be compared: {not_installed}."] if not_installed else []
        raise UsageError(" ".join([*left_out, *nothing]))
    return _checked(Choice(comparable, left_out, not_installed), values)


def _checked(choice: Choice, values: Mapping[str, Any]) -> Choice:
    """Return the choice if some recipe of it has the field of each value."""
    described = [side for pair in choice.pairs for side in (pair.reference, pair.other)]
    check_shared(values, described, "to compare")
    return choice


def _with_twins(recipe: str | None = None) -> dict[str, list[Implementation]]:
    """Return the registered implementations of recipes that have several, by recipe."""
    by_recipe: dict[str, list[Implementation]] = {}
    for implementation in registered().values():
        by_recipe.setdefault(implementation.recipe, []).append(implementation)
    if recipe is not None:
        if recipe not in by_recipe:
            raise UsageError(_unknown(recipe, by_recipe))
        if len(by_recipe[recipe]) == 1:
            raise UsageError(
                f"The recipe {recipe} has one implementation, {by_recipe[recipe][0].name}; compare "
                f"yours with it: gan-bench parity {by_recipe[recipe][0].name} ./yours.py"
            )
        by_recipe = {recipe: by_recipe[recipe]}
    several = {name: twins for name, twins in by_recipe.items() if len(twins) > 1}
    if not several:
        raise UsageError(
            "No recipe has several implementations; name two to compare: gan-bench parity A ./b.py"
        )
    return several


def _described(target: str, shape: ImageShape | None, values: Mapping[str, Any]) -> Description:
    description = describe(target, {}, shape, where_known=values)
    problem = framework_problem(description.implementation)
    if problem is not None:
        raise UsageError(f"{description.implementation.name} cannot be compared: {problem}.")
    return description


def _chosen(
    reference: str, other: str, shape: ImageShape | None, values: Mapping[str, Any]
) -> Pair:
    chosen = find([reference, other])
    if len(chosen) == 1:
        raise UsageError(f"{reference} was named twice; name two different implementations.")
    first, second = (_described(target, shape, values) for target in chosen)
    return _pair(first, second, None)


def _pair(reference: Description, other: Description, name: str | None) -> Pair:
    names = reference.implementation.name, other.implementation.name
    recipes = reference.implementation.recipe, other.implementation.recipe
    if names[0] == names[1]:
        raise UsageError(f"Both implementations are called {names[0]}; rename one file.")
    if reference.implementation.is_same_class(other.implementation):
        raise UsageError(
            f"{names[0]} and {names[1]} are the same class; name two different implementations."
        )
    if recipes[0] != recipes[1]:
        raise UsageError(
            f"{names[0]} implements the recipe {recipes[0]}, and {names[1]} implements "
            f"{recipes[1]}; only implementations of the same recipe can be compared."
        )
    if reference.losses != other.losses:
        raise UsageError(
            f"{names[0]} and {names[1]} declare different losses ({listed(reference.losses)}; "
            f"{listed(other.losses)}); only implementations of the same recipe can be compared."
        )
    values = [without_budget(description.recipe_values) for description in (reference, other)]
    differing = [f for f in values[0] | values[1] if values[0].get(f) != values[1].get(f)]
    if differing:
        first, second = (str(side.get(differing[0], "no such field")) for side in values)
        raise UsageError(
            f"{names[0]} and {names[1]} have different recipe values ({differing[0]}: {first} and "
            f"{second}); only implementations with the same values can be compared."
        )
    files = reference.implementation.file_name, other.implementation.file_name
    return Pair(name or f"{files[0]}--{files[1]}", reference, other)


def _unknown(recipe: str, known: dict[str, list[Implementation]]) -> str:
    if recipe in registered() or ".py" in recipe:
        return f"To compare {recipe}, name a second implementation too."
    return f"There is no recipe named {recipe!r}; {did_you_mean(recipe, known)}"


@dataclass(frozen=True)
class Setup:
    """Options of a comparison."""

    device: str = "cpu"
    threads: int = max(1, default_threads() // 2)
    """Threads for each of the two processes, which run at the same time."""
    seed: int = 0
    """Seed of initial weights, batches, latents and the perturbation."""
    batch_size: int = 32
    """Maximum batch size; a recipe that does not allow a smaller one keeps its own."""
    paired_steps: int = 20
    """Number of steps of the paired run."""
    limit_s: float = 3600.0
    """Seconds after which an unfinished comparison is stopped."""
    dataset: str = data.BUNDLED

    @cached_property
    def image_shape(self) -> ImageShape:
        """(height, width, channels) of the data set's images."""
        return data.load(self.dataset).train.image_shape

    def on(self, dataset: str) -> "Setup":
        """Return the same options with another data set.

        Raises
        ------
        UsageError
            The data set cannot be loaded.
        """
        return replace(self, dataset=data.load(dataset).name)  # with an absolute path


def certify_all(
    chosen: Sequence[Pair], setup: Setup, results: Path, *, command: str, wait: bool
) -> Iterator[Certificate]:
    """Compare the pairs; write and yield each certificate.

    Raises
    ------
    UsageError
        The device is in use and ``wait`` is false.
    """
    folder = open_results(results, create=True)
    with device_lock(setup.device, command, wait=wait):
        for _, group in groupby(chosen, key=lambda pair: pair.reference.implementation.name):
            pairs = list(group)
            with TemporaryFile() as file:
                original = _Original(pairs[0].reference, setup, file if len(pairs) > 1 else None)
                for pair in pairs:
                    described = pair.reference
                    certificate = certify(pair, setup, original)
                    certificate.write_in(folder, described.example_shape, described.changed_values)
                    yield certificate


class _Original:
    """The process of an original, whose messages are kept for the comparison with further twins.

    They are kept in a file, as the weights of all steps may not fit into memory. Without room for
    it, or after a comparison that ended early, the process is started again for the next twin.
    """

    def __init__(self, description: Description, setup: Setup, file: IO[bytes] | None) -> None:
        self._description = description
        self._setup = setup
        self._file = file
        self._is_complete = False

    @contextmanager
    def messages(self) -> Iterator[Iterator[Message]]:
        """Start the process unless all of its messages are kept; yield the messages."""
        if self._file is not None:
            self._file.seek(0)
            if self._is_complete:
                yield receive(self._file)
                return
            self._file.truncate()
        with observer(self._description, self._setup) as child:
            yield self._kept(observed(child, self._description.implementation.name))

    def _kept(self, messages: Iterator[Message]) -> Iterator[Message]:
        for message in messages:
            if self._file is not None:
                try:
                    send(self._file, message)
                except OSError:  # the disk is full
                    with suppress(OSError):
                        os.truncate(self._file.fileno(), 0)
                    self._file = None
            yield message
        self._is_complete = self._file is not None


def certify(pair: Pair, setup: Setup, original: _Original | None = None) -> Certificate:
    """Compare the two implementations of a pair, each in its own process.

    ``original`` keeps what the pair's reference sends, for further pairs.
    """
    descriptions = pair.reference, pair.other
    first, second = (description.implementation.name for description in descriptions)
    original = original or _Original(pair.reference, setup, None)
    comparison = Comparison((first, second))
    cannot_make = pair.reference.cannot_make or pair.other.cannot_make
    if cannot_make is not None:
        comparison.cannot_check(cannot_make)
    else:
        with (
            original.messages() as reference,
            observer(pair.other, setup) as other,
        ):
            comparison.run(reference, observed(other, second))
    return _certificate(pair, comparison, setup)


def observer(description: Description, setup: Setup) -> Child:
    """Start a process that observes an implementation; `observed` reads its messages."""
    request = ObserveRequest(
        implementation=description.implementation,
        recipe_values=description.recipe_values,
        device=device_in_child(setup.device),
        seed=setup.seed,
        batch_size=setup.batch_size,
        paired_steps=setup.paired_steps,
        dataset=setup.dataset,
    )
    return Child(
        "gan_bench.parity.child",
        request,
        environment=worker_environment(
            description.implementation.framework,
            device=setup.device,
            threads=setup.threads,
            deterministic=True,
        ),
        limit_s=setup.limit_s,
    )


def observed(child: Child, name: str) -> Iterator[Message]:
    """Yield an observer's messages.

    Raises
    ------
    ChildDied
        The process of the implementation ``name`` failed, or did not end in time.
    """
    yield from receive(child.answers)
    try:
        child.finish()
    except ChildDied as death:
        raise ChildDied(f"{name} {death}") from death


def _certificate(pair: Pair, comparison: Comparison, setup: Setup) -> Certificate:
    reference, other = (
        _party(description, comparison) for description in (pair.reference, pair.other)
    )
    return Certificate(
        id=certificate_id(
            reference, other, setup.device, setup.image_shape, pair.reference.recipe_values
        ),
        pair=pair.name,
        recipe=pair.recipe,
        reference=reference,
        other=other,
        device=device_kind(setup.device),
        recipe_values=pair.reference.recipe_values,
        image_shape=setup.image_shape,
        dataset=data.label(setup.dataset),
        batch_size=comparison.batch_size,
        seed=setup.seed,
        bounds=BOUNDS,
        figures=comparison.figures,
        paired_run=comparison.paired_run,
        verdict=comparison.verdict,
        passed=comparison.verdict == "passed",
        problems=comparison.problems,
        created_at=timestamp(),
        machine=machine(),
    )


def _party(description: Description, comparison: Comparison) -> Party:
    implementation = description.implementation
    return Party(
        name=implementation.name,
        framework=implementation.framework,
        attribute=implementation.attribute,
        source_sha256=description.source_sha256,
        versions=identifying_versions(implementation.framework, versions_of(None)),
        holds_initial_weights=comparison.held(implementation.name),
    )
