"""The packages of each framework and how to install them, without importing any."""

import contextlib
import importlib
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from gan_bench.errors import UsageError
from gan_bench.plugins.registry import Implementation
from gan_bench.system.child import ChildDied, ask, reply
from gan_bench.version import __version__

_THIS_MODULE = "gan_bench.plugins.frameworks"
_VERSIONS_LIMIT_S = 120.0
_IMPORT_LIMIT_S = 300.0


@dataclass(frozen=True)
class Framework:
    """The packages that a framework needs."""

    packages: tuple[str, ...]
    """Distributions that must be installed; their versions are part of a run's identity."""
    install: str
    """The command that installs them."""
    gpus: str = ""
    """An expression for the number of visible GPUs, given the imported ``module``."""
    module: str = ""
    """The module whose import fails if the installation is broken."""


FRAMEWORKS: dict[str, Framework] = {
    "numpy": Framework(("numpy",), "pip install numpy"),
    "torch": Framework(
        ("torch",),
        "pip install 'torch>=2.6' torchvision",
        gpus="torch.cuda.device_count()",
        module="torch",
    ),
    "keras": Framework(
        ("tensorflow", "keras"),
        "pip install 'tensorflow>=2.18' 'keras>=3.6'",
        gpus='len(tensorflow.config.list_physical_devices("GPU"))',
        module="tensorflow",
    ),
    "jax": Framework(
        ("jax", "jaxlib", "flax", "optax"),
        "pip install 'jax>=0.10' 'flax>=0.12.8' 'optax>=0.2.8'",
        gpus='sum(device.platform == "gpu" for device in jax.devices())',
        module="jax",
    ),
}
PINNED = {
    "matmul precision": "the dtype's own: TF32 is off in every framework",
    "GPU memory": "grows on demand",
    "threads": "as many for every framework",
}
"""Settings that are equal in all frameworks' workers; see `gan_bench.system.processes`.

`gan-bench gate` compares these texts with those of stored baselines, so a new wording would count
as a difference."""


def installed_versions() -> dict[str, str]:
    """Return the versions in this interpreter of all packages that can identify a run."""
    versions = {"python": platform.python_version(), "gan-bench": __version__}
    names = {"numpy"} | {p for framework in FRAMEWORKS.values() for p in framework.packages}
    for name in sorted(names):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


@cache
def versions_of(python: str | None) -> dict[str, str]:
    """Return `installed_versions` of an interpreter (None: this one).

    Raises
    ------
    UsageError
        The interpreter cannot be run, or has no gan-bench or another version.
    """
    if python is None or python == sys.executable:
        return installed_versions()
    try:
        versions: dict[str, str] = ask(_THIS_MODULE, {}, python=python, limit_s=_VERSIONS_LIMIT_S)
    except OSError as error:
        raise UsageError(
            f"The interpreter {python} in the plan's [python] table cannot be run ({error}); "
            "name the python of an environment with gan-bench."
        ) from error
    except ChildDied as error:
        raise UsageError(
            f"The interpreter {python} in the plan's [python] table cannot import gan_bench; "
            f"install gan-bench {__version__} in its environment."
        ) from error
    if versions["gan-bench"] != __version__:
        raise UsageError(
            f"The interpreter {python} has gan-bench {versions['gan-bench']}, this one "
            f"{__version__}; install the same version in both."
        )
    return versions


def missing(framework: str, versions: Mapping[str, str]) -> str | None:
    """Return which packages of ``framework`` are not installed and how to get them, or None."""
    needed = FRAMEWORKS.get(framework)
    absent = [name for name in needed.packages if name not in versions] if needed else []
    if needed is None or not absent:
        return None
    return f"{' and '.join(absent)} not installed; get it with {needed.install}"


def framework_problem(implementation: Implementation, python: str | None = None) -> str | None:
    """Return why the framework of an implementation cannot be used by an interpreter, or None."""
    return missing(implementation.framework, versions_of(python))


@dataclass(frozen=True)
class ImportedFramework:
    """Facts about a framework that only an import shows."""

    module: str
    version: str
    gpus: int
    """Number of GPUs that it can use."""


def import_framework(name: str, python: str) -> ImportedFramework:
    """Import a framework in a child process.

    Raises
    ------
    OSError
        The interpreter cannot be started.
    ChildDied
        The import failed, or took longer than five minutes.
    """
    answer = ask(_THIS_MODULE, {"import": name}, python=python, limit_s=_IMPORT_LIMIT_S)
    return ImportedFramework(**answer)


def _answer(request: bytes) -> dict[str, Any]:
    name = json.loads(request).get("import")
    if name is None:
        return installed_versions()
    known = FRAMEWORKS.get(name)
    module = known.module if known and known.module else name
    imported = importlib.import_module(module)
    gpus = eval(known.gpus, {module: imported}) if known and known.gpus else 0
    return {"module": module, "version": imported.__version__, "gpus": gpus}


def identifying_versions(framework: str, versions: dict[str, str]) -> dict[str, str]:
    """Return the part of ``versions`` on which a run of ``framework`` depends."""
    known = FRAMEWORKS.get(framework)
    names = ("python", "gan-bench", "numpy", *(known.packages if known else ()))
    identifying = {name: versions[name] for name in names if name in versions}
    if known is None:
        with contextlib.suppress(metadata.PackageNotFoundError):
            identifying[framework] = metadata.version(framework)
    return identifying


if __name__ == "__main__":
    reply(lambda request, say: _answer(request))
