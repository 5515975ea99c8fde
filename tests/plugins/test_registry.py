"""Entry points of implementations that cannot be used stop only what needs them."""

import json

import pytest

from bench import complaint
from gan_bench.errors import UsageError
from gan_bench.plugins.registry import find, find_several, registered, registration_problems

SHORT = ("--steps", "4", "--samples", "64", "--evaluations", "2", "--metrics", "fid")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution that registers implementations, as lines of its entry points."""

    def install(name, *entries, version="1.0"):
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text("\n".join(entries))
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


GROUP = "[gan_bench.implementations]"
BAD_NAME = (
    "bench-mlx 1.0 registers the implementation 'MyGan'; a name is <framework>-<recipe> in lower "
    "case, such as torch-dcgan"
)
TWICE = (
    "bench-mlx 1.0 and bench-other 1.0 both register the implementation 'numpy-gan'; uninstall one "
    "of them"
)


@pytest.fixture
def wrong(install):
    install("bench-mlx", GROUP, "MyGan = mlx_gan:Gan", "numpy-gan = mlx_gan:Gan")
    install("bench-other", GROUP, "numpy-gan = other_gan:Gan", "numpy-fine = fine_gan:Gan")
    install("bench-more", GROUP, "numpy-gan-3g = more_gan:Gan")
    return {"MyGan": BAD_NAME, "numpy-gan": TWICE}


def test_entry_points_that_cannot_be_used_are_left_out_with_the_reason(wrong):
    assert registration_problems() == wrong
    names = registered()
    assert "torch-dcgan" in names and "numpy-fine" in names
    assert not {"MyGan", "numpy-gan"} & names.keys()


def test_only_what_needs_such_an_entry_point_fails(wrong):
    assert find(["torch-dcgan", "numpy-fine"]) == ["torch-dcgan", "numpy-fine"]
    for name, problem in wrong.items():
        with pytest.raises(UsageError) as refusal:
            find(["torch-dcgan", name])
        assert str(refusal.value) == f"{problem}."
        with pytest.raises(UsageError) as refusal:
            find_several([name])  # numpy-gan is also the beginning of another name
        assert str(refusal.value) == f"{problem}."


def test_one_distribution_that_registers_a_name_twice_is_told_so(install):
    install("bench-mlx", GROUP, "numpy-gan = mlx_gan:Gan", "numpy-gan = mlx_gan:Other")
    assert registration_problems() == {
        "numpy-gan": "bench-mlx 1.0 registers the implementation 'numpy-gan' twice; update or "
        "uninstall it"
    }


def test_the_same_entry_point_twice_is_no_problem(install):
    install("bench-mlx", GROUP, "numpy-gan = mlx_gan:Gan", GROUP, "numpy-gan = mlx_gan:Gan")
    assert registration_problems() == {} and "numpy-gan" in registered()


@pytest.mark.slow
def test_every_command_goes_on_and_says_what_is_wrong(cli, wrong):
    rows = {row["name"]: row for row in json.loads(cli("list", "--json").out)}
    assert {name: rows[name]["missing"] for name in wrong} == wrong
    assert rows["torch-dcgan"]["kind"] == "original"
    assert "MyGan" in cli("list").out
    findings = {f["what"]: f["detail"] for f in json.loads(cli("doctor", "--json").out)}
    assert {name: findings[f"implementation {name}"] for name in wrong} == wrong
    assert cli("show", "torch-dcgan").code == 0
    for name, problem in wrong.items():
        for command in (("show", name), ("run", name, *SHORT), ("verify", name)):
            assert complaint(cli(*command)) == f"{problem}."


def test_a_recipe_that_two_distributions_register_does_not_stop_the_list(cli, install):
    install("bench-mlx", "[gan_bench.recipes]", "dcgan = mlx_gan:Recipe")
    rows = {row["name"]: row for row in json.loads(cli("list", "--json").out)}
    said = "bench-mlx and gan-bench both register the recipe 'dcgan'; uninstall one of them"
    assert rows["torch-dcgan"]["missing"] == said
    assert rows["torch-decay"]["missing"] != said


@pytest.mark.process
def test_a_plan_of_all_leaves_them_out(cli, wrong):
    done = cli("run", "--all", "--dry-run", "--steps", "4")
    said = done.out + done.err
    assert done.code == 0 and all(f"{problem}." in said for problem in wrong.values())
