"""The contract between the harness and an implementation of a GAN.

The harness controls what must be equal for all implementations: initial weights, data and batch
order, latents and other draws, seeds, the clock, evaluation points, checkpoints. A trainer
controls what makes it fast: the input pipeline on the device, compilation, memory layout.
"""

import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import ContractError, UsageError
from gan_bench.recipe import OPTIONAL_LOSSES, Recipe, recipe_from
from gan_bench.text import listed

CONTRACT_VERSION: Final = 2
"""A trainer class may state it as ``contract_version``."""
IN_VERSION_2: Final = (
    'train(batches, draws), or update(real, draws), gets draws["latents"] and returns the losses '
    'by name, such as {"generator": ..., "discriminator": ...}'
)
UPGRADE: Final = "pip install --upgrade gan-bench"
T = TypeVar("T")
Weights = Mapping[str, NDArray[np.generic]]
"""Tensors by canonical name, in canonical layouts.

``<network>.<i>.<tensor>``, where ``<network>`` is one of the recipe's `networks` and ``<i>`` counts
the layers that have tensors, in forward order. Tensors: see `TENSORS`, and the trainer's
``own_tensors``. Layouts: convolution and transposed convolution (height, width, in, out), where
``in`` is the number of input channels; dense (in, out). Feature maps are flattened and unflattened
in NHWC order.
"""

NETWORKS = ("generator", "discriminator")
TENSORS = (
    *("kernel", "bias"),  # convolution, transposed convolution, dense
    *("gamma", "beta", "moving_mean", "moving_variance"),  # normalisation
    *("embeddings", "alpha"),  # embedding; the slopes of a trained leaky ReLU
    *("u", "v"),  # the vectors of spectral normalisation
    *("magnitude", "direction"),  # weight normalisation, of the kernel
)
"""The tensors that have a canonical name."""
_VECTORS = ("u", "v")


def is_trained(name: str) -> bool:
    """Return whether an optimiser updates the tensor of this canonical name."""
    tensor = name.rpartition(".")[2]
    return not tensor.startswith("moving_") and tensor not in _VECTORS


def is_given(name: str) -> bool:
    """Return whether a recipe must give the initial value of the tensor of this canonical name.

    It must for the generator and the discriminator, except for spectral normalisation's vectors.
    """
    network, _, tensor = name.partition(".")
    return network in NETWORKS and tensor.rpartition(".")[2] not in _VECTORS


class Unsupported(Exception):
    """Raised by a trainer that cannot do exactly what the run asks for."""


Precision = Literal["ieee", "tf32", "bf16"]
"""The arithmetic of products and convolutions of float32: as it is; with TF32's 10 bits of fraction
in the factors; or with bfloat16's 7, also in the maps between layers. Weights, losses and updates
are float32 in all."""


def asked_precision() -> Precision:
    """Return the precision that the run asks for."""
    return cast(Precision, os.environ.get("GAN_BENCH_PRECISION", "ieee"))


def tf32_asked(device: str, dtype: str, capability: tuple[int, int] | None) -> bool:
    """Return whether the run asks for TF32.

    Parameters
    ----------
    device, dtype
        The trainer's.
    capability
        The compute capability of its GPU, None for a CPU or if it is unknown.

    Raises
    ------
    Unsupported
        It asks for it, and this device does not have it, or the dtype is another.
    """
    if asked_precision() != "tf32":
        return False
    if device == "cpu" or dtype != "float32" or (capability or (0, 0)) < (8, 0):
        which = (
            "" if capability is None else f" of compute capability {capability[0]}.{capability[1]}"
        )
        raise Unsupported(
            "the precision tf32 is of float32 on NVIDIA's GPUs of compute capability 8.0 or more, "
            f"and this run is of {dtype} on {device}{which}"
        )
    return True


def check_precision(trainer: type) -> None:
    """Raise `Unsupported` if a class cannot compute in the precision that the run asks for."""
    asked = asked_precision()
    known = getattr(trainer, "precisions", ("ieee",))
    if asked not in known:
        raise Unsupported(
            f"the precision {asked} was asked for, and {trainer.__name__} computes in "
            f"{listed(known, last='or')}"
        )


@runtime_checkable
class Trainer(Protocol):
    """One implementation: a recipe in a framework.

    The harness finds the class through an entry point in the group ``gan_bench.implementations``
    (named ``<framework>-<recipe>``), or through the path of the file that defines it.
    """

    framework: ClassVar[str]
    """The framework's short name, such as ``torch``, ``keras`` or ``numpy``."""

    # A trainer also has one of these two:
    # - `recipe_class: ClassVar[type[Recipe]]`, the recipe that it implements;
    # - `hyperparameters: ClassVar[type]`, a dataclass or pydantic model from which a recipe is made
    #   (see `gan_bench.recipe.recipe_from`). Such a trainer initialises itself and has no twin.

    def __init__(
        self,
        recipe: Recipe,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        *,
        device: str,
        planned_steps: int,
        seed: int,
    ) -> None:
        """Build the networks and copy the data to the device.

        It computes products as `asked_precision` says (``--precision``), or raises `Unsupported`.
        If the environment variable ``GAN_BENCH_DETERMINISTIC`` is 1 (``--deterministic``), it makes
        its framework use deterministic kernels.

        Parameters
        ----------
        recipe
            An instance of ``recipe_class``, or of the recipe made from ``hyperparameters``.
        images
            uint8 (n, height, width, channels), the whole training split, read-only. A pixel value
            x means x / 127.5 - 1.
        labels
            int64 (n,).
        device
            ``cpu`` or ``cuda:<index>``. A trainer that cannot use it raises `Unsupported`.
        planned_steps
            Number of steps of the whole run, for learning rate schedules.
        seed
            Seed of the trainer's own random numbers, such as dropout masks. Batches, draws and
            initial weights come from the harness.
        """
        ...

    def set_weights(self, weights: Weights) -> None:
        """Replace the tensors in ``weights``; leave the optimisers' state unchanged.

        ``weights`` has every tensor for which `is_given` is true. It may lack others, such as those
        of a third network; these stay as they are.
        """
        ...

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of all tensors of all networks, on the host, in the recipe's dtype."""
        ...

    def train(
        self, batches: NDArray[np.int64], draws: Mapping[str, NDArray[Any]]
    ) -> Mapping[str, NDArray[np.floating]]:
        """Train one step for each row; return when the device is idle again.

        Do not synchronise with the device inside the loop. Consecutive calls continue each other:
        two calls of five steps give bit-identical results to one call of ten.

        Parameters
        ----------
        batches
            int64 (steps, recipe.real_batches_per_step, batch_size): indices into ``images``.
        draws
            The arrays that ``recipe.draws()`` declares, by name: float32 (steps, count, batch_size,
            *shape), or int64 for classes. A step uses its ``count`` batches of
            ``draws["latents"]`` in order.

        Returns
        -------
        mapping
            The losses by the names in ``recipe.losses``, each of shape (steps,) and the recipe's
            dtype. If a step updates a network several times, the step's loss of that network is
            the mean over these updates. ``d_real`` and ``d_fake`` may be missing.
        """
        ...

    def sample(
        self, latents: NDArray[np.float32], labels: NDArray[np.int64] | None = None
    ) -> NDArray[np.uint8]:
        """Return G(latents) as uint8 (n, height, width, channels) for any n >= 1.

        G is the recipe's `sampler`, in inference mode. ``labels``, int64 (n,), are given if and
        only if the recipe is conditional. Outputs become grey levels by
        clip(round(127.5 (x + 1)), 0, 255). Each image depends only on the weights and on its own
        latents and label, bit by bit, and the call changes no state. Kernels may round differently
        at other batch sizes, so compute in batches of one fixed shape.
        """
        ...

    def forward(
        self,
        latents: NDArray[np.float32],
        images: NDArray[np.float32],
        training: bool,
        labels: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """Return G(latents) as float NHWC in [-1, 1] and D(images) as logits of shape (n,).

        Only ``gan-bench parity`` and ``gan-bench verify`` call it, and a class whose recipe has no
        initial weights may leave it out. G is the recipe's `sampler`. ``images`` are float NHWC in
        [-1, 1]. The numbers of images and of latents may differ, except if the recipe is
        conditional: then they are equal, and ``labels``, int64 (n,), apply to both. If ``training``
        is true, batch normalisation uses the batch's statistics; dropout is always off. The call
        changes no moving statistics, optimiser state or random state.
        """
        ...

    # A trainer may also have:
    # - `precisions: ClassVar[tuple[Precision, ...]]`, those in which it can compute: only "ieee" if
    #   it has none;
    # - `own_tensors: ClassVar[Mapping[str, str]]`, which maps the framework's names of tensors that
    #   are not in `TENSORS` to canonical names: {"strength": "strength"};
    # - `multiply_adds() -> dict[str, int]`, the multiply-adds of one image's forward pass through
    #   ``generator`` and ``discriminator``, counted on the networks as built. The conformance suite
    #   compares them with the recipe's `forward_multiply_adds`;
    # - `device_memory() -> dict[str, int]`, the most bytes of the GPU that its allocator had in use
    #   (``allocated``) and held (``reserved``). A worker asks once, at the end of a run on a GPU;
    # - `export_onnx(path: Path) -> None`, which writes the recipe's `sampler` in inference mode as
    #   an ONNX file, for ``gan-bench sample --export``: the input ``latents``, float32 (n,
    #   latent_size), with any n; if the recipe is conditional also ``labels``, int64 (n,); and the
    #   output ``images``, float in [-1, 1], NHWC or NCHW. It may raise `Unsupported`. For trainers
    #   without it, an entry point of the group ``gan_bench.exporters`` may name a function of the
    #   trainer and the path, under the framework's short name.

    def save(self, path: Path) -> None:
        """Write the complete training state below the existing, empty folder ``path``.

        The training state is weights, optimisers, the random state of dropout, and the step:
        training that continues after ``load`` must be bit-identical to uninterrupted training.
        """
        ...

    def load(self, path: Path) -> None:
        """Restore what ``save`` wrote; the trainer was built with the same arguments."""
        ...


class GlobalGenerators(ABC):
    """The global random generators of a library, which trainers may use.

    They are seeded before a trainer is built and saved in checkpoints. Whatever else uses them,
    such as sampling, restores their state afterwards. The harness calls `imported` only in
    processes that import `module`, `restore` after this import, and the other methods only if
    `imported` returns True.
    """

    module: ClassVar[str]
    """The library's module. They are seeded right after its import; checkpoints use its name."""

    @abstractmethod
    def imported(self) -> bool:
        """Return whether this process has imported everything that the other methods need."""

    @abstractmethod
    def seed(self, seed: int) -> None:
        """Seed them; 0 <= seed < 2**64."""

    def seed_late(self, seed: int) -> None:  # noqa: B027 - most libraries have none
        """Seed those that must not be made before a trainer is built."""

    @abstractmethod
    def state(self) -> tuple[Any, Any]:
        """Return their state as a JSON value, and objects that must be kept, or None.

        Such an object is a generator that a trainer's compiled functions refer to: `restore` sets
        its state and does not replace it.
        """

    @abstractmethod
    def restore(self, value: Any, kept: Any) -> None:
        """Restore what `state` returned; in another process ``kept`` is None."""


def _no_environment(*, device: str, threads: int, deterministic: bool) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class GpuWork:
    """Work of a known size, which a worker times on its GPU. A call returns when all is done."""

    multiply: Callable[[int], object]
    """Multiplies the matrix by itself this many times; returns the last product."""
    copy: Callable[[int], object]
    """Copies the matrix, of float32, this many times; returns the last copy."""


@dataclass(frozen=True)
class Framework:
    """What the harness must know of a framework before a process imports it.

    An entry point of the group ``gan_bench.frameworks`` refers to an instance, in a module that
    does not import the framework. Its name is the ``<framework>`` of implementations' names.
    """

    packages: tuple[str, ...]
    """Distributions that must be installed; their versions are part of a run's identity."""
    install: str
    """The command that installs them."""
    gpu_install: str = field(default="", kw_only=True)
    """The command that installs what NVIDIA GPUs need besides."""
    module: str
    """The module whose import fails if the installation is broken."""
    environment: Callable[..., dict[str, str]] = _no_environment
    """Called with ``device=``, ``threads=`` and ``deterministic=``; returns a worker's environment
    variables: the number of threads, no TF32, no GPU memory that is not needed."""
    gpus: Callable[[], int] | None = None
    """Imports the framework and returns the number of GPUs that it can use; None for a framework
    that uses none."""
    cuda: Callable[[], dict[str, str]] = dict
    """Called in a worker on a GPU; returns the versions of ``cuda`` and ``cudnn`` that it uses."""
    gpu_work: Callable[..., GpuWork] | None = None
    """Called in a worker after training on a GPU, with ``size=`` and ``device=``; returns work on a
    random square matrix of this size, in the precision of the run. The harness times it: a
    trainer's operations per second are given as a share of this rate."""
    generators: tuple[GlobalGenerators, ...] = ()
    """The global generators of its libraries, in the order in which they are seeded."""
    resume_hint: str = ""
    """The likely cause if resumed training differs from uninterrupted training."""
    problem: str = ""
    """Why the framework cannot be used on this machine, and the remedy, as far as that is known
    before its import; for a sentence, without a full stop."""


class Draws(dict[str, T]):
    """The draws of a step by name; another name is an error that lists the names."""

    def __missing__(self, name: str) -> T:
        """Raise `ContractError`."""
        labels = ""
        if name == "real_labels":
            labels = "; real_labels are there if the recipe is conditional"
        raise ContractError(
            f"the recipe declares no draw {name}: its draws are {listed(list(self))}{labels}"
        )


@cache
def recipe_of(trainer: type) -> type[Recipe]:
    """Return the recipe class of a trainer class, made from its ``hyperparameters`` if it has them.

    Of the class and its bases, the first that has either attribute decides.

    Raises
    ------
    UsageError
        The class has neither or both, or one that the contract does not allow.
    """
    names = {"recipe_class", "hyperparameters"}
    nearest: dict[str, Any] = next(
        (dict(vars(base)) for base in trainer.__mro__ if names & vars(base).keys()), {}
    )
    if names <= nearest.keys():
        raise UsageError(
            f"{trainer.__name__} has a recipe_class and hyperparameters; remove one of the two."
        )
    if "hyperparameters" not in nearest:
        recipe = nearest.get("recipe_class")
        if not (isinstance(recipe, type) and issubclass(recipe, Recipe)):
            raise UsageError(
                f"{trainer.__name__}.recipe_class must be a subclass of gan_bench.recipe.Recipe; "
                "or state hyperparameters, a dataclass or pydantic model, in place of it."
            )
        return recipe
    return recipe_from(nearest["hyperparameters"], trainer)


def initialises_itself(recipe: type[Recipe]) -> bool:
    """Return whether a recipe leaves the initial weights to the trainer, which has no twin then."""
    return recipe.initial_weights is Recipe.initial_weights


def declared_losses(returned: object, recipe: type[Recipe] | Recipe, what: str) -> dict[str, Any]:
    """Return the losses that ``what`` returned, in the order in which the recipe declares them.

    Raises
    ------
    ContractError
        They are not a mapping by name, a required one is missing, or one is not declared.
    """
    declared = recipe.losses
    if not isinstance(returned, Mapping):
        example = ", ".join(f'"{name}": ...' for name in declared if name not in OPTIONAL_LOSSES)
        raise ContractError(
            f"{what} returned {kind_of(returned)}; return the losses by name, such as {{{example}}}"
        )
    found = {name: loss for name, loss in returned.items() if loss is not None}
    unknown = [str(name) for name in found if name not in declared]
    if unknown:
        raise ContractError(
            f"{what} returned the loss {listed(unknown)}, which the recipe does not declare: its "
            f"losses are {listed(declared)}"
        )
    missing = [name for name in declared if name not in found and name not in OPTIONAL_LOSSES]
    if missing:
        raise ContractError(
            f"{what} did not return the loss {listed(missing)}, which the recipe declares in its "
            "losses"
        )
    return {name: found[name] for name in declared if name in found}


def check_labels(
    labels: NDArray[np.int64] | None, recipe: Recipe, classes: int
) -> list[NDArray[np.int64]]:
    """Return the labels that a network gets, in a list that is empty for an unconditional recipe.

    Raises
    ------
    UsageError
        The recipe is conditional and there are no labels, or one is not below ``classes``.
    """
    if not recipe.conditional:
        return []
    if labels is None:
        raise UsageError("The recipe is conditional: its samples need labels.")
    if len(labels) and not (labels.min() >= 0 and labels.max() < classes):
        raise UsageError(
            f"The labels are {labels.min()} to {labels.max()}; those of the training images are "
            f"0 to {classes - 1}."
        )
    return [labels]


def kind_of(value: object) -> str:
    """Return a value's type in words, such as ``tuple`` or ``torch.Tensor``."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def contract_problem(trainer: type) -> str | None:
    """Return why a trainer class does not fit this version of the contract, or None.

    A class without ``contract_version`` has version 1 if its ``train``, or the ``update`` that a
    framework's base class calls, takes ``latents`` instead of ``draws``.
    """
    version = getattr(trainer, "contract_version", None)
    old = [name for name in ("train", "update") if _second_parameter(trainer, name) == "latents"]
    if (version is None and not old) or (version == CONTRACT_VERSION and not old):
        return None
    has = (
        f"{trainer.__name__} has version {1 if old else version} of the contract, this gan-bench "
        f"uses version {CONTRACT_VERSION}"
    )
    if not old and isinstance(version, int) and version > CONTRACT_VERSION:
        return f"{has}; upgrade gan-bench: {UPGRADE}."
    return f"{has}: {IN_VERSION_2}."


def _second_parameter(trainer: type, method: str) -> str | None:
    try:
        names = list(inspect.signature(getattr(trainer, method)).parameters)
    except (AttributeError, TypeError, ValueError):
        return None
    return names[2] if len(names) > 2 else None  # after self


_NO_LOSSES = frozenset({"run_id", "step"})
"""Columns of the table of losses."""


def losses_problem(names: object) -> str | None:
    """Return why these cannot be the names of a recipe's losses, or None."""
    if problem := _names_problem(names):
        return problem
    assert isinstance(names, tuple)
    if not set(names) - OPTIONAL_LOSSES:
        return "it has no loss that a network minimises"
    reserved = sorted(_NO_LOSSES & set(names))
    return f"no loss can be called {reserved[0]}" if reserved else None


def _names_problem(names: object) -> str | None:
    if not isinstance(names, tuple) or not all(
        isinstance(name, str) and name.isidentifier() for name in names
    ):
        return f"it has to be a tuple of names of letters, digits and underscores, and is {names!r}"
    if len(set(names)) != len(names):
        return f"it has a name twice: {listed(names)}"
    return None


def declaration_problem(recipe: type[Recipe]) -> str | None:
    """Return what is wrong with the names that a recipe class declares, or None."""
    if hasattr(recipe, "draws_per_step"):
        return f"{recipe.__name__}.draws_per_step is now called latent_batches_per_step; rename it"
    if problem := losses_problem(recipe.losses):
        return f"{recipe.__name__}.losses: {problem}"
    if problem := _names_problem(recipe.networks):
        return f"{recipe.__name__}.networks: {problem}"
    for name in ("generator", "discriminator"):
        if name not in recipe.networks:
            return f"{recipe.__name__}.networks has no {name}, which `forward` and the costs are of"
    if recipe.sampler not in recipe.networks:
        return (
            f"{recipe.__name__}.sampler is {recipe.sampler!r}, which is none of its networks: "
            f"{listed(recipe.networks)}"
        )
    return None
