"""The protocol: all that a score depends on by definition, with its fingerprint."""

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FORMULA_VERSION = 1
"""Goes up whenever the code computes another figure from the same images."""


class Protocol(BaseModel):
    """How a snapshot is scored; figures of different protocols are never put in one ranking.

    The versions of ONNX Runtime and NumPy stand beside the scores instead: they change a figure by
    rounding only, and a ranking should not fall apart with every update.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: str
    """The feature model's short name."""
    features_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """Of the model's file."""
    resize: Literal["none"] = "none"
    """What is done to images of another size than the model's: they are refused."""
    channels: Literal["none"] = "none"
    """What is done to images with other channels than the model's: they are refused."""
    dataset: str
    """The data set whose images are the reference."""
    split: Literal["test"] = "test"
    reference_sha256: str
    """Of the reference split, as ``gan_bench.data`` counts it."""
    n_real: int = Field(ge=2)
    """The first so many images of the split are the reference."""
    n_fake: int = Field(ge=2)
    """The samples of every snapshot: the Frechet distance depends on how many there are."""
    seed: int = Field(default=0, ge=0)
    """Of the scorer's own draws, the same for every run."""
    formula_version: int = FORMULA_VERSION

    @property
    def fingerprint(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 over all fields."""
        fields = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(fields.encode()).hexdigest()[:12]


def differences(first: Protocol, second: Protocol) -> list[str]:
    """Return the names of the fields in which two protocols differ, in the order of the class."""
    return [name for name in Protocol.model_fields if getattr(first, name) != getattr(second, name)]
