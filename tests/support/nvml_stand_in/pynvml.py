"""A stand-in for NVML, in front of the package's own on PYTHONPATH: there is no GPU here.

The file that NVML_STAND_IN names is JSON, and is read at each question, so that a test can change
what the cards do. Without the variable there is no NVML, as on a machine without a driver. A value
"refused" is an error, as where a card does not support a question; "hangs" never answers.

The classes of errors, the masks of reasons and the constants are those of the package nvidia-ml-py,
whose module lies further back on the path.
"""

import importlib.util
import json
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import psutil

_HERE = Path(__file__).parent


def _real():
    for folder in sys.path:
        path = Path(folder or ".") / "pynvml.py"
        if path.exists() and path.parent.resolve() != _HERE.resolve():
            spec = importlib.util.spec_from_file_location("_pynvml_of_the_package", path)
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module  # its errors are made from the module's own names
            spec.loader.exec_module(module)
            return module
    raise ImportError("nvidia-ml-py is not installed")


_package = _real()
globals().update(
    {
        name: value
        for name, value in vars(_package).items()
        if name.startswith(("NVML_", "NVMLError", "nvmlClocks", "nvmlMemory"))
    }
)
NVMLError = _package.NVMLError


def _state():
    path = os.environ.get("NVML_STAND_IN")
    if path is None:
        raise NVMLError(_package.NVML_ERROR_LIBRARY_NOT_FOUND)
    return json.loads(Path(path).read_text())


def _answer(value):
    if value == "hangs":
        threading.Event().wait()
    if value == "refused" or value is None:
        raise NVMLError(_package.NVML_ERROR_NOT_SUPPORTED)
    if isinstance(value, str) and value.startswith("error "):
        raise NVMLError(int(value.removeprefix("error ")))
    return value


class _Handle:
    def __init__(self, *path):
        self.path = path

    def get(self, name):
        """Return what the file says now."""
        here = _state()["gpus"][self.path[0]]
        for index in self.path[1:]:
            here = here["instances"][index]
        return _answer(here.get(name))


def nvmlInit():
    _answer(_state().get("init", "works"))


def nvmlDeviceGetCount():
    return len(_state()["gpus"])


def nvmlSystemGetDriverVersion():
    return _answer(_state().get("driver"))


def nvmlSystemGetCudaDriverVersion():
    return _answer(_state().get("cuda"))


def nvmlDeviceGetHandleByIndex(index):
    handle = _Handle(index)
    _answer(_state()["gpus"][index].get("open", "works"))
    return handle


def _all():
    for index, gpu in enumerate(_state()["gpus"]):
        yield gpu["uuid"], _Handle(index)
        for number, instance in enumerate(gpu.get("instances", ())):
            if instance:
                yield instance["uuid"], _Handle(index, number)


def nvmlDeviceGetHandleByUUID(uuid):
    return dict(_all())[uuid]


def nvmlDeviceGetMigMode(handle):
    mode = handle.get("mig mode")
    return [mode, mode]


def nvmlDeviceGetMaxMigDeviceCount(handle):
    return len(handle.get("instances"))


def nvmlDeviceGetMigDeviceHandleByIndex(handle, index):
    if not handle.get("instances")[index]:
        raise NVMLError(_package.NVML_ERROR_NOT_FOUND)
    return _Handle(*handle.path, index)


def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle):
    return _Handle(*handle.path[:-1])


def nvmlDeviceGetMemoryInfo(handle, version=None):
    total, used = handle.get("memory")
    return SimpleNamespace(total=total * 2**30, used=used * 10**6)


def nvmlDeviceGetComputeRunningProcesses(handle):
    """Return the processes of the file; "worker" is what gan-bench started, "hidden" its alias."""
    pids = []
    for pid in handle.get("processes"):
        if pid in ("worker", "hidden worker"):
            children = psutil.Process().children(recursive=True)
            own = {"gan_bench.worker", "gan_bench.worker.speed"}
            found = [child.pid for child in children if own & set(child.cmdline())]
            pids += found if pid == "worker" else [4_000_000 for _ in found]
        else:
            pids.append(pid)
    return [SimpleNamespace(pid=pid, usedGpuMemory=None) for pid in pids]


def nvmlDeviceGetAttributes(handle):
    return SimpleNamespace(**handle.get("attributes"))


def _of(name):
    return lambda handle, *_: handle.get(name)


nvmlDeviceGetName = _of("name")
nvmlDeviceGetUUID = _of("uuid")
nvmlDeviceGetEnforcedPowerLimit = _of("power limit")
nvmlDeviceGetPowerUsage = _of("power")


def nvmlDeviceGetTotalEnergyConsumption(handle):
    """Return the energy, more each time that the clock was asked for."""
    asked = len(_log().read_text()) if _log().exists() else 0
    return handle.get("energy") + asked * _state()["gpus"][handle.path[0]].get("energy each", 0)


def _log():
    return Path(os.environ["NVML_STAND_IN"]).with_suffix(".asked")


def nvmlDeviceGetClockInfo(handle, kind):
    """Return the clock, and note beside the file that the card was looked at."""
    with _log().open("a") as file:
        file.write(".")
    return handle.get("clock")


nvmlDeviceGetTemperature = _of("temperature")
nvmlDeviceGetCurrentClocksThrottleReasons = _of("throttle")
