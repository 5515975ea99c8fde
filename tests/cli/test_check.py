"""What ``verify`` prints, and ``verify`` and ``parity`` on other images than MNIST's."""

import io
import json

import pytest
from rich.console import Console

from gan_bench.cli.views.progress import CheckProgress
from gan_bench.cli.views.tables import CheckPrinter
from gan_bench.testing import CheckResult, CheckStarted
from gan_bench.testing.conformance import CHECKS, QUICK
from image_folder import write_images

FOLDER = ("--dataset", "folder:pictures,test=16")
ONLY = """
def __init__(self, recipe, images, labels, **options):
    if images.shape[1:] != (8, 6, 3): raise ValueError(f"made for others, not {images.shape}")
    super().__init__(recipe, images, labels, **options)
"""


@pytest.fixture
def target(bench, plugin):
    write_images(bench.folder / "pictures", 40, (8, 6, 3))
    return plugin("colour", ONLY)


def test_verify_takes_the_images_of_a_data_set(bench, target):
    def failed(*options):
        checks = json.loads(bench("verify", target, "--json", *options).out)
        return [check["name"] for check in checks if check["status"] == "failed"]

    assert failed(*FOLDER) == []
    assert failed() != []


def test_parity_takes_the_images_of_a_data_set(bench, target, plugin):
    twin = plugin("twin", ONLY)
    quick = ("--paired-steps", "3")
    done = bench("parity", target, twin, *quick, *FOLDER)
    assert done.code == 0, done.out + done.err
    path = bench.folder / "results/local/parity/colour--twin.8x6x3.json"
    certificate = json.loads(path.read_text())
    assert (certificate["image_shape"], certificate["dataset"]) == (
        [8, 6, 3],
        "folder:pictures test=16",
    )
    assert bench("parity", target, twin, *quick).code == 1


@pytest.mark.parametrize("command", ["verify", "parity"])
def test_a_data_set_that_does_not_exist_is_refused(bench, target, plugin, command):
    targets = [target, plugin("twin")] if command == "parity" else [target]
    done = bench.here(command, *targets, "--dataset", "nowhere")
    assert done.code == 2 and "There is no data set 'nowhere'" in done.err


MISTAKE = """
def train(self, batches, draws):
    return super().train(batches, undefined_name)
"""


def test_a_mistake_is_one_failure_with_the_authors_line_and_the_rest_is_counted(bench, plugin):
    target = plugin("gan", MISTAKE)
    text = (bench.folder / target).read_text().splitlines()
    number = next(n for n, line in enumerate(text, 1) if "undefined_name" in line)
    done = bench("verify", target)
    assert done.code == 1
    failed, line, skipped, summary = done.out.splitlines()
    assert failed == (
        "failed  first steps: It raised NameError (name 'undefined_name' is not defined)."
    )
    code = "return super().train(batches, undefined_name)"
    assert line == f"    gan.py:{number}, in train: {code}"
    assert skipped.startswith("skipped  unknown devices, weight names and ")
    assert skipped.endswith(": The first steps failed, and every later check needs them.")
    assert summary.startswith("4 checks passed, 1 failed, ") and summary.endswith(" skipped.")


def test_quick_runs_ten_checks_and_verbose_says_what_passed(bench, plugin):
    target = plugin("gan")
    assert bench("verify", target, "--quick").out == "10 checks passed, 0 failed, 0 skipped.\n"
    *lines, summary = bench("verify", target, "--quick", "--verbose").out.splitlines()
    assert summary == "10 checks passed, 0 failed, 0 skipped."
    assert len(lines) == 10 and all(line.startswith("passed  ") for line in lines)
    assert "passed  same seed: Two trainers built with the same arguments are bit-ide" in lines[6]
    done = json.loads(bench("verify", target, "--quick", "--json").out)
    assert [check["name"] for check in done] == [name for name in CHECKS if name in QUICK]


def test_a_process_that_dies_is_reported_with_the_check_that_ran(bench, plugin):
    target = plugin("gan", "def load(self, path):\n    os._exit(3)")
    done = bench("verify", target)
    assert done.code == 2
    assert "its process ended with exit code 3: no output, during the check '" in done.err


def printed(results, **options):
    console = Console(file=io.StringIO(), width=100)
    printer = CheckPrinter(console, **{"verbose": False, **options})
    for result in results:
        printer.print(result)
    printer.print_summary()
    return console.file.getvalue().splitlines()


def test_the_same_traceback_is_printed_once_and_skipped_checks_by_reason():
    lines = ("/elsewhere/gan.py:3, in save: x",)
    results = [
        CheckResult("one", "passed", "It is."),
        CheckResult("save and load", "failed", "It raised KeyError.", lines),
        CheckResult("save twice", "failed", "It raised KeyError.", lines),
        *(CheckResult(name, "skipped", "No recipe.") for name in ("a", "b", "c", "d")),
        CheckResult("e", "skipped", "No labels."),
    ]
    assert printed(results) == [
        "failed  save and load: It raised KeyError.",
        "    /elsewhere/gan.py:3, in save: x",
        "failed  save twice: the same exception as in 'save and load'.",
        "skipped  a, b and 2 more: No recipe.",
        "skipped  e: No labels.",
        "1 check passed, 2 failed, 5 skipped.",
    ]
    verbose = printed(results, verbose=True)
    assert verbose[0] == "passed  one: It is." and "skipped  b: No recipe." in verbose


def test_progress_counts_the_checks_and_names_the_one_that_runs():
    console = Console(file=io.StringIO(), width=100)
    progress = CheckProgress(console, "./gan.py")
    assert str(progress) == "importing ./gan.py and building a trainer"
    progress._first -= 20
    assert str(progress) == "importing ./gan.py and building a trainer, 20 s so far"
    progress.started(CheckStarted("contract", 1, 44, 0.0))
    assert str(progress) == "[1/44] contract"
    progress._first -= 100
    progress.started(CheckStarted("save and load", 23, 44, 0.5))
    assert str(progress) in (
        "[23/44] save and load, about 1 min 40 s left",
        "[23/44] save and load, about 1 min 39 s left",
    )
    progress._first, progress._since = progress._first - 1000, progress._since - 1000
    assert str(progress) == "[23/44] save and load"  # it takes longer than was expected
