"""What a GPU is and can do: its identity, NVML's view, its rates, and TF32.

``python benchmarks/gpu_probe.py`` prints JSON.

``nvml`` has what NVML says of the first GPU, before and after the work; where it refuses, its
reason. ``rates`` has products of 8,192 x 8,192 matrices in each precision, a copy in the GPU's
memory (bytes read and written), and the time to launch a tiny kernel and wait for it.
``errors`` compares a float32 product and convolution with float64, for a process with
NVIDIA_TF32_OVERRIDE=0, as runs in ieee have it, and for one without: in both, PyTorch is asked for
TF32. About 1e-7 is float32, 1e-4 is TF32.

Without a GPU the sizes are small, and NVML's part is the reason why there is none.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

CUDA = torch.cuda.is_available()
DEVICE = "cuda:0" if CUDA else "cpu"
SIZE = 8192 if CUDA else 256
COPIED = 2**28 if CUDA else 2**20
"""Elements of four bytes."""
VARIABLE = "NVIDIA_TF32_OVERRIDE"


def identity() -> dict[str, Any]:
    found: dict[str, Any] = {"torch": torch.__version__, "cuda": torch.version.cuda}
    if CUDA:
        properties = torch.cuda.get_device_properties(0)
        found |= {
            "name": properties.name,
            "cudnn": torch.backends.cudnn.version(),
            "compute capability": f"{properties.major}.{properties.minor}",
            "multiprocessors": properties.multi_processor_count,
            "L2 cache, MB": properties.L2_cache_size / 1e6,
            "memory, GB": properties.total_memory / 1e9,
        }
    return found


def nvml() -> dict[str, Any]:
    """Return what NVML says of the first GPU, and its reason where it refuses."""
    try:
        import pynvml

        pynvml.nvmlInit()
        gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
    except Exception as error:  # noqa: BLE001 - the reason is the answer
        return {"refused": f"{type(error).__name__}: {error}"}
    asked: dict[str, Callable[[], Any]] = {
        "driver": pynvml.nvmlSystemGetDriverVersion,
        "CUDA of the driver": pynvml.nvmlSystemGetCudaDriverVersion,
        "name": lambda: pynvml.nvmlDeviceGetName(gpu),
        "UUID begins with": lambda: pynvml.nvmlDeviceGetUUID(gpu)[:4],
        "MIG mode": lambda: pynvml.nvmlDeviceGetMigMode(gpu),
        "compute mode": lambda: pynvml.nvmlDeviceGetComputeMode(gpu),
        "persistence mode": lambda: pynvml.nvmlDeviceGetPersistenceMode(gpu),
        "ECC mode": lambda: pynvml.nvmlDeviceGetEccMode(gpu),
        "power, W": lambda: pynvml.nvmlDeviceGetPowerUsage(gpu) / 1e3,
        "power limit, W": lambda: pynvml.nvmlDeviceGetEnforcedPowerLimit(gpu) / 1e3,
        "energy, J": lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu) / 1e3,
        "SM clock, MHz": lambda: pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_SM),
        "SM clock at most, MHz": lambda: pynvml.nvmlDeviceGetMaxClockInfo(
            gpu, pynvml.NVML_CLOCK_SM
        ),
        "memory clock, MHz": lambda: pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_MEM),
        "temperature, C": lambda: pynvml.nvmlDeviceGetTemperature(gpu, pynvml.NVML_TEMPERATURE_GPU),
        "reasons of a lower clock": lambda: hex(
            pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu)
        ),
        "utilisation, %": lambda: pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu,
        "memory used, MB": lambda: pynvml.nvmlDeviceGetMemoryInfo(gpu).used / 1e6,
        "processes (whether this one, MB)": lambda: [
            (process.pid == os.getpid(), process.usedGpuMemory and process.usedGpuMemory / 1e6)
            for process in pynvml.nvmlDeviceGetComputeRunningProcesses(gpu)
        ],
    }
    found = {}
    for name, ask in asked.items():
        try:
            found[name] = ask()
        except Exception as error:  # noqa: BLE001 - the reason is the answer
            found[name] = f"refused: {error}"
    return found


def median_s(work: Callable[[], object], repeats: int = 12) -> float:
    for _ in range(3):
        work()
    times = []
    for _ in range(repeats):
        wait()
        started = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def wait() -> None:
    if CUDA:
        torch.cuda.synchronize()


def let_tf32(allowed: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def rates() -> dict[str, float]:
    """Return the rates; in a process with NVIDIA_TF32_OVERRIDE=0 TF32's is that of float32."""
    one, other = (torch.randn(SIZE, SIZE, device=DEVICE) for _ in range(2))
    half_one, half_other = one.bfloat16(), other.bfloat16()
    operations = 2 * SIZE**3 / 1e12
    found = {}
    for name, allowed in (("float32", False), ("TF32", True)):
        let_tf32(allowed)
        found[f"{name}, TFLOP/s"] = operations / median_s(lambda: one @ other)
    found["bfloat16, TFLOP/s"] = operations / median_s(lambda: half_one @ half_other)
    small = torch.randn(256, 256, device=DEVICE)
    found["launch of a tiny kernel, us"] = median_s(lambda: small.add_(1.0), 50) * 1e6
    source = torch.empty(COPIED, device=DEVICE)
    target = torch.empty_like(source)
    found["copy, GB/s"] = 2 * 4 * COPIED / median_s(lambda: target.copy_(source)) / 1e9
    return found


def errors() -> dict[str, Any]:
    """Return relative errors of float32 where PyTorch is asked for TF32."""
    let_tf32(True)
    random = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random).to(DEVICE)

    def error(made: torch.Tensor, exact: torch.Tensor) -> float:
        return float((made.double() - exact).norm() / exact.norm())

    one, other = normal(1024, 1024), normal(1024, 1024)
    maps, kernel = normal(64, 128, 14, 14), normal(128, 128, 4, 4)
    options = {"stride": 2, "padding": 1}
    convolution = torch.nn.functional.conv2d
    last = [tensor.to(memory_format=torch.channels_last) for tensor in (maps, kernel)]
    exact = convolution(maps.double(), kernel.double(), **options)
    return {
        VARIABLE: os.environ.get(VARIABLE),
        "product": error(one @ other, one.double() @ other.double()),
        "convolution": error(convolution(maps, kernel, **options), exact),
        "convolution, channels last": error(convolution(*last, **options), exact),
    }


def in_a_child(part: str, **variables: str) -> Any:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run(
        [sys.executable, __file__, "--part", part],
        env=environment | variables,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr[-500:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("rates", "errors"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(rates() if options.part == "rates" else errors()))
        return
    found = {
        "identity": identity(),
        "nvml": {"before": nvml()},
        "errors": [in_a_child("errors", **{VARIABLE: "0"}), in_a_child("errors")],
        "rates": in_a_child("rates"),
    }
    found["nvml"]["after"] = nvml()
    print(json.dumps(found, indent=1, default=str))


if __name__ == "__main__":
    main()
