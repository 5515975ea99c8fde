"""Images from the weights of a finished run."""
