"""Feature models: ONNX files that turn uint8 images into feature vectors, on the CPU."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors

from gan_bench.errors import GanBenchError, UsageError

MODELS = Path(__file__).parent / "models"
SHIPPED = ("lenet",)
"""The models that come with the package, by name."""

_LOAD_ERRORS = (
    onnx_errors.Fail,
    onnx_errors.InvalidArgument,
    onnx_errors.InvalidGraph,
    onnx_errors.InvalidProtobuf,
    onnx_errors.NoModel,
    onnx_errors.NoSuchFile,
    onnx_errors.NotImplemented,
    onnx_errors.RuntimeException,
)
_INPUT_TYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}


class FeatureModel:
    """A feature extractor in one ``.onnx`` file.

    Its only input takes pixels of 0 to 255, uint8 or float32 (n, height, width, channels), with any
    n; what scaling it needs is part of the graph. Its output ``features`` is float32 (n, d).

    Attributes
    ----------
    name
        What protocols and metrics call it.
    sha256
        Of the file, hexadecimal.
    dimensions
        d.
    """

    def __init__(self, path: Path, *, name: str | None = None, threads: int = 1) -> None:
        """Load a model.

        Parameters
        ----------
        path
            The ``.onnx`` file.
        name
            The file's name without its suffix unless given.
        threads
            That one operation may use, at least 1.

        Raises
        ------
        UsageError
            The file cannot be read, is no ONNX model, or is not one of the kind above.
        """
        if threads < 1:
            raise UsageError(f"A feature model needs at least one thread, not {threads}.")
        self.name = path.stem if name is None else name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UsageError(f"The feature model {path} cannot be read: {error}.") from error
        self.sha256 = hashlib.sha256(content).hexdigest()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        # Threads that wait by spinning take the cores from what else the machine is doing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            # From the bytes that were hashed, not from the path a second time.
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except _LOAD_ERRORS as error:
            raise UsageError(
                f"{path} is not an ONNX model that ONNX Runtime {onnxruntime.__version__} can "
                f"load: {error}"
            ) from error
        inputs = self._session.get_inputs()
        outputs = {output.name: output for output in self._session.get_outputs()}
        if len(inputs) != 1 or inputs[0].type not in _INPUT_TYPES or len(inputs[0].shape) != 4:
            raise UsageError(
                f"The feature model {path} must have one input, uint8 or float32 of four "
                "dimensions (n, height, width, channels)."
            )
        if "features" not in outputs or not _is_matrix(outputs["features"].shape):
            raise UsageError(
                f"The feature model {path} must have an output 'features' of shape (n, d) "
                f"with a fixed d; its outputs are {', '.join(sorted(outputs))}."
            )
        self._input = inputs[0].name
        self._input_type = _INPUT_TYPES[inputs[0].type]
        self._image_shape: list[int | str | None] = list(inputs[0].shape[1:])
        self.dimensions = int(outputs["features"].shape[1])

    def check(self, images: NDArray[np.uint8]) -> None:
        """Return if these images fit the model.

        Raises
        ------
        GanBenchError
            They are not uint8 NHWC, or of another size or other channels than the model's.
        """
        if images.ndim != 4 or images.dtype != np.uint8:
            raise GanBenchError(
                "Images to be scored must be uint8 (n, height, width, channels), "
                f"not {images.dtype} {images.shape}."
            )
        pairs = zip(self._image_shape, images.shape[1:], strict=True)
        if any(isinstance(wanted, int) and wanted != given for wanted, given in pairs):
            raise GanBenchError(
                f"The feature model {self.name} takes images of {_size(self._image_shape)} "
                f"(height x width x channels), these have {_size(list(images.shape[1:]))}: "
                "choose features made for them."
            )

    def batches(
        self, images: NDArray[np.uint8], *, output: str = "features", batch_size: int = 256
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the features of the images, batch by batch.

        The size of the batches changes a feature by rounding only (1e-5).

        Parameters
        ----------
        images
            uint8 (n, height, width, channels).
        output
            The model's output to take: ``features``, or another one that it has.
        batch_size
            Images at a time, at least 1.

        Yields
        ------
        NDArray
            float32 (at most batch_size, d).

        Raises
        ------
        GanBenchError
            The images do not fit the model.
        """
        self.check(images)
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size].astype(self._input_type)
            (result,) = self._session.run([output], {self._input: batch})
            yield np.asarray(result, dtype=np.float32)

    def features(
        self, images: NDArray[np.uint8], *, output: str = "features", batch_size: int = 256
    ) -> NDArray[np.float32]:
        """Return the features of all images at once, float32 (n, d), n >= 1; see `batches`."""
        return np.concatenate(
            list(self.batches(images, output=output, batch_size=batch_size)), axis=0
        )


def load_features(name: str, *, threads: int = 1) -> FeatureModel:
    """Return a feature model by its name, or by the path of an ``.onnx`` file.

    Raises
    ------
    UsageError
        There is no such model, or it cannot be used.
    """
    if name in SHIPPED:
        return FeatureModel(MODELS / f"{name}.onnx", name=name, threads=threads)
    path = Path(name)
    if path.suffix != ".onnx":
        raise UsageError(
            f"There are no features {name!r}: give one of {', '.join(SHIPPED)} "
            "or the path of an .onnx file."
        )
    if path.stem in SHIPPED:
        raise UsageError(
            f"The name of {path} belongs to a model that comes with gan-bench: rename the file."
        )
    return FeatureModel(path, threads=threads)


def _is_matrix(shape: list[int | str | None]) -> bool:
    return len(shape) == 2 and isinstance(shape[1], int)


def _size(shape: list[int | str | None] | list[int]) -> str:
    return " x ".join(str(size) if isinstance(size, int) else "any" for size in shape)
