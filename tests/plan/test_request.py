"""A plan file's content and the options of the command line make one request."""

import pytest

from gan_bench.errors import UsageError
from gan_bench.plan.request import parse_set, read_plan_file, request, with_options

FILE = {"targets": ["a"], "epochs": 2, "seeds": (0, 1), "set": {"a": {"x": 1, "y": 2}}}


def test_options_that_were_not_given_leave_the_file_as_it_is():
    options = {"targets": (), "all": False, "epochs": None, "seeds": None, "set": ()}
    assert with_options(FILE, options) == FILE


def test_an_option_takes_the_place_of_the_files_value():
    merged = with_options(FILE, {"seeds": "5,7", "targets": ("b",), "all": True, "threads": 3})
    assert merged == {**FILE, "seeds": (5, 7), "targets": ("b",), "all": True, "threads": 3}


def test_a_budget_in_another_unit_replaces_the_files():
    merged = with_options(FILE, {"images": 100})
    assert "epochs" not in merged and merged["images"] == 100
    assert request(merged).images == 100


def test_values_to_set_are_merged_field_by_field():
    merged = with_options(FILE, {"set": ("a.x=9", "b.z=1")})
    assert merged["set"] == {"a": {"x": "9", "y": 2}, "b": {"z": "1"}}
    assert FILE["set"] == {"a": {"x": 1, "y": 2}}


def test_zero_is_a_value_that_was_given_and_is_refused():
    with pytest.raises(UsageError, match="steps: input should be greater than or equal to 1"):
        request(with_options({}, {"steps": 0}))


def test_a_value_without_a_name_is_for_all():
    pairs = ("learning_rate=1e-3", "my.gan.beta1=0.5", "learning_rate=2e-3")
    assert parse_set(pairs) == {"*": {"learning_rate": "2e-3"}, "my.gan": {"beta1": "0.5"}}


@pytest.mark.parametrize("pair", ["learning_rate", ".beta1=0", "=3", "torch-dcgan.=3", 1])
def test_a_value_of_another_form_is_refused(pair):
    with pytest.raises(UsageError, match="--set takes FIELD=VALUE, such as learning_rate=1e-3"):
        parse_set([pair])


@pytest.mark.parametrize("pairs", ["learning_rate=1e-3", 1, 0.5])
def test_what_is_no_list_of_values_is_refused(pairs):
    with pytest.raises(UsageError, match=f"not {pairs!r}"):
        parse_set(pairs)


@pytest.mark.parametrize("epochs", [0, -0.5, float("nan"), True, "many"])
def test_epochs_that_are_no_positive_number_are_refused(epochs):
    with pytest.raises(UsageError, match="epochs"):
        request({"epochs": epochs})


@pytest.mark.parametrize(("name", "hint"), [("p.yaml", True), ("p.json", True), ("p.toml", False)])
def test_a_plan_in_another_language_is_told_the_right_one(tmp_path, name, hint):
    (tmp_path / name).write_text("targets: [dcgan]")
    with pytest.raises(UsageError, match="is not valid TOML") as refused:
        read_plan_file(tmp_path / name, ())
    assert ('plans are TOML, such as targets = ["dcgan"]' in str(refused.value)) is hint


def test_values_to_set_may_be_a_mapping_of_python_values():
    given = {"learning_rate": [1e-4, 2e-4], "my.gan.beta1": 0.5}
    parsed = {"*": {"learning_rate": [1e-4, 2e-4]}, "my.gan": {"beta1": 0.5}}
    assert parse_set(given) == parsed
    assert with_options({}, {"set": given}) == {"set": parsed}
    for name, shown in (("torch-dcgan.", r"'torch-dcgan\.'"), (1, "1")):
        with pytest.raises(UsageError, match=f"not {shown}"):
            parse_set({name: 1})


def test_a_plan_file_takes_lists_of_values(tmp_path):
    (tmp_path / "p.toml").write_text("[set.torch-dcgan]\nlearning_rate = [1e-4, 2e-4]\n")
    content = read_plan_file(tmp_path / "p.toml", ())
    assert request(content).set == {"torch-dcgan": {"learning_rate": [1e-4, 2e-4]}}
