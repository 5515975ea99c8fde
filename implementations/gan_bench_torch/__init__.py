"""The recipes in PyTorch, one a file, the same names as in gan_bench_keras."""
