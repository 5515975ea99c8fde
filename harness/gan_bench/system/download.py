"""Download one file from the first mirror that has it, whole and checked or not at all."""

from collections.abc import Sequence
from pathlib import Path

from gan_bench.errors import GanBenchError

CONNECT_S = 10
"""Seconds to wait for a connection before the next mirror is tried."""
READ_S = 30
"""Seconds to wait for the next bytes."""


class DownloadError(GanBenchError):
    """No mirror gave the file; says why for each of them."""


def download(name: str, checksum: str, folder: Path, mirrors: Sequence[str]) -> Path:
    """Put a file of this name and content into a folder.

    Parameters
    ----------
    name
        The file's name, on the mirrors and in the folder.
    checksum
        Of the file as the mirrors have it: ``md5:`` or ``sha256:`` and hexadecimal digits.
    folder
        Created if it is missing. The file appears in it complete and checked.
    mirrors
        Addresses of folders, each ending in a slash, tried in this order.

    Raises
    ------
    DownloadError
        No mirror could be reached, none sent the right content, or the folder cannot be written.
    """
    import pooch  # brings requests along, and only downloads need it

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
        return "the checksum of what came is wrong"
    if isinstance(error, PermissionError):
        return "the folder cannot be written"
    if error.strerror:
        return error.strerror
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP status {response.status_code}"
    return f"no connection, {type(error).__name__}"
