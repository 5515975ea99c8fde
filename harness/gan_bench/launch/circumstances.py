"""The circumstances of a run: the machine, its load and rate, the GPU, and the repository."""

import subprocess

from gan_bench.plan import RunSpec
from gan_bench.results.events import read_events
from gan_bench.results.layout import RunFolder
from gan_bench.results.record import Job, Provenance
from gan_bench.system.calibration import EXCLUSIVE_BELOW, LoadMeter, probe
from gan_bench.system.devices import gpu_of, machine
from gan_bench.system.nvml import GpuWatch


class Watch:
    """Measures the machine's rate before and after a run, and its load and GPU meanwhile."""

    def __init__(self, spec: RunSpec) -> None:
        """Measure the rate, and begin to watch the load and the GPU."""
        self._spec = spec
        self._before = probe(spec.device, spec.threads)
        self._after: float | None = None
        self._other_load: float | None = None
        gpu = gpu_of(spec.device)
        self._gpu = GpuWatch(gpu) if gpu else None
        if self._gpu is not None:
            self._gpu.start()
        self._meter = LoadMeter()
        self._stopped = False

    def stop(self, cpu_s: float, *, measure: bool) -> None:
        """End the watch, given the processor time of the run's other processes.

        ``measure``: whether to measure the machine's rate again. Does nothing if it has ended.
        """
        if self._stopped:
            return
        self._other_load = self._meter.stop(cpu_s)
        if self._gpu is not None:
            self._gpu.stop()
        self._stopped = True
        if measure:
            self._after = probe(self._spec.device, self._spec.threads)

    def provenance(self, folder: RunFolder, command: str, job: Job | None = None) -> Provenance:
        """Return the circumstances of the run in a folder."""
        around = provenance(
            command=command,
            device=self._spec.device,
            probes=(self._before, self._after),
            other_load=self._other_load,
            job=job,
        )
        return with_gpu(around, self._gpu, folder, self._spec) if self._gpu else around


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
    """Return the machine, its load, the repository and the command of a run."""
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


def with_gpu(around: Provenance, watch: GpuWatch, folder: RunFolder, spec: RunSpec) -> Provenance:
    """Add what a run's card is, and what it did during the run."""
    events = read_events(folder.events)
    cards = [event.get("card") for event in events if event["event"] == "ready"]
    now = watch.gpu.card
    rates = next((event for event in reversed(events) if event["event"] == "rates"), {})
    return around.model_copy(
        update={
            "probe_gflops_after": rates.get("gflops"),
            "gpu_gb_per_s": rates.get("gb_per_s"),
            "gpu": watch.gpu,
            "gpu_use": watch.use(events, spec.images_per_step),
            "device_exclusive": watch.exclusive,
            "earlier_cards": tuple({c: None for c in cards if isinstance(c, str) and c != now}),
        }
    )
