"""Charts: what they hold as pandas frames, and the two renderers that draw them."""
