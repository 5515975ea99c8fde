"""Folders of image files, for the tests of ``folder:PATH``."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from PIL import Image


def pixels(seed=0, shape=(6, 5)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_image(path: Path, array, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def write_images(folder: Path, count: int, shape=(6, 5), start=0) -> Path:
    for seed in range(start, start + count):
        write_image(folder / f"{seed:04d}.png", pixels(seed, shape))
    return folder


def any_size(folder, channels=3):
    """Return the options of a feature model for images of any size: the channels' means."""
    mean = helper.make_node("ReduceMean", ["images"], ["features"], axes=[1, 2], keepdims=0)
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", "h", "w", channels])
    means = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", channels])
    graph = helper.make_graph([mean], "means", [images], [means])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.save(model, folder / "means.onnx")
    return "--features", "means.onnx"
