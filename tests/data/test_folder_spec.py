"""Names of folders of images: parsed, printed, shortened, and refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_bench import data
from gan_bench.data.folder_spec import FolderName
from gan_bench.errors import UsageError
from image_folder import write_images


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("folder:/a/b", FolderName(Path("/a/b"))),
        ("folder:/a/b/", FolderName(Path("/a/b"))),
        ("folder:/a/b,size=28", FolderName(Path("/a/b"), size=(28, 28))),
        ("folder:/a/b,size=28x32", FolderName(Path("/a/b"), size=(28, 32))),
        ("folder:/a/b, channels = 1 ,test=1000", FolderName(Path("/a/b"), None, 1, 1000)),
        ("folder:/a/b,test=0.25,channels=3", FolderName(Path("/a/b"), None, 3, 0.25)),
        ("folder:/a/b,test=.5", FolderName(Path("/a/b"), test=0.5)),
        ("folder:/a, b/c,d,size=9", FolderName(Path("/a, b/c,d"), size=(9, 9))),
        ("folder:/a/b,size=9/", FolderName(Path("/a/b,size=9"))),
        ("folder:/a/b,c=d/,size=9", FolderName(Path("/a/b,c=d"), size=(9, 9))),
        ("folder:/a/b,x=y/c", FolderName(Path("/a/b,x=y/c"))),
        ("folder:/a/size=9", FolderName(Path("/a/size=9"))),
        ("folder:/a/b,,size=9", FolderName(Path("/a/b,"), size=(9, 9))),
    ],
)
def test_options_are_read_from_the_right(text, expected):
    assert FolderName.parse(text) == expected
    assert FolderName.parse(str(expected)) == expected


@given(
    parts=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1)
        .map(lambda part: part + "_")
        .filter(lambda part: len(part) < 60),
        min_size=1,
        max_size=3,
    ),
    size=st.none() | st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
    channels=st.sampled_from([None, 1, 3]),
    test=st.none()
    | st.integers(2, 10**9 - 1)
    | st.integers(1, 9999).map(lambda share: share / 10_000),
)
def test_every_name_is_read_again_as_it_was_meant(parts, size, channels, test):
    name = FolderName(Path("/", *parts), size, channels, test)
    assert FolderName.parse(str(name)) == name


def test_a_relative_path_becomes_absolute(tmp_path, monkeypatch):
    pictures = tmp_path / "pictures"
    write_images(pictures, 20)
    monkeypatch.chdir(pictures.parent)
    assert data.load("folder:pictures").name == f"folder:{pictures}"
    monkeypatch.chdir(pictures)
    assert data.load("folder:.,size=4").name == f"folder:{pictures},size=4"
    monkeypatch.setenv("HOME", str(pictures.parent))
    assert data.load("folder:~/pictures").name == f"folder:{pictures}"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (",siz=28", "no option 'siz'; did you mean size?"),
        (",Channel=1", "no option 'Channel'; did you mean channels?"),
        (",colour=1", "there are size, channels, test, and a path that ends like an option"),
        (",size=28,size=28", "gives size twice"),
        (",size=0", "size must be the pixels of a side, such as 32"),
        (",size=-1", "not '-1'"),
        (",size=28x", "not '28x'"),
        (",size=5000", "from 1 to 4096; not '5000'"),
        (",size=28x28x3", "not '28x28x3'"),
        (",size=", "not ''"),
        (",channels=2", "channels must be 1 for grey or 3 for RGB; not '2'"),
        (",test=1", "at least 2"),
        (",test=0", "not '0'"),
        (",test=1.5", "not '1.5'"),
        (",test=0.0", "not '0.0'"),
        (",test=20%", "not '20%'"),
        (",test=many", "or their share, such as 0.2; not 'many'"),
    ],
)
def test_a_bad_option_is_refused(options, said):
    with pytest.raises(UsageError) as caught:
        FolderName.parse(f"folder:/a/b{options}")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value) and str(caught.value).endswith((".", "?"))


@pytest.mark.parametrize("text", ["folder:", "folder:,size=28"])
def test_no_path_is_refused(text):
    with pytest.raises(UsageError, match="names no folder; write folder:PATH"):
        data.load(text)


@pytest.mark.parametrize("path", ["/a\0b", "/a\udcffb", "~no-such-user/x"])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(UsageError, match=r"cannot be found|not valid UTF-8"):
        data.load(f"folder:{path}")


def test_a_label_and_a_slug_say_nothing_of_the_place():
    name = "folder:/home/me/My Büros: 2,size=28,test=0.2"
    assert data.label(name) == "folder:My Büros: 2 size=28 test=0.2"
    assert data.slug(name) == "folder-My-B-ros-2"
    assert data.slug("folder:/") == data.slug("folder:/図/") == "folder"
    assert len(data.slug(f"folder:/{'x' * 200}")) < 50
    assert data.label("mnist-5k") == data.slug("mnist-5k") == "mnist-5k"


def test_a_name_without_options_says_none():
    name = FolderName.parse("folder:/a/b")
    assert (name.size, name.channels, name.test) == (None, None, None)
    assert str(name) == "folder:/a/b"


def test_equal_sides_are_printed_once_and_options_in_one_order():
    name = FolderName.parse("folder:/a,test=7,channels=3,size=9x9")
    assert str(name) == "folder:/a,size=9,channels=3,test=7"
