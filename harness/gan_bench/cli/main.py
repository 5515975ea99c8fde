"""The group of all commands; heavy modules are imported only by the command that needs them."""

import signal
import sys
import traceback
from typing import Any

import click

from gan_bench.cli import (
    Sections,
    check,
    examples,
    gate,
    inspect,
    report,
    run,
    sample,
    score,
    sensitivity,
    speed,
)
from gan_bench.cli.terminal import OutputLost, output, say
from gan_bench.errors import GanBenchError
from gan_bench.version import __version__

CRASH_EXIT_CODE = 70
"""A fault of gan-bench itself (EX_SOFTWARE): 1 would mean a regression or a failed run."""
_READER_LEFT_EXIT_CODE = 128 + signal.SIGPIPE


class _Group(Sections):
    """Reports the project's own errors as one sentence, with exit code 2."""

    def main(self, *args: Any, **extra: Any) -> Any:
        with output():
            try:
                try:
                    return super().main(*args, **extra)
                finally:
                    sys.stdout.flush()
                    sys.stderr.flush()
            except OutputLost as lost:
                lost.discard()
                if lost.reader_left:
                    sys.exit(_READER_LEFT_EXIT_CODE)
                _complain(f"Error: {lost}")
                sys.exit(2)
            except (click.ClickException, click.Abort, click.exceptions.Exit):
                raise  # the caller asked for exceptions
            except Exception as error:  # noqa: BLE001 - a fault must not look like a verdict
                if isinstance(error, OSError) and error.filename is not None:
                    _complain(f"Error: {error.filename} cannot be used ({error.strerror}).")
                    sys.exit(2)
                _complain(traceback.format_exc())
                sys.exit(CRASH_EXIT_CODE)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GanBenchError as error:
            raise _UserError(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            sys.exit(130)


def _complain(text: str) -> None:
    try:
        say(text)
        sys.stderr.flush()
    except OutputLost as lost:
        lost.discard()


class _UserError(click.ClickException):
    exit_code = 2


_SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True}


@click.group(
    cls=_Group,
    context_settings=_SETTINGS,
    epilog=examples(
        "gan-bench run dcgan              train and score a recipe in all frameworks",
        "gan-bench report --open          the report in a browser",
        "gan-bench score real/ fake/      score any two sets of images",
    ),
)
@click.version_option(__version__, prog_name="gan-bench")
def main() -> None:
    """Compare GAN implementations across frameworks: quality and speed.

    `gan-bench COMMAND --help` explains a command and has examples.
    """


main.add_section(
    "Everyday",
    (
        *(inspect.list_, run.run, inspect.status, inspect.show),
        *(report.report, report.export, report.pack, score.score, score.features, sample.sample),
    ),
)
main.add_section(
    "Compare and gate",
    (
        *(report.compare, speed.speed, sensitivity.sensitivity, gate.baseline, gate.gate),
        *(check.verify, check.parity),
    ),
)
main.add_section("Cluster", (inspect.cancel,))
main.add_section("Maintenance", (inspect.doctor, inspect.clean))
