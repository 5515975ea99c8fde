"""The version of gan-bench, which `__init__` imports too."""

__version__ = "0.1.0"
