"""Each example passes the conformance suite, trains a few steps, and is scored, as its README says.

The commands are those of examples/README.md.
"""

import json
import re
import shlex

import pytest

from bench import ROOT

EXAMPLES = ROOT / "examples"
COMMANDS = re.findall(
    r"^gan-bench (?:verify|run) .*$", (EXAMPLES / "README.md").read_text(), re.MULTILINE
)
SHORT = ("--steps", "4", "--samples", "64", "--evaluations", "2", "--metrics", "fid")
NAMES = {
    "lsgan": pytest.mark.torch,
    "cgan-keras": pytest.mark.keras,
    "wgan-gp-jax": pytest.mark.jax,
}


def commands(name):
    """Return what the README says about an example, its paths as they are from anywhere."""
    file = name.replace("-", "_") + ".py"
    found = [line.replace("examples/", f"{EXAMPLES}/") for line in COMMANDS if file in line]
    return [shlex.split(line)[1:] for line in found]


@pytest.fixture(params=[pytest.param(name, marks=mark) for name, mark in NAMES.items()])
def example(request):
    return request.param


def test_the_readme_has_the_commands_of_every_example():
    assert sorted(line.split()[1] for line in COMMANDS) == ["run"] * 3 + ["verify"] * 3
    files = {path.name for path in EXAMPLES.rglob("*.py") if path.parent.name != "tracked"}
    assert files - {"blocks.py", "networks.py", "optuna_search.py"} == {
        f"{n.replace('-', '_')}.py" for n in NAMES
    }


@pytest.mark.long
@pytest.mark.usefixtures("quick_xla")
def test_an_example_keeps_the_contract(bench, example):
    verify, _ = commands(example)
    done = bench(*verify, "--json")
    checks = json.loads(done.out)
    assert [check for check in checks if check["status"] == "failed"] == []
    skipped = {check["name"] for check in checks if check["status"] == "skipped"}
    of_dropout = {"real labels in order"} if example == "cgan-keras" else set()
    assert skipped == {"initial weights are pure", "costs", "weights of the recipe"} | of_dropout
    assert done.code == 0


@pytest.mark.long
@pytest.mark.usefixtures("quick_xla")
def test_an_example_trains_and_is_scored(bench, example):
    _, run = commands(example)
    done = bench(*run, *SHORT)
    assert done.code == 0, done.err + str(bench.records())
    record = bench.records()[example]
    assert (record["status"], record["paired"]) == ("ok", False)
    changed = dict(part.split("=") for part in run if part.startswith(f"{example}."))
    values = {f"{example}.{field}": v for field, v in record["spec"]["recipe_values"].items()}
    assert {name: str(values[name]) for name in changed} == changed
    phrase = "initial weights: its own: not paired with a twin"
    assert phrase in bench("show", run[1]).out
