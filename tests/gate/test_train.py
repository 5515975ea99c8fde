"""``gate --run``: which seeds are trained, and what decides."""

import hashlib
import json
import math
import shutil
from datetime import UTC, datetime

import pytest

from gan_bench.errors import UsageError
from gan_bench.gate import chosen_targets
from gan_bench.gate.entries import entries, freeze
from gan_bench.gate.train import Request, train_and_compare
from gan_bench.plan.expand import expand
from gan_bench.plan.request import request as plan_request
from gan_bench.system.devices import machine
from gate_folder import edited, log_normal
from report_folder import add_run, empty_results, protocol, scores_of

OWN = range(10)
FIDS = log_normal(28.0, range(40), spread=0.04)
UNDER = protocol(dataset="mnist-5k", n_real=1_000, n_fake=2_000)


class Runner:
    """Writes the records of a plan's runs in place of training, and keeps what it was asked."""

    def __init__(self, results, fid_of, *, bits=""):
        self.results, self.fid_of, self.bits = empty_results(results), fid_of, bits
        self.seeds = []

    def __call__(self, plan, over=False):
        for spec in plan.runs:
            folder = self.results / "runs" / spec.run_id
            if folder.exists() and not over:
                continue
            shutil.rmtree(folder, ignore_errors=True)
            self.seeds.append((spec.implementation.name, spec.seed))
            fid = self.fid_of(spec.seed)
            if isinstance(fid, str):
                add_run(self.results, spec, status=fid, reason=fid, weights_sha256=None)
                continue
            add_run(
                self.results,
                spec,
                scores=[scores_of({spec.steps: fid}, under=UNDER)],
                weights_sha256=hashlib.sha256(f"{self.bits}{fid}".encode()).hexdigest(),
                circumstances={"machine": machine()},
                finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )


@pytest.fixture
def baseline(tmp_path):
    run = Runner(tmp_path / "before", FIDS.__getitem__)
    asked = {"targets": ("torch-dcgan",), "preset": "ci", "seeds": tuple(OWN)}
    run(expand(plan_request(asked), "gan-bench run"))
    return freeze(tmp_path / "before", "")[0]


@pytest.fixture
def gated(baseline, tmp_path):
    """Gate a change that gives these FIDs; return the row and the seeds that were trained."""

    def gate(fid_of, *, bits="", of=None):
        run = Runner(tmp_path / "after", fid_of, bits=bits)
        chosen = (of or baseline).entries
        targets = {entry.implementation: entry.implementation for entry in chosen}
        request = Request(tmp_path / "after", targets, 3, "gan-bench gate", "fid_lenet", 0.05)
        (row,), _ = train_and_compare(chosen, request, run)
        return row, [seed for _, seed in run.seeds]

    return gate


def test_the_same_bits_on_the_baselines_seeds_need_no_others(gated):
    row, seeds = gated(FIDS.__getitem__)
    assert (row.verdict, seeds) == ("pass", [0, 1, 2])
    assert "bit-identical on the baseline's seeds 0, 1 and 2" in row.why


def test_runs_that_go_other_ways_to_the_same_quality_pass_on_three_fresh_seeds(gated):
    row, seeds = gated(lambda seed: FIDS[39 - seed], bits="other")
    assert (row.verdict, row.seeds) == ("pass", (10, 11, 12))
    assert seeds[-3:] == [10, 11, 12] and set(seeds[:-3]) <= {0, 1, 2}


def test_own_seeds_that_are_better_by_more_than_the_margin_are_an_improvement(gated):
    row, seeds = gated(lambda seed: FIDS[seed] * (0.8 + seed / 500), bits="better")
    assert (row.verdict, seeds) == ("improvement", [0, 1, 2])
    assert "it is at least 19.5% better (95 % bound), more than the margin" in row.why


def test_own_seeds_that_are_a_little_better_just_pass(gated):
    row, seeds = gated(lambda seed: FIDS[seed] * (0.97 + seed / 500), bits="better")
    assert (row.verdict, seeds) == ("pass", [0, 1, 2])
    assert row.why.endswith("it is at least 2.5% better (95 % bound)")


def test_own_seeds_that_are_worse_by_more_than_the_margin_prove_nothing(gated):
    row, seeds = gated(lambda seed: FIDS[seed] * (1.08 if seed < 3 else 1.0), bits="other")
    assert (row.verdict, seeds) == ("pass", [0, 10, 11, 12])


def test_what_trips_twice_fails(gated):
    row, seeds = gated(lambda seed: 1.4 * FIDS[seed], bits="worse")
    assert (row.verdict, row.seeds) == ("regression", (13, 14, 15))
    assert seeds == [0, 10, 11, 12, 13, 14, 15]
    assert row.first.verdict == "regression" and row.first.seeds == (10, 11, 12)
    assert "seeds 10, 11 and 12 failed" in row.why and "so did the fresh seeds" in row.why


def test_what_trips_once_passes_and_says_so(gated):
    row, seeds = gated(lambda seed: FIDS[seed] * (1.4 if seed < 13 else 1.0), bits="unlucky")
    assert (row.verdict, seeds[-3:]) == ("pass", [13, 14, 15])
    assert "the fresh seeds alone passed" in row.why


def test_seeds_that_diverge_fail_when_the_rerun_diverges_too(gated):
    row, _ = gated(lambda seed: "diverged")
    assert (row.verdict, row.first.verdict) == ("diverged", "diverged")


def test_a_rerun_that_crashes_does_not_pass(gated):
    row, _ = gated(lambda seed: 60.0 if seed < 13 else "error", bits="worse")
    assert row.verdict == "not measured"


def test_other_versions_that_round_otherwise_pass_on_the_baselines_own_seeds(
    baseline, gated, tmp_path
):
    path = tmp_path / "b.json"
    baseline.write(path)
    edited(path, lambda v: v["entries"][0]["versions"].update(python="3.10.0"))
    frozen = type(baseline).read(path)
    row, seeds = gated(lambda seed: FIDS[seed] * (1.005 + seed / 1000), bits="other", of=frozen)
    assert (row.verdict, seeds) == ("pass", [0, 1, 2])
    assert "paired with the baseline's own seeds 0, 1 and 2, it is at most 0.8% worse" in row.why
    assert "python (3.10.0 against" in " ".join(row.notes)


def test_another_recipe_is_refused_before_anything_is_trained(baseline, gated, tmp_path):
    path = tmp_path / "b.json"
    baseline.write(path)
    edited(path, lambda v: v["entries"][0]["recipe_values"].update(learning_rate=0.1))
    row, seeds = gated(FIDS.__getitem__, of=type(baseline).read(path))
    assert (row.verdict, seeds) == ("incomparable", [])
    assert "recipe value learning_rate (0.1 against 0.0002); nothing was trained" in row.why


def test_several_values_of_a_field_are_refused(baseline, tmp_path):
    options = {"set": {"torch-dcgan": {"learning_rate": "1e-4,2e-4"}}}
    targets = {"torch-dcgan": "torch-dcgan"}
    asked = Request(tmp_path / "after", targets, 3, "gan-bench gate", "fid_lenet", 0.05, options)
    with pytest.raises(UsageError, match="The gate takes one value of each field of torch-dcgan"):
        train_and_compare(baseline.entries, asked, Runner(tmp_path / "after", FIDS.__getitem__))


def test_runs_that_lay_there_before_do_not_count(baseline, gated, tmp_path):
    stale = Runner(tmp_path / "after", lambda seed: 90.0)
    asked = {"targets": ("torch-dcgan",), "preset": "ci", "seeds": (20, 21, 22)}
    stale(expand(plan_request(asked), ""))
    row, _ = gated(lambda seed: FIDS[seed] * (1.2 if seed < 3 else 1.0), bits="other")
    assert (row.verdict, row.seeds) == ("pass", (10, 11, 12))
    (found,) = entries(tmp_path / "after").entries
    assert {one.seed for one in found.seeds} == {0, 10, 11, 12, 20, 21, 22}


def test_targets_are_names_or_paths_of_the_baselines_implementations(tmp_path):
    (tmp_path / "torch_dcgan.py").touch()
    path = f"{tmp_path}/torch_dcgan.py"
    known = ["torch-dcgan", "x"]
    assert chosen_targets([path], known, run=True) == {"torch-dcgan": path}
    assert chosen_targets([], known, run=False) == {"torch-dcgan": "torch-dcgan", "x": "x"}
    with pytest.raises(UsageError, match=r"x is no registered implementation.*--run \./x\.py"):
        chosen_targets([], known, run=True)
    with pytest.raises(UsageError, match="a path needs --run"):
        chosen_targets([path], known, run=False)


def test_a_class_of_a_file_is_chosen_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_gan.py").touch()
    known = ["my-gan:Slow", "my-gan:Fast"]
    for target in ("my_gan.py:Slow", "./my_gan.py:Slow"):
        assert chosen_targets([target], known, run=True) == {"my-gan:Slow": target}
    with pytest.raises(UsageError, match=r"--run \./my_gan\.py:Slow"):
        chosen_targets(["my-gan:Slow"], known, run=True)
    with pytest.raises(UsageError, match="'my-gan' is not in the baseline"):
        chosen_targets(["my_gan.py"], known, run=True)


COLLAPSING = """
def sample(self, latents, labels=None):
    return np.zeros_like(super().sample(latents, labels))
"""


@pytest.mark.long
def test_a_real_change_fails_and_the_unchanged_plugin_passes_by_its_bits(bench, plugin, tmp_path):
    target = plugin("fake_gan")
    budget = ("--steps", "4", "--samples", "100", "--evaluations", "2", "--metrics", "fid")
    done = bench("run", target, *budget, "--seeds", "10", "--results", "before")
    assert done.code == 0, done.err
    assert bench("baseline", "--results", "before", "--out", "b.json").code == 0
    done = bench("gate", target, "--run", "--baseline", "b.json", "--json")
    assert done.code == 0, (done.out, done.err)
    (row,) = json.loads(done.out)["rows"]
    assert row["verdict"] == "pass" and "bit-identical" in row["why"]

    plugin("fake_gan", COLLAPSING)
    done = bench("gate", target, "--run", "--baseline", "b.json", "--json")
    assert done.code == 1, (done.out, done.err)
    (row,) = json.loads(done.out)["rows"]
    assert row["verdict"] in ("regression", "diverged")
    assert row["first"]["verdict"] == row["verdict"]
    assert row["candidate"] is None or math.isfinite(row["candidate"])
    # Without --run the same folder gives a verdict of all fresh seeds together.
    assert bench("gate", "--baseline", "b.json").code == 1
