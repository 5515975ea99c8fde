"""Losses as a worker writes them, and packed as kept runs have them: the same numbers."""

import io
import shutil
import zipfile

import numpy as np
import pytest

from bench import ROOT
from gan_bench.errors import GanBenchError
from gan_bench.launch.run_one import Options, action
from gan_bench.results.layout import ResultsFolder
from gan_bench.results.losses import losses_content, losses_file, pack_losses, read_losses
from gan_bench.results.pack import packed_run

NAMES = ("generator", "discriminator", "gradient_penalty")
STEPS = 2_000


@pytest.fixture
def written(tmp_path):
    """Losses with everything that a float32 can be, as a worker writes them."""
    random = np.random.default_rng(0)
    table = random.normal(1, 0.1, (STEPS, len(NAMES))).astype(np.float32)
    table[:5, 0] = (np.nan, np.inf, -np.inf, -0.0, np.finfo(np.float32).tiny / 8)
    path = tmp_path / "losses.npy"
    np.save(path, table)
    return path, table


def test_packed_losses_are_the_same_bits_in_less_space(written, tmp_path):
    path, table = written
    packed = tmp_path / "kept" / "losses.npz"
    packed.parent.mkdir()
    pack_losses(path, NAMES, packed)
    assert packed.stat().st_size < 0.8 * path.stat().st_size
    beside = packed.with_suffix(".npy")
    assert read_losses(beside, NAMES).tobytes() == table.tobytes()
    # So the checksum in the record is still the one of the losses.
    assert losses_content(beside, NAMES) == path.read_bytes()


def test_what_the_docs_say_reads_them_with_numpy_alone(written, tmp_path):
    path, table = written
    packed = tmp_path / "packed.npz"
    pack_losses(path, NAMES, packed)
    line = next(
        line
        for line in (ROOT / "docs" / "results.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("losses = ")
    )
    known = {"np": np, "planes": np.load(packed)["planes"]}
    exec(line, known)
    assert known["losses"].tobytes() == table.tobytes()


def test_a_run_that_trains_again_is_read_from_the_file_of_its_worker(written, tmp_path):
    path, table = written
    pack_losses(path, NAMES, path.with_suffix(".npz"))
    np.save(path, table[:3])
    assert losses_file(path) == path
    assert len(read_losses(path, NAMES)) == 3
    path.unlink()
    assert losses_file(path) == path.with_suffix(".npz")
    assert len(read_losses(path, NAMES)) == STEPS


def member(content):
    """A ZIP file with these bytes as its planes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("planes.npy", content)
    return file.getvalue()


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


DAMAGES = {
    "no ZIP file": b"nonsense",
    "nothing in it": member(b""),
    "other columns": member(saved(np.zeros((4, 2, 9), np.uint8))),
    "five bytes in a number": member(saved(np.zeros((5, 3, 9), np.uint8))),
    "numbers": member(saved(np.zeros((4, 3, 9), np.float32))),
    "a step too few": member(saved(np.zeros((4, 3, 9), np.uint8))[:-1]),
    "objects": member(saved(np.zeros((4, 3, 9), np.uint8)).replace(b"'|u1'", b"'|O8'")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_packed_losses_are_named_in_one_sentence(tmp_path, damage):
    packed = tmp_path / "losses.npz"
    packed.write_bytes(DAMAGES[damage])
    with pytest.raises(
        GanBenchError, match=r"^The losses .*losses\.npz are not readable \(.+\)\.$"
    ):
        read_losses(tmp_path / "losses.npy", NAMES)


def test_a_flipped_bit_is_found(written, tmp_path):
    path, _ = written
    packed = tmp_path / "packed.npz"
    pack_losses(path, NAMES, packed)
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "flipped").mkdir()
    (tmp_path / "flipped" / "losses.npz").write_bytes(content)
    with pytest.raises(GanBenchError, match="not readable"):
        read_losses(tmp_path / "flipped" / "losses.npy", NAMES)


def test_without_losses_there_is_no_file(tmp_path):
    assert losses_file(tmp_path / "losses.npy") is None
    with pytest.raises(FileNotFoundError):
        read_losses(tmp_path / "losses.npy", NAMES)


def test_a_run_with_packed_losses_is_whole_and_is_not_trained_again():
    for kept in ResultsFolder(ROOT / "results" / "reference").run_folders():
        assert action(kept, Options("gan-bench run", retry=True)) == "reuse"


def test_a_kept_run_is_packed_and_shared_with_the_losses_of_its_worker(tmp_path):
    """An archive of kept runs has ``losses.npy``, which every version reads."""
    kept = ResultsFolder(ROOT / "results" / "reference").run_folders()[0]
    copy = tmp_path / kept.path.name
    shutil.copytree(kept.path, copy)
    files = packed_run(type(kept)(copy))
    assert not kept.losses.exists() and "losses.npz" not in files
    np.load(io.BytesIO(files["losses.npy"]))
