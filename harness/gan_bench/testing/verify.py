"""Runs the conformance suite on one implementation, in a child process with a run's environment."""

import gc
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict

from gan_bench.errors import UsageError
from gan_bench.plugins.describe import describe
from gan_bench.plugins.frameworks import missing, versions_of
from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import Implementation, find
from gan_bench.system.child import Child, ChildDied, receive_order, seen_device
from gan_bench.system.models import Frozen
from gan_bench.testing import CheckResult, check_trainer

_ANY_SHAPE = (28, 28, 1)


class _Order(Frozen):
    """What the child is to check; its stdin."""

    implementation: Implementation
    device: str
    seed: int


def verify(
    target: str, *, device: str, threads: int, seed: int = 0, limit_s: float | None = None
) -> Iterator[CheckResult]:
    """Yield the result of each check of `gan_bench.testing.check_trainer` as it comes.

    Raises
    ------
    UsageError
        No such implementation, its framework is not installed, the process died, or it was not done
        after ``limit_s`` seconds.
    """
    (target,) = find([target])
    implementation = describe(target, {}, _ANY_SHAPE).implementation
    absent = missing(implementation.framework, versions_of(None))
    if absent is not None:
        raise UsageError(f"{implementation.name} cannot be verified: {absent}.")
    order = _Order(implementation=implementation, device=seen_device(device), seed=seed)
    with Child(
        "gan_bench.testing.verify", order, device=device, threads=threads, limit_s=limit_s
    ) as child:
        for line in child.answers:
            if not line.endswith(b"\n"):
                break  # it was killed while it wrote
            yield CheckResult(**json.loads(line))
        try:
            child.finish()
        except ChildDied as death:
            raise UsageError(f"{target} could not be verified: its process {death}.") from death


def _main(answers: int) -> int:
    order = _Order.model_validate_json(receive_order())
    with os.fdopen(answers, "w", buffering=1) as out:

        def tell(result: CheckResult) -> None:
            out.write(json.dumps(asdict(result)) + "\n")

        trainer = load_trainer(order.implementation)
        # A trainer is a cycle of many objects. Past the framework's own the collector is quick, and
        # comes before many trainers fill the memory.
        gc.collect()
        gc.freeze()
        check_trainer(trainer, device=order.device, seed=order.seed, on_result=tell)
    return 0


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1])))
