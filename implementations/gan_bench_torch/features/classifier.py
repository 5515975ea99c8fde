"""Trains a small classifier on labelled images and writes it as ONNX: the lenet of a data set."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from pydantic import BaseModel
from torch import Tensor, nn

from gan_bench.errors import GanBenchError
from gan_bench.system.child import reply

FEATURES = 64
# The newest of both that onnxruntime 1.20 reads are 21 and 10; nothing here needs newer ones.
OPSET = 17
IR_VERSION = 8


class LeNet(nn.Module):
    """Three convolutions and two dense layers; batch normalisation folds away at the export.

    Parameters
    ----------
    shape
        (height, width, channels) of the images, at least 8 pixels a side.
    classes
        How many there are.
    """

    def __init__(self, shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> None:
        super().__init__()
        height, width, channels = self.shape = shape
        self.classes = classes
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(channels, 32, 5, padding=2, bias=False),
                nn.Conv2d(32, 64, 3, padding=1, bias=False),
                nn.Conv2d(64, 64, 3, padding=1, bias=False),
            ]
        )
        self.normalisations = nn.ModuleList([nn.BatchNorm2d(32), nn.BatchNorm2d(64)])
        self.normalisations.append(nn.BatchNorm2d(64))
        self.dense = nn.Linear(64 * (height // 8) * (width // 8), FEATURES, bias=False)
        self.dense_normalisation = nn.BatchNorm1d(FEATURES)
        self.classifier = nn.Linear(FEATURES, classes)

    def features(self, images: Tensor) -> Tensor:
        """Return (n, 64) features of float (n, channels, height, width) images in [0, 1]."""
        hidden = images
        for convolution, normalisation in zip(self.convolutions, self.normalisations, strict=True):
            hidden = torch.relu(normalisation(convolution(hidden)))
            hidden = nn.functional.max_pool2d(hidden, 2)
        return torch.relu(self.dense_normalisation(self.dense(hidden.flatten(1))))

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, classes) logits; dropout keeps any one feature from carrying a class alone."""
        features = nn.functional.dropout(self.features(images), 0.25, self.training)
        logits: Tensor = self.classifier(features)
        return logits


def shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return the batch with every image moved by up to two pixels either way."""
    count = len(images)
    padded = nn.functional.pad(images, (2, 2, 2, 2))
    offsets = torch.randint(0, 5, (2, count), generator=generator)
    rows = (torch.arange(images.shape[2]) + offsets[0][:, None])[:, None, :, None]
    columns = (torch.arange(images.shape[3]) + offsets[1][:, None])[:, None, None, :]
    planes = torch.arange(images.shape[1])[None, :, None, None]
    return padded[torch.arange(count)[:, None, None, None], planes, rows, columns]


def train(
    images: Tensor,
    labels: Tensor,
    *,
    classes: int = 10,
    epochs: int,
    seed: int,
    say: Callable[[str], None],
) -> LeNet:
    """Return the trained network; the same bits for the same seed, threads and versions.

    Parameters
    ----------
    images
        float (n, channels, height, width) in [0, 1], at least a batch of 128.
    labels
        int64 (n,), below ``classes``.
    classes, epochs, seed
        Of the training.
    say
        Is told of every epoch.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    channels, height, width = images.shape[1:]
    model = LeNet((height, width, channels), classes)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=1e-2)
    batch_size = min(128, len(images))
    steps = len(images) // batch_size
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=4e-3, total_steps=epochs * steps
    )
    for epoch in range(epochs):
        model.train()
        began = time.perf_counter()
        total = 0.0
        order = torch.randperm(len(images), generator=generator)
        for step in range(steps):
            chosen = order[step * batch_size : (step + 1) * batch_size]
            logits = model(shifted(images[chosen], generator))
            loss = nn.functional.cross_entropy(logits, labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        elapsed_s = time.perf_counter() - began
        say(f"epoch {epoch + 1}/{epochs}: loss {total / steps:.4f}, {elapsed_s:.0f} s")
    model.eval()
    return model


def folded(weight: Tensor, normalisation: nn.BatchNorm1d | nn.BatchNorm2d) -> list[np.ndarray]:
    """Return the kernel and bias that do what the layer and its batch normalisation do."""
    mean, variance = normalisation.running_mean, normalisation.running_var
    if mean is None or variance is None:
        raise GanBenchError("The batch normalisation keeps no statistics.")
    scale = normalisation.weight.double() / torch.sqrt(variance.double() + normalisation.eps)
    kernel = weight.double() * scale.reshape(-1, *[1] * (weight.dim() - 1))
    bias = normalisation.bias.double() - mean.double() * scale
    return [tensor.detach().float().numpy() for tensor in (kernel, bias)]


def graph(model: LeNet) -> onnx.ModelProto:
    """Return the network as ONNX: uint8 NHWC images in, features and logits out.

    Built node by node: the file then depends on the weights alone, not on an exporter's version.
    """
    tensors: dict[str, np.ndarray] = {"scale": np.array(255, dtype=np.float32)}
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["pixels", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    last = "planes"
    layers = zip(model.convolutions, model.normalisations, strict=True)
    for index, (convolution, normalisation) in enumerate(layers):
        kernel, bias = f"convolution{index}.kernel", f"convolution{index}.bias"
        tensors[kernel], tensors[bias] = folded(convolution.weight, normalisation)
        size = convolution.kernel_size[0]
        names = [f"convolution{index}", f"rectified{index}", f"pooled{index}"]
        nodes += [
            helper.make_node(
                "Conv",
                [last, kernel, bias],
                [names[0]],
                kernel_shape=[size, size],
                pads=[size // 2] * 4,
            ),
            helper.make_node("Relu", [names[0]], [names[1]]),
            helper.make_node(
                "MaxPool", [names[1]], [names[2]], kernel_shape=[2, 2], strides=[2, 2]
            ),
        ]
        last = names[2]
    tensors["dense.kernel"], tensors["dense.bias"] = folded(
        model.dense.weight, model.dense_normalisation
    )
    tensors["classifier.kernel"] = model.classifier.weight.detach().numpy()
    tensors["classifier.bias"] = model.classifier.bias.detach().numpy()
    nodes += [
        helper.make_node("Flatten", [last], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "dense.kernel", "dense.bias"], ["dense"], transB=1),
        helper.make_node("Relu", ["dense"], ["features"]),
        helper.make_node(
            "Gemm", ["features", "classifier.kernel", "classifier.bias"], ["logits"], transB=1
        ),
    ]
    proto = helper.make_model(
        helper.make_graph(
            nodes,
            "lenet",
            [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", *model.shape])],
            [
                helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", FEATURES]),
                helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", model.classes]),
            ],
            [numpy_helper.from_array(array, name) for name, array in tensors.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="gan-bench scripts/train_lenet.py",
    )
    onnx.checker.check_model(proto, full_check=True)
    return proto


def scaled(images: NDArray[np.uint8]) -> Tensor:
    """Return uint8 (n, height, width, channels) as float (n, channels, height, width) in [0, 1]."""
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return torch.from_numpy(planes).float() / 255


def accuracy(model: bytes, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> float:
    """Return the share of images that ONNX Runtime classifies as labelled."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    right = 0
    for start in range(0, len(images), 500):
        (logits,) = session.run(["logits"], {"images": images[start : start + 500]})
        right += int((logits.argmax(1) == labels[start : start + 500]).sum())
    return right / len(images)


class Request(BaseModel):
    """What the parent process asks for."""

    out: Path
    """The ONNX file to write."""
    data: Path
    """The npz file of training and test images with labels."""
    classes: int
    epochs: int
    seed: int
    threads: int


def make(content: bytes, say: Callable[[str], None]) -> dict[str, Any]:
    """Train and export as requested; return facts about the model."""
    request = Request.model_validate_json(content)
    torch.set_num_threads(request.threads)
    torch.use_deterministic_algorithms(True)
    with np.load(request.data, allow_pickle=False) as data:
        network = train(
            scaled(data["train_images"]),
            torch.from_numpy(data["train_labels"]),
            classes=request.classes,
            epochs=request.epochs,
            seed=request.seed,
            say=say,
        )
        model = graph(network).SerializeToString(deterministic=True)
        right = accuracy(model, data["test_images"], data["test_labels"])
    request.out.write_bytes(model)
    how = f"trained here, {request.epochs} epochs, seed {request.seed}, accuracy {right:.2%}"
    return {"weights": how, "accuracy": right}


if __name__ == "__main__":
    reply(make)
