"""A training step as one CUDA graph: a GPU gets it whole, not kernel by kernel."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

_EAGER_CALLS = 2
"""Libraries load kernels and take workspaces, optimisers their buffers, when first used."""


def can_be_captured(tensor: Tensor) -> bool:
    """Tell whether steps with such parameters can be captured.

    Fused Adam takes a rate from the GPU's memory in float32 only: float64, which is for parity,
    takes it from the host, and so cannot be captured.
    """
    return tensor.is_cuda and tensor.dtype == torch.float32


class CapturedStep:
    """A function of tensors, always of the same shapes, whose kernels are replayed.

    The first calls run as they are; the next one records the kernels. Whatever the function keeps
    between calls has to stay in the same memory of the device: no count in Python, no optimiser
    that is not ``capturable``, nothing that is replaced when a checkpoint is loaded.
    """

    def __init__(self, step: Callable[..., Tensor], random: torch.Generator) -> None:
        self.step = step
        self.stream = torch.cuda.Stream(random.device)
        self.graph = torch.cuda.CUDAGraph()
        with warnings.catch_warnings():
            # Older releases need to be told; PyTorch 2.14 finds the generator itself, and warns.
            warnings.simplefilter("ignore")
            if hasattr(self.graph, "register_generator_state"):
                self.graph.register_generator_state(random)
        self.calls = 0
        self.inputs: list[Tensor] = []
        self.outputs = torch.empty(0)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Return what the function does, in memory that the next call writes to."""
        self.calls += 1
        if self.calls <= _EAGER_CALLS:
            return self._eagerly(*inputs)
        if not self.inputs:
            self.inputs = [given.clone() for given in inputs]
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.outputs = self.step(*self.inputs)
        for kept, given in zip(self.inputs, inputs, strict=True):
            kept.copy_(given)
        self.graph.replay()
        return self.outputs

    def _eagerly(self, *inputs: Tensor) -> Tensor:
        # On the stream that records: libraries' workspaces belong to streams.
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            outputs = self.step(*inputs)
        torch.cuda.current_stream().wait_stream(self.stream)
        return outputs
