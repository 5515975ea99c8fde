"""The scoring process of a run: ``python -P -m gan_bench.scoring RUN_DIR --features lenet``."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from gan_bench.errors import GanBenchError
from gan_bench.metrics import DEFAULT, parse_metrics
from gan_bench.scoring.features.choice import parse_features
from gan_bench.scoring.reference_cache import reference_folder
from gan_bench.scoring.score_run import Points, score_run
from gan_bench.scoring.scorer import Options
from gan_bench.system.devices import default_threads
from gan_bench.system.processes import end_with_parent


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def main() -> int:
    """Score one run; return 0, 1 where a snapshot has no score, 2 where nothing was written."""
    parser = argparse.ArgumentParser(
        prog="python -P -m gan_bench.scoring",
        description="Score the snapshots of one run and thin them out.",
    )
    parser.add_argument("run_dir", type=Path, help="the run's folder, with spec.json and snapshots")
    parser.add_argument(
        "--features", default="lenet", help="a feature model: lenet, inception:2500, ./mine.onnx"
    )
    parser.add_argument("--metrics", default=",".join(DEFAULT), help="with commas between them")
    parser.add_argument("--weights", type=Path, help="Inception's")
    parser.add_argument("--points", choices=get_args(Points), default="planned")
    parser.add_argument("--threads", type=int, default=None, help="for the feature model")
    parser.add_argument("--no-cache", action="store_true", help="keep nothing of the reference")
    parser.add_argument("--no-thin", action="store_true", help="write no grids, delete nothing")
    parser.add_argument(
        "--keep-samples", action="store_true", help="keep all snapshots, not the last only"
    )
    options = parser.parse_args()
    end_with_parent()
    try:
        (features,) = parse_features(options.features)
        scores = score_run(
            options.run_dir,
            parse_metrics(options.metrics),
            Options(
                features=features.model,
                weights=options.weights,
                threads=default_threads() if options.threads is None else options.threads,
                cache=None if options.no_cache else reference_folder(),
                say=_say,
            ),
            images=features.images,
            points=options.points,
            thin=not options.no_thin,
            keep_samples=options.keep_samples,
        )
    except (GanBenchError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if scores.reason is not None:
        sys.stderr.write(f"{scores.reason}\n")
    return 0 if scores.status == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
