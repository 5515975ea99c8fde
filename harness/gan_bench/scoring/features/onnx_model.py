"""Feature models: ONNX files that turn images into features."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors

from gan_bench.errors import GanBenchError, UsageError

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
_RUN_ERRORS = (
    onnx_errors.Fail,
    onnx_errors.InvalidArgument,
    onnx_errors.NotImplemented,
    onnx_errors.RuntimeException,
)
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_BATCH_SIZE = 256
"""Batch size of models without one in their metadata."""
_INPUT_TYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}


class FeatureModel:
    """A feature extractor in one ``.onnx`` file.

    Its only input takes pixels of 0 to 255, uint8 or float32 (n, height, width, channels), with any
    n; any scaling is part of the graph. Its output ``features`` is float32 (n, d), and it
    may have an output ``logits``. The file's metadata may say how it resizes images and converts
    grey ones (``gan_bench.resize``, ``gan_bench.channels``), and the batch size that suits it
    (``gan_bench.batch``).

    Each thread computes whole batches: this is faster than sharing one operation, and the features
    have the same bits with any number of threads. If ONNX Runtime's CUDA provider is installed, it
    computes them instead.

    Attributes
    ----------
    name
        Name in protocols and metrics.
    sha256
        The sha256 of the file, hexadecimal.
    dimensions
        Number of features, d.
    resize, channels
        How images of another size or with one channel are converted; ``none``: they are refused.
    batch_size
        Batch size that suits the model.
    outputs
        Names of the outputs.
    provider
        ONNX Runtime's execution provider.
    weights
        Origin of the weights, if the model was made on this machine.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str | None = None,
        threads: int = 1,
        weights: str | None = None,
        cuda: bool = True,
    ) -> None:
        """Load a model.

        Its name is by default the file's name without suffix. ``cuda`` allows a GPU.

        Raises
        ------
        UsageError
            The file cannot be read, is no ONNX model, or does not have these inputs and outputs.
        """
        if threads < 1:
            raise UsageError(f"A feature model needs at least one thread, not {threads}.")
        self.name = path.stem if name is None else name
        self._threads = threads
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UsageError(f"The feature model {path} cannot be read: {error}.") from error
        self.sha256 = hashlib.sha256(content).hexdigest()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        use_cuda = cuda and _CUDA in onnxruntime.get_available_providers()
        # Full float32: with TF32 the features would differ from a CPU's.
        providers = [(_CUDA, {"use_tf32": "0"}), _CPU] if use_cuda else [_CPU]
        try:
            # Load the bytes that were hashed: the file may have changed since.
            self._session = onnxruntime.InferenceSession(content, options, providers=providers)
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
        self.outputs = frozenset(outputs)
        self.weights = weights
        self.provider = str(self._session.get_providers()[0])
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.resize = str(metadata.get("gan_bench.resize", "none"))
        self.channels = str(metadata.get("gan_bench.channels", "none"))
        batch_size = metadata.get("gan_bench.batch", "")
        self.batch_size = int(batch_size) if batch_size.isdecimal() else _BATCH_SIZE
        self._repeats_grey = self.channels != "none" and self._image_shape[2] == 3

    def check(self, shape: tuple[int, int, int]) -> None:
        """Refuse images of a (height, width, channels) that does not fit the model.

        Raises
        ------
        GanBenchError
            The size or the number of channels does not fit.
        """
        if self._repeats_grey and shape[2] == 1:
            shape = (*shape[:2], 3)
        pairs = zip(self._image_shape, shape, strict=True)
        if any(isinstance(wanted, int) and wanted != given for wanted, given in pairs):
            raise GanBenchError(
                f"The feature model {self.name} needs images of {_size(self._image_shape)} "
                f"(height x width x channels), these are {_size(list(shape))}: choose other "
                "features."
            )

    def batches(
        self, images: Iterable[NDArray[np.uint8]], *, output: str = "features"
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the features of batches of images, in their order.

        The size of the batches changes a feature by rounding only (1e-5).

        Parameters
        ----------
        images
            Batches of uint8 (any n, height, width, channels); `batch_size` suits the model.
        output
            The model's output to take: ``features``, or another one of its outputs.

        Yields
        ------
        NDArray
            float32 (n, d).

        Raises
        ------
        GanBenchError
            The images do not fit the model, or it fails on them.
        """
        waiting: deque[Future[NDArray[np.float32]]] = deque()
        batches = iter(images)
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                for batch in batches:
                    waiting.append(pool.submit(self._run, batch, output))
                    # A bounded queue: the images are not read far ahead of the network.
                    if len(waiting) > 2 * self._threads:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def treatment(self, channels: int) -> str:
        """Return what a protocol says of the conversion of images with ``channels`` channels."""
        return self.channels if channels == 1 else "none"

    def _run(self, batch: NDArray[np.uint8], output: str) -> NDArray[np.float32]:
        self._check_batch(batch)
        if self._repeats_grey and batch.shape[3] == 1:
            batch = np.repeat(batch, 3, axis=3)
        return self._computed(batch, output)

    def _check_batch(self, batch: NDArray[np.uint8]) -> None:
        if batch.ndim != 4 or batch.dtype != np.uint8:
            raise GanBenchError(
                "Images to be scored must be uint8 (n, height, width, channels), "
                f"not {batch.dtype} {batch.shape}."
            )
        self.check((batch.shape[1], batch.shape[2], batch.shape[3]))

    def _computed(self, batch: NDArray[np.uint8], output: str) -> NDArray[np.float32]:
        pixels = batch.astype(self._input_type, copy=False)
        try:
            (result,) = self._session.run([output], {self._input: pixels})
        except _RUN_ERRORS as error:
            raise GanBenchError(
                f"The feature model {self.name} fails on images of "
                f"{_size(list(batch.shape[1:]))}: {' '.join(str(error).split())}"
            ) from error
        return np.asarray(result, dtype=np.float32)

    def features(
        self, images: NDArray[np.uint8], *, output: str = "features", batch_size: int | None = None
    ) -> NDArray[np.float32]:
        """Return the features of all images at once, float32 (n, d), n >= 1; see `batches`."""
        size = batch_size or self.batch_size
        parts = (images[start : start + size] for start in range(0, len(images), size))
        return np.concatenate(list(self.batches(parts, output=output)), axis=0)


def _is_matrix(shape: list[int | str | None]) -> bool:
    return len(shape) == 2 and isinstance(shape[1], int)


def _size(shape: list[int | str | None] | list[int]) -> str:
    return " x ".join(str(size) if isinstance(size, int) else "any" for size in shape)
