"""Feature models by name: ``lenet``, ``inception``, or the path of an ``.onnx`` file."""

from collections.abc import Callable
from pathlib import Path

from gan_bench import data
from gan_bench.data import Dataset
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.score.features import FeatureModel
from gan_bench.score.inception.weights import find_weights
from gan_bench.score.made import made_model, make_model

MODELS = Path(__file__).parent / "models"
NAMES = ("lenet", "inception")
DIGITS = ("mnist", "mnist-5k")
"""The data sets that the shipped lenet was trained for."""


class NoFeatures(GanBenchError):
    """A data set has no model of this name."""


def load_features(
    name: str,
    *,
    threads: int = 1,
    dataset: Dataset | None = None,
    weights: Path | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> FeatureModel:
    """Return a feature model by its name, or by the path of an ``.onnx`` file.

    Parameters
    ----------
    name
        ``lenet`` is the classifier of the data set, which comes with the package for digits.
    threads
        For the model.
    dataset
        What the images are of, where that is known.
    weights
        Inception's, unless they are to be looked for.
    say
        Is told a sentence where something takes long or was made again.

    Raises
    ------
    NoFeatures
        There is no lenet for this data set.
    UsageError
        There is no such model, or it cannot be used or made.
    """
    if weights is not None and name != "inception":
        raise UsageError(f"--weights are for the features inception, not {name}.")
    if name == "lenet":
        return _lenet(dataset, threads)
    if name == "inception":
        return _inception(weights, threads, say)
    path = Path(name)
    if path.suffix != ".onnx":
        raise UsageError(
            f"There are no features {name!r}: give one of {', '.join(NAMES)} "
            "or the path of an .onnx file."
        )
    if path.stem in (*NAMES, "pixels"):
        raise UsageError(
            f"The name of {path} belongs to a model that comes with gan-bench: rename the file."
        )
    return FeatureModel(path, threads=threads)


def classifier_name(dataset: Dataset) -> str:
    """Return the name under which a data set's own lenet is kept."""
    return f"lenet-{dataset.sha256[:16]}"


def _lenet(dataset: Dataset | None, threads: int) -> FeatureModel:
    if dataset is None or dataset.name in DIGITS:
        return FeatureModel(MODELS / "lenet.onnx", name="lenet", threads=threads)
    made = made_model(classifier_name(dataset))
    if made is None:
        label = data.label(dataset.name)
        raise NoFeatures(
            f"There is no lenet for {label}, the one that is shipped knows digits: run "
            f"`gan-bench features train {label}` once, or score with --features inception."
            if dataset.classes > 1
            else f"There is no lenet for {label}, which has no labels: score with --features "
            "inception or a model of your own."
        )
    return FeatureModel(made[0], name="lenet", threads=threads)


def _inception(weights: Path | None, threads: int, say: Callable[[str], None]) -> FeatureModel:
    if weights is None and (made := made_model("inception")) is not None:
        path, facts = made
    else:
        found = find_weights(weights)
        name = "inception" if found.kind != "unknown" else f"inception-{found.sha256[:16]}"
        kept = made_model(name)
        if kept is None:
            say("Exporting the Inception network, once; it is kept in the cache.")
            kept = make_model(
                name,
                "gan_bench_torch.features.inception",
                ["--weights", str(found.path), "--kind", found.kind],
                needs=("torch", "torchvision", "pytorch_fid", "onnx"),
                extra="inception",
            )
        path, facts = kept
    model = FeatureModel(path, name="inception", threads=threads)
    model.weights = str(facts["weights"])
    return model
