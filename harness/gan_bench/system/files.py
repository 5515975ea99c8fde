"""Files: read within a limit, written completely or not at all; full disks; the user's cache."""

import contextlib
import errno
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from gan_bench.errors import GanBenchError, UsageError

_LOG_TAIL_BYTES = 16_384
_BLOCK_BYTES = 1 << 20


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part.

    A temporary file beside it is flushed to the disk and then renamed; its name starts with a dot
    and ends in ``.tmp``.

    Its folder must exist.

    Raises
    ------
    OSError
        The file cannot be written; an old file is unchanged and no temporary file remains.
    """
    try:
        temporary = _written_beside(path, content)
        try:
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # not the temporary file
    # Without this, a power failure may undo the rename.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _written_beside(path: Path, content: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            # mkstemp restricts files to their owner; results are as readable as other files.
            os.fchmod(file.fileno(), new_file_mode())
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def new_file_mode() -> int:
    """Return the mode of a file that `open` creates."""
    return 0o666 & ~_umask()


def check_replaceable(path: Path) -> None:
    """Check that an output is absent or a regular file, which a complete one may replace.

    Raises
    ------
    UsageError
        It is a link, a device or a pipe.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UsageError(
            f"{path} cannot be written (it is a link, a device or a pipe); name another file."
        )


def make_folder(path: Path) -> None:
    """Create a folder and its parents if needed.

    Raises
    ------
    OSError
        It cannot be created; its ``strerror`` names a file that is in its place.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        taken = next(place for place in (path, *path.parents) if os.path.lexists(place))
        raise NotADirectoryError(errno.ENOTDIR, f"{taken} is not a folder", str(path)) from error


@contextlib.contextmanager
def replacement(folder: Path, beside: Path) -> Iterator[Path]:
    """Give a new folder, which takes the place of an earlier one once it is complete.

    After an error or an interrupt the earlier one is as it was. ``beside`` is a folder of the same
    disk in which the new one is until then; it is created if needed.
    """
    make_folder(beside)
    with tempfile.TemporaryDirectory(
        dir=beside, prefix=f"{folder.name}-", ignore_cleanup_errors=True
    ) as temporary:
        new, old = Path(temporary, "new"), Path(temporary, "old")
        new.mkdir()
        yield new
        try:
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
        except BaseException:
            if old.exists() and not folder.exists():
                old.rename(folder)
            raise


def write_output(path: Path, content: bytes) -> None:
    """Write a file that the user named, whole or not at all; create its folder if needed.

    A device or a pipe, such as ``/dev/stdout``, is written as it is, and a link keeps its target.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    with _naming(path):
        make_folder(path.parent)
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content)
        else:
            write_atomically(path.resolve(), content)


def check_output(path: Path) -> None:
    """Check that `write_output` will be able to write a file, and leave nothing behind.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    with _naming(path):
        make_folder(path.parent)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not path.exists() or path.is_file():
            _written_beside(path.resolve(), b"").unlink()


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}); name another file."
        ) from error


def write_json_atomically(path: Path, value: Any) -> None:
    """Write a value as indented JSON, whole or not at all.

    Raises
    ------
    ValueError
        A value is NaN or infinite; a missing value must be None.
    OSError
        The file cannot be written.
    """
    write_atomically(path, json_content(value))


def json_content(value: Any) -> bytes:
    """Return a value as indented JSON, and raise `ValueError` for NaN and infinity."""
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    return f"{text}\n".encode()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def cache_folder() -> Path:
    """Return the folder of the user's cache, which may not exist; ``$XDG_CACHE_HOME`` moves it."""
    return user_cache_path("gan-bench")


def obstacle(folder: Path) -> str | None:
    """Return why nothing can be written below a folder, which may not exist; None if it can.

    Nothing is written to find out.
    """
    there = folder.absolute()
    while not os.path.lexists(there):
        there = there.parent
    if not is_folder(there):
        return f"{there} is not a folder"
    return None if os.access(there, os.W_OK | os.X_OK) else f"{there} is not writable"


def writable_cache() -> Path:
    """Return the user's cache, or a folder of this user for temporary files if it is not writable.

    What is in a cache that can only be read is still found: see `cache_folders`.
    """
    own = cache_folder()
    if obstacle(own) is None:
        return own
    instead = Path(tempfile.gettempdir()) / f"gan-bench-cache-{os.getuid()}"
    try:
        facts = instead.lstat()
    except OSError:
        return instead
    # Another user may have made it, to have a file of theirs used.
    mine = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid()
    return instead if mine and not facts.st_mode & 0o022 else own


def cache_folders() -> tuple[Path, ...]:
    """Return the folders to look for cached files in."""
    return tuple(dict.fromkeys((cache_folder(), writable_cache())))


def cache_problem() -> str | None:
    """Return a sentence if the user's cache cannot be written, or None."""
    own, used = cache_folder(), writable_cache()
    problem = obstacle(own)
    if problem is None:
        return None
    if used == own:
        return f"The cache {own} cannot be used ({problem}); set XDG_CACHE_HOME to another folder."
    return f"The cache {own} cannot be used ({problem}); {used} is used instead."


def is_file(path: Path) -> bool:
    """Return whether a path is an accessible file."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Return whether a path is an accessible folder."""
    try:
        return path.is_dir()
    except OSError:
        return False


def last_lines(path: Path, count: int = 1) -> list[str]:
    """Return the last lines of a log of any size, none if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").rstrip().splitlines()
    except OSError:
        return []
    return lines[-count:]


def file_sha256(path: Path) -> str:
    """Return a file's sha256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


LARGEST_BYTES = 1 << 26
"""64 MiB, much more than the largest text file that gan-bench writes."""


def read_limited(path: Path, limit: int = LARGEST_BYTES) -> bytes:
    """Return a file's bytes.

    Raises
    ------
    OSError
        The file cannot be read, or is larger than the limit, see ``strerror``.
    """
    blocks, left = [], limit + 1
    with path.open("rb") as file:
        # In pieces: one read reserves as much memory as it may return.
        while block := file.read(min(left, _BLOCK_BYTES)):
            blocks.append(block)
            left -= len(block)
    if not left:
        raise OSError(errno.EINVAL, f"it is larger than {limit / 2**20:g} MiB", str(path))
    return b"".join(blocks)


CONNECT_S = 10
"""Seconds to wait for a connection before the next mirror is tried."""
READ_S = 30
"""Seconds to wait for the next bytes."""


class DownloadError(GanBenchError):
    """No mirror provided the file; the message has the reason for each."""


def download(name: str, checksum: str, folder: Path, mirrors: Sequence[str]) -> Path:
    """Put a file of this name and content into a folder.

    Parameters
    ----------
    name
        The file's name, on the mirrors and in the folder.
    checksum
        Checksum of the file: ``md5:`` or ``sha256:`` and hexadecimal digits.
    folder
        Created if it is missing. The file appears in it complete and checked.
    mirrors
        Addresses of folders, each ending in a slash, tried in this order.

    Raises
    ------
    DownloadError
        No mirror could be reached, none sent the right content, or the folder cannot be written.
    """
    import pooch  # imports requests; only downloads need it

    failures = []
    for mirror in mirrors:
        try:
            path = pooch.retrieve(
                mirror + name,
                known_hash=checksum,
                fname=name,
                path=folder,
                downloader=pooch.HTTPDownloader(timeout=(CONNECT_S, READ_S)),
            )
        # The errors of requests are OSErrors; a wrong checksum is pooch's ValueError.
        except (OSError, ValueError) as error:
            failures.append((mirror, error))
        else:
            return Path(path)
    reasons = " or ".join(f"from {mirror} ({_reason(error)})" for mirror, error in failures)
    raise DownloadError(f"{name} could not be downloaded to {folder} {reasons}") from (
        failures[-1][1] if failures else None
    )


def _reason(error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return "the checksum is wrong"
    if isinstance(error, PermissionError):
        return "the folder cannot be written"
    if error.strerror:
        return error.strerror
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP status {response.status_code}"
    return f"no connection, {type(error).__name__}"


_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TRIAL_BYTES = 1 << 16


class DiskFull(GanBenchError):
    """There is no space for results; finished results are kept."""

    def __init__(self, where: Path) -> None:
        super().__init__(
            f"There is no space left for {where}: free some, or raise your quota or file limit, "
            "and the same command resumes; finished runs are kept."
        )


def is_full(error: BaseException) -> bool:
    """Return whether an exception, or one of its causes, means a full disk."""
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:  # `raise error from error` makes a cycle
        seen.add(id(link))
        if isinstance(link, OSError) and link.errno in _ERRNOS:
            return True
        link = link.__cause__ or link.__context__
    return False


@contextlib.contextmanager
def writing(results: Path) -> Iterator[None]:
    """Turn a failure to write to a results folder into one sentence.

    Raises
    ------
    GanBenchError
        Replaces an OSError; `DiskFull` if there is no space.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFull(results) from error
        raise GanBenchError(
            f"The results folder {results} cannot be written ({error.strerror or error}: "
            f"{error.filename}); finished runs are kept, and the same command resumes."
        ) from error


@contextlib.contextmanager
def writing_to(out: Path, what: str) -> Iterator[None]:
    """Create the folder of ``--out``, and turn a failure to write to it into one sentence.

    Raises
    ------
    UsageError
        Replaces an OSError.
    """
    try:
        make_folder(out)
        yield
    except OSError as error:
        raise UsageError(
            f"The {what} cannot be written to {out} ({error.strerror}); name another folder with "
            "--out."
        ) from error


class NoSpace(OSError):
    """A file of a run could not be written: no space."""

    def __init__(self, where: Path) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC), str(where))


@contextlib.contextmanager
def saving(where: Path) -> Iterator[None]:
    """Raise `NoSpace` if the disk is too full for a file of the run, rather than of a plugin."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise NoSpace(where) from error
        raise


def is_full_for(folder: Path, error: BaseException) -> bool:
    """Return whether an error means that nothing can be written to a folder any more.

    A plugin that fills another disk, such as shared memory, is an error of the plugin.
    """
    return isinstance(error, NoSpace) or (is_full(error) and has_no_space(folder))


def has_no_space(folder: Path) -> bool:
    """Return whether a trial write fails: a framework's error may not name the cause."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(os.urandom(_TRIAL_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return is_full(error)
    return False
