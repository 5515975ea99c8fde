"""What makes a report's figures less certain or less comparable."""

from gan_bench.report.answer import NAMED
from gan_bench.report.numbers import listed, many
from gan_bench.report.summary import Summary


def caveats(summary: Summary) -> list[str]:
    """Return what makes the figures less certain or less comparable."""
    found = []
    records = [run.record for run in summary.runs if run.record and run.record.status == "ok"]
    shared = [r for r in records if r.circumstances.device_exclusive is False]
    if shared:
        most = max(record.circumstances.other_load or 0.0 for record in shared)
        found.append(
            f"Other processes used up to {most:.0%} of the processors during "
            f"{len(shared)} of {many(len(records), 'finished run')}, so times are less certain."
        )
    seen = sorted(label for label, row in summary.rows.items() if row.saw_reference)
    if seen:
        found.append(
            f"The reference of the scores was seen in training by {listed(seen, NAMED)}: a FID of "
            "that kind does not compare with the others and is not ranked."
        )
    commits = {record.circumstances.git_commit for record in records} - {None}
    if len(commits) > 1:
        found.append(f"The runs are of {len(commits)} git commits.")
    failed = [run for run in summary.runs if run.status not in ("ok", "pending")]
    pending = [run for run in summary.runs if run.status == "pending"]
    for runs, what in ((failed, "did not end well"), (pending, "not finished yet")):
        if runs and records:
            verb = "" if runs is failed else "is " if len(runs) == 1 else "are "
            found.append(f"{many(len(runs), 'run')} {verb}{what}: see the ranking.")
    return found
