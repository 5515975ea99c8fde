"""Temporary folders of killed processes are deleted, and no others."""

import os
import subprocess
import tempfile

import pytest

from gan_bench.system.scratch import scratch_folder


@pytest.mark.process
@pytest.mark.parametrize("beside", [False, True])
def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not(
    monkeypatch, tmp_path, beside
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    names = (f"{ended.pid}-old", f"{ended.pid}-new", f"{os.getppid()}-old")
    folders = [tmp_path / f"{'.' if beside else ''}gan-bench-tmp-{one}" for one in names]
    for folder in folders:
        folder.mkdir()
        (folder / "features").write_bytes(b"0")
        if folder.name.endswith("old"):
            os.utime(folder, (0, 0))
    with scratch_folder(tmp_path if beside else None) as own:
        assert [folder.exists() for folder in folders] == [False, True, True]
        assert own in [str(path) for path in tmp_path.iterdir()]
