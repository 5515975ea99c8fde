"""The reference results: keep runs, and write what the README shows of them.

`python scripts/reference.py keep results/local` copies what the report needs of finished runs into
results/reference, without checkpoints and logs, and writes its tables; `--samples 2500` keeps that
many of the last samples.

`python scripts/reference.py show` writes reports/reference, the README's table and, where there is
a Chromium, its pictures, all from results/reference.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from gan_bench.export import export
from gan_bench.folders import ResultsFolder, open_results
from gan_bench.progress import duration
from gan_bench.record import Record
from gan_bench.report import write_report
from gan_bench.report.numbers import figure
from gan_bench.report.runs import collect_runs
from gan_bench.report.spread import Spread
from gan_bench.report.summarise import summarise
from gan_bench.report.summary import Group, Row, Scored
from gan_bench.results import load_results

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "results" / "reference"
REPORT = ROOT / "reports" / "reference"
README = ROOT / "README.md"
MARKS = (
    "<!-- reference: `python scripts/reference.py show` writes these lines -->",
    "<!-- end of reference -->",
)
TITLE = "Twelve GAN implementations on full MNIST"


@click.group()
def main() -> None:
    """Keep and show the reference results."""


@main.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--samples", type=int, default=0, help="Keep so many of the last samples.")
def keep(results: tuple[Path, ...], samples: int) -> None:
    """Copy finished runs of results folders; what is there of others stays."""
    kept = open_results(KEPT, create=True)
    for path in results:
        source = open_results(path, create=False)
        for folder in source.run_folders():
            if not folder.record.exists() or Record.read(folder).status != "ok":
                click.echo(f"{folder.path.name} has not finished; it is left out.", err=True)
                continue
            target = kept.run(folder.path.name).path
            if not all((folder.path / name).is_dir() for name in ("scores", "grids", "snapshots")):
                click.echo(f"{folder.path.name} is not scored; it is left out.", err=True)
                continue
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for name in ("spec.json", "record.json", "losses.npy"):
                shutil.copy(folder.path / name, target)
            for name in ("scores", "grids"):
                shutil.copytree(folder.path / name, target / name)
            if samples:
                _keep_samples(max(folder.snapshots.glob("*.npz")), target / "snapshots", samples)
        if source.parity.is_dir():
            shutil.copytree(source.parity, kept.parity, dirs_exist_ok=True)
    _tables(kept)


def _keep_samples(snapshot: Path, folder: Path, count: int) -> None:
    """Keep the first samples, so that others can score them with their own features."""
    folder.mkdir()
    with np.load(snapshot) as file:
        np.savez_compressed(folder / snapshot.name, images=file["images"][:count])


def _tables(kept: ResultsFolder) -> None:
    shutil.rmtree(kept.path / "tables", ignore_errors=True)
    export(kept.path, kept.path / "tables", "csv")


@main.command()
@click.option("--pictures/--no-pictures", default=True, help="Take the screenshots again.")
def show(pictures: bool) -> None:
    """Write the report, the README's table and its pictures."""
    files = write_report(KEPT, REPORT, title=TITLE)
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    if not after:
        sys.exit(f"README.md has no lines between {MARKS[0]!r} and {MARKS[1]!r}.")
    README.write_text(f"{before}{lines()}{after}", encoding="utf-8")
    if pictures:
        _take_pictures(files.html)


def lines() -> str:
    """Return the README's lines, with the marks around them."""
    results = load_results(KEPT)
    summary = summarise(collect_runs(KEPT, results), results)
    group = max(summary.groups, key=lambda one: len(one.rows))
    return "\n".join([MARKS[0], "", *_table(group), "", MARKS[1]])


def _table(group: Group) -> Iterator[str]:
    seeds = sorted({run.spec.seed for run in group.runs})
    heads = ["Implementation"]
    heads += [f"FID, {one.features} ({_counts(one)})" for one in group.protocols]
    heads += ["Images/s", "Trained in"]
    yield f"| {' | '.join(heads)} |"
    yield f"|{' :--- |' + ' ---: |' * (len(heads) - 1)}"
    for row in group.rows:
        fids = [_spread(one.spread(row.label, "fid")) for one in group.protocols]
        cells = [f"`{row.label}`", *fids, _spread(row.images_per_s), _seconds(row)]
        yield f"| {' | '.join(cells)} |"
    for what, values in (("real images (floor)", _floors), ("untrained (ceiling)", _ceilings)):
        cells = [f"*{what}*", *map(figure, values(group)), "", ""]
        yield f"| {' | '.join(cells)} |"
    yield ""
    listed = ", ".join(map(str, seeds))
    several = f"means of the seeds {listed} with the lowest and the highest in brackets"
    yield (
        f"*{group.setting.budget_images:,} training images each, "
        f"{several if len(seeds) > 1 else f'seed {listed} alone'}, "
        f"{group.setting.threads} processor thread{'s' * (group.setting.threads > 1)} of an "
        f"{group.setting.hardware}.*"
    )


def _counts(scored: Scored) -> str:
    counts = next((final.counts for final in scored.finals.values() if final.counts), None)
    return f"{counts[1]:,} samples" if counts else "no samples"


def _floors(group: Group) -> list[float | None]:
    return [one.floor_of("fid") for one in group.protocols]


def _ceilings(group: Group) -> list[float | None]:
    return [one.ceiling.mean if one.ceiling else None for one in group.protocols]


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "—"
    if spread.seeds == 1:
        return figure(spread.mean)
    return f"{figure(spread.mean)} ({figure(spread.low)} to {figure(spread.high)})"


def _seconds(row: Row) -> str:
    return "—" if row.finish_s is None else duration(row.finish_s.mean)


def _take_pictures(report: Path) -> None:
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(ROOT / "benchmarks"))
    from chromium import launch, wait_until_ready

    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 1080}, color_scheme="light")
        page.goto(report.resolve().as_uri())
        wait_until_ready(page, 30_000)
        page.screenshot(path=ROOT / "docs" / "report.png")
        page.goto(f"{report.resolve().as_uri()}#samples")
        page.screenshot(path=ROOT / "docs" / "report-samples.png")
        browser.close()


if __name__ == "__main__":
    main()
