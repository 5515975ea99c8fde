"""A description's facts reach the specification without being listed field by field."""

import pytest

from gan_bench.errors import UsageError
from gan_bench.plan import Place
from gan_bench.plan.expand import expand
from gan_bench.plan.request import request
from gan_bench.plugins import frameworks
from gan_bench.plugins.describe import Description, describe
from gan_bench.plugins.registry import RecipeFacts
from recipes import SOURCES


def test_every_fact_of_a_description_is_in_the_specification():
    wanted = {"targets": ("torch-dcgan",), "dataset": "mnist-5k", "preset": "standard"}
    plan = expand(request(wanted | {"device": "cpu", "seeds": (3,)}), "command")
    (spec,) = plan.runs
    described = describe("torch-dcgan", {}, (28, 28, 1))
    for name in RecipeFacts.model_fields:
        assert getattr(spec, name) == getattr(described, name), name
    assert spec.recipe_values == described.recipe_values
    assert (spec.seed, spec.preset, plan.implementations) == (3, "standard", ("torch-dcgan",))


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


def plan_of(*targets, **values):
    wanted = {"targets": targets, "device": "cpu", "dataset": "mnist-5k", **values}
    return expand(request(wanted), "command", Place(device="cpu", threads=1))


def test_runs_are_in_the_order_of_seeds_and_for_each_seed_of_targets():
    plan = plan_of("torch-dcgan", "jax-decay", seeds=(0, 1))
    assert [(spec.implementation.name, spec.seed) for spec in plan.runs] == [
        *(("torch-dcgan", 0), ("jax-decay", 0), ("torch-dcgan", 1), ("jax-decay", 1)),
    ]


@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.jax
def test_without_a_target_the_preset_names_the_implementations_that_are_installed(monkeypatch):
    plan = plan_of()
    assert plan.left_out == ()
    recipes = {spec.implementation.recipe for spec in plan.runs}
    assert recipes == {"dcgan", "dcgan-3g", "decay", "upsampling-sgd"}
    assert {s.implementation.framework for s in plan.runs} == {"torch", "keras", "jax"}
    # Enough updates of small batches for the report to rank by FID.
    assert {(s.recipe_values["batch_size"], s.steps) for s in plan.runs} == {(32, 400)}
    versions = {name: "1" for name in ("torch", "python", "numpy", "gan-bench")}
    monkeypatch.setattr(frameworks, "versions_of", lambda python: versions)
    plan = plan_of()
    assert {spec.implementation.framework for spec in plan.runs} == {"torch"}
    assert [sentence.partition(" ")[0] for sentence in plan.left_out] == [
        "keras-dcgan:",
        "jax-dcgan:",
    ]
    assert "not installed; get it with pip install" in plan.left_out[1]
    versions.pop("torch")
    with pytest.raises(UsageError, match=r"^torch-dcgan: torch not installed; .* keras-dcgan: "):
        plan_of()
    wanted = request({"dataset": "mnist-5k", "seeds": (0,)})
    versions["torch"] = "1"
    on_gpu = expand(wanted, "command", Place(device="cuda:0", threads=1))
    assert set(on_gpu.implementations) == {f"torch-{recipe}" for recipe in SOURCES}
    with pytest.raises(UsageError, match="No target given: name a recipe"):
        plan_of(preset="standard")


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        (("dcgan",), ("jax-dcgan", "keras-dcgan", "torch-dcgan")),
        (("torch-dc*",), ("torch-dcgan", "torch-dcgan-3g")),
        (("torch-decay", "decay"), ("torch-decay", "jax-decay", "keras-decay")),
        (("?a[xy]-decay", "torch-dcgan"), ("jax-decay", "torch-dcgan")),
    ],
)
def test_a_recipe_and_a_pattern_name_their_implementations(targets, names):
    assert plan_of(*targets).implementations == tuple(names)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("torch", "no implementation or recipe named 'torch'; 'torch-*' names torch-augment, "),
        ("tf-*", "No implementation has a name like 'tf-*'; `gan-bench list` shows all of them."),
        ("dcgna", "There is no implementation named 'dcgna'; did you mean dcgan?"),
    ],
)
def test_a_target_that_names_nothing_is_refused_with_what_there_is(target, said):
    with pytest.raises(UsageError) as refused:
        plan_of(target)
    assert said in str(refused.value)


def test_a_value_for_all_counts_where_the_recipe_has_the_field():
    plan = plan_of("torch-dcgan", "torch-decay", set={"*": {"learning_rate": "1e-3"}})
    rates = {spec.implementation.name: spec.recipe_values for spec in plan.runs}
    assert rates["torch-dcgan"]["learning_rate"] == 1e-3
    assert "learning_rate" not in rates["torch-decay"]


def test_a_value_for_one_implementation_counts_before_that_for_several():
    plan = plan_of(
        *("dcgan", "torch-dcgan-3g"),
        set={
            "*": {"beta1": "0.1"},
            "dcgan": {"beta1": "0.2"},
            "keras-dcgan": {"beta1": "0.3"},
        },
    )
    values = {spec.implementation.name: spec.recipe_values["beta1"] for spec in plan.runs}
    assert values == {
        **{"jax-dcgan": 0.2, "torch-dcgan": 0.2},
        **{"keras-dcgan": 0.3, "torch-dcgan-3g": 0.1},
    }


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"*": {"lr": "1"}}, "to run has the field 'lr'; did you mean learning_rate?"),
        ({"torch-dcgan": {"lr": "1"}}, "torch-dcgan has no field 'lr'; did you mean learning_rate"),
        ({"dcgan": {"lr": "1"}}, "to run that dcgan names has the field 'lr'; did you mean"),
        ({"decay": {"dropout": "0"}}, "'decay' has values to set, but is not one of the"),
    ],
)
def test_a_field_that_nothing_has_is_refused_with_the_one_that_was_meant(values, said):
    with pytest.raises(UsageError) as refused:
        plan_of("torch-dcgan", set=values)
    assert said in str(refused.value)


def test_epochs_need_not_be_whole():
    (spec,) = plan_of("torch-dcgan", epochs=0.5).runs
    assert (spec.budget_images, spec.steps, str(spec.budget)) == (2_000, 63, "0.5 epochs")
    (whole,) = plan_of("torch-dcgan", epochs=1).runs
    assert (whole.budget_images, str(whole.budget)) == (4_000, "1 epoch")


@pytest.mark.parametrize(
    ("values", "batch_size"),
    [
        ({}, 32),
        ({"*": {"batch_size": 64}}, 64),
        ({"dcgan": {"batch_size": 64}, "*": {"batch_size": 16}}, 64),
        ({"torch-dcgan": {"batch_size": 8}, "dcgan": {"batch_size": 64}}, 8),
        ({"dcgan": {"batch_size": 64}, "torch-*": {"batch_size": 16}}, 64),
    ],
)
def test_the_most_specific_value_holds_and_any_before_the_presets(values, batch_size):
    (spec,) = plan_of("torch-dcgan", set=values).runs
    assert (spec.preset, spec.recipe_values["batch_size"]) == ("quick", batch_size)


def test_a_bad_value_for_several_is_refused_and_leaves_none_out():
    with pytest.raises(UsageError, match=r"beta1"):
        plan_of(all=True, set={"*": {"beta1": 2}})


@pytest.mark.slow
def test_each_value_of_a_field_is_a_run_with_the_id_that_it_has_alone():
    values = {"torch-dcgan": {"learning_rate": "1e-4,2e-4"}, "dcgan": {"beta1": [0.5, 0.9]}}
    plan = plan_of("torch-dcgan", "jax-dcgan", set=values, seeds=(0, 1))
    alone = [
        *(
            ({"learning_rate": rate, "beta1": beta}, "torch-dcgan")
            for rate in (1e-4, 2e-4)
            for beta in (0.5, 0.9)
        ),
        *(({"beta1": beta}, "jax-dcgan") for beta in (0.5, 0.9)),
    ]
    ids = [
        plan_of(name, set={name: fields}, seeds=(seed,)).runs[0].run_id
        for seed in (0, 1)
        for fields, name in alone
    ]
    assert sorted(spec.run_id for spec in plan.runs) == sorted(ids)
    assert [spec.seed for spec in plan.runs] == [0] * 6 + [1] * 6
    assert len(set(ids)) == 12
    assert list(plan.labels) == [
        spec.run_id
        for name in plan.implementations
        for spec in plan.runs
        if spec.implementation.name == name
    ]
    assert sorted(set(plan.labels.values())) == [
        *(f"jax-dcgan (beta1={beta})" for beta in (0.5, 0.9)),
        *(
            f"torch-dcgan (learning_rate={rate}, beta1={beta})"
            for rate in (0.0001, 0.0002)
            for beta in (0.5, 0.9)
        ),
    ]


def test_runs_of_one_version_have_the_name_of_the_implementation():
    plan = plan_of("torch-dcgan", set={"*": {"learning_rate": "3e-4"}}, seeds=(0, 1))
    assert list(plan.labels.values()) == ["torch-dcgan"] * 2


@pytest.mark.process
def test_a_plugin_has_a_run_for_each_value_too(plugin, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    plan = plan_of(plugin("gan"), set={"gan": {"learning_rate": "0.1,0.2"}})
    assert [spec.recipe_values["learning_rate"] for spec in plan.runs] == [0.1, 0.2]


def test_more_runs_than_a_plan_can_hold_are_refused():
    values = {"torch-dcgan": {"learning_rate": [n / 1000 for n in range(1, 12)]}}
    with pytest.raises(UsageError) as refused:
        plan_of("torch-dcgan", set=values, seeds=tuple(range(10_000)))
    assert str(refused.value) == (
        "A plan has at most 100,000 runs, and this one has 110,000: 10,000 seeds of 11 "
        "combinations of implementation and values; give fewer."
    )


def test_the_defaults_of_changed_values_are_recorded_and_change_no_id():
    values = {"generator_steps": [3, 2], "beta1": 0.9}
    plan = plan_of("torch-dcgan-3g", seeds=(0,), preset="standard", set={"torch-dcgan-3g": values})
    own, changed = plan.runs
    assert own.recipe_defaults == {"beta1": 0.5}
    assert changed.recipe_defaults == {"beta1": 0.5, "generator_steps": 3}
    assert changed.model_copy(update={"recipe_defaults": None}).run_id == changed.run_id
