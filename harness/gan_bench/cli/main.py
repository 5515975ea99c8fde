"""The group of all commands; heavy modules are imported only by the command that needs them."""

import sys
from typing import Any

import click

from gan_bench.cli import check, gate, inspect, maintenance, report, run, score
from gan_bench.errors import GanBenchError
from gan_bench.version import __version__


class _Group(click.Group):
    """Reports the project's own errors as one sentence, with exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GanBenchError as error:
            raise _UserError(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            sys.exit(130)


class _UserError(click.ClickException):
    exit_code = 2


_SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True}


@click.group(cls=_Group, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="gan-bench")
def main() -> None:
    """Compare GAN implementations across frameworks: quality and speed.

    Start with `gan-bench list` and `gan-bench run torch-dcgan`, then `gan-bench report --open`.
    """


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
    score.sample,
):
    main.add_command(_command)
