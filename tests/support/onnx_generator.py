"""ONNX files of small generators, for tests."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_generator(
    path,
    *,
    latent=(16,),
    batch="n",
    shape=(28, 28, 1),
    operator="Tanh",
    scale=0.02,
    labels=False,
    seed=0,
    says=(),
):
    """Write one dense layer and an activation; labels, if any, make the images of a class.

    The kernel is of `seed` and `scale`; a latent size that is a name is 16 in it. `says` is what
    the file says of itself.
    """
    size = int(np.prod([16 if isinstance(one, str) else one for one in latent]))
    pixels = int(np.prod(shape))
    kernel = np.random.default_rng(seed).standard_normal((size, pixels)).astype(np.float32) * scale
    node = helper.make_node
    nodes = [
        node("Reshape", ["latents", "flat"], ["z"]),
        node("MatMul", ["z", "kernel"], ["products"]),
        node(operator, ["products"], ["values"]),
        node("Reshape", ["values", "shape"], ["pictures" if labels else "images"]),
    ]
    inputs = [helper.make_tensor_value_info("latents", TensorProto.FLOAT, [batch, *latent])]
    constants = {
        "kernel": kernel.astype(np.float32),
        "flat": np.array([-1, size]),
        "shape": np.array([-1, *shape]),
    }
    if labels:  # all pixels of class c are c / 10
        inputs.append(helper.make_tensor_value_info("labels", TensorProto.INT64, [batch]))
        constants |= {"ten": np.float32(10), "zero": np.float32(0), "four": np.array([-1, 1, 1, 1])}
        nodes += [
            node("Cast", ["labels"], ["numbers"], to=TensorProto.FLOAT),
            node("Div", ["numbers", "ten"], ["tenths"]),
            node("Reshape", ["tenths", "four"], ["levels"]),
            node("Mul", ["pictures", "zero"], ["nothing"]),
            node("Add", ["nothing", "levels"], ["images"]),
        ]
    output = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", *shape])
    tensors = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    graph = helper.make_graph(nodes, "generator", inputs, [output], tensors)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    helper.set_model_props(model, {f"gan_bench.{name}": text for name, text in dict(says).items()})
    onnx.save(model, path)
    return path


def write_huge(path):
    """Write a generator whose images have 2^20 pixels a side."""
    node = helper.make_node
    nodes = [
        node("Reshape", ["latents", "four"], ["points"]),
        node("Expand", ["points", "shape"], ["images"]),
    ]
    constants = {"four": np.array([-1, 1, 1, 1]), "shape": np.array([1, 2**20, 2**20, 1])}
    graph = helper.make_graph(
        nodes,
        "generator",
        [helper.make_tensor_value_info("latents", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", None, None, 1])],
        [numpy_helper.from_array(v, name) for name, v in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path
