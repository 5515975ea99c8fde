"""External samples by name; published figures stand beside measured ones, ranked with none."""

from pathlib import Path

import pytest

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.report import report_page
from gan_bench.report.render import render_full_markdown, render_html
from gan_bench.results.external import (
    FACTS,
    add_external,
    check_external,
    read_externals,
    read_published,
)
from gan_bench.results.layout import open_results
from gan_bench.results.scores import Source
from report_folder import add_run, empty_results, protocol, run_spec, scores_of

ONE = """
[[figure]]
name = "A GAN | of somebody's"
source = "Somebody et al. 2018"
dataset = "MNIST"
metric = "FID"
value = "9.80 ± 0.9"
protocol = "not stated"
"""


def report(tmp_path, text):
    results = empty_results(tmp_path / "results")
    add_run(tmp_path / "results", run_spec(), scores=[scores_of({0: 90.0, 600: 20.0})])
    if text is not None:
        results.joinpath("published.toml").write_text(text, encoding="utf-8")
    page = report_page(tmp_path / "results")
    return render_full_markdown(page).decode(), render_html(page).decode()


def test_they_are_shown_in_a_table_of_their_own(tmp_path):
    markdown, html = report(tmp_path, ONE)
    for text, name in ((markdown, "A GAN \\| of somebody's"), (html, "A GAN | of somebody&#39;s")):
        before, heading, after = text.partition("Published elsewhere")
        assert heading and name in after and "9.80 ± 0.9" in after
        assert "none of these is ranked with the tables above" in after.replace("\n", " ")
        assert "9.80" not in before and "somebody" not in before


def test_without_the_file_nothing_is_said(tmp_path):
    markdown, html = report(tmp_path, None)
    assert "Published elsewhere" not in markdown and "Published elsewhere" not in html


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ONE.replace("value", "figure"), r"is not readable \(figure\.0\.value: field required"),
        (ONE.replace('value = "9.80 ± 0.9"', "value = 9.8"), "figure.0.value: input should be a"),
        (ONE + 'verdict = "better"\n', "figure.0.verdict: extra inputs are not permitted"),
        ("figure = [", "is not readable"),
        ("", "figure: field required"),
    ],
)
def test_a_file_that_cannot_be_used_is_left_out_by_name(tmp_path, text, message):
    path = tmp_path / "published.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(GanBenchError, match=message):
        read_published(path)
    markdown, _ = report(tmp_path, text)
    assert "Published elsewhere" not in markdown
    assert "published.toml" in markdown.partition("Left out")[2]


def named(results, sha256, count=77, **options):
    """Add scores of images under one name; return what is stored under it."""
    folder = open_results(results, create=True)
    images = Source(images=f"{sha256[0]}.npz", sha256=sha256, count=count)
    scores = scores_of({0: 2.4}, under=protocol(n_fake=count)).model_copy(update={"fake": images})
    add_external(folder, "Theirs", [scores], b"", command="", **options)
    ((external,), left_out) = read_externals(folder)
    assert left_out == []
    return external


def test_images_replace_others_of_their_name_only_if_asked_to(tmp_path):
    results = tmp_path / "results"
    named(results, "1" * 64)
    for options in ({"sha256": "2" * 64}, {"sha256": "1" * 64, "count": 78}):
        with pytest.raises(UsageError, match="choose another name with --as, or replace them with"):
            named(results, **options)
    assert named(results, "1" * 64).facts.images == "1.npz"
    external = named(results, "2" * 64, 78, replace=True)
    assert (external.facts.images, external.facts.count) == ("2.npz", 78)
    assert [scores.fake.count for scores in external.scores] == [78]
    (external.folder / "external.json").write_text("{")
    with pytest.raises(UsageError, match="score the images again with --replace"):
        named(results, "2" * 64)
    assert named(results, "3" * 64, replace=True).facts.images == "3.npz"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("failing", ["grid.png", "scores/*.json", FACTS, "new"])
def test_what_replaces_nothing_in_the_end_leaves_the_earlier(tmp_path, monkeypatch, failing, error):
    results = tmp_path / "results"
    before = named(results, "1" * 64)
    replace = Path.replace if failing != "new" else Path.rename

    def fail(self, target):
        if Path(target).match(failing) or self.name == failing:
            raise error
        return replace(self, target)

    monkeypatch.setattr(Path, replace.__name__, fail)
    with pytest.raises(type(error)):
        named(results, "2" * 64, replace=True)
    ((external,), left_out) = read_externals(open_results(results, create=False))
    assert external == before and not left_out
    assert (external.folder / "grid.png").exists()
    assert not list((results / "removing").iterdir())
    monkeypatch.undo()
    assert named(results, "2" * 64, replace=True).facts.images == "2.npz"


def test_of_images_that_are_not_made_yet_the_number_is_compared(tmp_path):
    named(tmp_path / "results", "1" * 64)
    folder = open_results(tmp_path / "results", create=False)
    check_external(folder, "Theirs", None, 77)
    check_external(folder, "Theirs", None, 78, replace=True)
    with pytest.raises(UsageError, match="has other images under the name 'Theirs'"):
        check_external(folder, "Theirs", None, 78)
