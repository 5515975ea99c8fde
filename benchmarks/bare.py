"""A registered trainer without the harness, with the inputs that a run would give it."""

import numpy as np

from gan_bench.data.draws import batches, step_draws
from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import registered
from gan_bench.recipe import Recipe
from gan_bench.trainer import Trainer

PLANNED_STEPS = 100_000


def build(name: str, images: np.ndarray, labels: np.ndarray, device: str) -> tuple[Recipe, Trainer]:
    """Return a recipe with its defaults, and its trainer with the recipe's initial weights."""
    trainer_class = load_trainer(registered()[name])
    recipe = trainer_class.recipe_class()
    trainer = trainer_class(
        recipe, images, labels, device=device, planned_steps=PLANNED_STEPS, seed=0
    )
    trainer.set_weights(recipe.initial_weights(0))
    return recipe, trainer


def feed(recipe: Recipe, images: int, steps: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the batches and the draws of a run's first steps, the arguments of ``train``."""
    window = {"seed": 0, "first_step": 0, "steps": steps, "batch_size": recipe.batch_size}
    rows = batches(**window, real_batches_per_step=recipe.real_batches_per_step, images=images)
    draws = recipe.draws().items()
    return rows, {name: step_draws(name, draw, **window, classes=1) for name, draw in draws}
