"""The worker's journal: flushed JSON lines, written by the child and tailed by its supervisor."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import time  # by name: a plugin may replace that of the module
from typing import Any

from gan_bench.results.status import FAILED

Event = dict[str, Any]
HEARTBEAT_S = 2.0
"""How often a worker shows that it lives."""
LONGEST_LINE_BYTES = 1 << 16
"""Longer lines are none of ours, and are passed over."""
_BLOCK_BYTES = 1 << 22


class EventWriter:
    """Appends events of one attempt; safe to call from several threads."""

    def __init__(self, path: Path) -> None:
        self.attempt = 1 + max((event["attempt"] for event in read_events(path)), default=0)
        # A line cut short by an earlier kill must not swallow the first line of this attempt.
        cut = path.exists() and not _ends_whole(path)
        self._file = path.open("ab", buffering=0)
        if cut:
            self._file.write(b"\n")
        self._lock = threading.Lock()
        self._cut = False

    def write(self, event: str, **values: Any) -> None:
        """Append one event with the attempt's number and the wall-clock time."""
        line = {"event": event, "attempt": self.attempt, "time": time(), **values}
        content = json.dumps(line, allow_nan=False).encode() + b"\n"
        with self._lock:
            if self._cut:
                content = b"\n" + content  # ends what an earlier write could not
            self._cut = True
            written = self._file.write(content)
            while written < len(content):  # a disk that fills up takes a part, and then says so
                written += self._file.write(content[written:])
            self._cut = False


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, 2) == 0:
            return True
        file.seek(-1, 2)
        return file.read() == b"\n"


class EventTail:
    """Reads an events file as it grows; a half-written last line waits for its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new(self) -> Iterator[Event]:
        """Yield the events that were completed since the last call."""
        while content := self._block():
            end = content.rfind(b"\n") + 1
            if end == 0:
                if len(content) < _BLOCK_BYTES:
                    return  # a line that is still being written
                end = len(content)  # no line of ours is so long
            self._offset += end
            for line in content[:end].split(b"\n"):
                event = parse_event(line)
                if event is not None:
                    yield event
            if len(content) < _BLOCK_BYTES:
                return

    def _block(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._offset = 0  # somebody has cut the file; what it holds now counts
                file.seek(self._offset)
                return file.read(_BLOCK_BYTES)
        except OSError:
            return b""


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _seconds(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _megabytes(value: Any) -> bool:
    return value is None or _seconds(value)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _means(value: Any) -> bool:
    return isinstance(value, dict) and all(
        mean is None or (type(mean) in (int, float) and math.isfinite(mean))
        for mean in value.values()
    )


_FAILURE_KINDS = (FAILED | {"missing", "unsupported"}) - {"timeout"}
"""Statuses that a worker can give itself; the supervisor finds that it timed out."""


def _kind(value: Any) -> bool:
    return isinstance(value, str) and value in _FAILURE_KINDS


Check = Callable[[Any], bool]
_ALL: dict[str, Check] = {"attempt": _count, "time": _seconds}
_VALUES: dict[str, dict[str, Check]] = {
    "start": {"pid": _count},
    "ready": {
        "step": _count,
        "import_s": _seconds,
        "data_s": _seconds,
        "setup_s": _seconds,
        "paired": _truth,
    },
    "chunk": {
        "first_step": _count,
        "step": _count,
        "seconds": _seconds,
        "warmup": _truth,
        "means": _means,
    },
    "heartbeat": {"step": _count},
    "snapshot": {"step": _count, "seconds": _seconds},
    "checkpoint": {"step": _count, "seconds": _seconds},
    "diverged": {"step": _count, "reason": _text},
    "stopped": {"step": _count, "peak_rss_mb": _megabytes},
    "failed": {"kind": _kind, "reason": _text, "step": _count, "peak_rss_mb": _megabytes},
    "done": {"step": _count, "peak_rss_mb": _megabytes, "weights_sha256": _text},
}
"""What an event of each kind must have, beside its attempt and time."""


def parse_event(line: bytes) -> Event | None:
    """Return the event of a line, or None where it is none: cut short, damaged or foreign."""
    if not line or len(line) > LONGEST_LINE_BYTES:
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return None
    checks = _VALUES.get(event["event"])
    if checks is None:
        return None
    sound = all(name in event and check(event[name]) for name, check in (_ALL | checks).items())
    if sound and event["event"] == "chunk":
        sound = event["first_step"] < event["step"]
    return event if sound else None


def read_events(path: Path) -> list[Event]:
    """Return all complete events of a file, none where there is no file."""
    return list(EventTail(path).new())
