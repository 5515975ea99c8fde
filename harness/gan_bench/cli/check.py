"""``gan-bench verify`` and ``parity``: check implementations."""

import sys
from pathlib import Path
from typing import Any

import click

from gan_bench.cli import examples
from gan_bench.cli.options import (
    POSITIVE,
    dataset_option,
    device_and_seed,
    json_option,
    results_option,
    say_fallback,
    typed,
    wait_option,
)
from gan_bench.cli.terminal import console, print_either, print_json


@click.command(
    epilog=examples(
        "gan-bench verify torch-dcgan",
        "gan-bench verify ./my_gan.py --dataset folder:faces,size=64",
    ),
)
@click.argument("target")
@device_and_seed
@click.option(
    "--timeout", type=POSITIVE, default=3600, help="Stop the suite after this many seconds."
)
@dataset_option("synthetic images of a shape that the recipe can make")
@click.option("--quick", is_flag=True, help="Run ten checks that find the usual mistakes.")
@click.option("--verbose", is_flag=True, help="Print the checks that passed, too.")
@json_option
def verify(
    target: str,
    device: str,
    seed: int,
    timeout: float,
    dataset: str | None,
    quick: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Check that an implementation keeps the trainer contract.

    TARGET is a name from `gan-bench list`, or a path to a .py file. If the first steps of training
    fail, all checks that need them are skipped.
    """
    from rich.console import Console

    from gan_bench.cli.views.progress import CheckProgress
    from gan_bench.cli.views.tables import CheckPrinter
    from gan_bench.system.devices import check_device, default_threads
    from gan_bench.testing import CheckResult
    from gan_bench.testing import verify as checks

    chosen = check_device(device)
    say_fallback(device)
    terminal = console()
    done: list[CheckResult] = []
    printer = CheckPrinter(terminal, verbose=verbose)
    beside = Console(stderr=True)
    with CheckProgress(beside if as_json or not terminal.is_terminal else terminal, target) as now:
        for news in checks(
            target,
            device=chosen,
            threads=default_threads(),
            seed=seed,
            limit_s=timeout,
            dataset=dataset,
            quick=quick,
        ):
            if not isinstance(news, CheckResult):
                now.started(news)
                continue
            done.append(news)
            if not as_json:
                printer.print(news)
    if as_json:
        print_json(done)
    else:
        printer.print_summary()
    sys.exit(1 if any(check.status == "failed" for check in done) else 0)


@click.command(
    epilog=examples(
        "gan-bench parity dcgan",
        "gan-bench parity torch-dcgan ./my_gan.py",
        "gan-bench parity dcgan-3g --set generator_steps=2",
    ),
)
@click.argument("what", nargs=-1, metavar="[RECIPE | A B]")
@device_and_seed
@click.option(
    "--batch-size",
    type=click.IntRange(2, 65_536),
    default=32,
    help="Batch size; the recipe's own if that is smaller.",
)
@click.option(
    "--paired-steps",
    type=click.IntRange(1, 100_000),
    default=20,
    help="Number of steps of the paired run.",
)
@click.option(
    "--timeout",
    "limit_s",
    type=POSITIVE,
    default=3600,
    help="Stop the comparison of a pair after this many seconds.",
)
@dataset_option("mnist-5k")
@click.option(
    "--set",
    "set_",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of all recipes that have it, on both sides of a pair; repeatable.",
)
@results_option
@wait_option
@json_option
def parity(
    what: tuple[str, ...],
    device: str,
    results: Path,
    wait: bool,
    dataset: str | None,
    set_: tuple[str, ...],
    as_json: bool,
    **values: Any,
) -> None:
    """Certify that implementations are numerically equivalent.

    With RECIPE, compare its original with its twins; without arguments, do so for all recipes.
    With A B, compare any two implementations, given as names or paths to .py files.
    """
    from gan_bench.cli.views.tables import print_certificates
    from gan_bench.parity.certify import Setup, certify_all, choose, values_of_all
    from gan_bench.system.devices import check_device

    setup = Setup(device=check_device(device), **values)
    say_fallback(device)
    if dataset is not None:
        setup = setup.on(dataset)
    command = typed()
    chosen = choose(what, setup.image_shape, values_of_all(set_))
    for sentence in chosen.left_out:
        click.echo(sentence, err=True)
    if chosen.not_installed:
        click.echo(f"Not compared: {chosen.not_installed}.", err=True)
    certificates = []
    for certificate in certify_all(chosen.pairs, setup, results, command=command, wait=wait):
        certificates.append(certificate)
        if not as_json:
            click.echo(f"{certificate.pair}: {certificate.verdict}", err=True)
    print_either(certificates, print_certificates, as_json)
    passed = all(certificate.passed for certificate in certificates)
    sys.exit(0 if passed and not chosen.left_out else 1)
