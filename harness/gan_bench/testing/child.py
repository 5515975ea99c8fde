"""The child process that runs the conformance suite on one implementation."""

import gc
import json
import os
import sys
from dataclasses import asdict

from gan_bench.plugins.loader import load_trainer
from gan_bench.system.child import receive_request
from gan_bench.testing import CheckResult, check_trainer
from gan_bench.testing.verify import VerifyRequest


def _main(answers: int) -> int:
    request = VerifyRequest.model_validate_json(receive_request())
    with os.fdopen(answers, "w", buffering=1) as out:

        def tell(result: CheckResult) -> None:
            out.write(json.dumps(asdict(result)) + "\n")

        trainer = load_trainer(request.implementation)
        # A trainer is a cycle of many objects. Past the framework's own the collector is quick, and
        # comes before many trainers fill the memory.
        gc.collect()
        gc.freeze()
        check_trainer(trainer, device=request.device, seed=request.seed, on_result=tell)
    return 0


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1])))
