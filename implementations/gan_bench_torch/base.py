"""What the recipes share in PyTorch: data on the device, canonical weights, the loop, state."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from gan_bench.errors import UsageError
from gan_bench.recipe import Recipe
from gan_bench.trainer import Losses, Unsupported, Weights
from gan_bench_torch.captured import CapturedStep, can_be_captured
from gan_bench_torch.layers import BatchNorm, Dropout

# Samples are made in batches of one size, the last padded: kernels of other sizes round otherwise.
_SAMPLE_BATCH = 128

# For each kind of layer: canonical tensor -> (attribute, its axes in the canonical order).
_LAYOUTS = {
    nn.Linear: {"kernel": ("weight", (1, 0)), "bias": ("bias", (0,))},
    nn.Conv2d: {"kernel": ("weight", (2, 3, 1, 0)), "bias": ("bias", (0,))},
    nn.ConvTranspose2d: {"kernel": ("weight", (2, 3, 0, 1)), "bias": ("bias", (0,))},
    BatchNorm: {
        "gamma": ("weight", (0,)),
        "beta": ("bias", (0,)),
        "moving_mean": ("running_mean", (0,)),
        "moving_variance": ("running_var", (0,)),
    },
}


class TorchTrainer(ABC):
    """A trainer of two networks; a subclass says how they are built and what one update does.

    The uint8 images stay on the device, where a step gathers its batches by index. Losses are kept
    on the device, too, and fetched once at the end of `train`.
    """

    framework: ClassVar[str] = "torch"
    recipe_class: ClassVar[type[Recipe]]
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
        self.recipe = recipe
        self.planned_steps = planned_steps
        self.seed = seed
        self.device = _device(device)
        self.dtype = getattr(torch, recipe.dtype)
        self.images = torch.tensor(images).to(self.device)
        self.random = torch.Generator(self.device).manual_seed(seed)
        self.build_networks()
        # Channels last is the faster layout; PyTorch's float64 convolutions refuse it on the CPU.
        layout = torch.channels_last if self.dtype == torch.float32 else torch.preserve_format
        for network in self._networks().values():
            network.to(self.device, self.dtype).to(memory_format=layout)
        self.build_optimisers()
        self._step = self._new_step()

    @abstractmethod
    def build_networks(self) -> None:
        """Set ``generator`` (latents -> NCHW) and ``discriminator`` (NCHW -> logits (n,))."""

    @abstractmethod
    def build_optimisers(self) -> None:
        """Set ``generator_optimiser`` and ``discriminator_optimiser``."""

    @abstractmethod
    def update(self, real: list[Tensor], latents: Tensor) -> tuple[Tensor, ...]:
        """Make one step and return its `Losses`, in their order.

        Parameters
        ----------
        real
            Batches of real images, NCHW in [-1, 1].
        latents
            (draws, batch, latent).
        """

    def train(self, batches: NDArray[np.int64], latents: NDArray[np.float32]) -> Losses:
        """Train one step for each row and return when the device is idle again."""
        indices = torch.tensor(batches).to(self.device)
        draws = torch.tensor(latents).to(self.device, self.dtype)
        losses = torch.empty(4, len(batches), device=self.device, dtype=self.dtype)
        for step in range(len(batches)):
            losses[:, step] = self._step(indices[step], draws[step])
        return Losses(*losses.cpu().numpy())

    @torch.inference_mode()
    def sample(
        self, latents: NDArray[np.float32], labels: NDArray[np.int64] | None = None
    ) -> NDArray[np.uint8]:
        """Return G(latents) as uint8 NHWC, in inference mode."""
        padded = np.pad(latents, ((0, -len(latents) % _SAMPLE_BATCH), (0, 0)))
        self.generator.eval()
        try:
            chunks = torch.tensor(padded).to(self.device, self.dtype).split(_SAMPLE_BATCH)
            images = torch.cat([_to_bytes(self.generator(chunk)) for chunk in chunks])
        finally:
            self.generator.train()
        return images[: len(latents)].permute(0, 2, 3, 1).contiguous().cpu().numpy()

    @torch.no_grad()
    def forward(
        self, latents: NDArray[np.float32], images: NDArray[np.float32], training: bool
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """Return G(latents) as float NHWC and D(images) as logits, leaving no state behind."""
        inputs = {
            "generator": torch.tensor(latents),
            "discriminator": torch.tensor(images).permute(0, 3, 1, 2),
        }
        outputs = []
        for name, network in self._networks().items():
            # Training mode updates the moving statistics: here those of a copy.
            buffers = {key: value.clone() for key, value in network.named_buffers()}
            entering = inputs[name].to(self.device, self.dtype)
            network.train(training)
            for layer in network.modules():
                if isinstance(layer, Dropout):
                    layer.eval()
            try:
                outputs.append(torch.func.functional_call(network, buffers, (entering,)))
            finally:
                network.train()
        made, logits = outputs
        return made.permute(0, 2, 3, 1).contiguous().cpu().numpy(), logits.cpu().numpy()

    def set_weights(self, weights: Weights) -> None:
        """Replace every tensor of both networks; optimiser state is left as it is."""
        views = dict(self._canonical_views())
        if views.keys() != weights.keys():
            raise UsageError(
                f"{type(self).__name__} has other tensors than these weights: only one has "
                f"{', '.join(sorted(views.keys() ^ weights.keys()))}."
            )
        for name, view in views.items():
            if view.shape != weights[name].shape:
                raise UsageError(
                    f"{name} has the shape {tuple(view.shape)}, not {weights[name].shape}."
                )
            view.copy_(torch.tensor(weights[name]))

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of every tensor of both networks, on the host."""
        return {
            name: np.array(view.cpu().numpy(), order="C") for name, view in self._canonical_views()
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
        # A generator's state is on the host whatever the generator's device.
        self.random.set_state(state["random"].cpu())
        self._step = self._new_step()  # loaded optimisers keep their state in other memory

    def multiply_adds(self) -> dict[str, int]:
        """Return those of a forward pass of one image, counted by PyTorch on the networks."""
        height, width, channels = self.images.shape[1:]
        shapes = {
            "generator": (1, self.recipe.latent_size),
            "discriminator": (1, channels, height, width),
        }
        counts = {}
        for name, network in self._networks().items():
            entering = torch.zeros(shapes[name], device=self.device, dtype=self.dtype)
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                network.eval()(entering)
            network.train()
            counts[name] = counter.get_total_flops() // 2
        return counts

    def _new_step(self) -> Callable[[Tensor, Tensor], Tensor]:
        if self.captured and can_be_captured(next(self.generator.parameters())):
            return CapturedStep(self._one_step, self.random)
        return self._one_step

    def _one_step(self, batches: Tensor, latents: Tensor) -> Tensor:
        real = [self._gather(index) for index in batches]
        return torch.stack(self.update(real, latents)).detach()

    def _gather(self, index: Tensor) -> Tensor:
        batch = self.images.index_select(0, index).permute(0, 3, 1, 2)
        return batch.to(self.dtype).div_(127.5).sub_(1.0)

    def _networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def _parts(self) -> Iterator[tuple[str, nn.Module | torch.optim.Optimizer]]:
        yield from self._networks().items()
        yield "generator_optimiser", self.generator_optimiser
        yield "discriminator_optimiser", self.discriminator_optimiser

    def _canonical_views(self) -> Iterator[tuple[str, Tensor]]:
        for name, network in self._networks().items():
            layouts = [(layer, _layout(layer)) for layer in network.modules()]
            with_tensors = [(layer, layout) for layer, layout in layouts if layout is not None]
            for index, (layer, layout) in enumerate(with_tensors):
                for tensor, (attribute, axes) in layout.items():
                    if (value := getattr(layer, attribute)) is not None:
                        yield f"{name}.{index}.{tensor}", value.detach().permute(axes)


def cross_entropy(logits: Tensor, real: bool) -> Tensor:
    """Return the binary cross-entropy of sigmoid(logits) with the target 1 or 0, batch mean."""
    return -functional.logsigmoid(logits if real else -logits).mean()


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


def _layout(layer: nn.Module) -> dict[str, tuple[str, tuple[int, ...]]] | None:
    return next((layout for kind, layout in _LAYOUTS.items() if isinstance(layer, kind)), None)


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
