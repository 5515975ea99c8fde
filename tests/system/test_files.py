"""Atomic writes: whole or not at all."""

import json
import os
import stat

import pytest

from gan_bench.system.files import write_atomically, write_json_atomically


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
