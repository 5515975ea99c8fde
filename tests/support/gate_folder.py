"""Results folders and baselines with known figures, for the tests of the gate."""

import hashlib
import json
from pathlib import Path

import numpy as np

from gan_bench.gate.entries import freeze
from report_folder import add_run, empty_results, run_spec, scores_of

SPREAD = 0.05
"""Of the logarithms of the baseline's FIDs."""


def log_normal(mean, seeds, *, spread=SPREAD, sample=0):
    """FIDs of some seeds whose logarithms have exactly this mean and standard deviation."""
    z = np.random.default_rng(sample).normal(size=len(seeds))
    z = (z - z.mean()) / z.std(ddof=1)
    return {seed: float(mean * np.exp(spread * one)) for seed, one in zip(seeds, z, strict=True)}


def results_of(path: Path, fids, name="torch-dcgan", *, under=None, record=None, **spec):
    """Write one finished run a seed; a status in an FID's place is a run that ended so."""
    if not path.exists():
        empty_results(path)
    for seed, fid in fids.items():
        one = run_spec(name, seed, **spec)
        if isinstance(fid, str):
            add_run(path, one, status=fid, reason=f"it was {fid}", weights_sha256=None)
            continue
        weights = hashlib.sha256(f"{name} {seed} {fid}".encode()).hexdigest()
        changes = {"weights_sha256": weights, **(record or {})}
        add_run(path, one, scores=[scores_of({one.steps: fid}, under=under)], **changes)
    return path


def baseline_of(results: Path, path: Path) -> Path:
    frozen, _ = freeze(results, "gan-bench baseline")
    frozen.write(path)
    return path


def edited(path: Path, change) -> Path:
    """Change a baseline's JSON by hand."""
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    return path
