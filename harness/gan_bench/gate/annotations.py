"""The gate's verdicts as GitHub Actions' workflow commands, which annotate a run's page."""

from gan_bench.gate import Gate

_KINDS = {
    "regression": "error",
    "diverged": "error",
    "incomparable": "error",
    "not measured": "error",
    "improvement": "notice",
}


def annotations(gate: Gate) -> list[str]:
    """Return one line for each implementation that did not just pass."""
    return [
        f"::{kind} title={_property(f'gan-bench gate: {row.label}')}::"
        f"{_data(f'{gate.metric}: {row.verdict}. {row.why}')}"
        for row in gate.rows
        if (kind := _KINDS.get(row.verdict))
    ]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
