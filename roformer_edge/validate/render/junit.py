"""The gates of reports as JUnit XML, which build servers show as tests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from roformer_edge.escape import clipped, visible
from roformer_edge.validate.render.summary import title
from roformer_edge.validate.report import Report

_NAME = "roformer-edge"
MARK = f'<testsuites name="{_NAME}"'
# what XML 1.0 cannot hold beside what ``visible`` replaces
_NO_XML = re.compile("[\ufffe\uffff]")


def to_junit(reports: Sequence[Report]) -> str:
    """Render a suite for each candidate and a test for each gate, the budget among them; figures are its properties."""
    suites = ElementTree.Element("testsuites", {"name": _NAME, **_counts(reports)})
    for report in reports:
        suite = ElementTree.SubElement(
            suites, "testsuite", name=_text(title(report)), timestamp=report.provenance.created.removesuffix("Z")
        )
        suite.attrib.update(_counts([report]))
        properties = ElementTree.SubElement(suite, "properties")
        for name, value in _properties(report):
            ElementTree.SubElement(properties, "property", name=name, value=_text(value))
        for gate in report.all_gates:
            test = ElementTree.SubElement(
                suite, "testcase", classname=_text(report.candidate.name), name=gate.text, time="0"
            )
            if not gate.passed:
                message = f"{gate.text}: found {gate.answer}"
                ElementTree.SubElement(test, "failure", type="gate", message=_text(message)).text = _text(message)
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def _counts(reports: Sequence[Report]) -> dict[str, str]:
    gates = [gate for report in reports for gate in report.all_gates]
    return {"tests": str(len(gates)), "failures": str(sum(not gate.passed for gate in gates)), "errors": "0"}


def _properties(report: Report) -> list[tuple[str, str]]:
    return [
        ("data", f"{report.data.name}, sha256 {report.data.sha256}"),
        ("examples", str(report.data.examples)),
        *(
            (f"{figure.name}: {side}", repr(value))
            for figure in report.figures
            for side, value in (
                ("reference", figure.reference),
                ("candidate", figure.candidate),
                ("drop", figure.drop),
            )
        ),
    ]


def _text(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", visible(clipped(text, 1000)))
