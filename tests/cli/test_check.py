"""``verify`` and ``parity`` on images of other shapes than MNIST's."""

import json

import pytest

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
