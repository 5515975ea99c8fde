"""``gan-bench sample``."""

from pathlib import Path

import click

from gan_bench.cli.options import DEFAULT_SAMPLES, results_option, say


@click.command()
@click.argument("run")
@click.option(
    "-n",
    "--count",
    type=click.IntRange(1, 100_000),
    default=64,
    show_default=True,
    help="Number of images to generate.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_SAMPLES,
    show_default=True,
    help="Folder for the .npz and .png files.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    help="Random seed of the latents (default: the run's).",
)
@click.option("--device", help="Device: cpu, cuda, cuda:1 or auto (default: the run's).")
@results_option
def sample(
    run: str, count: int, out: Path, seed: int | None, device: str | None, results: Path
) -> None:
    """Generate images from the last checkpoint of a run.

    RUN is a run id or a unique part of one.
    """
    from gan_bench.sampling.sample import sample as sample_run

    files = sample_run(results, run, count, out, seed=seed, device=device, say=say)
    click.echo(f"{files.images}\n{files.grid}")
