"""Damaged and hostile archives are refused in a sentence, and leave nothing behind."""

import hashlib
import json
import shutil
import stat
import struct
import tracemalloc
import warnings
import zipfile

import pytest

from bench import complaint
from gan_bench import load_results
from gan_bench.plan import Plan
from gan_bench.results import unpack
from report_folder import add_run, empty_results, run_spec, scores_of, some_losses

RUN = run_spec().run_id
RECORD = f"runs/{RUN}/record.json"


@pytest.fixture
def archive(cli):
    """A valid archive of one run."""
    path = empty_results(cli.folder / "results/local")
    add_run(path, run_spec(), scores=[scores_of({600: 4.0})], losses=some_losses(600))
    assert cli("pack", "--out", "good.zip").code == 0
    return cli.folder / "good.zip"


def members(archive):
    with zipfile.ZipFile(archive) as opened:
        return {info.filename: opened.read(info) for info in opened.infolist()}


def write(path, files, manifest=None, change=None):
    """Write files as an archive, with a manifest that agrees with them, each entry changed."""
    files = {name: text for name, text in files.items() if name != unpack.MANIFEST}
    digests = {name: hashlib.sha256(text).hexdigest() for name, text in files.items()}
    known = {"schema_version": 1, "results_schema_version": 1, "gan_bench": "0", "files": digests}
    text = json.dumps(known | (manifest or {})).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of duplicates
        for name, content in [*files.items(), (unpack.MANIFEST, text)]:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o100644 << 16
            if change:
                change(info)
            opened.writestr(info, content)


def refused(cli, said):
    before = {path.name for path in cli.folder.iterdir()}
    error = complaint(cli("report", "bad.zip", "--out", "out"))
    assert error.startswith("The archive bad.zip is refused: "), error
    assert said in error
    assert error.endswith("get it again, or have it packed again with `gan-bench pack`.")
    assert {path.name for path in cli.folder.iterdir()} == before
    return error


def test_what_these_tests_write_is_otherwise_valid(cli, archive):
    write(cli.folder / "bad.zip", members(archive))
    done = cli("export", "--results", "bad.zip")
    assert done.code == 0 and done.err == "", done.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../outside.json", "would leave the folder"),
        ("runs/../../outside.json", "would leave the folder"),
        ("/tmp/outside.json", "would leave the folder"),
        ("C:/outside.json", "would leave the folder"),
        ("C:outside.json", "would leave the folder"),
        ("runs\\..\\..\\outside.json", "would leave the folder"),
        ("\\\\host\\outside.json", "would leave the folder"),
        ("runs/a/spec.json/../../../../b", "would leave the folder"),
        ("README.md", "no file of a results folder"),
        ("runs/a/evil.py", "no file of a results folder"),
        ("runs/a/checkpoints/1/weights.bin", "no file of a results folder"),
        ("runs/a/b/record.json", "no file of a results folder"),
        ("runs/./record.json", "no file of a results folder"),
        ("runs//record.json", "no file of a results folder"),
        ("runs/.hidden/record.json", "no file of a results folder"),
        ("runs/a\n\x1b[31m/record.json", "no file of a results folder"),
        ("runs/a:b/record.json", "no file of a results folder"),
        ("runs/a./record.json", "no file of a results folder"),
        ("runs/a/losses.npy\x00.txt", "no file of a results folder"),
        ("runs/" + "a" * 300 + "/record.json", "cannot be unpacked (File name too long)"),
    ],
)
def test_names_outside_the_layout(cli, archive, name, said):
    content = members(archive) | {"placeholder-name": b"{}"}
    placeholder = "x" * len(name.encode())
    content[placeholder] = content.pop("placeholder-name")
    write(cli.folder / "bad.zip", content)
    # The names are written as bytes, as no tool that follows the format would write some of them.
    raw = (cli.folder / "bad.zip").read_bytes()
    raw = raw.replace(placeholder.encode(), name.encode())
    (cli.folder / "bad.zip").write_bytes(raw)
    if "too long" in said:
        content[name] = content.pop(placeholder)
        write(cli.folder / "bad.zip", content)
    error = refused(cli, said)
    assert "\x1b" not in error


@pytest.mark.parametrize(
    ("mode", "named"),
    [
        (stat.S_IFLNK, "link"),
        (stat.S_IFCHR, "device"),
        (stat.S_IFIFO, "a link"),
        (stat.S_IFDIR, "folder"),
    ],
)
def test_links_and_devices(cli, archive, mode, named):
    def change(info):
        if info.filename == RECORD:
            info.external_attr = (mode | 0o777) << 16

    write(cli.folder / "bad.zip", members(archive) | {RECORD: b"/etc/passwd"}, change=change)
    refused(cli, "in it is a link, a folder or a device")


@pytest.mark.parametrize(
    "name",
    [
        RECORD,
        f"runs/{RUN}/RECORD.json",
        f"RUNS/{RUN}/record.json",
        f"runs/{RUN.upper()}/record.json",
        f"runs/{RUN}/re\N{LATIN SMALL LETTER LONG S}ord.json".replace(
            "re\N{LATIN SMALL LETTER LONG S}", "rec"
        ),
        f"runs/\N{FULLWIDTH LATIN SMALL LETTER T}{RUN[1:]}/record.json",
    ],
)
def test_two_files_of_one_name(cli, archive, name):
    write(cli.folder / "bad.zip", members(archive))
    with zipfile.ZipFile(cli.folder / "bad.zip", "a") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened.writestr(name, b"{}")
    refused(cli, "twice")


def test_two_names_that_differ_in_the_composition_of_a_letter(cli, archive):
    names = ("runs/caf\N{LATIN SMALL LETTER E WITH ACUTE}/record.json",)
    names += ("runs/cafe\N{COMBINING ACUTE ACCENT}/record.json",)
    write(cli.folder / "bad.zip", members(archive) | dict.fromkeys(names, b"{}"))
    refused(cli, "twice")


def test_names_that_are_not_utf_8(cli, archive):
    name = "runs/caf\N{LATIN SMALL LETTER E WITH ACUTE}/record.json"
    write(cli.folder / "bad.zip", members(archive) | {name: b"{}"})
    raw = (cli.folder / "bad.zip").read_bytes()
    for other in (b"caf\xff\xfe", b"caf\xe9-"):
        (cli.folder / "bad.zip").write_bytes(raw.replace("caf\u00e9".encode(), other))
        refused(cli, "the name of a file in it is not UTF-8")


def bomb(archive, size):
    return members(archive) | {f"runs/{RUN}/losses.npy": bytes(size)}


def test_more_than_a_hundred_times_its_size(cli, archive):
    write(cli.folder / "bad.zip", bomb(archive, 80 << 20))
    assert (cli.folder / "bad.zip").stat().st_size < 1 << 20
    refused(cli, "it unpacks to more than 100 times its size")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_are_unpacked_without_a_limit(cli, archive, method):
    def change(info):
        info.compress_type = method

    write(cli.folder / "bad.zip", bomb(archive, 8 << 20), change=change)
    refused(cli, "is compressed in another way than `pack` does it")


def headers(raw, name):
    """Yield the offset of the sizes in the local header and in the list, of one file."""
    place = raw.index(b"PK\x03\x04")
    while raw[place + 30 : place + 30 + len(name)] != name.encode():
        place = raw.index(b"PK\x03\x04", place + 4)
    yield place + 18
    place = raw.index(b"PK\x01\x02")
    while raw[place + 46 : place + 46 + len(name)] != name.encode():
        place = raw.index(b"PK\x01\x02", place + 4)
    yield place + 20


@pytest.mark.parametrize("stated", [0, 10, 1 << 20])
def test_a_size_that_is_not_the_one_stated(cli, archive, stated):
    name = f"runs/{RUN}/losses.npy"
    write(cli.folder / "bad.zip", bomb(archive, 70 << 20))
    raw = bytearray((cli.folder / "bad.zip").read_bytes())
    for place in headers(bytes(raw), name):
        struct.pack_into("<L", raw, place + 4, stated)
    (cli.folder / "bad.zip").write_bytes(raw)
    refused(cli, "")


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [
        ("MOST_FILES", 3, "files, more than 3"),
        ("LARGEST_TOTAL_BYTES", 1000, "it unpacks to more than 0 GiB"),
        ("_LARGEST_LIST_BYTES", 100, "its list of files is larger than 0 MiB"),
        ("_LAYOUT", tuple((pattern, 10) for pattern, _ in unpack._LAYOUT), "is larger than 0 MiB"),
    ],
)
def test_more_than_a_limit(cli, archive, monkeypatch, limit, value, said):
    monkeypatch.setattr(unpack, limit, value)
    archive.rename(cli.folder / "bad.zip")
    refused(cli, said)


def test_an_archive_of_more_than_65_535_files_has_its_list_elsewhere(cli, archive, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    write(cli.folder / "bad.zip", members(archive))
    assert b"PK\x06\x06" in (cli.folder / "bad.zip").read_bytes()
    assert cli("export", "--results", "bad.zip").code == 0
    raw = bytearray((cli.folder / "bad.zip").read_bytes())
    place = raw.index(b"PK\x06\x06")
    struct.pack_into("<Q", raw, raw.index(b"PK\x06\x07") + 8, 0)  # a place without such a record
    struct.pack_into("<Q", raw, place + 40, 1 << 40)  # the length of the list
    (cli.folder / "bad.zip").write_bytes(raw)
    shutil.rmtree(cli.folder / "reports")
    refused(cli, "its list of files is larger than 32 MiB")


def test_encrypted(cli, archive):
    archive.rename(cli.folder / "bad.zip")
    raw = bytearray((cli.folder / "bad.zip").read_bytes())
    local, listed = headers(bytes(raw), RECORD)
    for place in (local - 12, listed - 12):
        raw[place] |= 1
    (cli.folder / "bad.zip").write_bytes(raw)
    refused(cli, f"{RECORD!r} is encrypted")


@pytest.mark.parametrize("kept", [0, 1, 100, -1, -30, -200])
def test_truncated(cli, archive, kept):
    (cli.folder / "bad.zip").write_bytes(archive.read_bytes()[:kept])
    refused(cli, "")


@pytest.mark.slow
def test_every_damaged_byte_is_refused_or_harmless(cli, archive):
    good = archive.read_bytes()
    (cli.folder / "bad.zip").write_bytes(good)
    rows = load(cli)
    for place in range(0, len(good), max(1, len(good) // 150)):
        raw = bytearray(good)
        raw[place] ^= 0xFF
        (cli.folder / "bad.zip").write_bytes(raw)
        done = cli("export", "--results", "bad.zip", "--out", "out")
        assert done.code == 2 or (done.err == "" and load(cli) == rows), (place, done.err)


def load(cli):
    assert cli("export", "--results", "bad.zip", "--out", "out").code == 0
    return [(cli.folder / "out" / f"{name}.csv").read_text() for name in ("runs", "scores")]


def test_a_wrong_checksum(cli, archive):
    files = members(archive)
    digests = {name: "0" * 64 for name in files if name != unpack.MANIFEST}
    write(cli.folder / "bad.zip", files, {"files": digests})
    refused(cli, "the checksum of its file 'gan-bench.json' is wrong")
    with zipfile.ZipFile(archive) as opened:
        info = opened.getinfo(RECORD)
    raw = bytearray(archive.read_bytes())
    for place in headers(bytes(raw), RECORD):
        struct.pack_into("<L", raw, place - 4, info.CRC ^ 1)
    (cli.folder / "bad.zip").write_bytes(raw)
    refused(cli, "a checksum in it is wrong")


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({"schema_version": 2}, "another version of gan-bench wrote it"),
        ({"results_schema_version": 9}, "another version of gan-bench wrote it"),
        ({"files": {}}, "its manifest.json does not agree with its files"),
        ({"name": "x" * 100}, "its manifest.json is damaged"),
        ({"name": "a\x1b[31m"}, "its manifest.json is damaged"),
        ({"extra": 1}, "its manifest.json is damaged"),
    ],
)
def test_a_manifest_that_does_not_fit(cli, archive, manifest, said):
    write(cli.folder / "bad.zip", members(archive), manifest)
    refused(cli, said)


@pytest.mark.parametrize(
    ("text", "said"),
    [(b"[" * 100_000, "damaged"), (b"{", "damaged"), (b"\xff", "damaged"), (None, "has no manif")],
)
def test_a_manifest_that_is_no_json(cli, archive, text, said):
    with zipfile.ZipFile(cli.folder / "bad.zip", "w") as opened:
        for name, content in members(archive).items():
            if name != unpack.MANIFEST:
                opened.writestr(name, content)
        if text is not None:
            opened.writestr(unpack.MANIFEST, text)
    refused(cli, said)


def test_a_folder_of_another_version(cli, archive):
    files = members(archive) | {"gan-bench.json": b'{"schema_version": 7}'}
    write(cli.folder / "bad.zip", files)
    error = complaint(cli("report", "bad.zip"))
    assert error.startswith("The results folder bad.zip has schema version 7")


def test_json_that_is_too_deep_is_a_file_that_cannot_be_read(cli, archive):
    files = members(archive) | {RECORD: b'{"spec":' * 50_000}
    write(cli.folder / "bad.zip", files)
    done = cli("report", "bad.zip", "archive.zip", "--out", "out")
    assert done.code == 2
    error = complaint(cli("report", "bad.zip", "--out", "out"))
    assert "bad.zip has no run to report" in error and "is not readable" in error
    assert str(cli.folder) not in error


@pytest.mark.parametrize("broken", ["runs", "left_out"])
def test_a_plan_of_many_wrong_items_takes_little_memory(cli, archive, monkeypatch, broken):
    monkeypatch.setattr(Plan, "LARGEST_BYTES", 1 << 22)  # reading reserves that much
    plan = {"schema_version": 1, "command": "", "created_at": "x", "left_out": [], "runs": []}
    files = members(archive) | {
        "plans/0123456789ab.json": json.dumps(plan | {broken: [0] * 300_000}).encode()
    }
    write(cli.folder / "bad.zip", files)
    tracemalloc.start()
    unpack.unpack(cli.folder / "bad.zip", cli.folder / "into")
    results = load_results(cli.folder / "into")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "is not readable" in results.left_out[0] and peak < 96 << 20


def test_plans_and_a_manifest_of_many_wrong_items_are_refused(cli, archive, monkeypatch):
    many = {f"parity/{number}.json": 0 for number in range(100_000)}
    write(cli.folder / "bad.zip", members(archive), {"files": many})
    refused(cli, "its manifest.json is larger than its files need")
    monkeypatch.setattr(unpack, "LARGEST_PLANS_BYTES", 10)
    monkeypatch.setattr(unpack, "_LAYOUT", ((".*", 1 << 20),))
    write(cli.folder / "bad.zip", members(archive) | {"plans/0123456789ab.json": b"{}" * 20})
    refused(cli, "its plans are larger than 0 MiB together")
