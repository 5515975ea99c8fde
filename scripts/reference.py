"""Maintains the included results, and the README's table and pictures of them.

`python scripts/reference.py keep results/local` copies what a report needs of finished runs into
results/reference, in little space: no checkpoints, logs and samples; packed losses; JSON without
spaces and without values that are the default. Of seed 0, which the report shows, it also keeps
grids of the samples at three evaluation points, in 16 grey levels. `--into` names another folder,
such as that of a GPU's results (docs/gpu.md).

`python scripts/reference.py work --hours 2 --processor 1` makes the runs that are missing there,
one after the other; `state` counts them (`reference_queue` has the list).

`python scripts/reference.py show` writes reports/reference, the README's table and pictures, and
the table beside published figures in results/reference/README.md, all from results/reference.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import reference_queue
from PIL import Image

from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.scored import Scored
from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.summary import Group, Row, Summary, summarise
from gan_bench.analysis.time_to_quality import equal_time, fid_points
from gan_bench.results.external import PublishedFigure
from gan_bench.results.layout import RunFolder, open_results
from gan_bench.results.load import load_results
from gan_bench.results.losses import losses_content, pack_losses
from gan_bench.results.record import Record
from gan_bench.results.scores import Scores
from gan_bench.scoring.snapshots import in_few_greys
from gan_bench.system.files import replacement
from gan_bench.system.models import Stored
from gan_bench.text import figure, many

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "results" / "reference"
REPORT = ROOT / "reports" / "reference"
README = ROOT / "README.md"
SHOWN_SEED = 0
KEPT_GRIDS = (0.1, 0.4, 1.0)
"""Shares of the training whose nearest evaluation points have their grids kept."""
MARKS = (
    "<!-- reference: `python scripts/reference.py show` writes these lines -->",
    "<!-- end of reference -->",
)
LEAST_IMAGES = 10_000
"""Images that an FID needs on each side to be listed beside published ones."""
FRAMEWORKS = {"torch": "PyTorch", "keras": "Keras", "jax": "JAX"}
RECIPES = {
    "dcgan": "transposed convolutions, batch normalisation, Adam, after PyTorch's tutorial",
    "dcgan-3g": "`dcgan` with three generator updates for each discriminator update",
    "baseline": "5 x 5 kernels, dropout, Adam at a low learning rate",
    "enhanced": "`baseline` with more convolutions in both networks",
    "upsampling-sgd": "upsampling, plain convolutions, tanh, SGD with momentum",
    "decay": "4 x 4 kernels, dropout, Adam with decaying learning rates",
}
"""What the README's table says of each recipe."""
LARGEST_BYTES = 12_000_000
"""Maximum size of the included results and their report together: everybody clones them."""
TITLE = "Six GAN recipes in three frameworks on full MNIST"


@click.group()
def main() -> None:
    """Keep and show the included results."""


@main.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), default=KEPT, help="Folder to copy to.")
def keep(results: tuple[Path, ...], into: Path) -> None:
    """Copy finished runs of results folders; runs that were copied before stay."""
    keep_runs(results, into)


def keep_runs(results: Sequence[Path], into: Path) -> None:
    """Copy the finished runs of results folders, with their certificates and studies of speed."""
    kept = open_results(into, create=True)
    for path in results:
        source = open_results(path, create=False)
        for folder in source.run_folders():
            record = Record.read(folder.record) if folder.record.exists() else None
            if record is None or record.status != "ok":
                click.echo(f"{folder.path.name} has not finished; it is left out.", err=True)
                continue
            if not folder.scores.is_dir():
                click.echo(f"{folder.path.name} is not scored; it is left out.", err=True)
                continue
            with replacement(kept.run(folder.path.name).path, kept.removing) as new:
                _keep_run(folder, record, RunFolder(new))
        for path, to in ((source.parity, kept.parity), (source.speed, kept.speed)):
            if path.is_dir():
                shutil.copytree(path, to, dirs_exist_ok=True)


def _keep_run(folder: RunFolder, record: Record, kept: RunFolder) -> None:
    _write(kept.spec, record.spec, record.spec.model_dump(mode="json"))
    _write(kept.record, record, record.model_dump(mode="json"))
    pack_losses(folder.losses, record.spec.losses, kept.losses.with_suffix(".npz"))
    if losses_content(kept.losses, record.spec.losses) != losses_content(
        folder.losses, record.spec.losses
    ):
        sys.exit(f"The packed losses of {folder.path} are not those of {folder.losses}.")
    kept.scores.mkdir()
    for path in folder.scores.glob("*.json"):
        scores = Scores.read(path)
        rows = [row.model_dump(mode="json", exclude_defaults=True) for row in scores.scores]
        _write(kept.scores / path.name, scores, scores.model_dump(mode="json") | {"scores": rows})
    if record.spec.seed == SHOWN_SEED:
        kept.grids.mkdir()
        for path in _kept_grids(folder, record.spec.steps):
            _write_grid(path, kept.grids / path.name)


def _write(path: Path, model: Stored, values: object) -> None:
    """Write a model's values without spaces; stop if they are not read as the same model."""
    content = json.dumps(values, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    if type(model).parse(content.encode()) != model:
        sys.exit(f"{path} would not be the same if it were kept.")
    path.write_text(content, encoding="utf-8")


def _kept_grids(folder: RunFolder, steps: int) -> list[Path]:
    paths = {int(path.stem): path for path in folder.grids.glob("*.png")}
    trained = [step for step in paths if step] or list(paths)
    chosen = {min(trained, key=lambda step: abs(step / steps - share)) for share in KEPT_GRIDS}
    return [paths[step] for step in sorted(chosen)]


def _write_grid(path: Path, kept: Path) -> None:
    with Image.open(path) as image:
        if image.mode != "L":
            shutil.copy(path, kept)
            return
        kept.write_bytes(in_few_greys(image))


@main.command()
@click.option("--hours", type=float, required=True, help="Time after which to stop.")
@click.option("--processor", type=int, required=True, help="Number of the processor to use.")
@click.option("--folder", type=click.Path(path_type=Path), default=ROOT / "results" / "work")
@click.option(
    "--framework",
    "frameworks",
    multiple=True,
    type=click.Choice(tuple(reference_queue.SEEDS)),
    default=tuple(reference_queue.SEEDS),
    help="Framework whose runs to make; may be repeated. Default: all.",
)
def work(hours: float, processor: int, folder: Path, frameworks: tuple[str, ...]) -> None:
    """Make missing runs of the included results on one processor, at low priority."""

    def keep(done: Path) -> None:
        keep_runs([done], KEPT)

    reference_queue.work(KEPT, folder, processor, hours, keep, frameworks)


@main.command()
def state() -> None:
    """Say how many of the included results' runs there are."""
    click.echo(reference_queue.state(KEPT))


@main.command()
@click.option("--pictures/--no-pictures", default=True, help="Take the screenshots again.")
def show(pictures: bool) -> None:
    """Write the report, the tables of both READMEs and the pictures."""
    from gan_bench.report import write_report  # here: it imports matplotlib, `lines` does not

    files = write_report(KEPT, REPORT, title=TITLE)
    texts = {}
    for path, text in lines().items():
        before, _, rest = path.read_text(encoding="utf-8").partition(MARKS[0])
        _, _, after = rest.partition(MARKS[1])
        if not after:
            sys.exit(f"{path} has no lines between {MARKS[0]!r} and {MARKS[1]!r}.")
        texts[path] = f"{before}{text}{after}"
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    if pictures:
        _take_pictures(files.html)
    sizes = {folder: _size(folder) for folder in (KEPT, REPORT)}
    for folder, size in sizes.items():
        click.echo(f"{folder.relative_to(ROOT)}: {size / 1e6:.1f} MB")
    if sum(sizes.values()) > LARGEST_BYTES:
        sys.exit(f"Together they have more than {LARGEST_BYTES / 1e6:.0f} MB; keep less.")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def lines() -> dict[Path, str]:
    """Return the lines of each README, with the marks around them."""
    results = load_results(KEPT)
    summary = summarise(collect_runs(KEPT, results), results)
    standard = max(summary.groups, key=lambda group: len(group.rows))
    tables = {
        README: [*_answer(standard), "", *_by_recipe(standard)],
        KEPT / "README.md": _beside_published(summary, results.published),
    }
    return {path: "\n".join([MARKS[0], "", *table, "", MARKS[1]]) for path, table in tables.items()}


def _beside_published(summary: Summary, figures: Sequence[PublishedFigure]) -> Iterator[str]:
    """Yield our FIDs with as many images as published ones, then the published ones, unranked."""
    yield "| What | FID | Measured how | Source |"
    yield "| :--- | ---: | :--- | :--- |"
    for group in summary.groups:
        for scored in group.protocols:
            yield from _published_size(group, scored)
    for published in figures:
        how = f"{published.metric}, {published.dataset}: {published.protocol}"
        yield f"| {published.name} | {published.value} | {how} | {published.source} |"


def _published_size(group: Group, scored: Scored) -> Iterator[str]:
    for row in group.rows:
        final = scored.finals[row.label]
        fid = scored.spread(row.label, "fid")
        if scored.features != "inception" or not fid or not final.counts:
            continue
        if min(final.counts) < LEAST_IMAGES:
            continue
        real, fake = final.counts
        how = f"Inception, MNIST: {real:,} test images"
        trained = f"{group.setting.budget_images:,} training images in {_hours(row)}"
        what = f"**`{row.label}`, {trained}**"
        yield f"| {what} | **{_spread(fid)}** | {how}, {fake:,} samples | here |"
        floor = scored.floor_of("fid")
        if floor is not None:
            what = f"*the floor: {fake:,} training images*"
            yield f"| {what} | *{figure(floor)}* | {how} | here |"


def _hours(row: Row) -> str:
    records = [run.record for run in row.ok_runs if run.record]
    parts = [(record.warmup_s, record.resume_s, record.train_s) for record in records]
    seconds = sum(part or 0 for run in parts for part in run)
    return f"{seconds / 3600:.1f} processor hours"


def _answer(group: Group) -> Iterator[str]:
    """Yield what the report's first card says."""
    from gan_bench.report.sections.choices import choices  # here: as in `show`
    from gan_bench.report.sections.standings import standings

    equal = equal_time(group, fid_points(group))
    for choice in choices(group, standings(group, equal), equal):
        yield f"- **For {choice.purpose}**: {choice.in_words}."


def _by_recipe(group: Group) -> Iterator[str]:
    """Yield the README's table: a row for each recipe, a column for each framework, and a note."""
    from gan_bench.report.sections.recipe_vs_framework import crossed  # here: as in `show`

    rows = {(row.recipe, row.framework): row for row in group.rows}
    names = [name for name in FRAMEWORKS if any(framework == name for _, framework in rows)]
    recipes = dict.fromkeys(row.recipe for row in group.rows)
    titles = [f"{what}, {FRAMEWORKS[name]}" for what in ("FID", "Images/s") for name in names]
    yield f"| Recipe | What it is | {' | '.join(titles)} |"
    yield f"| :--- | :--- |{' ---: |' * len(titles)}"
    for recipe in recipes:
        found = [rows.get((recipe, name)) for name in names]
        fids = (_spread(row.fid if row else None) for row in found)
        rates = (row.images_per_s if row else None for row in found)
        speeds = (figure(rate.mean if rate else None) for rate in rates)
        yield f"| {' | '.join([f'`{recipe}`', RECIPES[recipe], *fids, *speeds])} |"
    yield ""
    yield f"*{_how(group)}*"
    both = crossed(group)
    if both is not None:
        yield ""
        yield from (f"- {sentence}" for sentence in both.of_frameworks)


def _how(group: Group) -> str:
    fewest, most = (by(len(row.ok_runs) for row in group.rows) for by in (min, max))
    seeds = many(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    lacking = {*reference_queue.missing(KEPT)} & {*reference_queue.sources()}
    if lacking:
        seeds += f" so far ({many(len(lacking), 'run')} of these recipes are still to be made)"
    sizes = sorted({run.spec.images_per_step for run in group.runs})
    times = group.speed or f"the runs on {group.setting.hardware}"
    how = (
        f"{group.setting.budget_images:,} training images each, "
        f"in batches of {' or '.join(map(str, sizes))}; FIDs are means of {seeds}, with the lowest "
        f"and the highest; "
        f"{many(group.setting.threads, 'processor thread')}. Speeds are from {times}."
    )
    scored = group.scored
    if scored is None:
        return how
    floor, ceiling = scored.floor_of("fid"), scored.ceiling
    counts = next((final.counts for final in scored.finals.values() if final.counts), None)
    if floor is not None:
        how += f" Real images have an FID of {figure(floor)}"
        how += f", an untrained generator of {figure(ceiling.mean)}." if ceiling else "."
    if counts:
        how += f" Each FID compares {counts[1]:,} samples with {counts[0]:,} test images."
    return how


def _spread(spread: SeedValues | None) -> str:
    if spread is None:
        return "—"
    if spread.seeds == 1:
        return f"{figure(spread.mean)} (one seed)"
    return f"{figure(spread.mean)} ({figure(spread.low)} to {figure(spread.high)})"


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
