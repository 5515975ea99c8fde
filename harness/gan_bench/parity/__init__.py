"""Parity: whether two implementations of one recipe compute the same thing."""
