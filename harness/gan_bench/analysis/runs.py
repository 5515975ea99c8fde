"""Every planned or finished run with its specification and, where it has one, its record."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gan_bench.plan import RunSpec
from gan_bench.results.layout import ResultsFolder, RunFolder
from gan_bench.results.load import Results
from gan_bench.results.record import Record
from gan_bench.results.scores import Score, Scores, why_not_scored
from gan_bench.results.status import NOT_SCORED
from gan_bench.system.devices import Machine
from gan_bench.text import many, percent


@dataclass(frozen=True)
class Run:
    """One row of a plan, or one finished run whose plan is gone."""

    spec: RunSpec
    record: Record | None
    folder: RunFolder
    scores: tuple[Scores, ...]
    """Its score files, one for each protocol, those with most evaluation points first."""
    command: str
    """Command that started or planned it."""
    parity: tuple[str, ...] = ()
    """Ids of the parity certificates that passed for it."""
    parity_failed: tuple[str, ...] = ()
    """Ids of the parity certificates that failed for it."""
    source: str = ""
    """The folder or archive that it is from, of several."""
    most_seeds: int | None = None
    """See `gan_bench.plan.Plan`."""
    key: str = ""
    """The run's name in the results; empty if that is its id."""

    @property
    def run_id(self) -> str:
        """The run's name in the results: a run of two machines has a name for each of them."""
        return self.key or self.spec.run_id

    @property
    def protocols(self) -> tuple[str, ...]:
        """Fingerprints under which it has scores, those with most evaluation points first."""
        return tuple(dict.fromkeys(file.fingerprint for file in self.scores if file.scores))

    def scores_under(self, protocol: str | None) -> list[Score]:
        """Return its scores under one protocol, given by its fingerprint."""
        files = [file for file in self.scores if file.fingerprint == protocol]
        return [score for file in files for score in file.scores]

    @property
    def status(self) -> str:
        """The record's status, or ``pending``."""
        return self.record.status if self.record else "pending"

    @property
    def outcome(self) -> str:
        """The status as every command shows it: `NOT_SCORED` in place of ``ok`` without scores."""
        lacking = self.status == "ok" and why_not_scored(self.scores) is not None
        return NOT_SCORED if lacking else self.status

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
        """Models of GPU, if the run used one, and processor, and the cores; None before it has run.

        Runs on hardware of one name are comparable in speed. The cores count: a host of the same
        processor with more of them is another machine.
        """
        if self.record is None:
            return None
        machine = self.record.circumstances.machine
        host = host_of(machine)
        if self.spec.device == "cpu":
            return host
        around = self.record.circumstances
        if around.gpu is not None:
            cards = sorted({around.gpu.card, *around.earlier_cards})
            return f"{' and '.join(cards)} with {host}"
        number = self.spec.device.partition(":")[2] or "0"
        known = number.isdecimal() and int(number) < len(machine.gpus)
        gpu = machine.gpus[int(number)] if known else "unknown GPU"
        return f"{gpu} with {host}"

    @property
    def gpu_shared(self) -> bool | None:
        """Whether other processes computed on the run's GPU; None if that is unknown."""
        if self.record is None or self.spec.device == "cpu":
            return False
        exclusive = self.record.circumstances.device_exclusive
        return None if exclusive is None else not exclusive

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
        """Return why the run is not in the figures, or None if it is.

        Files of the results folder are named relative to it.
        """
        if self.record is None:
            begun = self.folder.events.exists()
            return "started, without a record so far" if begun else "planned, not started"
        if self.record.status != "ok":
            return self._relative(self.record.reason or "no reason recorded")
        reason = why_not_scored(self.scores)
        return self._relative(reason) if reason else None

    @property
    def log_tail(self) -> str:
        """Last lines of the log; empty if none were recorded."""
        return self._relative((self.record.log_tail if self.record else None) or "")

    def _relative(self, text: str) -> str:
        # Of several results folders, the run's folder is a link.
        text = ResultsFolder(self.folder.path.resolve().parent.parent).relative(text)
        return ResultsFolder(self.folder.path.parent.parent).relative(text)


def host_of(machine: Machine) -> str:
    """Return the processor's model and the number of cores."""
    return f"{machine.cpu}, {machine.cores} cores"


def busy(run: Run) -> bool:
    """Return whether other processes used the run's processors or its GPU."""
    around = run.record.circumstances if run.record else None
    return around is not None and around.device_exclusive is False


def time_doubts(runs: Iterable[Run]) -> list[str]:
    """Return what makes the times of finished runs less reliable, as whole sentences."""
    timed = [run for run in runs if run.status == "ok"]
    found = []
    records = [run.record for run in timed if run.spec.device == "cpu" and busy(run)]
    loads = [record.circumstances.other_load or 0.0 for record in records if record]
    if loads:
        found.append(
            f"Other processes used up to {percent(max(loads), 0)} of the processors during "
            f"{len(loads)} of {many(len(timed), 'finished run')}, so times are less reliable."
        )
    return [*found, *gpu_sharing(timed)]


def gpu_sharing(runs: Iterable[Run]) -> list[str]:
    """Return what makes the times of runs on GPUs less reliable, as whole sentences."""
    timed = [run for run in runs if run.status == "ok"]
    shared = [run.gpu_shared for run in timed]
    found = []
    if number := shared.count(True):
        found.append(
            f"Other processes computed on the GPU during {number} of "
            f"{many(len(timed), 'finished run')}, so times are less reliable."
        )
    if number := shared.count(None):
        found.append(
            f"Whether other processes computed on the GPU is unknown for {number} of "
            f"{many(len(timed), 'finished run')}, so times may be less reliable."
        )
    return found


def collect_runs(path: Path, results: Results) -> list[Run]:
    """Return every run of a results folder, in the order of its frames.

    The folder itself is not read: an archive's is gone when its results are still there.
    """
    folder = ResultsFolder(path)
    refuted = {certificate.id for certificate in results.certificates if not certificate.passed}
    runs = []
    for run_id, spec in results.specs.items():
        record = results.records.get(run_id)
        matching = [c for c in results.certificates if c.matches(spec)]
        passed = [certificate.id for certificate in matching if certificate.passed]
        if record and record.parity and record.parity not in refuted:
            passed.append(record.parity)  # perhaps one whose file is gone
        files = results.score_files.get(run_id, ())
        runs.append(
            Run(
                spec=spec,
                record=record,
                folder=results.folders.get(run_id) or folder.run(run_id),
                scores=tuple(sorted(files, key=lambda f: -len({s.step for s in f.scores}))),
                command=results.commands[run_id],
                parity=tuple(dict.fromkeys(passed)),
                parity_failed=tuple(c.id for c in matching if c.verdict == "failed"),
                source=results.sources.get(run_id, ""),
                most_seeds=results.most_seeds.get(run_id),
                key=run_id,
            )
        )
    return runs
