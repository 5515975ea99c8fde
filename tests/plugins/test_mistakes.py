"""Where an exception leads an author: to their own lines only."""

import sys
import textwrap

import pytest

from gan_bench.plugins.loader import load_module, load_trainer, plugin_in
from gan_bench.plugins.mistakes import (
    authors_lines,
    is_plain_script,
    is_tracked_script,
    place_of,
)
from gan_bench.plugins.registry import Implementation

GAN = """\
from gan_bench.testing import FakeTrainer
class Gan(FakeTrainer):
    def train(self, batches, draws):
"""


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).strip() + "\n")
        return path

    return write


def crash(path):
    """Return what the trainer of a file raises, and its implementation."""
    implementation = plugin_in(path, None)
    trainer = load_trainer(implementation)
    with pytest.raises(BaseException) as raised:
        trainer.train(None, None, None)
    return raised.value, implementation


def known(error, module):
    """Return the author's lines but those of this file."""
    found = [line for line in authors_lines(error, module) if line.file != __file__]
    return [(line.number, line.function, line.code) for line in found]


def lines(path):
    return known(crash(path)[0], path.stem)


def test_a_mistake_is_at_its_line(write):
    path = write("gan.py", GAN + "        return undefined_name")
    assert lines(path) == [(4, "train", "return undefined_name")]
    assert place_of(*crash(path)) == "in train (gan.py:4)"


def test_lines_of_installed_packages_and_of_gan_bench_are_left_out(write):
    path = write("gan.py", f"import json, numpy as np\n{GAN}        json.loads('no JSON')")
    assert lines(path) == [(5, "train", "json.loads('no JSON')")]
    path = write("other.py", f"import numpy as np\n{GAN}        np.linalg.inv(np.zeros((2, 2)))")
    assert lines(path) == [(5, "train", "np.linalg.inv(np.zeros((2, 2)))")]
    path = write("third.py", f"{GAN}        super().train(batches, draws)")
    assert lines(path) == [(4, "train", "super().train(batches, draws)")]


def test_a_mistake_in_a_module_beside_it_is_at_that_modules_line(write):
    write("nets/layers.py", "def make(size):\n    return 1 / size")
    path = write("gan.py", f"from nets.layers import make\n{GAN}        make(0)")
    assert [function for _, function, _ in lines(path)] == ["train", "make"]
    assert place_of(*crash(path)) == "in make (nets/layers.py:2)"


def test_a_mistake_in_a_file_with_the_name_of_a_module_is_found(write):
    path = write("numpy.py", f"{GAN}        raise ValueError")
    assert place_of(*crash(path)) == "in train (numpy.py:4)"


def test_the_cause_of_an_exception_of_gan_bench_has_the_line(write):
    path = write("gan.py", f"{GAN}        return undefined_name")
    cause, implementation = crash(path)
    try:
        raise RuntimeError("training failed") from cause
    except RuntimeError as caught:
        caught.__traceback__ = None  # as if gan-bench had raised it
        assert place_of(caught, implementation) == "in train (gan.py:4)"


def test_text_that_is_no_python_is_at_its_line(write):
    write("layers.py", "x = 1\nthis is no python")
    path = write("gan.py", "from layers import x\nclass Gan: pass")
    with pytest.raises(SyntaxError) as raised:
        plugin_in(path, None)
    assert known(raised.value, "gan") == [
        (1, "<module>", "from layers import x"),
        (2, "", "this is no python"),
    ]
    unnamed = Implementation(name="gan", framework="", recipe="", attribute="", path=str(path))
    assert place_of(raised.value, unnamed) == "in layers.py:2"


def test_a_recursion_is_shortened(write):
    path = write("gan.py", f"{GAN}        Gan.train(self, batches, draws)")
    assert 1 < len(lines(path)) < 20


def test_lines_of_an_installed_plugin_are_its_authors(write, monkeypatch, tmp_path):
    write("site-packages/my_gans/__init__.py", "")
    write("site-packages/my_gans/gan.py", f"from helpers import fail\n{GAN}        fail()")
    write("site-packages/helpers.py", "def fail():\n    raise ValueError('x')")
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    installed = Implementation(
        name="numpy-gan",
        framework="numpy",
        recipe="fake",
        module="my_gans.gan",
        attribute="Gan",
    )
    with pytest.raises(ValueError, match="x") as raised:
        load_module(installed).Gan.train(None, None, None)
    assert known(raised.value, "my_gans.gan") == [(5, "train", "fail()")]
    assert place_of(raised.value, installed).startswith("in train (")
    for name in ("my_gans.gan", "my_gans", "helpers"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("import torch\nfor step in range(9): print(step)", True),
        ("from my_package import MyGan", True),
        ("def train(): pass\nif __name__ == '__main__': train()", True),
        ("if True:\n    class Gan: pass", False),
        ("Gan = type('Gan', (), {})", False),
        ("import types\nGan = types.new_class('Gan')", False),
        ("exec('class Gan: pass')", False),
        ("this is no python", False),
    ],
)
def test_a_script_that_defines_no_class_is_known_by_its_text(write, text, plain):
    assert is_plain_script(write("script.py", text)) is plain


@pytest.mark.parametrize(
    ("text", "tracked"),
    [
        ("import gan_bench\nbench = gan_bench.track('my-gan')", True),
        ("from gan_bench import track as t\nwith t('my-gan') as bench: pass", True),
        ("from gan_bench import track\nif True: track('my-gan')", True),
        ("from other import track\ntrack('my-gan')", False),
        ("import gan_bench\ndef main(): gan_bench.track('my-gan')", False),
        ("import gan_bench\nif __name__ == '__main__': gan_bench.track('my-gan')", False),
        (f"x = {'+'.join(['1'] * 3000)}", False),
        ("this is no python", False),
    ],
)
def test_a_script_that_tracks_its_own_loop_is_known_by_its_text(write, text, tracked):
    assert is_tracked_script(write("script.py", text)) is tracked
