"""Faults of `save` and `load`."""

from pathlib import Path
from typing import ClassVar

from broken_trainers.registry import CONTINUING, fails
from gan_bench.testing import FakeTrainer
from gan_bench.testing.fake import STATISTICS


class Forgetting(FakeTrainer):
    """Restores all that was saved but one attribute."""

    forgotten = ""

    def load(self, path: Path) -> None:
        kept = getattr(self, self.forgotten)
        super().load(path)
        setattr(self, self.forgotten, kept)


@fails(*CONTINUING)
class ForgetsVelocities(Forgetting):
    forgotten = "_velocities"


@fails(*CONTINUING)
class ForgetsTheStep(Forgetting):
    forgotten = "_steps_done"


@fails(*CONTINUING)
class ForgetsDropout(FakeTrainer):
    def load(self, path):
        kept = self._dropout_numbers.bit_generator.state
        super().load(path)
        self._dropout_numbers.bit_generator.state = kept


@fails(*CONTINUING)
class ForgetsStatistics(FakeTrainer):
    def load(self, path):
        kept = {name: self._tensors[name] for name in STATISTICS}
        super().load(path)
        self._tensors |= kept


@fails("load into a used trainer")
class LoadsTheStepOnlyOnce(FakeTrainer):
    def load(self, path):
        used = self._steps_done
        super().load(path)
        self._steps_done = used or self._steps_done


@fails("save leaves no trace")
class SavingDrawsFromDropoutsNumbers(FakeTrainer):
    def save(self, path):
        super().save(path)
        self._dropout_numbers.random(3)


@fails("save stays in its folder")
class SavesBesideItsFolder(FakeTrainer):
    def save(self, path):
        super().save(path)
        path.with_suffix(".npz").touch()


@fails("save stays in its folder")
class SavesWhereItRuns(FakeTrainer):
    def save(self, path):
        super().save(path)
        Path("checkpoint.index").touch()


@fails("save stays in its folder", *CONTINUING)
class SavesInMemory(FakeTrainer):
    """Keeps what it saves by the folder's name, which changes."""

    saved: ClassVar[dict[Path, dict]] = {}

    def save(self, path):
        names = ("_tensors", "_velocities", "_steps_done")
        state = {name: getattr(self, name) for name in names}
        state["numbers"] = self._dropout_numbers.bit_generator.state
        state["_tensors"] = dict(self._tensors)
        state["_velocities"] = dict(self._velocities)
        self.saved[path] = state

    def load(self, path):
        state = dict(self.saved[path])
        self._dropout_numbers.bit_generator.state = state.pop("numbers")
        vars(self).update(state)
