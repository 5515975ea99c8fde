"""A step on fake tensors of a GPU: it waits for nothing, and mixes no memory of host and device.

PyTorch's fake tensors have a device, a shape and a dtype, and no values. What needs a driver is
replaced: generators, gradients, fused kernels, and the move of a network between devices. The real
kernels are tested in test_gpu.py.
"""

from collections import Counter

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

from gan_bench.plugins.loader import load_trainer  # noqa: E402
from gan_bench.plugins.registry import registered  # noqa: E402
from gan_bench_torch.base import TorchTrainer  # noqa: E402
from gan_bench_torch.dcgan import Dcgan  # noqa: E402
from recipes import FURTHER, RECIPES, SOURCES  # noqa: E402

pytestmark = pytest.mark.torch

CUDA = torch.device("cuda:0")


class Crossings(TorchDispatchMode):
    """Counts the operations between devices."""

    def __init__(self):
        super().__init__()
        self.found = Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        tensors = [
            leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)
        ]
        if len({tensor.device.type for tensor in tensors}) > 1:
            self.found[str(operation)] += 1
        return result


class Generator:
    def __init__(self, device):
        self.device = device

    def manual_seed(self, seed):
        return self


@pytest.fixture
def driverless(monkeypatch):
    """Replace what does not work without a driver."""
    random = torch.Tensor.random_

    def differentiate(loss, inputs, retain_graph=None):
        assert loss.device == CUDA
        for parameter in inputs:
            parameter.grad = torch.empty_like(parameter)

    def gradient(output, inputs, create_graph):
        assert output.device == inputs.device == CUDA
        return (inputs * output,)

    def converted(module, change):
        for child in module.children():
            child._apply(change)
        for name, tensor in module._parameters.items():
            if tensor is not None:
                module._parameters[name] = torch.nn.Parameter(change(tensor.detach()))
        for name, tensor in module._buffers.items():
            module._buffers[name] = None if tensor is None else change(tensor)
        return module

    def fused_adam(parameters, gradients, *moments, lr, **options):
        if isinstance(lr, torch.Tensor):
            assert (lr.device, lr.dtype, lr.dim()) == (CUDA, torch.float32, 0)
        steps = moments[-1]
        assert {(step.device, step.dtype) for step in steps} == {(CUDA, torch.float32)}
        assert {tensor.device for tensor in (*parameters, *gradients)} == {CUDA}
        torch._foreach_add_(steps, 1)

    def fused_sgd(parameters, gradients, *others, **options):
        assert {tensor.device for tensor in (*parameters, *gradients)} == {CUDA}

    monkeypatch.setattr("gan_bench_torch.base._device", lambda name: CUDA)
    monkeypatch.setattr(torch, "Generator", Generator)
    monkeypatch.setattr(torch.Tensor, "random_", lambda self, *limits, generator: random(self))
    monkeypatch.setattr(torch.Tensor, "backward", differentiate)
    monkeypatch.setattr(torch.autograd, "grad", gradient)
    monkeypatch.setattr(torch, "_fused_adam_", fused_adam)
    monkeypatch.setattr(torch, "_fused_sgd_", fused_sgd)
    monkeypatch.setattr(TorchTrainer, "_new_step", lambda self: self._one_step)
    monkeypatch.setattr(torch.nn.Module, "_apply", converted)


def crossings(trainer_class, dtype="float32"):
    """Return the operations between devices in the second step, and the trainer."""
    recipe = trainer_class.recipe_class(dtype=dtype)
    images, labels = np.zeros((512, 28, 28, 1), np.uint8), np.zeros(512, np.int64)
    with FakeTensorMode(allow_non_fake_inputs=True):
        trainer = trainer_class(recipe, images, labels, device="cuda:0", planned_steps=16, seed=0)
        shape = (recipe.real_batches_per_step, recipe.batch_size)
        batches = torch.zeros(shape, dtype=torch.int64, device=CUDA)
        given = [
            torch.zeros(
                (draw.count, recipe.batch_size, *draw.shape),
                dtype=torch.int64 if draw.distribution == "classes" else trainer.dtype,
                device=CUDA,
            )
            for draw in recipe.draws().values()
        ]
        trainer._step(batches, *given)  # optimisers make their buffers
        with Crossings() as counted:
            losses = trainer._step(batches, *given)
        assert losses.device == CUDA
    return dict(counted.found), trainer


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, "float32") for name in RECIPES),
        *((name, "float64") for name in SOURCES),
        *(pytest.param(name, "float64", marks=pytest.mark.long) for name in FURTHER),
    ],
)
def test_a_step_stays_on_the_gpu(driverless, name, dtype):
    found, trainer = crossings(load_trainer(registered()[f"torch-{name}"]), dtype)
    assert found == {}
    captured = trainer.captured and dtype == "float32"
    for optimiser in (trainer.generator_optimiser, trainer.discriminator_optimiser):
        (group,) = optimiser.param_groups
        if "capturable" in group:
            assert group["capturable"] == captured


def test_a_step_that_waits_for_the_gpu_is_seen(driverless):
    class Waits(Dcgan):
        def update(self, real, draws):
            losses = super().update(real, draws)
            losses["generator"].item()
            return losses

    with pytest.raises(DataDependentOutputException, match="_local_scalar_dense"):
        crossings(Waits)


def test_a_step_with_a_tensor_of_the_host_is_seen(driverless):
    class Copies(Dcgan):
        def update(self, real, draws):
            shift = torch.zeros(real[0].shape).to(real[0].device)
            return super().update([real[0] + shift], draws)

    assert crossings(Copies)[0].keys() == {"aten._to_copy.default"}

    class Mixes(Dcgan):
        def update(self, real, draws):
            return super().update([real[0] + torch.zeros(real[0].shape)], draws)

    with pytest.raises(RuntimeError, match="two devices, cuda:0 and cpu"):
        crossings(Mixes)
