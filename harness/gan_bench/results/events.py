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
"""Time between two heartbeats of a worker."""
LONGEST_LINE_BYTES = 1 << 16
"""Longer lines are not gan-bench's and are ignored."""
_BLOCK_BYTES = 1 << 22


class EventWriter:
    """Appends the events of one attempt; safe to call from several threads."""

    def __init__(self, path: Path) -> None:
        self.attempt = 1 + max((event["attempt"] for event in read_events(path)), default=0)
        # An earlier kill may have left half a line; it must not merge with this attempt's first.
        cut = path.exists() and not _ends_with_newline(path)
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
                content = b"\n" + content  # ends the line of an earlier write that failed
            self._cut = True
            written = self._file.write(content)
            while written < len(content):  # a disk that fills up takes only a part
                written += self._file.write(content[written:])
            self._cut = False

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()


def _ends_with_newline(path: Path) -> bool:
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
        """Yield the events completed since the last call."""
        while content := self._block():
            end = content.rfind(b"\n") + 1
            if end == 0:
                if len(content) < _BLOCK_BYTES:
                    return  # a line that is still being written
                end = len(content)  # no line of gan-bench is this long
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
                    self._offset = 0  # the file was truncated: start at its beginning
                file.seek(self._offset)
                return file.read(_BLOCK_BYTES)
        except OSError:
            return b""


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _seconds(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _if_measured(value: Any) -> bool:
    return value is None or _seconds(value)


def _rate(value: Any) -> bool:
    return isinstance(value, float) and 0 < value < math.inf


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _if_known(value: Any) -> bool:
    return value is None or _text(value)


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
        "import_s": _if_measured,
        "data_s": _seconds,
        "setup_s": _if_measured,
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
    "stopped": {"step": _count, "peak_rss_mb": _if_measured},
    "failed": {"kind": _kind, "reason": _text, "step": _count, "peak_rss_mb": _if_measured},
    "rates": {"gflops": _rate, "gb_per_s": _rate, "seconds": _seconds},
    "done": {"step": _count, "peak_rss_mb": _if_measured, "weights_sha256": _if_known},
}
"""The required values of each kind of event, beside attempt and time."""


def parse_event(line: bytes) -> Event | None:
    """Return the event on a line; None if the line is truncated, damaged or no event."""
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
    valid = all(name in event and check(event[name]) for name, check in (_ALL | checks).items())
    if valid and event["event"] == "chunk":
        valid = event["first_step"] < event["step"]
    return event if valid else None


def read_events(path: Path) -> list[Event]:
    """Return all complete events of a file, none if there is no file."""
    return list(EventTail(path).new())
