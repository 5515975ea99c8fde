"""What was planned in a results folder."""

from pathlib import Path

from pydantic import ValidationError

from gan_bench.errors import GanBenchError
from gan_bench.plan.spec import Plan, RunSpec
from gan_bench.results.layout import ResultsFolder
from gan_bench.system.files import read_limited

_LARGEST_BYTES = 1 << 30
"""A plan of 10,000 runs takes 30 MB."""


def read_plan(path: Path) -> Plan:
    """Read one plan's file.

    Raises
    ------
    GanBenchError
        It is damaged, or another version's.
    """
    try:
        return Plan.model_validate_json(read_limited(path, _LARGEST_BYTES))
    except (OSError, ValidationError, ValueError) as error:
        raise GanBenchError(f"The plan {path.name} is not readable.") from error


def read_plans(
    results: ResultsFolder, left: list[str]
) -> tuple[dict[str, RunSpec], dict[str, str]]:
    """Return every row of every plan and the plan's command by run id, in the plans' order.

    Parameters
    ----------
    results
        The results folder.
    left
        Gets a sentence for each plan that is not readable and each implementation without runs.
    """
    specs: dict[str, RunSpec] = {}
    commands: dict[str, str] = {}
    for path in sorted(results.plans.glob("*.json"), key=_changed_at):
        try:
            plan = read_plan(path)
        except GanBenchError:
            left.append(f"The plan {path} is not readable; its pending runs are not shown.")
            continue
        left += [sentence for sentence in plan.left_out if sentence not in left]
        for spec in plan.runs:
            run_id = spec.run_id
            specs[run_id] = spec
            commands[run_id] = plan.command
    return specs, commands


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # a link to nowhere; reading it says so
