"""What a packed results folder does not say: paths, and the names of the host and the user."""

import getpass
import os
import platform
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from gan_bench.data.folder_spec import PREFIX, label, split_options
from gan_bench.plan import RunSpec
from gan_bench.results.record import Record

_END = r"\s/'\"`,;:()\[\]{}<>|"
_ABSOLUTE = rf"file:/+[^\s'\"<>]*|(?<![\w.~/-])(?:~\w*|\.{{1,2}})?(?:/[^{_END}]+)+/?"
_URL = r"(?!file:)\b[a-z][a-z0-9+.-]{0,15}://[^\s'\"<>]+"
_IN_COMMAND = re.compile(r"(?<![^\s'\"=:,])[^\s'\"=:,/]*/[^\s'\"=,]*")
_FREE = frozenset(
    {
        *("reason", "warnings", "problems", "left_out", "floor_reason", "note", "gpu_problem"),
        *("weights", "command", "images"),
    }
)
"""Fields whose text somebody or something wrote freely: it may name the host or the user."""
_SHORTEST_NAME = 2


def private(value: Any, field: str = "") -> Any:
    """Return JSON values with each path shortened to its last part.

    Names of the host and the user are replaced in fields of free text. Applied twice, it changes
    nothing more.
    """
    if isinstance(value, dict):
        return {key: private(one, str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [private(one, field) for one in value]
    if not isinstance(value, str):
        return value
    if field == "command":
        value = _IN_COMMAND.sub(lambda match: _last(match[0]), value)
    value = _paths(Path.cwd()).sub(_shortened, value)
    return _names().sub(_stand_in, value) if field in _FREE else value


def private_spec(spec: RunSpec) -> RunSpec:
    """Return a specification without paths; its run id does not change."""
    implementation = spec.implementation
    if implementation.path is not None:
        name = Path(implementation.path).name
        implementation = implementation.model_copy(update={"path": name})
    return spec.model_copy(
        update={
            "implementation": implementation,
            "dataset": private_dataset(spec.dataset),
            "python": None if spec.python is None else Path(spec.python).name,
        }
    )


def private_record(record: Record) -> Record:
    """Return a record without paths, names of the host, and text of its log.

    The GPU's serial numbers and what was asked of a scheduler are left out, too.
    """
    around = record.circumstances
    gpu, job = around.gpu, around.job
    if gpu is not None:
        gpu = gpu.model_copy(update={"uuid": "", "card_uuid": None})
    if job is not None:
        job = job.model_copy(update={"job": "", "parameters": ()})
    changes = {"spec": private_spec(record.spec), "log_tail": None}
    changed = record.model_copy(
        update={**changes, "circumstances": around.model_copy(update={"gpu": gpu, "job": job})}
    )
    return Record.model_validate(private(changed.model_dump(mode="json")))


def private_dataset(name: str) -> str:
    """Return a data set's name; that of a folder of images with the last part of its path."""
    if not name.startswith(PREFIX):
        return name
    text, pairs = split_options(name)
    options = "".join(f",{key}={value}" for key, value in pairs)
    short = f"{PREFIX}{_last(text)}"
    # A slash tells a folder that is called like an option from one.
    return next(n for n in (f"{short}{options}", f"{short}/{options}") if label(n) == label(name))


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _shortened(match: re.Match[str]) -> str:
    if match.lastgroup == "url":
        return match[0]
    return "..." if match["below"] == "" else _last(match[0])


@cache
def _paths(here: Path) -> re.Pattern[str]:
    # Folders of this machine by name, as theirs may have a space.
    folders = {str(Path.home()), str(here), tempfile.gettempdir()}
    known = "|".join(re.escape(f) for f in sorted(folders, key=len, reverse=True) if len(f) > 1)
    return re.compile(
        rf"(?P<url>{_URL})|(?:{known})(?P<below>(?:/[^{_END}]+)*)/?(?!\w)|{_ABSOLUTE}"
    )


@cache
def _names() -> re.Pattern[str]:
    hosts = {platform.node(), platform.node().partition(".")[0]}
    try:
        users = {getpass.getuser()}
    except (OSError, KeyError):  # a container may have no entry for its user
        users = set()
    users |= {Path.home().name, os.environ.get("SUDO_USER", "")}

    def either(names: set[str]) -> str:
        kept = sorted((n for n in names if len(n) >= _SHORTEST_NAME), key=len, reverse=True)
        return "|".join(map(re.escape, kept)) or "(?!)"

    return re.compile(rf"\b(?:(?P<host>{either(hosts)})|(?P<user>{either(users)}))\b")


def _stand_in(match: re.Match[str]) -> str:
    return "HOST" if match.lastgroup == "host" else "USER"
