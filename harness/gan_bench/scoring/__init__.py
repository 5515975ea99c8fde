"""Scoring: how good the samples of a run are, from the saved uint8 images alone.

A process of its own that imports no framework: ``python -P -m gan_bench.scoring RUN_DIR``.
"""
