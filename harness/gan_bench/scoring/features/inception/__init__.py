"""FID's Inception network as an ONNX file: where its weights come from, and what they are put into.

Nothing in here imports a framework; what has to (reading PyTorch's files, comparing with
pytorch-fid's features) is a process of its own in `gan_bench_torch.features.inception`.
"""
