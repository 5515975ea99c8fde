"""Which rows of a group are twins, and what parity certificates say of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gan_bench.analysis.summary import Group, Row
from gan_bench.results.certificate import Certificate
from gan_bench.text import figure, listed, many

CHECKED = "parity-checked"
FAILED = "parity failed"
UNCHECKED = "not parity-checked"


@dataclass(frozen=True)
class RowParity:
    """What parity certificates say of a row whose recipe has another implementation."""

    certificates: tuple[str, ...]
    """Ids of the certificates that passed for the row and for a twin in its group."""
    failed: tuple[str, ...]
    """Ids of the certificates that compared the row with a twin and failed."""

    @property
    def label(self) -> str:
        """For the table."""
        return CHECKED if self.certificates else FAILED if self.failed else UNCHECKED


def row_parity(rows: Sequence[Row]) -> dict[str, RowParity]:
    """Return it by label, of the rows whose recipe another implementation's row has too.

    A pair is checked by one certificate that covers both: changed values, another source or
    other versions on one side alone leave it unchecked.
    """
    found = {}
    for row in rows:
        name = row.runs[0].spec.implementation.name
        twins = [
            other
            for other in rows
            if other.recipe == row.recipe
            and other.runs[0].spec.implementation.name != name
            and not row.own_loop
        ]
        if twins:
            passed = {name for twin in twins for run in twin.runs for name in run.parity}
            failed = {name for twin in twins for run in twin.runs for name in run.parity_failed}
            found[row.label] = RowParity(
                _shared((name for run in row.runs for name in run.parity), passed),
                _shared((name for run in row.runs for name in run.parity_failed), failed),
            )
    return found


def _shared(mine: Iterable[str], theirs: set[str]) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys(mine) if name in theirs)


def parity_facts(groups: Sequence[Group], certificates: Iterable[Certificate]) -> tuple[str, ...]:
    """Return a sentence for each certificate, and one for the rows without."""
    known = {certificate.id: certificate for certificate in certificates}
    passed: dict[str, dict[str, None]] = {}
    failed: dict[str, dict[str, None]] = {}
    unchecked: dict[str, None] = {}
    for group in groups:
        for label, parity in row_parity(group.rows).items():
            for one in parity.certificates:
                passed.setdefault(one, {})[label] = None
            for one in parity.failed:
                failed.setdefault(one, {})[label] = None
            if parity.label == UNCHECKED:
                unchecked[label] = None
    return (
        *(_passed(one, labels, known.get(one)) for one, labels in passed.items()),
        *(_failed(known[one], labels) for one, labels in failed.items()),
        *(
            (f"{listed(sorted(unchecked))}: {UNCHECKED}; gan-bench parity compares twins",)
            if unchecked
            else ()
        ),
    )


def _passed(one: str, labels: Iterable[str], certificate: Certificate | None) -> str:
    sentence = f"{listed(sorted(labels))}: {CHECKED}, certificate {one}"
    run = certificate.paired_run if certificate else None
    if run is None:
        return sentence
    apart = figure(run.weights_apart[run.steps])
    sentence += (
        f"; after a paired run of {many(run.steps, 'step')} their weights were {apart} apart in "
        "relative norm"
    )
    if run.dropout:
        sentence += ", with dropout, which is not compared: its masks differ between frameworks"
    return sentence


def _failed(certificate: Certificate, labels: Iterable[str]) -> str:
    why = certificate.problems[0] if certificate.problems else "no reason recorded"
    return f"{listed(sorted(labels))}: {FAILED}, certificate {certificate.id}: {why}"
