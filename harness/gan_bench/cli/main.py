"""The command line: the group of all commands; everything heavy loads when it is needed."""

import sys
from typing import Any

import click

from gan_bench.cli import check, gate, inspect, maintenance, report, run, sample, score
from gan_bench.errors import GanBenchError
from gan_bench.version import __version__


class _Group(click.Group):
    """Turns the project's own errors into one sentence and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GanBenchError as error:
            raise _Sentence(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            sys.exit(130)


class _Sentence(click.ClickException):
    exit_code = 2


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gan-bench")
def main() -> None:
    """Compare GAN implementations across frameworks on quality and speed."""


for _command in (
    run.run,
    report.report,
    report.export,
    report.compare,
    gate.baseline,
    gate.gate,
    score.score,
    score.features,
    inspect.list_,
    inspect.show,
    inspect.status,
    inspect.cancel,
    maintenance.doctor,
    maintenance.clean,
    check.verify,
    check.parity,
    sample.sample,
):
    main.add_command(_command)
