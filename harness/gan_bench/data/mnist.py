"""MNIST (Yann LeCun and Corinna Cortes): the sums of its four files and where they are."""

from gan_bench.data.published import PublishedDataset, PublishedFile, PublishedSplit

MNIST = PublishedDataset(
    name="mnist",
    classes=10,
    train=PublishedSplit(
        images=PublishedFile(
            name="train-images-idx3-ubyte",
            content_md5="6bbc9ace898e44ae57da46a324031adb",
            download_md5="f68b3c2dcbeaaa9fbdd348bbdeb94873",
        ),
        labels=PublishedFile(
            name="train-labels-idx1-ubyte",
            content_md5="a25bea736e30d166cdddb491f175f624",
            download_md5="d53e105ee54ea40749a09fcbcd1e9432",
        ),
    ),
    test=PublishedSplit(
        images=PublishedFile(
            name="t10k-images-idx3-ubyte",
            content_md5="2646ac647ad5339dbf082846283269ea",
            download_md5="9fb629c4189551a2d022fa330f9573f3",
        ),
        labels=PublishedFile(
            name="t10k-labels-idx1-ubyte",
            content_md5="27ae3e4e09519cfbb04c329615203637",
            download_md5="ec29112dd5afa0611ce80d1b7f02629c",
        ),
    ),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)
"""60,000 training and 10,000 test digits, uint8 (n, 28, 28, 1)."""
