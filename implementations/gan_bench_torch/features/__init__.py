"""Makes feature models that need PyTorch, each in a process of its own that writes an ONNX file."""

import gan_bench  # noqa: F401 - it turns off ONNX Runtime's telemetry, before that is imported
