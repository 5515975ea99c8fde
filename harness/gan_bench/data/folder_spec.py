"""Names of folders of images, ``folder:PATH,option=value,...``: parsed, printed and shortened.

The name is read from the right: comma-separated parts of the form ``option=value`` are options, up
to the first part that is not. Everything to the left of the options is the path. A part with a
slash is never an option, so a path that ends like an option is written with a trailing slash.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from gan_bench.errors import UsageError
from gan_bench.text import did_you_mean

PREFIX = "folder:"
OPTIONS = ("size", "channels", "test")
TEST_SHARE = 1 / 7
"""Default share of images in the test split; the share of MNIST."""
LARGEST_SIDE = 4096
"""Largest height and width that ``size`` accepts, in pixels."""
_OPTION = re.compile(r"\s*([A-Za-z][\w-]*)\s*=\s*([^/]*?)\s*")
_SIZE = re.compile(r"(\d{1,4})(?:x(\d{1,4}))?")
_COUNT = re.compile(r"\d{1,9}")
_SHARE = re.compile(r"0?\.\d{1,4}")
_LONGEST_SLUG = 40


@dataclass(frozen=True)
class FolderName:
    """A folder of images, and the options for reading them."""

    path: Path
    """Absolute path of the folder."""

    size: tuple[int, int] | None = None
    """(height, width) that every image is resized to; None: not resized, all must be equal."""

    channels: Literal[1, 3] | None = None
    """Every image is converted to grey (1) or RGB (3); None: not converted, all must be equal."""

    test: int | float | None = None
    """Number (int) or share (float) of images in the test split; None: `TEST_SHARE`."""

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name; a relative path starts at the working folder.

        Raises
        ------
        UsageError
            There is no path, or an option is unknown, repeated or has a wrong value.
        """
        text, pairs = split_options(name)
        otherwise = (
            f"there are {', '.join(OPTIONS)}, and a path that ends like an option is written with "
            "a slash after it."
        )
        options = checked_options(name, pairs, OPTIONS, "A folder of images", otherwise)
        return cls(
            path=_absolute(text, name),
            size=parse_size(options["size"]) if "size" in options else None,
            channels=_channels(options["channels"]) if "channels" in options else None,
            test=_test(options["test"]) if "test" in options else None,
        )

    def __str__(self) -> str:
        """Return the canonical name, with the absolute path; `parse` reads it again."""
        path = str(self.path)
        if _OPTION.fullmatch(path.rpartition(",")[2]):
            path += "/"
        return ",".join([f"{PREFIX}{path}", *self._options()])

    def _options(self) -> list[str]:
        given = {
            "size": shown_size(self.size) if self.size else None,
            "channels": self.channels,
            "test": self.test,
        }
        return [f"{option}={value}" for option, value in given.items() if value is not None]


def label(name: str) -> str:
    """Return a data set's name for display; a folder's with its last part and options, no path."""
    if not name.startswith(PREFIX):
        return name
    text, pairs = split_options(name)
    return " ".join([f"{PREFIX}{_last(text)}", *(f"{key}={value}" for key, value in pairs)])


def slug(name: str) -> str:
    """Return a data set's name for use in file names: letters, digits, ``.``, ``-`` and ``_``."""
    if not name.startswith(PREFIX):
        return _safe(name)
    text, _ = split_options(name)
    own = _safe(_last(text)).strip("-.")[:_LONGEST_SLUG]
    return f"folder-{own}" if own else "folder"


def split_options(name: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the path or name as written and the options in their order, all unchecked."""
    text = name.removeprefix(PREFIX)
    pairs: list[tuple[str, str]] = []
    while True:
        rest, comma, part = text.rpartition(",")
        option = _OPTION.fullmatch(part)
        if not comma or option is None:
            return text, pairs[::-1]
        pairs.append((option[1], option[2]))
        text = rest


def checked_options(
    name: str, pairs: Iterable[tuple[str, str]], known: Sequence[str], what: str, otherwise: str
) -> dict[str, str]:
    """Return the options of a data set's name, ``what`` and ``otherwise`` are for the error.

    Raises
    ------
    UsageError
        One is unknown or given twice.
    """
    options: dict[str, str] = {}
    for option, value in pairs:
        if option not in known:
            hint = did_you_mean(option.lower(), known, otherwise)
            raise UsageError(f"{what} has no option {option!r}; {hint}")
        if option in options:
            raise UsageError(f"The data set {name!r} gives {option} twice; give it once.")
        options[option] = value
    return options


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)


def _absolute(text: str, name: str) -> Path:
    if not text:
        raise UsageError(
            f"The data set {name!r} names no folder; write folder:PATH, such as "
            "folder:pictures,size=32."
        )
    try:
        path = Path(text).expanduser().resolve()
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"The folder {text!r} has a path that is not valid UTF-8; rename it."
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"The folder {text!r} cannot be found ({error}); correct it.") from error
    return path


def shown_size(size: tuple[int, int]) -> str:
    """Return a size as `parse_size` reads it."""
    height, width = size
    return f"{height}" if height == width else f"{height}x{width}"


def parse_size(value: str, option: str = "size") -> tuple[int, int]:
    """Read an option's size such as ``64`` or ``64x48`` as (height, width).

    Raises
    ------
    UsageError
        It is none, or too large.
    """
    match = _SIZE.fullmatch(value)
    sides = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not all(1 <= side <= LARGEST_SIDE for side in sides):
        raise UsageError(
            f"{option} must be the pixels of a side, such as 32, or HEIGHTxWIDTH, such as 32x48, "
            f"from 1 to {LARGEST_SIDE}; not {value!r}."
        )
    return sides


def _channels(value: str) -> Literal[1, 3]:
    if value == "1":
        return 1
    if value == "3":
        return 3
    raise UsageError(f"channels must be 1 for grey or 3 for RGB; not {value!r}.")


def _test(value: str) -> int | float:
    if _COUNT.fullmatch(value) and int(value) >= 2:
        return int(value)
    if _SHARE.fullmatch(value) and float(value) > 0:
        return float(value)
    raise UsageError(
        "test must be the number of test images, such as 1000 (at least 2), or their share, "
        f"such as 0.2; not {value!r}."
    )
