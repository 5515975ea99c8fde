"""The child process that runs the conformance suite on one implementation."""

import gc
import json
from dataclasses import asdict
from typing import IO

from gan_bench import data
from gan_bench.plugins.loader import load_seeded
from gan_bench.streams import Stream, generator
from gan_bench.system.child import run
from gan_bench.testing import CheckResult, CheckStarted, VerifyRequest, check_trainer
from gan_bench.testing.conformance import IMAGES, QUICK


def verify(content: bytes, answers: IO[bytes]) -> None:
    """Run the checks; write when each starts, and its result, as lines of JSON."""
    request = VerifyRequest.model_validate_json(content)

    def send(news: CheckStarted | CheckResult) -> None:
        answers.write(json.dumps(asdict(news)).encode() + b"\n")
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
        only=QUICK if request.quick else None,
        on_start=send,
        on_result=send,
    )


if __name__ == "__main__":
    run(verify)
