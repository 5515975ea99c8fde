"""What can be run: implementations and recipes, found, described, loaded and hashed."""
