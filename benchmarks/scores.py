"""Cost of scoring, next to pytorch-fid in the same run: images/s, seconds, memory.

Usage: ``python benchmarks/scores.py [part ...]``, of inception, frechet, lenet and memory. Needs
``.[all,dev]``; prints one table in markdown. Ratios are of code that ran in turns on one machine.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan_bench import data
from gan_bench.metrics import METRICS
from gan_bench.scoring.array_file import FeatureFile
from gan_bench.scoring.features.by_name import load_features
from gan_bench.scoring.images import open_images
from gan_bench.scoring.metrics.fid import frechet_interval
from gan_bench.scoring.metrics.frechet import GaussianStatistics, frechet_distance, gaussian
from gan_bench.scoring.reference_cache import ReferenceCache
from gan_bench.system.devices import default_threads, machine

ROUNDS = 3
PEAK_MEMORY = Path(__file__).with_name("peak_memory.py")
Row = tuple[str, str, str, str]


def pytorch_fid_home(folder: Path) -> None:
    """Put the weights where pytorch-fid looks for its download, and let it look there."""
    import torch

    from gan_bench.scoring.features.inception_weights import PUBLISHED, find_weights
    from gan_bench_torch.features.inception import read_tensors

    tensors = read_tensors(find_weights())
    state = {name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}
    state |= {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    path = folder / "hub" / "checkpoints" / PUBLISHED
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    os.environ["TORCH_HOME"] = str(folder)


def in_turns(*actions: Callable[[], object], rounds: int = ROUNDS) -> list[list[float]]:
    """Return the seconds of each action, run in turns after one run of each that is not timed."""
    for action in actions:
        action()
    seconds: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for action, times in zip(actions, seconds, strict=True):
            began = time.perf_counter()
            action()
            times.append(time.perf_counter() - began)
    return seconds


def speedup(own: list[float], other: list[float]) -> str:
    """Return the quotient of the medians, with the range of the quotients of each round."""
    ratios = [slow / fast for fast, slow in zip(own, other, strict=True)]
    of_medians = statistics.median(other) / statistics.median(own)
    return f"{of_medians:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def inception(folder: Path, count: int) -> list[Row]:
    """Features of PNG files, from the files to the array, as pytorch-fid's command makes them."""
    from pytorch_fid.fid_score import get_activations
    from pytorch_fid.inception import InceptionV3

    pytorch_fid_home(folder / "torch")
    images = data.load("mnist-5k").test.images[:count]
    pictures = folder / "pictures"
    pictures.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image[:, :, 0]).save(pictures / f"{index:05d}.png")
    files = sorted(pictures.iterdir())
    network = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
    workers = min(len(os.sched_getaffinity(0)), 8)  # as its command takes by default
    model = load_features("inception", threads=default_threads())
    features: dict[str, NDArray[np.float64]] = {}

    def pytorch_fid() -> None:
        features["pytorch_fid"] = get_activations(files, network, 50, 2048, "cpu", workers)

    def without_workers() -> None:
        get_activations(files, network, 50, 2048, "cpu", 0)

    def own() -> None:
        images = open_images(str(pictures))
        features["own"] = np.concatenate(list(model.batches(images.read(model.batch_size))))

    own_s, other_s, alone_s = in_turns(own, pytorch_fid, without_workers)
    apart = float(np.abs(features["own"] - features["pytorch_fid"]).max())
    rate, other, third = (f"{count / statistics.median(s):.1f}" for s in (own_s, other_s, alone_s))
    return [
        (f"Inception, {count} PNG files, images/s", rate, other, speedup(own_s, other_s)),
        ("the same, pytorch-fid with --num-workers 0", rate, third, speedup(own_s, alone_s)),
        ("largest difference in a feature", f"{apart:.1e}", "", ""),
    ]


def frechet(folder: Path) -> list[Row]:
    """Distances of 2,048 dimensions at full rank, from means and covariances."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    random = np.random.default_rng(0)
    deviations = (1 + np.arange(2048) / 20) ** -0.5
    sides = [
        FeatureFile.write(
            folder / str(side),
            (
                (random.normal(size=(1024, 2048)) * deviations * scale + 0.4).astype(np.float32)
                for _ in range(6)
            ),
        )
        for side, scale in enumerate((1.0, 1.1))
    ]
    real, fake = (gaussian(side) for side in sides)
    moments = (real.mean, real.covariance, fake.mean, fake.covariance)
    values: dict[str, float] = {}

    def own() -> None:
        values["own"] = frechet_distance(real, fake).value

    def pytorch_fid() -> None:
        values["pytorch_fid"] = float(calculate_frechet_distance(*moments))

    own_s, other_s = in_turns(own, pytorch_fid)
    apart = abs(values["own"] - values["pytorch_fid"]) / values["pytorch_fid"]
    began = time.perf_counter()
    frechet_interval(*sides, (real, fake), values["own"])
    interval_s = time.perf_counter() - began
    few = [GaussianStatistics(2048) for _ in sides]
    for statistic, side in zip(few, sides, strict=True):
        statistic.update(side.rows(0, 1000))
    ((few_s, *_),) = in_turns(lambda: frechet_distance(*few), rounds=1)
    return [
        (
            "Fréchet distance, 2,048 dimensions, s",
            f"{statistics.median(own_s):.2f}",
            f"{statistics.median(other_s):.2f}",
            speedup(own_s, other_s),
        ),
        ("relative difference in the distance", f"{apart:.1e}", "", ""),
        ("its interval (6,144 images on each side), s", f"{interval_s:.1f}", "", ""),
        ("distance of 1,000 images on each side, s", f"{few_s:.2f}", "", ""),
    ]


def lenet(folder: Path, count: int) -> list[Row]:
    """Features of the included classifier, from a file to a file."""
    images = np.resize(data.load("mnist-5k").train.images, (count, 28, 28, 1))
    np.save(folder / "digits.npy", images)
    digits = open_images(str(folder / "digits.npy"))
    model = load_features("lenet", threads=default_threads())

    def own() -> None:
        with ReferenceCache(None) as cache:
            cache.features(model, digits, keep=False)

    (seconds,) = in_turns(own)
    rate = f"{count / statistics.median(seconds):,.0f}"
    return [(f"lenet, {count:,} images, images/s", rate, "", "")]


def memory(folder: Path, counts: tuple[int, int]) -> list[Row]:
    """Peak resident memory of whole ``gan-bench score`` processes over all metrics."""
    rows: list[Row] = []
    for count in counts:
        random = np.random.default_rng(count)
        words = []
        for split in ("train", "test"):
            chosen = getattr(data.load("mnist-5k"), split).images
            images = chosen[random.integers(0, len(chosen), count)]
            # Make all images different, so that no metric sees copies.
            noise = random.integers(0, 24, images.shape, dtype=np.uint8)
            path = folder / f"{split}-{count}.npy"
            np.save(path, np.minimum(images, 231) + noise)
            words.append(str(path))
        options = ("--no-cache", "--no-floor", "--json", "--metrics", ",".join(METRICS))
        peak = folder / f"peak-{count}"
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-P", PEAK_MEMORY, peak, "score", *words, *options],
            stdout=subprocess.DEVNULL,
            check=True,
        )
        seconds = time.perf_counter() - began
        rows.append(
            (
                f"peak memory, {count:,} images on each side, all metrics, MiB ({seconds:.0f} s)",
                f"{float(peak.read_text()):,.0f}",
                "",
                "",
            )
        )
    return rows


def main() -> None:
    """Measure the given parts, or all, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="part")
    parser.add_argument("--images", type=int, default=200, help="for Inception")
    parser.add_argument("--many", type=int, default=50_000, help="for memory")
    options = parser.parse_args()
    rows: list[Row] = []
    parts: dict[str, Callable[[Path], list[Row]]] = {
        "inception": lambda folder: inception(folder, options.images),
        "frechet": frechet,
        "lenet": lambda folder: lenet(folder, 20_000),
        "memory": lambda folder: memory(folder, (1_000, options.many)),
    }
    unknown = set(options.parts) - set(parts)
    if unknown:
        parser.error(f"there is no part {sorted(unknown)[0]!r}; there are {', '.join(parts)}")
    for name in options.parts or parts:
        with tempfile.TemporaryDirectory() as folder:
            rows += parts[name](Path(folder))
    here = machine()
    print(f"{here.cpu}, {here.cores} cores\n")
    print("| | gan-bench | pytorch-fid | speed-up (range) |")
    print("| --- | ---: | ---: | ---: |")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
