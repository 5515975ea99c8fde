"""The metrics, from features or images to values."""
