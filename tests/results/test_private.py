"""What is shortened in a packed file, and what is not."""

import getpass
import platform
from pathlib import Path

import pytest

from gan_bench import data
from gan_bench.results.private import private, private_dataset

HOME, HOST, USER = str(Path.home()), platform.node(), getpass.getuser()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"see {HOME}/a/b.txt.", "see b.txt."),
        (f"'{HOME}/a/b.txt' and /x/y (line 4)", "'b.txt' and y (line 4)"),
        (f"in {HOME}", "in ..."),
        ("/data/set/,size=4", "set,size=4"),
        ("../secret/file.py:3: ~/other/x", "file.py:3: x"),
        ("~ann/models/w.pt", "w.pt"),
        ("file:///srv/models/w.pt", "w.pt"),
        ("folder:/srv/faces", "folder:faces"),
        ("1,000 images/s, 50 / 3, 1/2, and/or", "1,000 images/s, 50 / 3, 1/2, and/or"),
        ("https://example.org/a/b?c=/d/e", "https://example.org/a/b?c=/d/e"),
        ("x / 127.5 - 1", "x / 127.5 - 1"),
        ("", ""),
    ],
)
def test_paths_are_shortened_to_their_last_part(text, expected):
    assert private(text) == expected
    assert private({"reason": [text, 4, None]}) == {"reason": [expected, 4, None]}


def test_names_are_replaced_in_free_text_only():
    text = f"{USER}@{HOST}: no, not {USER}s or x{HOST}"
    assert private({"reason": text})["reason"].startswith("USER@HOST: no, not ")
    assert private({"name": USER, "framework": HOST}) == {"name": USER, "framework": HOST}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("gan-bench run ./a/my_gan.py:Small", "gan-bench run my_gan.py:Small"),
        ("gan-bench run x --results=../r/1 --set w=a/b", "gan-bench run x --results=1 --set w=b"),
        ("gan-bench run x --dataset folder:a/faces,size=4", None),
        ("gan-bench score mnist:test:1000 'my images/x' --as Mine", None),
    ],
)
def test_in_a_command_relative_paths_are_shortened_too(command, expected):
    expected = expected or command.replace("a/faces", "faces").replace("'my images/x'", "x")
    assert private(command, "command") == expected


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        (
            "command",
            "gan-bench run x --mlflow-uri http://ann:s3cret@mlflow.corp:5000",
            "gan-bench run x --mlflow-uri http://mlflow.corp:5000",
        ),
        ("command", "gan-bench run --mlflow-uri=sqlite:////srv/ann/m.db", None),
        ("command", "python train.py --token=abc -k s3cret", "python train.py --token -k"),
        ("command", "/srv/ann/python3 -u a/train.py s3cret", "python3 train.py -u"),
        (
            "command",
            "gan-bench run x --slurm partition=gpu,account=proj-secret",
            "gan-bench run x --slurm ...",
        ),
        ("command", "gan-bench run x --slurm=account=secret", "gan-bench run x --slurm=..."),
        ("command", "gan-bench score a '/data/My Faces/ann/x.npz'", "gan-bench score a x.npz"),
        ("reason", "no https://ann:tok@git.corp/x", "no https://git.corp/x"),
        ("reason", "projects/secret/fakes.npz, images/s", "fakes.npz, images/s"),
        ("reason", "see '/data/My Faces/ann/x.npz'.", "see 'x.npz'."),
        ("reason", "in C:\\Users\\ann\\x", "in x"),
        ("images", "projects/secret/fakes.npz", "fakes.npz"),
        ("images", "C:\\Users\\ann\\x.npz", "x.npz"),
        ("images", "mnist-5k:test:100", "mnist-5k:test:100"),
    ],
)
def test_secrets_and_other_paths_are_left_out(field, text, expected):
    expected = expected or "gan-bench run --mlflow-uri=sqlite:m.db"
    assert private(text, field) == expected
    assert private(expected, field) == expected


@pytest.mark.parametrize(
    "name",
    [
        "mnist",
        "mnist,pad=32",
        "folder:/srv/my faces,size=64,channels=3",
        "folder:/srv/faces/",
        "folder:/srv/size=4/,size=64",
        "folder:/srv/a,b=c/,test=0.2",
        "folder:/srv/größe",
    ],
)
def test_the_name_of_a_data_set_keeps_its_label(name):
    short = private_dataset(name)
    assert data.label(short) == data.label(name) and data.slug(short) == data.slug(name)
    assert "/srv" not in short and private_dataset(short) == short


def test_long_text_is_shortened_in_a_time_that_is_proportional():
    """The square of the length would take many minutes, and the suite's time limit ends that."""
    for text in ("a" * 50_000, "a." * 25_000, "/" * 50_000, "~" * 50_000, "a/" * 25_000):
        for field in ("reason", "command"):
            once = private(text, field)
            assert private(once, field) == once
