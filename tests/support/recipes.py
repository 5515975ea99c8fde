"""The recipes that come with gan-bench, and the framework whose arithmetic each one follows."""

SOURCES = ("dcgan", "dcgan-3g", "baseline", "enhanced", "upsampling-sgd", "decay")
"""Of the source documents."""
FURTHER = ("wgan-gp", "sngan", "resnet", "conditional", "augment", "cosine", "r3gan")
"""Of papers."""
RECIPES = (*SOURCES, *FURTHER)
FRAMEWORKS = ("torch", "keras", "jax")
ORIGINS = dict.fromkeys(RECIPES, "torch") | dict.fromkeys(
    ("baseline", "enhanced", "upsampling-sgd", "decay"), "keras"
)
