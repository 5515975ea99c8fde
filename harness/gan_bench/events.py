"""The worker's journal: flushed JSON lines, written by the child and tailed by its supervisor."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]
HEARTBEAT_S = 2.0
"""How often a worker shows that it lives."""


class EventWriter:
    """Appends events of one attempt; safe to call from several threads."""

    def __init__(self, path: Path) -> None:
        self.attempt = 1 + max((event["attempt"] for event in read_events(path)), default=0)
        # A line cut short by an earlier kill must not swallow the first line of this attempt.
        cut = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
        self._file = path.open("ab", buffering=0)
        if cut:
            self._file.write(b"\n")
        self._lock = threading.Lock()

    def write(self, event: str, **values: Any) -> None:
        """Append one event with the attempt's number and the wall-clock time."""
        line = {"event": event, "attempt": self.attempt, "time": time.time(), **values}
        with self._lock:
            self._file.write(json.dumps(line, allow_nan=False).encode() + b"\n")


class EventTail:
    """Reads an events file as it grows; a half-written last line waits for its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new(self) -> Iterator[Event]:
        """Yield the events that were completed since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return
        end = content.rfind(b"\n") + 1
        self._offset += end
        for line in content[:end].splitlines():
            event = _parse(line)
            if event is not None:
                yield event


_KEYS = {
    "start": ("pid",),
    "ready": ("step", "import_s", "data_s", "setup_s", "paired"),
    "chunk": ("first_step", "step", "seconds", "warmup", "means"),
    "heartbeat": ("step",),
    "snapshot": ("step", "seconds"),
    "checkpoint": ("step", "seconds"),
    "diverged": ("step", "reason"),
    "stopped": ("step", "peak_rss_mb"),
    "failed": ("kind", "reason", "step", "peak_rss_mb"),
    "done": ("step", "peak_rss_mb", "weights_sha256"),
}
"""What an event of each kind must have, beside its attempt and time."""


def _parse(line: bytes) -> Event | None:
    """Return the event of a line, or None where a kill or a full disk cut it short."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if not isinstance(event, dict) or event.get("event") not in _KEYS:
        return None
    keys = ("attempt", "time", *_KEYS[event["event"]])
    return event if all(key in event for key in keys) else None


def read_events(path: Path) -> list[Event]:
    """Return all complete events of a file, none where there is no file."""
    return list(EventTail(path).new())
