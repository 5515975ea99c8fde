"""Packages of extras, which not every installation has."""

import importlib.util
from collections.abc import Sequence

from gan_bench.errors import UsageError
from gan_bench.text import listed


def check_packages(what: str, packages: Sequence[str], extra: str) -> None:
    """Check that the packages of an extra can be found, without importing them.

    Parameters
    ----------
    what
        What needs them, as the subject of a sentence.
    packages
        Names of modules.
    extra
        The extra of gan-bench that installs them.

    Raises
    ------
    UsageError
        One is missing.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"{what} needs {listed(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            f'installed: `pip install "gan-bench[{extra}]"`.'
        )
