"""Has a run's snapshots scored, in processes of their own, when they are not scored yet."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.folders import RunFolder
from gan_bench.score.names import DEFAULT, figure_names
from gan_bench.score.result import Score, Scores


@dataclass(frozen=True)
class Scoring:
    """What a run's snapshots are scored with."""

    features: tuple[str, ...] = ("lenet",)
    """The first for every evaluation point, the others for the last one only."""
    metrics: tuple[str, ...] = DEFAULT
    """FID at every evaluation point, the others at the last one."""
    weights: Path | None = None
    """Inception's."""
    cache: bool = True

    def metrics_of(self, features: str) -> tuple[str, ...]:
        """Return the metrics under these features; the classes and pixels count once."""
        if features == self.features[0]:
            return self.metrics
        return tuple(metric for metric in self.metrics if metric != "modes")


def parse_features(text: str) -> tuple[str, ...]:
    """Read a list of feature models such as ``lenet,inception``.

    Raises
    ------
    UsageError
        None was named, or one twice.
    """
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not words:
        raise UsageError("No features were named; give lenet, inception or an .onnx file's path.")
    names = [model_name(word) for word in words]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"The features {twice} were named twice; give each once.")
    return words


def model_name(features: str) -> str:
    """Return what protocols call a feature model, by the word that names it."""
    return Path(features).stem if features.endswith(".onnx") else features


def unscored(folder: RunFolder, scoring: Scoring, *, end: int) -> list[str]:
    """Return the features for which figures are missing that `score` could add.

    Parameters
    ----------
    folder
        The run.
    scoring
        What it is to be scored with.
    end
        The step at which its training ends, and with FID alone before it.
    """
    steps = sorted(int(path.stem) for path in folder.snapshots.glob("*.npz") if path.stem.isdigit())
    if not steps:
        return []
    found: dict[str, dict[tuple[int, str], Score]] = {}
    for path in folder.scores.glob("*.json"):
        try:
            file = Scores.read(path)
        except GanBenchError:
            continue
        found.setdefault(file.protocol.features, {}).update({row.key: row for row in file.scores})
    wanted = []
    for features in scoring.features:
        name, first = model_name(features), features == scoring.features[0]
        rows, metrics = found.get(name, {}), scoring.metrics_of(features)
        fid = f"fid_{name}"
        finished = steps[-1] == end
        if not first and not finished:
            continue
        fids = steps if first else steps[-1:]
        complete = "fid" not in metrics or all(
            (row := rows.get((step, fid))) is not None and row.value is not None for step in fids
        )
        # Of the others some have no figure for good: it is enough that they were tried.
        names = [n for metric in metrics for n in figure_names(metric, name)]
        tried = not finished or all((end, one) in rows for one in names)
        if not (complete and tried):
            wanted.append(features)
    return wanted


def score(
    folder: RunFolder,
    features: str,
    metrics: tuple[str, ...],
    *,
    scoring: Scoring,
    threads: int,
    points: str,
    thin: bool = True,
    keep_samples: bool = False,
) -> str | None:
    """Score a run's snapshots; return why that did not give every figure, None if it did.

    Parameters
    ----------
    folder
        The run.
    features, metrics
        What to score with.
    scoring
        Says how else.
    threads
        For the feature model.
    points, thin, keep_samples
        See `gan_bench.score.run.score_run`.
    """
    with_weights = scoring.weights is not None and features == "inception"
    command = [
        *(sys.executable, "-P", "-m", "gan_bench.score", str(folder.path)),
        *("--features", features, "--metrics", ",".join(metrics), "--points", points),
        *("--threads", str(threads)),
        *(("--weights", str(scoring.weights)) if with_weights else ()),
        *(("--no-cache",) if not scoring.cache else ()),
        *(("--no-thin",) if not thin else ()),
        *(("--keep-samples",) if keep_samples else ()),
    ]
    with (
        (folder.path / "score.log").open("ab") as log,
        # The pipe is the scorer's sign that this process still lives.
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log) as process,
    ):
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            raise
    if code == 0:
        return None
    lines = (folder.path / "score.log").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines and code in (1, 2) else f"the scorer ended with exit code {code}"


def score_all(
    folder: RunFolder, scoring: Scoring, *, end: int, threads: int, keep_samples: bool
) -> str | None:
    """Score a run's snapshots with all features; return the first problem, None if there is none.

    The features that score the last snapshot alone come first: only then are the others deleted.
    """
    problems = []
    for features in reversed(unscored(folder, scoring, end=end)):
        first = features == scoring.features[0]
        problems.append(
            score(
                folder,
                features,
                scoring.metrics_of(features),
                scoring=scoring,
                threads=threads,
                points="planned" if first else "final",
                thin=first,
                keep_samples=keep_samples,
            )
        )
    return next((problem for problem in problems if problem is not None), None)
