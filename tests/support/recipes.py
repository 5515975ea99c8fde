"""The recipes that come with gan-bench, and the framework whose arithmetic each one follows."""

import pytest

SOURCES = ("dcgan", "dcgan-3g", "baseline", "enhanced", "upsampling-sgd", "decay")
"""Of the source documents."""
FURTHER = ("wgan-gp", "sngan", "resnet", "conditional", "augment", "cosine", "r3gan")
"""Of papers."""
RECIPES = (*SOURCES, *FURTHER)
FRAMEWORKS = ("torch", "keras", "jax")
EACH_FRAMEWORK = [
    pytest.param(name, marks=[getattr(pytest.mark, name), pytest.mark.process])  # for the import
    for name in FRAMEWORKS
]
"""Parameters of a test in every framework."""
ORIGINS = dict.fromkeys(RECIPES, "torch") | dict.fromkeys(
    ("baseline", "enhanced", "upsampling-sgd", "decay"), "keras"
)
