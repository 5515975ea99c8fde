"""Runs of an MLflow store, found again by the ids of gan-bench's runs."""

import logging
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from gan_bench.sinks.measured import Measured
from gan_bench.system.files import make_folder

_PREFIX: Final = "gan_bench."
RUN_ID: Final = f"{_PREFIX}run_id"
"""The tag by which a run is found again."""
TRAINING: Final = f"{_PREFIX}training"
"""The tag that tells trainings of one run id apart."""
_MOST_METRICS, _MOST_OTHERS = 1000, 100
"""Most metrics, parameters and tags of a request, as MLflow limits them."""
_LONGEST_PARAMETER, _LONGEST_TAG = 6000, 5000
_SETTINGS: Final = {
    # MLflow would send what is used of it to its makers.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # By default it tries for minutes to reach a server that is not there.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
_STATUSES: Final = {"ok": "FINISHED", "killed": "KILLED"}
T = TypeVar("T")


class MLflow:
    """An MLflow store: a database in a folder, or a server."""

    def __init__(self, out: Path, uri: str | None = None) -> None:
        self._out = out.absolute()
        given = uri or os.environ.get("MLFLOW_TRACKING_URI") or None
        self._local = given is None
        self._uri = given or f"sqlite:///{self._out / 'mlflow.db'}"
        self._experiments: dict[str, str] = {}

    @property
    def where(self) -> str:
        """The address of the store."""
        return self._uri

    def check(self) -> None:
        """Check that the store can be reached."""
        self._client.search_experiments(max_results=1)

    @cached_property
    def _client(self) -> Any:
        for name, value in _SETTINGS.items():
            os.environ.setdefault(name, value)
        from mlflow.tracking import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        if self._local:
            make_folder(self._out)
        return MlflowClient(self._uri)

    def write(self, run: Measured) -> None:
        """Write a run; of one that is there, what it does not have yet.

        If another training of it by the same machine is there, such as the one before ``--force``,
        it is replaced.
        """
        run_id, others = self._run(run)
        self._log(run_id, run)
        for _, path in run.grids:
            self._client.log_artifact(run_id, str(path), "grids")
        self._client.log_artifact(run_id, str(run.folder.record))
        status = _STATUSES.get(run.record.status, "FAILED")
        self._client.set_terminated(run_id, status, _milliseconds(run.ended_at))
        for other in others:
            self._client.delete_run(other)

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            known = self._client.get_experiment_by_name(name)
            if known is None:
                # Otherwise the artifacts of a local store are in the folder of the command.
                place = (self._out / "artifacts").as_uri() if self._local else None
                self._experiments[name] = self._client.create_experiment(name, place)
            else:
                self._experiments[name] = known.experiment_id
        return self._experiments[name]

    def _run(self, run: Measured) -> tuple[str, list[str]]:
        """Return MLflow's id of a run, created unless it is there, and those that it replaces."""
        experiment = self._experiment(f"gan-bench {run.record.spec.dataset_label}")
        quote = '"' if "'" in run.run_id else "'"
        wanted = f"tags.`{RUN_ID}` = {quote}{run.run_id}{quote}"
        hardware = {f"{_PREFIX}{name}": text for name, text in run.hardware.items()}
        found = {
            str(one.info.run_id): one.data.tags.get(TRAINING)
            for one in self._client.search_runs([experiment], wanted)
            # A plan has the same run ids on every machine.
            if all(one.data.tags.get(name, "") == text for name, text in hardware.items())
        }
        same = [run_id for run_id, training in found.items() if training == run.training]
        if same:
            return same[0], [run_id for run_id in found if run_id != same[0]]
        known = {name: text for name, text in hardware.items() if text}
        created = self._client.create_run(
            experiment,
            start_time=_milliseconds(run.began_at),
            tags={RUN_ID: run.run_id, TRAINING: run.training, **known},
            run_name=run.run_id,
        )
        return str(created.info.run_id), list(found)

    def _log(self, run_id: str, run: Measured) -> None:
        from mlflow.entities import Metric, Param, RunTag

        known = self._client.get_run(run_id).data
        there = {
            (name, metric.step, metric.value)
            for name in {value.name for value in run.values} & known.metrics.keys()
            for metric in self._client.get_metric_history(run_id, name)
        }
        metrics = [
            Metric(value.name, value.value, _milliseconds(value.at), value.step)
            for value in run.values
            if (value.name, value.step, value.value) not in there
        ]
        parameters = [
            Param(name, str(value)[:_LONGEST_PARAMETER])
            for name, value in run.parameters.items()
            if name not in known.params
        ]
        tags = [RunTag(f"{_PREFIX}{name}", text[:_LONGEST_TAG]) for name, text in run.facts.items()]
        for some in _batches(metrics, _MOST_METRICS):
            self._client.log_batch(run_id, metrics=some)
        for others in _batches(parameters, _MOST_OTHERS):
            self._client.log_batch(run_id, params=others)
        for some_tags in _batches(tags, _MOST_OTHERS):
            self._client.log_batch(run_id, tags=some_tags)


def _batches(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
