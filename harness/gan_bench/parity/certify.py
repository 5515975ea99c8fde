"""Has both implementations of a pair observed at the same time, and certifies what it comes to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gan_bench.parity.messages import Message, ObserveRequest, receive
from gan_bench.parity.pairs import MNIST_SHAPE, Pair
from gan_bench.parity.verdict import Comparison
from gan_bench.plan.spec import device_kind
from gan_bench.plugins.describe import Description
from gan_bench.plugins.frameworks import identifying_versions, versions_of
from gan_bench.results.certificate import BOUNDS, Certificate, Party, certificate_id
from gan_bench.results.layout import open_results
from gan_bench.system.child import Child, ChildDied
from gan_bench.system.devices import default_threads, device_in_child, machine
from gan_bench.system.environment import worker_environment
from gan_bench.system.locks import device_lock


@dataclass(frozen=True)
class Setup:
    """How pairs are compared."""

    device: str = "cpu"
    threads: int = max(1, default_threads() // 2)
    """Of each of the two processes, which run at the same time."""
    seed: int = 0
    """Of initial weights, batches, latents and the perturbation."""
    batch_size: int = 32
    """At most; a recipe that does not allow it keeps its own."""
    paired_steps: int = 20
    """The length of the paired run."""
    limit_s: float = 3600.0
    """After which a pair that is not done is ended."""


def certify_all(
    found: Sequence[Pair], setup: Setup, results: Path, *, command: str, wait: bool
) -> Iterator[Certificate]:
    """Compare the pairs, and write each certificate.

    Raises
    ------
    UsageError
        The device is in use and ``wait`` is false; nothing was compared then.
    """
    folder = open_results(results, create=True)
    with device_lock(setup.device, command, wait=wait):
        for pair in found:
            certificate = certify(pair, setup)
            certificate.write(folder)
            yield certificate


def certify(pair: Pair, setup: Setup) -> Certificate:
    """Compare the two implementations of a pair, each in a process of its own."""
    descriptions = pair.reference, pair.other
    first, second = (description.implementation.name for description in descriptions)
    comparison = Comparison((first, second))
    if pair.reference.cannot_make is not None:
        comparison.cannot_check(pair.reference.cannot_make)
    else:
        with (
            observer(pair.reference, setup) as one,
            observer(pair.other, setup) as other,
        ):
            comparison.run(observed(one, first), observed(other, second))
    return _certificate(pair, comparison, setup)


def observer(description: Description, setup: Setup) -> Child:
    """Start a process that shows what an implementation does; `observed` reads it."""
    request = ObserveRequest(
        implementation=description.implementation,
        recipe_values=description.recipe_values,
        device=device_in_child(setup.device),
        seed=setup.seed,
        batch_size=setup.batch_size,
        paired_steps=setup.paired_steps,
    )
    return Child(
        "gan_bench.parity.child",
        request,
        environment=worker_environment(
            device=setup.device, threads=setup.threads, deterministic=True
        ),
        limit_s=setup.limit_s,
    )


def observed(child: Child, name: str) -> Iterator[Message]:
    """Yield what an observer shows.

    Raises
    ------
    ChildDied
        The implementation of this name ended its process, or did not end in time.
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
            reference, other, setup.device, MNIST_SHAPE, pair.reference.recipe_values
        ),
        pair=pair.name,
        recipe=pair.recipe,
        reference=reference,
        other=other,
        device=device_kind(setup.device),
        recipe_values=pair.reference.recipe_values,
        image_shape=MNIST_SHAPE,
        batch_size=comparison.batch_size,
        seed=setup.seed,
        bounds=BOUNDS,
        figures=comparison.figures,
        paired_run=comparison.paired_run,
        verdict=comparison.verdict,
        passed=comparison.verdict == "passed",
        problems=comparison.problems,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
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
