"""What the recipes share in PyTorch: data on the device, canonical weights, the loop, state."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.utils._pytree import tree_map
from torch.utils.flop_counter import FlopCounterMode

from gan_bench.contract import check_networks, named, tensors_to_set
from gan_bench.errors import ContractError
from gan_bench.recipe import Recipe
from gan_bench.text import listed
from gan_bench.trainer import (
    CONTRACT_VERSION,
    Draws,
    Precision,
    Unsupported,
    Weights,
    asked_precision,
    check_labels,
    declared_losses,
    tf32_asked,
)
from gan_bench_torch.captured import CapturedStep, can_be_captured
from gan_bench_torch.layers import Dropout
from gan_bench_torch.names import canonical

# Samples are made in batches of one size, the last padded: kernels of other sizes round otherwise.
_SAMPLE_BATCH = 128


class TorchTrainer(ABC):
    """The base of trainers: a subclass builds the networks and optimisers, and defines one update.

    The uint8 images stay on the device, where a step gathers its batches by index. Losses are kept
    on the device, too, and fetched once at the end of `train`.

    Further networks, optimisers and schedulers that are attributes of the trainer, such as an
    average of the generator's weights, are part of its checkpoints, and the networks part of its
    weights.
    """

    framework: ClassVar[str] = "torch"
    recipe_class: ClassVar[type[Recipe]]
    hyperparameters: ClassVar[type]
    """In place of a recipe; see `gan_bench.trainer.Trainer`."""
    recipe: Any
    contract_version: ClassVar[int] = CONTRACT_VERSION
    own_tensors: ClassVar[Mapping[str, str]] = {}
    """See `gan_bench.trainer.Trainer`; by the attribute of the layer that has the tensor."""
    precisions: ClassVar[tuple[Precision, ...]] = ("ieee", "tf32", "bf16")
    captured: ClassVar[bool] = False
    """Whether a step in float32 on a GPU is one CUDA graph; see `gan_bench_torch.captured`."""

    generator: nn.Module
    discriminator: nn.Module
    generator_optimiser: torch.optim.Optimizer
    discriminator_optimiser: torch.optim.Optimizer

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
        torch.use_deterministic_algorithms(os.environ.get("GAN_BENCH_DETERMINISTIC") == "1")
        _, height, width, channels = images.shape
        self.recipe = recipe.for_images((height, width, channels))
        self.planned_steps = planned_steps
        self.seed = seed
        self.device = _device(device)
        self.precision = _precision(self.device, recipe.dtype)
        self.dtype = getattr(torch, recipe.dtype)
        self.images = torch.tensor(images).to(self.device)
        self.labels = torch.tensor(labels).to(self.device)
        self.classes = int(labels.max()) + 1
        self.random = torch.Generator(self.device).manual_seed(seed)
        self.build_networks()
        for network in self._networks().values():
            network.to(self.device, self.dtype).to(memory_format=_memory_format(network))
            if self.precision == "bf16":
                network.register_forward_hook(_as_float32)
        self.build_optimisers()
        check_networks(self, recipe, self._networks())
        for _ in canonical(self, self._networks()):
            pass  # raises if a tensor has no name
        self._step = self._new_step()

    @abstractmethod
    def build_networks(self) -> None:
        """Set ``generator`` (latents -> NCHW) and ``discriminator`` (NCHW -> logits).

        Logits are (n,) or (n, 1). If the recipe is conditional, both take labels int64 (n,), below
        ``self.classes``, as a second argument. A network that the recipe's ``sampler`` names
        samples instead of ``generator``.
        """

    @abstractmethod
    def build_optimisers(self) -> None:
        """Set ``generator_optimiser`` and ``discriminator_optimiser``."""

    @abstractmethod
    def update(self, real: list[Tensor], draws: dict[str, Tensor]) -> dict[str, Tensor]:
        """Make one step and return the losses that the recipe declares, by name.

        A loss of several updates has one element for each; their mean is recorded.

        Parameters
        ----------
        real
            Batches of real images, NCHW in [-1, 1].
        draws
            What the recipe declares, by name: ``draws["latents"]`` is (count, batch, latent). If
            the recipe is conditional, ``draws["real_labels"]`` has the labels of ``real``, int64
            (count, batch).
        """

    def train(
        self, batches: NDArray[np.int64], draws: Mapping[str, NDArray[Any]]
    ) -> dict[str, NDArray[np.floating]]:
        """Train one step for each row and return when the device is idle again."""
        indices = torch.tensor(batches).to(self.device)
        given = [self._draw(draws[name]) for name in self.recipe.draws()]
        losses = []
        for step in range(len(batches)):
            losses.append(self._step(indices[step], *(draw[step] for draw in given)).clone())
            if step == 0:
                reported = self._reported
            elif self._reported != reported:
                raise ContractError(
                    f"the update of {type(self).__name__} returned {listed(reported)} in one step "
                    f"and {listed(self._reported)} in another; return the same losses in each"
                )
        return dict(zip(reported, torch.stack(losses, 1).cpu().numpy(), strict=True))

    def _draw(self, values: NDArray[Any]) -> Tensor:
        dtype = self.dtype if values.dtype.kind == "f" else None
        return torch.tensor(values).to(self.device, dtype)

    @torch.inference_mode()
    def sample(
        self, latents: NDArray[np.float32], labels: NDArray[np.int64] | None = None
    ) -> NDArray[np.uint8]:
        """Return G(latents) as uint8 NHWC, in inference mode."""
        network = self._networks()[self.recipe.sampler]
        network.eval()
        try:
            chunks = zip(
                *(
                    self._draw(np.pad(column, _rows_more(column))).split(_SAMPLE_BATCH)
                    for column in (latents, *self._labels(labels))
                ),
                strict=True,
            )
            with self._arithmetic():
                images = torch.cat([_to_bytes(network(*chunk)) for chunk in chunks])
        finally:
            network.train()
        return images[: len(latents)].permute(0, 2, 3, 1).contiguous().cpu().numpy()

    @torch.no_grad()
    def forward(
        self,
        latents: NDArray[np.float32],
        images: NDArray[np.float32],
        training: bool,
        labels: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """Return G(latents) as float NHWC and D(images) as logits, leaving no state behind."""
        inputs = {
            self.recipe.sampler: torch.tensor(latents),
            "discriminator": torch.tensor(images).permute(0, 3, 1, 2),
        }
        classes = [torch.tensor(given).to(self.device) for given in self._labels(labels)]
        outputs = []
        for name, entering in inputs.items():
            network = self._networks()[name]
            # Training mode updates the moving statistics: here those of a copy.
            buffers = {key: value.clone() for key, value in network.named_buffers()}
            network.train(training)
            for layer in network.modules():
                if isinstance(layer, Dropout | _DropoutNd):
                    layer.eval()
            try:
                given = entering.to(self.device, self.dtype)
                with self._arithmetic():
                    made = torch.func.functional_call(network, buffers, (given, *classes))
                outputs.append(made)
            finally:
                network.train()
        made, logits = outputs
        if logits.numel() == len(images):  # many networks return (n, 1)
            logits = logits.reshape(-1)
        return made.permute(0, 2, 3, 1).contiguous().cpu().numpy(), logits.cpu().numpy()

    def set_weights(self, weights: Weights) -> None:
        """Replace every tensor of every network; optimiser state is left as it is.

        Further networks and the vectors of spectral normalisation, which a recipe does not have to
        know, stay as they are if ``weights`` lacks them.
        """
        views = dict(canonical(self, self._networks()))
        shapes = {name: tuple(view.shape) for name, view in views.items()}
        for name in tensors_to_set(self, shapes, weights):
            views[name].copy_(torch.tensor(weights[name]))

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of every tensor of all networks, on the host."""
        return {
            name: np.array(view.cpu().numpy(), order="C")
            for name, view in canonical(self, self._networks())
        }

    def save(self, path: Path) -> None:
        """Write networks, optimisers and dropout's random state below the folder ``path``."""
        state = {name: part.state_dict() for name, part in self._parts()}
        torch.save(state | {"random": self.random.get_state()}, path / "state.pt")

    def load(self, path: Path) -> None:
        """Restore what ``save`` wrote."""
        state = torch.load(path / "state.pt", map_location=self.device, weights_only=True)
        for name, part in self._parts():
            part.load_state_dict(state[name])
        # A generator's state is on the host whatever the generator's device. The state of another
        # kind of device fits no generator here: the checkpoint can be sampled, with no dropout.
        random = state["random"].cpu()
        if random.shape == self.random.get_state().shape:
            self.random.set_state(random)
        self._step = self._new_step()  # loaded optimisers keep their state in other memory

    def multiply_adds(self) -> dict[str, int]:
        """Return those of a forward pass of one image, counted by PyTorch on the networks."""
        height, width, channels = self.images.shape[1:]
        shapes = {
            "generator": (1, self.recipe.latent_size),
            "discriminator": (1, channels, height, width),
        }
        counts = {}
        for name, shape in shapes.items():
            network = self._networks()[name]
            entering = [torch.zeros(shape, device=self.device, dtype=self.dtype)]
            entering += [self.labels[:1]] if self.recipe.conditional else []
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                network.eval()(*entering)
            network.train()
            counts[name] = counter.get_total_flops() // 2
        return counts

    def _arithmetic(self) -> AbstractContextManager[None]:
        """Return a context in which PyTorch computes in the run's precision."""
        if self.precision != "bf16":
            return nullcontext()
        # No cache of converted weights: an update changes them.
        return torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False)

    def device_memory(self) -> dict[str, int]:
        """Return the most bytes on the GPU that PyTorch's allocator had in use and held."""
        return {
            "allocated": torch.cuda.max_memory_allocated(self.device),
            "reserved": torch.cuda.max_memory_reserved(self.device),
        }

    def _new_step(self) -> Callable[..., Tensor]:
        if self.captured and can_be_captured(next(self.generator.parameters())):
            return CapturedStep(self._one_step, self.random)
        return self._one_step

    def _one_step(self, batches: Tensor, *given: Tensor) -> Tensor:
        real = [self._gather(index) for index in batches]
        draws = Draws(zip(self.recipe.draws(), given, strict=True))
        if self.recipe.conditional:
            draws["real_labels"] = self.labels[batches]
        what = f"the update of {type(self).__name__}"
        with self._arithmetic():
            losses = self.update(real, draws)
        found = declared_losses(losses, self.recipe, what)
        for name, loss in found.items():
            if not isinstance(loss, Tensor):
                raise ContractError(
                    f"{what} returned the loss {name} as {type(loss).__name__}; return the tensor "
                    "itself, without .item()"
                )
        self._reported = tuple(found)
        return torch.stack(
            [loss.mean() if loss.dim() else loss for loss in found.values()]
        ).detach()

    def _labels(self, labels: NDArray[np.int64] | None) -> list[NDArray[np.int64]]:
        """Return the labels that the networks get besides their input, if they get any."""
        return check_labels(labels, self.recipe, self.classes)

    def _gather(self, index: Tensor) -> Tensor:
        batch = self.images.index_select(0, index).permute(0, 3, 1, 2)
        return batch.to(self.dtype).div_(127.5).sub_(1.0)

    def _networks(self) -> dict[str, nn.Module]:
        return {name: part for name, part in self._parts() if isinstance(part, nn.Module)}

    def _parts(self) -> Iterator[tuple[str, Any]]:
        """Yield what has a state to save: networks, optimisers, schedulers."""
        first = ("generator", "discriminator", "generator_optimiser", "discriminator_optimiser")
        for name in first:
            if hasattr(self, name):  # networks are there before their optimisers
                yield name, getattr(self, name)
        for name, part in named(vars(self)):
            if name not in first and hasattr(part, "load_state_dict") and part.state_dict():
                yield name, part


def _precision(device: torch.device, dtype: str) -> Precision:
    """Let PyTorch compute in the precision that the run asks for, and return it."""
    asked, capability = asked_precision(), None
    if asked == "tf32" and device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
    tf32 = tf32_asked(device.type, dtype, capability)
    if asked == "bf16" and dtype != "float32":
        raise Unsupported(f"the precision bf16 is of float32, and the recipe's dtype is {dtype}")
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    return asked


def _as_float32(network: nn.Module, inputs: Any, outputs: Any) -> Any:
    """Return what a network returns, in float32: losses are computed in that."""
    return tree_map(
        lambda value: (
            value.float() if isinstance(value, Tensor) and value.is_floating_point() else value
        ),
        outputs,
    )


def descend(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """Make one step down the gradient of the optimiser's own parameters, computing no other."""
    differentiate(loss, optimiser)
    optimiser.step()


def differentiate(
    loss: Tensor, optimiser: torch.optim.Optimizer, *, keep_graph: bool = False
) -> None:
    """Set the gradient of the optimiser's own parameters, computing no other."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    optimiser.zero_grad(set_to_none=True)
    loss.backward(inputs=parameters, retain_graph=keep_graph)


def _memory_format(network: nn.Module) -> torch.memory_format:
    """Return channels last, the faster layout, where PyTorch takes it."""
    parameters = list(network.parameters())
    # Convolutions in float64 refuse it on the CPU, and those of three dimensions have another.
    takes = all(p.dtype == torch.float32 and p.dim() < 5 for p in parameters)
    return torch.channels_last if takes else torch.preserve_format


def _rows_more(column: NDArray[Any]) -> list[tuple[int, int]]:
    """Return the padding to whole batches."""
    return [(0, -len(column) % _SAMPLE_BATCH), *[(0, 0)] * (column.ndim - 1)]


def _to_bytes(images: Tensor) -> Tensor:
    return images.add(1.0).mul_(127.5).round_().clamp_(0.0, 255.0).to(torch.uint8)


def _device(name: str) -> torch.device:
    kind, _, index = name.partition(":")
    if kind == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count() if kind == "cuda" else 0
    if int(index or 0) >= count:
        raise Unsupported(f"the device {name} was asked for, and PyTorch has {count} such devices")
    return torch.device(name)
