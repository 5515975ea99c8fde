"""The contract between the harness and an implementation of a GAN.

The harness controls what must be equal for all implementations: initial weights, data and batch
order, latents and all other draws, seeds, the clock, evaluation points, checkpoints. A trainer
controls what makes it fast: the input pipeline on the device, compilation, memory layout.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import ContractError, UsageError
from gan_bench.recipe import OPTIONAL_LOSSES, Recipe, recipe_from
from gan_bench.text import listed

CONTRACT_VERSION: Final = 2
"""A trainer class may state it as ``contract_version``."""
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
    """Return whether the initial weights of a recipe have the tensor of this canonical name."""
    network, _, tensor = name.partition(".")
    return network in NETWORKS and tensor.rpartition(".")[2] not in _VECTORS


class Unsupported(Exception):
    """Raised by a trainer that cannot do exactly what the run asks for."""


@runtime_checkable
class Trainer(Protocol):
    """One implementation: a recipe in a framework.

    The harness finds the class through an entry point in the group ``gan_bench.implementations``
    (named ``<framework>-<recipe>``), or through the path of the file that defines it.
    """

    framework: ClassVar[str]
    """The framework's short name, such as ``torch``, ``keras`` or ``numpy``."""

    # And either `recipe_class: ClassVar[type[Recipe]]`, the recipe that this class implements, or
    # `hyperparameters: ClassVar[type]`, a dataclass or pydantic model beside it: see
    # `gan_bench.recipe.recipe_from`. Then it initialises itself and has no twin.

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
        """Build the networks and upload the data to the device.

        With ``--deterministic`` the environment variable ``GAN_BENCH_DETERMINISTIC`` is 1: the
        trainer then makes its framework use deterministic kernels.

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
            Seed of the trainer's own random draws, such as dropout masks. Batches, latents and
            initial weights come from the harness.
        """
        ...

    def set_weights(self, weights: Weights) -> None:
        """Replace every tensor of all networks; leave the optimisers' state unchanged.

        Of networks other than generator and discriminator, ``weights`` may have no tensors: these
        stay as they are.
        """
        ...

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of every tensor of all networks, on the host, in the recipe's dtype."""
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
            By the names in ``recipe.draws()``: float32 (steps, count, batch_size, *shape), or int64
            for classes. ``draws["latents"]`` has the latents, used in that order.

        Returns
        -------
        mapping
            The losses by the names in ``recipe.losses``, each of shape (steps,) and the recipe's
            dtype. If a step updates a network several times, its loss is the mean over these
            updates. ``d_real`` and ``d_fake`` may be missing.
        """
        ...

    def sample(
        self, latents: NDArray[np.float32], labels: NDArray[np.int64] | None = None
    ) -> NDArray[np.uint8]:
        """Return G(latents) as uint8 (n, height, width, channels) for any n >= 1.

        G is the recipe's `sampler`. ``labels``, int64 (n,), are given exactly where the recipe is
        conditional. The network runs in inference mode; outputs become grey levels by
        clip(round(127.5 (x + 1)), 0, 255). Each image depends, to the bit, only on the weights and
        its own latents and label, and the call changes no state. Kernels may round differently at
        other batch sizes, so compute in batches of one fixed shape.
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

        Used by ``gan-bench parity`` and ``gan-bench verify`` only. G is the recipe's `sampler`.
        ``images`` are float NHWC in [-1, 1]; there may be any number of images and of latents. If
        the recipe is conditional there are equally many, and ``labels``, int64 (n,), are those of
        both. If ``training`` is true, batch normalisation uses the
        batch's statistics; dropout is always off. The call changes no moving statistics, optimiser
        state or random state.
        """
        ...

    # A trainer may also have `own_tensors: ClassVar[Mapping[str, str]]`, the canonical names of
    # tensors that are not in `TENSORS`, by the framework's names: {"strength": "strength"}.
    # It may have `multiply_adds() -> dict[str, int]`: the multiply-adds of one image's
    # forward pass through ``generator`` and ``discriminator``, counted on the networks as built.
    # The conformance suite compares them with the recipe's `forward_multiply_adds`.
    # It may have `device_memory() -> dict[str, int]`: the most bytes of the GPU that its
    # framework's allocator had in use (``allocated``) and held (``reserved``). A worker asks once,
    # at the end of a run on a GPU, and the record shows them.

    def save(self, path: Path) -> None:
        """Write the complete training state below the existing, empty folder ``path``.

        That is weights, optimisers, the random state of dropout and the step: training that
        continues after ``load`` must be bit-identical to uninterrupted training.
        """
        ...

    def load(self, path: Path) -> None:
        """Restore what ``save`` wrote; the trainer was built with the same arguments."""
        ...


class GlobalGenerators(ABC):
    """The global random generators of a library that trainers may draw from.

    They are seeded before a trainer is built, kept in checkpoints, and restored after every other
    use. Only `restore` is called where the library is not imported: it imports it.
    """

    module: ClassVar[str]
    """The library's module, right after whose import they are seeded; in checkpoints their name."""

    @abstractmethod
    def imported(self) -> bool:
        """Return whether this process has imported all that the other methods need."""

    @abstractmethod
    def seed(self, seed: int) -> None:
        """Seed them; 0 <= seed < 2**64."""

    def seed_late(self, seed: int) -> None:  # noqa: B027 - most libraries have none
        """Seed those that must not be made before a trainer is built."""

    @abstractmethod
    def state(self) -> tuple[Any, Any]:
        """Return their state as a value that JSON can write, and what cannot be replaced, if any.

        That is a generator to which functions refer that a trainer has compiled.
        """

    @abstractmethod
    def restore(self, value: Any, kept: Any) -> None:
        """Restore what `state` returned, ``kept`` None in another process."""


def _no_environment(*, device: str, threads: int, deterministic: bool) -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Framework:
    """What the harness must know of a framework before a process imports it.

    An entry point of the group ``gan_bench.frameworks``, named as in implementations' names, leads
    to an instance, in a module that does not import the framework.
    """

    packages: tuple[str, ...]
    """Distributions that must be installed; their versions are part of a run's identity."""
    install: str
    """The command that installs them."""
    module: str
    """The module whose import fails if the installation is broken."""
    environment: Callable[..., dict[str, str]] = _no_environment
    """Called with ``device=``, ``threads=`` and ``deterministic=``; returns environment variables
    of a worker: threads of each operation, float32 as it is, no more GPU memory than is used."""
    gpus: Callable[[], int] = lambda: 0
    """Imports the framework and returns the number of GPUs that it can use."""
    cuda: Callable[[], dict[str, str]] = dict
    """Called in a worker on a GPU; returns the versions of ``cuda`` and ``cudnn`` that it uses."""
    generators: tuple[GlobalGenerators, ...] = ()
    """Those of its libraries, in the order in which they are seeded."""
    resume_hint: str = ""
    """What may be the cause where training that is resumed from a checkpoint differs."""


class Draws(dict[str, T]):
    """What is drawn for a step, by name; another name is an error that says what there is."""

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
    """Return the recipe class of a trainer class, made from its ``hyperparameters`` if need be.

    What the class itself states counts, or the nearest of its bases.

    Raises
    ------
    UsageError
        The class has neither or both, or not as the contract says.
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


def declared_losses(returned: object, recipe: type[Recipe] | Recipe, what: str) -> dict[str, Any]:
    """Return the losses that ``what`` returned, in the order in which the recipe declares them.

    Raises
    ------
    ContractError
        They are not by name, a required one is missing, or one is not declared.
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
    return (
        f"{trainer.__name__} has version {1 if old else version} of the contract, this gan-bench "
        f"uses version {CONTRACT_VERSION}: train(batches, draws), or update(real, draws), gets "
        'draws["latents"] and returns the losses by name, such as {"generator": ..., '
        '"discriminator": ...}.'
    )


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
