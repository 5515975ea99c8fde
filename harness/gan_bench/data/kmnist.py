"""Kuzushiji-MNIST (CODH): the sums of its four files and where they are."""

from gan_bench.data.published import PublishedDataset, PublishedFile, PublishedSplit

KMNIST = PublishedDataset(
    name="kmnist",
    classes=10,
    train=PublishedSplit(
        images=PublishedFile(
            name="train-images-idx3-ubyte", download_md5="bdb82020997e1d708af4cf47b453dcf7"
        ),
        labels=PublishedFile(
            name="train-labels-idx1-ubyte", download_md5="e144d726b3acfaa3e44228e80efcd344"
        ),
    ),
    test=PublishedSplit(
        images=PublishedFile(
            name="t10k-images-idx3-ubyte", download_md5="5c965bf0a639b31b8f53240b1b52f4d7"
        ),
        labels=PublishedFile(
            name="t10k-labels-idx1-ubyte", download_md5="7320c461ea6c1c855c0b718fb2a4b134"
        ),
    ),
    mirrors=(
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ),
)
"""60,000 training and 10,000 test characters of cursive Japanese, uint8 (n, 28, 28, 1).

The sums of the uncompressed content are not known here, so only the gzipped files are taken.
"""
