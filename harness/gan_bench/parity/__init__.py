"""Parity certificates: that two implementations of one recipe compute the same thing."""
