"""The protocol: all that a score depends on by definition, with its fingerprint."""

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FORMULA_VERSION = 2
"""Goes up whenever the code computes another figure from the same images."""
LARGEST_REFERENCE = 10_000
"""Images of a data set's test split that are the reference at most."""


class Protocol(BaseModel):
    """How a snapshot is scored; figures of different protocols are never put in one ranking.

    The versions of ONNX Runtime and NumPy stand beside the scores instead: they change a figure by
    rounding only, and a ranking should not fall apart with every update.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: str
    """The feature model's short name."""
    features_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Of the model's file; None where there is no such model for the data set, so no figure."""
    resize: str = "none"
    """What is done to images of another size than the model's; ``none``: they are refused."""
    channels: str = "none"
    """What is done to images with other channels than the model's."""
    dataset: str
    """The data set whose images are the reference, or the name of their file or folder."""
    split: Literal["train", "test"] | None = "test"
    """The reference's; None where it is a file or folder."""
    reference_sha256: str
    """Of the reference split, as ``gan_bench.data`` counts it, or of the images of a file."""
    n_real: int = Field(ge=2)
    """The first so many images are the reference."""
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
    """Return the names of the fields in which two protocols differ, in the order of the class.

    The same reference images under another name are the same reference.
    """
    names = [
        name for name in Protocol.model_fields if getattr(first, name) != getattr(second, name)
    ]
    return [n for n in names if n != "dataset" or "reference_sha256" in names]
