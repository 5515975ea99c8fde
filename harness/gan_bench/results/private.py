"""What a packed results folder does not say: paths, and the names of the host and the user."""

import getpass
import os
import platform
import re
import shlex
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from gan_bench.data.folder_spec import PREFIX, label, split_options
from gan_bench.plan import RunSpec
from gan_bench.results.record import Record
from gan_bench.results.speed import SpeedStudy

_END = r"\s/'\"`,;:()\[\]{}<>|"
_WINDOWS = r"(?<!\w)[A-Za-z]:[\\/][^\s'\"<>|,;()]*|(?<!\S)\\\\[^\s'\"<>|,;()]+"
_ABSOLUTE = (
    rf"(?:file|sqlite):/+[^\s'\"<>]*|{_WINDOWS}|(?<![\w.~/-])(?:~\w*|\.{{1,2}})?(?:/[^{_END}]+)+/?"
)
_URL = r"(?!file:|sqlite:|[a-z]:/)\b[a-z][a-z0-9+.-]{0,15}://[^\s'\"<>]+"
_CREDENTIALS = re.compile(r"(?<=://)[^\s/'\"<>]*@")
_QUOTED = re.compile(r"(?<!\w)(['\"])((?:[/~\\]|\.{1,2}/|[A-Za-z]:[\\/])[^'\"\n]*)\1")
_RELATIVE = re.compile(rf"(?P<url>{_URL})|(?<![\w.~/-])[\w.-]+(?:/[\w.-]+)+")
_OPTION = re.compile(r"--?[A-Za-z][\w-]*")
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
    value = _CREDENTIALS.sub("", value)
    if field == "command":
        value = _command(value)
    elif field == "images":
        value = _word(value)
    elif field in _FREE:
        value = _QUOTED.sub(lambda match: f"{match[1]}{_last(match[2])}{match[1]}", value)
        value = _RELATIVE.sub(_relative, value)
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


def private_speed(study: SpeedStudy) -> SpeedStudy:
    """Return a study of speed without paths and the GPU's serial numbers."""
    gpu = study.gpu and study.gpu.model_copy(update={"uuid": "", "card_uuid": None})
    targets = tuple(
        target.model_copy(update={"spec": private_spec(target.spec)}) for target in study.targets
    )
    return study.model_copy(update={"gpu": gpu, "targets": targets})


def private_dataset(name: str) -> str:
    """Return a data set's name; that of a folder of images with the last part of its path."""
    if not name.startswith(PREFIX):
        return name
    text, pairs = split_options(name)
    options = "".join(f",{key}={value}" for key, value in pairs)
    short = f"{PREFIX}{_last(text)}"
    # A slash tells a folder that is called like an option from one.
    return next(n for n in (f"{short}{options}", f"{short}/{options}") if label(n) == label(name))


def _command(text: str) -> str:
    """Return a command without paths; of a script that is not ours the names alone."""
    try:
        words = shlex.split(text)
    except ValueError:  # a quotation mark without a second
        words = text.split()
    if not words:
        return text
    first, *others = words
    if _last(first) != "gan-bench":
        script = (
            [] if not _last(first).startswith("python") else [w for w in others if w[:1] != "-"]
        )
        options = [match[0] for word in others if (match := _OPTION.match(word))]
        return shlex.join([_last(first), *map(_last, script[:1]), *options])
    kept = ["gan-bench"]
    for word in others:
        if kept[-1] == "--slurm":  # it may name an account
            word = "..."
        elif word.startswith("--slurm="):
            word = "--slurm=..."
        kept.append(_word(word))
    return shlex.join(kept)


def _word(text: str) -> str:
    """Return a word of a command line without paths, which may be relative and have spaces."""
    if re.search(r"(?:^|=)(?:https?|ssh|s3|gs)://", text):
        return text
    text = re.sub(r"(?<!\w)[A-Za-z]:(?=[\\/])", "", text)
    parts = re.split(r"([=:,])", text)
    return "".join(_last(part) if re.search(r"[/\\]", part) else part for part in parts)


def _relative(match: re.Match[str]) -> str:
    """Shorten what is a path rather than a unit or an alternative, such as images/s."""
    text = match[0]
    if match["url"] is not None:
        return text
    is_path = text.count("/") > 1 or re.search(r"\.[A-Za-z]\w{0,7}$", text)
    return _last(text) if is_path else text


def _last(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


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
