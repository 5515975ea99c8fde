"""Studies of sensitivity whose FIDs are functions of the drawn values."""

import shutil

import numpy as np

from gan_bench.plan.request import request as plan_request
from gan_bench.recipe import Between, OneOf
from gan_bench.results.layout import open_results
from gan_bench.scoring.features import FeatureChoice
from gan_bench.sensitivity import Study, Trial
from gan_bench.sensitivity.train import Wanted, study, subjects
from report_folder import add_run, protocol, quick_spec, scores_of

RANGES = {
    "learning_rate": Between(1e-5, 1e-2),
    "batch_size": OneOf((16, 32, 64)),
    "beta1": OneOf((0.0, 0.5, 0.9)),
}
UNTRAINED = 90.0


def made(fids, *, ranges=RANGES, sampler="random", name="torch-dcgan", count=200):
    """Return a study of trials with evenly drawn values; ``fids`` is a function, or a list.

    A text in place of an FID is the outcome of a trial without one.
    """
    random = np.random.default_rng(0)
    trials = []
    for number in range(1, (count if callable(fids) else len(fids)) + 1):
        values = {
            field: float(10 ** random.uniform(np.log10(of.low), np.log10(of.high)))
            if isinstance(of, Between)
            else of.values[random.integers(len(of.values))]
            for field, of in ranges.items()
        }
        fid = fids(values) if callable(fids) else fids[number - 1]
        outcome, value = (fid, None) if isinstance(fid, str) else ("ok", fid)
        if isinstance(fid, tuple):
            outcome, value = fid
        trials.append(Trial(number, values, f"run-{number}", outcome, value, UNTRAINED))
    return Study("study", quick_spec(name), name, ranges, sampler, "lenet", tuple(trials))


class Trials:
    """Studies torch-dcgan; writes the records of runs in place of training them.

    ``outcome_of`` gives a run's FID for its recipe values, or its status.
    """

    def __init__(self, folder, outcome_of, **options):
        self.results = open_results(folder, create=True)
        self.outcome_of = outcome_of
        self.options = {
            "targets": ("torch-dcgan",),
            "dataset": "mnist-5k",
            "images": 12_800,
            "evaluations": 2,
            "seeds": (0,),
            **options,
        }
        self.trained = []
        self.said = []

    def __call__(self, trials, *, sampler="random", features="lenet", stop_at=None, **options):
        """Return the study; with ``stop_at``, it is interrupted in its so-many-th new run."""
        request = plan_request({**self.options, **options})
        wanted = Wanted(request, trials, sampler, FeatureChoice(features), "gan-bench")
        (subject,) = subjects(wanted)
        self.trained.clear()

        def execute(plan):
            (spec,) = plan.runs
            if len(self.trained) + 1 == stop_at:
                raise KeyboardInterrupt
            self.trained.append(spec.run_id)
            self.write(spec, protocol(features=features, n_real=1_000))

        return study(self.results, subject, wanted, execute, self.said.append)

    def write(self, spec, under):
        shutil.rmtree(self.results.run(spec.run_id).path, ignore_errors=True)
        outcome = self.outcome_of(spec.recipe_values)
        fids = {0: UNTRAINED}
        failed = {}
        if isinstance(outcome, str):
            failed = {"status": outcome, "reason": f"it ended as {outcome}"}
        else:
            fids[spec.steps] = outcome
        add_run(self.results.path, spec, scores=[scores_of(fids, under=under)], **failed)
