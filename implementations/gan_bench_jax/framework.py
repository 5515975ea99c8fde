"""What gan-bench must know of JAX before a process imports it."""

import os

from gan_bench.trainer import Framework

_DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


def environment(*, threads: int, deterministic: bool) -> dict[str, str]:
    """Return the variables that JAX and XLA read; CUDA_VISIBLE_DEVICES says which GPU they see."""
    variables = {
        "JAX_DEFAULT_MATMUL_PRECISION": "highest",  # XLA has products of its own in TF32
        "JAX_PLATFORMS": "",  # those that are there
        "NPROC": str(threads),  # XLA's threads on a CPU; it does not read OMP_NUM_THREADS
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    return variables | (deterministic_kernels() if deterministic else {})


def deterministic_kernels() -> dict[str, str]:
    """Return the variable with which XLA's kernels on a GPU give the same bits twice.

    XLA reads it when a process first uses a device. On a CPU its kernels do so anyway.
    """
    flags = os.environ.get("XLA_FLAGS", "").split()
    return {"XLA_FLAGS": " ".join(dict.fromkeys([*flags, _DETERMINISTIC]))}


def gpus() -> int:
    """Return the number of GPUs that JAX can use."""
    import jax

    return sum(device.platform == "gpu" for device in jax.devices())


FRAMEWORK = Framework(
    packages=("jax", "jaxlib", "flax", "optax"),
    install="pip install 'gan-bench[jax]'",
    module="jax",
    environment=environment,
    gpus=gpus,
)
