"""The child process that runs the conformance suite on one implementation."""

import gc
import json
from dataclasses import asdict
from typing import IO

from gan_bench import data
from gan_bench.plugins.loader import load_seeded
from gan_bench.streams import Stream, generator
from gan_bench.system.child import run
from gan_bench.testing import CheckResult, check_trainer
from gan_bench.testing.conformance import IMAGES
from gan_bench.testing.verify import VerifyRequest


def verify(content: bytes, answers: IO[bytes]) -> None:
    """Run all checks; write each result as a line of JSON as soon as it is known."""
    request = VerifyRequest.model_validate_json(content)

    def send(result: CheckResult) -> None:
        answers.write(json.dumps(asdict(result)).encode() + b"\n")
        answers.flush()

    trainer = load_seeded(request.implementation, request.seed)
    # Trainers are freed only by the garbage collector. Freezing the framework's many objects makes
    # it fast, so that it runs before unused trainers fill the memory.
    gc.collect()
    gc.freeze()
    images = labels = None
    if request.dataset is not None:
        split = data.load(request.dataset).train
        chosen = generator(request.seed, Stream.CONFORMANCE, 9).permutation(len(split.images))[
            :IMAGES
        ]
        images, labels = split.images[chosen], split.labels[chosen]
    check_trainer(
        trainer,
        device=request.device,
        seed=request.seed,
        images=images,
        labels=labels,
        on_result=send,
    )


if __name__ == "__main__":
    run(verify)
