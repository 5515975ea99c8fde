"""Makes feature models that need PyTorch, each in a process of its own that writes an ONNX file."""
