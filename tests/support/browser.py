"""Fixtures that open a page in this machine's Chromium and keep what went wrong in it.

A test module takes them with ``pytest_plugins = ("browser",)``.
"""

import contextlib
import functools
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chromium import find_chromium, launch, wait_until_ready

READY_TIMEOUT_MS = 20_000
ACTION_TIMEOUT_MS = 30_000
"""A loaded machine may take any time; an action that never ends fails all the same."""


@dataclass
class Opened:
    """A page, and what a reader would not see of it."""

    page: object
    """Playwright's."""
    console_errors: list[str] = field(default_factory=list)
    page_errors: list[str] = field(default_factory=list)
    """Exceptions that no script caught."""
    requests: list[str] = field(default_factory=list)
    """All but those for the file itself and for ``data:`` in it."""

    @property
    def troubles(self) -> list[str]:
        return [*self.page_errors, *self.console_errors, *self.requests]


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window, one for all tests of a process."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if find_chromium() is None:
        pytest.skip("no Chromium is installed; apt install chromium")
    with api.sync_playwright() as playwright:
        running = launch(playwright)
        yield running
        running.close()


@contextlib.contextmanager
def opener(browser):
    """Give a function that opens a file; it is ready, or the test fails with what was said."""
    from playwright.sync_api import TimeoutError as Late

    contexts = []

    def open_file(path, width=1280, height=900, colour_scheme="light"):
        url = Path(path).resolve().as_uri()
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=colour_scheme
        )
        contexts.append(context)
        context.set_default_timeout(ACTION_TIMEOUT_MS)
        page = context.new_page()
        opened = Opened(page)

        def on_console(message):
            if message.type == "error":
                opened.console_errors.append(message.text)

        def on_request(request):
            address = request.url.partition("#")[0]
            if address != url and not address.startswith("data:"):
                opened.requests.append(request.url)

        page.on("console", on_console)
        page.on("pageerror", lambda error: opened.page_errors.append(str(error)))
        page.on("request", on_request)
        page.goto(url, timeout=READY_TIMEOUT_MS)
        try:
            wait_until_ready(page, READY_TIMEOUT_MS)
        except Late:
            pytest.fail(f"the page did not get ready in {READY_TIMEOUT_MS} ms: {opened.troubles}")
        return opened

    try:
        yield open_file
    finally:
        for context in contexts:
            context.close()


@pytest.fixture
def open_page(browser):
    """Open a file, until the end of the test."""
    with opener(browser) as open_file:
        yield open_file


@pytest.fixture(scope="module")
def open_shared(browser):
    """Open a file, for all tests of a module."""
    with opener(browser) as open_file:
        yield functools.cache(open_file)


@pytest.fixture
def screenshot():
    """Keep a picture of the whole page in $GAN_BENCH_SCREENSHOTS, if it is set."""

    def take(page, name):
        folder = os.environ.get("GAN_BENCH_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(
                path=Path(folder) / f"{name}.png", full_page=True, timeout=READY_TIMEOUT_MS
            )

    return take
