"""What installed packages register."""

import os
import sys

from gan_bench.system.packages import entry_points

GROUP = "gan_bench.tests"


def install(folder, name):
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {name}:made\n")


def test_a_package_that_is_installed_later_is_found(tmp_path, monkeypatch):
    assert not entry_points(GROUP)
    install(tmp_path, "first")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert {point.name for point in entry_points(GROUP)} == {"first"}
    install(tmp_path, "second")
    later = tmp_path.stat().st_mtime_ns + 1_000_000_000  # a clock may tick seldom
    os.utime(tmp_path, ns=(later, later))
    assert {point.name for point in entry_points(GROUP)} == {"first", "second"}
    assert {point.value for point in entry_points(GROUP)} == {"first:made", "second:made"}
