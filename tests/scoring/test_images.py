"""What is scored: the words that name images, and what is wrong with files."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from gan_bench import data
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.scoring.images import Conversion, of_snapshot, of_split, open_images, random_subset


@pytest.fixture(scope="module")
def digits():
    return data.load("mnist-5k").test.images[:50]


def whole(images, size=7):
    return np.concatenate(list(images.read(size)))


def write_pngs(folder, images):
    folder.mkdir(exist_ok=True)
    for index, image in enumerate(images):
        Image.fromarray(image[:, :, 0]).save(folder / f"{index:04d}.png")
    return folder


def test_a_folder_an_npz_and_an_npy_of_the_same_images_are_the_same(tmp_path, digits):
    np.savez(tmp_path / "a.npz", images=digits)
    np.savez_compressed(tmp_path / "b.npz", digits)
    np.save(tmp_path / "c.npy", digits)
    words = [write_pngs(tmp_path / "d", digits), *(tmp_path / n for n in ("a.npz", "b.npz"))]
    sets = [open_images(str(word)) for word in (*words, tmp_path / "c.npy")]
    for images in sets:
        assert (images.count, images.shape, images.split) == (50, (28, 28, 1), None)
        np.testing.assert_array_equal(whole(images), digits)
    digest = hashlib.sha256(f"images uint8 {digits.shape}\n".encode() + digits.tobytes())
    assert {images.sha256 for images in sets} == {digest.hexdigest()}
    assert [images.name for images in sets] == ["d", "a.npz", "b.npz", "c.npy"]


def test_a_data_set_gives_all_of_its_images_or_a_random_subset():
    split = data.load("mnist-5k").test
    some, every = open_images("mnist-5k:test:30"), open_images("mnist-5k:test")
    assert (some.count, every.count) == (30, 1000)
    assert some.sha256 == every.sha256 == split.sha256
    assert some.selection != every.selection
    np.testing.assert_array_equal(whole(every), split.images)
    chosen = places(whole(some), split.images)
    assert len(set(chosen)) == 30 and chosen == sorted(chosen)
    assert chosen != list(range(30))
    assert (some.name, some.split) == ("mnist-5k", "test")


def places(images, among):
    """Return the index of each image, of which there is only one."""
    index = {image.tobytes(): place for place, image in enumerate(among)}
    return [index[image.tobytes()] for image in images]


@pytest.fixture(scope="module")
def by_class(tmp_path_factory):
    """2,000 digits in the order of their classes, as a folder with a folder for each class."""
    folder = tmp_path_factory.mktemp("by_class")
    split = data.load("mnist-5k").train
    for index in range(2000):
        home = folder / str(split.labels[index])
        home.mkdir(exist_ok=True)
        Image.fromarray(split.images[index][..., 0]).save(home / f"{index:04d}.png")
    return folder


@pytest.mark.slow
def test_a_random_subset_of_images_in_the_order_of_classes_has_all_classes(by_class, tmp_path):
    split = data.load("mnist-5k").train
    images = open_images(str(by_class))
    np.save(tmp_path / "same.npy", whole(images))
    for source in (images, open_images(str(tmp_path / "same.npy"))):
        some = source.subset(300, seed=0)
        labels = split.labels[places(whole(some), split.images)]
        # About 30 of each; 15 would be three standard deviations away.
        assert np.bincount(labels, minlength=10).min() > 12
        assert [len(block) for block in some.read(128)] == [128, 128, 44]
        assert some.subset(300, seed=0) is some


@pytest.mark.slow
def test_a_subset_depends_on_content_and_seed_alone(by_class, tmp_path):
    images = open_images(str(by_class))
    np.save(tmp_path / "same.npy", whole(images))
    np.save(tmp_path / "other.npy", 255 - whole(images))
    same, other = (open_images(str(tmp_path / name)) for name in ("same.npy", "other.npy"))
    some = whole(images.subset(200, seed=0))
    np.testing.assert_array_equal(whole(same.subset(200, seed=0)), some)
    np.testing.assert_array_equal(whole(images.subset(200, seed=0)), some)
    assert (whole(images.subset(200, seed=1)) != some).any()
    # Of another set, other places.
    assert (255 - whole(other.subset(200, seed=0)) != some).any()


@pytest.mark.slow
def test_a_smaller_subset_is_a_part_of_a_larger_one(by_class):
    images = open_images(str(by_class))
    large, small = images.subset(500, seed=3), images.subset(100, seed=3)
    again = large.subset(100, seed=3)
    np.testing.assert_array_equal(whole(again), whole(small))
    assert again.selection == small.selection
    assert set(places(whole(small), whole(images))) < set(places(whole(large), whole(images)))
    for wrong in (large, images):
        with pytest.raises(UsageError, match="images, not 2,001: ask for fewer"):
            wrong.subset(2001, seed=0)


def test_of_a_runs_samples_the_first_are_taken(tmp_path, digits):
    """They are independent, and a snapshot may have been cut to the first ones."""
    for name, images in (("whole", digits), ("cut", digits[:20])):
        np.savez(tmp_path / f"{name}.npz", images=images)
    some = [of_snapshot(tmp_path / f"{name}.npz").subset(10, seed=0) for name in ("whole", "cut")]
    for images in some:
        np.testing.assert_array_equal(whole(images), digits[:10])


def test_a_folder_as_a_data_set_is_named_with_its_split(tmp_path, digits):
    write_pngs(tmp_path / "pictures", digits)
    images = open_images(f"folder:{tmp_path}/pictures,test=20:test:10")
    assert (images.count, images.split) == (10, "test")


def test_images_of_a_random_subset_differ_and_come_again_with_their_seed():
    dataset = data.load("mnist-5k")
    first, again = (random_subset(dataset, "train", 500, seed=0) for _ in range(2))
    np.testing.assert_array_equal(whole(first), whole(again))
    assert (whole(random_subset(dataset, "train", 500, seed=1)) != whole(first)).any()
    assert len(np.unique(whole(first).reshape(500, -1), axis=0)) == 500
    with pytest.raises(GanBenchError, match="mnist-5k:train has only 4000"):
        random_subset(dataset, "train", 4001, seed=0)


def test_all_equal_looks_at_every_image(digits):
    dataset = data.load("mnist-5k")
    assert not of_split(dataset, "test", 600).all_equal()


def test_files_with_many_images_are_never_read_whole(tmp_path, digits):
    np.save(tmp_path / "a.npy", digits)
    assert [len(block) for block in open_images(str(tmp_path / "a.npy")).read(20)] == [20, 20, 10]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("nothing", "There are no images 'nothing': give a folder"),
        ("mnist-5k:validation", "There are no images 'mnist-5k:validation'"),
        ("mnist-5k:test:many", "'many' in 'mnist-5k:test:many' is not a positive integer"),
        ("mnist-5k:test:0", "The number '0' in 'mnist-5k:test:0' is not a positive integer"),
        ("mnist-5k:test:1001", "has 1,000 images, not 1,001"),
        ("mnist-5k:test:1", "has 1 image; at least two"),
        ("mnits:test", "did you mean mnist"),
        ("absent.npz", "absent.npz does not exist"),
        (":test", "There are no images ':test'"),
        ("folder:a,channels=1", "'folder:a,channels=1' needs a split, .* give its path alone, and"),
    ],
)
def test_a_word_that_names_nothing_is_one_sentence(word, message):
    with pytest.raises(UsageError, match=message) as error:
        open_images(word)
    assert "\n" not in str(error.value)


def zeros(dtype=np.uint8, shape=(10, 28, 28, 1)):
    return np.zeros(shape, dtype=dtype)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (zeros(np.float32), "has float32 .* instead of uint8"),
        (np.full((10, 28, 28, 1), np.nan), "has float64 .* instead of uint8"),
        (zeros(shape=(10, 28, 28)), r"has uint8 \(10, 28, 28\) instead of"),
        (zeros(shape=(10, 28, 28, 2)), "with 1 or 3 channels"),
        (np.asfortranarray(np.zeros((10, 28, 28, 3), np.uint8)), "Fortran"),
        (zeros(shape=(1, 28, 28, 1)), "has 1 image; at least two"),
        (zeros(shape=(0, 28, 28, 1)), "has no images; at least two"),
        (np.array([{}] * 3, dtype=object), "has object"),
    ],
)
def test_an_array_of_another_kind_is_one_sentence(tmp_path, array, message):
    for name, save in (("a.npy", np.save), ("a.npz", np.savez)):
        save(tmp_path / name, array)
        with pytest.raises(UsageError, match=message) as error:
            open_images(str(tmp_path / name))
        assert name in str(error.value)
        assert "\n" not in str(error.value)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-5000])


def overwrite(path):
    content = bytearray(path.read_bytes())
    content[9000:9100] = bytes(range(100))
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def in_the_directory(offset, value):
    def damage(path):
        content = bytearray(path.read_bytes())
        content[content.rindex(b"PK\x01\x02") + offset] = value
        path.write_bytes(content)

    return damage


encrypted = in_the_directory(8, 1)
unknown_zip_version = in_the_directory(6, 99)
unknown_compression = in_the_directory(10, 99)


@pytest.mark.parametrize(
    "damage",
    [cut_short, overwrite, empty, encrypted, unknown_zip_version, unknown_compression],
)
def test_a_damaged_file_is_found_before_anything_is_scored(tmp_path, digits, damage):
    np.savez(tmp_path / "a.npz", images=digits)
    damage(tmp_path / "a.npz")
    with pytest.raises(UsageError, match=r"a\.npz is (damaged|cut short)"):
        open_images(str(tmp_path / "a.npz"))


def test_an_npy_that_is_cut_short_is_one_sentence(tmp_path, digits):
    np.save(tmp_path / "a.npy", digits)
    cut_short(tmp_path / "a.npy")
    with pytest.raises(UsageError, match=r"a\.npy is cut short"):
        open_images(str(tmp_path / "a.npy"))


def test_an_archive_of_several_arrays_must_say_which_are_the_images(tmp_path, digits):
    np.savez(tmp_path / "a.npz", first=digits, second=digits)
    with pytest.raises(UsageError, match="it has first, second"):
        open_images(str(tmp_path / "a.npz"))
    np.savez(tmp_path / "b.npz", images=digits, labels=np.arange(50))
    assert open_images(str(tmp_path / "b.npz")).count == 50


def corrupt(folder):
    (folder / "0003.png").write_bytes((folder / "0003.png").read_bytes()[:-30])
    return r"0003\.png is damaged"


def no_image(folder):
    (folder / "0003.png").write_text("no picture")
    return r"0003\.png is damaged or not a supported image"


def other_file(folder):
    (folder / "notes.txt").write_text("hello")
    return r"notes\.txt does not have an image suffix"


def other_size(folder):
    Image.new("L", (30, 28)).save(folder / "0003.png")
    return r"0003\.png is 28 x 30 x 1 but .*0000\.png is 28 x 28 x 1"


def colour(folder):
    Image.new("RGB", (28, 28)).save(folder / "0003.png")
    return r"0003\.png is 28 x 28 x 3 but"


def empty(folder):
    for path in folder.iterdir():
        path.unlink()
    return "has no images; at least two"


@pytest.mark.parametrize("harm", [corrupt, no_image, other_file, other_size, colour, empty])
def test_a_folder_that_cannot_be_scored_is_one_sentence(tmp_path, digits, harm):
    folder = write_pngs(tmp_path / "a", digits[:5])
    message = harm(folder)
    with pytest.raises(UsageError, match=message) as error:
        open_images(str(folder))
    assert "\n" not in str(error.value)


def modes(folder, digits):
    """The same digits in grey, RGB and both, and larger."""
    for index, digit in enumerate(digits):
        grey = Image.fromarray(digit[..., 0])
        rgb = grey.convert("RGB")
        pictures = {"grey": grey, "rgb": rgb, "mixed": grey if index % 5 else rgb}
        pictures["large"] = grey.resize((56, 56))
        for name, picture in pictures.items():
            (folder / name).mkdir(exist_ok=True)
            picture.save(folder / name / f"{index:03d}.png")


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_rgb_images_are_converted_on_request(tmp_path, digits, channels):
    modes(tmp_path, digits)
    conversion = Conversion(channels=channels)
    np.save(tmp_path / "grey.npy", digits)
    np.savez(tmp_path / "rgb.npz", images=np.repeat(digits, 3, axis=3))
    names = ("grey", "rgb", "mixed", "grey.npy", "rgb.npz")
    sets = [open_images(str(tmp_path / name), conversion) for name in names]
    for images in sets:
        assert images.shape == (28, 28, channels)
        np.testing.assert_array_equal(whole(images), np.repeat(digits, channels, axis=3))
    assert len({images.sha256 for images in sets}) == 1
    split = open_images("mnist-5k:test:50", conversion)
    assert split.shape == (28, 28, channels)
    drawn_first = open_images("mnist-5k:test:50").converted(conversion)
    np.testing.assert_array_equal(whole(split), whole(drawn_first))


def test_sizes_are_converted_on_request_in_every_kind_of_source(tmp_path, digits):
    modes(tmp_path, digits)
    conversion = Conversion(size=(20, 24), channels=3)
    np.save(tmp_path / "grey.npy", digits)
    found = [open_images(str(tmp_path / name), conversion) for name in ("grey", "grey.npy")]
    for images in found:
        assert images.shape == (20, 24, 3)
        assert images.subset(10, seed=0).shape == (20, 24, 3)
        np.testing.assert_array_equal(whole(images), whole(found[0]))
    wanted = Image.fromarray(digits[0][..., 0]).convert("RGB").resize((24, 20), Image.BICUBIC)
    np.testing.assert_array_equal(whole(found[0])[0], np.asarray(wanted))
    assert whole(open_images(str(tmp_path / "large"), conversion)).shape == (50, 20, 24, 3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mixed", r"001.png is 28 x 28 x 1 but .*000.png is 28 x 28 x 3 .*; give --channels 1 or"),
        ("sizes", r"is 56 x 56 x 1 but .* is 28 x 28 x 1 .*; give --size 28x28 to convert all"),
        (".", r"is 28 x 28 x 1 but .*; give --size 56x56"),
    ],
)
def test_a_folder_of_several_kinds_says_which_option_takes_it(tmp_path, digits, name, message):
    modes(tmp_path, digits[:10])
    (tmp_path / "sizes").mkdir()
    for index, kind in enumerate(("grey", "large")):
        (tmp_path / kind / "000.png").rename(tmp_path / "sizes" / f"{index}.png")
    if name == ".":
        for kind in ("grey", "mixed", "rgb", "sizes"):
            (tmp_path / kind).rename(tmp_path / f"z-{kind}")
        (tmp_path / "large").rename(tmp_path / "a-large")
    with pytest.raises(UsageError, match=message):
        open_images(str(tmp_path / name))
    assert open_images(str(tmp_path / name), Conversion((14, 14), 1)).shape == (14, 14, 1)
