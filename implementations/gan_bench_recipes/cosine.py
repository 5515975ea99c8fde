"""cosine: dcgan with rates that fall along a cosine, sampled by an average of the generator."""

from typing import ClassVar

from gan_bench_recipes.averaged import Averaged
from gan_bench_recipes.base import hyperparameter
from gan_bench_recipes.dcgan import Dcgan


class Cosine(Averaged, Dcgan):
    """dcgan whose learning rates fall to 0 along half a cosine (Loshchilov and Hutter 2017).

    The rate before step t (from 0) of T planned steps is r / 2 (1 + cos(pi t / T)), for both
    networks. Samples are from a moving average of the generator's tensors (Yazici et al.
    2019). Networks, losses and the order of the updates are dcgan's.

    *Chosen*: one fall without restarts, and the average's decay.
    """

    name: ClassVar[str] = "cosine"
    source: ClassVar[str] = (
        "Loshchilov and Hutter 2017, SGDR; Yazici et al. 2019, averaging in GANs"
    )

    average_decay: float = hyperparameter(
        0.99, "share of the average that a step keeps", "chosen", ge=0, lt=1
    )
