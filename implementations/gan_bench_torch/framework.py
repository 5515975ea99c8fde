"""What gan-bench must know of PyTorch before a process imports it."""

import sys
from typing import Any, ClassVar

from gan_bench.trainer import Framework, GlobalGenerators, GpuWork, asked_precision


def environment(*, device: str, threads: int, deterministic: bool) -> dict[str, str]:
    """Return the variables that PyTorch reads; OMP_NUM_THREADS is set for every worker."""
    return {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"} if deterministic else {}


def gpus() -> int:
    """Return the number of GPUs that PyTorch can use."""
    import torch

    return torch.cuda.device_count()


def cuda() -> dict[str, str]:
    """Return the versions of CUDA and cuDNN that PyTorch has loaded."""
    import torch

    return {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}


def gpu_work(*, size: int, device: str) -> GpuWork:
    """Return squares of a matrix, in the precision that a trainer has set, and copies of it."""
    import torch

    generator = torch.Generator(device).manual_seed(0)
    matrix = torch.randn(size, size, generator=generator, device=device)
    factor = matrix.bfloat16() if asked_precision() == "bf16" else matrix
    copied, made = torch.empty_like(matrix), torch.empty_like(factor)

    def wait() -> None:
        if made.is_cuda:
            torch.cuda.synchronize(made.device)

    def multiply(times: int) -> torch.Tensor:
        for _ in range(times):
            torch.mm(factor, factor, out=made)
        wait()
        return made

    def copy(times: int) -> torch.Tensor:
        for _ in range(times):
            copied.copy_(matrix)
        wait()
        return copied

    return GpuWork(multiply, copy)


class TorchGenerators(GlobalGenerators):
    """Those of the CPU and of all GPUs."""

    module: ClassVar[str] = "torch"

    def imported(self) -> bool:
        """Return whether PyTorch is imported completely."""
        return hasattr(sys.modules.get("torch"), "manual_seed")

    def seed(self, seed: int) -> None:
        """Seed those of all devices."""
        sys.modules["torch"].manual_seed(seed)

    def state(self) -> tuple[Any, Any]:
        """Return the states as text, the CPU's first."""
        torch = sys.modules["torch"]
        states = [torch.get_rng_state()]
        if torch.cuda.is_initialized():
            states += torch.cuda.get_rng_state_all()
        return [state.numpy().tobytes().hex() for state in states], None

    def restore(self, value: Any, kept: Any) -> None:
        """Restore those of the devices that are there."""
        import torch

        states = [torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8) for text in value]
        torch.set_rng_state(states[0])
        if states[1:] and torch.cuda.is_available():
            for device in range(min(torch.cuda.device_count(), len(states) - 1)):
                torch.cuda.set_rng_state(states[1 + device], device)


FRAMEWORK = Framework(
    packages=("torch",),
    install="pip install 'torch>=2.6' torchvision",
    module="torch",
    environment=environment,
    gpus=gpus,
    cuda=cuda,
    gpu_work=gpu_work,
    generators=(TorchGenerators(),),
)
