"""What the functions share: values as the command line has them, and where progress goes."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_bench.plan.request import plain
from gan_bench.system.processes import in_notebook

if TYPE_CHECKING:
    from rich.console import Console

_PIPED_COLUMNS = 160


def console_for(shown: bool) -> "Console":
    """Return where progress and messages go: stderr, or the cell of a notebook, or nowhere."""
    from rich.console import Console

    notebook = in_notebook()
    console = Console(
        stderr=not notebook,
        quiet=not shown,
        force_jupyter=False,  # each line would be an output of its own
        force_terminal=False if notebook else None,  # its stdout says that it is one
    )
    if not console.is_terminal:
        console.width = _PIPED_COLUMNS
    return console


def command_of(function: Any, given: Mapping[str, Any]) -> str:
    """Return a call as records have it, without the arguments that are the defaults."""
    words = []
    for name, parameter in inspect.signature(function).parameters.items():
        value = given[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            words += [_shown(one) for one in value]
        elif parameter.default is parameter.empty:
            words.append(_shown(value))
        elif value is not parameter.default and name != "progress":
            words.append(f"{name}={_shown(value)}")
    return f"gan_bench.{function.__name__}({', '.join(words)})"


def _shown(value: Any) -> str:
    if hasattr(value, "shape"):
        return f"<array of shape {value.shape}>"
    return repr(str(value) if isinstance(value, Path) else plain(value))
