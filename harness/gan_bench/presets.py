"""The named protocols: how much is trained, on what, how often, and how it is evaluated."""

from gan_bench.spec import Budget, Frozen


class Preset(Frozen):
    """The values that a plan takes where the user names none."""

    dataset: str
    budget: Budget
    seeds: tuple[int, ...]
    evaluations: int
    samples: int
    batch_size: int | None = None
    """Of every recipe in place of its own; None leaves each its own."""
    ranks_quality: bool
    """Whether the budget is long enough for the report to rank by FID."""


PRESETS: dict[str, Preset] = {
    "quick": Preset(
        dataset="mnist-5k",
        budget=Budget(unit="images", amount=4_000),
        seeds=(0,),
        evaluations=5,
        samples=1_000,
        ranks_quality=False,
    ),
    "standard": Preset(
        dataset="mnist",
        budget=Budget(unit="images", amount=60_000),
        seeds=(0, 1, 2),
        evaluations=10,
        samples=10_000,
        ranks_quality=True,
    ),
    "paper": Preset(
        dataset="mnist",
        budget=Budget(unit="recipe"),
        seeds=(0, 1, 2),
        evaluations=10,
        samples=10_000,
        ranks_quality=True,
    ),
    "ci": Preset(
        # Small batches: four times the updates that dcgan's own 128 makes of as many images, so
        # that a run of half a minute comes to where a change of the training shows; docs/ci.md.
        dataset="mnist-5k",
        budget=Budget(unit="images", amount=12_800),
        seeds=(0, 1, 2),
        evaluations=5,
        samples=2_000,
        batch_size=32,
        ranks_quality=False,
    ),
}
