"""What commands print, and where it goes."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from rich.console import Console

_PIPED_COLUMNS = 160
"""Width of the output when it is not a terminal."""


class OutputLost(Exception):
    """stdout or stderr takes no more: its reader has left, or its disk is full.

    It is no OSError, so nothing takes it for a fault of the results folder.
    """

    def __init__(self, descriptor: int, error: OSError) -> None:
        super().__init__(f"The output cannot be written ({error.strerror}).")
        self.reader_left = error.errno == errno.EPIPE
        """Whether it is a pipe such as that of ``gan-bench list | head -1``."""
        self._descriptor = descriptor

    def discard(self) -> None:
        """Discard what is still buffered and all further output, which would fail again."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._descriptor)
        os.close(nowhere)


class _Output(io.FileIO):
    """The file behind stdout or stderr."""

    def write(self, content: Any, /) -> int:
        """Write bytes; raise `OutputLost` if that fails."""
        try:
            return super().write(content)
        except OSError as error:
            raise OutputLost(self.fileno(), error) from error


@contextlib.contextmanager
def output() -> Iterator[None]:
    """Let stdout and stderr replace what they cannot encode, and raise `OutputLost`."""
    kept = sys.stdin, sys.stdout, sys.stderr
    for name in ("stdin", "stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:  # closed: the next file that is opened would take its number
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
        elif name != "stdin" and isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, _guarded(stream))
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = kept


def _guarded(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    errors = "backslashreplace" if stream.errors == "backslashreplace" else "replace"
    try:
        file = _Output(stream.fileno(), "wb", closefd=False)
    except OSError:  # it is in memory
        stream.reconfigure(errors=errors)
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(file), stream.encoding, errors, line_buffering=stream.line_buffering
    )


def say(sentence: str) -> None:
    """Print a message to stderr, beside the output."""
    click.echo(sentence, err=True)


def console() -> "Console":
    """Return the terminal, or a wide console if the output is not a terminal."""
    from rich.console import Console

    columns = os.environ.get("COLUMNS")
    return Console(width=None if columns or sys.stdout.isatty() else _PIPED_COLUMNS)


def print_json(value: Any) -> None:
    """Print a value as JSON; dataclasses and models become objects."""
    import json

    click.echo(json.dumps(value, indent=1, default=_as_json))


def _as_json(value: Any) -> Any:
    from dataclasses import asdict, is_dataclass

    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def print_either(value: Any, print_tables: Callable[["Console", Any], None], as_json: bool) -> None:
    """Print a value as JSON, or with a function of `gan_bench.cli.views`."""
    if as_json:
        print_json(value)
    else:
        print_tables(console(), value)
