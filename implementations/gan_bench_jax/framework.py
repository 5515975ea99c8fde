"""What gan-bench has to know about JAX, as data; nothing here imports it.

`ENVIRONMENT` is that of a worker with the given number of threads. XLA reads ``NPROC`` for the size
of its pool of threads, and ``OMP_NUM_THREADS`` not at all. JAX would otherwise take three quarters
of a GPU's memory when it starts, and multiply in TF32 on a GPU that has it.
"""

PACKAGES = ("jax", "jaxlib", "flax", "optax")
INSTALL = "pip install 'jax>=0.10' 'flax>=0.12.8' 'optax>=0.2.8'"
INSTALL_ON_GPU = "pip install 'jax[cuda13]>=0.10' 'flax>=0.12.8' 'optax>=0.2.8'"
MODULE = "jax"
GPUS = 'sum(device.platform == "gpu" for device in jax.devices())'
COMPILATION = "the steps of a chunk are one loop, compiled by XLA"

PLATFORMS = {"cpu": "cpu", "cuda": "cuda,cpu"}
"""``JAX_PLATFORMS`` by the kind of device: a platform that is named and absent is an error."""


def environment(*, device: str, threads: int, deterministic: bool) -> dict[str, str]:
    """Return the variables of a worker's environment.

    Parameters
    ----------
    device
        ``cpu`` or ``cuda:<index>``.
    threads
        Threads of its operations.
    deterministic
        Whether its kernels must give the same bits twice.
    """
    variables = {
        "JAX_DEFAULT_MATMUL_PRECISION": "highest",
        "JAX_PLATFORMS": PLATFORMS[device.partition(":")[0]],
        "NPROC": str(threads),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    return variables | (DETERMINISTIC if deterministic else {})


DETERMINISTIC = {"XLA_FLAGS": "--xla_gpu_deterministic_ops=true"}
"""XLA reads its flags when a process first uses a device; on a CPU it needs none."""
