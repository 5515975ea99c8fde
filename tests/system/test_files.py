"""Atomic writes: whole or not at all."""

import hashlib
import json
import os
import stat
import tempfile
import tracemalloc

import pytest

from gan_bench.scoring.features.model_cache import cached_model
from gan_bench.system import files
from gan_bench.system.files import (
    file_sha256,
    last_lines,
    read_limited,
    write_atomically,
    write_json_atomically,
)


def test_writes_a_new_file_and_replaces_an_old_one(tmp_path):
    path = tmp_path / "file.bin"
    write_atomically(path, b"first")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_half_way_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "file.bin"
    write_atomically(path, b"old")

    def full_disk(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_as_readable_as_the_user_wants(tmp_path):
    mask = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file.bin", b"")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "file.bin").stat().st_mode) == 0o640


def test_json_comes_back_as_it_was(tmp_path):
    value = {"name": "Fréchet", "value": 0.1 + 0.2, "missing": None, "rows": [1, 2]}
    write_json_atomically(tmp_path / "file.json", value)
    assert json.loads((tmp_path / "file.json").read_text(encoding="utf-8")) == value


@pytest.mark.parametrize("figure", [float("nan"), float("inf")])
def test_json_without_a_finite_figure_is_not_written(tmp_path, figure):
    with pytest.raises(ValueError, match="JSON"):
        write_json_atomically(tmp_path / "file.json", {"value": figure})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"one", ["one"]),
        (b"one\ntwo\n\n  \n", ["one", "two"]),
        (b"one\n\n  three\nfour\n", ["", "  three", "four"]),
        (b"bad \xff byte\n", ["bad \ufffd byte"]),
    ],
)
def test_the_last_lines_of_a_log_end_with_its_last_word(tmp_path, content, lines):
    path = tmp_path / "log"
    path.write_bytes(content)
    assert last_lines(path, 3) == lines
    assert last_lines(path) == lines[-1:]


def test_the_last_lines_of_a_log_without_an_end_are_read_from_its_end_only(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"x" * 1_000_000 + b"\nlast\n")
    first, last = last_lines(path, 30)
    assert last == "last" and len(first) < 20_000


def test_a_log_that_cannot_be_read_has_no_lines(tmp_path):
    assert last_lines(tmp_path / "absent") == []
    assert last_lines(tmp_path) == []


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_a_file_is_read_up_to_its_limit(tmp_path, size):
    path = tmp_path / "file"
    path.write_bytes(content := bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    assert read_limited(path, size) == read_limited(path, size + 1) == content
    if size:
        with pytest.raises(OSError, match="it is larger than"):
            read_limited(path, size - 1)


def test_reading_takes_memory_for_what_a_file_has_and_not_for_what_it_may_have(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    tracemalloc.start()
    try:
        read_limited(path, 1 << 30)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_a_files_sha256_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc" * 100_000)
    assert file_sha256(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A cache below a file, and a folder for temporary files."""
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "below"))
    return tmp_path / "temporary" / f"gan-bench-cache-{os.getuid()}"


def test_a_cache_that_cannot_be_written_is_replaced_and_nothing_is_made(cache, monkeypatch):
    assert files.writable_cache() == cache
    assert files.cache_folders() == (files.cache_folder(), cache)
    assert f"file is not a folder); {cache} is used instead." in files.cache_problem()
    assert not cache.exists()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent / "new" / "folder"))
    assert files.writable_cache() == files.cache_folder()
    assert files.cache_folders() == (files.cache_folder(),)
    assert files.cache_problem() is None


@pytest.mark.parametrize("kind", ["link", "file", "open"])
def test_what_another_user_may_have_put_in_its_place_is_not_used(cache, kind):
    if kind == "link":
        cache.symlink_to(cache.parent)
    elif kind == "file":
        cache.touch()
    else:
        cache.mkdir()
        cache.chmod(0o777)
    assert files.writable_cache() == files.cache_folder()
    assert "set XDG_CACHE_HOME to another folder" in files.cache_problem()


def test_what_a_cache_has_that_can_only_be_read_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    own = files.cache_folder()
    (own / "features").mkdir(parents=True)
    (own / "features" / "x.onnx").write_bytes(b"model")
    digest = hashlib.sha256(b"model").hexdigest()
    (own / "features" / "x.json").write_text(f'{{"sha256": "{digest}"}}')
    monkeypatch.setattr(files, "obstacle", lambda folder: "it is read-only")
    assert files.writable_cache() != own
    path, _ = cached_model("x")
    assert path == own / "features" / "x.onnx"
