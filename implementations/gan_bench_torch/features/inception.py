"""Writes FID's Inception network as ONNX, after comparing it with pytorch-fid's own features."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from pytorch_fid import inception as pytorch_fid

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.scoring.features.inception_network import convolutions, graph, tensors_sha256
from gan_bench.scoring.features.inception_weights import TENSORS_SHA256, Weights, weights_of
from gan_bench.system.child import reply

TOLERANCE = 1e-4
"""Between the two networks' features, which go up to about 5."""
Tensors = dict[str, NDArray[np.float32]]


def read_tensors(weights: Weights) -> Tensors:
    """Return the network's tensors by pytorch-fid's names.

    What is opened are the bytes whose sha256 is the weights'. A file that is not known is read by
    ``weights_only`` or as safetensors, which run no code.

    Raises
    ------
    UsageError
        It is neither, or lacks a tensor or has one of another shape.
    """
    content = weights.path.read_bytes()
    if hashlib.sha256(content).hexdigest() != weights.sha256:
        raise UsageError(f"{weights.path} changed while it was read; try again.")
    if weights.kind == "torchscript":
        script = torch.jit.load(io.BytesIO(content), map_location="cpu")  # type: ignore[no-untyped-call]
        return _in_order([tensor.numpy() for tensor in script.state_dict().values()])
    if weights.path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            return _chosen(load(content))
        except (SafetensorError, OSError) as error:
            raise UsageError(f"{weights.path} is no safetensors file: {error}.") from error
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        arrays = {str(name): tensor.numpy() for name, tensor in state.items()}
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(f"{weights.path} is no state dict of tensors alone: {said[0]}") from error
    return _chosen(arrays)


def _in_order(arrays: list[NDArray[np.float32]]) -> Tensors:
    """Name tensors that come four a convolution: kernel, beta, mean, variance; gamma is 1."""
    tensors: Tensors = {}
    for number, layer in enumerate(convolutions()):
        kernel, beta, mean, variance = arrays[4 * number : 4 * number + 4]
        values = (kernel, np.ones_like(beta), beta, mean, variance)
        tensors |= dict(zip(layer.tensors, values, strict=True))
    return tensors


def _chosen(arrays: Tensors) -> Tensors:
    names = [name for layer in convolutions() for name in layer.tensors]
    missing = [name for name in names if name not in arrays]
    if missing:
        raise UsageError(
            f"The weights lack {len(missing)} of the {len(names)} tensors of pytorch-fid's "
            f"network, {missing[0]} among them."
        )
    return {name: np.asarray(arrays[name], dtype=np.float32) for name in names}


def reference(tensors: Tensors) -> torch.nn.Module:
    """Return pytorch-fid's own network with these tensors.

    Raises
    ------
    UsageError
        A tensor has another shape than the network's.
    """
    state = {name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}
    # The classifier's head, which no feature depends on.
    state |= {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    original = pytorch_fid.load_state_dict_from_url
    pytorch_fid.load_state_dict_from_url = lambda *_, **__: state
    try:
        return pytorch_fid.InceptionV3([3]).eval()
    except RuntimeError as error:
        said = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UsageError(f"The weights are not of pytorch-fid's network: {said[-1]}") from error
    finally:
        pytorch_fid.load_state_dict_from_url = original


def largest_difference(model: bytes, network: torch.nn.Module) -> float:
    """Return how far the features of the two are apart, over images of several kinds."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    largest = 0.0
    for shape in ((28, 28), (64, 48), (299, 299), (598, 598)):
        noise = random.integers(0, 256, (2, *shape, 3), dtype=np.uint8)
        smooth = np.linspace(0, 255, shape[0], dtype=np.uint8)[None, :, None, None]
        images = np.concatenate([noise, np.broadcast_to(smooth, (1, *shape, 3))])
        (features,) = session.run(["features"], {"images": images})
        with torch.no_grad():
            scaled = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
            theirs = network(scaled)[0].flatten(1).numpy()
        largest = max(largest, float(np.abs(features - theirs).max()))
    return largest


class Request(BaseModel):
    """What the parent process asks for."""

    out: Path
    """The ONNX file to write."""
    weights: Path


def make(content: bytes) -> dict[str, Any]:
    """Export and check as requested; return facts about the model."""
    request = Request.model_validate_json(content)
    weights = weights_of(request.weights)
    tensors = read_tensors(weights)
    network = reference(tensors)
    digest = tensors_sha256(tensors)
    if weights.kind != "unknown" and digest != TENSORS_SHA256:
        raise GanBenchError(
            f"The tensors of {weights.path} have the sha256 {digest}, not {TENSORS_SHA256}: "
            "the versions installed here do not read the file as they should."
        )
    model = graph(tensors).SerializeToString(deterministic=True)
    difference = largest_difference(model, network)
    if not difference <= TOLERANCE:
        raise GanBenchError(
            f"The exported network's features are {difference:.1e} from pytorch-fid's, more "
            f"than {TOLERANCE:.0e}."
        )
    request.out.write_bytes(model)
    description = weights.description
    if weights.kind == "unknown" and digest == TENSORS_SHA256:
        description = f"FID's known tensors, from a file of sha256 {weights.sha256}"
    return {
        "weights": description,
        "tensors_sha256": digest,
        "largest_difference_from_pytorch_fid": difference,
    }


if __name__ == "__main__":
    reply(lambda request, say: make(request))
