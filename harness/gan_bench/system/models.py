"""The base of all stored models."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of all specifications: immutable, finite, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
