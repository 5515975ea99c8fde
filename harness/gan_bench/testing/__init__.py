"""For authors of implementations: the conformance suite, and a complete trainer in numpy."""

import json
from collections.abc import Iterator

from gan_bench import data
from gan_bench.errors import UsageError
from gan_bench.plugins.describe import describe
from gan_bench.plugins.frameworks import framework_problem, worker_environment
from gan_bench.plugins.registry import Implementation, find
from gan_bench.system.child import Child, ChildDied
from gan_bench.system.devices import device_in_child
from gan_bench.system.models import Frozen
from gan_bench.testing.check_result import CheckResult, CheckStarted
from gan_bench.testing.conformance import check_trainer
from gan_bench.testing.fake import FakeRecipe, FakeTrainer

__all__ = [
    "CheckResult",
    "CheckStarted",
    "FakeRecipe",
    "FakeTrainer",
    "VerifyRequest",
    "check_trainer",
    "verify",
]


class VerifyRequest(Frozen):
    """The request to the child process."""

    implementation: Implementation
    device: str
    seed: int
    dataset: str | None = None
    """The data set whose images are used; None: synthetic images."""
    quick: bool = False
    """Whether only the checks of `gan_bench.testing.conformance.QUICK` run."""


def verify(
    target: str,
    *,
    device: str,
    threads: int,
    seed: int = 0,
    limit_s: float | None = None,
    dataset: str | None = None,
    quick: bool = False,
) -> Iterator[CheckStarted | CheckResult]:
    """Run `check_trainer` in a child process like that of a run.

    Yield each check when it starts, and its result as soon as it is known.

    Raises
    ------
    UsageError
        There is no such implementation or data set, its framework is not installed, or its process
        died or did not finish in ``limit_s`` seconds.
    """
    (target,) = find([target])
    implementation = describe(target, {}).implementation
    problem = framework_problem(implementation)
    if problem is not None:
        raise UsageError(f"{implementation.name} cannot be verified: {problem}.")
    if dataset is not None:
        dataset = data.load(dataset).name  # with an absolute path
    request = VerifyRequest(
        implementation=implementation,
        device=device_in_child(device),
        seed=seed,
        dataset=dataset,
        quick=quick,
    )
    environment = worker_environment(
        implementation.framework, device=device, threads=threads, deterministic=True
    )
    during = ""
    with Child(
        "gan_bench.testing.child", request, environment=environment, limit_s=limit_s
    ) as child:
        for line in child.answers:
            if not line.endswith(b"\n"):
                break  # the process was killed while it wrote
            answer = json.loads(line)
            if "status" in answer:
                yield CheckResult(**{**answer, "traceback": tuple(answer["traceback"])})
            else:
                yield (started := CheckStarted(**answer))
                during = f", during the check '{started.name}'"
        try:
            child.finish()
        except ChildDied as death:
            raise UsageError(
                f"{target} could not be verified: its process {death}{during}."
            ) from death
