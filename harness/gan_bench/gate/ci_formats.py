"""The gate as JUnit XML: one test case an implementation."""

import re
from xml.etree import ElementTree

from gan_bench.gate.output import strip
from gan_bench.gate.stored import Gate

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KINDS = {
    "regression": "failure",
    "diverged": "failure",
    "incomparable": "error",
    "not measured": "error",
}


def junit(gate: Gate) -> bytes:
    """Return the XML file; what is no pass is a failure, or where nothing was compared an error."""
    kinds = [_KINDS.get(row.verdict) for row in gate.rows]
    counts = {
        "tests": str(len(gate.rows)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": "0",
    }
    root = ElementTree.Element("testsuites", {"name": "gan-bench", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": f"gate {gate.metric}", **counts})
    for row, kind in zip(gate.rows, kinds, strict=True):
        case = ElementTree.SubElement(
            suite, "testcase", name=_clean(row.label), classname=f"gan-bench.gate.{gate.metric}"
        )
        why = _clean(f"{row.verdict}: {row.why}")
        if kind is not None:
            ElementTree.SubElement(case, kind, message=why, type=row.verdict).text = why
        text = "\n".join(filter(None, [why, strip(row), *row.notes]))
        ElementTree.SubElement(case, "system-out").text = _clean(text)
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _clean(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


_ANNOTATION_KINDS = {
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
        if (kind := _ANNOTATION_KINDS.get(row.verdict))
    ]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
