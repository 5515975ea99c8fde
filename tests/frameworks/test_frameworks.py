"""The promises that are made about frameworks, on the frameworks."""

import json

import pytest

from bench import COMMAND_TIMEOUT_S, KILLS_ONCE, same_bits

RECIPES = ("dcgan", "dcgan-3g", "baseline", "enhanced", "upsampling-sgd", "decay")
FRAMEWORKS = ("torch", "keras")
IMPLEMENTATIONS = [
    pytest.param("torch-dcgan", "gan_bench_torch.dcgan:Dcgan", marks=pytest.mark.torch),
    pytest.param(
        "torch-baseline",  # dropout
        "gan_bench_torch.baseline:Baseline",
        marks=[pytest.mark.torch, pytest.mark.long],
    ),
    pytest.param("keras-decay", "gan_bench_keras.decay:Decay", marks=pytest.mark.keras),
    pytest.param(
        "keras-upsampling-sgd",
        "gan_bench_keras.upsampling_sgd:UpsamplingSgd",
        marks=[pytest.mark.keras, pytest.mark.long],
    ),
]
SHORT = ("--steps", "6", "--evaluations", "3", "--samples", "100", "--keep-samples")


def test_every_recipe_is_implemented_in_every_framework(bench):
    rows = json.loads(bench("list", "--json").out)
    assert {row["name"] for row in rows} == {
        f"{framework}-{recipe}" for framework in FRAMEWORKS for recipe in RECIPES
    }
    assert all(
        row["kind"] == ("original" if row["framework"] == origin[row["recipe"]] else "twin")
        for origin in [dict.fromkeys(RECIPES, "keras") | {"dcgan": "torch", "dcgan-3g": "torch"}]
        for row in rows
    )


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.parametrize(
    "recipe", [RECIPES[0], *(pytest.param(name, marks=pytest.mark.long) for name in RECIPES[1:])]
)
def test_both_twins_pass_the_conformance_suite(bench, recipe):
    started = [bench.start("verify", f"{name}-{recipe}", "--json") for name in FRAMEWORKS]
    try:
        for process in started:
            out, err = process.communicate(timeout=COMMAND_TIMEOUT_S)
            checks = json.loads(out)
            assert [check for check in checks if check["status"] != "passed"] == []
            assert len(checks) > 40
            assert process.returncode == 0, err
    finally:
        for process in started:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "trainer"), IMPLEMENTATIONS)
def test_killed_in_the_middle_it_ends_in_the_bits_of_a_calm_run(bench, plugin, name, trainer):
    # Six chunks, a checkpoint after the third; the fifth is trained, and the worker dies before
    # saying so.
    act = "os.kill(os.getpid(), signal.SIGKILL)"
    body = KILLS_ONCE.format(chunk=5, marker=str(bench.folder / "marker"), act=act)
    target = plugin("killed", body, of=trainer)
    smaller = ("--set", "killed.batch_size=32")
    assert bench("run", target, *SHORT, *smaller, "--results", "disturbed").code == 1
    assert bench.records("disturbed")["killed"]["status"] == "killed"
    assert bench("run", target, *SHORT, *smaller, "--results", "disturbed").code == 0
    assert bench.records("disturbed")["killed"]["attempts"] == 2
    calm = plugin("killed", body, of=trainer)  # the marker is there now: nothing happens
    assert bench("run", calm, *SHORT, *smaller, "--results", "calm").code == 0
    assert bench.records("calm")["killed"]["attempts"] == 1
    same_bits(*bench.run_folders("disturbed"), *bench.run_folders("calm"))


@pytest.mark.long
@pytest.mark.torch
@pytest.mark.keras
def test_all_trains_scores_and_reports_every_implementation(bench):
    names = [f"{framework}-{recipe}" for framework in FRAMEWORKS for recipe in RECIPES]
    small = [option for name in names for option in ("--set", f"{name}.batch_size=16")]
    done = bench("run", "--all", "--steps", "2", *SHORT[2:], *small)
    assert done.code == 0, done.out
    records = bench.records()
    assert set(records) == set(names)
    for record in records.values():
        assert record["paired"] is True
        assert record["peak_rss_mb"] > 100
    assert bench("report").code == 0
    page = (bench.folder / "reports/local/report.html").read_text(encoding="utf-8")
    assert all(name in page for name in names)
