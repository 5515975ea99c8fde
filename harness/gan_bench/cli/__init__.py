"""The command line: how its help is laid out, and how it names commands to type."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

DEFAULT_RESULTS = Path("results/local")


class Sections(click.Group):
    """A group of commands whose help lists them in sections."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self._sections: dict[str, list[str]] = {}

    def add_section(self, title: str, commands: Sequence[click.Command]) -> None:
        """Add commands, which the help lists under a title in this order."""
        for command in commands:
            self.add_command(command)
        self._sections[title] = [str(command.name) for command in commands]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections, with the summary of each command."""
        widest = max(map(len, self.commands))
        for title, names in self._sections.items():
            rows = [
                (name.ljust(widest), self.commands[name].get_short_help_str(limit=formatter.width))
                for name in names
            ]
            with formatter.section(title):
                formatter.write_dl(rows)


class OptionGroups(click.Command):
    """A command whose help lists its options in groups.

    ``option_groups`` has the names of parameters by title; the others are listed last.
    """

    def __init__(
        self, *arguments: Any, option_groups: Mapping[str, Sequence[str]], **attributes: Any
    ) -> None:
        super().__init__(*arguments, **attributes)
        self._groups = option_groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each group of options under its title."""
        records = {
            parameter.name: record
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
            and (record := parameter.get_help_record(ctx)) is not None
        }
        groups = {
            title: [records.pop(name) for name in names] for title, names in self._groups.items()
        }
        for title, rows in {**groups, "Other options": list(records.values())}.items():
            with formatter.section(title):
                formatter.write_dl(rows)


def examples(*lines: str) -> str:
    """Return the end of a command's help: command lines as they are typed."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def command_line(*words: str, results: Path = DEFAULT_RESULTS, last: Sequence[str] = ()) -> str:
    """Return a command to type, with ``--results`` before the last words if it is needed."""
    of = [] if results == DEFAULT_RESULTS else ["--results", str(results)]
    return shlex.join(["gan-bench", *words, *of, *last])
