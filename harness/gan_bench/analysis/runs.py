"""Every planned or finished run with its specification and, where it has one, its record."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gan_bench.plan.spec import RunSpec
from gan_bench.results.layout import RunFolder, open_results
from gan_bench.results.load import Results
from gan_bench.results.record import Record


@dataclass(frozen=True)
class Run:
    """One row of a plan, or one finished run whose plan is gone."""

    spec: RunSpec
    record: Record | None
    folder: RunFolder
    protocols: tuple[str, ...]
    """The fingerprints under which it has scores, those with most evaluation points first."""
    score_status: str | None
    command: str
    """What started it, or planned it."""
    parity: tuple[str, ...] = ()
    """The ids of the parity certificates that speak for it."""
    parity_failed: tuple[str, ...] = ()
    """Of those that concern it and failed."""

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self.spec.run_id

    @property
    def status(self) -> str:
        """The record's status, or ``pending``."""
        return self.record.status if self.record else "pending"

    @property
    def budget_images(self) -> int:
        """The number of training images in the budget; the last step may exceed it slightly."""
        return self.spec.budget_images

    @property
    def device(self) -> str:
        """``CPU`` or ``GPU``."""
        return "CPU" if self.spec.device == "cpu" else "GPU"

    @property
    def hardware(self) -> str | None:
        """The processor's name, after the GPU's if the run used one; None before it has run."""
        if self.record is None:
            return None
        machine = self.record.circumstances.machine
        if self.spec.device == "cpu":
            return machine.cpu
        number = self.spec.device.partition(":")[2] or "0"
        known = number.isdecimal() and int(number) < len(machine.gpus)
        gpu = machine.gpus[int(number)] if known else "unknown GPU"
        return f"{gpu} with {machine.cpu}"

    @property
    def finish_s(self) -> float | None:
        """warmup_s + train_s; None where the run did not finish or a resumption hides a part."""
        record = self.record
        if record is None or record.warmup_s is None or record.untimed_steps:
            return None
        if record.steps_done < self.spec.steps:
            return None
        # A run of one chunk has no other time than its warm-up's.
        return record.warmup_s + (record.train_s or 0.0)

    def trouble(self) -> str | None:
        """Return why the run is not in the figures, or None if it is."""
        if self.record is None:
            begun = self.folder.events.exists()
            return "started, without a record so far" if begun else "planned, not started"
        if self.record.status != "ok":
            return self.record.reason or "no reason recorded"
        if self.score_status is None:
            return "trained, but there are no scores; see score.log in the run's folder"
        return None


def collect_runs(path: Path, results: Results) -> list[Run]:
    """Return every run of a results folder, in the order of its frames.

    Parameters
    ----------
    path
        The results folder.
    results
        What was read from it.
    """
    folder = open_results(path, create=False)
    scored = _protocols(results)
    runs = []
    for row in results.runs.to_dict("records"):
        run_id = str(row["run_id"])
        spec, record = results.specs[run_id], results.records.get(run_id)
        speaking = [one.id for one in results.certificates if one.speaks_for(spec)]
        if isinstance(row["parity"], str):  # perhaps one that only the record names
            speaking.append(row["parity"])
        failed = [
            one.id for one in results.certificates if one.verdict == "failed" and one.concerns(spec)
        ]
        score_status = row.get("score_status")
        runs.append(
            Run(
                spec=spec,
                record=record,
                folder=folder.run(run_id),
                protocols=scored.get(run_id, ()),
                score_status=score_status if isinstance(score_status, str) else None,
                command=results.commands[run_id],
                parity=tuple(dict.fromkeys(speaking)),
                parity_failed=tuple(failed),
            )
        )
    return runs


def _protocols(results: Results) -> dict[str, tuple[str, ...]]:
    points: dict[str, Counter[str]] = {}
    steps = results.scores[["run_id", "protocol", "step"]].drop_duplicates()
    for run_id, protocol in zip(steps["run_id"], steps["protocol"], strict=True):
        points.setdefault(str(run_id), Counter())[str(protocol)] += 1
    return {
        run_id: tuple(protocol for protocol, _ in counted.most_common())
        for run_id, counted in points.items()
    }
