"""The bases of all models: frozen values, and those that are stored as a file."""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from gan_bench.errors import MissingFile, UnreadableFile, first_validation_error
from gan_bench.system.files import LARGEST_BYTES, make_folder, read_limited, write_atomically


class Frozen(BaseModel):
    """Base of all models: immutable, finite, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Stored(Frozen):
    """Base of models that are stored as one file, JSON unless a subclass says otherwise."""

    KIND: ClassVar[str]
    """Name of the file's kind for error messages, such as ``record``."""
    REMEDY: ClassVar[str] = ""
    """What the user can do about a file that cannot be read."""
    LARGEST_BYTES: ClassVar[int] = LARGEST_BYTES

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises
        ------
        MissingFile
            There is no such file.
        UnreadableFile
            It cannot be read, is too large, damaged, or of another schema version.
        """
        try:
            return cls.parse(read_limited(path, cls.LARGEST_BYTES))
        except FileNotFoundError as error:
            problem = f"The {cls.KIND} {path} does not exist"
            raise MissingFile(problem, cls.REMEDY) from error
        except OSError as error:
            reason = error.strerror or str(error)
        except ValidationError as error:
            first = first_validation_error(error)
            other = " (another version of gan-bench)" if first.where == "schema_version" else ""
            reason = f"{first}{other}"
        except (ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())
        raise UnreadableFile(f"The {cls.KIND} {path} is not readable ({reason})", cls.REMEDY)

    @classmethod
    def read_all(cls, paths: Iterable[Path]) -> tuple[list[Self], list[str]]:
        """Read files in the order of their names; return a sentence for each that is unreadable."""
        found, left_out = [], []
        for path in sorted(paths):
            try:
                found.append(cls.read(path))
            except UnreadableFile as error:
                left_out.append(str(error))
        return found, left_out

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Return the model that a file's content describes.

        Raises
        ------
        ValueError
            The content is damaged or of another schema version.
        """
        return cls.model_validate_json(content)

    def write(self, path: Path) -> None:
        """Write the file atomically, and create its folder if needed.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        make_folder(path.parent)
        write_atomically(path, self.content())

    def content(self) -> bytes:
        """Return the content of the file."""
        return self.model_dump_json(indent=1).encode() + b"\n"
