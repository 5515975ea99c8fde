"""The recipes in JAX, one a file, the same names as in gan_bench_torch and gan_bench_keras."""
