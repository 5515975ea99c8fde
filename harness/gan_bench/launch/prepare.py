"""From a request to a plan that can be run: what ``gan-bench run`` and `gan_bench.run` check."""

import math
from collections.abc import Callable

from gan_bench.errors import UsageError
from gan_bench.launch.run_one import Options
from gan_bench.launch.score import check_counts, check_features
from gan_bench.launch.supervisor import SILENCE_S
from gan_bench.plan import Place, Plan
from gan_bench.plan.expand import expand
from gan_bench.plan.request import Request
from gan_bench.results.events import HEARTBEAT_S
from gan_bench.system.devices import default_threads
from gan_bench.text import many

_FEWEST_HEARTBEATS = 2.5
"""The limit of silence is at least the time of this many heartbeats: one may be late."""


def checked_silence(silence_s: float | None) -> float:
    """Return the seconds without progress after which a run is ended, by default `SILENCE_S`.

    Raises
    ------
    UsageError
        They are too few, or not finite.
    """
    fewest = _FEWEST_HEARTBEATS * HEARTBEAT_S
    if silence_s is not None and not fewest <= silence_s < math.inf:
        raise UsageError(
            f"--silence must be a finite number of at least {fewest:g}, because a worker sends a "
            f"heartbeat every {HEARTBEAT_S:g} seconds; it is {silence_s:g}."
        )
    return silence_s or SILENCE_S


def prepare(
    request: Request,
    how: Options,
    say: Callable[[str], None],
    *,
    place: Place | None = None,
    make: bool = True,
) -> Plan:
    """Return the plan of a request, after checking everything that would fail after training.

    Parameters
    ----------
    request
        What to run.
    how
        How, and with which features and metrics runs are scored.
    say
        Called with a sentence on what is made first, such as a feature model.
    place
        Where the runs are to be run (default: this machine).
    make
        Whether to download a data set and to make a feature model that are missing.

    Raises
    ------
    UsageError
        The request cannot be run or its runs cannot be scored.
    """
    plan = expand(request, how.command, place, fetch=make)
    check_counts(how.scoring, plan.runs)
    trainable = next((spec for spec in plan.runs if spec.cannot_make is None), None)
    if trainable is not None:
        check_features(how.scoring, trainable, say, make=make)
    return plan


def too_many_threads(plan: Plan) -> list[str]:
    """Return a sentence if runs have more threads than there are processors."""
    threads, processors = plan.runs[0].threads, default_threads()
    if threads <= processors:
        return []
    return [
        f"{threads} threads wait for each other on {many(processors, 'usable processor')}, so "
        f"times mean little: use --threads {processors}."
    ]
