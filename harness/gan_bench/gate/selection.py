"""What a gate is asked: which implementations, by which metric, scored with what."""

from collections.abc import Sequence

from gan_bench.errors import UsageError
from gan_bench.gate.baseline import Baseline, Entry
from gan_bench.gate.prediction_bound import SPEED
from gan_bench.metrics import DEFAULT, METRICS, figure_names
from gan_bench.plugins.registry import is_path, path_name, registered
from gan_bench.scoring.features.choice import FeatureChoice, Scoring
from gan_bench.text import did_you_mean, listed


def choose_metric(baseline: Baseline, asked: str | None) -> str:
    """Return the metric that is compared: by default fid_lenet, else another FID.

    Raises
    ------
    UsageError
        The baseline has not the metric that was asked for, or no FID where none was.
    """
    known = baseline.metrics
    timed = any(one.images_per_s is not None for e in baseline.entries for one in e.seeds)
    everything = [*known, SPEED] if timed else list(known)
    if asked is None:
        fids = [metric for metric in known if metric.startswith("fid_")]
        if not fids:
            have = f"give --metric {listed(everything, last='or')}" if everything else "nor another"
            raise UsageError(f"The baseline has no FID; {have}.")
        return "fid_lenet" if "fid_lenet" in fids else fids[0]
    if asked not in everything:
        raise UsageError(f"The baseline has no metric {asked!r}; it has {listed(everything)}.")
    return asked


def chosen_targets(targets: Sequence[str], known: Sequence[str], *, run: bool) -> dict[str, str]:
    """Return by implementation what was named of it; all of the baseline where nothing was.

    Parameters
    ----------
    targets
        As they were typed.
    known
        The baseline's implementations.
    run
        Whether they are to be trained.

    Raises
    ------
    UsageError
        One is not in the baseline, is named twice, or cannot be trained.
    """
    found: dict[str, str] = {}
    for target in targets:
        if is_path(target) and not run:
            raise UsageError(f"{target}: a path is trained, give --run; or name an implementation.")
        name = path_name(target) if is_path(target) else target
        if name not in known:
            hint = did_you_mean(name, known, f"it has {listed(known)}.")
            raise UsageError(f"{name!r} is not in the baseline; {hint}")
        if name in found:
            raise UsageError(f"{name} was named twice; give it once.")
        found[name] = target
    found = found or {name: name for name in known}
    for name, target in found.items():
        if run and not is_path(target) and target not in registered():
            raise UsageError(
                f"The baseline's {name} is no registered implementation; give the path of its "
                f"file, as in `gan-bench gate --run ./{name.replace('-', '_')}.py`."
            )
    return found


def scoring_of(metric: str, chosen: Sequence[Entry]) -> Scoring:
    """Return what the candidates are to be scored with for a metric.

    Raises
    ------
    UsageError
        It needs a feature model that lies in a file of the user's.
    """
    names = {p.features for entry in chosen if (p := entry.protocol(metric))} - {"pixels"}
    own = sorted(names - {"lenet", "inception"})
    if own:
        raise UsageError(
            f"{metric} takes the features {own[0]}, a file of yours: train and score the "
            "candidates with `gan-bench run --features FILE.onnx`, and compare them without --run."
        )
    further = [
        one for one in METRICS if any(metric in figure_names(one, name) for name in names or ())
    ]
    metrics = tuple(one for one in METRICS if one in {*DEFAULT, *further})
    words = [
        FeatureChoice(name, _count(metric, name, chosen)) for name in sorted(names - {"lenet"})
    ]
    return Scoring((FeatureChoice("lenet"), *words), metrics)


def _count(metric: str, name: str, chosen: Sequence[Entry]) -> int | None:
    """Return of how many images the features are, None for all that there are."""
    counts = {
        (p.n_fake, p.n_real)
        for entry in chosen
        if (p := entry.protocol(metric)) is not None and p.features == name
    }
    equal = [fake for fake, real in counts if fake == real]
    return equal[0] if len(counts) == 1 and equal else None
