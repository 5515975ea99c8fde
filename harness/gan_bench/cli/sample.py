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
    help="Images.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_SAMPLES,
    show_default=True,
    help="The folder for the .npz and the .png.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    help="Of the latents; the run's own unless given.",
)
@click.option("--device", help="cpu, cuda, cuda:1 or auto; the run's own unless given.")
@results_option
def sample(
    run: str, count: int, out: Path, seed: int | None, device: str | None, results: Path
) -> None:
    """Sample images from the last checkpoint of RUN, an id or a part of it."""
    from gan_bench.sampling.sample import sample as sample_run

    files = sample_run(results, run, count, out, seed=seed, device=device, say=say)
    click.echo(f"{files.images}\n{files.grid}")
