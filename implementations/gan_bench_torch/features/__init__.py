"""Makes feature models that need PyTorch, each in a process of its own that writes an ONNX file."""

import gan_bench.errors  # noqa: F401 - gan_bench turns off ONNX Runtime's telemetry when imported
