"""What else happens on the machine during a run, and the state of the user's repository."""

import subprocess
from functools import cache

from gan_bench.launch.make_record import EXCLUSIVE_BELOW
from gan_bench.results.record import Job, Provenance
from gan_bench.system.devices import machine


@cache
def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def provenance(
    *,
    command: str,
    device: str,
    probes: tuple[float | None, float | None],
    other_load: float | None,
    job: Job | None = None,
) -> Provenance:
    """Gather what a record says of the machine."""
    status = _git("status", "--porcelain")
    # A GPU's other users do not show in the processors' load.
    exclusive = None if other_load is None or device != "cpu" else other_load < EXCLUSIVE_BELOW
    return Provenance(
        machine=machine(),
        probe_gflops_before=probes[0],
        probe_gflops_after=probes[1],
        other_load=other_load,
        device_exclusive=exclusive,
        git_commit=_git("rev-parse", "HEAD"),
        git_dirty=None if status is None else bool(status),
        command=command,
        job=job,
    )
