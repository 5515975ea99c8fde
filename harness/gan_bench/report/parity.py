"""Which rows of a group are twins, and what parity certificates say of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gan_bench.parity.certificate import Certificate
from gan_bench.report.numbers import figure, listed, many
from gan_bench.report.summary import Group, Row

CHECKED = "parity-checked"
UNCHECKED = "not parity-checked"


@dataclass(frozen=True)
class RowParity:
    """What is known of a row that has a twin in another framework."""

    certificates: tuple[str, ...]
    """The ids of those that speak for the row and for a twin in its group."""

    @property
    def label(self) -> str:
        """For the table."""
        return CHECKED if self.certificates else UNCHECKED


def row_parity(rows: Sequence[Row]) -> dict[str, RowParity]:
    """Return it by label, of the rows whose recipe another framework's row has too.

    A pair is checked by one certificate that speaks for both: changed values, another source or
    other versions on one side alone leave it unchecked.
    """
    found = {}
    for row in rows:
        mine = row.runs[0].spec.implementation
        twins = [
            other
            for other in rows
            if other.runs[0].spec.implementation.recipe == mine.recipe
            and other.runs[0].spec.implementation.framework != mine.framework
        ]
        if twins:
            theirs = {one for twin in twins for one in _certificates(twin)}
            shared = tuple(one for one in _certificates(row) if one in theirs)
            found[row.label] = RowParity(shared)
    return found


def parity_facts(groups: Sequence[Group], certificates: Iterable[Certificate]) -> tuple[str, ...]:
    """Return a sentence for each certificate, and one for the rows without.

    Parameters
    ----------
    groups
        All of a report.
    certificates
        Those of the results folder.
    """
    known = {certificate.id: certificate for certificate in certificates}
    spoken_for: dict[str, dict[str, None]] = {}
    unchecked: dict[str, None] = {}
    for group in groups:
        for label, parity in row_parity(group.rows).items():
            for one in parity.certificates:
                spoken_for.setdefault(one, {})[label] = None
            if not parity.certificates:
                unchecked[label] = None
    return tuple(_sentences(spoken_for, unchecked, known))


def _sentences(
    spoken_for: Mapping[str, Mapping[str, None]],
    unchecked: Mapping[str, None],
    known: Mapping[str, Certificate],
) -> Iterator[str]:
    for one, labels in spoken_for.items():
        paired = _paired_run(known[one]) if one in known else ""
        yield f"{listed(sorted(labels))}: {CHECKED}, certificate {one}{paired}"
    if unchecked:
        yield f"{listed(sorted(unchecked))}: {UNCHECKED}; gan-bench parity compares twins"


def _paired_run(certificate: Certificate) -> str:
    run = certificate.paired_run
    if run is None:
        return ""
    apart = figure(run.weights_apart[run.steps])
    dropout = ", with dropout, whose masks differ between frameworks" if run.dropout else ""
    return (
        f"; after a paired run of {many(run.steps, 'step')} their weights were {apart} apart in "
        f"relative norm{dropout}"
    )


def _certificates(row: Row) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for run in row.runs for one in run.parity))
