"""``gan-bench run --until-certain``: rounds of real runs, their verdict, and their report."""

import json

import pytest

from bench import same_bits

# Samples are noise whose brightness is `level`, a little apart from seed to seed.
NOISE = """
def train(self, batches, draws):
    return {{name: np.zeros(len(batches), np.float32) for name in
            ("generator", "discriminator", "d_real", "d_fake")}}

def sample(self, latents, labels=None):
    first = next(iter(self._tensors.values())).flat[0]
    level = {level} * (1 + {spread} * np.sin(1e4 * first))
    noise = np.random.default_rng(0).random((len(latents), 28, 28, 1))
    return (255 * np.clip(level * noise, 0, 1)).astype(np.uint8)
"""
SHORT = ("--steps", "400", "--evaluations", "2", "--samples", "150", "--dataset", "mnist-5k")
CERTAIN = ("--until-certain", "--max-seeds", "5")


def seeds_of(bench):
    found = {}
    for name in bench.run_folders():
        spec = json.loads((name / "spec.json").read_text())
        found.setdefault(spec["implementation"]["name"], []).append(spec["seed"])
    return {name: sorted(seeds) for name, seeds in found.items()}


@pytest.mark.long
def test_seeds_are_added_where_a_place_is_open_and_the_same_command_continues(bench, plugin):
    targets = [
        plugin("dark", NOISE.format(level=0.2, spread=0.01)),
        plugin("grey", NOISE.format(level=0.8, spread=0.1)),
        plugin("light", NOISE.format(level=0.95, spread=0.1)),
    ]
    done = bench("run", *targets, *SHORT, *CERTAIN)
    assert done.code == 0, done.out
    looks = [line for line in done.out.splitlines() if " seeds: " in line and "certain" in line]
    seeds = seeds_of(bench)
    assert seeds == {"dark": [0, 1, 2], "grey": [0, 1, 2, 3], "light": [0, 1, 2, 3]}
    assert looks == [
        "3 seeds: 1 of 3 places is certain, seed 3 follows for grey and light.",
        "4 seeds: 3 of 3 places are certain.",
    ]
    assert "Each of the 3 looks at the seeds has the level 1.7 %" in done.out
    assert "11 of 11 runs succeeded" in done.out

    # Again: everything is reused, and the looks say the same.
    again = bench("run", *targets, *SHORT, *CERTAIN)
    assert [line for line in again.out.splitlines() if line in looks] == looks
    assert seeds_of(bench) == seeds
    # The runs are those of a plan with seeds.
    fixed = bench("run", targets[0], *SHORT, "--seeds", "3", "--results", "fixed")
    assert fixed.code == 0, fixed.err
    for folder in (bench.folder / "fixed" / "runs").iterdir():
        same_bits(folder, bench.folder / "results/local/runs" / folder.name)

    report = bench("report", "--out", "report")
    assert report.code == 0, report.err
    text = (bench.folder / "report" / "report-full.md").read_text()
    assert "added while a place in quality was open, up to 5 seeds" in text
    assert "p values of FIDs are corrected for 3 looks, too" in text
