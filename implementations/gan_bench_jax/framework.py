"""What gan-bench must know of JAX before a process imports it."""

import os

from gan_bench.trainer import Framework, GpuWork

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


def cuda() -> dict[str, str]:
    """Return the versions of CUDA and cuDNN that JAX has loaded."""
    from jax._src.lib import cuda_versions  # JAX has no public name for it

    runtime = cuda_versions.cuda_runtime_get_version()
    return {
        "cuda": f"{runtime // 1000}.{runtime % 1000 // 10}",
        "cudnn": str(cuda_versions.cudnn_get_version()),
    }


def gpu_work(*, size: int, device: str) -> GpuWork:
    """Return squares of a matrix, in the precision that a trainer has set, and copies of it."""
    import jax
    import jax.numpy as jnp

    kind, _, index = device.partition(":")
    normal = jax.random.normal(jax.random.key(0), (size, size), jnp.float32)
    matrix = jax.device_put(normal, jax.devices(kind)[int(index or 0)])

    def multiply(times: int) -> jax.Array:
        for _ in range(times):
            made = jnp.matmul(matrix, matrix)
        return made.block_until_ready()

    def copy(times: int) -> jax.Array:
        for _ in range(times):
            copied = jnp.array(matrix, copy=True)
        return copied.block_until_ready()

    return GpuWork(multiply, copy)


FRAMEWORK = Framework(
    packages=("jax", "jaxlib", "flax", "optax"),
    install="pip install 'jax>=0.10' 'flax>=0.12.8' 'optax>=0.2.8'",
    gpu_install="pip install 'jax[cuda13]>=0.10'",
    module="jax",
    environment=environment,
    gpus=gpus,
    cuda=cuda,
    gpu_work=gpu_work,
)
