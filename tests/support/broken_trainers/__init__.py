"""Trainers with one fault each, and the checks that must see it: proof that the suite can fail."""

from broken_trainers import (  # noqa: F401 - importing them fills the table
    checkpoints,
    contract,
    inputs,
    sampling,
    training,
    weights,
    wiring,
)
from broken_trainers.registry import BROKEN
from broken_trainers.training import Averaging, DropoutIsNotSeeded
from broken_trainers.wiring import RefusesDouble

__all__ = ["BROKEN", "Averaging", "DropoutIsNotSeeded", "RefusesDouble"]
