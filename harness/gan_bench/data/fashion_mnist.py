"""Fashion-MNIST (Zalando Research): the sums of its four files and where they are."""

from pathlib import Path

from gan_bench.data.published import (
    DebianPackage,
    PublishedDataset,
    PublishedFile,
    PublishedSplit,
)

FASHION_MNIST = PublishedDataset(
    name="fashion-mnist",
    classes=10,
    train=PublishedSplit(
        images=PublishedFile(
            name="train-images-idx3-ubyte",
            content_md5="f4a8712d7a061bf5bd6d2ca38dc4d50a",
            download_md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        ),
        labels=PublishedFile(
            name="train-labels-idx1-ubyte",
            content_md5="9018921c3c673c538a1fc5bad174d6f9",
            download_md5="25c81989df183df01b3e8a0aad5dffbe",
        ),
    ),
    test=PublishedSplit(
        images=PublishedFile(
            name="t10k-images-idx3-ubyte",
            content_md5="8181f5470baa50b63fa0f6fddb340f0a",
            download_md5="bef4ecab320f06d8554ea6380940ec79",
        ),
        labels=PublishedFile(
            name="t10k-labels-idx1-ubyte",
            content_md5="15d484375f8d13e6eb1aabb0c3f46965",
            download_md5="bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    package=DebianPackage(
        name="dataset-fashion-mnist", folder=Path("/usr/share/datasets/fashion-mnist")
    ),
)
"""60,000 training and 10,000 test articles of clothing, uint8 (n, 28, 28, 1)."""
