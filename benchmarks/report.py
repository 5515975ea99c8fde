"""Cost of the report: seconds and MB to write it, and seconds until a browser is ready.

Usage: ``python benchmarks/report.py [part ...]``, of page, frameworks and growth. Needs ``.[dev]``
and, for the browser, an installed Chromium; prints one table in markdown. The results are made up
(see `report_results`); every report is written by a process of its own.
"""

import argparse
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from chromium import find_chromium, launch, wait_until_ready
from gan_bench.system.devices import machine
from report_results import make_results

ROUNDS = 3
READY_TIMEOUT_S = 60
NOTES_THE_TIME = """
new MutationObserver((_, observer) => {
    if (document.documentElement?.dataset.ready === 'true') {
        window.readyAt = performance.now();
        observer.disconnect();
    }
}).observe(document, {subtree: true, attributes: true, attributeFilter: ['data-ready']});
"""
"""Runs before the page's own scripts; milliseconds since the navigation began."""
Row = tuple[str, str, str]


@dataclass(frozen=True)
class Written:
    """Reports of one results folder."""

    html: Path
    seconds: list[float]

    @property
    def median_s(self) -> float:
        return statistics.median(self.seconds)

    @property
    def html_mb(self) -> float:
        return self.html.stat().st_size / 1e6


def write(results: Path, out: Path, rounds: int) -> Written:
    """Write a report several times, each in a fresh process."""
    command = [sys.executable, "-P", "-m", "gan_bench", "report"]
    command += ["--results", str(results), "--out", str(out)]
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds.append(time.perf_counter() - began)
        if done.returncode:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return Written(out / "report.html", seconds)


def until_ready(html: Path, openings: int) -> list[float | None]:
    """Return the seconds until a page answers, in a new browser each time; None: it never did."""
    from playwright.sync_api import TimeoutError as Late
    from playwright.sync_api import sync_playwright

    seconds: list[float | None] = []
    with sync_playwright() as playwright:
        for _ in range(openings):
            browser = launch(playwright)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.add_init_script(NOTES_THE_TIME)
            try:
                page.goto(html.resolve().as_uri(), timeout=READY_TIMEOUT_S * 1000)
                wait_until_ready(page, READY_TIMEOUT_S * 1000)
                seconds.append(page.evaluate("window.readyAt") / 1000)
            except Late:
                seconds.append(None)
            browser.close()
            if seconds[-1] is None:
                break  # nor will it the next time
    return seconds


def several(seconds: Sequence[float]) -> str:
    """Return the median with the range."""
    spread = f" ({min(seconds):.2f} to {max(seconds):.2f})" if len(seconds) > 1 else ""
    return f"{statistics.median(seconds):.2f}{spread}"


def interactive(html: Path, openings: int) -> str:
    """Return how soon a page was ready, or why that is not known."""
    if find_chromium() is None:
        return "no Chromium is installed"
    try:
        seconds_each = until_ready(html, openings)
    except ModuleNotFoundError as error:
        return f"{error.name} is not installed"
    known = [seconds for seconds in seconds_each if seconds is not None]
    return several(known) if len(known) == len(seconds_each) else f"not within {READY_TIMEOUT_S} s"


def page(folder: Path, options: argparse.Namespace) -> list[Row]:
    """Measure an ordinary matrix: 12 implementations, 3 seeds, 10 evaluation points."""
    results = make_results(folder / "results", 12, 3, 10)
    written = write(results, folder / "report", options.rounds)
    what = "12 implementations x 3 seeds x 10 points"
    return [
        (f"{what}: time to write the report, s", several(written.seconds), "20"),
        (f"{what}: report.html, MB", f"{written.html_mb:.1f}", "4"),
        (
            f"{what}: time until Chromium is ready, s ({options.openings} openings)",
            interactive(written.html, options.openings),
            "2",
        ),
    ]


def frameworks(folder: Path, options: argparse.Namespace) -> list[Row]:
    """Measure what is mailed around: as many implementations as come with gan-bench, 117 runs."""
    results = make_results(folder / "results", 39, 3, 10, failures=False)
    written = write(results, folder / "report", options.rounds)
    every = [path for path in (folder / "report").rglob("*") if path.is_file()]
    what = "39 implementations x 3 seeds x 10 points"
    return [
        (f"{what}: time to write the report, s", several(written.seconds), "30"),
        (f"{what}: report.html, MB", f"{written.html_mb:.1f}", "4"),
        (
            f"{what}: all files of the report, MB",
            f"{sum(path.stat().st_size for path in every) / 1e6:.1f}",
            "",
        ),
        (
            f"{what}: time until Chromium is ready, s",
            interactive(written.html, 1),
            "4",
        ),
    ]


def growth(folder: Path, options: argparse.Namespace) -> list[Row]:
    """Measure the reports of more and more runs."""
    rows: list[Row] = []
    times: dict[int, float] = {}
    for runs in sorted(options.runs):
        results = make_results(folder / f"results-{runs}", runs=runs)
        count = len(list((results / "runs").iterdir()))
        written = write(results, folder / f"report-{runs}", 1 if runs >= 1000 else options.rounds)
        times[count] = written.median_s
        goal = "60" if runs == 1000 else ""
        ready = interactive(written.html, 1)
        rows += [
            (f"{count:,} runs: time to write the report, s", several(written.seconds), goal),
            (f"{count:,} runs: report.html, MB", f"{written.html_mb:.1f}", ""),
            (f"{count:,} runs: time until Chromium is ready, s", ready, ""),
        ]
    for (fewer, sooner), (more, later) in pairwise(times.items()):
        exponent = math.log(later / sooner) / math.log(more / fewer)
        name = f"growth exponent of the time, {fewer:,} to {more:,} runs"
        rows.append((name, f"{exponent:.2f}", "1 (linear)"))
    return rows


def main() -> None:
    """Measure the given parts, or all, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="part")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="reports of one folder")
    parser.add_argument("--openings", type=int, default=5, help="of the page in the browser")
    parser.add_argument("--runs", type=int, nargs="+", default=[100, 300, 1000], help="of growth")
    options = parser.parse_args()
    parts: dict[str, Callable[[Path, argparse.Namespace], list[Row]]] = {
        "page": page,
        "frameworks": frameworks,
        "growth": growth,
    }
    unknown = set(options.parts) - set(parts)
    if unknown:
        parser.error(f"there is no part {sorted(unknown)[0]!r}; there are {', '.join(parts)}")
    rows: list[Row] = []
    for name in options.parts or parts:
        with tempfile.TemporaryDirectory() as folder:
            rows += parts[name](Path(folder), options)
    here = machine()
    print(f"{here.cpu}, {here.cores} cores\n")
    print("| | median (range) | goal (at most) |")
    print("| --- | ---: | ---: |")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
