"""Feature models as users name them: ``lenet``, ``inception:2500``, ``./mine.onnx``."""

from dataclasses import dataclass
from pathlib import Path

from gan_bench.errors import UsageError
from gan_bench.metrics import DEFAULT


@dataclass(frozen=True)
class FeatureChoice:
    """A feature model, and of how many images."""

    model: str
    """``lenet``, ``inception`` or the path of an ``.onnx`` file."""
    images: int | None = None
    """The first so many of the samples and of the reference; None: all that there are."""

    @property
    def name(self) -> str:
        """What protocols call the model."""
        return Path(self.model).stem if self.model.endswith(".onnx") else self.model

    def __str__(self) -> str:
        """Return it as it is typed."""
        return self.model if self.images is None else f"{self.model}:{self.images}"


def parse_features(text: str) -> tuple[FeatureChoice, ...]:
    """Read a list of feature models such as ``lenet,inception:2500``.

    Raises
    ------
    UsageError
        None was named, or one twice, or a count is no whole number above 1.
    """
    words = tuple(_word(word.strip()) for word in text.split(",") if word.strip())
    if not words:
        raise UsageError("No features were named; give lenet, inception or an .onnx file's path.")
    names = [word.name for word in words]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"The features {twice} were named twice; give each once.")
    return words


def _word(text: str) -> FeatureChoice:
    model, colon, count = text.rpartition(":")
    if not colon or text.endswith(".onnx"):
        return FeatureChoice(text)
    if not (count.isdecimal() and count.isascii() and int(count) > 1):
        raise UsageError(
            f"{text!r}: the count of images {count!r} is no whole number above 1; such as "
            f"{model}:2500."
        )
    return FeatureChoice(model, int(count))


@dataclass(frozen=True)
class Scoring:
    """What a run's snapshots are scored with."""

    features: tuple[FeatureChoice, ...] = (FeatureChoice("lenet"),)
    """The first for every evaluation point, the others for the last one only."""
    metrics: tuple[str, ...] = DEFAULT
    """FID at every evaluation point, the others at the last one."""
    weights: Path | None = None
    """Inception's."""
    cache: bool = True

    def metrics_of(self, features: FeatureChoice) -> tuple[str, ...]:
        """Return the metrics under these features; the classes and pixels count once."""
        if features == self.features[0]:
            return self.metrics
        return tuple(metric for metric in self.metrics if metric != "modes")
