"""Feature models: found by name, made, loaded and run."""
