"""Runs of a plan as jobs of a scheduler."""
