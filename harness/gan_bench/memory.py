"""Evidence of the kernel's out-of-memory killer: a process that it kills cannot say so itself."""

from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


class OomWatch:
    """Notices what the kernel's out-of-memory killer does from now on."""

    def __init__(self) -> None:
        self._counters = {path: _count(path) for path in _counters()}

    def happened(self) -> str | None:
        """Return a sentence where it has killed something since, None where it has not."""
        for path, before in self._counters.items():
            now = _count(path)
            if before is not None and now is not None and now > before:
                where = "this machine" if path.name == "vmstat" else "the memory limit's group"
                return f"the kernel's out-of-memory killer ended the worker (it counted in {where})"
        return None


def _counters() -> list[Path]:
    """Return the files that count its kills: of this process's group, or of the machine."""
    found = []
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found.append(_CGROUPS / path.lstrip("/") / "memory.events")
        elif "memory" in controllers.split(","):
            found.append(_CGROUPS / "memory" / path.lstrip("/") / "memory.oom_control")
    found = [path for path in found if _count(path) is not None]
    # In a group of its own, what others on the machine do is no evidence.
    return found or [Path("/proc/vmstat")]


def _count(path: Path) -> int | None:
    """Return the number on the line ``oom_kill``, None where there is none."""
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    except (OSError, ValueError):
        pass
    return None
