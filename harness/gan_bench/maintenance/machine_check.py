"""What this machine has for gan-bench, what it lacks, and how to get that."""

import sys
from dataclasses import dataclass
from typing import Literal

from gan_bench import data
from gan_bench.data.image_file import SUFFIXES
from gan_bench.plugins.frameworks import FRAMEWORKS, versions_of
from gan_bench.plugins.registry import registered
from gan_bench.scoring.reference_cache import cache_sizes
from gan_bench.system.devices import gpus, machine
from gan_bench.version import __version__


@dataclass(frozen=True)
class Finding:
    """One line of ``gan-bench doctor``."""

    what: str
    state: Literal["ok", "missing", "info"]
    detail: str


def findings() -> list[Finding]:
    """Look at frameworks, devices, data and implementations; nothing is imported or downloaded."""
    here = machine()
    found = [
        Finding("gan-bench", "info", f"{__version__} on Python {sys.version.split()[0]}"),
        Finding("machine", "info", f"{here.cpu}, {here.cores} cores, {here.memory_gb:g} GB"),
    ]
    versions = versions_of(None)
    for name, framework in FRAMEWORKS.items():
        absent = [package for package in framework.packages if package not in versions]
        if absent:
            detail = f"{' and '.join(absent)} not installed; {framework.install}"
            found.append(Finding(f"framework {name}", "missing", detail))
        else:
            detail = ", ".join(f"{package} {versions[package]}" for package in framework.packages)
            found.append(Finding(f"framework {name}", "ok", detail))
    found.append(Finding("device cpu", "ok", f"{here.cores} cores"))
    found += [Finding(f"device cuda:{i}", "ok", gpu.name) for i, gpu in enumerate(gpus())]
    if not gpus():
        found.append(Finding("device cuda", "info", "nvidia-smi shows no GPU"))
    for name in data.names():
        status = data.describe(name)
        if status.available:
            found.append(Finding(f"data {name}", "ok", status.where))
        else:
            found.append(Finding(f"data {name}", "missing", status.how_to_get))
    own = f"any folder of images ({' '.join(SUFFIXES)}), such as folder:pictures,size=28"
    found.append(Finding("data folder:PATH", "info", own))
    found += [Finding(f"cache {one.what}", "info", str(one)) for one in cache_sizes()]
    names = ", ".join(registered())
    found.append(Finding("implementations", "info", names or "none registered"))
    return found
