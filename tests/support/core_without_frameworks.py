"""Run by `nox -s core` in an environment without any framework."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import metadata
from pathlib import Path

CACHE = tempfile.TemporaryDirectory()
"""The user's may hold an Inception network, which the core cannot export."""
PLUGIN = "from gan_bench.testing import FakeTrainer\nclass Plugin(FakeTrainer): pass\n"


def gan_bench(*arguments: str, code: int = 0) -> str:
    """Run the command and return its output."""
    command = [sys.executable, "-P", "-m", "gan_bench", *arguments]
    environment = {**os.environ, "XDG_CACHE_HOME": CACHE.name}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


def main() -> None:
    """Help, list, show, doctor, run and report work; a framework's row is `missing`."""
    for framework in ("torch", "tensorflow", "keras", "jax"):
        assert importlib.util.find_spec(framework) is None, f"{framework} is installed"
    assert "Usage" in gan_bench("--help")
    rows = json.loads(gan_bench("list", "--json"))
    assert {row["name"] for row in rows} >= {"torch-dcgan", "keras-upsampling-sgd", "jax-decay"}
    assert all("get it with pip install '" in row["missing"] for row in rows)
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    extras = metadata("gan-bench").get_all("Provides-Extra")
    assert extras is not None and set(extras) == set(project["optional-dependencies"])
    assert "learning_rate" in gan_bench("show", "torch-dcgan")
    assert "not installed" in gan_bench("doctor")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "plugin.py").write_text(PLUGIN)
        results = ("--results", f"{folder}/results")
        short = ("--images", "256", "--evaluations", "2", "--samples", "150")
        gan_bench("run", "--all", f"{folder}/plugin.py", *short, *results, code=1)
        statuses = {r["run_id"]: r for r in json.loads(gan_bench("status", "--json", *results))}
        found = sorted(row["status"] for row in statuses.values())
        assert found == ["missing"] * len(rows) + ["ok"]
        kid = ("--metrics", "fid,kid", "--features", "lenet", "--no-cache")
        gan_bench("score", "mnist-5k:test:300", "mnist-5k:train:300", *kid)
        gan_bench("score", "mnist-5k:test", "mnist-5k:train", "--features", "inception", code=2)
        gan_bench("report", *results, "--out", f"{folder}/report")
        assert "plugin" in (Path(folder) / "report/report.md").read_text(encoding="utf-8")
        # Nothing was trained of what the baseline has, and with another budget.
        gan_bench("gate", "--baseline", "baselines/ci.json", *results, code=3)
    sys.stdout.write("The core works without a framework.\n")


if __name__ == "__main__":
    main()
