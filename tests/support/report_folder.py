"""Small results folders whose every figure is known, for the tests of the report."""

from pathlib import Path

import numpy as np

from gan_bench.plan import Budget, Plan, RunSpec
from gan_bench.plugins.registry import Implementation
from gan_bench.results.layout import RunFolder, open_results
from gan_bench.results.record import EvaluationPoint, Provenance, Record
from gan_bench.results.scores import Protocol, Score, Scores
from gan_bench.scoring.snapshots import write_grid
from gan_bench.system.devices import Machine

MACHINE = Machine(system="Linux 6.1 x86_64", cpu="Model X", cores=2, memory_gb=8.0, gpus=())
COMMAND = "gan-bench run --all --preset standard"


def run_spec(name="torch-dcgan", seed=0, **changes):
    framework, _, recipe = name.partition("-")
    values = {
        "implementation": Implementation(
            name=name, framework=framework, recipe=recipe, attribute="Trainer", module="m"
        ),
        "source_sha256": "5" * 64,
        "recipe_values": {"batch_size": 100, "epochs": 25, "learning_rate": 0.0002},
        "dataset": "mnist",
        "data_sha256": "d" * 64,
        "train_images": 60_000,
        "image_shape": (28, 28, 1),
        "preset": "standard",
        "budget": Budget(unit="images", amount=60_000),
        "steps": 600,
        "images_per_step": 100,
        "parameters": {"generator": 1_234_567, "discriminator": 138_817},
        "multiply_adds_per_step": 4_560_000_000,
        "seed": seed,
        "chunk_steps": 50,
        "evaluation_steps": (0, 300, 600),
        "samples": 1_000,
        "device": "cpu",
        "threads": 2,
        "versions": {"python": "3.11.2", framework: "2.1.0"},
    }
    return RunSpec(**(values | changes))


def quick_spec(name="torch-dcgan", seed=0, **changes):
    quick = {"preset": "quick", "budget": Budget(unit="images", amount=4_000), "steps": 40}
    points = {"evaluation_steps": (0, 20, 40), "chunk_steps": 10}
    return run_spec(name, seed, **(quick | points | changes))


def record_of(spec, **changes):
    circumstances = {
        "machine": MACHINE,
        "probe_gflops_before": 100.0,
        "probe_gflops_after": 98.0,
        "other_load": 0.01,
        "device_exclusive": True,
        "git_commit": "c" * 40,
        "git_dirty": False,
        "command": COMMAND,
    }
    circumstances |= changes.pop("circumstances", {})
    status = changes.get("status", "ok")
    values = {
        "run_id": spec.run_id,
        "spec": spec,
        "status": "ok",
        "reason": None,
        "log_tail": None,
        "finished_at": "2026-01-02T03:04:05+00:00",
        "attempts": 1,
        "steps_done": spec.steps if status == "ok" else 0,
        "paired": True,
        "import_s": 1.5,
        "data_s": 0.25,
        "setup_s": 0.5,
        "warmup_s": 2.5,
        "resume_s": None,
        "train_s": 60.0,
        "sample_s": 3.0,
        "untimed_steps": 0,
        "images_per_s": 1_000.0,
        "multiply_adds_fraction": 0.456,
        "peak_rss_mb": 812.4,
        "weights_sha256": "e" * 64,
        "evaluation_points": tuple(
            EvaluationPoint(
                step=step,
                images=step * spec.images_per_step,
                train_s=62.5 * step / spec.steps,
            )
            for step in spec.evaluation_steps
        ),
        "circumstances": Provenance(**circumstances),
    }
    return Record(**(values | changes))


def protocol(**changes):
    values = {
        "features": "lenet",
        "features_sha256": "a" * 64,
        "dataset": "mnist",
        "reference_sha256": "b" * 64,
        "n_real": 10_000,
        "n_fake": 1_000,
    }
    return Protocol(**(values | changes))


def score(step, value, under, **changes):
    values = {
        "step": step,
        "metric": f"fid_{under.features}",
        "features": under.features,
        "value": value,
        "n_real": under.n_real,
        "n_fake": under.n_fake,
        "rank_fake": 64,
        "rank_deficient": False,
        "all_equal": False,
    }
    return Score(**(values | changes))


def scores_of(fids, *, floor=0.52, under=None, status="ok", reason=None, **changes):
    under = under or protocol()
    return Scores(
        status=status,
        reason=reason,
        score_s=4.0,
        protocol=under,
        fingerprint=under.fingerprint,
        versions={"gan_bench": "0.1.0", "onnxruntime": "1.20.0"},
        floor={f"fid_{under.features}": floor},
        scores=[score(step, value, under, **changes) for step, value in fids.items()],
    )


def empty_results(path: Path) -> Path:
    open_results(path, create=True)
    return path


def add_plan(path, specs, command=COMMAND):
    plan = Plan(command=command, created_at="2026-01-02T03:00:00+00:00", runs=tuple(specs))
    (path / "plans" / f"{plan.plan_id}.json").write_text(plan.model_dump_json())


def add_run(path, spec, *, scores=(), losses=None, grids=(), **changes) -> RunFolder:
    """Write a finished run: its record (with changes), losses, score files and grids."""
    folder = open_results(path, create=True).run(spec.run_id)
    folder.path.mkdir()
    folder.spec.write_text(spec.model_dump_json())
    record_of(spec, **changes).write(folder.record)
    folder.scores.mkdir()
    for file in scores:
        file.write_in(folder.scores)
    if losses is not None:
        np.save(folder.losses, np.asarray(losses, dtype=np.float32))
    folder.grids.mkdir()
    for step in grids:
        images = np.random.default_rng(step).integers(0, 256, (64, 8, 8, 1), dtype=np.uint8)
        write_grid(folder.grids / f"{step:08d}.png", images)
    return folder


def some_losses(steps, seed=0):
    random = np.random.default_rng(seed)
    decay = np.exp(-np.arange(steps)[:, None] / steps * 3)
    target = np.array([[1.0, 1.2, 0.6, 0.4]])
    return target + decay * 0.3 + random.normal(0, 0.05, (steps, 4))


def add_trained(results, name, fids, make=run_spec, *, under=None, values=None, seed=0, **changes):
    """Add a run with scores, losses and grids for each final FID, from seed ``seed`` on."""
    for place, fid in enumerate(fids):
        spec = make(name, seed + place, **(values or {}))
        first, middle, last = spec.evaluation_steps
        scores = scores_of({first: 150.0, middle: 20.0, last: fid}, under=under)
        losses = some_losses(spec.steps, seed + place)
        kept = spec.evaluation_steps
        folder = add_run(results, spec, scores=[scores], losses=losses, grids=kept, **changes)
    return folder
