"""The training process of one run: ``python -P -m gan_bench.worker RUN_DIR``."""
