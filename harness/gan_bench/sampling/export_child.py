"""The child process that writes a sampler's network, reads it again and compares the images."""

import importlib
import json
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_bench.contract import channels_last, check_weights, weights_sha256
from gan_bench.data.draws import Inputs
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.plugins.loader import load_seeded, source_sha256
from gan_bench.sampling import FACT
from gan_bench.sampling.child import restored
from gan_bench.sampling.generator_child import generated
from gan_bench.sampling.load_generator import Generator, load_generator
from gan_bench.sampling.requests import ExportRequest, GeneratorRequest
from gan_bench.system.child import reply
from gan_bench.trainer import Trainer, Unsupported
from gan_bench.version import __version__
from gan_bench.worker.failure import failure_reason
from gan_bench.worker.training import build

EXPORTERS_GROUP = "gan_bench.exporters"
_BATCH = 128
_OF_EXTRA = ("onnx", "onnxscript", "safetensors", "tf2onnx")


def answer(content: bytes) -> dict[str, Any]:
    """Write the file; return how its images compare with the trainer's own."""
    request = ExportRequest.model_validate_json(content)
    try:
        return _exported(request)
    except (Exception, Unsupported) as error:
        raise GanBenchError(failure_reason(error, request.spec.implementation)) from error


def _exported(request: ExportRequest) -> dict[str, Any]:
    trainer_class = load_seeded(request.spec.implementation, request.spec.seed)
    trainer, inputs = restored(request, trainer_class)
    latents = inputs.evaluation_latents(request.count)
    labels = inputs.evaluation_labels(request.count)
    own = trainer.sample(latents, *labels)
    if request.file.suffix == ".onnx":
        _write_onnx(trainer, request)
        generator, reading = _read_onnx(request, inputs)
        again = _of_onnx(generator, reading, latents, *labels)
        _describe(request, inputs, generator)
    else:
        _write_tensors(trainer, request, inputs)
        again = _of_tensors(trainer_class, request).sample(latents, *labels)
    difference = np.abs(own.astype(np.int16) - again).max(axis=(1, 2, 3))
    if difference.max() > 1:
        raise UsageError(
            f"{int((difference > 1).sum()):,} of {request.count:,} images of the file differ from "
            f"the run's own by up to {difference.max()} grey levels"
        )
    return {
        "source_sha256": source_sha256(request.spec.implementation),
        "network": inputs.recipe.sampler,
        "largest": int(difference.max()),
        "equal": int((difference == 0).sum()),
    }


def _write_onnx(trainer: Any, request: ExportRequest) -> None:
    implementation = request.spec.implementation
    points = metadata.entry_points(group=EXPORTERS_GROUP, name=implementation.framework)
    try:
        if hasattr(trainer, "export_onnx"):
            trainer.export_onnx(request.file)
        elif points:
            next(iter(points)).load()(trainer, request.file)
        else:
            raise UsageError(
                f"{implementation.name} has no export_onnx, and no export to ONNX is known for "
                f"{implementation.framework}; use --export with a .safetensors file"
            )
    except ModuleNotFoundError as error:
        raise _missing(error) from error


def _read_onnx(request: ExportRequest, inputs: Inputs) -> tuple[Generator, GeneratorRequest]:
    """Load the file as ``gan-bench score --generator`` does."""
    _, height, width, channels = inputs.images.shape
    reading = GeneratorRequest(
        generator=str(request.file),
        latent=(inputs.recipe.latent_size,),
        distribution=inputs.recipe.latent_distribution,
        seed=request.seed,
        count=request.count,
        batch=_BATCH,
        classes=inputs.classes if inputs.recipe.conditional else None,
        shape=(height, width, channels),
        device="cpu",
        threads=request.spec.threads,
        images=request.file,
    )
    return load_generator(reading), reading


def _of_onnx(
    generator: Generator,
    reading: GeneratorRequest,
    latents: NDArray[np.float32],
    *labels: NDArray[np.int64],
) -> NDArray[np.uint8]:
    batches = []
    for start in range(0, reading.count, _BATCH):
        given = [column[start : start + _BATCH] for column in labels]
        batch = latents[start : start + _BATCH]
        batches.append(generated(generator, reading, batch, *given)[0])
    return np.concatenate(batches)


def _describe(request: ExportRequest, inputs: Inputs, generator: Generator) -> None:
    """Let the file say what it is of, what it takes and what it makes."""
    latents = inputs.evaluation_latents(1)
    made = np.asarray(generator.call(latents, *inputs.evaluation_labels(1)))
    _, height, width, channels = inputs.images.shape
    is_last = channels_last(made, (height, width, channels)) is made
    facts = _facts(request, inputs) | {
        "image_layout": "NHWC" if is_last else "NCHW",
        "image_range": "0 to 255" if made.dtype == np.uint8 else "-1 to 1",
    }
    onnx = _package("onnx")
    model = onnx.load(request.file)
    for name, text in facts.items():
        model.metadata_props.add(key=f"{FACT}{name}", value=text)
    onnx.save(model, request.file)


def _facts(request: ExportRequest, inputs: Inputs) -> dict[str, str]:
    recipe, spec = inputs.recipe, request.spec
    facts = {
        "run_id": request.run_id,
        "implementation": spec.implementation.name,
        "recipe": recipe.name,
        "recipe_values": json.dumps(spec.recipe_values),
        "step": str(request.step),
        "seed": str(spec.seed),
        "network": recipe.sampler,
        "latent_size": str(recipe.latent_size),
        "latent_distribution": recipe.latent_distribution,
        "image_shape": json.dumps(inputs.images.shape[1:]),
        "version": __version__,
    }
    return facts | ({"classes": str(inputs.classes)} if recipe.conditional else {})


def _write_tensors(trainer: Trainer, request: ExportRequest, inputs: Inputs) -> None:
    tensors = {
        name: np.ascontiguousarray(tensor)
        for name, tensor in check_weights(trainer.weights()).items()
        if name.startswith(f"{inputs.recipe.sampler}.")
    }
    facts = _facts(request, inputs) | {"sha256": weights_sha256(tensors)}
    # Not save_file, whose files only their owner can read.
    request.file.write_bytes(_package("safetensors.numpy").save(tensors, facts))


def _of_tensors(trainer_class: type, request: ExportRequest) -> Trainer:
    """Return a new trainer that has the file's tensors."""
    spec = request.spec
    trainer, _, _ = build(trainer_class, spec, spec.load_dataset(), request.device)
    tensors = _package("safetensors.numpy").load_file(request.file)
    trainer.set_weights({**trainer.weights(), **tensors})
    return trainer


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise _missing(error) from error


def _missing(error: ModuleNotFoundError) -> UsageError:
    package = str(error.name).partition(".")[0]
    what = "'gan-bench[export]'" if package in _OF_EXTRA else package
    return UsageError(f"it needs the package {package}, which is missing: pip install {what}")


if __name__ == "__main__":
    reply(lambda request, say: answer(request))
