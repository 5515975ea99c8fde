"""The instructions in CONTRIBUTING.md work as written: the test follows them."""

import json
import re
import shlex

import pytest

from bench import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
SECTION = re.search(r"^## Add an implementation in ten minutes\n(.*?)^## ", TEXT, re.S | re.M)
BLOCK = re.compile(r"^```(python|)\n(.*?)^```$", re.S | re.M)
FILE = re.compile(r"[Ss]ave this as\s+`([\w.]+)`")


def follow(bench):
    """Save each file and run each command in the order of the text; return what each printed."""
    said, end = {}, 0
    for block in BLOCK.finditer(SECTION[1]):
        kind, content = block.groups()
        if kind == "python":
            *_, name = FILE.findall(SECTION[1], end, block.start())
            (bench.folder / name).write_text(content)
        else:
            for line in content.splitlines():
                program, *arguments = shlex.split(line)
                assert program == "gan-bench"
                json_too = ("--json",) if arguments[0] == "verify" else ()
                done = bench(*arguments, *json_too)
                assert done.code == 0, (line, done.out, done.err)
                said[" ".join(arguments[:2])] = done.out
        end = block.end()
    return said


@pytest.mark.long
@pytest.mark.torch
def test_the_implementation_in_ten_minutes_verifies_and_runs(bench):
    said = follow(bench)
    assert {path.name for path in bench.folder.glob("*.py")} == {"my_gan.py", "my_paired_gan.py"}
    statuses = [
        {check["name"]: check["status"] for check in json.loads(said[f"verify ./{name}.py"])}
        for name in ("my_gan", "my_paired_gan")
    ]
    assert {name for name, status in statuses[0].items() if status != "passed"} == {
        *("initial weights are pure", "costs", "weights of the recipe")
    }
    assert set(statuses[1].values()) == {"passed"}
    record = bench.records()["my-gan"]
    assert record["paired"] is False
    assert record["spec"]["recipe_values"]["learning_rate"] == 1e-3
    assert bench.records()["torch-dcgan"]["paired"] is True
    page = (bench.folder / "reports/local/report-full.md").read_text()
    assert "its own: not paired with a twin" in page

    shown = json.loads(bench("show", "./my_paired_gan.py", "--json").out)
    assert shown["parameters"] == {
        "generator": 100 * 256 + 256 + 256 * 784 + 784,
        "discriminator": 784 * 256 + 256 + 256 + 1,
    }
