"""Ways to damage the snapshot of an evaluation point."""

import numpy as np


def images_in(path):
    with np.load(path) as archive:
        return archive["images"]


def cut_end(path):
    path.write_bytes(path.read_bytes()[:-100])


def overwrite_middle(path):
    content = bytearray(path.read_bytes())
    content[5000:5100] = bytes(range(100))
    path.write_bytes(content)


def rename_array(path):
    images = images_in(path)
    np.savez(path, samples=images, others=images)


def change_type(path):
    np.savez(path, images=images_in(path).astype(np.float32))


def store_objects(path):
    np.savez(path, images=np.array([{}], dtype=object))


def drop_one_image(path):
    np.savez(path, images=images_in(path)[1:])


def enlarge_images(path):
    np.savez(path, images=np.pad(images_in(path), ((0, 0), (2, 2), (2, 2), (0, 0))))


def change_format(path):
    images = images_in(path)
    with path.open("wb") as file:
        np.save(file, images)


DAMAGES = (
    cut_end,
    overwrite_middle,
    rename_array,
    change_type,
    store_objects,
    drop_one_image,
    enlarge_images,
    change_format,
)
