"""A description's facts reach the specification without being listed field by field."""

from gan_bench.plan import Place
from gan_bench.plan.expand import expand
from gan_bench.plan.request import request
from gan_bench.plugins.describe import Description, describe
from gan_bench.plugins.registry import RecipeFacts


def test_every_fact_of_a_description_is_in_the_specification():
    plan = expand(request({"targets": ("torch-dcgan",), "device": "cpu", "seeds": (3,)}), "command")
    (spec,) = plan.runs
    described = describe("torch-dcgan", {}, (28, 28, 1))
    for name in RecipeFacts.model_fields:
        assert getattr(spec, name) == getattr(described, name), name
    assert spec.recipe_values == described.recipe_values
    assert (spec.seed, spec.preset, plan.implementations) == (3, "quick", ("torch-dcgan",))


def test_the_facts_are_declared_once():
    assert not RecipeFacts.model_fields.keys() & Description.__annotations__.keys()


def test_with_a_gpu_the_budget_is_long_enough_for_it():
    wanted = request({"targets": ("torch-dcgan",), "dataset": "mnist-5k"})
    (spec, *_) = expand(wanted, "command", Place(device="cuda:0", threads=1)).runs
    assert (spec.preset, str(spec.budget), spec.chunk_steps) == ("gpu", "20 epochs", 69)
    on_cpu = {"chunk_steps": 50, "device": "cpu"}
    wanted = request({"targets": ("torch-dcgan",), "dataset": "mnist-5k", "preset": "gpu"})
    (other, *_) = expand(wanted, "command", Place(device="cpu", threads=1)).runs
    assert other == spec.model_copy(update=on_cpu)
