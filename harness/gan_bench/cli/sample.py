"""``gan-bench sample``, and the options of a generator for ``score``."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan_bench.cli import examples
from gan_bench.cli.options import (
    DEFAULT_SAMPLES,
    path_option,
    results_option,
    say_fallback,
    seed_option,
)
from gan_bench.cli.terminal import say
from gan_bench.errors import UsageError
from gan_bench.sampling import MOST_CLASSES

if TYPE_CHECKING:
    from gan_bench.sampling.generator import GeneratorImages


GENERATOR_OPTIONS = ("generator", "latent", "number", "batch", "distribution", "classes", "device")


def generator_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that `generator_of` parses to a command; without a value they are None."""
    options = (
        click.option(
            "--generator",
            metavar="GENERATOR",
            help="An .onnx or .pt2 file, or a function of yours that returns a generator: "
            "file.py:function or module:function, which runs with your rights.",
        ),
        click.option(
            "--latent",
            metavar="SHAPE",
            help="Shape of one latent, such as 128 or 128x1x1 (default: as the file says).",
        ),
        click.option(
            "--count",
            "number",
            type=click.IntRange(2, 10_000_000),
            help="Number of images (default: as many as the runs of --results have, else as there "
            "are real ones).",
        ),
        click.option(
            "--batch", type=click.IntRange(1, 100_000), help="Latents at a time (default: 500)."
        ),
        click.option(
            "--distribution",
            type=click.Choice(["normal", "uniform"]),
            help="Distribution of the latents; uniform is in [-1, 1) (default: as an exported "
            "ONNX file says, else normal).",
        ),
        click.option(
            "--classes",
            type=click.IntRange(1, MOST_CLASSES),
            help="Number of classes: the generator also gets labels, the classes in turn "
            "(default: as an exported ONNX file says).",
        ),
        click.option("--device", help="Device: cpu, cuda, cuda:1 or auto (default: cpu)."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def generator_of(
    values: Mapping[str, Any], threads: int, seed: int, results: Path | None
) -> "GeneratorImages | None":
    """Return the generator that the values of `generator_options` describe; None without one."""
    given = {name: value for name, value in values.items() if value is not None}
    name, latent = given.pop("generator", None), given.pop("latent", None)
    if name is None:
        if given or latent is not None:
            words = {"number": "count"}
            first = "latent" if latent is not None else next(iter(given))
            raise UsageError(f"--{words.get(first, first)} is for --generator: give both.")
        return None
    from gan_bench.sampling.generator import GeneratorImages, parse_latent
    from gan_bench.system.devices import check_device

    if "device" in given:
        say_fallback(given["device"])
        given["device"] = check_device(given["device"])
    shape = None if latent is None else parse_latent(latent)
    return GeneratorImages(name, shape, threads=threads, seed=seed, results=results, **given)


@click.command(
    epilog=examples(
        "gan-bench sample torch-dcgan-mnist-5k-s0 -n 256",
        "gan-bench sample torch-conditional-mnist-5k-s0 --class 7",
        "gan-bench sample torch-dcgan-mnist-5k-s0 --export generator.onnx",
    ),
)
@click.argument("run")
@click.option(
    "-n",
    "--count",
    type=click.IntRange(1, 100_000),
    help="Number of images to generate (default: 64).",
)
@path_option("--out", help=f"Folder for the .npz and .png files (default: {DEFAULT_SAMPLES}).")
@seed_option("Random seed of the latents (default: the run's).", default=None)
@click.option(
    "--class",
    "label",
    type=click.IntRange(0),
    help="Class of all images, of a conditional recipe (default: the classes in turn).",
)
@path_option(
    "--export",
    metavar="FILE",
    help="Write the generator into a .safetensors or .onnx file in place of images.",
)
@click.option("--device", help="Device: cpu, cuda, cuda:1 or auto (default: the run's).")
@results_option
def sample(
    run: str,
    count: int | None,
    out: Path | None,
    seed: int | None,
    label: int | None,
    export: Path | None,
    device: str | None,
    results: Path,
) -> None:
    """Sample images from a run's checkpoint, or export its generator.

    RUN is a run id or a unique part of one.
    """
    if export is not None:
        from gan_bench.sampling.export import export as export_run

        if (count, out, seed, label) != (None, None, None, None):
            raise UsageError("--export writes no images: leave out -n, --out, --seed and --class.")
        click.echo(export_run(results, run, export, device=device, say=say))
        return
    from gan_bench.sampling.sample import sample as sample_run

    folder = DEFAULT_SAMPLES if out is None else out
    count = 64 if count is None else count
    files = sample_run(results, run, count, folder, seed=seed, label=label, device=device, say=say)
    click.echo(f"{files.images}\n{files.grid}")
