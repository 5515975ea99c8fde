"""Sample grids: where each image lands in the PNG."""

import numpy as np
import pytest
from PIL import Image

from gan_bench.errors import GanBenchError
from gan_bench.scoring.snapshots import grid, write_grid


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_holds_the_first_64_images_without_loss(tmp_path, channels):
    images = np.random.default_rng(0).integers(0, 256, (70, 5, 4, channels), dtype=np.uint8)
    write_grid(tmp_path / "grid.png", images)
    with Image.open(tmp_path / "grid.png") as picture:
        pixels = np.asarray(picture).reshape(8 * 5 + 14, 8 * 4 + 14, channels)
    for index in range(64):
        top, left = index // 8 * 7, index % 8 * 6
        np.testing.assert_array_equal(pixels[top : top + 5, left : left + 4], images[index])
    assert (pixels[5:7] == 128).all()
    assert (pixels[:, 4:6] == 128).all()


def test_cells_without_an_image_are_grey():
    canvas = grid(np.zeros((9, 3, 3, 1), dtype=np.uint8))
    assert (canvas[:3, :3] == 0).all()
    assert (canvas[5:8, :3] == 0).all()
    assert (canvas[5:, 5:] == 128).all()


def test_images_of_two_channels_have_no_grid(tmp_path):
    with pytest.raises(GanBenchError, match="1 or 3 channels, these have 2"):
        write_grid(tmp_path / "grid.png", np.zeros((4, 3, 3, 2), dtype=np.uint8))
    assert list(tmp_path.iterdir()) == []
