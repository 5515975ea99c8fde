"""Studies of speed with chosen throughputs, to test what is made of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gan_bench.analysis.speed import judged
from gan_bench.plan import RunSpec
from gan_bench.results.speed import Repeat, SpeedStudy, SpeedTarget, Turn
from report_folder import MACHINE


def study(
    of: Sequence[RunSpec],
    rates: Mapping[int, float],
    repeats: int = 6,
    *,
    sd: float = 0.01,
    drift: float = 0.05,
    seed: int = 0,
    changed: Callable[[int, int], dict[str, Any] | None] = lambda repeat, target: {},
    **values: Any,
) -> SpeedStudy:
    """Return a study in which each repeat has another speed of the machine.

    Parameters
    ----------
    of
        The implementations.
    rates
        True throughputs by their places.
    sd, drift
        Standard deviations of the logarithm: of a turn, and of a repeat.
    changed
        Returns what else a turn has, or None if it is missing.
    values
        Other fields of the study.
    """
    random = np.random.default_rng(seed)
    made = []
    for number in range(1, repeats + 1):
        machine, turns = random.normal(0, drift), []
        for target, rate in rates.items():
            more, error = changed(number, target), random.normal(0, sd)
            if more is None:
                continue
            images = of[target].images_per_step * 10
            facts: dict[str, Any] = {
                **{"target": target, "started_s": float(number), "steps": 10, "images": images},
                "seconds": images / (rate * float(np.exp(machine + error))),
                **{"other_load": 0.01, "machine_gflops": 50.0},
            }
            turns.append(Turn.model_validate(facts | more))
        made.append(Repeat(number=number, group=1, turns=tuple(turns)))
    targets = [
        SpeedTarget(
            spec=spec,
            **{"import_s": 2.0, "data_s": 0.1, "setup_s": 1.0},
            **{"first_step_s": 5.0, "step_s": 0.5, "peak_rss_mb": 700.0},
        )
        for spec in of
    ]
    facts = {
        **{"command": "gan-bench speed", "created_at": "2026-01-01T00:00:00+00:00"},
        **{"machine": MACHINE, "within": 0.02, "minutes": 15.0, "took_s": 60.0},
        **{
            "ended": "certain",
            "targets": tuple(targets),
            "repeats": tuple(judged(made, of[0].device)),
        },
    }
    return SpeedStudy.model_validate(facts | values)
