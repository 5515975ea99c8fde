"""A parity certificate: what was compared, the measured differences, and the runs it covers."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from gan_bench.errors import UnreadableFile
from gan_bench.plan import TRAINING_STEP, RunSpec, device_kind
from gan_bench.results.layout import ResultsFolder
from gan_bench.system.devices import Machine
from gan_bench.system.models import Frozen, Stored

Level = Literal["held weights", "forward", "losses", "updates"]
LEVELS: Final[tuple[Level, ...]] = ("held weights", "forward", "losses", "updates")
"""The order in which a deviation becomes visible; losses and updates are those of ten steps."""


class Bounds(Frozen):
    """The largest differences at which two implementations still count as equivalent."""

    held_weights: float = 0.0
    """Largest max |difference| to the recipe's initial weights: they are held bit for bit."""
    forward: float = 1e-4
    """Largest max |difference| of G(z) and of D(x), in float32."""
    samples: float = 1.0
    """Largest max |difference| of samples, in grey levels."""
    losses: float = 1e-10
    """Largest |difference| / max(1, |loss|), in float64."""
    updates: float = 1e-9
    """Largest ||Da - Db|| / ||Da|| of a tensor's update D since the start, in float64."""
    zero_updates: float = 1e-12
    """An update counts as zero if it is below this share of the network's largest update."""


BOUNDS: Final = Bounds()


class Figure(Frozen):
    """The largest difference between two implementations in one compared quantity."""

    level: Level
    of: str
    """The compared quantity: a network and its mode, a loss or a tensor."""
    step: int | None = None
    """The step with the largest difference."""
    value: float | None
    """None if the difference is not a finite number."""
    bound: float
    passed: bool
    note: str = ""
    """A remark to print beside the value."""

    @property
    def share(self) -> float:
        """The value divided by its bound; more than 1 fails."""
        if self.value is None or (self.value == 0 and not self.passed):
            return math.inf
        return self.value / self.bound if self.bound else (0.0 if self.value == 0 else math.inf)

    def __str__(self) -> str:
        """Return e.g. ``updates of generator.0.kernel: 2.1e-07 > 1e-09 at step 10``."""
        if self.value is None:
            text = self.note or "not a finite number"
            return f"{self.level}, {self.of}: {text}{self._when}"
        sign = "<=" if self.passed else ">"
        note = f" ({self.note})" if self.note else ""
        return f"{self.level}, {self.of}: {self.value:.2g} {sign} {self.bound:g}{self._when}{note}"

    @property
    def _when(self) -> str:
        return "" if self.step is None else f" at step {self.step}"


def measured(
    level: Level, of: str, value: float, bound: float, *, step: int | None = None, note: str = ""
) -> Figure:
    """Return the figure of a difference, which fails if it is not a number."""
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
    """Return the figure of two arrays that cannot be subtracted."""
    return Figure(level=level, of=of, step=step, value=None, bound=bound, passed=False, note=why)


def worst(figures: Iterable[Figure]) -> tuple[Figure, ...]:
    """Return the worst figure of each compared quantity, in the order of first appearance."""
    worst_figures: dict[tuple[Level, str], Figure] = {}
    for figure in figures:
        key = figure.level, figure.of
        if key not in worst_figures or figure.share > worst_figures[key].share:
            worst_figures[key] = figure
    return tuple(worst_figures.values())


def worst_of_level(figures: Iterable[Figure], level: Level) -> Figure | None:
    """Return the level's figure with the largest share of its bound, None if it has no figure."""
    of_level = (figure for figure in figures if figure.level == level)
    return max(of_level, key=lambda figure: figure.share, default=None)


class PairedRun(Frozen):
    """A float32 run of both implementations from the same weights, data and latents.

    It includes the recipe's dropout. Rounding separates twins sooner or later; dropout separates
    them at the first step, because each framework draws its own masks.
    """

    steps: int
    batch_size: int
    dropout: bool
    """Whether the recipe has dropout."""
    losses_apart: dict[str, int | None]
    """The first step at which a loss exceeds each relative difference, None if none does."""
    weights_apart: dict[int, float | None]
    """||Wa - Wb|| / ||Wa|| of all trained weights, by step; None if it is not a finite number."""


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
    """The trainer class's name; a file may have several."""
    source_sha256: str
    versions: dict[str, str]
    holds_initial_weights: bool | None = None
    """Whether it held the recipe's initial weights bit for bit; None if that was not compared."""


class Certificate(Stored):
    """The result of comparing two implementations of one recipe."""

    KIND: ClassVar[str] = "parity certificate"
    REMEDY: ClassVar[str] = "write a new one with `gan-bench parity`"

    schema_version: Literal[1] = CERTIFICATE_SCHEMA_VERSION
    id: str
    """A hash of the conditions under which the certificate covers a run."""
    pair: str
    """The recipe's name for an original and its only twin, otherwise ``<a>--<b>``."""
    recipe: str
    reference: Party
    """The recipe's original, or the implementation named first."""
    other: Party
    device: Literal["cpu", "cuda"]
    recipe_values: dict[str, Any]
    """The values in runs; the comparison itself used batches of `batch_size` images."""
    dtypes: dict[str, str] = DTYPES
    image_shape: tuple[int, int, int]
    """(height, width, channels) of the images."""
    batch_size: int | None
    seed: int
    bounds: Bounds
    figures: tuple[Figure, ...]
    """The worst figure for each network and mode, loss and tensor."""
    paired_run: PairedRun | None
    verdict: Verdict
    """``not checked`` if an implementation cannot do what the comparison needs."""
    passed: bool
    problems: tuple[str, ...]
    """Why it did not pass, one sentence each."""
    created_at: str
    machine: Machine

    def write_in(self, results: ResultsFolder) -> Path:
        """Write it to a results folder; it replaces an earlier one for the same pair and device."""
        device = "" if self.device == "cpu" else f".{self.device}"
        path = results.parity / f"{self.pair}{device}.json"
        self.write(path)
        return path

    def matches(self, spec: RunSpec) -> bool:
        """Whether the run uses one of the two implementations under the same conditions.

        The kind of device, versions, source, image shape and recipe values have to be the same;
        the run's length and seed do not matter.
        """
        run = {name: getattr(spec, name) for name in TRAINING_STEP} | {
            "device": device_kind(spec.device),
            "recipe_values": without_budget(spec.recipe_values),
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
        return values | {"recipe_values": without_budget(self.recipe_values)}

    def covers(self, spec: RunSpec) -> bool:
        """Whether it passed and matches the run."""
        return self.passed and self.matches(spec)


def certificate_id(
    reference: Party,
    other: Party,
    device: str,
    image_shape: tuple[int, int, int],
    recipe_values: Mapping[str, Any],
) -> str:
    """Return the hash of the conditions of `Certificate.matches`."""
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
    certificates, problems = [], []
    for path in sorted(folder.parity.glob("*.json")):
        try:
            certificates.append(Certificate.read(path))
        except UnreadableFile as error:
            problems.append(str(error))
    # A recipe's own certificate comes before those of pairs that a user chose.
    return sorted(certificates, key=lambda c: c.pair != c.recipe), problems


def certificate_for(spec: RunSpec, certificates: Sequence[Certificate]) -> Certificate | None:
    """Return the first certificate that covers a run, None if none does."""
    return next((certificate for certificate in certificates if certificate.covers(spec)), None)


def without_budget(recipe_values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values on which a training step depends, without the run's length."""
    return {name: value for name, value in recipe_values.items() if name not in _BUDGET_FIELDS}
