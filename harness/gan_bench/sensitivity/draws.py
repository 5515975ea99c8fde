"""Values of trials, drawn by Optuna, and the journal of those that have ended."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_bench.recipe import Between, Range
from gan_bench.sensitivity import Sampler
from gan_bench.streams import Stream, generator
from gan_bench.system.files import make_folder

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_DIGITS = 3
"""Significant digits of a drawn number: people read it in the names of runs."""
_NUMBER, _RUN = "trial", "run_id"
"""Names of what the journal has of a trial beside its values and its FID."""


def frozen(
    ranges: Mapping[str, Range],
    values: Mapping[str, Any],
    fid: float | None,
    **facts: Any,
) -> "FrozenTrial":
    """Return a trial that has ended as Optuna has it; without an FID it is pruned."""
    from optuna.trial import TrialState, create_trial

    return create_trial(
        state=TrialState.PRUNED if fid is None else TrialState.COMPLETE,
        value=fid,
        params=dict(values),
        distributions=_distributions(ranges),
        user_attrs=facts,
    )


def _distributions(ranges: Mapping[str, Range]) -> "dict[str, BaseDistribution]":
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return {
        name: FloatDistribution(one.low, one.high, log=one.log)
        if isinstance(one, Between)
        else CategoricalDistribution(one.values)
        for name, one in ranges.items()
    }


@dataclass(frozen=True)
class Ended:
    """A trial in the journal."""

    values: dict[str, Any]
    run_id: str


class Draws:
    """Draws the values of a study's trials, and keeps those that have ended in a journal.

    A trial's values depend on seed and number alone, with ``tpe`` also on the earlier trials. So a
    journal that was lost is written again with the same values.

    Parameters
    ----------
    path
        The journal, which is created if necessary; one that is damaged is replaced.
    study_id
        The study's name in the journal.
    ranges, sampler, seed
        What is drawn, and how.
    """

    def __init__(
        self, path: Path, study_id: str, ranges: Mapping[str, Range], sampler: Sampler, seed: int
    ) -> None:
        self._ranges, self._sampler, self._seed = ranges, sampler, seed
        make_folder(path.parent)
        with quiet():
            try:
                if path.exists() and not path.read_bytes().endswith(b"\n"):
                    raise ValueError("its last line was not written to its end")
                self._study = _opened(path, study_id)
                self._trials = self._read()
            except OSError:
                raise
            except Exception:  # noqa: BLE001 - Optuna raises whatever a damaged line leads to
                path.unlink()
                self._study = _opened(path, study_id)
                self._trials = {}

    def ended(self, number: int) -> Ended | None:
        """Return a trial that has ended, or None."""
        known = self._trials.get(number)
        return None if known is None else Ended(dict(known.params), str(known.user_attrs[_RUN]))

    def values(self, number: int) -> dict[str, Any]:
        """Draw the values of a trial."""
        import optuna

        with quiet():
            seed = int(generator(self._seed, Stream.SENSITIVITY, number).integers(1 << 32))
            sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed)
            earlier: Sequence[FrozenTrial] = ()
            if self._sampler == "tpe":
                sampler = optuna.samplers.TPESampler(seed=seed)
                earlier = [self._trials[n] for n in sorted(self._trials) if n < number]
            study = optuna.create_study(sampler=sampler)
            study.add_trials(earlier)
            drawn = study.ask(_distributions(self._ranges)).params
        return {name: _rounded(value, self._ranges[name]) for name, value in drawn.items()}

    def add(self, number: int, values: Mapping[str, Any], run_id: str, fid: float | None) -> None:
        """Add a trial that has ended; without an FID, as one that diverged."""
        trial = frozen(self._ranges, values, fid, **{_NUMBER: number, _RUN: run_id})
        with quiet():
            self._study.add_trial(trial)
        self._trials[number] = trial

    def _read(self) -> "dict[int, FrozenTrial]":
        found = {}
        for trial in self._study.get_trials(deepcopy=False):
            if trial.params.keys() != self._ranges.keys():
                raise ValueError("a trial has other fields")
            str(trial.user_attrs[_RUN])
            found[int(trial.user_attrs[_NUMBER])] = trial
        return found


def _opened(path: Path, study_id: str) -> "Study":
    import optuna
    from optuna.storages.journal import JournalFileBackend

    storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    return optuna.create_study(storage=storage, study_name=study_id, load_if_exists=True)


def _rounded(value: Any, of: Range) -> Any:
    """Return a number with few digits, within its range."""
    if not isinstance(of, Between):
        return value
    return min(max(float(f"{value:.{_DIGITS}g}"), of.low), of.high)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from reporting each study that it makes."""
    from optuna import logging

    level = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(level)
