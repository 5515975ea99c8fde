"""Stored models: the same bytes, and one sentence for every file that cannot be read."""

from typing import ClassVar, Literal

import pytest

from gan_bench.errors import MissingFile, UnreadableFile, UsageError
from gan_bench.system.models import Stored


class Note(Stored):
    KIND: ClassVar[str] = "note"
    REMEDY: ClassVar[str] = "write it again"
    LARGEST_BYTES: ClassVar[int] = 200

    schema_version: Literal[1] = 1
    text: str
    value: float = 0.1


def test_what_is_written_is_read_and_is_indented_json_with_a_new_line(tmp_path):
    path = tmp_path / "new" / "note.json"
    Note(text="Ä", value=1e-5).write(path)
    assert path.read_text(encoding="utf-8") == (
        '{\n "schema_version": 1,\n "text": "Ä",\n "value": 0.00001\n}\n'
    )
    assert Note.read(path) == Note(text="Ä", value=1e-5)
    assert [file.name for file in path.parent.iterdir()] == ["note.json"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "invalid JSON: EOF while parsing an object"),
        (b"", "invalid JSON"),
        (b"\xff\xfe", "invalid JSON"),
        (b"[" * 150, "invalid JSON"),
        (b"{}", "text: field required"),
        (b'{"text": "x", "colour": 1}', "colour: extra inputs are not permitted"),
        (b'{"text": "x", "value": NaN}', "value: input should be a finite number"),
        (b'{"text": "x", "schema_version": 2}', "schema_version: input should be 1 (another ver"),
        (b'{"text": "' + b"x" * 300 + b'"}', "it is larger than"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, content, reason):
    path = tmp_path / "note.json"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile) as raised:
        Note.read(path)
    said = str(raised.value)
    assert said.startswith(f"The note {path} is not readable ({reason}")
    assert said.endswith("; write it again.") and "\n" not in said
    assert said == f"{raised.value.problem}; write it again."
    assert isinstance(raised.value, UsageError) and not isinstance(raised.value, MissingFile)


def test_a_folder_in_its_place_and_a_missing_file_are_told_apart(tmp_path):
    with pytest.raises(UnreadableFile, match=r"is not readable \(Is a directory\)"):
        Note.read(tmp_path)
    with pytest.raises(MissingFile, match=r"The note .*absent\.json does not exist; write it"):
        Note.read(tmp_path / "absent.json")
