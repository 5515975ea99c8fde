"""Writes a synthetic results folder, for the report's benchmarks and tests.

Usage: ``python benchmarks/report_results.py OUT --implementations 12 --seeds 3 --points 10``, or
``--runs 1000`` for 20 implementations of 50 seeds. Nothing is trained: the values are
random, around those of real runs, and the samples are digits of mnist-5k with noise that fades as
training goes on. Recipes, specifications, hashes of data and model, and the protocol are real.
"""

import argparse
import math
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from gan_bench import data
from gan_bench.data import Dataset
from gan_bench.plan import Plan, RunSpec, chunk_steps, evaluation_steps
from gan_bench.plan.request import PRESETS
from gan_bench.plugins.describe import Description, describe
from gan_bench.results.certificate import (
    BOUNDS,
    Certificate,
    PairedRun,
    Party,
    certificate_id,
    measured,
)
from gan_bench.results.layout import ResultsFolder, RunFolder, open_results
from gan_bench.results.record import EvaluationPoint, Provenance, Record
from gan_bench.results.scores import Score, Scores
from gan_bench.scoring.images import of_split
from gan_bench.scoring.metrics.modes import CONFIDENT, PRESENT
from gan_bench.scoring.metrics.nearest import COPIED, Nearest, nearest_training_images
from gan_bench.scoring.scorer import Options, Scorer
from gan_bench.scoring.snapshots import SIDE, grid_png
from gan_bench.system.devices import Machine

RECIPES = ("dcgan", "dcgan-3g", "baseline", "enhanced", "upsampling-sgd", "decay")
OWN = ("torch", "keras")
OTHERS = ("paddle", "mlx", "tinygrad", "mindspore")
"""Frameworks of invented third-party implementations, used beyond the first twelve."""
VERSIONS = {
    "torch": {"torch": "2.14.1"},
    "keras": {"tensorflow": "2.21.0", "keras": "3.15.1"},
    "paddle": {"paddlepaddle": "3.3.0"},
}
MACHINE = Machine(
    system="Linux 6.18.44 x86_64",
    cpu="Intel(R) Xeon(R) Processor @ 2.80GHz",
    cores=2,
    memory_gb=23.5,
    gpus=(),
)
FLOOR = {
    "fid_lenet": 0.3159,
    "kid_lenet": -0.01493,
    "precision_lenet": 0.871,
    "recall_lenet": 0.896,
    "density_lenet": 1.0008,
    "coverage_lenet": 0.979,
    "classes_present": 10.0,
    "class_kl": 0.002527,
    "confident_share": 0.989,
    "ndb": 1.0,
    "ndb_js": 0.02131,
}
"""Floors of a real score file. `nearest_train` and `copied_share` have none."""
UNTRAINED_FID = 88.0
BEST_FID, WORST_FID = 15.0, 45.0
PICTURED_SEEDS = 3
"""Later seeds reuse the grids of earlier ones: writing PNGs would take most of the time."""
TORCH_IMAGES_PER_S = {  # on two cores
    "dcgan": 470,
    "dcgan-3g": 167,
    "baseline": 306,
    "enhanced": 229,
    "upsampling-sgd": 159,
    "decay": 253,
}
LOG_TAIL = """\
Traceback (most recent call last):
  File "gan_bench/worker.py", line 247, in main
    worker.train()
  File "gan_bench/worker.py", line 148, in train
    self._chunk(losses, steps)
{last}
"""
ERROR = "ValueError: operands could not be broadcast together with shapes (128,7,7) (128,14,14)"


@dataclass(frozen=True)
class Traits:
    """Properties that all runs of an implementation share."""

    final_fid: float
    images_per_s: float
    warmup_s: float
    import_s: float
    peak_rss_mb: float
    fid_rate: float
    """Exponent of the FID's decay over the training."""
    class_concentration: float
    """Dirichlet concentration of the classes' shares; a small one is a collapse to few classes."""


def implementation_names(count: int) -> Iterator[tuple[str, str]]:
    """Yield pairs of framework and recipe: the real twelve first, twins next to each other."""
    pairs = [(framework, recipe) for recipe in RECIPES for framework in OWN]
    pairs += [(framework, recipe) for framework in OTHERS for recipe in RECIPES]
    for index in range(count):
        repeat, position = divmod(index, len(pairs))
        framework, recipe = pairs[position]
        yield framework if repeat == 0 else f"{framework}{repeat + 1}", recipe


def make_results(
    path: Path,
    implementations: int = 12,
    seeds: int = 3,
    points: int = 10,
    *,
    runs: int | None = None,
    failures: bool = True,
    pictured_seeds: int = PICTURED_SEEDS,
) -> Path:
    """Write a results folder, with certificates for all recipes but the last; return its path.

    Parameters
    ----------
    path
        A folder that does not exist, or is empty.
    implementations, seeds, points
        Number of implementations, of seeds of each, and of evaluation points of each run.
    runs
        Number of runs, in place of implementations and seeds: 12 implementations, or 20 from 500
        runs on, with as many seeds as needed. It is rounded up to whole seeds.
    failures
        If true, two runs failed: the last seed of the last implementation diverged, and that of the
        implementation before it raised an error.
    pictured_seeds
        Number of seeds with sample grids of their own.
    """
    if runs is not None:
        implementations = min(runs, 20 if runs >= 500 else 12)
        seeds = math.ceil(runs / implementations)
    results = open_results(path, create=True)
    writer = _ResultsWriter(results, points, pictured_seeds)
    described = [writer.describe(*pair) for pair in implementation_names(implementations)]
    specs = {
        (index, seed): writer.spec(description, seed)
        for seed in range(seeds)
        for index, description in enumerate(described)
    }
    certificates = writer.certify(described, specs)
    failed = {
        (implementations - 1, seeds - 1): "diverged",
        (implementations - 2, seeds - 1): "error",
    }
    for (index, seed), spec in specs.items():
        status = failed.get((index, seed), "ok") if failures else "ok"
        certificate = certificates.get(spec.implementation.name)
        writer.run(spec, writer.traits(index, implementations), status, certificate)
    command = f"gan-bench run --all --preset standard --dataset mnist-5k --seeds {seeds}"
    plan = Plan(command=command, created_at="2026-01-02T03:00:00+00:00", runs=tuple(specs.values()))
    (results.plans / f"{plan.plan_id}.json").write_text(plan.model_dump_json(indent=1))
    return path


class _ResultsWriter:
    """Writes runs of one data set under one protocol."""

    def __init__(self, results: ResultsFolder, points: int, pictured_seeds: int) -> None:
        self.results = results
        self.points = points
        self.pictured_seeds = pictured_seeds
        self.preset = PRESETS["standard"]
        self.dataset: Dataset = data.load("mnist-5k")
        reference = of_split(self.dataset, "test")
        with Scorer(reference, self.preset.samples, Options()) as scorer:
            self.protocol, self.versions = scorer.protocol, scorer.versions
            self.classifier_sha256 = scorer.classifier_sha256
        test = self.dataset.test
        self.by_class = [np.flatnonzero(test.labels == digit) for digit in range(10)]
        self.real_shares = np.array([len(rows) for rows in self.by_class]) / len(test.labels)
        # A sample is a test image with noise, so these are the samples' nearest ones too.
        self.held_out: Nearest = nearest_training_images(reference, self.dataset.train.images)
        self.pictures: dict[tuple[str, int, int], bytes] = {}

    def describe(self, framework: str, recipe: str) -> Description:
        """Return the real description; a third party gets that of its twin under another name."""
        shape = self.dataset.train.image_shape
        description = describe(f"{framework if framework in OWN else OWN[0]}-{recipe}", {}, shape)
        if framework in OWN:
            return description
        changes = {
            "name": f"{framework}-{recipe}",
            "framework": framework,
            "module": f"gan_{framework}.{recipe.replace('-', '_')}",
            "distribution": f"gan-{framework} 1.0",
        }
        implementation = description.implementation.model_copy(update=changes)
        return description.model_copy(update={"implementation": implementation})

    def spec(self, description: Description, seed: int) -> RunSpec:
        train_images = self.dataset.images_in(description.train_splits)
        steps = self.preset.budget.steps(
            images_per_step=description.images_per_step,
            train_images=train_images,
            recipe_epochs=description.epochs,
        )
        framework = description.implementation.framework
        versions = {"python": "3.11.7", "gan-bench": "0.1.0", "numpy": "2.4.6"}
        return RunSpec(
            implementation=description.implementation,
            source_sha256=description.source_sha256,
            recipe_values=description.recipe_values,
            conventions=description.conventions,
            dataset=self.dataset.name,
            data_sha256=self.dataset.sha256,
            train_splits=description.train_splits,
            train_images=train_images,
            image_shape=self.dataset.train.image_shape,
            preset="standard",
            budget=self.preset.budget,
            steps=steps,
            images_per_step=description.images_per_step,
            parameters=description.parameters,
            multiply_adds_per_step=description.multiply_adds_per_step,
            seed=seed,
            chunk_steps=chunk_steps(steps, self.points),
            evaluation_steps=evaluation_steps(steps, self.points),
            samples=self.preset.samples,
            device="cpu",
            threads=2,
            versions=versions | VERSIONS.get(framework, {framework: "1.0"}),
        )

    def traits(self, index: int, count: int) -> Traits:
        """Return an implementation's traits: twins learn alike and differ in speed."""
        recipe, framework = RECIPES[index // 2 % len(RECIPES)], index % 2
        random = np.random.default_rng((1, index // 2))
        share = index // 2 / max(1, (count - 1) // 2)
        return Traits(
            final_fid=BEST_FID + share * (WORST_FID - BEST_FID) + 0.8 * framework,
            images_per_s=TORCH_IMAGES_PER_S[recipe]
            * (1.0, 0.62)[framework]
            * random.uniform(0.95, 1.05),
            warmup_s=(3.1, 5.3)[framework] * random.uniform(0.9, 1.3),
            import_s=(2.2, 5.6)[framework],
            peak_rss_mb=(920.0, 1010.0)[framework] + 60 * random.uniform(),
            fid_rate=random.uniform(3.0, 6.5),
            class_concentration=400 * 0.02**share,
        )

    def certify(
        self, described: list[Description], specs: dict[tuple[int, int], RunSpec]
    ) -> dict[str, str]:
        """Write certificates for twins; return their ids by implementation."""
        by_name = {d.implementation.name: (d, specs[i, 0]) for i, d in enumerate(described)}
        ids = {}
        for recipe in RECIPES[:-1]:
            twins = [by_name.get(f"{framework}-{recipe}") for framework in OWN]
            if None in twins:
                continue
            parties = tuple(
                Party(
                    name=description.implementation.name,
                    framework=description.implementation.framework,
                    attribute=description.implementation.attribute,
                    source_sha256=description.source_sha256,
                    versions=spec.versions,
                    holds_initial_weights=True,
                )
                for description, spec in twins
            )
            certificate = _certificate(recipe, parties, twins[0][1])
            certificate.write_in(self.results, twins[0][0].example_shape)
            ids |= {party.name: certificate.id for party in parties}
        return ids

    def run(self, spec: RunSpec, traits: Traits, status: str, certificate: str | None) -> None:
        """Write a run's folder."""
        folder = self.results.run(spec.run_id)
        folder.path.mkdir()
        folder.spec.write_text(spec.model_dump_json(indent=1))
        name = spec.implementation.name
        random = np.random.default_rng((zlib.crc32(name.encode()), spec.seed))
        final_fid = max(2.0, traits.final_fid + random.normal(0, 0.05 * traits.final_fid))
        failed_at = {"ok": None, "diverged": round(0.6 * spec.steps), "error": 0}[status]
        if status != "error":
            np.save(folder.losses, _losses(spec.steps, final_fid, random, failed_at))
        done = spec.steps if failed_at is None else failed_at // spec.chunk_steps * spec.chunk_steps
        reached = [step for step in spec.evaluation_steps if step <= done and status != "error"]
        step = (failed_at or 0) + 1
        last = (
            f"gan_bench.worker.training.Diverged: the loss generator was not finite at step {step}"
        )
        tail = {
            "ok": None,
            "diverged": LOG_TAIL.format(last=last),
            "error": LOG_TAIL.format(last=ERROR),
        }[status]
        if tail:
            folder.log.write_text(tail)
        _record(spec, traits, random, status, reached, done, tail, certificate).write(folder.record)
        shares = random.dirichlet(self.real_shares * traits.class_concentration)
        fids = {
            step: _fid(step / spec.steps, final_fid, traits.fid_rate, random) for step in reached
        }
        self._write_grids(folder, spec, fids, shares)
        if reached:
            self._write_scores(folder, spec, fids, shares, random)

    def _write_grids(
        self, folder: RunFolder, spec: RunSpec, fids: dict[int, float], shares: NDArray[np.float64]
    ) -> None:
        folder.grids.mkdir()
        seed = spec.seed % self.pictured_seeds
        for step, fid in fids.items():
            key = (spec.implementation.name, seed, step)
            if key not in self.pictures:
                self.pictures[key] = grid_png(self._samples(seed, fid, shares))
            (folder.grids / f"{step:08d}.png").write_bytes(self.pictures[key])

    def _sampled_rows(self, seed: int, shares: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the test images behind the samples, the same at every evaluation point."""
        random = np.random.default_rng((2, seed))
        digits = random.choice(10, SIDE * SIDE, p=shares)
        return np.array([random.choice(self.by_class[digit]) for digit in digits])

    def _samples(self, seed: int, fid: float, shares: NDArray[np.float64]) -> NDArray[np.uint8]:
        images = self.dataset.test.images[self._sampled_rows(seed, shares)][..., 0].astype(
            np.float32
        )
        share = min(1.0, (fid / UNTRAINED_FID) ** 1.3)
        mixed = (1 - share) * images + share * _noise(seed)
        return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)[..., None]

    def _write_scores(
        self,
        folder: RunFolder,
        spec: RunSpec,
        fids: dict[int, float],
        shares: NDArray[np.float64],
        random: np.random.Generator,
    ) -> None:
        folder.scores.mkdir()
        rows = [self._fid_row(step, fid) for step, fid in fids.items()]
        last = spec.steps
        if last in fids:
            rows += self._final_rows(spec, fids[last], shares, random)
        Scores(
            status="ok",
            score_s=4.0 + random.uniform(),
            protocol=self.protocol,
            fingerprint=self.protocol.fingerprint,
            versions=self.versions,
            floor=FLOOR,
            scores=rows,
        ).write_in(folder.scores)

    def _row(self, step: int, metric: str, value: float, **more: Any) -> Score:
        features = "lenet" if metric not in _PIXEL_METRICS else "pixels"
        values = {"n_real": self.protocol.n_real, "n_fake": self.protocol.n_fake} | more
        return Score(
            step=step, metric=metric, features=features, value=value, all_equal=False, **values
        )

    def _fid_row(self, step: int, fid: float) -> Score:
        error, bias = 0.012 * fid, 0.065
        return self._row(
            step,
            "fid_lenet",
            fid,
            low=fid - bias - 1.96 * error,
            high=fid - bias + 1.96 * error,
            standard_error=error,
            bias=bias,
            rank_real=64,
            rank_fake=35 if step == 0 else 64,
            rank_deficient=step == 0,
            details={"interval": "jackknife"},
        )

    def _final_rows(
        self, spec: RunSpec, fid: float, shares: NDArray[np.float64], random: np.random.Generator
    ) -> list[Score]:
        quality = math.exp(-fid / 40)  # 1 is as good as real
        kid, error = fid / 28, fid / 1200
        values = {
            "precision_lenet": 0.87 * quality**0.8,
            "recall_lenet": 0.9 * quality,
            "density_lenet": 1.0 * quality**1.2,
            "coverage_lenet": 0.98 * quality,
        }
        rows = [
            self._row(
                spec.steps,
                "kid_lenet",
                kid,
                low=kid - 1.96 * error,
                high=kid + 1.96 * error,
                standard_error=error,
            ),
            *(
                self._row(spec.steps, name, float(np.clip(value + random.normal(0, 0.01), 0, 1.2)))
                for name, value in values.items()
            ),
        ]
        present = float((shares >= PRESENT * self.real_shares).sum())
        seen = shares > 0
        kl = float((shares[seen] * np.log(shares[seen] / self.real_shares[seen])).sum())
        classes = {
            "classifier_sha256": self.classifier_sha256,
            "shares": shares.tolist(),
            "real_shares": self.real_shares.tolist(),
            "real_confident_share": 0.987,
        }
        rows += [
            self._row(spec.steps, "classes_present", present, details=classes),
            self._row(spec.steps, "class_kl", kl),
            self._row(spec.steps, "confident_share", CONFIDENT * quality**0.3),
        ]
        chosen = self._sampled_rows(spec.seed % self.pictured_seeds, shares)
        distances = np.hypot(self.held_out.distances[chosen], fid / 10)
        near = {"n_real": spec.train_images, "n_fake": 2_000}
        details = {
            "held_out": float(np.median(self.held_out.distances)),
            "nearest_index": self.held_out.indices[chosen].tolist(),
            "distance": distances.tolist(),
        }
        median = float(np.median(distances))
        divergence = 0.02 + fid / 130
        return [
            *rows,
            self._row(spec.steps, "nearest_train", median, details=details, **near),
            self._row(spec.steps, "copied_share", COPIED * random.uniform(0.2, 1.1), **near),
            self._row(spec.steps, "ndb", float(round(5 + 1.6 * fid)), details={"bins": 100}),
            self._row(spec.steps, "ndb_js", divergence),
        ]


_PIXEL_METRICS = ("nearest_train", "copied_share", "ndb", "ndb_js")


@cache
def _noise(seed: int) -> NDArray[np.float64]:
    """Return coarse and fine noise, like an untrained generator's; float64 (64, 28, 28)."""
    random = np.random.default_rng((3, seed))
    coarse = zoom(random.normal(128, 50, (SIDE * SIDE, 7, 7)), (1, 4, 4), order=1)
    return np.asarray(coarse + random.normal(0, 14, coarse.shape))


def _fid(share: float, final: float, rate: float, random: np.random.Generator) -> float:
    """Return the FID after this share of the training."""
    if share == 0:
        return UNTRAINED_FID + random.normal(0, 0.8)
    left = (math.exp(-rate * share) - math.exp(-rate)) / (1 - math.exp(-rate))
    noise = 1 + random.normal(0, 0.06 * (1 - share))
    return (final + (UNTRAINED_FID - final) * left) * noise


def _losses(
    steps: int, final_fid: float, random: np.random.Generator, failed_at: int | None
) -> NDArray[np.float32]:
    """Return float32 (steps, 4) for `RunFolder.losses`; NaN from the step where the run failed."""
    done = np.linspace(0, 1, steps)[:, None]
    start = np.array([0.72, 1.38, 0.5, 0.5])
    target = np.array([0.9 + final_fid / 40, 1.25 - final_fid / 90, 0.6, 0.4])
    target[2:] += np.array([1, -1]) * final_fid / 200
    settled = 1 - np.exp(-6 * done)
    slow = np.cumsum(random.normal(0, 0.008, (steps, 4)), axis=0)
    fast = random.normal(0, 1, (steps, 4)) * np.array([0.12, 0.08, 0.03, 0.03]) * settled
    table = start + (target - start) * settled + slow * settled + fast
    table[:, :2] = np.maximum(table[:, :2], 0.02)
    table[:, 2:] = np.clip(table[:, 2:], 0.01, 0.99)
    if failed_at is not None:
        # The generator's loss grows before it becomes NaN.
        before = min(40, failed_at)
        if before:
            table[failed_at - before : failed_at, 0] += np.geomspace(0.1, 60, before)
        table[failed_at:] = np.nan
    return table.astype(np.float32)


def _record(
    spec: RunSpec,
    traits: Traits,
    random: np.random.Generator,
    status: str,
    reached: list[int],
    done: int,
    tail: str | None,
    certificate: str | None,
) -> Record:
    rate = traits.images_per_s * random.normal(1, 0.02)
    per_step = spec.images_per_step / rate
    first = traits.warmup_s * random.normal(1, 0.05)
    trained = done > spec.chunk_steps
    gflops = 180.6 * random.normal(1, 0.01)
    fraction = None
    if trained and spec.multiply_adds_per_step:
        fraction = 2 * spec.multiply_adds_per_step / per_step / (gflops * 1e9)
    return Record(
        run_id=spec.run_id,
        spec=spec,
        status=status,
        reason=tail.strip().splitlines()[-1].removeprefix("gan_bench.worker.training.Diverged: ")
        if tail
        else None,
        log_tail=tail,
        finished_at=f"2026-01-{2 + spec.seed % 27:02d}T03:04:05+00:00",
        attempts=1,
        steps_done=done,
        paired=True,
        import_s=traits.import_s * random.normal(1, 0.03),
        data_s=0.027,
        setup_s=1.3 * random.normal(1, 0.1),
        warmup_s=first if trained else None,
        resume_s=None,
        train_s=per_step * (done - spec.chunk_steps) if trained else None,
        sample_s=4.7 * len(reached) if reached else None,
        untimed_steps=0,
        images_per_s=rate if trained else None,
        multiply_adds_fraction=fraction,
        peak_rss_mb=traits.peak_rss_mb * random.normal(1, 0.01),
        weights_sha256=f"{zlib.crc32(spec.run_id.encode()):08x}" * 8 if status == "ok" else None,
        parity=certificate,
        evaluation_points=tuple(
            EvaluationPoint(
                step=step,
                images=step * spec.images_per_step,
                train_s=first + per_step * (step - spec.chunk_steps) if step else 0.0,
            )
            for step in reached
        ),
        circumstances=Provenance(
            machine=MACHINE,
            probe_gflops_before=gflops,
            probe_gflops_after=gflops * random.normal(1, 0.005),
            other_load=0.005,
            device_exclusive=True,
            git_commit="3fc56c9308ee13b1760a0752790457e91b154f3c",
            git_dirty=False,
            command="gan-bench run --all --preset standard --dataset mnist-5k",
        ),
    )


def _certificate(recipe: str, parties: tuple[Party, ...], spec: RunSpec) -> Certificate:
    reference, other = parties
    shape = spec.image_shape
    assert shape is not None
    return Certificate(
        id=certificate_id(reference, other, "cpu", shape, spec.recipe_values),
        pair=recipe,
        recipe=recipe,
        reference=reference,
        other=other,
        device="cpu",
        recipe_values=spec.recipe_values,
        image_shape=shape,
        batch_size=16,
        seed=0,
        bounds=BOUNDS,
        figures=(
            measured("held weights", "generator and discriminator", 0.0, BOUNDS.held_weights),
            measured("forward", "generator, training", 3.1e-6, BOUNDS.forward),
            measured("losses", "generator", 4.0e-15, BOUNDS.losses, step=10),
            measured("updates", "generator.0.kernel", 2.2e-13, BOUNDS.updates, step=10),
        ),
        paired_run=PairedRun(
            steps=20,
            batch_size=16,
            dropout=bool(spec.recipe_values.get("dropout")),
            losses_apart={"1e-06": 3, "1e-03": 17, "1e-01": None},
            weights_apart={10: 2.4e-4, 20: 1.9e-3},
        ),
        verdict="passed",
        passed=True,
        problems=(),
        created_at="2026-01-01T03:04:05+00:00",
        machine=MACHINE,
    )


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--implementations", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--runs", type=int, help="instead of implementations and seeds")
    parser.add_argument("--no-failures", action="store_true")
    parser.add_argument("--force", action="store_true", help="replace an existing results folder")
    options = parser.parse_args()
    if options.out.exists() and any(options.out.iterdir()):
        if not options.force or not (options.out / "gan-bench.json").exists():
            parser.error(f"{options.out} is not empty; --force replaces a results folder")
        shutil.rmtree(options.out)
    make_results(
        options.out,
        options.implementations,
        options.seeds,
        options.points,
        runs=options.runs,
        failures=not options.no_failures,
    )


if __name__ == "__main__":
    main()
