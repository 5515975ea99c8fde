"""The user's cache: what is costly to make, and can be made again."""

from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """Return the folder, which need not exist; ``$XDG_CACHE_HOME`` moves it."""
    return user_cache_path("gan-bench")
