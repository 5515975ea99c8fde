"""Runs the conformance suite on one implementation, in a child process with a run's environment."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict

from gan_bench.describe import describe
from gan_bench.errors import UsageError
from gan_bench.frameworks import missing, versions_of
from gan_bench.launch import worker_environment
from gan_bench.loading import load_trainer
from gan_bench.registry import find
from gan_bench.spec import Frozen, Implementation
from gan_bench.testing import CheckResult, check_trainer

_ANY_SHAPE = (28, 28, 1)


class _Order(Frozen):
    """What the child is to check; its stdin."""

    implementation: Implementation
    device: str
    seed: int


def verify(target: str, *, device: str, threads: int, seed: int = 0) -> Iterator[CheckResult]:
    """Yield the result of each check of `gan_bench.testing.check_trainer` as it comes.

    Raises
    ------
    UsageError
        No such implementation, its framework is not installed, or the process died.
    """
    (target,) = find([target])
    implementation = describe(target, {}, _ANY_SHAPE).implementation
    absent = missing(implementation.framework, versions_of(None))
    if absent is not None:
        raise UsageError(f"{implementation.name} cannot be verified: {absent}.")
    # The environment shows the child one GPU only.
    seen = "cpu" if device == "cpu" else "cuda:0"
    order = _Order(implementation=implementation, device=seen, seed=seed)
    answers, child_end = os.pipe()
    with tempfile.TemporaryFile() as log, os.fdopen(answers) as lines:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "gan_bench.verify", str(child_end)],
            env=worker_environment(device=device, threads=threads, deterministic=True),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[child_end],
        )
        os.close(child_end)
        assert child.stdin is not None
        with child.stdin as order_file:
            order_file.write(order.model_dump_json().encode())
        try:
            for line in lines:
                yield CheckResult(**json.loads(line))
        except BaseException:
            child.kill()
            raise
        finally:
            code = child.wait()
        if code != 0:
            log.seek(0)
            tail = log.read().decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
            raise UsageError(f"{target} could not be verified (exit code {code}): {tail[0]}")


def _main(answers: int) -> int:
    order = _Order.model_validate_json(sys.stdin.read())
    with os.fdopen(answers, "w", buffering=1) as out:

        def tell(result: CheckResult) -> None:
            out.write(json.dumps(asdict(result)) + "\n")

        trainer = load_trainer(order.implementation)
        check_trainer(trainer, device=order.device, seed=order.seed, on_result=tell)
    return 0


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1])))
