"""For authors of implementations: the conformance suite, and a complete trainer in numpy."""

from gan_bench.testing.check_result import CheckResult
from gan_bench.testing.conformance import check_trainer
from gan_bench.testing.fake import FakeRecipe, FakeTrainer

__all__ = ["CheckResult", "FakeRecipe", "FakeTrainer", "check_trainer"]
