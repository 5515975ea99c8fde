"""ONNX files of feature models, for tests."""

import onnx
from onnx import TensorProto, helper


def write_means(path, *, operator="Identity", image=("n", "h", "w", 1), output="features"):
    """Write a model whose features are the means over height and width of f(pixels).

    Flat images have one mean. Return the path as text.
    """
    flat = len(image) == 2
    axes = [1] if flat else [1, 2]
    nodes = [
        helper.make_node(operator, ["images"], ["values"]),
        helper.make_node("ReduceMean", ["values"], [output], axes=axes, keepdims=int(flat)),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, image)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", 1 if flat else image[-1]])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return str(path)
