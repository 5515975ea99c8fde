"""The augmentations of `gan_bench_recipes.augmentation` in PyTorch: conventions are there."""

import torch
from torch import Tensor

from gan_bench_recipes.augmentation import pixels


def translated(images: Tensor, shifts: Tensor, share: float) -> Tensor:
    """Return images NCHW, each moved as its ``shifts`` (n, 2) say."""
    side = images.shape[-1]
    most = pixels(side, share)
    moves = (shifts * (2 * most + 1)).floor().clamp(max=2 * most) - most
    places = torch.arange(side, device=images.device)
    # Row i is made of row i - move: a product with a matrix that has a 1 there. Its gradient is a
    # product, too, while that of a gather adds in any order on a GPU.
    rows, columns = (
        (places[:, None] - places == move[:, None, None]).to(images.dtype)
        for move in moves.unbind(1)
    )
    return rows[:, None] @ images @ columns[:, None].mT


def cut_out(images: Tensor, cuts: Tensor, share: float) -> Tensor:
    """Return images NCHW, each with a square of 0 as its ``cuts`` (n, 2) say."""
    side = images.shape[-1]
    length = pixels(side, share)
    middles = side + 1 - length % 2
    starts = (cuts * middles).floor().clamp(max=middles - 1) - length // 2
    places = torch.arange(side, device=images.device)
    rows, columns = (
        ((places >= start[:, None]) & (places < start[:, None] + length)).to(images.dtype)
        for start in starts.unbind(1)
    )
    return images * (1 - rows[:, None, :, None] * columns[:, None, None])
