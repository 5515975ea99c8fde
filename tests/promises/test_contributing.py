"""The instructions in CONTRIBUTING.md work as written."""

import json
import re

import pytest

from bench import ROOT

CONTRIBUTING = ROOT / "CONTRIBUTING.md"


@pytest.mark.slow
@pytest.mark.torch
def test_the_implementation_in_ten_minutes_verifies_and_runs(bench):
    (source,) = re.findall(r"```python\n(.*?)```", CONTRIBUTING.read_text(), re.DOTALL)
    (bench.folder / "my_gan.py").write_text(source)
    done = bench("verify", "./my_gan.py", "--json")
    assert [check for check in json.loads(done.out) if check["status"] != "passed"] == []
    assert done.code == 0
    change = ("--set", "my-gan.learning_rate=1e-3")
    done = bench("run", "./my_gan.py", *change, "--images", "2000", "--evaluations", "2")
    assert done.code == 0, done.err
    record = bench.records()["my-gan"]
    assert record["paired"] is True
    assert record["spec"]["recipe_values"]["learning_rate"] == 1e-3
    assert record["spec"]["parameters"] == {
        "generator": 100 * 256 + 256 + 256 * 784 + 784,
        "discriminator": 784 * 256 + 256 + 256 + 1,
    }
