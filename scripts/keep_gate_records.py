"""Store the runs of the calibration study that the gate's tests read, in tests/support/stored_gate.

`python scripts/keep_gate_records.py results/calibration`, after `nox -s calibrate`. It stores the
fresh seeds of the unchanged implementations, and all seeds of the planted changes. Paths of the
machine that ran them are removed: no comparison depends on them.
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "tests" / "support" / "stored_gate"
FRESH = range(30, 36)


def scrubbed(value: Any, change: str) -> Any:
    """Return a record or specification without the paths of the machine that ran it."""
    spec = value.get("spec", value)
    if spec["implementation"]["path"] is not None:
        spec["implementation"]["path"] = f"benchmarks/planted/{change}/torch_dcgan.py"
    if "circumstances" in value:
        value["circumstances"]["command"] = f"python benchmarks/calibrate.py ({change})"
    return value


def main() -> None:
    """Copy the records."""
    for folder in sorted(Path(sys.argv[1]).glob("*/runs/*")):
        change = folder.parent.parent.name
        record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        if change == "unchanged" and record["spec"]["seed"] not in FRESH:
            continue
        kept = KEPT / change / "runs" / folder.name
        (kept / "scores").mkdir(parents=True, exist_ok=True)
        spec = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
        for name, value in (("record", record), ("spec", spec)):
            text = json.dumps(scrubbed(value, change), separators=(",", ":"))
            (kept / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        for scores in (folder / "scores").glob("*.json"):
            value = json.loads(scores.read_text(encoding="utf-8"))
            last = record["spec"]["steps"]
            value["scores"] = [score for score in value["scores"] if score["step"] == last]
            text = json.dumps(value, separators=(",", ":")) + "\n"
            (kept / "scores" / scores.name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
