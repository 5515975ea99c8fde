"""The child process that samples from a checkpoint; the parent imports no trainer."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gan_bench.contract import check_samples
from gan_bench.data.draws import Inputs
from gan_bench.errors import GanBenchError
from gan_bench.plugins.loader import load_seeded, source_sha256
from gan_bench.sampling.requests import SampleRequest
from gan_bench.system.child import run
from gan_bench.trainer import Trainer, Unsupported
from gan_bench.worker.failure import failure_reason
from gan_bench.worker.training import build

_BATCH = 1_024
"""Number of samples in memory at a time."""


def restored(request: SampleRequest, trainer_class: type) -> tuple[Trainer, Inputs]:
    """Return a trainer that is built as for training and has the checkpoint, and its inputs.

    Raises
    ------
    GanBenchError
        The checkpoint cannot be restored.
    """
    spec = request.spec
    trainer, inputs, _ = build(trainer_class, spec, spec.load_dataset(), request.device)
    try:
        trainer.load(request.checkpoint)
    except Exception as error:
        reason = failure_reason(error, spec.implementation)
        raise GanBenchError(
            f"the checkpoint of step {request.step} cannot be restored ({reason})"
        ) from error
    return trainer, inputs


def _sampled(request: SampleRequest, trainer_class: type) -> Iterator[NDArray[np.uint8]]:
    """Yield the samples in batches."""
    trainer, inputs = restored(request, trainer_class)
    latents = replace(inputs, seed=request.seed).evaluation_latents(request.count)
    labels = _labels(request, inputs)
    for start in range(0, request.count, _BATCH):
        batch = latents[start : start + _BATCH]
        images = trainer.sample(batch, *(column[start : start + _BATCH] for column in labels))
        check_samples(images, (len(batch), *inputs.images.shape[1:]))
        yield images


def _labels(request: SampleRequest, inputs: Inputs) -> tuple[NDArray[np.int64], ...]:
    """Return the samples' labels as the last argument, if the recipe is conditional."""
    in_turn = inputs.evaluation_labels(request.count)
    if request.label is None:
        return in_turn
    if not inputs.recipe.conditional:
        raise GanBenchError(
            f"its recipe {inputs.recipe.name} is not conditional, so its samples have no class; "
            "leave out --class"
        )
    if request.label >= inputs.classes:
        raise GanBenchError(
            f"it has the classes 0 to {inputs.classes - 1}, and not {request.label}; correct "
            "--class"
        )
    return tuple(np.full_like(column, request.label) for column in in_turn)


def sample(content: bytes, answers: IO[bytes]) -> None:
    """Write a line of JSON with the source's hash and the shape or an error, then the images."""
    request = SampleRequest.model_validate_json(content)
    head: dict[str, Any] = {}
    started = False
    try:
        trainer_class = load_seeded(request.spec.implementation, request.spec.seed)
        head["source_sha256"] = source_sha256(request.spec.implementation)
        for images in _sampled(request, trainer_class):
            if not started:
                head["shape"] = (request.count, *images.shape[1:])
                answers.write(json.dumps(head).encode() + b"\n")
                started = True
            answers.write(np.ascontiguousarray(images).data)
    except (GanBenchError, Unsupported) as error:
        if started:
            raise
        head["error"] = failure_reason(error, request.spec.implementation)
        answers.write(json.dumps(head).encode() + b"\n")


if __name__ == "__main__":
    run(sample)
