"""The recipes in Keras on TensorFlow, one a file, the same names as in gan_bench_torch."""
