"""gan-bench: compares GAN implementations across frameworks on quality and speed."""

__version__ = "0.1.0"
