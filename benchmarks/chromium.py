"""The Chromium of this machine under Playwright, for the benchmark and the tests of the report.

Playwright's package contains no browser, and ``playwright install``, which downloads one, is never
called.
"""

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_READY = "html[data-ready='true']"


def find_chromium() -> str | None:
    """Return the path of an installed Chromium or Chrome, None if there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def launch(playwright: "Playwright") -> "Browser":
    """Start it without a window, with a profile of its own that is deleted with it.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    path = find_chromium()
    if path is None:
        raise FileNotFoundError(f"none of {', '.join(NAMES)} is installed: apt install chromium")
    return playwright.chromium.launch(executable_path=path, headless=True, args=list(ARGUMENTS))


def wait_until_ready(page: "Page", timeout_ms: float) -> None:
    """Wait for the report's script to say that its tables, charts and controls answer.

    Raises
    ------
    playwright.sync_api.TimeoutError
        It did not.
    """
    # Not wait_for_function: the page's policy forbids to evaluate text, there too.
    page.wait_for_selector(_READY, state="attached", timeout=timeout_ms)
