"""A parity certificate: what was compared, the figures, and which runs it covers."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

from gan_bench.plan import TRAINING_STEP, RunSpec, device_kind
from gan_bench.recipe import ImageShape
from gan_bench.results.layout import ResultsFolder
from gan_bench.system.devices import Machine
from gan_bench.system.models import Frozen, Stored
from gan_bench.text import figure

Level = Literal["held weights", "forward", "losses", "updates"]
LEVELS: Final[tuple[Level, ...]] = ("held weights", "forward", "losses", "updates")
"""In the order in which a deviation becomes visible; losses and updates cover ten steps."""


class Bounds(Frozen):
    """The largest differences at which two implementations still count as twins."""

    held_weights: float = 0.0
    """Bound of max |difference| of the initial weights: they must be bit-identical."""
    forward: float = 1e-4
    """Bound of max |difference| of G(z) and of D(x), in float32."""
    samples: float = 1.0
    """Bound of max |difference| of pixels, in grey levels."""
    losses: float = 1e-10
    """Bound of |difference| / max(1, |loss|), in float64."""
    updates: float = 1e-9
    """Bound of ||Da - Db|| / ||Da|| for each tensor's update D since the start, in float64."""
    zero_updates: float = 1e-12
    """Updates below this share of the network's largest update count as zero; those of a moving
    statistic below this share of the statistic at the start."""


BOUNDS: Final = Bounds()


class Figure(Frozen):
    """The largest difference of two implementations in one quantity."""

    level: Level
    of: str
    """The quantity: a network and mode, a loss, or a tensor."""
    step: int | None = None
    """The step with the largest difference."""
    value: float | None
    """None if the difference is not finite."""
    bound: float
    passed: bool
    note: str = ""
    """A remark to show beside the figure."""

    @property
    def share(self) -> float:
        """The value as a share of the bound; more than 1 fails."""
        if self.value is None or (self.value == 0 and not self.passed):
            return math.inf
        return self.value / self.bound if self.bound else (0.0 if self.value == 0 else math.inf)

    def __str__(self) -> str:
        """Return e.g. ``updates of generator.0.kernel: 2.1e-07 > 1e-09 at step 10``."""
        if self.value is None:
            text = self.note or "not a finite number"
            return f"{self.level}, {self.of}: {text}{self._when}"
        sign = "<=" if self.passed else ">"
        value = figure(self.value, 2, whole=True)
        note = f" ({self.note})" if self.note else ""
        return f"{self.level}, {self.of}: {value} {sign} {self.bound:g}{self._when}{note}"

    @property
    def _when(self) -> str:
        return "" if self.step is None else f" at step {self.step}"


def measured(
    level: Level, of: str, value: float, bound: float, *, step: int | None = None, note: str = ""
) -> Figure:
    """Return the figure of a difference; it fails if the difference is not finite."""
    finite = math.isfinite(value)
    return Figure(
        level=level,
        of=of,
        step=step,
        value=value if finite else None,
        bound=bound,
        passed=finite and value <= bound,
        note=note,
    )


def incomparable(level: Level, of: str, why: str, bound: float, step: int | None = None) -> Figure:
    """Return the figure of two things that cannot be subtracted."""
    return Figure(level=level, of=of, step=step, value=None, bound=bound, passed=False, note=why)


def worst(figures: Iterable[Figure]) -> tuple[Figure, ...]:
    """Return the worst figure of each quantity, in the order of first appearance."""
    found: dict[tuple[Level, str], Figure] = {}
    for one in figures:
        key = one.level, one.of
        if key not in found or one.share > found[key].share:
            found[key] = one
    return tuple(found.values())


def worst_of_level(figures: Iterable[Figure], level: Level) -> Figure | None:
    """Return the figure with the largest share of its bound; None if the level was not reached."""
    of_level = [figure for figure in figures if figure.level == level]
    return max(of_level, key=lambda figure: figure.share, default=None)


class PairedRun(Frozen):
    """A training of both in float32, with dropout, from the same weights, data and noise.

    Rounding separates twins sooner or later. Dropout separates them at the first step, because
    each framework draws its own masks.
    """

    steps: int
    batch_size: int
    dropout: bool
    """Whether the recipe uses dropout."""
    losses_apart: dict[str, int | None]
    """By relative difference: the first step at which a loss exceeds it; None if none does."""
    weights_apart: dict[int, float | None]
    """By step: ||Wa - Wb|| / ||Wa|| of all trained weights; None if not finite."""


CERTIFICATE_SCHEMA_VERSION: Final = 1
_BUDGET_FIELDS = frozenset({"epochs"})
DTYPES: Final = {
    "held weights": "float32",
    "forward": "float32",
    "losses": "float64",
    "updates": "float64",
    "paired run": "float32",
}
Verdict = Literal["passed", "failed", "not checked"]


class Party(Frozen):
    """One of the two implementations."""

    name: str
    framework: str
    attribute: str
    """The trainer class's name: a file may define several."""
    source_sha256: str
    versions: dict[str, str]
    holds_initial_weights: bool | None = None
    """Whether its initial weights were bit-identical to the recipe's; None if not checked."""


class Certificate(Stored):
    """The result of comparing two implementations of one recipe."""

    KIND: ClassVar[str] = "parity certificate"
    REMEDY: ClassVar[str] = "write a new one with `gan-bench parity`"

    schema_version: Literal[1] = CERTIFICATE_SCHEMA_VERSION
    id: str
    """A hash of everything that the certificate covers."""
    pair: str
    """The recipe's name for the original and its only twin, else ``<a>--<b>``."""
    recipe: str
    reference: Party
    """The recipe's original, or the implementation that was named first."""
    other: Party
    device: Literal["cpu", "cuda"]
    recipe_values: dict[str, Any]
    """The values that runs use; the comparison may use smaller batches, see `batch_size`."""
    dtypes: dict[str, str] = DTYPES
    image_shape: ImageShape
    """(height, width, channels) of the images."""
    dataset: str = "mnist-5k"
    """Name of the data set, for readers."""
    batch_size: int | None
    seed: int
    bounds: Bounds
    figures: tuple[Figure, ...]
    """The worst figure of each network and mode, loss and tensor."""
    paired_run: PairedRun | None
    verdict: Verdict
    """``not checked`` if an implementation does not support the comparison."""
    passed: bool
    problems: tuple[str, ...]
    """The reasons why it did not pass, one sentence each."""
    created_at: str
    machine: Machine

    def write_in(
        self,
        results: ResultsFolder,
        example_shape: ImageShape,
        changed: Mapping[str, Any] = MappingProxyType({}),
    ) -> Path:
        """Write it into a results folder; replace one of the same pair, values, shape and device.

        The file's name has the ``changed`` recipe values, by field, and the shape of images that
        are not those of the recipe's example.
        """
        shape = (
            "" if self.image_shape == example_shape else f".{'x'.join(map(str, self.image_shape))}"
        )
        device = "" if self.device == "cpu" else f".{self.device}"
        path = results.parity / f"{self.pair}{_in_name(changed)}{shape}{device}.json"
        self.write(path)
        return path

    def matches(self, spec: RunSpec) -> bool:
        """Whether it compared the run's implementation on the same kind of device.

        Versions, source and recipe values must be equal, too; only the length of the training and
        the batch size may differ. A certificate's batch size is its own in any case.
        """
        run = {name: getattr(spec, name) for name in TRAINING_STEP} | {
            "device": device_kind(spec.device),
            "recipe_values": _without_batch_size(spec.recipe_values),
        }
        return any(
            (party.name, party.attribute)
            == (spec.implementation.name, spec.implementation.attribute)
            and run == self._training_step(party)
            for party in (self.reference, self.other)
        )

    def _training_step(self, party: Party) -> dict[str, Any]:
        values = {
            name: getattr(party if hasattr(party, name) else self, name) for name in TRAINING_STEP
        }
        return values | {"recipe_values": _without_batch_size(self.recipe_values)}

    def covers(self, spec: RunSpec) -> bool:
        """Whether it passed and matches the run, which computed as the certificate's runs did."""
        return self.passed and spec.precision == "ieee" and self.matches(spec)


def certificate_id(
    reference: Party,
    other: Party,
    device: str,
    image_shape: ImageShape,
    recipe_values: Mapping[str, Any],
) -> str:
    """Return the hash of everything that a certificate covers, see `Certificate.matches`."""
    identity = {
        "schema_version": CERTIFICATE_SCHEMA_VERSION,
        "parties": [
            party.model_dump(include={"name", "attribute", "source_sha256", "versions"})
            for party in (reference, other)
        ],
        "device": device_kind(device),
        "image_shape": image_shape,
        "recipe_values": without_budget(recipe_values),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def read_certificates(folder: ResultsFolder) -> tuple[list[Certificate], list[str]]:
    """Return a results folder's certificates, and a sentence for each that cannot be read."""
    found, problems = Certificate.read_all(folder.parity.glob("*.json"))
    # Certificates of a recipe come before those of a chosen pair.
    return sorted(found, key=lambda certificate: certificate.pair != certificate.recipe), problems


def certificate_for(spec: RunSpec, certificates: Sequence[Certificate]) -> Certificate | None:
    """Return the first certificate that covers a run, None if none does."""
    return next((c for c in certificates if c.covers(spec)), None)


def without_budget(recipe_values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe values on which a training step depends: all but the budget."""
    return {name: value for name, value in recipe_values.items() if name not in _BUDGET_FIELDS}


def _in_name(changed: Mapping[str, Any]) -> str:
    """Return changed recipe values for a file's name, which takes few characters: else a hash."""
    values = sorted(without_budget(changed).items())
    text = ",".join(f"{name}={value}" for name, value in values)
    if not re.fullmatch(r"[\w=.,+-]{,100}", text, re.ASCII):
        text = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]
    return f".{text}" if text else ""


def _without_batch_size(recipe_values: Mapping[str, Any]) -> dict[str, Any]:
    return {n: value for n, value in without_budget(recipe_values).items() if n != "batch_size"}
