"""Finds, describes, loads and hashes implementations and recipes."""
