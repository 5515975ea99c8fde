"""Writes the sampler of a PyTorch trainer as an ONNX file.

Apart from the trainers' base, whose source is part of a run's identity.
"""

import importlib
from pathlib import Path

import torch
from torch import Tensor, nn

from gan_bench.trainer import Unsupported
from gan_bench_torch.base import TorchTrainer


class _Float32(nn.Module):
    """A sampler that takes and returns float32, whatever its dtype."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network
        self.dtype = dtype

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the images, NCHW in [-1, 1]."""
        given = () if labels is None else (labels,)
        return self.network(latents.to(self.dtype), *given).float()


def export_onnx(trainer: object, path: Path) -> None:
    """Write the network that samples; see `gan_bench.trainer.Trainer`.

    Raises
    ------
    Unsupported
        The trainer is no `TorchTrainer`.
    ModuleNotFoundError
        ``onnx`` or ``onnxscript`` is not installed.
    """
    if not isinstance(trainer, TorchTrainer):
        raise Unsupported(f"{type(trainer).__name__} is no TorchTrainer and has no export_onnx")
    for package in ("onnx", "onnxscript"):  # PyTorch's own error does not say which is missing
        importlib.import_module(package)
    recipe = trainer.recipe
    sampler = trainer._networks()[recipe.sampler]
    given = [torch.zeros(2, recipe.latent_size, device=trainer.device)]
    given += [trainer.labels[:2]] if recipe.conditional else []
    names = ["latents", "labels"][: len(given)]
    try:
        torch.onnx.export(
            _Float32(sampler, trainer.dtype).eval(),
            tuple(given),
            path,
            input_names=names,
            output_names=["images"],
            dynamic_shapes={name: {0: torch.export.Dim("n")} for name in names},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    finally:
        sampler.train()
