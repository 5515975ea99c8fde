"""Samples of a run's checkpoint or of any generator, and the sampler's network as a file."""

LARGEST_LATENT = 2**20
"""Numbers in a latent: more are a mistake, and would fill the memory."""
MOST_CLASSES = 1_000_000
FACT = "gan_bench."
"""Beginning of the names of what an exported ONNX file says of itself, in its metadata."""
