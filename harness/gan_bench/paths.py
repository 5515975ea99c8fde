"""Whether a path that a user gives is a file or a folder, without an exception where it is odd.

`pathlib` raises for a name that is too long or a folder that may not be entered.
"""

from pathlib import Path


def is_file(path: Path) -> bool:
    """Tell a file that can be reached."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Tell a folder that can be reached."""
    try:
        return path.is_dir()
    except OSError:
        return False
