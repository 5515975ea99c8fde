"""A plugin's file finds what is beside it, and all of that is part of its source's sha256."""

import multiprocessing
import shutil
import subprocess
import sys

import pytest

from bench import complaint
from gan_bench.errors import UsageError
from gan_bench.plugins.describe import describe
from gan_bench.plugins.loader import describe_here, load_module, load_trainer, plugin_in
from gan_bench.version import __version__

MNIST = (28, 28, 1)
SHORT = ("--steps", "4", "--samples", "64", "--evaluations", "2", "--metrics", "fid")
PLUGIN = """
from gan_bench.testing import FakeTrainer
{imports}
class Gan(FakeTrainer):
    rate = {rate}
"""


@pytest.fixture
def write(tmp_path):
    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def plugin(imports, rate="RATE"):
    return PLUGIN.format(imports=imports, rate=rate)


def rate_of(path):
    return load_trainer(plugin_in(path, None)).rate


def sha256(path):
    return describe_here(str(path), {}, MNIST)[0].source_sha256


WAYS = {
    "beside": ("", "layers.py", "from layers import RATE"),
    "in a folder": ("", "nets/rates.py", "from nets.rates import RATE"),
    "in a folder of folders": ("", "nets/deep/rates.py", "from nets.deep.rates import RATE"),
    "by its module": ("", "nets/rates.py", "from nets import rates\nRATE = rates.RATE"),
    "beside, in a package": ("package/", "package/layers.py", "from layers import RATE"),
    "relative": ("package/", "package/layers.py", "from .layers import RATE"),
    "relative module": ("package/", "package/layers.py", "from . import layers\nRATE=layers.RATE"),
    "relative folder": ("package/", "package/nets/a.py", "from .nets.a import RATE"),
    "from the package's folder": ("package/", "layers.py", "from layers import RATE"),
    "by the package's name": ("package/", "package/layers.py", "from package.layers import RATE"),
    "a name as text": (
        "",
        "nets/rates.py",
        "from importlib import import_module\nRATE = import_module('nets.rates').RATE",
    ),
    "a computed name": (
        "",
        "nets/rates.py",
        "import importlib\nRATE = importlib.import_module('nets.' + 'rates').RATE",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_module_beside_it_is_found_and_counts(write, way):
    folder, helper, imports = WAYS[way]
    files = {f"{folder}gan.py": plugin(imports), helper: "RATE = 1"}
    if folder:
        files[f"{folder}__init__.py"] = ""
    root = write(files)
    path = root / f"{folder}gan.py"
    assert rate_of(path) == 1
    (root / "unrelated.py").write_text("x = 1")
    before = sha256(path)
    moved = root.parent / f"{root.name}-moved"
    shutil.copytree(root, moved)
    (moved / helper).write_text("RATE = 2")
    assert sha256(moved / f"{folder}gan.py") != before
    (moved / helper).write_text("RATE = 1")
    (moved / "unrelated.py").write_text("x = 2")
    again = root.parent / f"{root.name}-again"
    shutil.copytree(moved, again, ignore=shutil.ignore_patterns("__pycache__"))
    # With a computed name, any file may be the one that is imported.
    assert (sha256(again / f"{folder}gan.py") == before) == (way != "a computed name")


@pytest.mark.process
def test_a_folder_that_the_plugin_adds_itself_counts(write):
    add = (
        "import sys; from pathlib import Path\nsys.path.append(str(Path(__file__).parent / 'lib'))"
    )
    root = write({"gan.py": plugin(f"{add}\nfrom rates import RATE"), "lib/rates.py": "RATE = 1"})
    before = describe(str(root / "gan.py"), {}, MNIST).source_sha256
    write({"lib/rates.py": "RATE = 2 # changed"})
    assert describe(str(root / "gan.py"), {}, MNIST).source_sha256 != before


def test_an_import_inside_a_function_counts(write):
    text = plugin("def later():\n    from nets.rates import RATE", "0")
    root = write({"gan.py": text, "nets/rates.py": "RATE = 1"})
    before = sha256(root / "gan.py")
    write({"nets/rates.py": "RATE = 2"})
    assert sha256(root / "gan.py") != before


@pytest.mark.parametrize("folder", ["", "site-packages/"])
def test_what_its_helpers_import_counts(write, folder):
    root = write(
        {
            f"{folder}package/__init__.py": "",
            f"{folder}package/gan.py": plugin("from .layers import RATE"),
            f"{folder}package/layers.py": "from .deep import RATE",
            f"{folder}package/deep.py": "RATE = 1",
        }
    )
    before = sha256(root / f"{folder}package/gan.py")
    write({f"{folder}package/deep.py": "RATE = 2 # changed"})
    assert sha256(root / f"{folder}package/gan.py") != before


def test_two_plugins_get_their_own_modules_of_one_name(write):
    root = write(
        {
            "a/gan.py": plugin("from layers import RATE"),
            "a/layers.py": "RATE = 1",
            "b/gan.py": plugin("from layers import RATE"),
            "b/layers.py": "RATE = 2",
        }
    )
    assert [rate_of(root / name) for name in ("a/gan.py", "b/gan.py", "a/gan.py")] == [1, 2, 1]


@pytest.mark.parametrize("name", ["types", "json", "numpy", "pydantic", "gan_bench"])
def test_a_file_beside_it_hides_no_installed_module(write, name):
    root = write({"gan.py": plugin(f"import {name}", "1"), f"{name}.py": "raise RuntimeError"})
    assert rate_of(root / "gan.py") == 1


@pytest.mark.parametrize("name", ["types", "numpy", "my.gan", "my-gan"])
def test_a_plugin_may_have_the_name_of_a_module_or_none(write, name):
    root = write({f"{name}.py": plugin("from layers import RATE"), "layers.py": "RATE = 1"})
    assert rate_of(root / f"{name}.py") == 1


def test_a_package_may_have_the_name_of_an_installed_one(write):
    files = {"numpy/__init__.py": "", "numpy/layers.py": "RATE = 1"}
    root = write({**files, "numpy/gan.py": plugin("import numpy\nfrom .layers import RATE")})
    assert rate_of(root / "numpy/gan.py") == 1
    before = sha256(root / "numpy/gan.py")
    write({"numpy/layers.py": "RATE = 2"})
    assert sha256(root / "numpy/gan.py") != before


@pytest.mark.process
def test_a_spawned_process_finds_the_plugin_and_what_is_beside_it(write):
    files = {"layers.py": "def double(x):\n    return 2 * x", "__init__.py": ""}
    text = plugin("import layers\nfrom . import layers as same\ndef plus(x): return x + 1", "1")
    root = write({f"package/{name}": content for name, content in files.items()})
    write({"package/gan.py": text})
    module = load_module(plugin_in(root / "package/gan.py", None))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(module.plus, [1]) == [2]
        assert pool.map(module.layers.double, [1]) == [2]
        assert pool.map(module.same.double, [1]) == [2]


TWO = """
from gan_bench.testing import FakeTrainer

class Slow(FakeTrainer): pass
class Fast(FakeTrainer): pass
Best = Fast

def made(rate):
    class Made(FakeTrainer): pass
    return Made

One, Two = made(1), made(2)
"""


def test_a_class_is_part_of_the_name(write):
    path = write({"my_gan.py": TWO}) / "my_gan.py"
    found = [plugin_in(path, name) for name in ("Slow", "Fast", "Best", "One", "Two")]
    assert [i.name for i in found] == [
        *("my-gan:Slow", "my-gan:Fast", "my-gan:Best", "my-gan:One", "my-gan:Two")
    ]
    classes = [load_trainer(implementation) for implementation in found]
    assert len(set(classes)) == 4 and classes[1] is classes[2]
    assert found[0].file_name == "my-gan-Slow"


def test_several_classes_need_a_name_and_two_names_of_one_class_do_not(write):
    path = write({"two.py": TWO}) / "two.py"
    with pytest.raises(
        UsageError,
        match=r"defines 4 trainer classes, Slow, Fast, One and Two; name one, as in two.py:S",
    ):
        plugin_in(path, None)
    path = write({"one.py": TWO.partition("def made")[0].replace("class Slow", "class _Slow")})
    assert plugin_in(path / "one.py", None).attribute == "Fast"


@pytest.mark.parametrize("name", ["No", "a.b", "", "x" * 61])
def test_a_class_that_cannot_be_named_is_refused(write, name):
    path = write({"my_gan.py": TWO}) / "my_gan.py"
    with pytest.raises(UsageError):
        describe_here(f"{path}:{name}", {}, MNIST)


UNKNOWN = {
    "a computed import": "import importlib\ndef later(n): importlib.import_module(f'nets.{n}')",
    "a computed __import__": "def later(n): __import__(n)",
    "another name": "from importlib import import_module as get\ndef later(n): get(n)",
    "runpy": "import runpy\ndef later(): runpy.run_path('nets/rates.py')",
    "a location": "import importlib.util as u\ndef later(): u.spec_from_file_location('a', 'b.py')",
    "exec": "def later(): exec(open('nets/rates.py').read())",
    "in a helper": "import helper",
}


@pytest.mark.parametrize("way", UNKNOWN)
def test_with_code_of_an_unknown_name_all_code_beside_it_counts(write, way):
    folder = write(
        {
            "gan.py": plugin(UNKNOWN[way], "1"),
            "helper.py": UNKNOWN["runpy"],
            "nets/rates.py": "RATE = 1",
            "results/gan-bench.json": "{}",
            "results/old.py": "",
            ".venv/a.py": "",
        }
    )
    (folder / ".#gan.py").symlink_to("nobody@nowhere.1")  # an editor's lock
    (folder / "gone.py").symlink_to("nowhere.py")
    before = sha256(folder / "gan.py")
    write({"results/old.py": "x = 1", ".venv/a.py": "x = 1", "nets/data.json": "1"})
    assert sha256(folder / "gan.py") == before
    write({"nets/rates.py": "RATE = 2"})
    assert sha256(folder / "gan.py") != before


def test_methods_of_models_load_no_code(write):
    ways = "import re\nre.compile(str(1))\ndef later(m): m.eval(); m.compile(m)"
    folder = write({"gan.py": plugin(ways, "1"), "other.py": ""})
    before = sha256(folder / "gan.py")
    write({"other.py": "x = 1"})
    assert sha256(folder / "gan.py") == before


@pytest.mark.slow
def test_too_many_files_beside_code_of_an_unknown_name_are_refused(write):
    folder = write({f"many/f{number}.py": "" for number in range(2001)})
    write({"gan.py": plugin(UNKNOWN["exec"], "1")})
    with pytest.raises(UsageError, match="more than 2000; move the plugin to a folder of its own"):
        sha256(folder / "gan.py")


def test_an_alias_is_no_second_class(write):
    folder = write({"gan.py": plugin("", "1") + "\nAlias = Gan\n"})
    one, other = (plugin_in(folder / "gan.py", name) for name in ("Gan", "Alias"))
    assert one.is_same_class(other)


@pytest.mark.process
@pytest.mark.parametrize(("init", "hint"), [(True, "rename it"), (False, "add an __init__.py")])
def test_a_relative_import_without_a_package_says_what_to_do(write, init, hint):
    files = {"my-pack/gan.py": plugin("from .rates import RATE"), "my-pack/rates.py": "RATE = 1"}
    folder = write(files | ({"my-pack/__init__.py": ""} if init else {}))
    with pytest.raises(UsageError, match=hint):
        describe(str(folder / "my-pack/gan.py"), {}, MNIST)


_DRAWS = """
import json, sys
from pathlib import Path
from gan_bench.plugins.loader import load_seeded, plugin_in
from gan_bench.plugins.registry import Implementation
from gan_bench.plugins.frameworks import GlobalState, seeded
path = Path(sys.argv[1])
one = Implementation(name="gan", framework=sys.argv[2], recipe="r", attribute="Gan", path=str(path))
trainer = load_seeded(one, 3)
before = GlobalState.now()
drawn = [trainer.rate, trainer.later()]
before.restore()
print(json.dumps([*drawn, trainer.later()]))
"""
_TORCH = ("torch", "import torch", "torch.rand(1).item()")
_TENSORFLOW = ("keras", "import tensorflow", "float(tensorflow.random.normal(()))")


@pytest.mark.long_after(1)
@pytest.mark.process
@pytest.mark.parametrize(
    ("framework", "imports", "draw", "lazy"),
    [
        pytest.param(*_TORCH, True, marks=pytest.mark.torch),
        pytest.param(*_TORCH, False, marks=pytest.mark.torch),
        pytest.param(*_TENSORFLOW, True, marks=pytest.mark.keras),
        pytest.param(*_TENSORFLOW, False, marks=[pytest.mark.keras, pytest.mark.long]),
    ],
)
def test_a_framework_is_seeded_when_the_plugin_imports_it(write, framework, imports, draw, lazy):
    name = "lab" if lazy else framework
    text = plugin("" if lazy else imports, "0" if lazy else draw)
    text += (
        f"    framework = {name!r}\n    def later():\n        {imports}\n        return {draw}\n"
    )
    path = write({"gan.py": text}) / "gan.py"
    command = [sys.executable, "-c", _DRAWS, str(path), name]
    first, second = (subprocess.check_output(command, text=True) for _ in range(2))
    assert first == second
    _, later, again = first.strip("[]\n").split(", ")
    assert later == again  # a restored state has a framework that was imported since


@pytest.mark.process
def test_a_random_default_of_a_recipe_is_the_same_in_every_plan(write):
    text = """
import random
from gan_bench.testing import FakeTrainer
from gan_bench.testing.fake import FakeRecipe
RANDOM = random.random()
class Random(FakeRecipe):
    rate: float = RANDOM
class Gan(FakeTrainer):
    recipe_class = Random
"""
    path = str(write({"gan.py": text}) / "gan.py")
    first, second = (describe(path, {}, MNIST).recipe_values["rate"] for _ in range(2))
    assert first == second


SINCE = (
    "the file was written for another version of the trainer contract, which is 2 here: since 2, "
)
OF_ANOTHER_VERSION = {
    "knob": (
        "from gan_bench_recipes.base import LayeredRecipe, knob",
        f"knob in gan_bench_recipes.base; {SINCE}",
    ),
    "losses": ("from gan_bench.trainer import Losses", f"Losses in gan_bench.trainer; {SINCE}"),
    "attribute": (
        "import gan_bench.trainer\ngan_bench.trainer.Losses",
        f"Losses in gan_bench.trainer; {SINCE}",
    ),
    "package": ("from gan_bench_recipes import parts", "parts in gan_bench_recipes; "),
    "module": ("import gan_bench_recipes.parts", "module gan_bench_recipes.parts; "),
    "newer": ("from gan_bench.trainer import Reward", "Reward in gan_bench.trainer; "),
    "typo": (
        "from gan_bench.trainer import Trianer",
        "Trianer in gan_bench.trainer; did you mean Trainer?",
    ),
}
UPGRADE = "upgrade gan-bench: pip install --upgrade gan-bench"


@pytest.mark.process
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("knob", "typo") else pytest.mark.long)
        for name in OF_ANOTHER_VERSION
    ],
)
def test_a_file_that_imports_what_is_not_there_is_of_another_version(bench, plugin, name):
    imports, said = OF_ANOTHER_VERSION[name]
    early, late = plugin("early"), plugin("late")
    file = bench.folder / "early.py"
    file.write_text(f"{imports}\n{file.read_text()}")
    lazy = imports.replace("\n", "\n        ")
    file = bench.folder / "late.py"
    file.write_text(
        f"{file.read_text()}\n    def train(self, batches, draws):\n        {lazy}\n"
        "        return super().train(batches, draws)\n"
    )
    sentence = complaint(bench("run", early, *SHORT))
    assert sentence.startswith(
        f"./early.py cannot be imported: gan-bench {__version__} has no {said}"
    )
    assert complaint(bench("verify", early)) == sentence
    if SINCE in said:
        assert sentence.endswith('"generator": ..., "discriminator": ...}; see CHANGELOG.md.')
    elif "did you mean" not in said:
        assert "; the file was written for another version: CHANGELOG.md says what" in sentence
        assert sentence.endswith(f"; if it is for a newer one, {UPGRADE}.")
    assert bench("run", late, *SHORT).code == 1
    assert bench.records()["late"]["reason"] in sentence


@pytest.mark.long_after(1)
@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.jax
@pytest.mark.parametrize("package", ["gan_bench_torch", "gan_bench_keras", "gan_bench_jax"])
def test_a_loss_that_moved_is_said_to_have_moved(bench, plugin, package):
    file = bench.folder / plugin("gan")
    file.write_text(f"from {package}.base import cross_entropy\n{file.read_text()}")
    said = complaint(bench("verify", "./gan.py"))
    assert f"has no cross_entropy in {package}.base; {SINCE}" in said
    assert "cross_entropy is in losses.py" in said


def test_what_a_plugins_own_modules_lack_is_no_fault_of_the_version(bench, plugin):
    (bench.folder / "beside.py").write_text("")
    file = bench.folder / plugin("gan")
    for imports in ("from beside import knob", "import beside\nbeside.Losses", "import no_such"):
        file.write_text(f"{imports}\n{file.read_text()}")
        said = complaint(bench("verify", "./gan.py"))
        assert "gan-bench" not in said and "contract" not in said


@pytest.mark.parametrize("version", [3, 10])
def test_a_class_of_a_newer_contract_says_to_upgrade(bench, plugin, version):
    newer = plugin("newer", f"contract_version = {version}")
    for command in ("run", "verify"):
        assert complaint(bench(command, newer)).endswith(
            f"newer.py: Plugin has version {version} of the contract, this gan-bench uses version "
            "2; upgrade gan-bench: pip install --upgrade gan-bench."
        )


@pytest.mark.parametrize("version", ["two", 2.0, 0, None, True])
def test_a_contract_version_that_is_none_is_one_sentence(bench, plugin, version):
    odd = plugin("odd", f"contract_version = {version!r}")
    if version is None or version == 2:
        assert bench("verify", odd).code == 0
    else:
        assert (
            f"has version {version} of the contract, this gan-bench uses version 2: train("
            in complaint(bench("verify", odd))
        )
