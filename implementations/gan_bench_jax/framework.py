"""What gan-bench must know of JAX before a process imports it."""

import os

from gan_bench.trainer import Framework

_DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


def environment(*, device: str, threads: int, deterministic: bool) -> dict[str, str]:
    """Return the variables that JAX and XLA read; CUDA_VISIBLE_DEVICES says which GPU they see."""
    variables = {
        # XLA has products of its own in TF32, which NVIDIA_TF32_OVERRIDE does not reach.
        "JAX_DEFAULT_MATMUL_PRECISION": "highest",
        # JAX starts every platform that it has a library for, and fails with one that cannot start.
        "JAX_PLATFORMS": "cpu" if device == "cpu" else "cuda,cpu",
        # XLA's threads on a CPU: it does not read OMP_NUM_THREADS.
        **dict.fromkeys(("NPROC", "PJRT_NPROC"), str(threads)),
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

    try:
        return len(jax.devices("gpu"))
    except RuntimeError:  # no GPU, or a library for it that does not start
        return 0


FRAMEWORK = Framework(
    packages=("jax", "jaxlib", "flax", "optax"),
    install="pip install 'jax>=0.10' 'flax>=0.12.8' 'optax>=0.2.8'",
    gpu_install="pip install 'jax[cuda13]>=0.10'",
    module="jax",
    environment=environment,
    gpus=gpus,
)
