"""Feature models as users name them: ``lenet``, ``inception:2500``, ``./mine.onnx``."""

from dataclasses import dataclass
from pathlib import Path

from gan_bench.errors import UsageError


@dataclass(frozen=True)
class FeatureWord:
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


def parse_features(text: str) -> tuple[FeatureWord, ...]:
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


def _word(text: str) -> FeatureWord:
    model, colon, count = text.rpartition(":")
    if not colon or text.endswith(".onnx"):
        return FeatureWord(text)
    if not (count.isdecimal() and count.isascii() and int(count) > 1):
        raise UsageError(
            f"{text!r}: the count of images {count!r} is no whole number above 1; such as "
            f"{model}:2500."
        )
    return FeatureWord(model, int(count))
