"""Loads generators of any framework, in child processes only."""

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from gan_bench.errors import UsageError, first_validation_error
from gan_bench.plugins.frameworks import frameworks
from gan_bench.plugins.loader import load_module
from gan_bench.plugins.mistakes import MAIN_GUARD
from gan_bench.plugins.registry import Implementation, is_path
from gan_bench.recipe import LatentDistribution
from gan_bench.sampling import FACT, LARGEST_LATENT, MOST_CLASSES
from gan_bench.sampling.requests import GeneratorRequest
from gan_bench.system.models import Frozen
from gan_bench.trainer import kind_of
from gan_bench.worker.failure import failure_reason

_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_LATENTS: Mapping[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
}
_LABELS: Mapping[str, Any] = {"tensor(int64)": np.int64}


class _Said(Frozen):
    """What an ONNX file of ``gan-bench sample --export`` says that its inputs do not."""

    latent_size: Annotated[int, Field(ge=1, le=LARGEST_LATENT)] | None = None
    latent_distribution: LatentDistribution | None = None
    classes: Annotated[int, Field(ge=1, le=MOST_CLASSES)] | None = None


@dataclass(frozen=True)
class Generator:
    """What makes images of latents."""

    call: Callable[..., Any]
    """Called with latents float32 (n, *latent), and labels int64 (n,) if it is conditional."""
    latent: tuple[int | None, ...] | None = None
    """The shape of one latent as the file says it; None: the file does not say it."""
    batch: int | None = None
    """The only number of latents that it takes; None: any."""
    author: Implementation | None = None
    """Whose lines the reason of a failure names."""
    distribution: LatentDistribution = "normal"
    """Distribution of the latents that it gets."""
    classes: int | None = None
    """Number of classes that it gets in turn; None: it gets no labels."""
    contradictions: tuple[str, ...] = ()
    """A sentence for each option that contradicts the file."""


def load_generator(request: GeneratorRequest) -> Generator:
    """Load an ONNX file, an exported program of PyTorch, or what a factory returns.

    Options that are not given are as an ONNX file says.

    Raises
    ------
    UsageError
        It cannot be loaded, or takes other inputs.
    """
    path = Path(request.generator)
    if path.suffix.lower() == ".onnx":
        return _onnx(path, request)
    generator = _exported(path, request) if path.suffix.lower() == ".pt2" else _of_factory(request)
    given = request.distribution or "normal"
    return replace(generator, distribution=given, classes=request.classes)


def _onnx(path: Path, request: GeneratorRequest) -> Generator:
    """Load an ONNX file, which executes nothing but its operations."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = request.threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    providers: list[Any] = [_CPU]
    if request.device != "cpu":
        if _CUDA not in onnxruntime.get_available_providers():
            raise UsageError(
                "ONNX Runtime has no CUDA here: use --device cpu, or replace the package "
                "onnxruntime by onnxruntime-gpu."
            )
        providers.insert(0, (_CUDA, {"use_tf32": "0"}))
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        raise UsageError(
            f"{path} is not an ONNX model that ONNX Runtime {onnxruntime.__version__} can load "
            f"({_one_line(error)}): export it again."
        ) from error
    said = _said(path, session.get_modelmeta().custom_metadata_map)
    classes = request.classes or said.classes
    # The latents first, whatever their place.
    inputs = sorted(session.get_inputs(), key=lambda one: str(one.type) in _LABELS)
    outputs = [one.name for one in session.get_outputs()]
    named = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs) or "none"
    kinds = (_LATENTS,) if classes is None else (_LATENTS, _LABELS)
    fits = len(inputs) == len(kinds) and all(
        one.type in kind for one, kind in zip(inputs, kinds, strict=True)
    )
    if not fits or len(inputs[0].shape) < 2 or not outputs:
        wanted = "one input, the latents" if classes is None else "two inputs, the latents"
        labels = "" if classes is None else " and the labels, int64 (n,)"
        hint = " Give --classes for labels as the second input." if len(inputs) == 2 else ""
        raise UsageError(
            f"{path} must have {wanted}, float32 (n, ...){labels}; its inputs are {named}.{hint}"
        )
    dtype = _LATENTS[inputs[0].type]
    output = "images" if "images" in outputs else outputs[0]
    batch, *latent = (size if isinstance(size, int) else None for size in inputs[0].shape)
    if latent == [None]:
        latent = [said.latent_size]

    def call(latents: NDArray[np.float32], *labels: NDArray[np.int64]) -> Any:
        fed = [latents.astype(dtype, copy=False), *labels]
        names = [one.name for one in inputs]
        return session.run([output], dict(zip(names, fed, strict=True)))[0]

    return Generator(
        call,
        tuple(latent),
        batch,
        distribution=request.distribution or said.latent_distribution or "normal",
        classes=classes,
        contradictions=_contradictions(path, request, said),
    )


def _said(path: Path, metadata: Mapping[str, str]) -> _Said:
    facts = {name: metadata.get(f"{FACT}{name}") for name in _Said.model_fields}
    try:
        return _Said.model_validate(facts)
    except ValidationError as error:
        raise UsageError(
            f"{path} says of itself what cannot be ({FACT}{first_validation_error(error)}): export "
            "it again."
        ) from error


def _contradictions(path: Path, request: GeneratorRequest, said: _Said) -> tuple[str, ...]:
    found = (
        ("--distribution", request.distribution, said.latent_distribution, "latents"),
        ("--classes", request.classes, said.classes, "classes"),
    )
    return tuple(
        f"{path} says that it takes {stated} {what}: it got {given}, as {option} says."
        for option, given, stated, what in found
        if None not in (given, stated) and given != stated
    )


def _exported(path: Path, request: GeneratorRequest) -> Generator:
    """Load what `torch.export.save` wrote."""
    torch = _package("torch", request)
    try:
        program = torch.export.load(path)
    except Exception as error:
        raise UsageError(
            f"{path} is not a file of torch.export.save that PyTorch {torch.__version__} can load "
            f"({_one_line(error)}): save it again."
        ) from error
    if request.device != "cpu":
        passes = importlib.import_module("torch.export.passes")  # torch does not import it
        program = passes.move_to_device_pass(program, request.device)
    placeholders = {node.name: node.meta.get("val") for node in program.graph.nodes}
    shapes = [
        [size if isinstance(size, int) else None for size in placeholders[name].shape]
        for name in program.graph_signature.user_inputs
        if hasattr(placeholders.get(name), "shape")
    ]
    wanted = 1 if request.classes is None else 2
    if len(shapes) != wanted or not shapes[0]:
        raise UsageError(
            f"{path} must have {'one input, the latents' if wanted == 1 else 'two inputs'}; it has "
            f"{len(shapes)}." + (" Give --classes for labels." if len(shapes) == 2 else "")
        )
    batch, *latent = shapes[0]
    return Generator(_of_torch(torch, program.module(), request.device), tuple(latent), batch)


def _of_factory(request: GeneratorRequest) -> Generator:
    """Import a factory and call it."""
    where, _, attribute = request.generator.rpartition(":")
    author = Implementation(
        name="generator",
        framework="",
        recipe="",
        attribute=attribute,
        path=str(Path(where).resolve()) if is_path(where) else None,
        module=None if is_path(where) else where,
    )
    try:
        module = load_module(author)
    except BaseException as error:
        hint = f" {MAIN_GUARD}" if isinstance(error, SystemExit) else _hint(error, where, attribute)
        raise UsageError(
            f"{where} cannot be imported: {failure_reason(error, author).rstrip('.')}.{hint}"
        ) from error
    if not hasattr(module, attribute):
        raise UsageError(f"{where} has no {attribute}: name its function, as in {where}:make.")
    made = getattr(module, attribute)
    if _kind(made) is None:  # no network, but what makes one
        if not callable(made):
            raise UsageError(f"{request.generator} is {kind_of(made)}, and not a function.")
        try:
            made = made()
        except BaseException as error:
            reason = failure_reason(error, author).rstrip(".")
            raise UsageError(
                f"{request.generator}() failed: {reason}. It is called without arguments and "
                f"returns the generator.{_hint(error, where, attribute)}"
            ) from error
    kind = _kind(made)
    if kind is None and not callable(made):
        raise UsageError(
            f"{request.generator}() returned {kind_of(made)}, which cannot be called with latents."
        )
    return Generator(_caller(made, kind, request.device), author=author)


def _hint(error: BaseException, where: str, attribute: str) -> str:
    """Return a sentence on how to get a module that is missing, or ''."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return ""
    top = error.name.partition(".")[0]
    if not is_path(where) and top == where.partition(".")[0]:
        return f" For a file, write ./{where.replace('.', '/')}.py:{attribute}."
    return f" Get it with {_install(top)}."


def _install(package: str) -> str:
    for framework in frameworks().values():
        if package in (framework.module, *framework.packages):
            return framework.install
    return f"pip install {package}"


def _package(name: str, request: GeneratorRequest) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{request.generator} needs the package {name}, which is not installed: get it with "
            f"{_install(name)}."
        ) from error


def _kind(value: Any) -> str | None:
    """Return whose network a value is, of the frameworks that this process has imported."""
    # Keras' layers are also PyTorch's modules if that is its backend.
    for name, module, cls in (
        ("keras", "keras", "Layer"),
        ("torch", "torch.nn", "Module"),
        ("jax", "flax.nnx", "Module"),
    ):
        found = getattr(sys.modules.get(module), cls, None)
        if found is not None and isinstance(value, found):
            return name
    return None


def _caller(made: Any, kind: str | None, device: str) -> Callable[..., Any]:
    """Return a generator as a function, in inference mode."""
    torch = sys.modules.get("torch")
    if kind == "torch":
        made.eval().to(device)
        return _of_torch(torch, made, device)
    if kind == "keras":
        return lambda latents, *labels: made(
            [latents, *labels] if labels else latents, training=False
        )
    if kind == "jax":
        made.eval()
    if torch is None:
        return made  # type: ignore[no-any-return]

    def call(*arrays: NDArray[Any]) -> Any:
        with torch.no_grad():
            return made(*arrays)

    return call


def _of_torch(torch: Any, network: Any, device: str) -> Callable[..., Any]:
    """Return a module as a function of arrays, without gradients and in its own dtype."""
    floats = [one.dtype for one in network.parameters() if one.is_floating_point()]

    def call(*arrays: NDArray[Any]) -> Any:
        latents, *labels = (torch.from_numpy(array).to(device) for array in arrays)
        with torch.no_grad():
            return network(latents.to(floats[0]) if floats else latents, *labels)

    return call


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return text if len(text) < 300 else f"{text[:300]} ..."
