"""The environment of the processes that train: equal for all frameworks where they read it."""

import os
import signal
from pathlib import Path

from gan_bench.system.devices import gpu_of

SILENCE_VARIABLE = "GAN_BENCH_SILENCE_S"
"""Tells a worker after how long a silence its supervisor ends it."""
RUN_MARK = "GAN_BENCH_RUN"
"""Names a run's folder in the environment of its worker and of all that descends from it."""


def worker_environment(
    *,
    device: str,
    threads: int,
    deterministic: bool = False,
    run: Path | None = None,
    silence_s: float | None = None,
) -> dict[str, str]:
    """Return the environment of a worker.

    Parameters
    ----------
    device
        ``cpu`` or ``cuda:<index>``; the worker sees this GPU only.
    threads
        Of each framework's operations.
    deterministic
        Whether frameworks are asked for it.
    run
        The run's folder, by which what descends from the worker can be found.
    silence_s
        After how long without a sign of life its supervisor ends it.
    """
    intra_op = str(threads)
    gpu = gpu_of(device)
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "" if gpu is None else gpu.uuid,
        "KERAS_BACKEND": "tensorflow",
        "MKL_NUM_THREADS": intra_op,
        # Plain float32 in every framework: TensorFlow and cuDNN would take TF32, torch would not.
        "NVIDIA_TF32_OVERRIDE": "0",
        "OMP_NUM_THREADS": intra_op,
        "OPENBLAS_NUM_THREADS": intra_op,
        "PYTHONFAULTHANDLER": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": intra_op,
    }
    if silence_s is not None:
        environment[SILENCE_VARIABLE] = str(silence_s)
    if run is not None:
        environment[RUN_MARK] = str(run.resolve())
    if deterministic:
        environment |= {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", "GAN_BENCH_DETERMINISTIC": "1"}
    else:
        environment.pop("GAN_BENCH_DETERMINISTIC", None)
    return environment


DISK_FULL_EXIT_CODE = 74
"""By which a worker says that the disk is full, where its journal cannot (EX_IOERR)."""
STOPPED_EXIT_CODE = 75
"""The worker ended because it was asked to, after a checkpoint (EX_TEMPFAIL)."""
STACKS_SIGNAL = signal.SIGUSR1
"""At which a worker writes the stacks of its threads to its log, however it hangs."""
DISK_FULL = "there is no space left for the results; free some, and the same command continues"
