"""What gan-bench must know of PyTorch before a process imports it."""

from gan_bench.trainer import Framework


def environment(*, threads: int, deterministic: bool) -> dict[str, str]:
    """Return the variables that PyTorch reads; OMP_NUM_THREADS is set for every worker."""
    return {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"} if deterministic else {}


def gpus() -> int:
    """Return the number of GPUs that PyTorch can use."""
    import torch

    return torch.cuda.device_count()


FRAMEWORK = Framework(
    packages=("torch",),
    install="pip install 'torch>=2.6' torchvision",
    module="torch",
    environment=environment,
    gpus=gpus,
)
