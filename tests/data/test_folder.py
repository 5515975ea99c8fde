"""A folder of images as a data set: names, labels, splits, pixels, and what is refused."""

import hashlib
import os
import shutil
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from gan_bench import data
from gan_bench.errors import UsageError
from image_folder import pixels, write_image, write_images


def load(folder, options=""):
    return data.load(f"folder:{folder}{options}")


def images_of(dataset):
    """Return every image with its label, whatever the split and the order."""
    return sorted(
        (image.tobytes(), int(label))
        for split in (dataset.train, dataset.test)
        for image, label in zip(split.images, split.labels, strict=True)
    )


def complaint(folder, options=""):
    with pytest.raises(UsageError) as caught:
        load(folder, options)
    said = str(caught.value)
    assert "\n" not in said and said.endswith((".", "?"))
    return said


@pytest.fixture
def pictures(tmp_path):
    return tmp_path / "pictures"


class TestRoot:
    def test_what_is_no_folder_is_refused(self, pictures):
        assert "is not a folder" in complaint(pictures)
        pictures.write_text("a file")
        assert "is not a folder" in complaint(pictures)


class TestLabels:
    def test_without_folders_there_is_one_class(self, pictures):
        dataset = load(write_images(pictures, 20))
        assert dataset.classes == 1
        assert not dataset.train.labels.any()

    def test_the_first_level_in_the_order_of_names(self, pictures):
        write_images(pictures / "b", 10)
        write_images(pictures / "a" / "deeper" / "still", 10, start=10)
        write_images(pictures / "C", 10, start=20)
        (pictures / "empty").mkdir()
        dataset = load(pictures)
        assert dataset.classes == 3
        expected = [
            (pixels(seed).tobytes(), label)
            for label, start in ((0, 20), (1, 10), (2, 0))
            for seed in range(start, start + 10)
        ]
        assert images_of(dataset) == sorted(expected)

    def test_an_image_beside_the_folders_has_no_label(self, pictures):
        write_images(pictures / "a", 10)
        write_images(pictures, 10, start=10)
        said = complaint(pictures)
        assert str(pictures / "00") in said
        assert "is not in a class folder such as 'a'; move it into one" in said

    def test_classes_are_those_of_both_splits(self, pictures):
        write_images(pictures / "train" / "b", 3)
        write_images(pictures / "test" / "a", 2, start=5)
        dataset = load(pictures)
        assert dataset.classes == 2
        assert dataset.train.labels.tolist() == [1] * 3
        assert dataset.test.labels.tolist() == [0] * 2


class TestSplits:
    def test_train_and_test_folders_are_the_splits(self, pictures):
        write_images(pictures / "train", 5)
        write_images(pictures / "test", 3, start=5)
        write_images(pictures / "validation", 3, start=8)
        dataset = load(pictures)
        assert dataset.train.images.shape == (5, 6, 5, 1)
        assert dataset.test.images.shape == (3, 6, 5, 1)
        assert "already has train/ and test/; leave out test=" in complaint(pictures, ",test=2")

    @pytest.mark.parametrize(("only", "other"), [("train", "test"), ("test", "train")])
    def test_one_of_them_alone_is_refused(self, pictures, only, other):
        write_images(pictures / only, 5)
        said = complaint(pictures)
        assert f"has {only}/ but no {other}/; add it, or use {pictures / only}" in said
        assert len(load(pictures / only, ",test=2").train.images) == 3

    @pytest.mark.parametrize(("options", "share"), [("", 1 / 7), (",test=0.5", 0.5)])
    def test_else_the_sum_of_the_file_decides(self, pictures, options, share):
        write_images(pictures, 60)
        dataset = load(pictures, options)
        sums = {
            pixels(int(path.stem)).tobytes(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in pictures.iterdir()
        }
        for split, test in ((dataset.train, False), (dataset.test, True)):
            found = [sums[image.tobytes()] for image in split.images]
            assert found == sorted(found)
            assert all((int(sha256, 16) / 2**256 < share) == test for sha256 in found)
        assert len(dataset.train.images) + len(dataset.test.images) == 60

    def test_a_file_more_moves_no_other_and_names_do_not_matter(self, pictures):
        write_images(pictures, 40)
        before = load(pictures)
        for path in list(pictures.iterdir()):
            path.rename(path.with_name(f"z{path.name}"))
        assert load(pictures).sha256 == before.sha256
        write_images(pictures, 20, start=40)
        after = load(pictures)
        for one, more in ((before.train, after.train), (before.test, after.test)):
            assert {image.tobytes() for image in one.images} <= {i.tobytes() for i in more.images}

    def test_copies_of_a_file_never_stand_on_both_sides(self, pictures):
        write_images(pictures, 30)
        for path in list(pictures.iterdir()):
            shutil.copy(path, path.with_name(f"copy of {path.name}"))
        dataset = load(pictures)
        train, test = ({i.tobytes() for i in s.images} for s in (dataset.train, dataset.test))
        assert not train & test

    def test_a_number_is_that_many(self, pictures):
        write_images(pictures, 30)
        dataset = load(pictures, ",test=9")
        assert (len(dataset.train.images), len(dataset.test.images)) == (21, 9)

    def test_any_first_part_has_images_of_every_class(self, pictures):
        for number in range(4):
            write_images(pictures / str(number), 50, start=50 * number)
        dataset = load(pictures)
        assert np.bincount(dataset.train.labels[:60]).min() > 5

    @pytest.mark.parametrize(
        ("count", "options", "said"),
        [
            (0, "", "too few images for the train split (0, at least 2 are needed)"),
            (1, ",test=2", "too few images for the train split (0, at least"),
            (3, ",test=2", "too few images for the train split (1, at least"),
            (3, ",test=0.0001", "too few images for the test split (0, at least"),
        ],
    )
    def test_a_split_of_fewer_than_two_is_refused(self, pictures, count, options, said):
        pictures.mkdir()
        assert said in complaint(write_images(pictures, count), options)

    def test_the_content_is_the_identity_and_not_the_place(self, pictures, tmp_path):
        first = load(write_images(pictures, 20))
        pictures.rename(tmp_path / "elsewhere")
        second = load(tmp_path / "elsewhere")
        assert first.sha256 == second.sha256
        assert first.name != second.name
        assert load(tmp_path / "elsewhere", ",size=4").sha256 != first.sha256


class TestFiles:
    def test_other_and_hidden_files_are_passed_over(self, pictures):
        write_images(pictures, 20)
        before = load(pictures).sha256
        (pictures / "README.txt").write_text("no image")
        (pictures / "._0001.png").write_text("no image")
        write_images(pictures / ".thumbnails", 2)
        os.mkfifo(pictures / "pipe.png")
        assert load(pictures).sha256 == before

    def test_a_folder_may_be_called_like_an_image(self, pictures):
        write_images(pictures / "a.png", 20)
        assert load(pictures).classes == 1

    def test_links_are_followed_and_loops_found(self, pictures, tmp_path):
        write_images(tmp_path / "elsewhere", 20)
        pictures.mkdir()
        (pictures / "a").symlink_to(tmp_path / "elsewhere")
        write_images(pictures / "b", 20, start=20)
        assert load(pictures).classes == 2
        (pictures / "b" / "up").symlink_to(pictures)
        assert "is a link to a folder above it" in complaint(pictures)

    def test_a_link_that_leads_nowhere_is_named(self, pictures):
        write_images(pictures, 20)
        (pictures / "gone.png").symlink_to(pictures / "nowhere.png")
        said = complaint(pictures)
        assert "gone.png cannot be read (No such file or directory)" in said

    @pytest.mark.skipif(sys.platform != "linux", reason="needs a file that nobody can read")
    def test_what_cannot_be_read_is_named(self, pictures):
        write_images(pictures, 20)
        (pictures / "0003.jpg").symlink_to("/proc/self/mem")
        assert "0003.jpg cannot be read (Input/output error)" in complaint(pictures)

    @pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux")
    def test_a_name_that_is_no_utf8_can_be_read_and_named(self, pictures):
        write_images(pictures, 20)
        odd = os.fsdecode(b"caf\xe9.png")
        (pictures / "0000.png").rename(pictures / odd)
        assert len(images_of(load(pictures))) == 20
        (pictures / odd).write_bytes(b"rubbish")
        assert "caf?.png is damaged" in complaint(pictures)

    def test_more_than_the_memory_is_refused(self, pictures, monkeypatch):
        write_images(pictures, 20)
        there = type("Memory", (), {"total": 20 * 6 * 5 - 1})
        monkeypatch.setattr("gan_bench.data.folder.psutil.virtual_memory", there)
        assert "The 20 images" in complaint(pictures)


GREY, RGB = pixels(0), pixels(1, (6, 5, 3))
OPAQUE = np.concatenate([RGB, np.full((6, 5, 1), 255, np.uint8)], axis=2)


class TestPixels:
    @pytest.fixture
    def one(self, pictures):
        """Load an image among three others, grey or RGB; return its path and all that came."""

        def read(name, image, options="", others=None, **saving):
            image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
            shape = (6, 5) if (others or image.mode) == "L" else (6, 5, 3)
            write_images(pictures, 3, shape, start=10)
            image.save(pictures / name, **saving)
            dataset = load(pictures, f",test=2{options}")
            every = [*dataset.train.images, *dataset.test.images]
            assert len(every) == 4
            return pictures / name, every

        return read

    @pytest.mark.parametrize("array", [GREY, RGB], ids=["grey", "rgb"])
    @pytest.mark.parametrize(
        ("name", "saving"),
        [
            ("x.png", {}),
            ("x.PNG", {"format": "PNG"}),
            ("x.bmp", {}),
            ("x.tif", {"compression": "tiff_lzw"}),
            ("x.tiff", {}),
            ("x.jpg", {"format": "PNG"}),
        ],
    )
    def test_lossless_formats_come_back_as_they_are(self, one, array, name, saving):
        _, every = one(name, array, **saving)
        expected = array if array.ndim == 3 else array[..., None]
        assert any(np.array_equal(image, expected) for image in every)

    def test_webp_comes_back_as_it_is(self, one):
        _, every = one("x.webp", RGB, lossless=True)
        assert any(np.array_equal(image, RGB) for image in every)

    @pytest.mark.parametrize("array", [GREY, RGB], ids=["grey", "rgb"])
    def test_jpeg_is_what_pillow_decodes(self, one, array):
        path, every = one("x.jpeg", array, quality=90)
        expected = np.asarray(Image.open(path)).reshape(6, 5, -1)
        assert any(np.array_equal(image, expected) for image in every)

    def test_black_and_white_is_grey(self, one):
        array = np.where(GREY > 127, 255, 0).astype(np.uint8)
        _, every = one("x.png", Image.fromarray(array).convert("1"), others="L")
        assert any(np.array_equal(image[..., 0], array) for image in every)

    def test_a_palette_is_its_colours(self, one):
        array = np.zeros((6, 5, 3), np.uint8)
        array[2:] = (200, 10, 30)
        _, every = one("x.png", Image.fromarray(array).quantize(2))
        assert any(np.array_equal(image, array) for image in every)

    def test_an_opaque_alpha_channel_is_dropped(self, one):
        _, every = one("x.png", OPAQUE)
        assert any(np.array_equal(image, RGB) for image in every)
        assert {image.shape for image in every} == {(6, 5, 3)}

    def test_an_opaque_alpha_channel_beside_grey_leaves_grey(self, one):
        _, every = one("x.png", Image.fromarray(GREY).convert("LA"), others="L")
        assert any(np.array_equal(image[..., 0], GREY) for image in every)

    def test_the_orientation_in_the_exif_data_is_obeyed(self, one):
        exif = Image.Exif()
        exif[0x0112] = 3
        _, every = one("x.png", RGB, exif=exif)
        assert any(np.array_equal(image, RGB[::-1, ::-1]) for image in every)

    def test_grey_is_a_luminance_by_itu_r_601(self, one):
        _, every = one("x.png", RGB, ",channels=1")
        luminance = RGB.astype(int) @ [299, 587, 114] / 1000
        assert {image.shape for image in every} == {(6, 5, 1)}
        assert any(np.abs(image[..., 0] - luminance).max() <= 0.51 for image in every)

    def test_grey_becomes_rgb_of_three_times_the_same(self, one):
        _, every = one("x.png", GREY, ",channels=3")
        expected = np.repeat(GREY[..., None], 3, axis=2)
        assert any(np.array_equal(image, expected) for image in every)

    def test_resizing_is_pillows_bicubic_with_antialiasing(self, one):
        _, every = one("x.png", GREY, ",size=3x2")
        expected = np.asarray(Image.fromarray(GREY).resize((2, 3), Image.Resampling.BICUBIC))
        assert {image.shape for image in every} == {(3, 2, 1)}
        assert any(np.array_equal(image[..., 0], expected) for image in every)

    def test_it_is_antialiased(self, pictures):
        board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
        for number in range(4):
            write_image(pictures / f"{number}.png", np.roll(board, number, axis=0))
        small = load(pictures, ",size=8,test=2").train.images
        assert np.abs(small.astype(int) - 127).max() <= 40

    def test_images_of_one_size_are_not_touched_by_it(self, pictures):
        write_images(pictures, 20)
        assert load(pictures, ",size=6x5,channels=1").sha256 == load(pictures).sha256


class TestRefusedPixels:
    @pytest.fixture(autouse=True)
    def others(self, pictures):
        write_images(pictures, 20, (6, 5, 3))

    def test_sizes_that_differ_name_both_files_and_the_option(self, pictures):
        odd = write_image(pictures / "odd.png", pixels(99, (5, 6, 3)))
        said = complaint(pictures)
        assert str(odd) in said
        assert str(pictures / "00") in said
        assert "5 x 6" in said and "6 x 5" in said and "give size=" in said
        assert load(pictures, ",size=6").train.images.shape[1:] == (6, 6, 3)

    def test_channels_that_differ_name_both_files_and_the_option(self, pictures):
        odd = write_image(pictures / "odd.png", pixels(99))
        said = complaint(pictures)
        assert str(odd) in said
        assert str(pictures / "00") in said
        assert "grey" in said and "RGB" in said and "channels=1 or channels=3" in said
        assert load(pictures, ",channels=1").train.images.shape[1:] == (6, 5, 1)

    def test_transparency_is_refused(self, pictures):
        array = OPAQUE.copy()
        array[0, 0, 3] = 254
        odd = write_image(pictures / "odd.png", array)
        assert f"{odd} has transparent pixels" in complaint(pictures)

    def test_a_transparent_colour_is_transparency(self, pictures):
        odd = pictures / "odd.png"
        Image.fromarray(GREY).save(odd, transparency=int(GREY[0, 0]))
        assert f"{odd} has transparent pixels" in complaint(pictures)

    @pytest.mark.parametrize("name", ["odd.png", "odd.tif"])
    def test_sixteen_bits_of_grey_are_refused(self, pictures, name):
        odd = write_image(pictures / name, pixels(0).astype(np.uint16) * 200)
        assert f"{odd} has 16 bits per channel; convert it" in complaint(pictures)

    def test_sixteen_bits_of_rgb_are_refused_though_pillow_would_drop_half(self, pictures):
        odd = pictures / "odd.png"
        odd.write_bytes(sixteen_bit_rgb_png(RGB.astype(np.uint16) * 200))
        assert Image.open(odd).mode == "RGB"
        assert f"{odd} has 16 bits per channel; convert it" in complaint(pictures)

    @pytest.mark.parametrize(("mode", "name"), [("CMYK", "odd.jpg"), ("F", "odd.tif")])
    def test_other_modes_are_refused(self, pictures, mode, name):
        odd = pictures / name
        image = Image.fromarray(GREY if mode == "F" else RGB).convert(mode)
        image.save(odd)
        assert f"{odd} has Pillow's mode {mode}; convert it" in complaint(pictures)

    @pytest.mark.parametrize("name", ["odd.png", "odd.tif", "odd.webp"])
    def test_several_frames_are_refused(self, pictures, name):
        odd = pictures / name
        frames = [Image.fromarray(pixels(seed, (6, 5, 3))) for seed in range(3)]
        frames[0].save(odd, save_all=True, append_images=frames[1:])
        assert f"{odd} has 3 frames or pages" in complaint(pictures)

    @pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp"])
    @pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"no"])
    def test_a_damaged_file_is_named(self, pictures, suffix, damage):
        odd = write_image(pictures / f"odd.{suffix}", pixels(99, (60, 50, 3)))
        odd.write_bytes(damage(odd.read_bytes()))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert f"{odd} is damaged or not a supported image" in complaint(pictures, ",size=6")

    @pytest.mark.parametrize("byte", range(0, 90, 7))
    def test_a_flipped_byte_is_an_image_or_a_sentence(self, pictures, byte):
        odd = write_image(pictures / "odd.tif", RGB)
        content = bytearray(odd.read_bytes())
        content[byte] ^= 0xFF
        odd.write_bytes(content)
        try:
            load(pictures, ",size=6,channels=3")
        except UsageError as error:
            assert str(odd) in str(error)

    @pytest.mark.slow
    def test_a_bomb_is_refused_from_its_header(self, pictures):
        odd = pictures / "odd.png"
        Image.new("1", (20_000, 20_000)).save(odd)
        assert f"{odd} has more pixels than Pillow's limit" in complaint(pictures)

    def test_formats_that_are_not_read_are_refused_under_a_suffix_that_is(self, pictures):
        odd = pictures / "odd.png"
        Image.fromarray(RGB).save(odd, format="GIF")
        assert f"{odd} is damaged or not a supported image" in complaint(pictures)


def sixteen_bit_rgb_png(array):
    """Return a PNG that Pillow cannot write."""
    import struct
    import zlib

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    height, width, _ = array.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


class TestStatus:
    def test_a_folder_is_available_if_it_is_there(self, pictures):
        missing = data.describe(f"folder:{pictures},size=28")
        assert (missing.available, missing.where) == (False, str(pictures))
        assert "correct its path" in missing.how_to_get
        pictures.mkdir()
        assert data.describe(f"folder:{pictures}").available
