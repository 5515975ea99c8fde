"""Checks of the results and side effects of ``sample`` and ``forward``."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_bench.testing.check_result import CheckFailed, CheckSkipped, expect
from gan_bench.testing.trainer_pool import (
    FIRST,
    SAMPLES,
    SECOND,
    Observed,
    TrainerPool,
    other_generators,
    part,
    weights_of,
)
from gan_bench.trainer import Trainer, initialises_itself


def sample_shape(pool: TrainerPool) -> None:
    """``sample`` returns uint8 images of the data set's shape, for one latent vector or many."""
    trainer = pool.with_weights()
    for count in (1, SAMPLES, 64, 3 * pool.recipe.batch_size + 1):
        images = pool.sample(trainer, count)
        if not isinstance(images, np.ndarray):
            raise CheckFailed(f"`sample` returns {type(images).__name__}, not a numpy array.")
        expect(images.dtype == np.uint8, f"Samples are {images.dtype}, not uint8.")
        shape = (count, *pool.images.shape[1:])
        expect(images.shape == shape, f"{count} samples have shape {images.shape}, not {shape}.")


def sample_rows(pool: TrainerPool) -> None:
    """A sample depends only on its own latent vector and label, not on the rest of the batch."""
    trainer = _trained(pool)
    latents, labels = pool.evaluation_latents(), pool.inputs.evaluation_labels(SAMPLES)
    images = trainer.sample(latents, *labels)
    order = np.roll(np.arange(SAMPLES), 3)
    for rows, how in (
        (order, "in another order"),
        (order[:3], "three at a time"),
        ([5], "one at a time"),
    ):
        pool.expect_same(
            {"a sample": images[rows]},
            {"a sample": trainer.sample(latents[rows], *(given[rows] for given in labels))},
            f"Samples of {SAMPLES} latent vectors change if generated {how}; compute them in "
            "inference mode and in batches of one fixed shape",
        )


def sample_repeats(pool: TrainerPool) -> None:
    """``sample`` returns the same images for the same latents."""
    trainer = _trained(pool)
    first = np.array(pool.sample(trainer, 64))
    again = np.array(pool.sample(trainer, 64))
    finding = "The same latents give different samples"
    pool.expect_same({"a sample": first}, {"a sample": again}, finding)


def samples_differ(pool: TrainerPool) -> None:
    """Different latents give different samples, before or after training."""
    latents = pool.evaluation_latents(64)
    labels = [np.zeros_like(given) for given in pool.inputs.evaluation_labels(64)]
    for trained in (False, True):
        trainer = _trained(pool) if trained else pool.with_weights()
        images = trainer.sample(latents, *labels)
        if (images != images[:1]).any():
            return
    raise CheckFailed("64 different latent vectors give 64 equal samples.")


def labels_matter(pool: TrainerPool) -> None:
    """If the recipe is conditional, other labels give other samples, before or after training."""
    if not pool.recipe.conditional:
        return
    if pool.inputs.classes < 2:
        raise CheckSkipped("All images have the same label.")
    latents = pool.evaluation_latents(64)
    (labels,) = pool.inputs.evaluation_labels(64)
    for trained in (False, True):
        trainer = _trained(pool) if trained else pool.with_weights()
        images = np.array(trainer.sample(latents, labels))
        others = trainer.sample(latents, (labels + 1) % pool.inputs.classes)
        if (images != others).any():
            return
    raise CheckFailed(
        "Other labels give the same samples; a recipe whose samples do not depend on labels is not "
        "`conditional`."
    )


def sample_leaves_no_trace(pool: TrainerPool) -> None:
    """Sampling changes neither weights nor the training that follows."""
    _expect_no_trace(pool, lambda trainer: pool.sample(trainer, 64))


def forward_leaves_no_trace(pool: TrainerPool) -> None:
    """``forward`` changes neither weights nor the training that follows, in both modes."""

    def use(trainer: Trainer) -> None:
        for training in (True, False):
            _forward(pool, trainer, training)

    _expect_no_trace(pool, use)


def forward_outputs(pool: TrainerPool) -> None:
    """``forward`` returns G as float NHWC in [-1, 1] and D as logits, not probabilities."""
    trainer = _trained(pool)
    count = pool.recipe.batch_size
    for training in (True, False):
        generated, logits = _forward(pool, trainer, training)
        shape = (count, *pool.images.shape[1:])
        expect(generated.shape == shape, f"G(latents) has shape {generated.shape}, not {shape}.")
        expect(logits.shape == (count,), f"D(images) has shape {logits.shape}, not {(count,)}.")
        for output in (generated, logits):
            floating = np.issubdtype(output.dtype, np.floating)
            expect(floating, f"`forward` returns {output.dtype}, not a floating dtype.")
            expect(np.isfinite(output).all(), "`forward` returns values that are not finite.")
        expect(np.abs(generated).max() <= 1 + 1e-6, "G(latents) is not within [-1, 1].")
    trainer.set_weights(_amplified(weights_of(trainer), "discriminator"))
    _, logits = _forward(pool, trainer, False)
    finding = (
        "With D's last layer times 1000, D stays within [-1, 1]; `forward` has to return logits."
    )
    expect(np.abs(logits).max() > 1, finding)


def forward_modes(pool: TrainerPool) -> None:
    """Training mode of ``forward`` uses the batch's statistics and no dropout."""
    trainer = _trained(pool)
    names = trainer.weights().keys()
    batch, moving = (_forward(pool, trainer, mode) for mode in (True, False))
    with other_generators(trainer, pool.seed + 1):
        again = _forward(pool, trainer, True)
    for index, network in enumerate((pool.recipe.sampler, "discriminator")):
        finding = (
            f"The {network}'s output in training mode is random; turn dropout off in `forward`"
        )
        pool.expect_same({"the output": batch[index]}, {"the output": again[index]}, finding)
        if any(re.match(rf"{network}\..*moving_mean", name) for name in names):
            differs = not np.array_equal(batch[index], moving[index])
            expect(differs, f"The {network}'s output is the same in training and inference mode.")


def forward_agrees_with_sample(pool: TrainerPool) -> None:
    """Samples are G in inference mode, from -1 (grey level 0) to 1 (255), within one level."""
    trainer = _trained(pool)
    trained = weights_of(trainer)
    for weights in (trained, _amplified(trained, pool.recipe.sampler)):
        trainer.set_weights(weights)
        generated, _ = _forward(pool, trainer, False)
        levels = (generated.astype(np.float64) + 1) * 127.5
        gap = np.abs(pool.sample(trainer, len(levels)) - levels).max()
        expect(gap <= 1, f"A sample differs by {gap:.1f} grey levels from (G + 1) * 127.5.")


def _trained(pool: TrainerPool) -> Trainer:
    """Return a trainer with trained weights; setting them is faster than training."""
    names = pool.untrained.weights().keys()
    return pool.with_weights({name: pool.reference[name] for name in names})


def _forward(
    pool: TrainerPool, trainer: Trainer, training: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    if getattr(trainer, "forward", None) is None and initialises_itself(type(pool.recipe)):
        raise CheckSkipped(
            "The trainer has no `forward`, which only a recipe with initial weights needs."
        )
    count = pool.recipe.batch_size
    images = np.resize(pool.images, (count, *pool.images.shape[1:]))
    generated, logits = trainer.forward(
        pool.evaluation_latents(count),
        (images / 127.5 - 1).astype(np.float32),
        training,
        *pool.inputs.evaluation_labels(count),
    )
    return np.array(generated), np.array(logits)


def _expect_no_trace(pool: TrainerPool, use: Callable[[Trainer], object]) -> None:
    trainer = pool.fresh()
    batches, draws = pool.batches(), pool.draws()
    use(trainer)
    first = trainer.train(batches[FIRST], part(draws, FIRST))
    before = weights_of(trainer)
    use(trainer)
    pool.expect_same(before, weights_of(trainer), "The call changes weights")
    second = trainer.train(batches[SECOND], part(draws, SECOND))
    observed = pool.observe(trainer, first, second)
    pool.expect_same(pool.reference, observed, "The call changes the training that follows")


def _amplified(weights: Observed, network: str) -> Observed:
    """Return weights with the network's last layer times 1000, to drive it to its limits."""
    layers = [int(name.split(".")[1]) for name in weights if name.startswith(f"{network}.")]
    if not layers:
        raise CheckSkipped(f"The {network} has no tensors.")
    last = f"{network}.{max(layers)}."
    factors = dict.fromkeys((name for name in weights if name.startswith(last)), 1000.0)
    if f"{last}v" in weights:  # spectral normalisation divides the kernel by u K v
        factors |= {f"{last}kernel": 1.0, f"{last}v": 1.0, f"{last}u": 0.001}
    elif f"{last}u" in weights:  # by |K u|, or K is kept divided
        factors[f"{last}u"] = 0.001
    return {
        name: np.asarray(tensor * factors.get(name, 1.0), tensor.dtype)
        for name, tensor in weights.items()
    }


CHECKS = (
    sample_shape,
    sample_rows,
    sample_repeats,
    samples_differ,
    labels_matter,
    sample_leaves_no_trace,
    forward_outputs,
    forward_modes,
    forward_leaves_no_trace,
    forward_agrees_with_sample,
)
