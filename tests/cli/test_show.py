"""What ``gan-bench list`` and ``show`` say of the recipes."""

import json

import pytest

RECIPES = ("dcgan", "dcgan-3g", "baseline", "enhanced", "upsampling-sgd", "decay")
ADAM = {"beta1", "beta2", "adam_epsilon", "adam_epsilon_form"}
BATCH_NORM = {"batch_norm_new_weight", "batch_norm_epsilon", "batch_norm_variance"}
PINNED = {
    *("images", "losses", "flatten", "initial weights", "kernels at the start", "padding"),
    *("compilation", "matmul precision", "GPU memory", "threads"),
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_show_gives_every_pinned_default_and_the_origin_of_every_value(bench, recipe):
    shown = {
        framework: json.loads(bench("show", f"{framework}-{recipe}", "--json").out)
        for framework in ("torch", "keras")
    }
    fields = {field["name"]: field for field in shown["torch"]["fields"]}
    assert set(fields) >= BATCH_NORM | {"dtype", "batch_size"}
    if recipe == "upsampling-sgd":
        assert set(fields) >= {"momentum", "nesterov", "initial_gain"}
        assert "nesterov" in shown["torch"]["conventions"]
    else:
        assert set(fields) >= ADAM | {"leaky_relu_slope"}
    origins = {"source", "chosen", "framework default pinned"}
    assert {field["origin"] for field in fields.values()} <= origins
    assert shown["torch"]["recipe_source"]
    assert shown["torch"]["fields"] == shown["keras"]["fields"]
    for description in shown.values():
        assert set(description["conventions"]) >= PINNED
    assert shown["torch"]["conventions"].pop("compilation") != shown["keras"]["conventions"].pop(
        "compilation"
    )
    assert shown["torch"]["conventions"] == shown["keras"]["conventions"]
    pinned = shown["torch"]["conventions"]
    of_torch = recipe.startswith("dcgan")
    assert ("Keras" in pinned["padding"]) is not of_torch
    assert pinned["kernels at the start"].startswith("N(0, " if of_torch else "Glorot uniform")
    assert "from logits" in pinned["losses"] and "TF32 is off" in pinned["matmul precision"]


def test_the_twin_takes_its_origins_defaults(bench):
    def values(name):
        return {
            f["name"]: f["value"] for f in json.loads(bench("show", name, "--json").out)["fields"]
        }

    torch_arithmetic = {
        "batch_norm_new_weight": 0.1,
        "batch_norm_epsilon": 1e-5,
        "batch_norm_variance": "unbiased",
        "adam_epsilon": 1e-8,
        "adam_epsilon_form": "after",
    }
    keras_arithmetic = {
        "batch_norm_new_weight": 0.01,
        "batch_norm_epsilon": 1e-3,
        "batch_norm_variance": "biased",
        "adam_epsilon": 1e-7,
        "adam_epsilon_form": "before",
    }
    assert values("keras-dcgan").items() >= torch_arithmetic.items()
    assert values("torch-baseline").items() >= keras_arithmetic.items()


@pytest.mark.parametrize("columns", ["60", "90", "120", "170"])
def test_list_keeps_names_whole_and_lines_within_the_terminal(bench, columns):
    lines = bench("list", COLUMNS=columns).out.splitlines()
    assert max(map(len, lines)) <= int(columns)
    names = {line.split()[0] for line in lines if not line.startswith(" ")}
    assert names >= {
        f"{framework}-{recipe}" for framework in ("torch", "keras") for recipe in RECIPES
    }
