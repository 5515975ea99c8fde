"""Trainers against plain scripts of the same recipe in the same framework, images a second.

``python benchmarks/throughput.py [torch-dcgan] [keras-upsampling-sgd] [--rounds 5] [--steps 8]``

Each implementation is measured in a process of its own. There the trainer and the script are warmed
up and then take turns (A B, B A, A B, ...), so that whatever else the machine does hits both. Say
how quiet the machine was with the figures: the table only shows how much the rounds differ.
"""

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from gan_bench import data
from gan_bench.data.batches import batches
from gan_bench.data.latents import training_latents

IMPLEMENTATIONS = {
    "torch-dcgan": ("gan_bench_torch.dcgan", "Dcgan", "plain_torch_dcgan"),
    "keras-upsampling-sgd": (
        "gan_bench_keras.upsampling_sgd",
        "UpsamplingSgd",
        "plain_keras_upsampling_sgd",
    ),
}


def bare_trainer(
    name: str, images: np.ndarray, labels: np.ndarray, device: str
) -> tuple[int, Callable[[int], object]]:
    """Return the images of a step and a function that trains so many steps on."""
    module, class_name, _ = IMPLEMENTATIONS[name]
    trainer_class = getattr(importlib.import_module(module), class_name)
    recipe = trainer_class.recipe_class()
    trainer = trainer_class(recipe, images, labels, device=device, planned_steps=1000, seed=0)
    trainer.set_weights(recipe.initial_weights(0))

    def train(steps: int) -> Callable[[], object]:
        rows = batches(
            seed=0,
            first_step=0,
            steps=steps,
            real_batches_per_step=recipe.real_batches_per_step,
            batch_size=recipe.batch_size,
            images=len(images),
        )
        latents = training_latents(
            seed=0,
            first_step=0,
            steps=steps,
            draws=recipe.draws_per_step,
            batch_size=recipe.batch_size,
            latent_size=recipe.latent_size,
            distribution=recipe.latent_distribution,
        )
        return lambda: trainer.train(rows, latents)

    return recipe.images_per_step, train


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(name: str, rounds: int, steps: int, device: str) -> None:
    dataset = data.load("mnist-5k")
    images, labels = dataset.train.images, dataset.train.labels
    per_step, prepared = bare_trainer(name, images, labels, device)
    script = importlib.import_module(IMPLEMENTATIONS[name][2]).prepare(images, device)
    prepared(2)()
    script(2)
    trainer_s, script_s = [], []
    for turn in range(rounds):
        work = prepared(steps)
        turns = [(trainer_s, work), (script_s, lambda: script(steps))]
        for times, function in turns if turn % 2 == 0 else reversed(turns):
            times.append(seconds(function))
    ratios = [slow / fast for fast, slow in zip(trainer_s, script_s, strict=True)]
    rates = [per_step * steps / statistics.median(times) for times in (trainer_s, script_s)]
    print(
        f"{name:22}{rates[0]:12.1f}{rates[1]:12.1f}{statistics.median(ratios):8.3f}"
        f"  ({min(ratios):.3f} to {max(ratios):.3f})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(IMPLEMENTATIONS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="in each turn")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        measure(options.names[0], options.rounds, options.steps, options.device)
        return
    if unknown := set(options.names) - IMPLEMENTATIONS.keys():
        parser.error(f"no implementation {', '.join(sorted(unknown))}")
    print(f"{'images a second':22}{'trainer':>12}{'script':>12}{'ratio':>8}  (least to most)")
    for name in options.names or IMPLEMENTATIONS:
        arguments = [name, "--child", f"--rounds={options.rounds}", f"--steps={options.steps}"]
        environment = {
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        } | os.environ
        subprocess.run(
            [sys.executable, __file__, *arguments, f"--device={options.device}"],
            check=True,
            env=environment,
        )


if __name__ == "__main__":
    main()
