"""What gan-bench must know of Keras on TensorFlow before a process imports them."""

from gan_bench.trainer import Framework


def environment(*, threads: int, deterministic: bool) -> dict[str, str]:
    """Return the variables that Keras and TensorFlow read."""
    return {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": str(threads),
    }


def gpus() -> int:
    """Return the number of GPUs that TensorFlow can use."""
    import tensorflow

    return len(tensorflow.config.list_physical_devices("GPU"))


FRAMEWORK = Framework(
    packages=("tensorflow", "keras"),
    install="pip install 'tensorflow>=2.18' 'keras>=3.6'",
    module="tensorflow",
    environment=environment,
    gpus=gpus,
)
