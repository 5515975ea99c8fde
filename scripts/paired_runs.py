"""Prints the table of docs/parity.md: the step at which paired twins diverge.

``gan-bench parity --paired-steps 300 && python scripts/paired_runs.py [RESULTS]``
"""

import sys
from pathlib import Path

from gan_bench.results.certificate import Certificate, read_certificates
from gan_bench.results.layout import open_results

STEPS = (1, 10, 100, 300)
COLUMNS = (
    *("recipe", "dropout"),
    *(f"losses {threshold} apart at step" for threshold in ("1e-6", "1e-3", "0.1")),
    *(f"weights apart after {step}" for step in STEPS),
)


def row(certificate: Certificate) -> list[str]:
    """Return a certificate's row of the table."""
    run = certificate.paired_run
    if run is None:
        return [certificate.pair, *["-"] * (len(COLUMNS) - 1)]
    apart = [run.weights_apart.get(step) for step in STEPS]
    return [
        certificate.pair,
        "yes" if run.dropout else "no",
        *("never" if step is None else f"{step}" for step in run.losses_apart.values()),
        *("-" if value is None else f"{value:.1e}" for value in apart),
    ]


def main(results: str = "results/local") -> None:
    """Print the table for the certificates in a results folder."""
    certificates, _ = read_certificates(open_results(Path(results), create=False))
    rows = [list(COLUMNS), ["---"] * 2 + ["---:"] * (len(COLUMNS) - 2)]
    for cells in rows + [row(certificate) for certificate in certificates]:
        sys.stdout.write(f"| {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
