"""pytorch-fid's InceptionV3 as an ONNX graph, built node by node.

The graph computes the 2048 features of the last pooling layer, like ``InceptionV3([3])`` of
pytorch-fid 0.3.0. The architecture is that of Szegedy et al. 2016, "Rethinking the Inception
architecture for computer vision", with the two differences of TensorFlow's FID network: average
pooling ignores the padding, and the last block uses max pooling. No exporter is involved, so the
file depends on the weights alone: the same weights give the same sha256 on every machine.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

DIMENSIONS = 2048
SIDE = 299
"""Height and width to which the network resizes images, in pixels."""
RESIZE = "bilinear to 299 x 299 in the network, without antialiasing (pytorch-fid)"
CHANNELS = "grey repeated to three"
_EPSILON = 1e-3
"""Epsilon of the batch normalisation layers."""

# onnxruntime 1.20 reads up to opset 21 and IR version 10; these older ones are enough.
_OPSET = 17
_IR_VERSION = 8
Tensors = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Convolution:
    """A convolution with batch normalisation and ReLU, named as in pytorch-fid's network."""

    name: str
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: tuple[int, int] = (0, 0)

    @property
    def tensors(self) -> tuple[str, ...]:
        """The names of its tensors in pytorch-fid's state dict, the kernel first."""
        normalisation = ("weight", "bias", "running_mean", "running_var")
        return (f"{self.name}.conv.weight", *(f"{self.name}.bn.{part}" for part in normalisation))


@dataclass(frozen=True)
class Pool:
    """A 3 x 3 pooling layer; the average ignores the padding."""

    kind: str
    """``MaxPool`` or ``AveragePool``."""
    stride: int = 1
    padding: int = 1


@dataclass(frozen=True)
class Block:
    """Branches from one input whose outputs are concatenated."""

    branches: tuple[tuple["Layer", ...], ...]


Layer = Convolution | Pool | Block


def _square(name: str, size: int, *, stride: int = 1, padding: int = 0) -> Convolution:
    return Convolution(name, (size, size), stride, (padding, padding))


def _row(name: str, size: int) -> Convolution:
    return Convolution(name, (1, size), 1, (0, size // 2))


def _column(name: str, size: int) -> Convolution:
    return Convolution(name, (size, 1), 1, (size // 2, 0))


def _inception_a(name: str) -> Block:
    return Block(
        (
            (Convolution(f"{name}.branch1x1"),),
            (
                Convolution(f"{name}.branch5x5_1"),
                _square(f"{name}.branch5x5_2", 5, padding=2),
            ),
            (
                Convolution(f"{name}.branch3x3dbl_1"),
                _square(f"{name}.branch3x3dbl_2", 3, padding=1),
                _square(f"{name}.branch3x3dbl_3", 3, padding=1),
            ),
            (Pool("AveragePool"), Convolution(f"{name}.branch_pool")),
        )
    )


def _inception_b(name: str) -> Block:
    return Block(
        (
            (_square(f"{name}.branch3x3", 3, stride=2),),
            (
                Convolution(f"{name}.branch3x3dbl_1"),
                _square(f"{name}.branch3x3dbl_2", 3, padding=1),
                _square(f"{name}.branch3x3dbl_3", 3, stride=2),
            ),
            (Pool("MaxPool", stride=2, padding=0),),
        )
    )


def _inception_c(name: str) -> Block:
    return Block(
        (
            (Convolution(f"{name}.branch1x1"),),
            (
                Convolution(f"{name}.branch7x7_1"),
                _row(f"{name}.branch7x7_2", 7),
                _column(f"{name}.branch7x7_3", 7),
            ),
            (
                Convolution(f"{name}.branch7x7dbl_1"),
                _column(f"{name}.branch7x7dbl_2", 7),
                _row(f"{name}.branch7x7dbl_3", 7),
                _column(f"{name}.branch7x7dbl_4", 7),
                _row(f"{name}.branch7x7dbl_5", 7),
            ),
            (Pool("AveragePool"), Convolution(f"{name}.branch_pool")),
        )
    )


def _inception_d(name: str) -> Block:
    return Block(
        (
            (
                Convolution(f"{name}.branch3x3_1"),
                _square(f"{name}.branch3x3_2", 3, stride=2),
            ),
            (
                Convolution(f"{name}.branch7x7x3_1"),
                _row(f"{name}.branch7x7x3_2", 7),
                _column(f"{name}.branch7x7x3_3", 7),
                _square(f"{name}.branch7x7x3_4", 3, stride=2),
            ),
            (Pool("MaxPool", stride=2, padding=0),),
        )
    )


def _inception_e(name: str, pool: str) -> Block:
    return Block(
        (
            (Convolution(f"{name}.branch1x1"),),
            (
                Convolution(f"{name}.branch3x3_1"),
                Block(
                    ((_row(f"{name}.branch3x3_2a", 3),), (_column(f"{name}.branch3x3_2b", 3),)),
                ),
            ),
            (
                Convolution(f"{name}.branch3x3dbl_1"),
                _square(f"{name}.branch3x3dbl_2", 3, padding=1),
                Block(
                    (
                        (_row(f"{name}.branch3x3dbl_3a", 3),),
                        (_column(f"{name}.branch3x3dbl_3b", 3),),
                    ),
                ),
            ),
            (Pool(pool), Convolution(f"{name}.branch_pool")),
        )
    )


NETWORK: tuple[Layer, ...] = (
    _square("Conv2d_1a_3x3", 3, stride=2),
    _square("Conv2d_2a_3x3", 3),
    _square("Conv2d_2b_3x3", 3, padding=1),
    Pool("MaxPool", stride=2, padding=0),
    Convolution("Conv2d_3b_1x1"),
    _square("Conv2d_4a_3x3", 3),
    Pool("MaxPool", stride=2, padding=0),
    *map(_inception_a, ("Mixed_5b", "Mixed_5c", "Mixed_5d")),
    _inception_b("Mixed_6a"),
    *map(_inception_c, ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e")),
    _inception_d("Mixed_7a"),
    _inception_e("Mixed_7b", "AveragePool"),
    _inception_e("Mixed_7c", "MaxPool"),
)
"""Layers from the scaled image to the last block."""


def convolutions(layers: tuple[Layer, ...] = NETWORK) -> Iterator[Convolution]:
    """Yield the network's 94 convolutions in the order of its state dict."""
    for layer in layers:
        if isinstance(layer, Convolution):
            yield layer
        elif isinstance(layer, Block):
            for branch in layer.branches:
                yield from convolutions(branch)


def graph(tensors: Tensors) -> onnx.ModelProto:
    """Return the network as ONNX.

    Parameters
    ----------
    tensors
        float32, by the names in `Convolution.tensors`, in PyTorch's layouts; others are ignored.

    Returns
    -------
    onnx.ModelProto
        Input ``images`` uint8 (n, height, width, 3), RGB; output ``features`` float32 (n, 2048).
        The graph also resizes and then scales to [-1, 1], as pytorch-fid does.
    """
    builder = _Builder(tensors)
    builder.constant("scale", np.array(255, dtype=np.float32))
    builder.constant("two", np.array(2, dtype=np.float32))
    builder.constant("one", np.array(1, dtype=np.float32))
    builder.constant("first", np.array([0], dtype=np.int64))
    builder.constant("third", np.array([2], dtype=np.int64))
    builder.constant("side", np.array([SIDE, SIDE], dtype=np.int64))
    builder.node("Cast", ["images"], "pixels", to=TensorProto.FLOAT)
    builder.node("Transpose", ["pixels"], "planes", perm=[0, 3, 1, 2])
    builder.node("Div", ["planes", "scale"], "unit")
    builder.node("Shape", ["unit"], "shape")
    builder.node("Slice", ["shape", "first", "third"], "outer")
    builder.node("Concat", ["outer", "side"], "size", axis=0)
    builder.node(
        *("Resize", ["unit", "", "", "size"], "resized"),
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )
    builder.node("Mul", ["resized", "two"], "doubled")
    builder.node("Sub", ["doubled", "one"], "scaled")
    last = builder.layers("scaled", NETWORK)
    builder.node("GlobalAveragePool", [last], "pooled")
    builder.node("Flatten", ["pooled"], "features", axis=1)
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", "h", "w", 3])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", DIMENSIONS])
    model = helper.make_model(
        helper.make_graph(
            builder.nodes, "inception", [images], [features], initializer=builder.constants
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="gan-bench",
    )
    helper.set_model_props(
        model, {"gan_bench.resize": RESIZE, "gan_bench.channels": CHANNELS, "gan_bench.batch": "4"}
    )
    return model


class _Builder:
    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> None:
        self.constants.append(numpy_helper.from_array(value, name))

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def layers(self, last: str, layers: tuple[Layer, ...]) -> str:
        for layer in layers:
            last = self._layer(last, layer)
        return last

    def _layer(self, last: str, layer: Layer) -> str:
        if isinstance(layer, Block):
            outputs = [self.layers(last, branch) for branch in layer.branches]
            return self.node("Concat", outputs, f"concatenated{len(self.nodes)}", axis=1)
        if isinstance(layer, Pool):
            return self.node(
                *(layer.kind, [last], f"pooled{len(self.nodes)}"),
                kernel_shape=[3, 3],
                strides=[layer.stride] * 2,
                pads=[layer.padding] * 4,
            )
        kernel, bias = (f"{layer.name}.{part}" for part in ("kernel", "bias"))
        for name, value in zip((kernel, bias), self._folded(layer), strict=True):
            self.constant(name, value)
        self.node(
            *("Conv", [last, kernel, bias], layer.name),
            kernel_shape=list(layer.kernel),
            strides=[layer.stride] * 2,
            pads=list(layer.padding) * 2,
        )
        return self.node("Relu", [layer.name], f"{layer.name}.rectified")

    def _folded(self, layer: Convolution) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the layer's kernel and bias with the batch normalisation folded into them."""
        kernel, weight, bias, mean, variance = (
            self.tensors[name].astype(np.float64) for name in layer.tensors
        )
        scale = weight / np.sqrt(variance + _EPSILON)
        return (
            (kernel * scale[:, None, None, None]).astype(np.float32),
            (bias - mean * scale).astype(np.float32),
        )


def tensors_sha256(tensors: Tensors) -> str:
    """Return the sha256 of the network's weights; it does not depend on their file's format."""
    digest = hashlib.sha256()
    for layer in convolutions():
        for name in layer.tensors:
            value = np.ascontiguousarray(tensors[name], dtype="<f4")
            digest.update(f"{name} {value.shape}\n".encode())
            digest.update(value.data)
    return digest.hexdigest()
