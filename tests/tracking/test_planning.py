"""What a tracked loop asks for: names, budgets, values, its source and its framework."""

import linecache

import numpy as np
import pytest

from gan_bench import data
from gan_bench.errors import UsageError
from gan_bench.plan import Budget
from gan_bench.plan.request import parse_budget
from gan_bench.tracking import planning
from gan_bench.tracking.planning import framework_of, planned, source_of

CODE = "x = 1\n"


@pytest.fixture
def source(tmp_path):
    (tmp_path / "train.py").write_text(CODE)
    return source_of(tmp_path / "train.py", "nowhere")


def loop_of(source, **changes):
    values = {
        **{"dataset": "mnist-5k", "seed": 0, "budget": "12.8k images", "batch_size": 32},
        **{"batches_per_step": 1, "framework": "own", "names": {}, "evaluations": None},
        **{"samples": None, "device": "cpu", "threads": 2, "precision": "ieee", "values": None},
    }
    name = changes.pop("name", "my-gan")
    return planned(name, source, **(values | changes))


def spec_of(source, **changes):
    return loop_of(source, **changes)[0]


def test_without_further_words_the_schedule_is_that_of_the_preset(source):
    spec = spec_of(source)
    assert (spec.steps, spec.samples, spec.evaluation_steps) == (400, 1000, (0, 100, 200, 300, 400))
    assert (spec.budget_images, spec.chunk_steps, spec.own_loop) == (12_800, 50, True)
    assert spec_of(source, batches_per_step=4).steps == 100


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "My GAN"}, "'My GAN' cannot be the name of a tracked loop: use at most 60"),
        ({"name": 3}, "3 cannot be the name"),
        ({"name": "torch-dcgan"}, "torch-dcgan is an implementation of `gan-bench list`"),
        ({"dataset": "mnist5k"}, "There is no data set 'mnist5k'"),
        ({"budget": "12800 pictures"}, "The budget is '12800 pictures'; write a number of images"),
        ({"batch_size": 5000}, "batch_size is 5,000, more than the 4,000 training images"),
        ({"batch_size": 0}, "batch_size is a whole number from 1 on, not 0"),
        ({"batch_size": 32.0}, "batch_size is a whole number from 1 on, not 32.0"),
        ({"seed": -1}, "seed is a whole number from 0 on, not -1"),
        ({"evaluations": 1}, "evaluations: input should be greater than or equal to 2 (got 1)"),
        ({"device": "gpu"}, "There is no device 'gpu'"),
        ({"precision": "fp8"}, "precision: "),
        (
            {"framework": "Py Torch"},
            "framework= takes a name in lower-case letters, not 'Py Torch'",
        ),
        ({"values": {"lr": object()}}, "values= has lr, which is object"),
        ({"values": [1]}, "values= takes a dictionary of values by name, not [1]"),
        ({"values": {1: 2}}, "values= has 1; the name of a value is text"),
        *(
            ({"values": {"layers": [{name: 2}]}}, f"values= has {name!r} in layers; the name of")
            for name in (1, None, True, (1, 2))
        ),
        ({"threads": 0}, "threads: "),
        ({"values": {"lr": float("nan")}}, "state finite numbers"),
        ({"values": {"batch_size": 1}}, "values= cannot have 'batch_size'"),
    ],
)
def test_bad_input_is_one_sentence(source, changes, said):
    with pytest.raises(UsageError) as found:
        spec_of(source, **changes)
    assert said in str(found.value)


def test_the_time_of_the_data_is_that_of_loading_them_only(source, monkeypatch):
    clock, load, machine = [0.0], data.load, planning.this_machine

    def after(seconds, call):
        def late(*given):
            clock[0] += seconds
            return call(*given)

        return late

    monkeypatch.setattr(planning, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(data, "load", after(7.0, load))
    monkeypatch.setattr(planning, "this_machine", after(100.0, machine))
    assert loop_of(source)[2] == 7.0 and clock == [107.0]


def test_numbers_of_numpy_are_numbers(source):
    spec = spec_of(source, values={"lr": np.float32(0.5), "betas": (0, np.float64(0.9))})
    assert spec_of(source, values={"widths": range(2)}).recipe_values["widths"] == [0, 1]
    assert spec_of(source, budget=np.int64(3_200), samples=np.int64(64)).steps == 100
    assert spec.recipe_values == {"lr": 0.5, "betas": [0, 0.9], "batch_size": 32}


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("60k images", Budget(unit="images", amount=60_000)),
        ("0.5 epochs", Budget(unit="epochs", amount=0.5)),
        ("1 epoch", Budget(unit="epochs", amount=1)),
        (" 1_000  steps ", Budget(unit="steps", amount=1000)),
        (12_800, Budget(unit="images", amount=12_800)),
        (Budget(unit="steps", amount=3), Budget(unit="steps", amount=3)),
    ],
)
def test_budgets(text, budget):
    assert parse_budget(text) == budget


@pytest.mark.parametrize(
    "text", ["60000", "0 steps", "-1 epochs", "2.5 steps", "nan epochs", 1.5, True, None]
)
def test_what_is_no_budget(text):
    with pytest.raises(UsageError, match="The budget is "):
        parse_budget(text)


@pytest.mark.slow
def test_other_code_is_another_run_and_another_folder_is_not(source, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "train.py").write_text(CODE)
    moved = source_of(other / "train.py", "nowhere")
    assert spec_of(moved).run_id == spec_of(source).run_id
    (other / "train.py").write_text(CODE + "import layers\n")
    assert source_of(other / "train.py", "nowhere").sha256 != source.sha256
    assert spec_of(source, values={"lr": 1}).run_id != spec_of(source).run_id


def test_the_source_is_the_callers_file_or_the_cell_of_a_notebook(tmp_path, monkeypatch):
    assert source_of(None, __file__).path.name == "test_planning.py"
    monkeypatch.setitem(linecache.cache, "<cell 1>", (len(CODE), None, [CODE], "<cell 1>"))
    cell = source_of(None, "<cell 1>")
    assert cell.path is None and "the text of the cell" in cell.what
    assert source_of(None, "<stdin>").what.startswith("nothing")
    with pytest.raises(UsageError, match="There is no Python file"):
        source_of(tmp_path / "absent.py", __file__)


def test_a_framework_that_is_not_registered_is_one_of_its_own(source):
    assert framework_of("tinygrad", {}) == "tinygrad"
    spec = spec_of(source, framework="tinygrad")
    assert spec.implementation.framework == "tinygrad"
    assert {"python", "gan-bench", "numpy"} <= spec.versions.keys()


@pytest.mark.torch
def test_the_framework_is_the_one_that_the_script_imports(source):
    import torch

    assert framework_of(None, {"torch": torch}) == "torch"
    assert framework_of(None, {"Tensor": torch.Tensor}) == "torch"
    assert "torch" in spec_of(source, framework=None, names={"torch": torch}).versions
