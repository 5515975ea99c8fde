"""Search recipe values with Optuna: each trial is a run of gan-bench, which the next search reuses.

Run it with ``python examples/optuna_search.py torch-dcgan --trials 10`` after ``pip install
optuna``.
"""

import argparse

import optuna

import gan_bench
from gan_bench.errors import UsageError
from gan_bench.plugins.registry import find_several


def search(target: str, trials: int, images: int, seeds: int, results: str) -> optuna.Study:
    """Look for the learning rate and the batch size with the lowest mean FID over some seeds."""
    names = find_several([target])
    if len(names) != 1:
        raise UsageError(f"{target} names {', '.join(names)}; choose one of them.")

    def fid(trial: optuna.Trial) -> float:
        values = {
            "learning_rate": trial.suggest_float("learning_rate", 1e-5, 1e-2, log=True),
            "batch_size": trial.suggest_categorical("batch_size", [16, 32, 64]),
        }
        runs = gan_bench.run(
            target,
            set=values,
            images=images,
            seeds=seeds,
            dataset="mnist-5k",
            evaluations=2,
            samples=1_000,
            metrics="fid",
            results=results,
            progress=False,
        )
        (row,) = runs.summary().to_dict("records")
        if row["succeeded"] < seeds:  # a value with which a seed diverges is no good one
            raise optuna.TrialPruned(row["status"])
        trial.set_user_attr("images_per_s", row["images_per_s"])
        return row["fid"]

    sampler = optuna.samplers.TPESampler(seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(fid, n_trials=trials)
    return study


def main() -> None:
    """Search, and print the best values."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", help="an implementation, or the path of a file")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--images", type=int, default=12_800, help="budget of a run")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--results", default="results/search")
    options = parser.parse_args()
    try:
        study = search(**vars(options))
    except UsageError as error:
        parser.exit(2, f"{error}\n")
    if not study.get_trials(states=[optuna.trial.TrialState.COMPLETE]):
        parser.exit(
            1,
            f"No trial of {options.target} succeeded; `gan-bench status --results "
            f"{options.results}` says why.\n",
        )
    best = study.best_trial
    values = ", ".join(f"{name}={value:.3g}" for name, value in best.params.items())
    print(f"Best FID {best.value:.2f}: {values}")


if __name__ == "__main__":
    main()
